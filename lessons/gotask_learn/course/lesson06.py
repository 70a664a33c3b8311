"""Lesson 6: three ferries, each a tree of its own; and a bakery, whose shop is a plain program."""

from __future__ import annotations

import random
import re
import threading

import anyio
from anyio.lowlevel import checkpoint

from gotask import TaskState
from gotask.words import can_show
from gotask_learn import evidence
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import expect
from gotask_learn.lesson import Lesson

lesson = Lesson(6)
challenge = Lesson(6, challenge=True)

NAMES = ("Ada", "Bo", "Cem", "Dao", "Eve", "Finn", "Gul", "Hana")
TURNS = 100
"""Turns of the event loop in which all that a stop brings about is over, however slow the machine."""
PLAIN = str.maketrans("├└─│", "|`-|")
"""How a terminal that knows only ASCII draws a tree."""
DANGERS = ("fog", "a whale", "an iceberg", "a storm")


def open_roots() -> list[int]:
    """The ids of the roots that are open now."""
    roots = [task for task in list(evidence.CURRENT.tasks.values()) if task.parent is None]
    return [root.id for root in roots if TaskState.DISPOSED not in root.states]


async def take_turns() -> None:
    """Let everything happen that is about to."""
    for _ in range(TURNS):
        await checkpoint()


