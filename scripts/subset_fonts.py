#!/usr/bin/env python3
"""Generates the theme's fonts, their style sheet, and the fonts of the social cards.

    python3 -m venv venv
    venv/bin/pip install fonttools==4.68.0 brotli==1.2.1 uharfbuzz==0.57.0 \
        fontpkg-vollkorn==5.1 fontpkg-figtree==2.2
    npm install --prefix fallbacks @fontsource/gelasio@5.3.0 @fontsource/tinos@5.3.0 \
        @fontsource/arimo@5.3.0 @fontsource/noto-serif@5.3.0 @fontsource/roboto@5.3.0
    apt-get install fonts-dejavu-core fonts-dejavu-extra
    venv/bin/python scripts/subset_fonts.py fallbacks/node_modules

The fonts are Vollkorn and Figtree, both under the SIL Open Font License 1.1 and without a Reserved Font
Name, so a subset may keep the name. Each is reduced to the weights and features that the theme uses, and
split into a file for Western text and one for the rest of Latin, which browsers load only if needed.

A page is first drawn with a system font. To avoid layout shifts when ours arrives, fonts.css redefines
each likely system font with adjusted size and line metrics. The adjustment is the ratio of the lengths
of a sample text in both fonts. Georgia, Times New Roman and Arial are not free, so their metric-compatible
counterparts Gelasio, Tinos and Arimo are measured instead. None of these fonts is copied.

The output is reproducible with the same versions.
"""

import importlib.resources
import io
import pathlib
import sys
import unicodedata

import uharfbuzz
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATIC = ROOT / "themes/medium/static"
CARDS = ROOT / "crates/site/src/card/fonts"
DEJAVU = pathlib.Path("/usr/share/fonts/truetype/dejavu")

VOLLKORN, FIGTREE = "fontpkg_vollkorn", "fontpkg_figtree"

# Characters of English and Western European languages, and the theme's arrows.
LATIN = (
    "U+20-7E U+A0-FF U+131 U+152-153 U+178 U+2009-200A U+2010-2014 U+2018-201A U+201C-201E "
    "U+2020-2022 U+2026 U+202F-2030 U+2032-2033 U+2039-203A U+2044 U+20AC U+2122 U+2190-2193 "
    "U+2197 U+2212"
)
# The rest of Latin, in a font file that a browser loads only for pages that use these characters.
LATIN_EXT = (
    "U+100-130 U+132-151 U+154-177 U+179-24F U+259 U+2C6-2C7 U+2D8-2DD U+300-304 U+306-308 "
    "U+30A-30C U+323 U+1E00-1EFF U+20A0-20AB U+20AD-20C0"
)
# Characters of the cards' fonts. A card cannot load a second file. Figtree has no Greek or Cyrillic.
CARD_LATIN = LATIN + " " + LATIN_EXT
CARD = CARD_LATIN + " U+370-3FF U+400-52F U+2116 U+20B4 U+20BD"

FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "rvrn", "calt", "liga", "onum", "lnum", "tnum"]

# File stem, package, file in the package, style, weights
FACES = [
    ("vollkorn", VOLLKORN, "Vollkorn[wght].ttf", "normal", (400, 700)),
    ("vollkorn-italic", VOLLKORN, "Vollkorn-Italic[wght].ttf", "italic", 400),
    ("figtree", FIGTREE, "Figtree[wght].ttf", "normal", (400, 700)),
]
CARD_FACES = [
    ("Vollkorn-SemiBold", VOLLKORN, "Vollkorn[wght].ttf", 600, CARD),
    ("Figtree-Medium", FIGTREE, "Figtree[wght].ttf", 500, CARD_LATIN),
]

