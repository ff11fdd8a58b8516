#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A text is cut for people by excerpt() or shortened() alone: both leave "..." where they cut, by which the masking knows that a
secret may have been cut there, and neither halves a character. A substr(0, N) of a number, or of a constant that says how much
is shown, does neither. Prints each breach as file:line and exits 1."""
import pathlib
import re
import sys

CUT = re.compile(r"\bsubstr\(0, (?:\d{2,}|(?:\w+::)*k(?:Shown|Max|Longest)\w*)\)")


def breaches(text):
    for number, line in enumerate(text.splitlines(), 1):
        if CUT.search(line.split("//")[0]):
            yield number, "a text that may be shown is cut by excerpt() or shortened(); say by the constant's name what else it is"


# The rule must see what it is for.
for known in ("x = name->substr(0, 40);", "{{\"target\", target.substr(0, 200)}}", "id.substr(0, monitor::kShownIdBytes)"):
    assert list(breaches(known)), known
for good in ("text.substr(0, end)", "token.substr(0, 3)", "rest.substr(0, kPrefix.size())", "excerpt(name, 40)  // no substr(0, 40)"):
    assert not list(breaches(good)), good

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
files = sorted(path for top in ("src", "include") for path in (root / top).rglob("*") if path.suffix in (".cpp", ".hpp"))
if not files:
    sys.exit("no sources found below " + str(root))
found = [f"{path.relative_to(root)}:{line}: {why}" for path in files for line, why in breaches(path.read_text())]
print("\n".join(found) if found else f"{len(files)} files cut no text by hand")
sys.exit(1 if found else 0)
