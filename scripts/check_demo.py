#!/usr/bin/env python3
"""Checks the quality of the demo's essays.

    venti build --json > summary.json
    python3 scripts/check_demo.py summary.json output/thinkpieces.json

Prints any problems and exits with 1; otherwise prints one line.
"""

import json
import pathlib
import sys

WORDS = range(130, 351)
LEAST_DISTINCT_4 = 0.95
SENTENCE_ENDS = tuple('.!?”’)')


def problems(summary, thinkpieces):
    for essay in summary["written"]:
        figures, name = essay["figures"], f"{essay['seed']} (take {essay['take']})"
        if figures["words"] not in WORDS:
            yield f"{name}: {figures['words']} words"
        if figures["repeated_sentences"]:
            yield f"{name}: repeated sentences: {figures['repeated_sentences']}"
        if figures["distinct"][3] < LEAST_DISTINCT_4:
            yield f"{name}: distinct-4 is {figures['distinct'][3]}"
        if essay["flagged"]:
            yield f"{name}: flagged, {essay['flagged']}"
    if summary["essays"]["refused"]:
        yield f"refused: {summary['essays']['refused']}"
    texts = {piece["path"]: piece["text"].strip() for piece in thinkpieces}
    if len(texts) != summary["essays"]["written"]:
        yield f"{len(texts)} thinkpieces for {summary['essays']['written']} essays"
    for path, text in texts.items():
        if not text.endswith(SENTENCE_ENDS):
            yield f"{path}: ends with {text[-40:]!r}"
        if "http" in text or "www." in text:
            yield f"{path}: web address in the text"


def main(summary, thinkpieces):
    summary = json.loads(pathlib.Path(summary).read_text(encoding="utf-8"))
    data = json.loads(pathlib.Path(thinkpieces).read_text(encoding="utf-8"))
    found = list(problems(summary, data["thinkpieces"]))
    print("\n".join(found) or f"{summary['essays']['written']} essays: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
