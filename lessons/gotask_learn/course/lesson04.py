"""Lesson 4: a photo lab with a slow machine. Challenge: parcels from a belt into the vans of two districts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel

from gotask import TaskType
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

lesson = Lesson(4)
challenge = Lesson(4, challenge=True)

NAMES = ("Alma", "Boris", "Clara", "Dario", "Emma", "Finn", "Greta", "Hugo", "Ines", "Jakob")
AHEAD = 4
"""How many pictures may be on their way: one in the clerk's hand, two in the channel, one in the machine."""


async def work(seconds: float) -> None:
    """Be slow: on a busy machine, too, those who are faster get ahead."""
    await anyio.sleep(seconds)
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


class Picture(World):
    """A picture to be printed."""

    def __init__(self, film: str, number: int) -> None:
        self._film = film
        self._number = number

    def __str__(self) -> str:
        return f"{self._film}/{self._number}"

    def number_it(self) -> None:
        """Write its number on the back."""
        self._note("numbered", picture=str(self))


class Film(World):
    """A film that can be cut, picture by picture."""

    def __init__(self) -> None:
        self._name = f"film {random.randrange(100, 1000)}"
        self._left = [Picture(self._name, number) for number in range(1, random.randrange(10, 13))]
        self._note("film brought", pictures=[str(picture) for picture in self._left])

    def cut_next(self) -> Picture | None:
        """The next picture; None at the end of the film."""
        return self._left.pop(0) if self._left else None


class Machine(World):
    """A machine that prints, slowly, one picture at a time."""

    def __init__(self) -> None:
        self._busy = False

    async def warm_up(self) -> None:
        """Let it get warm."""
        await anyio.sleep(0.002)

    async def print(self, picture: Picture) -> None:
        """Print a picture; put in while another one is being printed, it jams."""
        if self._busy:
            print(f"  {picture} is jammed")
            self._note("jammed", picture=str(picture))
            return
        self._busy = True
        await work(0.004)
        self._busy = False
        print(f"  printed {picture}")
        self._note("printed", picture=str(picture))

    def switch_off(self) -> None:
        """Switch it off."""
        self._note("switched off")


class Customer(World):
    """Somebody who comes in."""

    def __init__(self, name: str) -> None:
        self._name = name

    def greet(self) -> None:
        """Say good morning."""
        print(f"  good morning, {self._name}")
        self._note("greeted", name=self._name)


class Counter(World):
    """The counter of the shop."""

    def __init__(self) -> None:
        self._names = random.sample(NAMES, 3)
        test = f"test {random.randrange(100)}"
        self._test = [Picture(test, number) for number in (1, 2)]

    def test_pictures(self) -> list[Picture]:
        """What is printed first, to see whether the colours are right."""
        self._note("test brought", pictures=[str(picture) for picture in self._test])
        return self._test

    async def customers(self) -> AsyncIterator[Customer]:
        """Those who come in, as they come; there is no end to it."""
        self._note("opened", names=self._names)
        for name in self._names:
            await anyio.sleep(0.003)
            yield Customer(name)
        await anyio.Event().wait()

    def note(self, label: str, value: object) -> None:
        """Write a note."""
        print(f"[{label}] {value}")


def printed(found: Evidence, brought: str) -> tuple[list[str], list[Seen]]:
    """The pictures that were brought, and what was printed of them."""
    pictures = [picture for one in found.saw(brought) for picture in one["pictures"]]
    return pictures, [one for one in found.saw("printed") if one["picture"] in pictures]


def of(seen: list[Seen]) -> list[str]:
    return [one["picture"] for one in seen]


@lesson.gate
def the_printer_prints_what_it_is_sent(found: Evidence) -> None:
    pictures, seen = printed(found, "test brought")
    wanted = [f"GOING: printed {picture}" for picture in pictures]
    expect(not found.saw("jammed"), "two_at_once", wanted, [*found.saw("jammed"), *seen])
    expect(seen, "not_printed", wanted, seen)
    printer = found.known(seen[0])
    expect(printer is not None and printer.type is TaskType.CHANNEL, "not_in_tick", wanted, seen)
    compare("not_in_order", pictures, of(seen))


@lesson.gate
def the_bell_hears_of_each_customer(found: Evidence) -> None:
    greeted = found.saw("greeted")
    names = found.saw("opened")[0]["names"] if found.saw("opened") else []
    wanted = [f"GOING: greeted {name}" for name in names] or ["GOING: greeted ..."]
    expect(greeted, "nobody_greeted", wanted, greeted)
    bell = found.known(greeted[0])
    expect(bell is not None and bell.type is TaskType.CHANNEL, "not_in_tick", wanted, greeted)
    compare("not_in_order", names[: len(greeted)], [one["name"] for one in greeted])


@lesson.gate
def the_clerk_waits_for_the_machine(found: Evidence) -> None:
    pictures, seen = printed(found, "film brought")
    numbered = [index for index, one in enumerate(found.seen) if one.what == "numbered"]
    done = [index for index, one in enumerate(found.seen) if one in seen]
    ahead = max((count - sum(index < at for index in done) for count, at in enumerate(numbered, 1)), default=0)
    expect(seen, "not_sent", pictures, of(seen))
    expect(of(seen) == pictures[: len(seen)] and len(seen) >= len(pictures) - AHEAD, "lost", pictures, of(seen))
    expect(ahead <= AHEAD, "piled_up", [f"<= {AHEAD}"], [ahead], ahead=ahead)


