"""Lesson 9: an evening at the theatre, and who hears of what. The challenge: the flight recorder of a plane."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator

import anyio

from gotask import TaskState
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import expect
from gotask_learn.lesson import Lesson

lesson = Lesson(9)
challenge = Lesson(9, challenge=True)

LINES = (
    "to be or not to be", "the rest is silence", "words, words, words", "the lady doth protest too much",
    "there are more things in heaven and earth", "good night, sweet prince", "alas, poor Yorick",
    "get thee to a nunnery",
)  # fmt: skip


class Stumble(Exception):
    """An actor has lost the thread."""


class Script(World):
    """The lines of one part. An actor who is nervous stumbles once, after the first line."""

    def __init__(self, nervous: bool = False) -> None:
        self._nervous = nervous
        self._lines = random.sample(LINES, random.randrange(3, 6))

    async def lines(self) -> AsyncIterator[str]:
        """One line after another, each when its time has come."""
        for line in self._lines:
            await anyio.sleep(0.006)
            self._note("line", line=line)
            yield line
            if self._nervous:
                self._nervous = False
                why = f"forgot line {random.randrange(100, 1000)}"
                self._note("stumbled", why=why)
                raise Stumble(why)


class Lights(World):
    """The spotlights."""

    def up(self, role: str) -> None:
        """Put a spotlight on this role."""
        self._note("light up", role=role)

    def down(self, role: str) -> None:
        """Switch it off."""
        self._note("light down", role=role)


class CallBoard(World):
    """The board at the stage door: who is in, who is out."""

    def arrived(self, task: object) -> None:
        """Somebody is in."""
        self._note("arrived", id=getattr(task, "task_id", None))

    def left(self, task: object) -> None:
        """Somebody has left."""
        self._note("left", id=getattr(task, "task_id", None))


class Newspaper(World):
    """What the critic sends to the newspaper during the play."""

    def send(self, text: object) -> None:
        """Send a line."""
        print(f"critic: {text}")
        self._note("sent", text=str(text))


class Monitor(World):
    """The screen in the foyer; it shows what is put on it until that is taken off."""

    def __init__(self) -> None:
        self._lines: dict[int, str] = {}

    def put(self, number: int, text: str) -> None:
        """Put a line on it, or change the one with this number."""
        if self._lines.get(number) != text:
            self._lines[number] = text
            print(f"foyer: {text}")
        self._note("put", id=number, text=text)

    def take_off(self, number: int) -> None:
        """Take the line with this number off."""
        self._lines.pop(number, None)
        self._note("taken off", id=number)


class Chronicle(World):
    """The chronicle of the house, written when the curtain has fallen."""

    def write(self, text: object) -> None:
        """Write a line."""
        print(f"chronicle: {text}")
        self._note("chronicled", text=str(text))


def actors(found: Evidence) -> list[Known]:
    """The tasks that spoke."""
    return [found.tasks[one] for one in dict.fromkeys(seen.task for seen in found.saw("line")) if one is not None]


def below(found: Evidence, parent: int) -> Iterator[Known]:
    """All tasks below one, at any depth."""
    for child in found.children(parent):
        yield child
        yield from below(found, child.id)


def cast(found: Evidence) -> list[Known]:
    """All tasks of the play: what is below the task two levels above the actors."""
    scene = found.tasks[actors(found)[0].parent or 0]
    return list(below(found, scene.parent or 0))


def named(task: Known) -> str:
    return f"{task.owner_type}#{task.id}"


@lesson.gate
def the_light_follows_each_life(found: Evidence) -> None:
    expect(found.saw("light up") and actors(found), "dark", ["STARTED: light up", "DISPOSING: light down"])
    for task in actors(found):
        up, down = ([seen for seen in found.saw(what) if seen.task == task.id] for what in ("light up", "light down"))
        wanted = ["STARTED: light up", "DISPOSING: light down"] * len(task.records)
        actual = [f"{seen.state.name}: {seen.what}" for seen in found.seen
                  if seen.state and seen.task == task.id and seen.what.startswith("light")]  # fmt: skip
        expect(all(seen.state is TaskState.STARTED for seen in up), "no_listener", wanted, actual)
        expect({seen.life for seen in up} == {record.life for record in task.records}, "one_life", wanted, actual)
        expect(len(down) >= len(up), "burns_on", wanted, actual)


@lesson.gate
def they_say_how_far_they_are(found: Evidence) -> None:
    for task in actors(found):
        for record in task.records:
            spoken = [seen["line"] for seen in found.saw("line") if seen.task == task.id and seen.life == record.life]
            steps = [f"{step.name} {step.detail}".strip() for step in record.steps]
            told = [line for line in spoken if any(line in step for step in steps)]
            expect(told == spoken, "no_steps", spoken, steps)
            expect(str(len(spoken)) in record.descriptions.values(), "not_described", [f"spoken: {len(spoken)}"],
                   [f"{key}: {value}" for key, value in record.descriptions.items()])  # fmt: skip


@lesson.gate
def the_board_hears_of_all_at_any_depth(found: Evidence) -> None:
    arrived, left = ({seen["id"] for seen in found.saw(what)} for what in ("arrived", "left"))
    everybody = cast(found)
    wanted = [named(task) for task in everybody]
    for who, key in ((arrived, "nobody_came"), (left, "nobody_left")):
        actual = [named(task) for task in everybody if task.id in who]
        expect(actual, key, wanted, actual)
        expect(actual == wanted, "only_some", wanted, actual)


@lesson.gate
def the_critic_hears_of_each_stumble(found: Evidence) -> None:
    sent = found.saw("sent")
    for stumble in found.saw("stumbled"):
        heard = [seen for seen in sent if stumble["why"] in seen["text"]]
        expect(heard, "not_heard", [f"sent ... {stumble['why']}"], stumbles(sent, found))
        later = [seen for seen in found.saw("line") if seen.task == stumble.task and seen.life > stumble.life]
        for line in later[:1]:
            expect(found.seen.index(heard[0]) < found.seen.index(line), "too_late", [heard[0], line], [line, heard[0]])


def stumbles(sent: list[Seen], found: Evidence) -> list[Seen]:
    """What was sent, but for the lines of the play."""
    spoken = [seen["line"] for seen in found.saw("line")]
    return [seen for seen in sent if not any(line in seen["text"] for line in spoken)]


@lesson.gate
def the_monitor_shows_who_lives(found: Evidence) -> None:
    put, off = ({seen["id"] for seen in found.saw(what)} for what in ("put", "taken off"))
    players = [task for task in cast(found) if task.states.count(TaskState.GOING)]
    wanted = [named(task) for task in players]
    expect(any(task.id in put for task in players), "empty", wanted)
    ghosts = [named(task) for task in players if task.id in put - off]
    expect(not ghosts, "ghosts", [], [f"still there: {one}" for one in ghosts])


@lesson.gate
def the_chronicle_tells_what_went_wrong(found: Evidence) -> None:
    lines = [seen["text"] for seen in found.saw("chronicled")]
    failed = [record for task in actors(found) for record in task.records if record.failed]
    for record in failed:
        expect(any(record.reason in line for line in lines), "not_told", [record.reason for record in failed], lines)
    expect(len(lines) == len(failed), "too_much", [record.reason for record in failed], lines)


# The challenge: a plane


class Turbine(World):
    """One of the turbines. The first one flames out, once or twice."""

    def __init__(self, failures: int) -> None:
        self._failures = failures

    async def turn(self) -> None:
        """Turn for a while."""
        await anyio.sleep(0.01)
        self._note("turned")
        if self._failures:
            self._failures -= 1
            why = f"flame-out at {random.randrange(9000, 12000)} m"
            self._note("flame-out", why=why)
            raise RuntimeError(why)


def turbines() -> list[Turbine]:
    """The turbines of a plane, one of which is not quite new."""
    return [Turbine(random.randrange(1, 3)), Turbine(0)]


class Box(World):
    """The black box."""

    def switch_on(self, root: object) -> None:
        """It hears of this tree from now on."""
        self._note("switched on", id=getattr(root, "task_id", None), found=getattr(root, "state", None))

    def record(self, task: object, state: object) -> None:
        """Record which task took a step, and to which state."""
        self._note("recorded", id=getattr(task, "task_id", None), took=state)

    def alarm(self, reason: BaseException) -> None:
        """Something is wrong with the plane itself."""
        self._note("alarm", reason=str(reason))


class Logbook(World):
    """The logbook, written after landing."""

    def write(self, line: object) -> None:
        """Write a line."""
        print(f"logbook: {line}")
        self._note("logged", line=str(line))


def roots(found: Evidence) -> list[Known]:
    """The root of the flight, and that of the simulator."""
    return [task for task in found.tasks.values() if task.parent is None]


def records_all(found: Evidence, task: Known) -> None:
    """Each step of this task is in the box."""
    taken = [seen["took"] for seen in found.saw("recorded", id=task.id)]
    expect(taken == task.states, "not_recorded", [f"{named(task)} {state.name}" for state in task.states],
           [f"{named(task)} {getattr(state, 'name', state)}" for state in taken], task=named(task))  # fmt: skip


@challenge.gate
def it_records_each_step_of_each_engine(found: Evidence) -> None:
    engines = [task for root in roots(found)[:1] for task in below(found, root.id)]
    expect(engines, "not_flown")
    for task in engines:
        records_all(found, task)


@challenge.gate
def it_is_on_from_the_first_moment(found: Evidence) -> None:
    on = found.saw("switched on", id=roots(found)[0].id)
    expect(on and on[0]["found"] is TaskState.INIT, "too_late", ["root in INIT: switched on"],
           [f"root in {seen['found'].name}: switched on" for seen in on])  # fmt: skip
    records_all(found, roots(found)[0])


@challenge.gate
def the_logbook_has_the_flame_outs(found: Evidence) -> None:
    lines = [seen["line"] for seen in found.saw("logged")]
    whys = [seen["why"] for seen in found.saw("flame-out")]
    for why in whys:
        expect(any(why in line for line in lines), "not_logged", whys, lines)
    expect(len(lines) == len(whys), "too_much", whys, lines)


@challenge.gate
def the_simulator_is_nobody_s_business(found: Evidence) -> None:
    simulator = roots(found)[-1]
    ids = {simulator.id, *(task.id for task in below(found, simulator.id))}
    heard = [seen for seen in found.seen if seen.details.get("id") in ids]
    expect(not heard, "still_on", [], heard)
