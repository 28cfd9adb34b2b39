#!/usr/bin/env python3
"""Prepares the training text of venti-mini from a folder of openly licensed prose.

    python3 scripts/venti_mini_corpus.py CORPUS HELDOUT OUT [--jobs 2]

CORPUS contains `*.txt.zst` and `SOURCES.tsv`. HELDOUT is a file of documents that the model must never
see; text that shares twelve consecutive words with one of them is removed. OUT receives `tier1.txt` to
`tier5.txt`, all of these in `train.txt`, manuals in `spare.txt`, and `report.json`, which lists for each
source the input, the output and the words removed by each rule. Documents are separated by a line
`<|endoftext|>`. Each is a title followed by paragraphs, all separated by empty lines.

A small model learns debris as readily as prose, and there is more text than it can learn, so all rules
are strict. They are listed in the order in which they are applied: to characters, sentences, paragraphs,
documents, and across documents.

Needs the program `zstd`. The same input gives the same bytes.
"""

import argparse
import collections
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import unicodedata
import zlib

END_OF_TEXT = "<|endoftext|>"

# Numbers of words. Documents below SHORTEST are dropped; documents above LONGEST are divided into parts
# of about PART words.
SHORTEST, LONGEST, PART = 120, 900, 560

# Tiers that differ from SOURCES.tsv. Tier 1 is for essays with a personal voice; tier 2 for news,
# speeches and business textbooks; tier 3 for other textbooks and writing on technology. Manuals, rules
# and proposals add vocabulary rather than voice, so they go into spare.txt instead of train.txt.
TIERS = {
    "openstax_business.txt": 2, "digitalgov.txt": 2, "carpentries_blog.txt": 2, "fed_board_speeches.txt": 2,
    "govuk_manual.txt": 2, "protocol_labs.txt": 2, "openstax_other.txt": 3,
}
SPARE = {
    "18f_guides.txt", "cncf.txt", "community_extras.txt", "d365_guidance.txt", "dime.txt", "gov_misc.txt", "gov_misc2.txt",
    "msft_playbooks.txt", "python_peps.txt", "rust_rfcs.txt", "sourcegraph_handbook.txt", "turing_way.txt", "oci_blog.txt",
}

# ---------------------------------------------------------------- characters

PLAIN = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "′": "'", "″": '"', "`": "'",
    "…": "...", "–": "-", "‑": "-", "‐": "-", "−": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2003": " ",
    "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "ﬁ": "fi", "ﬂ": "fl", "™": "", "®": "", "©": "",
})


def plain(text):
    """Normalises quotes to ASCII, dashes to " — " and white space to single spaces; removes note
    markers and markup."""
    text = unicodedata.normalize("NFC", text).translate(PLAIN)
    text = re.sub(r"\s*(?:—|―|--+)\s*", " — ", text)
    text = re.sub(r"(?<=\w) - (?=\w)", " — ", text)
    text = re.sub(r"\[(?:\d+|[a-z]|\*|citation needed|sic|note \d+)\]|\{\d+\}|\[\^[^\]]*\]", "", text, flags=re.I)
    # Remove (Smith, 2004), (Smith and Jones 2004; Brown et al. 2006), (Figure 2.1) and (see page 4).
    text = re.sub(r" ?\([^()]{0,80}\b(?:1[89]|20)\d\d[a-z]?(?:[;,:][^()]{0,80})?\)", "", text)
    text = re.sub(r" ?\((?:see |cf\. |as in |shown in )?(?:figure|fig\.|table|chapter|section|page|p\.|pp\.|appendix|exhibit|link)\b[^()]*\)", "", text, flags=re.I)
    text = re.sub(r"\b([A-Z]\w{2,})\.com\b(?![/.])", r"\1", text)
    text = re.sub(r"(?<!\w)[_*]{1,3}(\w[^_*]*?)[_*]{1,3}(?!\w)", r"\1", text)
    text = re.sub(r"^(?:\d+\. )?#([^#]{3,90})#", r"\1", text)
    text = re.sub(r"\(\s*\)", "", text)
    text = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"(?<=[a-z]{2}[.!?])(?=[A-Z][a-z]+ )", " ", text)
    return re.sub(r"\s+", " ", text).strip()


# ---------------------------------------------------------------- sentences

ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|Prof|Gen|Col|Capt|Hon|Rev|Messrs|vs|etc|e\.g|i\.e|cf|al|No|Nos|Vol|Inc|Ltd|Co|Corp|"
    r"Jan|Feb|Mar|Apr|Aug|Sept|Sep|Oct|Nov|Dec|Fig|approx|dept|est|Ave)|\b[A-Z]|\b[A-Z]\.[A-Z]|\ba\.m|\bp\.m)\.$"
)


