"""`gotask learn …`: what is typed on the command line, and what it does."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from gotask.arguments import Parser
from gotask.words import LANGUAGES
from gotask_learn import classroom, desk
from gotask_learn.place import Exercise, NoLessons, copy_course, exercises, find_lessons
from gotask_learn.progress import Progress
from gotask_learn.texts import text
from gotask_learn.trial import arguments_of, attempt, say
from gotask_learn.trouble import shown

Command = Callable[[Namespace], int]


def about(key: str) -> str:
    """What a command or an option does."""
    return text("texts/help", key)


def add_options(parser: Parser) -> None:
    """The options of `gotask learn`."""
    parser.options.add_argument("--lang", choices=LANGUAGES, help=about("lang"))
    parser.set_defaults(play=play, learn=watch)
    actions = parser.add_subparsers(title=about("actions"), metavar="ACTION")

    def add(name: str, command: Command) -> Parser:
        action: Parser = actions.add_parser(name, help=about(name), description=about(name))
        action.set_defaults(learn=command)
        return action

    for name, command in {"run": run, "hint": hint, "solution": solution, "reset": reset}.items():
        action = add(name, command)
        action.arguments.add_argument("number", type=int, nargs="?", help=about("number"))
        action.options.add_argument("--challenge", action="store_true", help=about("challenge"))
    add("list", show_list)
    add("check", check)
    kinds = add("report", report).options.add_mutually_exclusive_group(required=True)
    for name in classroom.FORMATS:
        kinds.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=about(f"as_{name}"))
    add("class", show_class).arguments.add_argument("folder", type=Path, help=about("learners"))
    where = add("init", init).arguments
    where.add_argument("folder", type=Path, nargs="?", default=Path(), help=about("where"))


def play(options: Namespace) -> int:
    """Do what was typed; return the exit status."""
    if options.lang:
        os.environ["GOTASK_LANG"] = options.lang
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    command: Command = options.learn
    try:
        return command(options)
    except NoLessons as error:
        print(say("no_lessons", folder=error), file=sys.stderr)
        return 2


class Place:
    """The learner's folder and progress."""

    def __init__(self) -> None:
        self.folder = find_lessons(Path.cwd())
        self.progress, broken = Progress.load(self.folder)
        self.all = exercises(self.folder)
        if broken is not None:
            print(say("broken_state", path=shown(str(broken))), file=sys.stderr)

    def save(self) -> None:
        """Keep the progress, or say that it cannot be kept."""
        if not self.progress.save(self.folder):
            print(say("read_only", folder=shown(str(self.folder))), file=sys.stderr)

    @property
    def current(self) -> Exercise:
        """The one the learner is at."""
        return next((one for one in self.all if one.name == self.progress.current), self.all[0])

    def find(self, number: int, challenge: bool) -> Exercise | None:
        """The lesson with this number, or its challenge; None if there is none."""
        return next((one for one in self.all if (one.number, one.challenge) == (number, challenge)), None)

    def exercise(self, options: Namespace) -> Exercise | None:
        """The one that was named, or the one the learner is at; None, and a sentence, if there is none."""
        if options.number is None:
            return self.current
        found = self.find(options.number, options.challenge)
        if found is None:
            print(say("no_exercise", number=options.number, last=self.all[-1].number), file=sys.stderr)
        return found


def with_exercise(action: Callable[[Place, Exercise], int]) -> Command:
    """A command about one exercise."""

    def command(options: Namespace) -> int:
        place = Place()
        exercise = place.exercise(options)
        if exercise is None:
            return 2
        status = action(place, exercise)
        place.save()
        return status

    return command


@with_exercise
def run(place: Place, exercise: Exercise) -> int:
    place.progress.current = exercise.name
    outcome = attempt(exercise)
    desk.noted(place.progress, outcome)
    print(outcome.text)
    if outcome.output:
        print("", say("output"), *(f"  {line}" for line in outcome.output.splitlines()), sep="\n")
    if following := desk.onward(outcome, place.find(exercise.number + 1, False)):
        print("", following, sep="\n")
    return 0 if outcome.passed else 1


@with_exercise
def hint(place: Place, exercise: Exercise) -> int:
    print(desk.hint(place.progress, exercise))
    return 0


@with_exercise
def solution(place: Place, exercise: Exercise) -> int:
    print(desk.solution(place.progress, exercise))
    return 0


@with_exercise
def reset(place: Place, exercise: Exercise) -> int:
    print(desk.reset(place.progress, exercise))
    return 0


def show_list(options: Namespace) -> int:
    from gotask_learn import tables

    place = Place()
    tables.console().print(tables.course(place.all, place.progress.done, place.current.name))
    return 0


def check(options: Namespace) -> int:
    from gotask_learn import tables

    place = Place()
    console = tables.console()
    with console.status(say("checking", count=len(place.all))):
        outcomes = classroom.check_all(place.folder)
    for outcome in outcomes:
        desk.noted(place.progress, outcome)
    place.save()
    console.print(tables.course(place.all, {one.exercise.name: one.done for one in outcomes}, place.current.name))
    lessons = [outcome for outcome in outcomes if not outcome.exercise.challenge]
    done = sum(outcome.passed for outcome in lessons)
    print(say("all_done" if done == len(lessons) else "some_done", done=done, count=len(lessons)))
    return 0 if done == len(lessons) else 1


def report(options: Namespace) -> int:
    lines = [classroom.Line.of(outcome) for outcome in classroom.check_all(Place().folder)]
    print(classroom.FORMATS[options.format](lines))
    return 0 if all(line.passed for line in lines if not line.challenge) else 1


def show_class(options: Namespace) -> int:
    from gotask_learn import tables

    def unreadable(path: Path, why: str) -> None:
        print(say("class_unreadable", path=shown(str(path)), why=why), file=sys.stderr)

    learners = classroom.read_class(options.folder, unreadable) if options.folder.is_dir() else []
    if not learners:
        print(say("class_empty", folder=options.folder), file=sys.stderr)
        return 2
    tables.console().print(tables.class_table(learners))
    most = classroom.hold_up(learners)
    if most is not None:
        number, gate, count = most
        task = Exercise(options.folder, number).of_gate(gate, "task")
        print(say("class_hold", number=number, gate=gate, task=task, count=count, total=len(learners)))
    return 0


def init(options: Namespace) -> int:
    try:
        lessons = copy_course(options.folder)
    except FileExistsError as error:
        print(say("init_exists", folder=shown(str(error))), file=sys.stderr)
        return 2
    except OSError as error:
        print(
            say("init_failed", folder=shown(str(options.folder / "lessons")), why=error.strerror or error),
            file=sys.stderr,
        )
        return 2
    print(say("init_done", folder=shown(str(lessons))))
    return 0


def watch(options: Namespace) -> int:
    """Watch the current lesson in a terminal; without one, run it once and say what to type next."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        options.number, options.challenge = None, False
        status = run(options)
        exercise = Place().current
        if status:
            print("", say("once", path=shown(str(exercise.path)), arguments=arguments_of(exercise)), sep="\n")
        return status
    from gotask_learn.app import watch_lessons

    return watch_lessons(Place())
