#!/usr/bin/env python3
"""Selects the plainest passages of openly licensed prose, from which venti-mini learns words.

    python3 scripts/venti_mini_corpus.py PROSE HOUSE HELD_OUT WORDS OUT

PROSE is a folder of `*.txt.zst`, HOUSE the folder of the house corpus, HELD_OUT a file of documents that
the model must never see. OUT receives WORDS words: passages separated by a line `<|endoftext|>`, in
random order. A passage is a run of plain paragraphs. A paragraph is plain if nearly all of its words are
in the house corpus, its sentences are short, and it has no figures, links or markup.

Needs the program `zstd`. The same input gives the same bytes.
"""

import collections
import pathlib
import random
import re
import subprocess
import sys

END_OF_TEXT = "<|endoftext|>"
LEAST_KNOWN = 0.885  # Smallest share of a paragraph's words that are in the house corpus.
LONGEST_SENTENCE = 24  # Mean number of words.
SHORTEST_PARAGRAPH, SHORTEST_PASSAGE = 12, 100  # In words.

WORD = re.compile(r"[A-Za-z][A-Za-z']*")
SENTENCE_END = re.compile(r"[.?!][\"')]?(\s|$)")
NOT_PROSE = re.compile(r"[^\x20-\x7e]|[{}<>\[\]|=_*`#]|https?:|\d{3}")
PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "—": " - ", "\u2060": ""})


def documents(path: pathlib.Path) -> list[str]:
    text = subprocess.run(["zstd", "-dqc", path], capture_output=True, check=True).stdout
    return text.decode("utf-8", "replace").split(END_OF_TEXT)


def words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def is_plain(paragraph: str, known: set[str]) -> bool:
    found = words(paragraph)
    share = sum(word in known for word in found) / len(found)
    sentences = max(1, len(SENTENCE_END.findall(paragraph)))
    return (
        share >= LEAST_KNOWN
        and len(found) / sentences <= LONGEST_SENTENCE
        and not NOT_PROSE.search(paragraph)
        and paragraph[-1] in ".?!\"'"
    )


def passages(document: str, known: set[str]):
    """Yields the runs of plain paragraphs of a document, without its title."""
    run = []
    for paragraph in [*document.strip().split("\n\n")[1:], ""]:
        paragraph = " ".join(paragraph.translate(PLAIN).split())
        length = len(words(paragraph))
        # A short line continues a passage only if it is a sentence.
        is_short = 0 < length < SHORTEST_PARAGRAPH and run and paragraph[-1] in '.?!"'
        if is_short or length >= SHORTEST_PARAGRAPH and is_plain(paragraph, known):
            run.append(paragraph)
            continue
        passage = "\n\n".join(run)
        if len(passage.split()) >= SHORTEST_PASSAGE:
            yield passage
        run = []


def ngrams(text: str, n: int = 12):
    found = words(text)
    return (tuple(found[i : i + n]) for i in range(len(found) - n + 1))


def main(prose: str, house: str, held_out: str, limit: str, out: str) -> None:
    known = set()
    for path in sorted(pathlib.Path(house).glob("*.zst")):
        known.update(word for document in documents(path) for word in words(document))
    secret = set(ngrams(pathlib.Path(held_out).read_text(encoding="utf-8")))
    found = []
    for path in sorted(pathlib.Path(prose).glob("*.txt.zst")):
        for document in documents(path):
            found += [(path.name, passage) for passage in passages(document, known)]
    random.Random(1).shuffle(found)
    chosen, total, sources = [], 0, collections.Counter()
    for name, passage in found:
        if total >= int(limit):
            break
        if secret.isdisjoint(ngrams(passage)):
            chosen.append(passage)
            sources[name] += len(passage.split())
            total += len(passage.split())
    pathlib.Path(out).write_text(f"\n{END_OF_TEXT}\n".join(chosen) + "\n", encoding="utf-8")
    for name, count in sources.most_common():
        print(f"{count:9,} words  {name}")
    print(f"{total:9,} words in {len(chosen):,} passages")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(f"usage: {sys.argv[0]} PROSE HOUSE HELD_OUT WORDS OUT")
    main(*sys.argv[1:])