# System fonts that a reader may have: label, font to measure instead (a package or a DejaVu file), and
# local font names for each weight or style.
BOLD, ITALIC = 700, "italic"
SERIF_FALLBACKS = [
    ("Georgia", "gelasio", {
        400: ["Georgia", "Gelasio"],
        BOLD: ["Georgia Bold", "Georgia-Bold", "Gelasio Bold"],
        ITALIC: ["Georgia Italic", "Georgia-Italic", "Gelasio Italic"],
    }),
    ("Noto", "noto-serif", {
        400: ["Noto Serif", "Noto Serif Regular", "NotoSerif", "NotoSerif-Regular"],
        BOLD: ["Noto Serif Bold", "NotoSerif-Bold"],
        ITALIC: ["Noto Serif Italic", "NotoSerif-Italic"],
    }),
    ("Times", "tinos", {
        400: ["Times New Roman", "TimesNewRomanPSMT", "Liberation Serif", "Tinos"],
        BOLD: ["Times New Roman Bold", "TimesNewRomanPS-BoldMT", "Liberation Serif Bold",
               "Tinos Bold"],
        ITALIC: ["Times New Roman Italic", "TimesNewRomanPS-ItalicMT", "Liberation Serif Italic",
                 "Tinos Italic"],
    }),
    ("DejaVu", "DejaVuSerif", {
        400: ["DejaVu Serif", "DejaVuSerif"],
        BOLD: ["DejaVu Serif Bold", "DejaVuSerif-Bold"],
        ITALIC: ["DejaVu Serif Italic", "DejaVuSerif-Italic"],
    }),
]
SANS_FALLBACKS = [
    ("Roboto", "roboto", {
        400: ["Roboto", "Roboto Regular", "Roboto-Regular"],
        BOLD: ["Roboto Bold", "Roboto-Bold"],
    }),
    ("Arial", "arimo", {
        400: ["Arial", "ArialMT", "Liberation Sans", "Arimo"],
        BOLD: ["Arial Bold", "Arial-BoldMT", "Liberation Sans Bold", "Arimo Bold"],
    }),
    ("DejaVu", "DejaVuSans", {
        400: ["DejaVu Sans", "DejaVuSans"],
        BOLD: ["DejaVu Sans Bold", "DejaVuSans-Bold"],
    }),
]

# Sample texts for measuring: prose for the serif, interface text for the sans.
PROSE = (
    "Every company has a second story, and the second story is mostly plumbing. “We shipped it on "
    "a Friday,” she told me, “because nobody was left to say no.” It cost four people and most of "
    "a year; what they kept was the habit of asking, politely, whether anything had to happen at "
    "all. Quick judgement, vague zeal, a jury of exactly one: that’s how it works. I don’t think "
    "you can buy attention. You borrow it, you pay it back in small coins, and if you’re lucky "
    "the person across the table never looks at the clock."
)
FRAME = (
    "Latest Archive Topics Search About 14 November 2026 · 6 min read · startups product culture "
    "Written by the language model, continuing the quote. Keep reading Write me another Copy link "
    "Share How this was written Previous Next All topics Machine-written Home Newer Older"
)


def code_points(ranges):
    points = set()
    for part in ranges.split():
        first, _, last = part.removeprefix("U+").partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return points


def source(package, name):
    return importlib.resources.files(package) / "files" / name


def with_lining_figures(font):
    """Makes lining figures the default, because 10 in old-style figures looks like IO in a title."""
    table = font["GSUB"].table
    lookups = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "lnum"
        for index in record.Feature.LookupListIndex
    }
    lining = {}
    for index in lookups:
        for subtable in table.LookupList.Lookup[index].SubTable:
            lining.update(getattr(subtable, "ExtSubTable", subtable).mapping)
    for cmap in font["cmap"].tables:
        for digit in range(ord("0"), ord("9") + 1):
            # Subtables may share a mapping, so a digit may already be replaced.
            cmap.cmap[digit] = lining.get(cmap.cmap[digit], cmap.cmap[digit])


def cut(package, name, weights, ranges, features, lining=False):
    """Returns the font reduced to the given weights, characters and features."""
    font = TTFont(io.BytesIO(source(package, name).read_bytes()), recalcTimestamp=False)
    font = instancer.instantiateVariableFont(
        font, {"wght": weights}, updateFontNames=not isinstance(weights, tuple)
    )
    whole = io.BytesIO()
    font.save(whole)
    font = TTFont(whole, recalcTimestamp=False)
    if lining:
        with_lining_figures(font)
    options = subset.Options(
        layout_features=features,
        hinting=False,
        notdef_outline=True,
        name_IDs=[0, 1, 2, 4, 6, 13, 14, 16, 17],
    )
    options.drop_tables += ["STAT", "meta"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=code_points(ranges))
    subsetter.subset(font)
    return font


