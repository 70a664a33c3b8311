"""Lesson 8: a ground station and its moody satellites. The challenge: a courier in a town full of traffic."""

from __future__ import annotations

import random
from itertools import pairwise

import anyio

from gotask_learn import evidence
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import expect
from gotask_learn.lesson import Lesson

lesson = Lesson(8)
challenge = Lesson(8, challenge=True)


class Satellite(World):
    """A satellite. It can be contacted, and then sends a picture; what goes wrong is a ConnectionError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._contacts = 0

    async def contact(self) -> None:
        """Point the antenna at it."""
        await anyio.sleep(0.001)
        self._contacts += 1
        self._note("contact", satellite=self.name)
        self._answer()

    async def receive(self) -> str:
        """Wait for its picture, and return it."""
        await anyio.sleep(0.001)
        picture = f"{self.name}-{random.randrange(1000, 10000)}.png"
        self._note("picture", satellite=self.name, picture=picture)
        return picture

    def _answer(self) -> None:
        """Raise if it does not answer."""

    def _fail(self, why: str) -> None:
        self._note("failed", satellite=self.name, why=why)
        raise ConnectionError(why)


class Cloudy(Satellite):
    """Behind clouds, for two or three attempts."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._clouds = random.randrange(2, 4)

    def _answer(self) -> None:
        if self._contacts <= self._clouds:
            self._fail("clouds")


class Lost(Satellite):
    """Gone for good; all that comes back is noise."""

    def _answer(self) -> None:
        self._fail(f"nothing but noise of {random.randrange(100, 1000)} dB")