@lesson.gate
def the_printer_is_done(found: Evidence) -> None:
    pictures, seen = printed(found, "film brought")
    printer = found.known(seen[0])
    reason = printer.reason if printer else ""
    expect(reason != "Exit", "never_closed", ["TaskComplete"], ["Exit"])
    expect(reason == "TaskComplete", "stopped", ["TaskComplete", *pictures], [reason, *of(seen)])
    compare("lost", pictures, of(seen))


@lesson.gate
def main_stops_the_bell(found: Evidence) -> None:
    bell = found.known(found.saw("greeted")[0])
    assert bell is not None
    expect(bell.reason and bell.reason != "Exit", "never_stopped", ["StopByUser"], [bell.reason or "Exit"])


# The challenge: parcels


class Parcel(World):
    """A parcel for a district."""

    def __init__(self, district: str, number: int) -> None:
        self.district = district
        self._number = number

    def __str__(self) -> str:
        return f"{self.district}/{self._number}"


class Belt(asyncio.Queue[Parcel]):
    """A belt on which parcels come: an asyncio.Queue."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def _get(self) -> Parcel:
        parcel: Parcel = super()._get()
        self._world._note("taken", parcel=str(parcel))
        return parcel


class Truck(World):
    """The truck of a district; parcels are loaded one at a time."""

    def __init__(self, district: str) -> None:
        self.district = district
        self._busy = False

    async def load(self, parcel: Parcel) -> None:
        """Load a parcel; two at a time get stuck in the door."""
        if self._busy:
            print(f"{parcel} is stuck in the door")
            self._note("stuck", truck=self.district, parcel=str(parcel))
            return
        self._busy = True
        await work(0.004)
        self._busy = False
        self._note("loaded", truck=self.district, parcel=str(parcel))

    def depart(self) -> None:
        """Close the doors, and go."""
        print(f"the truck for {self.district} departs")
        self._note("departed", truck=self.district)


class Depot(World):
    """Where parcels arrive."""

    def __init__(self) -> None:
        self.belt = Belt(self)
        self.districts = random.sample(["north", "south", "east", "west", "harbour", "hill"], 2)
        numbers = random.sample(range(1, 1000), 14)
        parcels = [Parcel(self.districts[index % 2], number) for index, number in enumerate(numbers)]
        random.shuffle(parcels)
        self._parcels = parcels
        self._note("depot made", parcels=[str(each) for each in parcels], districts=self.districts)

    def mail_bag(self, district: str) -> Parcel:
        """What goes with each truck."""
        return Parcel(district, 0)

    async def unload(self) -> None:
        """Put all parcels on the belt, faster than they can be loaded."""
        for parcel in self._parcels:
            await self.belt.put(parcel)


def loaded(found: Evidence, district: str) -> list[str]:
    """The parcels in a truck, without the mail bag."""
    return [one["parcel"] for one in found.saw("loaded", truck=district) if not one["parcel"].endswith("/0")]


def parcels_for(found: Evidence, district: str) -> list[str]:
    return [parcel for parcel in found.saw("depot made")[0]["parcels"] if parcel.startswith(district + "/")]


@challenge.gate
def a_van_loads_what_it_is_sent(found: Evidence) -> None:
    wanted = [f"GOING: loaded {name} {name}/0" for one in found.saw("depot made") for name in one["districts"]]
    bags = [one for one in found.saw("loaded") if one["parcel"].endswith("/0")]
    expect(not found.saw("stuck"), "two_at_once", wanted, found.saw("stuck"))
    expect(bags and len(bags) == len(wanted), "not_loaded", wanted, bags)
    vans = [found.known(one) for one in bags]
    expect(all(van is not None and van.type is TaskType.CHANNEL for van in vans), "not_in_tick", wanted, bags)


@challenge.gate
def the_sorter_takes_from_the_belt(found: Evidence) -> None:
    parcels = found.saw("depot made")[0]["parcels"]
    taken = [one["parcel"] for one in found.saw("taken")]
    expect(taken, "not_taken", parcels, taken)


def sorters(found: Evidence) -> list[Known]:
    """The channel tasks that load nothing."""
    vans = {one.task for one in found.saw("loaded")}
    return [task for task in found.tasks.values() if task.type is TaskType.CHANNEL and task.id not in vans]


@challenge.gate
def each_parcel_goes_to_its_district(found: Evidence) -> None:
    districts = found.saw("depot made")[0]["districts"]
    too_soon = any(task.reason == "TaskDisposedError" for task in sorters(found))  # a channel was closed: gate 4
    sent = {district: loaded(found, district) for district in districts}
    expect(too_soon or any(sent.values()), "not_sent", parcels_for(found, districts[0]))
    for district, actual in sent.items():
        wanted = parcels_for(found, district)
        expect(set(actual) <= set(wanted), "wrong_van", wanted, actual, district=district)
        complete = too_soon or len(actual) >= len(wanted) - 3  # what was on its way at a stop is for gate 4, too
        expect(complete and actual == wanted[: len(actual)], "lost", wanted, actual, district=district)


@challenge.gate
def all_is_loaded_and_over(found: Evidence) -> None:
    for district in found.saw("depot made")[0]["districts"]:
        van = found.known(found.saw("loaded", truck=district)[0])
        reason = van.reason if van else ""
        expect(reason != "Exit", "not_closed", ["TaskComplete"], ["Exit"], district=district)
        expect(reason == "TaskComplete", "stopped", ["TaskComplete"], [reason], district=district)
        compare("left_behind", parcels_for(found, district), loaded(found, district), district=district)
    reasons = [task.reason or "Exit" for task in sorters(found)]
    expect("Exit" not in reasons, "sorter_stays", ["StopByUser"], reasons)
