# SPDX-License-Identifier: MIT
"""Figures to text: the table, the targets, the comparison of two runs."""

import statistics

PHASES = {
    "closed-1": "1 in flight", "closed-16": "16 in flight", "closed-256": "256 in flight",
    "open-1000": "open loop, 1,000/s", "open-3000": "open loop, 3,000/s", "open-6000": "open loop, 6,000/s",
    "closed-16-4096": "16 in flight, 4 KB", "closed-16-262144": "16 in flight, 256 KB",
    "alone-1": "alone, 1 in flight", "alone-16": "alone, 16 in flight", "alone-256": "alone, 256 in flight",
}
FIGURES = {
    "per_second": "commands/s", "p50_us": "p50, µs", "p99_us": "p99, µs", "p999_us": "p99.9, µs",
    "cpu_us": "CPU µs/command",
}
MB = 1024.0


def values(contestant, path):
    """All measured values of one figure: several for what is measured in rounds; none where it was not measured."""
    kind, *rest = path
    if kind == "phases":
        return [run[rest[1]] for run in contestant["phases"].get(rest[0], []) if rest[1] in run]
    if kind == "start_ms":
        return contestant["start_ms"]
    if kind == "size_bytes":
        return [contestant[kind]] if kind in contestant else []
    if kind == "instructions":
        return [contestant[kind]] if kind in contestant else []
    if kind == "idle":
        return [contestant["idle"][rest[0]]] if "idle" in contestant else []
    if kind == "soak" and "soak" in contestant:
        resident = contestant["soak"]["resident_kb"]
        return {"first": resident[:1], "last": resident[-1:], "growth": [resident[-1] - resident[0]]}[rest[0]]
    return []


def median(contestant, path):
    found = values(contestant, path)
    return statistics.median(found) if found else None


def rows():
    for phase, says in PHASES.items():
        for figure, unit in FIGURES.items():
            if phase.startswith("open") and figure == "per_second":
                continue
            yield f"{says}: {unit}", ("phases", phase, figure), 1
    yield "instructions/command", ("instructions",), 1
    yield "exec to Connected, ms", ("start_ms",), 1
    yield "idle: resident, MB", ("idle", "resident_kb"), MB
    yield "idle: threads", ("idle", "threads"), 1
    yield "idle: wake-ups/s", ("idle", "wake_ups_per_second"), 1
    yield "256 in flight: resident, MB", ("phases", "closed-256", "resident_kb"), MB
    yield "256 in flight: peak, MB", ("phases", "closed-256", "peak_kb"), MB
    yield "many commands: resident after the first 100,000, MB", ("soak", "first"), MB
    yield "many commands: resident after the last, MB", ("soak", "last"), MB
    yield "binary, MB", ("size_bytes",), MB * MB


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def cell(contestant, path, unit):
    found = [value / unit for value in values(contestant, path)]
    if not found:
        return "–"
    text = number(statistics.median(found))
    return text if len(found) == 1 else f"{text} [{number(min(found))}–{number(max(found))}]"


