#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include rule of docs/architecture.md, executable: which module may include whose headers, where heavy headers may
stand, that JSON is read in one place, and regular expressions by one engine. Prints each breach as file:line and exits 1."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

# module -> the modules whose headers it may include (besides its own). config sees only the others' settings.hpp.
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "http": {"base"},
    "signalr": {"base", "http"},
    "assistant": {"base", "model", "http"},
    "commands": {"base", "model"},
    "delivery": {"base", "model", "proto"},
    "monitor": {"base", "model"},
    "config": {"base", "signalr/settings.hpp", "commands/settings.hpp", "delivery/settings.hpp", "monitor/settings.hpp",
               "assistant/settings.hpp"},
    "daemon": {"base", "model", "config", "http", "signalr", "commands", "delivery", "monitor", "assistant"},
    "dev_hub": {"base", "proto"},
    "main": {"base", "daemon"},
}
HEAVY = re.compile(r"^(boost/beast|boost/asio/ssl|grpcpp/|google/protobuf/|yaml-cpp/|sqlite3\.h|systemd/|.*\.pb\.h)")
# Asio's `a || b` waits for the first success: base/race.hpp says what is used instead.
FORBIDDEN = re.compile(r"^boost/asio/experimental/awaitable_operators")
# One reader has the limits (base/json.hpp): no other parser, and no object whose look-up is linear.
OTHER_JSON = re.compile(r"\bjson::(parse|accept|sax_parse|from_\w+)\b|\bordered_json\b|<boost/json|\bboost::json\b", re.IGNORECASE)
JSON_READER = {"src/base/json.cpp", "src/base/boost_json.cpp"}
# It recurses for each character and may take for ever on an operator's pattern.
OTHER_REGEX = re.compile(r"^(?!\s*//).*\bstd::w?regex|^\s*#\s*include\s*<regex>")
# Types that Beast must see whole; only .cpp files include these headers.
FOR_SOURCES_ONLY = {"jiro/http/client_stream.hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def module_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "include":
        return parts[2]
    return parts[1] if len(parts) > 2 else "main"


def target_of(include):
    """(module, module/header) that an include names, or None for what is not ours."""
    if include.endswith(".pb.h"):
        return "proto", include
    if include.startswith("jiro/"):
        return include.split("/")[1], include[len("jiro/"):]
    first = include.split("/")[0]
    return (first, include) if first in MAY_INCLUDE and "/" in include else None


def breaches(path):
    module = module_of(path)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if OTHER_JSON.search(line) and path.relative_to(ROOT).as_posix() not in JSON_READER:
            yield number, "JSON is read by read_json() of jiro/base/json.hpp, and written in order by JsonWriter"
        if OTHER_REGEX.search(line):
            yield number, "std::regex: the one engine is Boost.Regex, in commands/exec/parameter_check.cpp"
        match = INCLUDE.match(line)
        if not match:
            continue
        include = match.group(1)
        if FORBIDDEN.match(include):
            yield number, f"<{include}>: use race() and all() of jiro/base/race.hpp"
        if path.suffix == ".hpp" and include in FOR_SOURCES_ONLY:
            yield number, f"{include} may be included by .cpp files only"
        for_sources_only = path.relative_to(ROOT / path.relative_to(ROOT).parts[0]).as_posix() in FOR_SOURCES_ONLY
        if path.suffix == ".hpp" and HEAVY.match(include) and not for_sources_only:
            yield number, f"the heavy header <{include}> may appear in .cpp files only"
        target = target_of(include)
        if target is None or target[0] == module:
            continue
        if module not in MAY_INCLUDE:
            yield number, f"module {module} is not in the table"
        elif target[0] not in MAY_INCLUDE[module] and target[1] not in MAY_INCLUDE[module]:
            yield number, f"{module} may not include {include}"


def main():
    files = sorted(p for top in ("src", "include") for p in (ROOT / top).rglob("*") if p.suffix in (".cpp", ".hpp"))
    if not files:
        sys.exit("no sources found below " + str(ROOT))
    found = [f"{p.relative_to(ROOT)}:{n}: {why}" for p in files for n, why in breaches(p)]
    print("\n".join(found) if found else f"{len(files)} files keep the include rule")
    sys.exit(1 if found else 0)


main()
