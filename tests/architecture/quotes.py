#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What docs/operations.md quotes in the first column of its tables of log lines and of symptoms is what the program says: each
piece of a quotation, between the "..." that stand for what differs, is part of a string of the sources.

    quotes.py ROOT
"""

import re
import sys
from pathlib import Path

HEADS = ("| line | what it means | what to do |", "| the error says | look at |")


def quotations(page, head):
    """The quotations of the first cells of the table with that head; of a cell only what it begins with."""
    rows = page.partition(head + "\n|")[2].partition("\n\n")[0].splitlines()[1:]
    for row in rows:
        yield from re.findall(r"`([^`]+)`", row.split(" | ")[0])


def pieces(quotation):
    return [piece for piece in re.split(r"\s*\.\.\.:?\s*", quotation) if piece]


def joined_strings(source):
    """The source with strings that stand in several parts as one."""
    return re.sub(r'"\s*\n\s*"', "", source).replace('\\"', '"')


def main(root):
    page = (root / "docs/operations.md").read_text()
    source = "\n".join(joined_strings(path.read_text()) for path in sorted((root / "src").rglob("*.cpp")))
    problems = []
    for head in HEADS:
        found = list(quotations(page, head))
        assert len(found) > 5, f"docs/operations.md has no table {head}"
        problems += [f"docs/operations.md: `{quotation}`: no source says '{piece}'"
                     for quotation in found for piece in pieces(quotation) if piece not in source]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    assert list(quotations("x\n| a | b |\n|---|---|\n| `one ... two`, `three` | `no` |\n\n| `no` | |", "| a | b |")) == ["one ... two", "three"]
    assert pieces("connecting to ... failed") == ["connecting to", "failed"] and pieces("lost: ...") == ["lost:"]
    assert joined_strings('f("a "\n   "b")') == 'f("a b")'
    sys.exit(main(Path(sys.argv[1])))