class Orbiter(Satellite):
    """In sight for 20 ms at a time. A picture takes it several passes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._passes = random.randrange(4, 6)

    async def receive(self) -> str:
        await anyio.sleep(0.02)
        if self._contacts < self._passes:
            self._fail("below the horizon")
        return await super().receive()


class Silent(Satellite):
    """Hangs after the first contact, and says nothing."""

    async def receive(self) -> str:
        if self._contacts == 1:
            await anyio.sleep_forever()
        return await super().receive()


class Overheated(Satellite):
    """Its transmitter is too hot to answer. It cools in 40 ms, if nobody calls it meanwhile."""

    _called_at = 0.0
    _moves = 0
    _is_cool = False

    def _answer(self) -> None:
        now, moves = anyio.current_time(), evidence.CURRENT.moves
        # A slow machine may stand still for 40 ms: that is no peace, which has to be kept while others could call.
        in_peace = now - self._called_at >= 0.04 and moves - self._moves >= 20
        if self._contacts <= 3 or not (in_peace or self._is_cool):
            self._called_at, self._moves = now, moves
            self._fail("overheated")
        self._is_cool = True


class Archive(World):
    """The pictures of last year."""

    async def last_picture(self) -> str:
        """The last one there is."""
        await anyio.sleep(0.001)
        picture = f"archive-{random.randrange(1000, 10000)}.png"
        self._note("archive asked", picture=picture)
        return picture


class Screen(World):
    """The screen of the ground station."""

    def show(self, label: str, value: object) -> None:
        """Show a value under a label."""
        print(f"[{label}] {value}")
        self._note("shown", label=label, value=value)


def acts(found: Evidence, satellite: str) -> list[Seen]:
    """What was done about a satellite."""
    return [seen for seen in found.seen if seen.details.get("satellite") == satellite]


def link(found: Evidence, satellite: str, otherwise: str = "no_task") -> Known:
    """The task that contacted this satellite."""
    first = found.saw("contact", satellite=satellite)[:1]
    task = found.known(first[0]) if first else None
    expect(task is not None, otherwise, [f"STARTING: contact {satellite}"], acts(found, satellite))
    assert task is not None
    return task


def lives(task: Known) -> list[str]:
    """How each life of a task ended."""
    return [f"life {record.life}: {record.reason_type}" for record in task.records]


def told(delays: list[float]) -> list[str]:
    """Delays as the observer reported them."""
    return [f"wait {delay * 1000:.0f} ms" for delay in delays]


def shown(found: Evidence) -> list[str]:
    """What is on the screen."""
    return [str(seen["value"]) for seen in found.saw("shown")]


def doubled(delays: list[float]) -> list[float]:
    """The delays as they should be, from the first one on."""
    return [delays[0] * 2**index for index in range(len(delays))]


def alike(left: list[float], right: list[float]) -> bool:
    return len(left) == len(right) and all(abs(a - b) <= 0.01 * b for a, b in zip(left, right, strict=True))


@lesson.gate
def it_tries_again_and_waits_longer_each_time(found: Evidence) -> None:
    task, tries = link(found, "cloudy"), found.saw("contact", satellite="cloudy")
    expect(len({seen.life for seen in tries}) == len(tries), "by_hand", ["one contact in each life"],
           [f"life {seen.life}: contact" for seen in tries])  # fmt: skip
    expect(task.delays, "never_again", ["life 1: ConnectionError", "life 2: ..."], lives(task))
    expect(task.reason == "TaskComplete", "gave_up", ["...", "TaskComplete"], lives(task))
    expect(alike(task.delays, doubled(task.delays)), "not_doubled", told(doubled(task.delays)), told(task.delays))


@lesson.gate
def a_good_life_resets_the_count(found: Evidence) -> None:
    task = link(found, "orbiter")
    expect(task.reason == "TaskComplete", "gave_up", ["...", "TaskComplete"], lives(task))
    same = task.delays[:1] * len(task.delays)
    expect(alike(task.delays, same), "kept_counting", told(same), told(task.delays))


@lesson.gate
def it_says_what_it_gave_up_on(found: Evidence) -> None:
    task = link(found, "lost")
    expect(task.reason == "RetryExhausted", "not_exhausted", ["...", "RetryExhausted"], lives(task))
    why = found.saw("failed", satellite="lost")[-1]["why"]
    outer = task.records[-1].reason
    causes = [text for text in shown(found) if why in text and outer not in text]
    expect(causes, "no_cause", [outer, why], [text for text in shown(found) if why in text])


@lesson.gate
def a_silent_link_is_restarted(found: Evidence) -> None:
    task = link(found, "silent")
    wanted = ["life 1: Restart", "life 2: TaskComplete"]
    expect(len({seen.task for seen in found.saw("contact", satellite="silent")}) == 1, "another_task", wanted,
           [str(seen) for seen in acts(found, "silent")])  # fmt: skip
    expect([record.reason_type for record in task.records[:1]] == ["Restart"], "not_restarted", wanted, lives(task))
    pictures = [seen["picture"] for seen in found.saw("picture", satellite="silent")]
    expect(pictures and pictures[-1] in shown(found), "not_shown", pictures or ["a picture"], shown(found))


@lesson.gate
def the_archive_stands_in(found: Evidence) -> None:
    task, asked = link(found, "dead", "no_fallback"), found.saw("archive asked")
    expect(asked, "no_fallback", ["the archive asked", "TaskComplete"], lives(task))
    expect(asked[0].task == task.id, "by_hand", ["GOING: archive asked"], asked)
    picture = asked[0]["picture"]
    expect(task.reason == "TaskComplete" and picture in shown(found), "no_result", [picture], shown(found))


@lesson.gate
def a_breaker_spares_the_hot_one(found: Evidence) -> None:
    calls = len(found.saw("failed", satellite="hot"))
    callers = {seen.task for seen in found.saw("contact", satellite="hot")}
    tasks = [task for task in found.tasks.values() if task.id in callers]
    opened = any("CircuitOpenError" in line for task in tasks for line in lives(task))
    wanted, actual = ["called 3 times while hot"], [f"called {calls} times while hot"]
    expect(opened, "no_breaker", wanted, actual)
    expect(calls <= 2 * 3, "not_shared", wanted, actual, count=calls)
    expect(all(task.reason == "TaskComplete" for task in tasks), "never_up", ["TaskComplete"] * 3,
           [task.reason for task in tasks])  # fmt: skip


# The challenge: a courier


class Jam(Exception):
    """The road is blocked, for the moment."""


class WrongAddress(Exception):
    """Nobody of that name lives there."""


class Town(World):
    """Where parcels are to be delivered."""

    def __init__(self) -> None:
        self._jams = {"baker": random.randrange(4, 6), "hermit": 1000}

    async def deliver(self, name: str) -> str:
        """Bring a parcel to this person; returns a receipt. Raises Jam or WrongAddress."""
        await anyio.sleep(0.001)
        self._note("drove", to=name)
        if name == "nobody":
            self._fail(WrongAddress(f"there is no house number {random.randrange(100, 1000)}"), name)
        self._jams[name] -= 1
        if self._jams[name] >= 0:
            self._fail(Jam(f"stuck behind {random.randrange(20, 1000)} sheep"), name)
        receipt = f"receipt {random.randrange(1000, 10000)}"
        self._note("delivered", to=name, receipt=receipt)
        return receipt

    def _fail(self, error: Exception, name: str) -> None:
        self._note("in vain", to=name, why=str(error))
        raise error

    async def store(self) -> str:
        """The depot takes whatever cannot be delivered; returns a receipt."""
        await anyio.sleep(0.001)
        receipt = f"depot receipt {random.randrange(1000, 10000)}"
        self._note("stored", receipt=receipt)
        return receipt


class Book(World):
    """The book of the courier service."""

    def write(self, line: object) -> None:
        """Write a line."""
        print(f"book: {line}")
        self._note("written", line=str(line))


def courier(found: Evidence, name: str) -> Known:
    """The task that drove to this person."""
    task = found.known(found.saw("drove", to=name)[0])
    assert task is not None
    return task


@challenge.gate
def the_courier_waits_for_the_sheep(found: Evidence) -> None:
    drives = found.saw("drove", to="baker")
    expect(drives, "never_drove", ["GOING: drove baker"])
    task = courier(found, "baker")
    expect(len({seen.life for seen in drives}) == len(drives), "by_hand", ["one drive in each life"],
           [f"life {seen.life}: drove baker" for seen in drives])  # fmt: skip
    expect(task.delays, "never_again", ["life 1: Jam", "life 2: ..."], lives(task))
    expect(task.reason == "TaskComplete", "gave_up", ["...", "TaskComplete"], lives(task))
    wanted = [min(delay, 0.012) for delay in doubled(task.delays)]
    expect(max(task.delays) <= 0.012, "too_long", told(wanted), told(task.delays))
    expect(all(a < b or b >= 0.006 for a, b in pairwise(task.delays)), "not_doubled", told(wanted), told(task.delays))


@challenge.gate
def no_second_drive_to_nobody(found: Evidence) -> None:
    drives = found.saw("drove", to="nobody")
    expect(len(drives) == 1, "again", ["drove nobody"], [f"drove {seen['to']}" for seen in drives], count=len(drives))
    failed = [record.reason_type for record in courier(found, "nobody").records][:1]
    expect(failed == ["WrongAddress"], "swallowed", ["life 1: WrongAddress"], lives(courier(found, "nobody")))


@challenge.gate
def what_cannot_be_delivered_goes_to_the_depot(found: Evidence) -> None:
    stored = found.saw("stored")
    by = {task for seen in stored if (known := found.known(seen)) for task in (known.id, known.parent)}
    for name in ("nobody", "hermit"):
        task = courier(found, name)
        expect(task.id in by, "not_stored", ["...", f"stored {name}"], lives(task), name=name)
        expect(task.reason == "TaskComplete", "result_lost", ["TaskComplete"], lives(task))
    expect(len(stored) == 2, "stored_too_much", ["GOING: stored"] * 2, stored)


@challenge.gate
def the_book_tells_how_each_ended(found: Evidence) -> None:
    lines = [seen["line"] for seen in found.saw("written")]
    for seen in found.saw("delivered") + found.saw("stored"):
        expect(any(seen["receipt"] in line for line in lines), "no_receipt", [seen["receipt"]], lines)
    for name in ("nobody", "hermit"):
        why = found.saw("in vain", to=name)[-1]["why"]
        expect(any(why in line for line in lines), "no_cause", [why], lines)
