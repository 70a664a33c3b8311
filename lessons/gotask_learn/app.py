"""`gotask learn` in a terminal: a gotask program with a task for the keys, one for the files, one for each try."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import watchfiles
from prompt_toolkit.input import create_input
from prompt_toolkit.keys import Keys
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

import gotask
from gotask_learn import classroom, desk, tables
from gotask_learn.place import Exercise
from gotask_learn.trial import Outcome, attempt, say
from gotask_learn.trouble import shown

if TYPE_CHECKING:
    from gotask_learn.commands import Place

QUIT = ("q", Keys.ControlC.value, Keys.ControlD.value)


class Keyboard(gotask.ChannelTask[str]):
    """Gives each key that is pressed to `pressed`."""

    def __init__(self, pressed: Callable[[str], object]) -> None:
        self.pressed = pressed

    def start(self) -> None:
        terminal = create_input()
        channel = self.open(1000)

        def read() -> None:
            for press in terminal.read_keys():
                channel.send_nowait(press.key.value if isinstance(press.key, Keys) else press.key)

        modes = ExitStack()
        self.using(modes.close)
        modes.enter_context(terminal.raw_mode())
        modes.enter_context(terminal.attach(read))

    def tick(self, key: str) -> None:
        self.pressed(key)


class Files(gotask.ChannelTask[Any]):
    """Tells which files have been saved. Where the system does not tell, it looks itself, in the second life."""

    retry = gotask.RetryPolicy(1, 0.0)

    def __init__(self, folder: Path, saved: Callable[[set[Path]], object]) -> None:
        self.folder = folder
        self.saved = saved

    def get_signal(self) -> AsyncIterator[Any]:
        over = anyio.Event()  # it looks in a thread, which no cancellation reaches
        self.on_stop(over.set)
        polling = self.retry_count > 0 or None
        return watchfiles.awatch(self.folder, debounce=100, step=20, stop_event=over, force_polling=polling)

    def tick(self, changes: set[tuple[Any, str]]) -> None:
        self.saved({Path(path) for _, path in changes})


class Size(gotask.TickTask):
    """Tells when the terminal has another size."""

    tick_interval = 0.2

    def __init__(self, size: Callable[[], object], changed: Callable[[], object]) -> None:
        self.size = size
        self.changed = changed
        self.last = size()

    def tick(self, due_at: float) -> None:
        if self.last != (now := self.size()):
            self.last = now
            self.changed()


class Trial(gotask.Task[Outcome]):
    """One run of an exercise, in a thread; stopping it ends the program."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.on_stop(self.kill)

    def go(self) -> Outcome:
        return attempt(self.exercise, started=self.began)

    def began(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        if self.is_stopped:
            process.kill()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()


class Checking(gotask.Task[list[Outcome]]):
    """A run of everything, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def go(self) -> list[Outcome]:
        return classroom.check_all(self.folder)


class Learning(gotask.Work):
    """What the learner sees and does. Its tasks tell it what happened, and it draws."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.console = tables.console()
        self.outcome: Outcome | None = None
        self.page: RenderableType | None = None
        self.message = ""
        self.asking = False

    def start(self) -> None:
        self.add_task(Keyboard(self.pressed))
        self.add_task(Files(self.place.folder, self.saved))
        self.add_task(Size(lambda: self.console.size, self.draw))
        self.try_again()

    def dispose(self) -> None:
        kept = self.place.progress.save(self.place.folder)
        with suppress(OSError):  # the window was closed, and there is nobody to tell
            if not kept:
                self.console.print(say("read_only", folder=shown(str(self.place.folder))))
            self.console.print(say("bye"))

    # Where the learner is

    @property
    def exercise(self) -> Exercise:
        """The lesson or challenge in front of the learner."""
        return self.place.current

    def go_to(self, exercise: Exercise) -> None:
        """Turn to another one."""
        self.place.progress.current = exercise.name
        self.page = None
        self.try_again()

    # What happens

    def try_again(self) -> None:
        """Run the program that is in front of the learner; one that still runs is ended."""
        self.outcome = None
        trial = Trial(self.exercise)
        trial.on_dispose(lambda: self.tried(trial))
        self.replace_task("trial", trial)
        self.draw()

    def tried(self, trial: Trial) -> None:
        if trial.result is not None and not trial.stop_reason_is(gotask.StopByUser, gotask.Exit):
            self.outcome = trial.result
            desk.noted(self.place.progress, trial.result)
            self.place.progress.save(self.place.folder)
            self.draw()

    def saved(self, paths: Iterable[Path]) -> None:
        if any(path.name == self.exercise.path.name and path.parent.name == self.exercise.path.parent.name
               for path in paths):  # fmt: skip
            self.page = None
            self.message = ""
            self.try_again()

    def pressed(self, key: str) -> None:
        if key in QUIT:
            self.root.stop(gotask.Exit("quit"))
            return
        if self.asking:
            self.asking = False
            self.message = ""
            if key.lower() == "y":
                self.message = desk.reset(self.place.progress, self.exercise)
                self.try_again()
        elif self.page is not None and key != "h":
            self.page = None
            self.message = ""
        elif key in self.actions:
            self.message = ""
            self.actions[key](self)
        self.draw()

    @property
    def root(self) -> Any:
        return self.parent

    # What a key does

    def next_lesson(self) -> None:
        exercise = self.exercise
        if self.outcome is None or not self.outcome.passed:
            self.message = say("not_yet", number=desk.next_gate(self.place.progress, exercise))
        elif (following := self.place.find(exercise.number + 1, False)) is None:
            self.message = say("last")
        else:
            self.go_to(following)

    def show_hint(self) -> None:
        self.page = Text(desk.hint(self.place.progress, self.exercise))

    def other(self) -> None:
        target = self.place.find(self.exercise.number, not self.exercise.challenge)
        if target is not None:
            self.go_to(target)

    def show_list(self) -> None:
        self.page = tables.course(self.place.all, self.place.progress.done, self.exercise.name)

    def check_all(self) -> None:
        self.page = Text(say("checking", count=len(self.place.all)))
        checking = Checking(self.place.folder)
        checking.on_dispose(lambda: self.checked(checking.result or []))
        self.replace_task("checking", checking)

    def checked(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            desk.noted(self.place.progress, outcome)
        self.page = tables.course(self.place.all, {one.exercise.name: one.done for one in outcomes}, self.exercise.name)
        self.draw()

    def ask_reset(self) -> None:
        self.asking = True
        self.message = say("reset_ask", path=shown(str(self.exercise.path)))

    def show_solution(self) -> None:
        self.page = Text(desk.solution(self.place.progress, self.exercise))

    actions: dict[str, Callable[[Learning], None]] = {
        "n": next_lesson, "h": show_hint, "t": other, "l": show_list, "c": check_all, "x": ask_reset,
        "s": show_solution,
    }  # fmt: skip

    # What is seen

    def draw(self) -> None:
        """Show everything anew. What does not fit is cut at the end of the middle part."""
        console = self.console
        head = [*self.heading(), Text()]
        foot: list[RenderableType] = [Text(), *([Text(self.message, "bold")] if self.message else []), self.keys()]
        rows = [console.render_lines(part, console.options) for part in head + foot]
        room = console.size.height - 1 - sum(map(len, rows))
        body = console.render_lines(self.middle(), console.options, pad=False)
        if len(body) > room:
            body = body[: max(room - 1, 0)]
            body.append([*Text("...").render(console)])
        console.clear()
        console.print(Group(*head), end="")
        for line in body:
            console.print(*[Text(segment.text, segment.style or "") for segment in line], sep="")
        console.print(Group(*foot), end="")

    def heading(self) -> list[RenderableType]:
        exercise, progress = self.exercise, self.place.progress
        key = "heading_challenge" if exercise.challenge else "heading"
        lessons = [one for one in self.place.all if not one.challenge]
        title = say(key, number=exercise.number, last=len(lessons), title=exercise.title)
        done = sum(progress.done.get(one.name, 0) for one in lessons)
        line = Text.assemble((title, "bold cyan"), "   ")
        return [line + tables.bar(done, sum(one.total for one in lessons))]

    def middle(self) -> RenderableType:
        if self.page is not None:
            return Group(self.page, Text(), Text(say("press"), "dim"))
        if self.outcome is None:
            return Text(say("running"), "dim")
        parts: list[RenderableType] = [told(self.outcome)]
        if self.outcome.output:
            parts += [Text(), Text(say("output"), "dim"), Text(self.outcome.output, "dim")]
        path, line = self.outcome.place
        where = Text(f"{shown(path)}:{line}", f"bold link {Path(path).absolute().as_uri()}")
        return Group(*parts, Text(), Text.assemble(where, "   ", (self.onward(self.outcome), "dim")))

    def onward(self, outcome: Outcome) -> str:
        """What to do next."""
        if not outcome.passed:
            return say("watching")
        last = self.place.find(self.exercise.number + 1, False) is None
        ways = ["last" if last else "go_on", *([] if self.exercise.challenge else ["go_on_challenge"])]
        return "  ".join(map(say, ways))

    def keys(self) -> RenderableType:
        keys = []
        for key in ("n", "h", "t", "l", "c", "x", "s", "q"):
            name = "keys_t_back" if key == "t" and self.exercise.challenge else f"keys_{key}"
            keys.append(Text.assemble((key, "bold reverse"), " ", say(name)))
        return Columns(keys, padding=(0, 2))


def told(outcome: Outcome) -> Text:
    """The report, its first line in colour."""
    first, _, rest = outcome.text.partition("\n")
    return Text.assemble((first, "bold green" if outcome.passed else "bold yellow"), "\n", rest)


class Complaints(logging.Handler):
    """Shows errors of the runner itself below the report; a log would tear the picture up."""

    def __init__(self, learning: Learning) -> None:
        super().__init__()
        self.learning = learning

    def emit(self, record: logging.LogRecord) -> None:
        self.learning.message = record.getMessage()


def watch_lessons(place: Place) -> int:
    """Watch until the learner quits."""
    learning = Learning(place)

    async def main(root: gotask.RootManager) -> None:
        root.add_depend_task(learning)
        await root.wait_stopped()

    logging.basicConfig(level=logging.ERROR, handlers=[Complaints(learning)])
    gotask.run(main)
    return 0