class Ferry(World):
    """A ferry, with its engine, its crew and its boiler."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._engine = "engine off"
        self._watches: list[anyio.Event] = []
        self.crew = tuple(random.sample(NAMES, random.randrange(3, 6)))

    def engine_on(self) -> None:
        """Start the engine."""
        self._engine = "engine on"
        self._note("engine on", ferry=self._name)

    def engine_off(self) -> None:
        """Stop the engine."""
        self._engine = "engine off"
        self._note("engine off", ferry=self._name)

    def board(self, sailor: object) -> None:
        """A sailor comes on board."""
        self._note("on board", ferry=self._name, sailor=sailor)

    def leave(self, sailor: object) -> None:
        """A sailor goes ashore."""
        self._note("ashore", ferry=self._name, sailor=sailor)

    async def cross(self) -> None:
        """Sail to the other side."""
        engine = self._engine
        await anyio.sleep(0.03)
        await take_turns()
        for watch in self._watches:
            await watch.wait()
        await take_turns()
        self._note("crossed", ferry=self._name, engine=engine)

    def moor(self) -> None:
        """Make fast at the pier."""
        self._note("moored", ferry=self._name, engine=self._engine)

    async def watch(self) -> str:
        """Look out; returns what is ahead."""
        watch = anyio.Event()
        self._watches.append(watch)
        try:
            await anyio.sleep(0.01)
        finally:
            watch.set()
        danger = random.choice(DANGERS)
        self._note("sighted", ferry=self._name, danger=danger)
        return danger

    def put_out_fire(self) -> None:
        """Put out the fire under the boiler, which then cools down in its own time."""
        self._note("cooling", ferry=self._name)


class Office(World):
    """The office of the shipping company. It keeps every paper."""

    def file(self, paper: object) -> None:
        """Keep a paper."""
        text = str(paper)
        print(f"[office] {text if can_show(text) else text.translate(PLAIN)}")
        self._note("filed", text="" if callable(paper) else str(paper), roots=open_roots())


def papers(found: Evidence, root: int | None = None) -> list[str]:
    """What was filed; if a root is named, after its end, and before the boiler cools."""
    filed = found.saw("filed")
    if root is not None:
        last = found.seen.index(found.saw("cooling")[0]) if found.saw("cooling") else None
        filed = [seen for seen in found.seen[:last] if seen in filed and root not in seen["roots"]]
    return [seen["text"] for seen in filed]


def root_of(found: Evidence, seen: Seen) -> Known:
    """The root of the tree in which this was done."""
    known = found.known(seen)
    assert known is not None
    while known.parent is not None:
        known = found.tasks[known.parent]
    return known


def first_lines(texts: list[str]) -> list[str]:
    """Papers as lines of a table."""
    return [text.splitlines()[0][:60] for text in texts if text]


@lesson.gate
def the_day_trip_has_a_root(found: Evidence) -> None:
    wanted = ["STARTING: engine on", "main: crossed engine on", "DISPOSING: engine off", "main: moored engine off"]
    acts = [seen for seen in found.seen if seen.details.get("ferry") == "day"]
    did = [str(seen).replace(" day", "") for seen in acts]
    started = found.saw("engine on", ferry="day")
    expect(started and started[0].task is not None, "no_root", wanted, did)
    crossed = found.saw("crossed", ferry="day")
    expect(crossed, "not_crossed", wanted, did)
    expect(crossed[0]["engine"] == "engine on", "adrift", wanted, did)
    expect(found.saw("moored", ferry="day", engine="engine off"), "left_on", wanted, did)


@lesson.gate
def the_night_ferry_files_who_is_on_board(found: Evidence) -> None:
    crew = [str(seen["sailor"]) for seen in found.saw("on board", ferry="night")]
    filed = papers(found)
    expect(any(all(name in text for name in crew) for text in filed), "nobody",
           [f"a paper with {name}" for name in crew], first_lines(filed))  # fmt: skip


@lesson.gate
def the_night_ferry_is_shut_down_and_reports(found: Evidence) -> None:
    crew = found.saw("on board", ferry="night")
    expect(crew, "not_shut")
    root = root_of(found, crew[0])
    expect(root.stops and "cancelled" not in str(root.stops[0]), "not_shut")
    count = len(found.children(root.id)) + 1
    filed = papers(found, root.id)
    expect(any(str(count) in re.findall(r"\d+", text) for text in filed), "not_filed",
           [f"{count} tasks disposed"], first_lines(filed), count=count)  # fmt: skip


@lesson.gate
def the_steamer_does_not_wait_for_its_boiler(found: Evidence) -> None:
    cooling = found.saw("cooling", ferry="steamer")
    stoker = found.known(cooling[0]) if cooling else None
    expect(stoker is not None and stoker.records and stoker.records[-1].abandoned, "waited")
    assert stoker is not None
    filed = papers(found)
    expect(any(re.search(rf"#{stoker.id}\b", text) for text in filed), "not_filed",
           [f".../{stoker.owner_type}#{stoker.id} hangs at ..."], first_lines(filed))  # fmt: skip


@lesson.gate
def the_lookout_turns_all_of_them_back(found: Evidence) -> None:
    sighted = found.saw("sighted", ferry="coaster")
    expect(sighted, "others_stay")
    danger = sighted[0]["danger"]
    sailors = [found.known(seen) for seen in found.saw("on board", ferry="coaster")]
    known = [sailor for sailor in sailors if sailor is not None and sailor.stops]
    reasons = [repr(sailor.stops[0]) for sailor in known]
    wanted = [f"Exit('... {danger} ...')"] * len(known)
    acts = [seen.what for seen in found.seen if seen.details.get("ferry") == "coaster"]
    expect("ashore" in acts[: acts.index("crossed")], "others_stay", wanted, reasons)
    expect(all(sailor.reason == "Exit" for sailor in known), "not_exit", wanted, reasons)
    expect(all(danger in str(sailor.stops[0]) for sailor in known), "no_word", wanted, reasons, danger=danger)


# The challenge: a bakery


class Bakery(World):
    """The bakehouse: its oven, its road, and a bed in the back room."""

    def __init__(self) -> None:
        self._snoring = threading.Event()

    async def bake(self) -> int:
        """A batch; returns how many loaves it is."""
        await anyio.sleep(0.02)
        loaves = random.randrange(100, 1000)
        self._note("baked", loaves=loaves)
        return loaves

    async def drive(self) -> None:
        """Drive to the village, through the traffic."""
        self._note("drives")
        await anyio.sleep(0.15)
        self._note("arrived")

    def lie_down(self) -> None:
        """Lie down in the back room; the snoring begins at once."""
        self._note("naps")
        self._snoring.set()

    def listen(self) -> bool:
        """Wait until somebody snores; False if nobody does."""
        return self._snoring.wait(0.2)


class Shop(World):
    """The shop: a plain program with a till. It has no event loop."""

    def sell(self, loaves: object) -> None:
        """Sell a batch."""
        print(f"shop: {loaves} loaves sold")
        self._note("sold", loaves=loaves, plain=is_plain(), roots=open_roots())


class Ledger(World):
    """The book in which everything is written down."""

    def write(self, line: object) -> None:
        """Write a line."""
        print(f"ledger: {line}")
        kinds = [kind.__name__ for kind in type(line).__mro__]
        self._note("written", text=str(line), kinds=kinds, plain=is_plain(), roots=open_roots())


def is_plain() -> bool:
    """Whether no event loop runs here."""
    try:
        anyio.get_current_task()
    except Exception:
        return True
    return False


def lines(found: Evidence) -> list[str]:
    """What the ledger says."""
    return [seen["text"] for seen in found.saw("written")]


@challenge.gate
def the_night_shift_is_run(found: Evidence) -> None:
    shop = [root for seen in found.saw("sold") for root in seen["roots"]]
    baked = [seen for seen in found.saw("baked") if seen.task is not None and root_of(found, seen).id not in shop]
    expect(baked, "not_run", ["GOING: baked"])
    loaves, root = str(baked[0]["loaves"]), root_of(found, baked[0])
    written = [seen for seen in found.saw("written") if seen["text"] == loaves]
    expect(written, "not_written", [loaves], lines(found))
    expect(root.id not in written[0]["roots"], "too_soon")


@challenge.gate
def the_shop_bakes_for_itself(found: Evidence) -> None:
    sold = found.saw("sold")
    expect(sold, "not_sold")
    expect(sold[0]["plain"], "async_shop")
    batches = [seen for seen in found.saw("baked")[1:] if seen["loaves"] == sold[0]["loaves"]]
    expect(batches, "not_fresh", [seen["loaves"] for seen in found.saw("baked")[1:]], [sold[0]["loaves"]])
    expect(root_of(found, batches[0]).id in sold[0]["roots"], "shop_closed")


@challenge.gate
def the_van_is_not_waited_for(found: Evidence) -> None:
    drives = found.saw("drives")
    expect(drives, "not_sent")
    van = found.known(drives[0])
    expect(van is not None and van.reason == "TimeoutReason", "no_limit", ["TimeoutReason"],
           [] if van is None else [van.reason])  # fmt: skip
    assert van is not None
    told = [
        seen
        for seen in found.saw("written")
        if "TimeoutReason" in seen["kinds"] or seen["text"] == van.records[-1].reason
    ]
    expect(told, "not_written", [van.records[-1].reason], lines(found))


@challenge.gate
def the_apprentice_is_found(found: Evidence) -> None:
    naps = found.saw("naps")
    expect(naps, "not_hired")
    apprentice = found.known(naps[0])
    expect(apprentice is not None and apprentice.records and apprentice.records[-1].abandoned, "waited")
    assert apprentice is not None
    expect(any(re.search(rf"#{apprentice.id}\b", line) for line in lines(found)), "not_written",
           [f".../{apprentice.owner_type}#{apprentice.id} hangs at ..."], first_lines(lines(found)))  # fmt: skip
