"""Lesson 2: a crawler; a Job for the pages, one for the archive, one for the backup."""

from __future__ import annotations

import random

import anyio

from gotask import Task, TaskState, TaskType
from gotask_learn.evidence import Evidence, Known, Seen, World
from gotask_learn.gates import compare, expect
from gotask_learn.lesson import Lesson

lesson = Lesson(2)
challenge = Lesson(2, challenge=True)

NAMES = ("about", "blog", "contact", "events", "faq", "gallery", "jobs", "music", "news", "press", "shop", "team")


class Site(World):
    """A web site: rules for robots, a front page, and what it links to. Some of the links are dead."""

    def __init__(self) -> None:
        self.links = [f"/{name}-{random.randrange(100)}" for name in random.sample(NAMES, random.randrange(4, 7))]
        self._dead = random.sample(self.links, random.randrange(1, 3))
        self._note("site made", links=self.links, dead=self._dead)

    async def read_rules(self) -> None:
        """Read what robots may do here."""
        await anyio.sleep(0.02)
        self._note("rules read")

    async def fetch(self, path: str) -> int:
        """Fetch a page; returns the number of its words.

        Raises:
            LookupError: There is no such page.
        """
        self._note("asked for", path=str(path))
        await anyio.sleep(0.01)
        if path in self._dead:
            raise LookupError(f"404: there is no {path}")
        self._note("fetched", path=path)
        return random.randrange(100, 1000)


class Disk(World):
    """A disk with an index on it, which can be reached only while the disk is mounted."""

    def __init__(self) -> None:
        self._mounted = False

    async def mount(self) -> None:
        """Mount it."""
        await anyio.sleep(0.002)
        self._mounted = True
        self._note("disk mounted")

    async def unmount(self) -> None:
        """Unmount it."""
        self._mounted = False
        self._note("disk unmounted")

    async def open_index(self) -> None:
        """Open the index.

        Raises:
            OSError: The disk is not mounted.
        """
        if not self._mounted:
            raise self._unreachable()
        self._note("index opened")

    async def save_index(self) -> None:
        """Save and close the index.

        Raises:
            OSError: The disk is not mounted.
        """
        if not self._mounted:
            raise self._unreachable()
        self._note("index saved")

    def _unreachable(self) -> OSError:
        self._note("index lost")
        return OSError("the index cannot be reached: the disk is not mounted")


class Tape(World):
    """One tape of a backup."""

    def __init__(self, number: int, torn: bool) -> None:
        self._number = number
        self._torn = torn

    async def copy(self) -> None:
        """Write all pages on it, one after another.

        Raises:
            OSError: The tape is torn.
        """
        for block in range(1, 13):
            await anyio.sleep(0.004)
            if self._torn and block == 2:
                raise OSError(f"tape {self._number} is torn")
            self._note("copied", tape=self._number, block=block)
        self._note("tape full", tape=self._number)


def tapes() -> list[Tape]:
    """The tapes of a backup. One of them is torn."""
    numbers = random.sample(range(100, 1000), 3)
    torn = random.choice(numbers)
    return [Tape(number, number == torn) for number in numbers]


class Report(World):
    """What the crawler reports."""

    def write(self, label: object, value: object) -> None:
        """Write a line. A task is shown by its owner type and id."""
        print("[{}] {}".format(*(f"{each.owner_type} #{each.task_id}" if isinstance(each, Task) else each
                                 for each in (label, value))))  # fmt: skip


def job_of(found: Evidence, seen: list[Seen]) -> Known:
    """The Job to which the task belongs that did the first of this; the root if there is none."""
    task = found.known(seen[0]) if seen else None
    return found.tasks[(task and task.parent) or min(found.tasks)]


def crawl_of(found: Evidence) -> Known:
    """The Job below which the front page was asked for; any page, if it was not."""
    return job_of(found, found.saw("asked for", path="/") or found.saw("asked for"))


def asked(found: Evidence) -> list[Seen]:
    """What was done to the site."""
    return [seen for seen in found.seen if seen.what in ("rules read", "asked for")]


@lesson.gate
def the_rules_are_read_before_any_page(found: Evidence) -> None:
    wanted = ["RUNNING: rules read", "GOING: asked for /"]
    read = found.saw("rules read")
    expect(read, "never_read", wanted, asked(found))
    reader = found.known(read[0])
    expect(reader is not None and reader.parent == crawl_of(found).id, "elsewhere", wanted, asked(found))
    expect(asked(found)[0] is read[0], "too_late", wanted, asked(found))


@lesson.gate
def each_link_is_a_child(found: Evidence) -> None:
    links = found.saw("site made")[0]["links"]
    wanted = [f"GOING: asked for {path}" for path in ["/", *links]]
    seen = found.saw("asked for")
    missing = {"/", *links} - {one["path"] for one in seen}
    expect(not missing, "not_fetched", wanted, seen)
    tasks = [found.known(one) for one in seen]
    expect(all(task is not None and task.parent == crawl_of(found).id for task in tasks), "not_children", wanted, seen)
    expect(len({task.id for task in tasks if task}) == len(tasks), "one_task", wanted, seen)
    fetching = [one for one in found.seen if one.what in ("asked for", "fetched")]
    expect(fetching[: len(seen)] == seen, "one_by_one", wanted, fetching)


@lesson.gate
def the_index_is_saved_before_the_disk_goes(found: Evidence) -> None:
    wanted = ["STARTING: disk mounted", "STARTING: index opened", "DISPOSING: index saved", "DISPOSING: disk unmounted"]
    actual = [str(seen) for seen in found.seen if seen.what.startswith(("disk", "index"))]
    expect(found.saw("index opened") or found.saw("index lost"), "no_index", wanted, actual)
    expect(found.saw("index opened"), "too_early", wanted, actual)
    compare("wrong_order", wanted, actual)