def sentences(paragraph):
    """Returns the sentences of a paragraph. Joined with spaces, they are the paragraph again."""
    found, start = [], 0
    for gap in re.finditer(r'(?<=[.!?])["\')\]]*\s+(?=["\'(]?[A-Z0-9])', paragraph):
        end = gap.end()
        sentence = paragraph[start:end].strip()
        if not ABBREVIATION.search(sentence):
            found.append(sentence)
            start = end
    tail = paragraph[start:].strip()
    return found + [tail] if tail else found


WEB = re.compile(
    r"https?:|www\.|://|\S@\S|(?<!\w)@\w|\w\.(?:com|org|net|gov|edu|io|co|uk|ca|html?|php|md|dev|ai|app|info|mil|eu|us)\b|"
    r"\bURLs?\b|\bhyperlinks?\b|#\w|\br/\w|\bdot (?:com|gov)\b"
)
CODE = re.compile(
    r"\w_\w|[{}<>|\\~^]\w|\$[A-Za-z]|\w[{}<>|\\~^]|=|\s\+\s|\b[A-Z][a-z]?\d\b|\b[PQ][a-e]\b|\(\)|::|->|=>|\b[a-z]+[A-Z]\w*|\b[A-Z][a-z]+(?:[A-Z][a-z]+){2,}|(?<!\w)--?[a-z]|(?<![\w/])/\w|\w/\w+/\w|"
    r"\w\.(?:py|js|rb|rs|go|sh|ya?ml|json|xml|css|txt|csv|toml|exe|sql|tsx?|jsx?|ipynb|docx?|xlsx?|pdf|R)\b|&\w+;|\[\w*\]|"
    r"\b(?:stdin|stdout|stderr|sudo|apt-get|localhost|impl|foo|baz|TODO|FIXME|README|CHANGELOG|usr|struct|enum|boolean)\b|\w\(\w*\)|[a-z]\d+[a-z]|"
    r"^\W*(?:git|npm|pip|curl|brew|docker|cargo|go|bundle|heroku|kubectl) [a-z]"
)
# Common terms that look like code.
NAMES = re.compile(r"\b(?:iPhones?|iPads?|iPods?|iOS|macOS|eBay|iTunes|jQuery|e-mail|and/or|his/her|he/she|either/or|S/he|A/B|I/O|24/7|TCP/IP|CI/CD|\w+ \+ \w+)\b")
# References to something outside the text, or to the page itself.
POINTING = re.compile(
    r"\b(?:(?:this|these|following|above|below|next|previous|accompanying)\s+(?:\w+\s+)?(?:figures?|tables?|charts?|diagrams?|graphs?|images?|"
    r"screenshots?|snippets?|listings?|exhibits?|slides?|videos?|podcasts?|illustrations?|engravings?|woodcuts?|equations?|features?|examples?)|the (?:figure|table|chart|diagram|graph|screenshot|snippet|listing|exhibit|slide|illustration|video|equation)s? (?:shows?|below|above|is|are|maps?|lists?|illustrates?|depicts?|in)|"
    r"clear it up|watch (?:this|the) |read the following|to learn (?:more )?about this|"
    r"(?:figure|table|chart|exhibit|listing|fig\.|chapter|section|appendix|equation|lesson|module|unit|episode|volume|vol\.|part) (?:\d|(?-i:[IVX]+\b|[B-H]\b))|"
    r"as (?:we |I |has been |was |were )?(?:shown|illustrated|depicted|seen|described|discussed|mentioned|noted|listed|outlined|explained) (?:in|by|on|above|below|earlier|previously)|(?:described|mentioned|discussed|noted|listed|outlined) (?:above|below|earlier)|"
    r"(?:see|shown|listed|described|discussed|given|mentioned|explained|outlined|found) (?:below|above|here)|(?:find|view|see|available|read|published|posted|code)\b[^.]{0,60} here[.!]|the above \w|\bthe \w+ (?:above|below)[ ,.](?!the |all |us |them )|(?:code|example|command|list|steps|listing|snippet|section|links?|sections|examples) (?:above|below)|"
    r"(?:the|this|these|of the) following|as follows|(?:in|of|throughout) this (?:section|chapter|post|article|guide|tutorial|document|series|book|module|paper|lecture|page|handbook|playbook|entry|RFC|PEP|proposal|unit|lesson|volume|newsletter|edition)|"
    r"this (?:section|chapter|post|blog|article|guide|tutorial|document|page|handbook|RFC|PEP|proposal|module|newsletter|paper|episode|edition|playbook)|(?:blog|guest) posts?|next (?:section|chapter|post)|previous (?:section|chapter|post)|"
    r"(?:last|next) (?:week|month|year)'s (?:post|newsletter|issue)|footnotes?|hereinafter|ibid|op\. cit|et al|transcriber|errata|gutenberg)\b", re.I
)
# Calls to action, thanks, bylines and licences around an article.
AROUND = re.compile(
    r"\b(?:click (?:here|on|the|through|below)|sign up (?:for|at|here|now)|subscribe|register (?:now|here|for)|join us (?:for|on|in|at|as)|follow us|stay tuned|read more about|learn more (?:about|at|here)|read on|find out more|see also|for more (?:information|details|on)|for (?:additional|further) (?:information|details|reading)|"
    r"check (?:it|them|this) out|^check out|download|contact us|reach out to|get in touch|e-?mail (?:us|me|to)|let (?:us|me) know|send (?:us|me)|feel free to|leave a comment|in the comments|comments? (?:are|below)|feedback is|webinars?|(?:our|my|this) newsletters?|mailing lists?|slack channel|hashtag|(?:my|our) (?:tweets?|twitter|facebook|linkedin|youtube|instagram)|retweet\w*|"
    r"this (?:post|article|essay|work|guide|talk|interview|was) (?:was|is|by|first|originally)|originally (?:published|posted|appeared|written)|cross-?posted|reprinted|photo(?:graph)? (?:by|credit)|image (?:by|credit|courtesy)|courtesy of|written by|posted (?:by|on|in)|published (?:by|on|in) (?:the )?[A-Z]|edited by|"
    r"(?:many |special |big )?thanks (?:to|for|also)|thank you|acknowledge?ments?|we(?:'d| would) like to thank|i(?:'d| would) like to thank|"
    r"licen[cs]ed under|all rights reserved|copyright (?:\d|\(|of|by)|creative commons|CC[- ]BY|public domain|disclaimer|terms of (?:use|service)|privacy (?:notice|policy)|warranty|endorsement|"
    r"issue tracker|github issues?|release notes?|change ?log|bug ?fixes|meeting minutes|attendees|action items|RSVP|on zoom|google (?:doc|form|group|hangout)s?|"
    r"we(?:'re| are) (?:excited|happy|pleased|thrilled|proud|delighted) to|i(?:'m| am) (?:excited|happy|pleased|thrilled|proud|delighted) to|today announced|is (?:pleased|proud) to announce|in the spotlight|learning (?:objectives?|outcomes?)|by the end of this|you will be able to|"
    r"review questions?|critical thinking|key (?:terms|takeaways)|link to learning|openstax|gopher(?:con)?|pull quote)\b", re.I
)
# Outdated views and topics that a small model should not repeat.
UNFIT = re.compile(
    r"\b(?:negro\w*|nigg\w*|darky|darkies|savages?|savagery|heathens?|barbarians?|coolies?|chinam[ae]n|mulatto\w*|half-?breeds?|squaws?|red ?skins?|jew(?:s|ess)?|jewish|semit\w*|hebrews?|mohammedans?|inferior races?|white (?:man|men|race)|colou?red (?:man|men|people|race)|"
    r"slaves?|slavery|slave-\w+|lynch\w*|eugenic\w*|feeble-?minded|imbeciles?|idiots?|lunatics?|rap(?:e|ed|ist)|suicid\w*|murder\w*|prostitut\w*|brothel\w*|fuck\w*|\w*shit\w*|cunt|bitch\w*|whores?|porn\w*|incest|genocide|nazis?|hitler|holocaust|terroris\w*|abortion\w*|"
    r"mani[ac]\w*|psychiatr\w*|medications?|asiatics?|orientals?|polygam\w*|schizo\w*|psychosis|psychotic|bipolar|heroin|cocaine|opium|hanged|scaffold|massacre\w*|tortur\w*|genital\w*|sexual\w*|penis|semen|infanticide|trump|republicans?|democrats?)\b", re.I
)
# Topics far from business, technology, work and cities. A document may mention them, but not often.
ELSEWHERE = re.compile(
    r"\b(?:god|gods|christ|jesus|christian\w*|church\w*|scriptur\w*|bible|biblical|gospel\w*|theolog\w*|baptis\w*|sermon\w*|priest\w*|bishop\w*|prayer\w*|pray|salvation|holy|pope|papal|clergy\w*|apostl\w*|heaven|hell|divine|soul|souls|spirit of the lord|"
    r"king|kings|queen|emperor|empire|dynasty|caesar|regiment\w*|battle\w*|soldiers?|army|armies|troops|siege|cavalry|warships?|parliament|ottoman\w*|crusade\w*|conquest|colon(?:y|ies)|treaty|pharaoh|sultan|"
    r"thou|thee|thy|hath|doth|quoth|wherefore|astrolog\w*|alchem\w*|magnetis\w*|witch\w*|consciousness|quantum|mystic\w*|sacred|meditation|enlightenment|ritual|trauma|therapy|veterans?|covid\w*|pandemic|hurricane|vaccine\w*|508|"
    r"her majesty|lord|lordship|earl|duke|baron|minister|supreme court|congress\w*|senat\w*|legislat\w*|amendment|constitution\w*|statute\w*|plaintiff|defendant|tribe\w*|species|chromosome\w*|neuron\w*|hormone\w*|archaeolog\w*|fossils?|hominin\w*|primates?)\b", re.I
)

