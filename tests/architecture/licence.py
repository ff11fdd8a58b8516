#!/usr/bin/env python3
"""Each source says its licence in its first lines, as an SPDX line. `licence.py ROOT --fix` adds what is missing."""
# SPDX-License-Identifier: MIT
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
LINE = "SPDX-License-Identifier: MIT"
COMMENTS = {
    ".cpp": "//", ".hpp": "//", ".cs": "//", ".proto": "//", ".mjs": "//", ".in": None,
    ".py": "#", ".sh": "#", ".cmake": "#", ".txt": "#",
}
TOP = ("src", "include", "tests", "proto", "scripts", "cmake", ".ci")


def sources():
    for top in TOP:
        for path in sorted((ROOT / top).rglob("*")):
            if not path.is_file() or {"corpus", "node_modules", "bin", "obj", "__pycache__"} & set(path.relative_to(ROOT).parts):
                continue
            if path.suffix == ".txt" and path.name != "CMakeLists.txt":
                continue
            if path.suffix in (".cpp", ".hpp", ".cs", ".proto", ".mjs", ".py", ".sh", ".cmake", ".txt"):
                yield path, COMMENTS[path.suffix]
            elif path.suffix == "" and path.open("rb").read(2) == b"#!":
                yield path, "#"
    yield ROOT / "CMakeLists.txt", "#"


def add(path, comment):
    lines = path.read_text().split("\n")
    at = 1 if lines[0].startswith("#!") else 0
    path.write_text("\n".join([*lines[:at], f"{comment} {LINE}", *lines[at:]]))


def main():
    found = list(sources())
    missing = [(path, comment) for path, comment in found if LINE not in "\n".join(path.read_text().split("\n")[:5])]
    if "--fix" in sys.argv:
        for path, comment in missing:
            add(path, comment)
        missing = []
    print("\n".join(f"{path.relative_to(ROOT)}: no line '{LINE}'" for path, _ in missing) or f"{len(found)} sources name their licence")
    sys.exit(1 if missing else 0)


main()
