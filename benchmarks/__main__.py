"""`python -m benchmarks`: measure, and print the table."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import history, readme
from benchmarks.contestants import installed
from benchmarks.loops import LOOPS
from benchmarks.machine import machine, sentence
from benchmarks.runner import run
from benchmarks.table import as_values, render
from benchmarks.workloads import WORKLOADS, chosen


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What gotask costs, beside its peers.")
    names = ", ".join(one.name for one in WORKLOADS)
    parser.add_argument("--only", default="", metavar="W1,W3", help=f"only these workloads, of {names}")
    parser.add_argument("--backend", default="", metavar="NAME", help=f"only who runs on these, of {', '.join(LOOPS)}")
    parser.add_argument("--quick", action="store_true", help="the smallest size of each, three rounds")
    parser.add_argument("--full", action="store_true", help="the largest sizes too: a million children, seven rounds")
    parser.add_argument("--rounds", type=int, help="rounds of which the median is taken (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement to this file")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--history", action="store_true", help="instead of all that: what a durable history costs")
    instead.add_argument("--dashboard", action="store_true", help="instead: what the dashboard costs; needs Chromium")
    asked = parser.parse_args(arguments)
    try:
        asked.workloads = chosen(_names(asked.only))
    except ValueError as error:
        parser.error(str(error))
    asked.backends = _names(asked.backend)
    if not set(asked.backends) <= set(LOOPS):
        parser.error(f"--backend takes {', '.join(LOOPS)}")
    asked.rounds = asked.rounds or (3 if asked.quick else 7 if asked.full else 5)
    return asked


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def main(arguments: list[str]) -> int:
    """Run, and tell."""
    asked = options(arguments)
    if asked.history:
        print(f"{sentence()}\n\n{history.report(*history.sizes(asked.quick), asked.rounds)}")
        return 0
    if asked.dashboard:
        from benchmarks import dashboard  # needs what the others do not: Playwright, and a browser

        print(f"{sentence()}\n\n{dashboard.report(*dashboard.sizes(asked.quick))}")
        return 0
    results = run(
        asked.workloads,
        installed(asked.backends),
        rounds=asked.rounds,
        quick=asked.quick,
        full=asked.full,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    table = f"{sentence()}\n\n{render(results)}"
    print(table)
    if asked.json:
        values = {"machine": machine(), "results": as_values(results)}
        asked.json.write_text(json.dumps(values, indent=1), encoding="utf-8")
    if asked.write:
        readme.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