STOP = frozenset(
    "the of and to a in that is it for as was with be by on not he his i but you are this have had at which or from they an were all their one we there "
    "been if who so would more no what when will them can your into its than some do my our has her she him out up how only about other then may any".split()
)


def sentence_fault(sentence):
    """Returns the rule that a sentence breaks, or None."""
    seen = NAMES.sub("name", sentence)
    if WEB.search(seen):
        return "web address"
    if CODE.search(seen):
        return "code"
    if POINTING.search(seen):
        return "refers elsewhere"
    if AROUND.search(seen):
        return "around an article"
    if sentence.endswith((":", ";", ",", "—")):
        return "list remnant"
    if not re.search(r'[.!?]["\')\]]*$', sentence):
        return "unfinished"
    if sentence.count("(") != sentence.count(")") or "[" in sentence or "]" in sentence:
        return "brackets"
    if len(sentence.split()) > 90:
        return "too long"
    return None


# ---------------------------------------------------------------- paragraphs

LABEL = re.compile(r'^(?:(?:Note|Tip|Important|Warning|Example|Caution|Update|Remember|Q|A|Step \d+|\d+[.)]|\(?[a-z0-9]{1,3}\)|[-*•·–+]|[ivx]+\.|§+ ?\d*)[:.]?\s+|"?[A-Z][\w\',&/ -]{1,40}:\s+(?=[A-Z"])|[A-Z][\w ]{1,30} — (?=[a-z]))')
EPIGRAPH = re.compile(r'^["\'].{0,400}["\']\s*(?:—|-|~)\s*[A-Z]|—\s*(?:[A-Z][\w.\']+\s*){1,4}[,.]?$')
TRADE = re.compile(r"\b(?:8vo|12mo|4to|cloth (?:extra|gilt|boards)|crown 8|net\. ?\$|\d+s\. ?\d+d|\d+d\.|postpaid|profusely illustrated|frontispiece)\b", re.I)
FRAGMENT = re.compile(r"^(?:Figure|Table|Photo|Image|Credit|Source|Caption|Illustration|Exhibit|Listing|Posted|Published|Updated|Author|Authors|By|Tags?|Categor(?:y|ies)|Date|Status|Created|Type|Requires|Resolution|Post-History|See|Chapter|Section|Part|Page|Copyright|Vol)\b[ .:]*(?:[A-Z0-9]|$)")
BYLINE = re.compile(
    r"^(?:By|From|Author:?) (?:[A-Z][\w.'-]+ ?){1,4}[,.]?$|\b(?:is|was|works as|serves as) (?:a|an|the) [^.]{0,60}\b(?:professor|director|author|engineer|manager|analyst|specialist|fellow|founder|developer|designer|strategist|consultant|lead|chief|officer|researcher|scientist|editor) (?:at|of|for|in|on|with|from) (?:the )?[A-Z]"
)


