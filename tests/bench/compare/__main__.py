# SPDX-License-Identifier: MIT
"""The comparison; started by scripts/bench, which builds first."""

import argparse
import datetime
import json
import sys
from pathlib import Path

from compare import contestants, measure, table


def main():
    options = read_options()
    if options.compare:
        old, new = (json.loads(Path(file).read_text()) for file in options.compare)
        print(table.comparison(old, new))
        return
    everyone = contestants.all_contestants(options.build)
    if options.only:
        everyone = [one for one in everyone if one.name in options.only]
    rounds, seconds, idle, starts, warm_up = (3, 0.5, 5, 5, 2000) if options.quick else (5, 1.2, 20, 7, 10_000)
    measurement = measure.Measurement(everyone, options.build, options.rounds or rounds, seconds, say)
    measurement.starts(starts)
    measurement.under_load(idle, warm_up)
    if options.alone:
        measurement.alone(warm_up)
    if options.soak:
        measurement.soak(options.soak)
    if options.instructions:
        measurement.instructions()
    run = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": measure.machine(),
        "rounds": measurement.rounds,
        "seconds": seconds,
        "contestants": measurement.figures,
    }
    print(f"{run['machine']}; {run['rounds']} rounds of {seconds} s\n\n{table.table(run)}\n\n{table.targets(run)}")
    options.output.write_text(json.dumps(run, indent=1))
    say(f"written to {options.output}")


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="ours, the floor and .NET, side by side")
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="instead of 5 (--quick: 3)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these of: floor ours .NET database power memory untuned")
    parser.add_argument("--alone", action="store_true", help="also floor, ours and .NET each alone with its load side")
    parser.add_argument("--soak", type=int, metavar="N", help="also resident memory over N commands, e.g. 1000000")
    parser.add_argument("--instructions", action="store_true", help="also instructions per command (callgrind: slow)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes (build/bench/bench.json)")
    parser.add_argument("--compare", nargs=2, metavar=("OLD", "NEW"), help="only compare two such files")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.output = options.output or options.build / "bench.json"
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
