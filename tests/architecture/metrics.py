#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics have one list of names: what the daemon prints, what docs/monitoring.md explains, and what the alert rules and the
dashboard ask for. A name that only one of them knows is a mistake.

    metrics.py ROOT
"""

import json
import re
import sys
from pathlib import Path

NAME = r"\bjiro_[a-z_]+\b"


def printed(source):
    """name -> kind, as src/monitor/prometheus_text.cpp writes them."""
    families = dict(re.findall(r'family\(\s*"(jiro_[a-z_]+)",\s*"(\w+)"', source))
    for kind in ("gauge", "counter", "histogram"):
        families.update({name: kind for name in re.findall(rf'\.{kind}\(\s*"(jiro_[a-z_]+)"', source)})
    return families


def series(families):
    """The names under which Prometheus stores them."""
    names = set()
    for name, kind in families.items():
        names.update([f"{name}_{part}" for part in ("bucket", "sum", "count")] if kind == "histogram" else [name])
    return names


def main(root):
    families = printed((root / "src/monitor/prometheus_text.cpp").read_text())
    page = (root / "docs/monitoring.md").read_text()
    table = dict(re.findall(r"^\| `(jiro_[a-z_]+)` \| (\w+) \|", page, re.M))
    problems = [f"docs/monitoring.md: {name} is a {families.get(name)}, and said to be a {table.get(name)}"
                for name in sorted(families.keys() | table.keys()) if families.get(name) != table.get(name)]
    known = series(families)
    dashboard = json.loads((root / "monitoring/jiro-client.dashboard.json").read_text())
    asked = {"jiro-client.dashboard.json": " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])}
    for file in ("jiro-client.rules.yml", "jiro-client.rules.test.yml"):
        asked[file] = "\n".join(re.findall(r"(?:expr:|series:)(.*(?:\n +[^-a-z].*)*)", (root / "monitoring" / file).read_text()))
    for file, text in asked.items():
        names = set(re.findall(NAME, text))
        assert names, f"{file} asks for nothing"
        problems += [f"monitoring/{file}: {name} is no metric of the daemon" for name in sorted(names - known)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    assert printed('out.gauge("jiro_a", "x", 1); out.family("jiro_b", "counter", "y");') == {"jiro_a": "gauge", "jiro_b": "counter"}
    assert series({"jiro_c": "histogram"}) == {"jiro_c_bucket", "jiro_c_sum", "jiro_c_count"}
    sys.exit(main(Path(sys.argv[1])))
