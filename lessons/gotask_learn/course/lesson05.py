"""Lesson 5: a game server, whose arena, replay and autosave tick; and a band that keeps the beat."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import anyio

import gotask
from gotask_learn.evidence import Evidence, Seen, World
from gotask_learn.gates import expect
from gotask_learn.lesson import Lesson

lesson = Lesson(5)
challenge = Lesson(5, challenge=True)

PATIENCE = 0.15
"""Seconds without anything new after which nobody waits any longer."""
FRAME = 0.01
"""Seconds between two frames at full speed."""


class Played(World):
    """Something that goes on in steps, and is over after so many of them."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._done = 0
        self._task: Any = None

    def _stepped(self, what: str, due_at: float, **details: Any) -> None:
        """One step more, due at this moment."""
        self._done += 1
        self._task = gotask.current_task()
        interval = getattr(self._task, "get_tick_interval", lambda: None)()
        self._note(what, due=due_at, interval=interval, **details)

    async def _over(self) -> None:
        """Wait for the last step, as long as there are any."""
        done = -1
        while done < self._done < self._length:
            done, left = self._done, PATIENCE
            while left > 0 and done == self._done:
                await anyio.sleep(0.01)
                left -= 0.01

    @property
    def _missed(self) -> int:
        return getattr(self._task, "missed_ticks", 0)


class Arena(Played):
    """Where the game is played. Now and then there is a fight, which takes as long as several steps."""

    def __init__(self) -> None:
        super().__init__(8)
        self._fights = random.sample(range(2, 6), random.choice((1, 2)))

    async def advance(self, due_at: float) -> None:
        """Move everything on to this moment: one step of the game."""
        self._stepped("advanced", due_at)
        if self._done in self._fights:
            await anyio.sleep(0.035)

    async def closing(self) -> None:
        """Wait until the players go home."""
        await self._over()

    def show_lag(self, steps: int) -> None:
        """Show on the wall how many steps were left out."""
        print(f"[lag] {steps} steps")
        self._note("lag shown", steps=steps, true=self._missed)


class Film(Played):
    """A replay of the best scene. In the middle it goes into slow motion."""

    def __init__(self) -> None:
        super().__init__(10)
        self._slow = random.choice((0.013, 0.017, 0.019))
        self._note("film", slow=self._slow)

    @property
    def pace(self) -> float:
        """Seconds to the next frame, at this point of the film."""
        return FRAME if self._done < 4 else self._slow

    @property
    def is_over(self) -> bool:
        """Whether that was the last frame."""
        return self._done >= self._length

    def show(self, due_at: float) -> None:
        """Show a frame."""
        self._stepped("frame", due_at)


class Disk(World):
    """A slow disk."""

    async def save(self) -> None:
        """Write everything down. It takes a while."""
        await anyio.sleep(0.015)
        task = gotask.current_task()
        held = task is not None and task.parent.blocked is task
        await anyio.sleep(0.015)
        self._note("saved", held=held)


def gaps(seen: list[Seen]) -> list[float]:
    """The seconds between the moments at which these were due."""
    return [later["due"] - earlier["due"] for earlier, later in pairwise(seen)]


def fits(gap: float, interval: float) -> bool:
    """Whether it is a whole number of intervals: what was missed makes one gap of several."""
    times = round(gap / interval)
    return times >= 1 and abs(gap - times * interval) < 1e-6


def shown(seconds: list[float]) -> list[str]:
    """Gaps as people read them."""
    return [f"+{1000 * each:.4g} ms" for each in seconds]


@lesson.gate
def the_game_ticks(found: Evidence) -> None:
    steps = found.saw("advanced")
    expect(steps, "never", ["GOING: advanced"] * 3)
    interval = steps[0]["interval"]
    expect(interval, "by_hand")
    expect(len(steps) >= 3, "too_few", ["GOING: advanced"] * 3, [f"{seen.state and seen.state.name}: advanced"
           for seen in steps], count=len(steps))  # fmt: skip
    found_gaps = gaps(steps)
    expect(all(fits(gap, interval) for gap in found_gaps), "drifts",
           shown([max(round(gap / interval), 1) * interval for gap in found_gaps]), shown(found_gaps))  # fmt: skip


