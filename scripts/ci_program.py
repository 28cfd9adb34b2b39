"""Code shared by the checks against independent programs: building with cargo, and counting results."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(*target: str) -> Path:
    """Builds a binary or example and returns its path."""
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics"]
    # Build the whole workspace, as `cargo test` does, so that no dependency is compiled twice.
    done = subprocess.run([*command, *target], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return Path([m["executable"] for m in messages if m.get("executable")][-1])


class Checks:
    """Counts and prints the results of the checks."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name: str, holds: bool) -> None:
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(("ok      " if holds else "FAILED  ") + name, flush=True)

    def exit_status(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
