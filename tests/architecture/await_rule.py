#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where `co_await` may stand: not in the condition of if, while, for or switch, and in no statement with `?:`. GCC 12 compiles
both wrongly (docs/common-mistakes.md): operands are destroyed twice, or the wrong branch runs. Prints each breach as file:line
and exits 1."""
import pathlib
import re
import sys

# Comments, string and character literals: what is in them is no code.
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
HEAD = re.compile(r"\b(if|while|for|switch)\s*(?:constexpr\s*)?\(")


def code_of(text):
    """The same text with as many blanks and newlines for what is no code."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def condition(code, opening):
    """What stands between the parenthesis at `opening` and its partner."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return code[opening + 1 : at]
    return code[opening + 1 :]


def breaches(text):
    code = code_of(text)
    line_of = lambda at: code.count("\n", 0, at) + 1
    for head in HEAD.finditer(code):
        if "co_await" in condition(code, head.end() - 1):
            yield line_of(head.start()), f"co_await in the condition of `{head.group(1)}`: await on a line of its own"
    for statement in re.finditer(r"[^;{}]+", code):
        if "co_await" in statement.group() and "?" in statement.group():
            at = statement.start() + statement.group().index("co_await")
            yield line_of(at), "co_await in a statement with `?:`: await on a line of its own"


# The rule must see what it is for.
KNOWN_BREACHES = ["if (!co_await f(x)) g();", "while (a() && co_await b()) {}", "x = y ? co_await f() : 0;",
                  "if (const auto got = co_await f(); !got) g();", "for (;co_await f();) {}", "f(a ?\n co_await b() : c);"]
KNOWN_GOOD = ["const bool is = co_await f();\nif (is) g();", "// if (co_await f())", 'log("if (co_await f()) ? :");',
              "if (a) co_await f();", "while (!a) co_await f();", "x = y ? 1 : 2;\nco_await f();", "n = 1'000 + (co_await f());"]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    for text in KNOWN_BREACHES:
        assert list(breaches(text)), text
    for text in KNOWN_GOOD:
        assert not list(breaches(text)), text
    files = sorted(path for top in ("src", "include") for path in (root / top).rglob("*") if path.suffix in (".cpp", ".hpp"))
    if not files:
        sys.exit("no sources found below " + str(root))
    found = [f"{path.relative_to(root)}:{line}: {why}" for path in files for line, why in breaches(path.read_text())]
    print("\n".join(found) if found else f"{len(files)} files await on lines of their own")
    sys.exit(1 if found else 0)


main()