def table(run):
    names = list(run["contestants"])
    lines = ["| median [least–most] | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for says, path, unit in rows():
        cells = [cell(run["contestants"][name], path, unit) for name in names]
        if any(one != "–" for one in cells):
            lines.append(f"| {says} | " + " | ".join(cells) + " |")
    for name in names:
        if run["contestants"][name]["missing"]:
            lines.append(f"\n{name}: {run['contestants'][name]['missing']}")
    wrong = [
        f"{name}, {phase}: {figure} {sum(r[figure] for r in runs)}"
        for name in names
        for phase, runs in run["contestants"][name]["phases"].items()
        for figure in ("errors", "duplicates", "lost", "foreign")
        if sum(r[figure] for r in runs)
    ]
    lines.append("\nEvery command had exactly one good result." if not wrong else "\nNOT GOOD: " + "; ".join(wrong))
    return "\n".join(lines)


# What, path, bound beside the floor, bound beside .NET; `least`: ours must be at least so many times the other.
TARGETS = [
    ("1 in flight: p50", ("phases", "closed-1", "p50_us"), 1.2, 1, "most"),
    ("1 in flight: p99", ("phases", "closed-1", "p99_us"), None, 1, "most"),
    ("1 in flight: CPU", ("phases", "closed-1", "cpu_us"), None, 1, "most"),
    ("16 in flight: commands/s", ("phases", "closed-16", "per_second"), None, 1, "least"),
    ("16 in flight: p50", ("phases", "closed-16", "p50_us"), 1.5, 1, "most"),
    ("16 in flight: p99", ("phases", "closed-16", "p99_us"), None, 1, "most"),
    ("16 in flight: CPU", ("phases", "closed-16", "cpu_us"), 1.5, 1, "most"),
    ("256 in flight: commands/s", ("phases", "closed-256", "per_second"), 0.65, 1, "least"),
    ("256 in flight: p99", ("phases", "closed-256", "p99_us"), None, 1, "most"),
    ("256 in flight: CPU", ("phases", "closed-256", "cpu_us"), 1.6, 1, "most"),
    ("4 KB: commands/s", ("phases", "closed-16-4096", "per_second"), None, 1, "least"),
    ("4 KB: p50", ("phases", "closed-16-4096", "p50_us"), None, 1, "most"),
    ("4 KB: CPU", ("phases", "closed-16-4096", "cpu_us"), 1.6, 1, "most"),
    ("256 KB: commands/s", ("phases", "closed-16-262144", "per_second"), None, 1, "least"),
    ("256 KB: p50", ("phases", "closed-16-262144", "p50_us"), 4, 1, "most"),
    ("256 KB: CPU", ("phases", "closed-16-262144", "cpu_us"), 3, 1, "most"),
    ("1,000/s: p99", ("phases", "open-1000", "p99_us"), 2, 1, "most"),
    ("3,000/s: p99", ("phases", "open-3000", "p99_us"), 2, 1, "most"),
    ("6,000/s: p99", ("phases", "open-6000", "p99_us"), 2, 1, "most"),
    ("resident, idle", ("idle", "resident_kb"), None, 0.25, "most"),
    ("exec to Connected", ("start_ms",), None, 0.2, "most"),
]
LIMITS = [
    ("resident, idle: MB", ("idle", "resident_kb"), MB, 25),
    ("resident, growth after the first 100,000: MB", ("soak", "growth"), MB, 1),
    ("exec to Connected: ms", ("start_ms",), 1, 50),
    ("idle: wake-ups/s", ("idle", "wake_ups_per_second"), 1, 2),
]


def verdict(value, bound, kind):
    if value is None:
        return "not measured"
    good = value <= bound if kind == "most" else value >= bound
    return f"{value:.2f} ({'≤' if kind == 'most' else '≥'} {bound:g}) {'met' if good else 'MISSED'}"


def targets(run):
    ours, floor, dotnet = (run["contestants"].get(name) for name in ("ours", "floor", ".NET"))
    lines = ["| target | beside the floor | beside .NET |", "|---|---|---|"]
    for says, path, floor_bound, dotnet_bound, kind in TARGETS:
        cells = []
        for other, bound in ((floor, floor_bound), (dotnet, dotnet_bound)):
            mine, theirs = (median(one, path) if one else None for one in (ours, other))
            cells.append("" if bound is None else verdict(mine / theirs if mine and theirs else None, bound, kind))
        lines.append(f"| {says} | " + " | ".join(cells) + " |")
    lines += ["", "| limit | ours |", "|---|---|"]
    for says, path, unit, bound in LIMITS:
        mine = median(ours, path)
        lines.append(f"| {says} | {verdict(None if mine is None else mine / unit, bound, 'most')} |")
    return "\n".join(lines)


def noise(found):
    """Half the distance between the quartiles, as a share of the median: what a difference must exceed to mean something."""
    if len(found) < 3 or not statistics.median(found):
        return None
    low, _, high = statistics.quantiles(found, n=4)
    return (high - low) / 2 / abs(statistics.median(found))


def comparison(old, new):
    lines = ["| new / old | ratio | noise | old | new |", "|---|---:|---:|---:|---:|"]
    for name in new["contestants"]:
        if name not in old["contestants"]:
            continue
        before, after = old["contestants"][name], new["contestants"][name]
        for says, path, unit in rows():
            then, now = median(before, path), median(after, path)
            if not then or now is None:
                continue
            spreads = [n for n in (noise(values(before, path)), noise(values(after, path))) if n is not None]
            spread = f"± {100 * sum(spreads):.0f} %" if spreads else "?"
            lines.append(f"| {name}, {says} | {now / then:.2f} | {spread} | {number(then / unit)} | {number(now / unit)} |")
    return "\n".join(lines)