def write(path, font, flavor=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    font.flavor = flavor
    font.save(path)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")


def length(path, text, weight=None):
    """Returns the length of the text in ems."""
    font = TTFont(path)
    font.flavor = None
    plain = io.BytesIO()
    font.save(plain)
    face = uharfbuzz.Face(plain.getvalue())
    shaped = uharfbuzz.Font(face)
    if weight:
        shaped.set_variations({"wght": weight})
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(shaped, buffer)
    if any(info.codepoint == 0 for info in buffer.glyph_infos):
        sys.exit(f"{path} lacks a character of the sample text")
    return sum(position.x_advance for position in buffer.glyph_positions) / face.upem


def measured(node_modules, stand_in, kind):
    """Returns the path of the font file to measure instead of a system font."""
    if stand_in.startswith("DejaVu"):
        return DEJAVU / (stand_in + {400: "", BOLD: "-Bold", ITALIC: "-Italic"}[kind] + ".ttf")
    style = "400-italic" if kind == ITALIC else f"{kind}-normal"
    return node_modules / "@fontsource" / stand_in / "files" / f"{stand_in}-latin-{style}.woff2"


def font_face(lines):
    return "@font-face {\n" + "".join(f"  {line};\n" for line in lines) + "}\n"


def kind_of_face(style, weights):
    """Yields CSS declarations of style and weight, except for the defaults normal and 400."""
    weight = " ".join(map(str, weights)) if isinstance(weights, tuple) else str(weights)
    if style != "normal":
        yield f"font-style: {style}"
    if weight != "400":
        yield f"font-weight: {weight}"


def web_faces():
    # The first file of a family has no unicode-range, so it covers all characters outside the range of
    # the second file.
    for stem, _, _, style, weights in FACES:
        for suffix, ranges in (("", None), ("-ext", LATIN_EXT)):
            yield font_face([
                f'font-family: "{stem.split("-")[0].title()}"',
                *kind_of_face(style, weights),
                "font-display: optional",
                f'src: url("../fonts/{stem}{suffix}.woff2") format("woff2")',
                *([f"unicode-range: {', '.join(ranges.split())}"] if ranges else []),
            ])


def fallback_faces(node_modules, family, fallbacks, text):
    fonts = STATIC / "fonts"
    for name, stand_in, cuts in fallbacks:
        for kind, names in cuts.items():
            ours = fonts / f"{family.lower()}{'-italic' if kind == ITALIC else ''}.woff2"
            weight = None if kind == ITALIC else kind
            theirs = measured(node_modules, stand_in, kind)
            adjust = length(ours, text, weight) / length(theirs, text)
            web = TTFont(ours)
            hhea, em = web["hhea"], web["head"].unitsPerEm * adjust
            yield font_face([
                f'font-family: "{family} like {name}"',
                *kind_of_face(*("italic", 400) if kind == ITALIC else ("normal", kind)),
                "src: " + ", ".join(f'local("{local}")' for local in names),
                f"size-adjust: {adjust:.2%}",
                f"ascent-override: {hhea.ascent / em:.2%}",
                f"descent-override: {-hhea.descent / em:.2%}",
                f"line-gap-override: {hhea.lineGap / em:.0%}",
            ])


def stack(family, fallbacks, generic):
    stand_ins = [f'"{family} like {name}"' for name, _, _ in fallbacks]
    return ", ".join([f'"{family}"', *stand_ins, generic])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    node_modules = pathlib.Path(sys.argv[1])
    for stem, package, name, _, weights in FACES:
        # Tabular figures are only used in tables and dates, which are set in the sans.
        features = FEATURES if package == FIGTREE else [f for f in FEATURES if f != "tnum"]
        for suffix, ranges in (("", LATIN), ("-ext", LATIN_EXT)):
            font = cut(package, name, weights, ranges, features)
            write(STATIC / "fonts" / f"{stem}{suffix}.woff2", font, "woff2")
    for stem, package, name, weight, ranges in CARD_FACES:
        features = ["kern", "mark", "mkmk", "ccmp", "locl", "liga"]
        font = cut(package, name, weight, ranges, features, lining=package == VOLLKORN)
        write(CARDS / f"{stem}.ttf", font)
    for package in (VOLLKORN, FIGTREE):
        licence = (importlib.resources.files(package) / "LICENSE").read_text()
        licence = "".join(line.rstrip() + "\n" for line in licence.splitlines())
        for folder in (STATIC / "fonts", CARDS):
            (folder / f"{package.removeprefix('fontpkg_').title()}-OFL.txt").write_text(licence)
    sheet = [
        "/* The web fonts, and their fallbacks until they are loaded.\n"
        "   Written by scripts/subset_fonts.py. */\n",
        *web_faces(),
        "/* System fonts, adjusted to the width and height of the web fonts. */\n",
        *fallback_faces(node_modules, "Vollkorn", SERIF_FALLBACKS, PROSE),
        *fallback_faces(node_modules, "Figtree", SANS_FALLBACKS, FRAME),
        ":root {\n"
        f"  --serif: {stack('Vollkorn', SERIF_FALLBACKS, 'serif')};\n"
        f"  --sans: {stack('Figtree', SANS_FALLBACKS, 'sans-serif')};\n"
        "}\n",
    ]
    (STATIC / "css/fonts.css").write_text("\n".join(sheet))


if __name__ == "__main__":
    main()