def words(text):
    """Returns the words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower())


def looks_english(text):
    """Returns whether a quarter of the words are English stop words and nearly all letters are ASCII."""
    found = words(text)
    small = sum(word in STOP for word in found)
    letters = sum(c.isalpha() for c in text)
    foreign = sum(c.isalpha() and ord(c) > 127 for c in text)
    return small >= 0.25 * len(found) and foreign <= 0.02 * letters


def clean_paragraph(text, dropped):
    """Returns the cleaned paragraph or None. `dropped` counts the words removed by each rule."""
    text = plain(text)
    count = len(text.split())

    def drop(rule):
        dropped[rule] += count

    if not text:
        return None
    if "gutenberg" in text.lower() or "transcriber" in text.lower() or re.match(r"\[?(?:illustration|footnote)\b|\[", text, re.I):
        return drop("Gutenberg boilerplate")
    if EPIGRAPH.search(text) or re.match(r"(?:[A-Z]\.){2,} ", text):
        return drop("epigraph or dialogue")
    label = LABEL.match(text)
    if label:
        # A label is a run-in heading in a long paragraph, but marks a list item in a short one.
        if count < 40:
            return drop("list item")
        if not label[0].endswith("— "):
            text = text[label.end():]
    if FRAGMENT.match(text) and count < 40:
        return drop("caption, header or navigation")
    if BYLINE.search(text) and count < 60:
        return drop("byline")
    if len(TRADE.findall(text)) >= 2:
        return drop("catalogue")
    if UNFIT.search(text):
        return drop("unfit")
    # Chapters of books begin with a word in capitals: "WHEN the".
    shouted = re.match(r"[A-Z]{2,}\b", text)
    if shouted and shouted[0].lower() in STOP:
        text = shouted[0].capitalize() + text[shouted.end():]
    if not re.match(r'["\'(]?[A-Z]', text):
        return drop("begins in mid-sentence")
    tokens = text.split()
    capitals = sum(len(t) > 3 and t.isupper() for t in tokens)
    figures = sum(any(c.isdigit() for c in t) for t in tokens)
    if capitals > 0.12 * len(tokens) or figures > 0.1 * len(tokens):
        return drop("figures and capitals")
    if len(tokens) >= 8 and not looks_english(text):
        return drop("not English")
    kept, faults = [], collections.Counter()
    parts = sentences(text)
    for sentence in parts:
        fault = sentence_fault(sentence)
        if fault:
            faults[fault] += len(sentence.split())
        else:
            kept.append(sentence)
    # If much of a paragraph was removed, the rest lacks context, so drop it, too.
    if faults and sum(faults.values()) > 0.4 * len(tokens):
        return drop(faults.most_common(1)[0][0])
    # A sentence that refers to a removed sentence also lacks context.
    if kept and kept[0] != parts[0] and CONNECTED.match(kept[0]):
        return drop("refers to a removed sentence")
    dropped.update(faults)
    text = " ".join(kept)
    if text.count('"') % 2:
        return drop("unpaired quotation marks")
    if len(text.split()) < 5:
        return drop("too short")
    return text


CONNECTED = re.compile(
    r"[\"'(]?(?:However|This|That|These|Those|He|She|It|They|But|And|So|Such|Thus|Therefore|Hence|Then|Also|Moreover|Furthermore|Again|Nor|Or|Yet|His|Her|Their|Its|Another|"
    r"Second|Third|Secondly|Thirdly|Finally|Similarly|Likewise|Instead|Otherwise|Because|Both|Neither|Here|There|For example|For instance|In other words|As a result|In addition|On the other|At the same|Meanwhile|Still|Indeed|Consequently|Accordingly|Note that|Now|Of course|Once|After that|Next)\b"
)


# ---------------------------------------------------------------- titles

SMALL = frozenset("a an and as at but by for from in into nor of on or per than the to via vs with".split())
DANGLING = SMALL | frozenset(
    "are be because can could did do does every had has have her his if is its my never no not our so that their these this those was we were when where "
    "which while who whose will would you your it he she they i".split()
)
CLAUSE = frozenset("and because but if so than that though unless until when where which while who whose".split())
GENERIC = re.compile(
    r"^(?:the )?(?:introduct\w+|overview|conclusions?|summary|abstract|background|preface|foreword|prologue|epilogue|contents?|appendix.*|index|glossary.*|notes?|read ?me|home|about.*|welcome.*|getting started|motivation|feedback|faqs?|frequently.*|"
    r"in the spotlight|why it matters|questions?.*|answers?.*|exercises?|references|resources|further reading|acknowledge?ments?|dedication|errata|rationale|drawbacks|alternatives|unresolved.*|prior art|guide-level.*|reference-level.*|detailed design|history|context|goals?|"
    r"let's think about it|student survey|rethinking.*|key .*|review.*|learning.*|chapter.*|section.*|sec\..*|part .*|book .*|lecture.*|article [ivx\d]+.*|letter [ivx\d]+.*|essay [ivx\d]+.*|step .*|case \d.*|unit .*|untitled|other|misc\w*|more|links?|updates?|general|"
    r"specification|security (?:implications|considerations)|backwards? compatib\w*|how to teach this|implementation|reference implementation|rejected.*|open issues|proposals?|examples?|discussion|what's next.*|next steps.*|tl;?dr)$|^[\divxlc.\s]+$|: (?:preface|introduction|errata|features|student survey|summary)$", re.I
)
UNTITLED = re.compile(r"\b[ivxlc]+\.?$|\bvol(?:\.|ume)\b|\(of \d|\bpart \d|^\d+[.:)]|[/_<>{}=\\|#@]|\.(?:com|org|gov)|^[a-z0-9-]+$|\b\w+-\w+-\w+-\w+", re.I)
CHAPTERED = re.compile(r"\b[IVXLC]+\.?$")
# Titles of documents that are records rather than prose.
RECORD = re.compile(
    r"\b(?:release[ds]?|releasing|announc\w+|minutes|meetings?|agenda|newsletters?|change ?logs?|what's new|this week|weekly|monthly|recap|round-?up|call for|webinars?|hackathons?|workshops?|conference|summit|fellows?|welcomes?|joins?|interns?|code of conduct|glossary|index|bibliography|appendix|"
    r"directory|survey|census|licen[cs]e|privacy policy|terms of|checklist|template|faq|frequently asked|sponsors?|election|governance|onboarding|reference|install\w*|tutorial|cheat ?sheet|how to use|advertisements?|catalogue|contents|questions (?:and|for)|exercises|tags?|events?|podcast|episode|livestream|"
    r"PEP \d+|RFC|CVE|advisory|q[1-4]|jan(?:uary)?|february|march \d|april|june|july|august|september|october|november|december|(?:19|20)\d\d|v?\d+\.\d+)\b|^\d", re.I
)


def title_of(text):
    """Makes a title from the first sentence, as Venti does from a quote: the whole sentence, or as
    many of its clauses or words as fit in 60 characters, in title case."""
    sentence = (sentences(text) or [""])[0]
    tokens = re.sub(r'["()\[\]]', "", sentence).split()
    bare = lambda n: " ".join(tokens[:n]).strip(" ,;:—-.!?'")
    fitting = max((n for n in range(len(tokens) + 1) if len(bare(n)) <= 60), default=0)
    if fitting < len(tokens):
        finished = lambda n: tokens[n - 1].strip(",;:—.!?'").lower() not in DANGLING
        fitting = (
            next((n for n in range(fitting, 2, -1) if (tokens[n - 1][-1] in ",;:—" or tokens[n] == "—") and finished(n)), None)
            or next((n for n in range(fitting, 3, -1) if tokens[n].lower() in CLAUSE and finished(n)), None)
            or next((n for n in range(fitting, 0, -1) if finished(n)), fitting)
        )
    return title_case(bare(fitting))


def title_case(title):
    """Capitalises all words except the small ones. Words that begin with a capital are kept."""
    tokens = title.split()
    last = len(tokens) - 1
    return " ".join(
        token if token[:1].isupper() or not token[:1].isalpha() or (token.lower() in SMALL and 0 < i < last) else token[0].upper() + token[1:]
        for i, token in enumerate(tokens)
    )


def clean_title(title, repeated):
    """Returns the cleaned title of a document, or None if one must be made from the text."""
    title = re.sub(r"^(?:(?:PEP|RFC) \d+|Trends on Tuesday)\s*[-:—]+\s*|: Section Summary$", "", title)
    title = plain(title).replace('"', "").strip(" .:—-*#'")
    # "Progress and Poverty II", "Sec. 3. Orderliness": book titles and numbers are not essay titles.
    if repeated or not title or GENERIC.match(title) or UNTITLED.search(title) or CHAPTERED.search(title):
        return None
    if len(title) > 90 or len(title.split()) < 2 or title.split()[-1].lower() in DANGLING or title.endswith(","):
        return None
    if title.isupper():
        title = title_case(title.lower())
    return title if looks_like_words(title) else None


def looks_like_words(title):
    """Returns whether a title begins with a letter and consists only of words."""
    return title[0].isalpha() and not re.search(r"[^\w\s',.:;!?&%$()—-]|\w\(|[a-z][A-Z]", title)


# ---------------------------------------------------------------- documents

def without_runs(paragraphs, dropped):
    """Removes runs of three or more very short paragraphs: lists, dialogue, navigation, verse."""
    kept, run = [], []
    for paragraph in [*paragraphs, None]:
        if paragraph is not None and len(paragraph.split()) < 14:
            run.append(paragraph)
            continue
        if len(run) >= 3:
            dropped["run of short paragraphs"] += sum(len(p.split()) for p in run)
        else:
            kept += run
        run = []
        if paragraph is not None:
            kept.append(paragraph)
    return kept


RUN_IN = re.compile(r"^(?!(?:But|And|So|Yes|No|Not|Or|Well)\b)[A-Z][\w',/-]*(?: [\w',/-]+){0,4}(?:\.| —) (?=[A-Z])")


def without_labels(paragraphs):
    """Removes run-in headings ("Classmates. It seems obvious that") if adjacent paragraphs have them."""
    labelled = [bool(RUN_IN.match(p)) and len(p.split()) > 25 for p in paragraphs]
    near = lambda i: any(labelled[max(0, i - 1) : i] + labelled[i + 1 : i + 2])
    return [RUN_IN.sub("", p) if labelled[i] and near(i) else p for i, p in enumerate(paragraphs)]


def divided(title, paragraphs):
    """Divides a long document into parts of about `PART` words that begin with an independent paragraph."""
    total = sum(len(p.split()) for p in paragraphs)
    if total <= LONGEST:
        return [(title, paragraphs)]
    parts, part, size = [], [], 0
    for paragraph in paragraphs:
        if size >= PART and total >= SHORTEST * 2 and not CONNECTED.match(paragraph) and opens_well(paragraph):
            parts.append(part)
            part, size = [], 0
        part.append(paragraph)
        size += len(paragraph.split())
        total -= len(paragraph.split())
    parts.append(part)
    return [(title if i == 0 else None, part) for i, part in enumerate(parts)]


def opens_well(paragraph):
    """Returns whether a document may begin with this paragraph."""
    first = sentences(paragraph)[0]
    return 5 <= len(first.split()) <= 45 and first[0] not in "\"'("


def clean_document(text, repeated):
    """Cleans a document. Returns the resulting documents as (title, paragraphs), and the number of words
    removed by each rule."""
    dropped = collections.Counter()
    lines = [line.strip() for line in text.strip().split("\n") if line.strip()]
    if len(lines) < 2:
        return [], collections.Counter({"document: empty": len(text.split())})
    title, body = lines[0], lines[1:]
    before = sum(len(line.split()) for line in body)

    def refuse(rule):
        return [], collections.Counter({f"document: {rule}": before})

    if RECORD.search(title):
        return refuse("record, not prose")
    if body and plain(body[0]).strip(" .").lower() == plain(title).strip(" .").lower():
        body = body[1:]
    if len(TRADE.findall(text)) >= 6:
        return refuse("catalogue")
    if not looks_english(text):
        return refuse("not English")
    elsewhere = len(ELSEWHERE.findall(text))
    if elsewhere > 0.012 * before:
        return refuse("other subject")
    paragraphs = [p for p in (clean_paragraph(line, dropped) for line in body) if p]
    paragraphs = without_runs(without_labels(paragraphs), dropped)
    while paragraphs and (CONNECTED.match(paragraphs[0]) and len(body) and paragraphs[0][:20] != plain(body[0])[:20] or not opens_well(paragraphs[0])):
        dropped["unsuitable beginning"] += len(paragraphs.pop(0).split())
    while paragraphs and len(paragraphs[-1].split()) < 8:
        dropped["unsuitable ending"] += len(paragraphs.pop().split())
    after = sum(len(p.split()) for p in paragraphs)
    if after < SHORTEST or len(paragraphs) < 2:
        return refuse("too short after cleaning")
    if after < 0.5 * before:
        return refuse("more debris than prose")
    names, figures = names_and_figures(paragraphs)
    if names > 0.12 * after or figures > 0.055 * after:
        return refuse("too many names or figures")
    if after < 22 * len(paragraphs):
        return refuse("fragments")
    documents = []
    for title, part in divided(clean_title(title, repeated), paragraphs):
        size = sum(len(p.split()) for p in part)
        if size < SHORTEST or len(part) < 2:
            dropped["remainder of a long document"] += size
            continue
        documents.append((title or title_of(part[0]), part))
    return documents, dropped


def names_and_figures(paragraphs):
    """Returns the number of capitalised words inside sentences, and of acronyms, figures and brands."""
    tokens = [token for p in paragraphs for s in sentences(p) for token in s.split()[1:]]
    names = sum(token.strip("\"'(")[:1].isupper() and token.rstrip(",.;:'") != "I" for token in tokens)
    figures = sum(bool(re.search(r"[A-Z]{2}|[a-z][A-Z]|\d", token)) for token in tokens)
    return names, figures


def read_documents(path):
    """Returns the documents of a file. The file may be compressed with zstd."""
    if path.suffix != ".zst":
        text = path.read_text(encoding="utf-8")
    else:
        text = subprocess.run(["zstd", "-dcq", "--long=27", path], check=True, stdout=subprocess.PIPE).stdout.decode()
    return [document for document in text.split(END_OF_TEXT) if document.strip()]


def clean_source(path):
    """Cleans a source. Returns (name, documents in, words in, documents out, words removed by rule)."""
    texts = read_documents(path)
    titles = collections.Counter(text.strip().split("\n")[0].strip() for text in texts)
    kept, dropped = [], collections.Counter()
    for text in texts:
        repeated = titles[text.strip().split("\n")[0].strip()] > 1
        documents, counts = clean_document(text, repeated)
        kept += documents
        dropped += counts
    return path.name.removesuffix(".zst"), len(texts), sum(len(t.split()) for t in texts), kept, dropped


# ---------------------------------------------------------------- across documents

RUN = 12


def runs(text):
    """Returns a hash of every run of twelve words."""
    found = words(text)
    return [zlib.crc32(" ".join(found[i : i + RUN]).encode()) | zlib.adler32(" ".join(found[i : i + RUN]).encode()) << 32 for i in range(len(found) - RUN + 1)]


class Seen:
    """The held-out text and all text written so far, to detect overlaps."""

    def __init__(self, heldout):
        self.heldout = {run for document in heldout for run in runs(document)}
        self.heldout_titles = {" ".join(words(document.strip().split("\n")[0])) for document in heldout}
        self.paragraphs = set()
        self.sample = set()
        self.sentences = collections.Counter()

    def admit(self, title, paragraphs, dropped):
        """Returns the paragraphs of a document that are new, or [] if the document is dropped."""
        size = sum(len(p.split()) for p in paragraphs)
        all_runs = [runs(p) for p in paragraphs]
        shared = sum(run in self.heldout for found in all_runs for run in found)
        if shared > 2 or runs_across(paragraphs) & self.heldout:
            dropped["document: held out"] += size
            return []
        # A sixteenth of the runs is enough to detect copies.
        sample = {run for found in all_runs for run in found if run % 16 == 0}
        if len(sample) >= 4 and len(sample & self.sample) > 0.3 * len(sample):
            dropped["document: copy of another"] += size
            return []
        kept = []
        for paragraph, found in zip(paragraphs, all_runs):
            key = " ".join(words(paragraph))
            if any(run in self.heldout for run in found):
                dropped["held out"] += len(paragraph.split())
            elif key in self.paragraphs:
                dropped["paragraph of another document"] += len(paragraph.split())
            elif any(self.sentences[" ".join(words(s))] > 2 for s in sentences(paragraph) if len(s.split()) > 5):
                dropped["sentence of many documents"] += len(paragraph.split())
            else:
                kept.append(paragraph)
                self.paragraphs.add(key)
        self.sample |= sample
        if sum(len(p.split()) for p in kept) < SHORTEST or len(kept) < 2:
            dropped["document: too short without duplicates"] += sum(len(p.split()) for p in kept)
            return []
        return kept


def runs_across(paragraphs):
    """Returns the runs that span two paragraphs."""
    joined = (" ".join([*words(a)[-RUN + 1 :], *words(b)[: RUN - 1]]) for a, b in zip(paragraphs, paragraphs[1:]))
    return {run for text in joined for run in runs(text)}


def tier_of(corpus):
    """Returns the tier of each source, from SOURCES.tsv and the exceptions above."""
    tiers = {}
    for line in (corpus / "SOURCES.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, tier = line.split("\t")[:2]
        tiers[name] = "spare" if name in SPARE else f"tier{TIERS.get(name, int(tier[0]))}"
    return tiers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=pathlib.Path, help="folder of *.txt.zst with SOURCES.tsv")
    parser.add_argument("heldout", type=pathlib.Path, help="held-out documents, .txt or .txt.zst")
    parser.add_argument("out", type=pathlib.Path, help="output folder")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes (default: 2)")
    arguments = parser.parse_args()

    tiers = tier_of(arguments.corpus)
    paths = sorted(arguments.corpus.glob("*.txt.zst"))
    unnamed = [path.name for path in paths if path.name.removesuffix(".zst") not in tiers]
    if not paths or unnamed:
        sys.exit(f"{arguments.corpus}: {'no *.txt.zst here' if not paths else 'SOURCES.tsv does not name ' + ', '.join(unnamed)}")
    written = {name: [] for name in ["tier1", "tier2", "tier3", "tier4", "tier5", "spare"]}
    seen = Seen(read_documents(arguments.heldout))
    with multiprocessing.Pool(arguments.jobs) as pool:
        cleaned = pool.map(clean_source, sorted(paths, key=lambda path: -path.stat().st_size), chunksize=1)
    cleaned.sort(key=lambda source: (list(written).index(tiers[source[0]]), source[0]))
    for _, _, _, documents, _ in cleaned:
        for _, paragraphs in documents:
            seen.sentences.update({" ".join(words(s)) for p in paragraphs for s in sentences(p) if len(s.split()) > 5})

    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {"sources": {}, "tiers": {}}
    for name, documents_in, words_in, documents, dropped in cleaned:
        texts = []
        for title, paragraphs in documents:
            kept = seen.admit(title, paragraphs, dropped)
            if kept:
                texts.append("\n\n".join([title, *kept]))
        written[tiers[name]] += texts
        report["sources"][name] = {
            "tier": tiers[name], "documents_in": documents_in, "words_in": words_in,
            **size_of(texts), "words_dropped": dict(dropped.most_common()),
        }
    for tier, texts in written.items():
        (arguments.out / f"{tier}.txt").write_text(as_file(texts), encoding="utf-8")
        report["tiers"][tier] = size_of(texts)
    everything = [text for tier, texts in written.items() if tier != "spare" for text in texts]
    (arguments.out / "train.txt").write_text(as_file(everything), encoding="utf-8")
    report["train"] = size_of(everything)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, size in [*report["tiers"].items(), ("train", report["train"])]:
        print(f"{name}: {size['documents']:,} documents, {size['words']:,} words, {size['bytes']:,} bytes", file=sys.stderr)


def size_of(texts):
    return {"documents": len(texts), "words": sum(len(t.split()) for t in texts), "bytes": sum(len(t.encode()) for t in texts)}


def as_file(texts):
    return "".join(f"{text}\n{END_OF_TEXT}\n" for text in texts)


if __name__ == "__main__":
    main()
