#!/usr/bin/env python3
"""Reads all feeds and the sitemap of a built site with independent parsers.

    python3 scripts/check_feeds.py output

Needs feedparser (scripts/requirements.txt). Prints the problems and exits with 1 if there are any.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree
from urllib.parse import urlparse

import feedparser

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def problems_of_entries(entries):
    """Yields the problems of a feed's entries. An entry is given as (id, link, title, content)."""
    ids = [entry[0] for entry in entries]
    if not entries:
        yield "no entries"
    if len(set(ids)) != len(ids):
        yield "two entries have the same id"
    for id, link, title, content in entries:
        if not (id and title and content):
            yield f"an entry has no id, title or content: {id or title or link}"
        if not urlparse(link).netloc:
            yield f"the link of an entry is not absolute: {link}"
        if "<script" in content.lower():
            yield f"the content of an entry contains a script: {id}"


def check_xml_feed(path, version):
    feed = feedparser.parse(path.read_bytes())
    if feed.bozo:
        yield f"not well-formed: {feed.bozo_exception}"
    if not feed.version.startswith(version):
        yield f"recognised as {feed.version or 'an unknown format'}, not {version}"
    if not feed.feed.get("title"):
        yield "no title"
    entries = []
    for entry in feed.entries:
        content = entry.content[0].value if "content" in entry else entry.get("summary", "")
        entries.append((entry.get("id"), entry.get("link", ""), entry.get("title"), content))
    yield from problems_of_entries(entries)


def check_json_feed(path):
    feed = json.loads(path.read_text(encoding="utf-8"))
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield f"wrong version: {feed.get('version')}"
    if not feed.get("title"):
        yield "no title"
    items = [
        (i.get("id"), i.get("url", ""), i.get("title"), i.get("content_html") or i.get("content_text", ""))
        for i in feed.get("items", [])
    ]
    yield from problems_of_entries(items)


def check_sitemap(path):
    urls = [loc.text for loc in xml.etree.ElementTree.parse(path).iter(f"{SITEMAP}loc")]
    if not urls:
        yield "no addresses"
    if len(set(urls)) != len(urls):
        yield "an address occurs twice"
    yield from (f"{url} is not absolute" for url in urls if not urlparse(url).netloc)


# Check functions by file name. Each file must exist at the root of the site.
CHECKS = {
    "atom.xml": lambda path: check_xml_feed(path, "atom"),
    "rss.xml": lambda path: check_xml_feed(path, "rss"),
    "feed.json": check_json_feed,
    "sitemap.xml": check_sitemap,
}


def main(site):
    site, failed = pathlib.Path(site), False
    for name, check in CHECKS.items():
        # Tags, authors and galleries have their own feeds.
        paths = sorted({site / name, *site.rglob(name)})
        for path in paths:
            problems = list(check(path)) if path.is_file() else ["missing"]
            failed = failed or bool(problems)
            for problem in problems:
                print(f"{path}: {problem}", file=sys.stderr)
        print(f"{site}: read {len(paths)} × {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