@lesson.gate
def the_replay_follows_the_pace(found: Evidence) -> None:
    slow, late = found.saw("film")[0]["slow"], gaps(found.saw("frame"))[4:]
    expect(late and all(fits(gap, slow) for gap in late), "same_pace",
           shown([slow] * len(late)), shown(late), slow=f"{1000 * slow:g}", fast=f"{1000 * FRAME:g}")  # fmt: skip


@lesson.gate
def saving_holds_up_nothing(found: Evidence) -> None:
    saves = found.saw("saved")
    expect(len(saves) >= 2, "never", ["saved", "saved"], ["saved"] * len(saves))
    expect(not any(seen["held"] for seen in saves), "holds_up")


@lesson.gate
def the_lag_is_shown(found: Evidence) -> None:
    lags = found.saw("lag shown")
    expect(lags, "not_shown")
    expect(any(seen["steps"] == seen["true"] > 0 for seen in lags), "wrong_number",
           [seen["true"] for seen in lags], [seen["steps"] for seen in lags])  # fmt: skip


# The challenge: a band


class Concert(Played):
    """A piece of music. In the middle the conductor wants it faster."""

    def __init__(self) -> None:
        super().__init__(12)
        self._slow, self._fast = random.choice((0.015, 0.018)), random.choice((0.011, 0.013))
        self._rolls = random.sample(range(2, 10), random.choice((1, 2, 3)))

    @property
    def beat(self) -> float:
        """Seconds from one beat to the next, as the conductor wants it now."""
        return self._slow if self._done < 5 else self._fast

    async def drum(self, due_at: float) -> None:
        """A beat of the drum, due at this moment; now and then a roll, which lasts longer than a beat."""
        self._stepped("drummed", due_at, slow=self._slow, fast=self._fast)
        if self._done in self._rolls:
            await anyio.sleep(0.03)

    async def blow(self) -> None:
        """A long note of the trumpet."""
        await anyio.sleep(0.02)
        player = gotask.current_task()
        job = None if self._task is None else self._task.parent
        held = player is not None and job is not None and job.blocked is player
        await anyio.sleep(0.02)
        self._note("blown", held=held)

    async def end(self) -> None:
        """Wait for the end of the piece."""
        await self._over()

    def review(self, missed: int) -> None:
        """What the newspaper writes: how many beats were missed."""
        print(f"newspaper: {missed} beats missed")
        self._note("reviewed", missed=missed, true=self._missed)


@challenge.gate
def the_drummer_keeps_the_beat(found: Evidence) -> None:
    beats = found.saw("drummed")
    expect(beats, "never", ["GOING: drummed"] * 3)
    expect(beats[0]["interval"], "by_hand")
    slow, early = beats[0]["slow"], gaps(beats)[:3]
    expect(early and all(fits(gap, slow) for gap in early), "not_on_time", shown([slow] * 3), shown(early))


@challenge.gate
def the_drummer_follows_the_conductor(found: Evidence) -> None:
    beats = found.saw("drummed")
    fast, late = beats[0]["fast"], gaps(beats)[6:]
    expect(late and all(fits(gap, fast) for gap in late), "same_beat", shown([fast] * len(late)), shown(late))


@challenge.gate
def the_trumpet_does_not_hold_up_the_drum(found: Evidence) -> None:
    notes = found.saw("blown")
    expect(len(notes) >= 2, "silent", ["blown", "blown"], ["blown"] * len(notes))
    expect(not any(seen["held"] for seen in notes), "holds_up")


@challenge.gate
def the_newspaper_is_told(found: Evidence) -> None:
    reviews = found.saw("reviewed")
    expect(reviews, "not_told")
    expect(any(seen["missed"] == seen["true"] for seen in reviews), "wrong_number",
           [seen["true"] for seen in reviews], [seen["missed"] for seen in reviews])  # fmt: skip
