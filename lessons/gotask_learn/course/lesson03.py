"""Lesson 3: a chat room that stays, with one session for each name. Challenge: a warehouse and its robots."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from itertools import takewhile

import anyio

from gotask import TaskState, TaskType
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

lesson = Lesson(3)
challenge = Lesson(3, challenge=True)

PEOPLE = ("Ada", "Alan", "Barbara", "Dennis", "Edsger", "Frances", "Grace", "Hedy", "Katherine", "Ken", "Lin", "Radia")


async def a_while() -> None:
    """Let time pass, in small steps: on a busy machine, too, others have their turn meanwhile."""
    for _ in range(5):
        await anyio.sleep(0.002)


class Line(World):
    """The line to one person."""

    def __init__(self, name: str, phone: str, idle: bool) -> None:
        self.name = name
        self.idle = idle
        self._phone = phone
        self._over = anyio.Event()

    def ring(self) -> None:
        """Let the person know that somebody answers."""

    async def join(self) -> None:
        """Let the person into the room."""
        await anyio.sleep(0.002)
        self._note("joined", name=self.name, phone=self._phone)

    async def __aiter__(self) -> AsyncIterator[str]:
        """What the person says, until he or she hangs up."""
        await anyio.sleep(0.002)
        yield random.choice(["hello", "good morning", "what's up?"])
        await self._over.wait()

    def tell(self, text: str) -> None:
        """Show the person a text."""
        print(f"  to {self.name}: {text}")
        self._note("told", name=self.name, text=text)

    def leave(self) -> None:
        """Hang up."""
        self._over.set()
        self._note("left", name=self.name, phone=self._phone)

    def _gone(self) -> None:
        self._over.set()


class Door(World):
    """Where people come in. One of them comes twice, the second time with another phone."""

    def __init__(self) -> None:
        names = random.sample(PEOPLE, 4)
        self._late = names.pop()
        twice = names[0]
        self.friend, idle = random.sample(names, 2)
        names.insert(2, twice)
        first = random.randrange(90)
        self._lines = [Line(name, f"+{first + index}", name == idle) for index, name in enumerate(names)]
        self._note("door made", names=names, twice=twice, friend=self.friend, idle=idle, late=self._late)

    async def __aiter__(self) -> AsyncIterator[Line]:
        """Those who come, one after another."""
        for line in self._lines:
            yield line
            await a_while()

    async def all_gone(self) -> None:
        """Wait until all have hung up and gone home."""
        await a_while()
        self._note("all hang up")
        for line in self._lines:
            line._gone()
        await a_while()

    def late_comer(self) -> Line:
        """Somebody who comes when all others are gone."""
        return Line(self._late, "+99", False)


class Board(World):
    """The board at the entrance."""

    def show(self, label: str, value: object) -> None:
        """Show a value under a label."""
        print(f"[{label}] {value}")
        self._note("shown", value=str(value))


def moves(found: Evidence) -> list[Seen]:
    """Who joined and who left, in order."""
    return [seen for seen in found.seen if seen.what in ("joined", "left")]


def lines(seen: list[Seen]) -> list[str]:
    return [f"{one['name']} {one.what} with {one['phone']}" for one in seen]


def room_of(found: Evidence) -> Known:
    """The task that has the sessions."""
    session = found.known(found.saw("joined")[0])
    return found.tasks[(session and session.parent) or min(found.tasks)]


@lesson.gate
def people_come_into_the_room(found: Evidence) -> None:
    expect(found.saw("door made"), "nobody")
    made = found.saw("door made")[0]
    names = made["names"][:2]
    joined = [one for one in found.saw("joined") if one["name"] != made["late"]]
    wanted = [f"STARTING: joined {name}" for name in names]
    expect(joined, "nobody", wanted, joined)
    expect(all(one.state is TaskState.STARTING for one in joined), "no_session", wanted, joined)
    expect(room_of(found).type is TaskType.WORK, "elsewhere", ["WORK"], [room_of(found).type.name])
    missing = set(names) - {one["name"] for one in joined}
    expect(not missing, "missing", wanted, joined)


@lesson.gate
def each_name_is_there_once(found: Evidence) -> None:
    there: set[str] = set()
    happened = lines(moves(found))
    for index, one in enumerate(moves(found)):
        if one.what == "left":
            there.discard(one["name"])
            continue
        expect(one["name"] not in there, "twice", happened[:index], happened[: index + 1], name=one["name"])
        there.add(one["name"])


@lesson.gate
def the_new_line_takes_the_place(found: Evidence) -> None:
    name = found.saw("door made")[0]["twice"]
    seen = [one for one in moves(found) if one["name"] == name]
    phones = [one["phone"] for one in seen]
    other = f"+{int(phones[0]) + 2}"
    wanted = [f"{name} joined with {phones[0]}", f"{name} left with {phones[0]}", f"{name} joined with {other}"]
    compare("turned_away", wanted, lines(seen)[:3], name=name)


@lesson.gate
def one_is_told_and_one_is_sent_home(found: Evidence) -> None:
    made = found.saw("door made")[0]
    by_main = [one for one in found.saw("told") if one.task is None and one["name"] != made["late"]]
    names = [one["name"] for one in by_main]
    expect(made["friend"] in names, "not_told", [f"main: told {made['friend']} ..."], by_main, name=made["friend"])
    expect(set(names) == {made["friend"]}, "told_others", [f"main: told {made['friend']} ..."], by_main)
    day = list(takewhile(lambda one: one.what != "all hang up", found.seen))
    home = [one for one in day if one.what == "left"][1:]  # the first one was replaced
    compare("not_sent_home", [f"{made['idle']} left"], [f"{one['name']} left" for one in home], name=made["idle"])


@lesson.gate
def main_stops_the_server(found: Evidence) -> None:
    room = room_of(found)
    server = found.tasks[room.parent or min(found.tasks)]
    expect(server.reason and server.reason != "Exit", "never_stopped", ["StopByUser"], [server.reason or "Exit"])
    shown = [one["value"] for one in found.saw("shown")]
    told = str(server.stops[0]) if server.stops else server.reason
    expect(told in shown, "not_waited", [told], shown[-2:])


# The challenge: a warehouse


class Machine(World):
    """A robot of the warehouse."""

    def __init__(self, name: str, serial: int, shift: str) -> None:
        self.name = name
        self._serial = serial
        self._shift = shift

    async def switch_on(self) -> None:
        """Switch it on."""
        await anyio.sleep(0.002)
        self._note("on", name=self.name, serial=self._serial, shift=self._shift)

    def switch_off(self) -> None:
        """Switch it off."""
        self._note("off", name=self.name, serial=self._serial, shift=self._shift)

    def drive_to(self, shelf: int) -> None:
        """Have it fetch what lies on a shelf."""
        print(f"{self.name} drives to shelf {shelf}")
        self._note("driven", name=self.name, serial=self._serial, shelf=shelf)

    def send_away(self) -> None:
        """There is no work for it."""
        print(f"{self.name} is sent away")
        self._note("sent away", name=self.name)


class Order(World):
    """An order: which robot is to fetch from which shelf."""

    def __init__(self, robot: str) -> None:
        self.robot = robot
        self.shelf = random.randrange(1000)

    def reject(self) -> None:
        """There is no such robot."""
        print(f"there is no {self.robot}")
        self._note("rejected", robot=self.robot, shelf=self.shelf)


class Yard(World):
    """Where the robots wait for their shift, and where the orders come from."""

    def __init__(self) -> None:
        self._names = [f"{letter}{random.randrange(2, 10)}" for letter in random.sample("BCDKRSTX", 5)]
        self._note("yard made", names=self._names)

    async def night_shift(self) -> AsyncIterator[Machine]:
        """The robots of the night. In the middle of it one breaks; another comes, and is to take its place."""
        for serial, index in enumerate((0, 1, 0)):
            yield Machine(self._names[index], serial, "night")
            await a_while()

    async def day_shift(self) -> AsyncIterator[Machine]:
        """The robots of the day."""
        for serial, index in enumerate((2, 3), 10):
            yield Machine(self._names[index], serial, "day")
            await a_while()

    def late(self) -> Machine:
        """A robot that comes when the warehouse is closed."""
        return Machine(self._names[1], 20, "late")

    def orders(self) -> list[Order]:
        """Orders for robots, by name; not all of those work today."""
        orders = [Order(self._names[index]) for index in (0, 2, 3, 3, 4)]
        random.shuffle(orders)
        self._note("ordered", orders=[(order.robot, order.shelf) for order in orders])
        return orders


def shift(found: Evidence, name: str) -> list[str]:
    """What became of the robots of a shift."""
    seen = [one for one in found.seen if one.details.get("shift") == name and one.what in ("on", "off")]
    return [f"{one['name']} {one.what} ({one['serial']})" for one in seen]


@challenge.gate
def robots_are_let_in_by_name(found: Evidence) -> None:
    expect(found.saw("yard made"), "nobody")
    first, second = found.saw("yard made")[0]["names"][:2]
    wanted = [f"{first} on (0)", f"{second} on (1)", f"{first} off (0)", f"{first} on (2)"]
    actual = shift(found, "night")
    expect(actual, "nobody", wanted, actual)
    expect(wanted[3] in actual, "turned_away", wanted, actual[:4], name=first)
    expect(wanted[2] in actual[: actual.index(wanted[3])], "twice", wanted, actual[:4], name=first)
    compare("missing", wanted, actual[:4])


@challenge.gate
def the_warehouse_is_there_in_the_morning(found: Evidence) -> None:
    wanted = [f"{name} on ({serial})" for serial, name in enumerate(found.saw("yard made")[0]["names"][2:4], 10)]
    actual = [text for text in shift(found, "day") if " on " in text]
    robot = found.known(found.saw("on", shift="night")[0])
    warehouse = found.tasks[(robot and robot.parent) or min(found.tasks)]
    compare("gone", wanted, actual, reason=warehouse.reason or "-")


@challenge.gate
def orders_go_to_the_robot_with_that_name(found: Evidence) -> None:
    orders = found.saw("ordered")[0]["orders"]
    at_work = found.saw("yard made")[0]["names"][2:4]
    wanted = sorted(f"{name} to {shelf}" for name, shelf in orders if name in at_work)
    driven = sorted(f"{one['name']} to {one['shelf']}" for one in found.saw("driven"))
    expect(driven, "nobody_drives", wanted, driven)
    compare("wrong_robot", wanted, driven)
    rejected = sorted(f"{one['robot']} to {one['shelf']}" for one in found.saw("rejected"))
    compare("not_rejected", sorted(f"{name} to {shelf}" for name, shelf in orders if name not in at_work), rejected)


@challenge.gate
def the_warehouse_closes(found: Evidence) -> None:
    robot = found.known(found.saw("on", shift="day")[0])
    warehouse = found.tasks[(robot and robot.parent) or min(found.tasks)]
    expect(warehouse.reason and warehouse.reason != "Exit", "not_closed", ["StopByUser"], [warehouse.reason or "Exit"])
    late = [one for one in found.seen if one.details.get("shift") == "late"]
    expect(not late, "let_in", ["main: sent away"], late)
    expect(found.saw("sent away"), "not_sent_away", ["main: sent away"], [])
