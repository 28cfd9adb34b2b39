#!/usr/bin/env python3
"""Tests the test hub and Venti's hub client against Python's huggingface_hub.

huggingface_hub downloads from the local server that the Rust tests use. Then each client reads the
cache written by the other one offline, and the two caches are compared link by link. Needs
huggingface_hub (`pip install huggingface_hub`) and cargo, and uses only local connections. Prints one
line per check and ends with `N passed, N failed`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ci_program import Checks, build

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

try:
    from huggingface_hub import hf_hub_download, snapshot_download
except ImportError:
    sys.exit("huggingface_hub is missing: pip install huggingface_hub")

REPO = "ada/tiny"
NEEDED = ["config.json", "model.safetensors", "tokenizer.json"]


def fetch(client: Path, endpoint: str, cache: Path, *flags: str) -> Path:
    """Runs Venti's client and returns the folder it prints."""
    done = subprocess.run(
        [client, endpoint, cache, REPO, *flags], stdout=subprocess.PIPE, check=True, text=True
    )
    return Path(done.stdout.strip())


def contents(folder: Path) -> dict:
    return {name: (folder / name).read_bytes() for name in NEEDED}


def layout(cache: Path) -> dict:
    """Returns every file and link of a cache."""
    repo = cache / "models--ada--tiny"
    entries = {}
    for part in ["refs", "blobs", "snapshots"]:
        for path in sorted((repo / part).rglob("*")):
            name = str(path.relative_to(repo))
            if path.is_symlink():
                entries[name] = ("link", os.readlink(path))
            elif path.is_file():
                entries[name] = ("file", path.read_bytes())
    return entries


def main() -> int:
    server_binary = build("--bin", "hub-server")
    client = build("--example", "hub_fetch")
    server = subprocess.Popen([server_binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    endpoint = server.stdout.readline().strip()
    nowhere = "http://127.0.0.1:9"
    check = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        theirs, ours = Path(scratch, "theirs"), Path(scratch, "ours")
        by_python = Path(
            snapshot_download(REPO, endpoint=endpoint, cache_dir=theirs, allow_patterns=NEEDED)
        )
        by_venti = fetch(client, endpoint, ours)
        check("huggingface_hub and venti download the same bytes", contents(by_python) == contents(by_venti))
        check("both caches have the same files and links", layout(theirs) == layout(ours))

        read_by_venti = fetch(client, nowhere, theirs, "--offline")
        check("venti reads huggingface_hub's cache offline", read_by_venti.samefile(by_python))
        read_by_python = [
            Path(hf_hub_download(REPO, name, cache_dir=ours, local_files_only=True)) for name in NEEDED
        ]
        check(
            "huggingface_hub reads venti's cache offline, file by file",
            [path.read_bytes() for path in read_by_python]
            == [contents(by_venti)[name] for name in NEEDED],
        )
        snapshot = Path(
            snapshot_download(REPO, cache_dir=ours, local_files_only=True, allow_patterns=NEEDED)
        )
        check("huggingface_hub reads venti's cache offline, as a snapshot", snapshot.samefile(by_venti))

        before = layout(ours)
        snapshot_download(REPO, endpoint=endpoint, cache_dir=ours, allow_patterns=NEEDED)
        check("huggingface_hub downloads nothing into venti's complete cache", layout(ours) == before)

        (by_python / "model.safetensors").unlink()
        fetch(client, endpoint, theirs)
        check("venti repairs huggingface_hub's cache", layout(theirs) == layout(ours))

    server.stdin.close()
    server.wait()
    return check.exit_status()


if __name__ == "__main__":
    sys.exit(main())
