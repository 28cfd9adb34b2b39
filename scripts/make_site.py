#!/usr/bin/env python3
"""Creates a project of N seeds with finished essays, for testing and benchmarking rendering.

    python3 scripts/make_site.py target/e2e/made 300
    venti build --frozen --root target/e2e/made

The hashes of the essays do not match, so they count as edited, and Venti generates nothing and opens no
weights. The same arguments give the same bytes, and a larger site starts with the seeds of a smaller
one. All text is composed from the lists below.

The first seeds have difficult content (hostile text, long words, umlauts, Markdown). For benchmarks,
`--plain` leaves them out.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import random

TAGS = ["startups", "hiring", "growth", "meetings", "roadmaps", "culture", "Remote Work", "capital", "Köln & Umgebung", "AI"]
AUTHORS = [
    "Ada Runway", "Bo Deckworth", "Cleo Standish-Upp", "Dag Sprintsson", "Edda Quarterly", "Finn Backlog",
    "Greta Kanbansen", "Hal Offsite", "Ines Pivot", "Jörg Überstunden", "Kit Burnrate", "Lou Allhands",
    "Mo Termsheet", "Nell Inbox", "Olu Retro", "Pia O’Kayar", "Quin Blocker", "Rae “Hotfix” Merge",
    "Sol Standup", "Zoë Müßig",
]
OPENERS = [
    "", "", "", "", "In the end, ", "By the third week, ", "As everybody in the room agreed, ", "Nobody says it aloud, but ",
    "For a while, ", "On a good day, ", "At the door, ", "When the slides are gone, ",
]
SUBJECTS = [
    "the roadmap", "a calendar", "the first customer", "the quiet engineer", "our second office", "the dashboard",
    "an honest invoice", "the weekly meeting", "a small budget", "the person at the desk", "the last release",
    "a borrowed chair", "the plan", "the corridor", "a note on the fridge", "the long table",
]
VERBS = [
    "remembers", "outlives", "explains", "forgives", "repeats", "interrupts", "measures", "postpones", "carries",
    "surprises", "survives", "describes", "rewards", "replaces",
]
OBJECTS = [
    "what we promised", "the number on the wall", "everyone who stayed", "a question of timing", "the room next door",
    "whatever was left over", "the people who wrote it", "a decision from last spring", "the cost of waiting",
    "half of the truth", "an idea with no owner", "the work itself", "the smallest detail", "its own deadline",
]
TAILS = [
    "", "", "", ", and that is enough", ", at least until Thursday", ", which is why nobody asks", ", one page at a time",
    ", whether we planned it or not", ", before the coffee is cold", ", and then it begins again",
]
NOUNS = ["Chairs", "Deadlines", "Minutes", "Corridors", "Promises", "Numbers", "Mornings", "Doors", "Drafts", "Lunches"]
MODELS = [("venti-mini", "9d" * 32), ("gpt2", "24" * 32)]
# An image of four squares, 64 by 64 pixels.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAYUlEQVR4nO3PQREAEBQAUY2MuwRkUEgaMcQQRYZ/+Le3swVeubOlXtdOvQAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAhAHvjNR7cgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA4T6zvKEebyZ45gAAAABJRU5ErkJggg=="
)
# Text that must never be interpreted as markup.
HOSTILE = "</script><script>document.documentElement.dataset.broken = 1</script> <img src=x onerror=alert(1)> & \"quoted\" 'twice' ]]> <!--"

MARKDOWN_BODY = """\
It *began* as a **note**, with a [link](https://example.com/note) and some `code`.

## What was decided

- one thing, on a Tuesday
- another, which nobody wrote down

1. first
2. second

### And what was not

> The rest of the meeting stands here as somebody's own words.

```python
def agenda(items):
    return [item for item in items if item.owner]
```

| item | owner |
|---|---|
| chairs | nobody |
| minutes | somebody else |

---

It ends as it began.
"""

ABOUT = """\
---
title: About
description: Who would write this, and why nobody did.
---

This site was made to test the program that made it. See [the workshop](workshop.md), [a page below](notes/deep.md#second), and [all topics](/tags/).
"""

WORKSHOP = """\
---
title: The workshop
---

## An image

![Four squares of colour](img/squares.png)

## Some code

```rust
/// Doubles what it is given.
fn double(n: u32) -> u32 {
    n * 2 // and nothing else
}
```

```sh
venti build --frozen --root a-folder-with-a-rather-long-name/and-one-more-below-it/to-make-the-line-wider-than-a-phone
```

## A table

| quarter | promised | delivered | remembered | explained to the board |
|---|---:|---:|:---:|---|
| first | 12 | 3 | 1 | at length |
| second | 14 | 2 | 0 | in writing |

## A list

- one
  - one and a half
- two

Back to [about](about.md).
"""

DEEP = """\
---
title: A page below
---

First.

## Second

It has an anchor. ![The same squares](../img/squares.png)
"""


def sentence(random):
    words = (
        random.choice(OPENERS) + random.choice(SUBJECTS) + " " + random.choice(VERBS) + " "
        + random.choice(OBJECTS) + random.choice(TAILS) + "."
    )
    return words[0].upper() + words[1:]


def body(random, sentences, words):
    """Returns paragraphs with about `words` words in total."""
    paragraphs, count = [], 0
    while count < words:
        paragraph = " ".join(random.choices(sentences, k=random.randint(2, 6)))
        count += paragraph.count(" ") + 1
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


def yaml(mapping, indent=""):
    """Formats a mapping as YAML. JSON scalars and lists are valid YAML."""
    lines = []
    for key, value in mapping.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:\n{yaml(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def markdown(front, text=""):
    return f"---\n{yaml(front)}---\n\n{text}\n"


class Piece:
    """A seed and its essays."""

    def __init__(self, number, random, sentences):
        self.slug = f"piece-{number:06d}"
        self.quote = random.choice(sentences)
        if number % 3 == 0:
            self.quote += " " + random.choice(sentences)
        noun, other = random.sample(NOUNS, 2)
        self.title = f"{noun} and {other}, part {number}"
        self.author = random.choice(AUTHORS) if number % 9 else None
        self.source = "https://example.com/a-talk" if number % 12 == 0 else None
        # From 100 to 900 words, about 400 on average.
        words = 400 * random.triangular(0.25, 2.25, 0.75)
        self.bodies = [body(random, sentences, words)]
        self.tags = random.sample(TAGS[: 3 + number % 8], k=min(1 + number % 4, 3)) if number % 17 else []
        self.date = f"{2024 + number % 3}-{1 + random.randrange(12):02d}-{1 + random.randrange(28):02d}"
        if self.date > "2026-10":
            self.date = "2025" + self.date[4:]
        self.draft = number % 40 == 39
        if number % 40 == 38:
            self.date = "2099" + self.date[4:]
        self.aliases = [f"/old/{number}/", f"/{2000 + number}.html"] if number % 25 == 12 else []
        self.takes = []
        if number % 20 == 7:
            temperatures = [0.6, 0.8, 1.1, 1.4][: 2 + number // 20 % 3]
            self.takes = [{"generation": {"temperature": t}} for t in temperatures]
            self.takes[-1]["model"] = "gpt2"
            self.bodies += [body(random, sentences, words) for _ in self.takes[1:]]
        self.flagged = None
        self.reviewed = number % 5 == 0

    def seed(self):
        front = {"quote": self.quote, "title": self.title, "date": self.date}
        optional = {
            "author": self.author, "source": self.source, "tags": self.tags, "draft": self.draft,
            "aliases": self.aliases, "takes": self.takes,
        }
        return markdown(front | {key: value for key, value in optional.items() if value})

    def essays(self):
        """Yields the name and text of each essay."""
        for take, text in enumerate(self.bodies, 1):
            name = f"{self.slug}.md" if take == 1 else f"{self.slug}.take-{take}.md"
            yield name, markdown(self.front(take, text), text)

    def front(self, take, text):
        settings = self.takes[take - 1] if self.takes else {}
        model, weights = MODELS[settings.get("model") == "gpt2"]
        front = {"title": self.title}
        pull_quote = text.split("\n\n")[-1].split(". ")[0].rstrip(".") + "."
        if len(pull_quote) < 140 and take == 1 and self.flagged is None:
            front["pull_quote"] = pull_quote
        front |= {"reviewed": self.reviewed}
        if self.flagged:
            front["flagged"] = self.flagged
        return front | {
            "seed": self.slug, "take": take, "quote": self.quote, "written": min(self.date, "2026-11-01"),
            "model": model, "weights": weights,
            "generation": {
                "temperature": 0.8, "top_k": 0, "top_p": 1.0, "min_p": 0.15, "typical_p": 1.0,
                "repetition_penalty": 1.2, "no_repeat_ngram_size": 0, "stop": [], "min_new_tokens": 0,
                "max_new_tokens": None, "min_words": 220, "max_words": 500, "candidates": 4, "max_rounds": 3,
            } | settings.get("generation", {}),
            "rng_seed": 7, "round": 1, "candidate": take, "revision": 1, "engine": "venti 0.1.0",
            "device": "cpu", "dtype": "f32",
            "figures": {
                "words": len(text.split()), "prompt_tokens": 40, "new_tokens": 500,
                "distinct": [0.45, 0.86, 0.96, 0.99], "repeated_sentences": 0,
                "mean_log_likelihood": -2.5, "rounds": 1,
            },
            # Unique, because the cover is drawn from it.
            "key": hashlib.sha256(f"{self.slug} {take}".encode()).hexdigest(),
            "seed_hash": "0" * 64, "hash": "0" * 64,
        }


def make_awkward(piece, number):
    """Gives the first pieces content that could break a theme, and dates that put them on the front page."""
    if number < len(AWKWARD):
        piece.date, piece.draft = f"2026-10-{31 - number:02d}", False
        AWKWARD[number](piece)


def hostile(piece):
    piece.slug, piece.title, piece.author = "hostile", f"A title {HOSTILE}", f"Eve {HOSTILE}"
    piece.quote = f"A quote {HOSTILE}"
    piece.bodies = [f"A text {HOSTILE}\n\n" + piece.bodies[0] + f"\n\n{HOSTILE}"]


def endless(piece):
    word = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung"
    piece.slug, piece.title = "a-long-word", f"{word}: {word}slückenfüller"
    piece.author, piece.quote = word, f"{word} {word * 2}"
    piece.bodies = [f"{word * 3}\n\n{piece.bodies[0]}"]


def wordy(piece):
    piece.slug = "a-long-title"
    piece.title = "On the remarkable, and to most observers not altogether welcome, persistence of a meeting that everybody had agreed, in writing and more than once, to hold for the last time"
    piece.quote = " ".join([piece.quote] * 6)


def umlauts(piece):
    piece.slug, piece.title = "umlauts", "Über größere Bürotürme, ñandúes y el café: æøå, Ćevapčići, 東京, Ελλάδα 🦆"
    piece.author, piece.tags = "Zoë Müßig", ["Köln & Umgebung", "AI"]
    piece.aliases = ["/büro/tür/"]


def by_hand(piece):
    piece.slug, piece.title, piece.bodies = "written-by-hand", "Written *by* hand, as `Markdown`", [MARKDOWN_BODY]


def in_paragraphs(piece):
    piece.slug, piece.title, piece.author = "a-quote-in-paragraphs", "“A Quote,” in ‘Paragraphs’", None
    piece.quote, piece.tags, piece.source = piece.quote + "\n\n" + piece.quote, [], "https://example.com/a-book"


def short(piece):
    piece.slug, piece.title, piece.bodies = "short", "No", ["It is short."]
    piece.flagged = "too few words"


def in_takes(piece):
    piece.slug, piece.title = "in-takes", "One Quote, Three Ways"
    piece.author, piece.tags = "Ada Runway", ["AI", "meetings"]
    piece.takes = [
        {"generation": {"temperature": 0.6}}, {"generation": {"temperature": 1.2, "top_p": 0.9}}, {"model": "gpt2"},
    ]
    piece.bodies = piece.bodies[:1] * 3


AWKWARD = [hostile, endless, wordy, umlauts, by_hand, in_paragraphs, short, in_takes]


def config():
    front = {
        "title": "Made to Measure", "tagline": "Thinkpieces that nobody wrote about meetings that nobody held.",
        "base_url": "https://venti.example/blog/",
        "author": {"name": "Venti", "bio": "Venti is a program. It was not in the meeting."},
        "footer": "Everything here was made by a script.",
    }
    nav = [("Archive", "archive/"), ("Topics", "tags/"), ("About", "about/"), ("Workshop", "workshop/")]
    return yaml(front) + f"nav: {json.dumps([{'name': name, 'url': url} for name, url in nav])}\n"


def make(out, count, plain):
    seeds, essays, pages = (out / "content" / name for name in ("seeds", "essays", "pages"))
    for folder in (seeds, essays, pages / "img", pages / "notes"):
        folder.mkdir(parents=True, exist_ok=True)
    (out / "venti.yaml").write_text(config(), encoding="utf-8")
    (pages / "about.md").write_text(ABOUT, encoding="utf-8")
    (pages / "workshop.md").write_text(WORKSHOP, encoding="utf-8")
    (pages / "notes" / "deep.md").write_text(DEEP, encoding="utf-8")
    (pages / "img" / "squares.png").write_bytes(PNG)
    pool = random.Random("sentences")
    sentences = [sentence(pool) for _ in range(4096)]
    for number in range(count):
        piece = Piece(number, random.Random(f"piece {number}"), sentences)
        if not plain:
            make_awkward(piece, number)
        (seeds / f"{piece.slug}.md").write_text(piece.seed(), encoding="utf-8")
        for name, text in piece.essays():
            (essays / name).write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="project folder; must not exist or must be empty")
    parser.add_argument("count", type=int, help="number of seeds")
    parser.add_argument("--plain", action="store_true", help="leave out the seeds with difficult content")
    options = parser.parse_args()
    if options.out.is_dir() and any(options.out.iterdir()):
        parser.error(f"{options.out} is not empty; remove it first")
    make(options.out, options.count, options.plain)


if __name__ == "__main__":
    main()
