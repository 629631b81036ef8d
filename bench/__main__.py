"""`python -m bench [NAME...]`: run measurements, print their tables, write bench/results/NAME.json."""

from __future__ import annotations

import argparse
import importlib

from bench.report import CannotMeasure, table, write

NAMES = {
    "throughput": "submissions a minute, stored to feedback ready, against nbgrader's own ways",
    "phases": "where the time of a submission goes, phase by phase",
    "burst": "seconds until 200 submissions within 10 seconds all have feedback",
    "soak": "what a worker holds before and after 10,000 jobs",
    "marking": "submissions marked a minute, against `nbgrader autograde` on the same course folder",
    "latency": "seconds from submit to feedback through a running campus, against nbgrader's two commands",
    "regrade": "seconds to mark 1,000 attempts again with other tests, to see what changes, and to apply it",
    "attacks": "what each attack of tests/attacks wins from stock nbgrader, and from ours",
    "week": "a week of 760 trainees on 64 slices, against first come, first served; writes docs/explanation/a-week.md",
    "leases": "milliseconds of a lease decision with 1,000 slices and 10,000 people who wait",
    "class_start": "seconds from the click of each of 300 students at the bell to a server that answers",
    "spawn": "seconds from a click to a lab in a container, and its memory, against DockerSpawner and `docker run`",
    "start": "seconds until a campus is open, and a lab is ready",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="Measure this machine side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or list(NAMES)
    for name in names:
        if name not in NAMES:
            parser.error(f"{name!r} is no measurement; there are {', '.join(NAMES)}")
    for name in names:
        print(f"\n{name}: {NAMES[name]}\n")
        try:
            results = importlib.import_module(f"bench.{name}").measure()
        except CannotMeasure as why:
            print(f"not measured: {why}")
            continue
        print(table(results))
        print(f"\nwritten to {write(name, results)}")


if __name__ == "__main__":
    main()
