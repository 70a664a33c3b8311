"""What a durable history costs, beside the same work without one: `python -m benchmarks --history`."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import anyio

import gotask
from benchmarks.alone import ask, peak_memory
from gotask.store import HistoryStore

JOBS = 4
BURST = 500
STEADY = 50_000
"""Lives a second that must be kept up with."""


class Short(gotask.Task):
    """A life with a body that returns at once."""

    async def run(self) -> None:
        pass


@dataclass(frozen=True)
class Turn:
    """One turn: `lives` in `wall` seconds, of which bursts took `busy`; CPU of the tree's thread, and of the others.

    `behind` lives were not written at its end, which took `flush` seconds more; `dropped` never were.
    """

    lives: int
    wall: float
    busy: float
    cpu: float
    others: float = 0.0
    behind: int = 0
    flush: float = 0.0
    dropped: int = 0


async def take(lives: int, rate: int | None, where: Path | None) -> Turn:
    """So many lives in bursts, each waited for: at full speed, or so many a second."""
    async with gotask.RootManager() as root:
        store = None
        if where is not None:
            store = root.add_task(HistoryStore(where, max_lives=None))
            await store.flush()
        jobs = [root.add_task(gotask.Work()) for _ in range(JOBS)]
        await jobs[-1].wait_started()
        gc.collect()
        spent_busy, began = 0.0, time.perf_counter()
        own, all_threads = time.thread_time(), time.process_time()
        for number in range(lives // BURST):
            if rate is not None:
                await anyio.sleep(max(began + number * BURST / rate - time.perf_counter(), 0))
            started = time.perf_counter()
            for job in jobs:
                for _ in range(BURST // JOBS):
                    last = job.add_task(Short())
            await last
            spent_busy += time.perf_counter() - started
        wall, cpu = time.perf_counter() - began, time.thread_time() - own
        if store is None:
            return Turn(lives, wall, spent_busy, cpu)
        behind, ended = store.waiting, time.perf_counter()
        await store.flush(timeout=60)
        others = time.process_time() - all_threads - (time.thread_time() - own)
        return Turn(lives, wall, spent_busy, cpu, others, behind, time.perf_counter() - ended, store.dropped)


def compare(lives: int, rate: int | None, rounds: int, folder: Path) -> tuple[list[Turn], list[Turn]]:
    """Turns without and with a history, in alternation."""
    without, kept = [], []
    for number in range(rounds):
        without.append(anyio.run(take, lives, rate, None))
        kept.append(anyio.run(take, lives, rate, folder / f"{rate}-{number}.db"))
    return without, kept


def sizes(quick: bool) -> tuple[int, int]:
    """Lives in a turn, and for the memory."""
    return (5_000, 5_000) if quick else (200_000, 1_000_000)


def report(lives: int, million: int, rounds: int) -> str:
    """All figures, a line each."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, rate in ((f"{STEADY:,} lives a second", STEADY), ("full speed", None)):
            without, kept = compare(lives, rate, rounds, Path(folder))
            lines += [f"{name}, {lives:,} lives, median of {rounds} rounds:"]
            lines += [
                figure("lives a second without history", median(one.lives / one.wall for one in without), "{:,.0f}"),
                figure("lives a second with it", median(one.lives / one.wall for one in kept), "{:,.0f}"),
                figure("the tree's bursts take longer by", slower(without, kept, busy), "{:.0f} %"),
                figure("the tree's thread uses more CPU by", slower(without, kept, cpu), "{:.0f} %"),
                figure("CPU of the tree's thread, with history", 1e6 * median(map(cpu, kept)), "{:.2f} µs a life"),
                figure("CPU of the writer", 1e6 * median(map(writer_cpu, kept)), "{:.2f} µs a life"),
                figure("lives not yet written at the end", median(one.behind for one in kept), "{:,.0f}"),
                figure("written after", median(one.flush for one in kept), "{:.2f} s"),
                figure("written a second, to the last one", median(map(written, kept)), "{:,.0f}"),
                figure("lives dropped", max(one.dropped for one in kept), "{:,.0f}"),
            ]
    for name, kind in (("without history", "memory"), ("with history", "store")):
        peak = float(ask("-m", "benchmarks.history", kind, str(million), patience=60 + million / 5_000))
        lines += [figure(f"peak memory after {million:,} lives at that rate, {name}", peak, "{:.0f} MB")]
    return "\n".join(lines)


def busy(turn: Turn) -> float:
    """Seconds of wall clock a life took the tree."""
    return turn.busy / turn.lives


def cpu(turn: Turn) -> float:
    """Seconds of CPU a life took the tree's thread."""
    return turn.cpu / turn.lives


def writer_cpu(turn: Turn) -> float:
    """Seconds of CPU a life took all other threads."""
    return turn.others / turn.lives


def written(turn: Turn) -> float:
    """Lives written a second, from the first to the last."""
    return (turn.lives - turn.dropped) / (turn.wall + turn.flush)


def slower(without: list[Turn], kept: list[Turn], value: Callable[[Turn], float]) -> float:
    """By how many per cent a figure grew: each turn compared with its neighbour, and the median of that."""
    return median(100 * (value(one) / value(other) - 1) for one, other in zip(kept, without, strict=True))


def figure(name: str, value: float, form: str) -> str:
    """A line of the report."""
    return f"  {name:<66}{form.format(value)}"


def main(kind: str, lives: str) -> None:
    """What is done in a process of its own: so many lives, with a store or without."""
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(take, int(lives), STEADY, Path(folder) / "history.db" if kind == "store" else None)
    print(f"\n{peak_memory()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