@lesson.gate
def a_failure_ends_the_whole_backup(found: Evidence) -> None:
    full = [str(seen) for seen in found.saw("tape full")]
    expect(not full, "went_on", ["(no tape full)"], full)
    reason = job_of(found, found.saw("copied")).reason
    expect(reason == "OSError", "other_reason", ["OSError"], [reason])


@lesson.gate
def main_reports_the_failures(found: Evidence) -> None:
    crawl = crawl_of(found)
    expect(crawl.reason == "AutoStop", "not_by_itself", ["AutoStop"], [crawl.reason])
    wanted = [f"404: there is no {path}" for path in found.saw("site made")[0]["dead"]]
    compare("not_told", wanted, [text for text in wanted if text in found.output])


# The challenge: a concert


class Hall(World):
    """A concert hall."""

    def __init__(self, musicians: list[str], places: int, broken: set[str]) -> None:
        self.musicians = musicians
        self.places = places
        self._broken = broken
        self._note("hall made", hall=id(self), musicians=musicians, places=places, broken=broken)

    async def tune(self) -> None:
        """Play the note by which all tune their instruments."""
        self._note("tuning", hall=id(self))
        await anyio.sleep(0.01)
        self._note("tuned", hall=id(self))

    async def play(self, name: str) -> None:
        """Play a piece of music.

        Raises:
            RuntimeError: A string breaks.
        """
        for bar in range(1, 11):
            self._note("played", hall=id(self), name=name, bar=bar)
            await anyio.sleep(0.004)
            if name in self._broken:
                raise RuntimeError(f"the string of {name} breaks")
        self._note("played to the end", hall=id(self), name=name)

    def turn_away(self, name: str) -> None:
        """There is no place on the stage."""
        self._note("turned away", hall=id(self), name=name)

    def announce(self, text: object) -> None:
        """Say something to the audience."""
        print(f"announced: {text}")
        self._note("announced", text=str(text))


MUSICIANS = (
    "bassoon", "cello", "flute", "guitar", "harp", "horn", "oboe", "piano", "trumpet", "tuba", "viola", "violin",
)  # fmt: skip


def halls() -> tuple[Hall, Hall]:
    """One for a quartet, one for an orchestra that is larger than its stage."""
    names = random.sample(MUSICIANS, 11)
    places = random.randrange(5, 7)
    quartet = Hall(names[:4], 5, {random.choice(names[:4])})
    return quartet, Hall(names[4:], places, set(random.sample(names[4 : 3 + places], 2)))


def hall_of(found: Evidence, index: int) -> tuple[Seen, list[Seen]]:
    """How a hall was made, and what happened in it."""
    made = found.saw("hall made")[index]
    return made, [seen for seen in found.seen if seen.details.get("hall") == made["hall"] and seen is not made]


def brief(seen: list[Seen]) -> list[str]:
    """What was done, without the number of the hall."""
    return [f"{'main' if one.state is None else one.state.name}: {one.what} {one.details.get('name', '')}".rstrip()
            for one in seen]  # fmt: skip


def music(found: Evidence, index: int) -> list[Seen]:
    """What was to be heard in a hall."""
    return [seen for seen in hall_of(found, index)[1] if seen.what in ("tuning", "tuned", "played")]


TUNED_FIRST = ["RUNNING: tuning", "RUNNING: tuned", "GOING: played ..."]


@challenge.gate
def all_wait_while_it_is_tuned(found: Evidence) -> None:
    heard = music(found, 0) if found.saw("hall made") else []
    tuning = [one for one in heard if one.what == "tuning"]
    expect(tuning, "not_tuned", TUNED_FIRST, brief(heard[:3]))
    expect(tuning[0].state is not TaskState.STARTING, "in_start", TUNED_FIRST, brief(heard[:3]))
    expect([one.what for one in heard[:2]] == ["tuning", "tuned"], "not_held", TUNED_FIRST, brief(heard[:6]))


@challenge.gate
def the_stage_has_so_many_places(found: Evidence) -> None:
    made, seen = hall_of(found, 1)
    heard = music(found, 1)
    played = [one["name"] for one in heard if one.what == "played" and one["bar"] == 1]
    room = made["places"] - 1
    expect(played, "nobody_plays", made["musicians"][:room])
    expect([one.what for one in heard[:2]] == ["tuning", "tuned"], "not_tuned_first", TUNED_FIRST, brief(heard[:3]))
    expect(len(played) <= room, "too_many", made["musicians"][:room], played, room=room)
    compare("others_play", made["musicians"][:room], played, room=room)
    away = [one["name"] for one in seen if one.what == "turned away"]
    compare("not_turned_away", made["musicians"][room:], away)


@challenge.gate
def a_broken_string_ends_the_quartet(found: Evidence) -> None:
    _, seen = hall_of(found, 0)
    ended = brief([one for one in seen if one.what == "played to the end"])
    expect(not ended, "went_on", ["(nobody played to the end)"], ended)


@challenge.gate
def main_announces_what_went_wrong(found: Evidence) -> None:
    said = [one["text"] for one in found.saw("announced")]
    quartet, concert = (
        [f"the string of {name} breaks" for name in hall_of(found, index)[0]["broken"]] for index in (0, 1)
    )
    expect(all(any(text in line for line in said) for text in quartet), "no_reason", quartet, said)
    job = job_of(found, [one for one in music(found, 1) if one.what == "played"])
    expect(job.type is TaskType.JOB and job.reason == "AutoStop", "not_by_itself", ["AutoStop"], [job.reason])
    expect(all(any(text in line for line in said) for text in concert), "no_failures", concert, said)
