"""The stepper in a cell: what it tells its view of a real tree, and what the view may order; the comm records."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import anyio
import comm
import pytest
from comm.base_comm import BaseComm

import gotask
from gotask import BlockingRoot, Job, RootManager, Task, TaskState
from gotask.testing import Stepper as LoopStepper
from gotask.testing.queued import KINDS, WORDS
from gotask_dashboard import Stepper
from gotask_dashboard.predictions import BESIDE, CHOICES, STARTS, choices, family, outcome

WEB = Path(__file__).parents[1] / "dashboard" / "web" / "src"


class Wire(BaseComm):
    """A comm whose messages are kept."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(**options)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        self.sent.append(data or {})

    def states(self) -> list[dict[str, Any]]:
        """What the view was told to show, in order."""
        return [
            each["state"]["state"] for each in self.sent if each.get("method") == "update" and "state" in each["state"]
        ]


@pytest.fixture(autouse=True)
def wires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each widget has a comm that records."""
    monkeypatch.setattr(comm, "create_comm", Wire)


class Worker(Task[None]):
    async def go(self) -> None:
        await anyio.sleep_forever()


class Slow(Task[None]):
    async def start(self) -> None:
        await anyio.sleep(1)


def order(widget: Stepper, word: str, **values: Any) -> None:
    """What a view sends, as it comes over the comm."""
    content = {"do": word, **values}
    widget.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


async def shown(widget: Stepper, word: str = "", **values: Any) -> dict[str, Any]:
    """What is shown some time after this order."""
    if word:
        order(widget, word, **values)
    await anyio.sleep(0.3)
    state: dict[str, Any] = widget.state
    return state


async def test_it_pauses_the_root(root: RootManager[Any, Any]) -> None:
    """By default it is the root's own loop that takes no event; the view is told of the queue."""
    widget = Stepper(root)
    worker = root.add_task(Worker())
    state = await shown(widget)
    assert worker.state is TaskState.INIT
    assert (state["job"]["id"], state["paused"], state["queued"]) == (root.task_id, True, 1)
    event = {"kind": "start", "id": worker.task_id, "name": "Worker", "plan": ["go"]}
    assert state["queue"] == [event]
    assert state["children"] == [{"id": worker.task_id, "name": "Worker", "state": 0}]
    assert widget.comm.states()[-1] == state


async def test_a_step_is_one_event(root: RootManager[Any, Any]) -> None:
    """The order of a view takes the next event; what it changed is told."""
    widget = Stepper(root)
    first, second = root.add_task(Worker()), root.add_task(Worker())
    state = await shown(widget, "step")
    assert (first.state, second.state) == (TaskState.GOING, TaskState.INIT)
    assert state["last"]["walks"] == [{"id": first.task_id, "name": "Worker", "states": [0, 1, 2, 4]}]
    assert (state["last"]["number"], state["queued"], state["busy"]) == (1, 1, None)


async def test_any_job_can_be_stepped(root: RootManager[Any, Any]) -> None:
    """`job=` names another one; the root goes on."""
    job = root.add_task(Job())
    await job.wait_started()
    widget = Stepper(root, job=job)
    inner, outer = job.add_task(Worker()), root.add_task(Worker())
    state = await shown(widget)
    assert (inner.state, outer.state) == (TaskState.INIT, TaskState.GOING)
    assert [one["id"] for one in state["jobs"]] == [root.task_id, job.task_id]


async def test_a_view_chooses_another_job(root: RootManager[Any, Any]) -> None:
    """The loop that it had runs again, the one that was chosen is paused."""
    widget = Stepper(root)
    job = root.add_task(Job())
    assert job.state is TaskState.INIT
    await shown(widget, "step")
    state = await shown(widget, "job", id=job.task_id)
    assert (state["job"]["id"], widget.job) == (job.task_id, job)
    inner, outer = job.add_task(Worker()), root.add_task(Worker())
    await shown(widget)
    assert (inner.state, outer.state) == (TaskState.INIT, TaskState.GOING)


async def test_the_jobs_are_listed_when_a_view_asks(root: RootManager[Any, Any]) -> None:
    """Those that came since are among them."""
    job = root.add_task(Job())
    await job.wait_started()
    widget = Stepper(root)
    later = root.add_task(Job())
    assert [one["id"] for one in (await shown(widget))["jobs"]] == [root.task_id, job.task_id]
    assert [one["id"] for one in (await shown(widget, "jobs"))["jobs"]] == [root.task_id, job.task_id, later.task_id]


async def test_a_hook_that_waits_is_shown(root: RootManager[Any, Any]) -> None:
    """L5: who holds the loop up; the second step comes when that hook is over."""
    widget = Stepper(root)
    slow, worker = root.add_task(Slow()), root.add_task(Worker())
    state = await shown(widget, "step")
    held = {"hook": "start()", "id": slow.task_id, "name": "Slow"}
    assert (state["held"], state["last"]["waits"], state["busy"]) == (held, held, None)
    state = await shown(widget, "step")
    assert (state["busy"], worker.state) == ("step", TaskState.INIT)
    await anyio.sleep(1)
    assert (widget.state["held"], widget.state["busy"], worker.state) == (None, None, TaskState.GOING)


async def test_what_a_step_that_waited_did_in_the_end_is_shown(root: RootManager[Any, Any]) -> None:
    """The states it takes later are added to the same step."""
    widget = Stepper(root)
    root.add_task(Slow())
    await shown(widget, "step")
    await anyio.sleep(1)
    assert [walk["states"] for walk in widget.state["last"]["walks"]] == [[0, 1, 2]]


async def test_it_runs_to_a_kind(root: RootManager[Any, Any]) -> None:
    """What is queued before is taken; if none of the kind comes, that is said."""
    worker = root.add_task(Worker())
    await worker.wait_started()
    widget = Stepper(root)
    other = root.add_task(Worker())
    worker.stop()
    state = await shown(widget, "run", to="dispose")
    assert (other.state, state["queue"][0]["kind"], state["note"]) == (TaskState.GOING, "dispose", None)
    state = await shown(widget, "run", to="tick")
    assert (state["note"], worker.state) == ({"code": "none", "kind": "tick"}, TaskState.DISPOSED)


async def test_it_runs_to_the_one_after_the_next(root: RootManager[Any, Any]) -> None:
    """Where the next event is of the wanted kind already, that one is taken; of an unknown kind, none."""
    widget = Stepper(root)
    first, second = root.add_task(Worker()), root.add_task(Worker())
    await shown(widget, "run", to="anything")
    assert first.state is TaskState.INIT
    state = await shown(widget, "run", to="start")
    assert (first.state, second.state, state["queued"]) == (TaskState.GOING, TaskState.INIT, 1)


async def test_resumed_it_can_be_paused_again(root: RootManager[Any, Any]) -> None:
    """The loop runs by itself, then waits again."""
    widget = Stepper(root)
    first = root.add_task(Worker())
    state = await shown(widget, "resume")
    assert (first.state, state["paused"]) == (TaskState.GOING, False)
    assert (await shown(widget, "pause"))["paused"]
    second = root.add_task(Worker())
    await shown(widget)
    assert second.state is TaskState.INIT


async def test_a_prediction_comes_first(root: RootManager[Any, Any]) -> None:
    """What an event will do is hidden; no step without a guess; the guess is judged and counted."""
    widget = Stepper(root, predict=True)
    first, second = root.add_task(Worker()), root.add_task(Slow())
    state = await shown(widget)
    assert state["queue"][0]["plan"] == []
    assert state["question"] == {"family": "start", "choices": ["STARTING", "RUNNING", "GOING", "over"]}
    await shown(widget, "step")
    await shown(widget, "step", guess="nonsense")
    assert first.state is TaskState.INIT
    state = await shown(widget, "step", guess="GOING")
    assert (first.state, widget.score) == (TaskState.GOING, (1, 1))
    assert state["answer"] == {"number": 1, "family": "start", "guess": "GOING", "came": "GOING"}
    state = await shown(widget, "step", guess="STARTED")
    assert (state["answer"]["came"], widget.score, second.state) == ("STARTING", (1, 2), TaskState.STARTING)


async def test_a_view_turns_prediction_on_and_off(root: RootManager[Any, Any]) -> None:
    """The score is kept."""
    widget = Stepper(root, predict=True)
    root.add_task(Worker())
    await shown(widget, "step", guess="over")
    root.add_task(Worker())
    state = await shown(widget, "predict", on=False)
    assert (state["queue"][0]["plan"], state["question"], state["answer"]) == (["go"], None, None)
    assert (widget.predict, widget.score) == (False, (0, 1))


async def test_a_second_one_takes_the_job_over(root: RootManager[Any, Any]) -> None:
    """As when its cell is run again: the first says so and orders nothing; its close leaves the other alone."""
    first = Stepper(root)
    second = Stepper(root)
    worker = root.add_task(Worker())
    state = await shown(first, "step")
    assert (state["note"], state["open"], worker.state) == ({"code": "taken"}, False, TaskState.INIT)
    first.close()
    assert (await shown(second))["paused"]


async def test_the_first_may_take_it_back(root: RootManager[Any, Any]) -> None:
    """By choosing the Job again."""
    first = Stepper(root)
    second = Stepper(root)
    state = await shown(first, "job", id=root.task_id)
    assert (state["open"], state["note"], (await shown(second))["note"]) == (True, None, {"code": "taken"})


async def test_another_stepper_of_a_program_is_left_alone(root: RootManager[Any, Any]) -> None:
    """One that is not in a cell has to be closed by whoever made it."""
    LoopStepper(root)
    with pytest.raises(gotask.TaskStateError, match="has a Stepper already"):
        Stepper(root)


async def test_what_it_refuses(root: RootManager[Any, Any]) -> None:
    """No root, no Job of this tree: said at once; and no loop is left paused."""
    with pytest.raises(TypeError, match=r"Stepper\(\) takes the root of a tree"):
        Stepper(Job())
    with pytest.raises(TypeError, match="takes a Job or a root"):
        Stepper(root, job=Worker())  # type: ignore[arg-type]
    async with RootManager() as other:
        for job in (other, Job()):
            with pytest.raises(ValueError, match="is not in this tree"):
                Stepper(root, job=job)
    with pytest.raises(Exception, match="layout"):
        Stepper(root, layout=3)
    worker = root.add_task(Worker())
    await worker.wait_started()


async def test_closed_its_loop_runs(root: RootManager[Any, Any]) -> None:
    """`close()` takes the view away and ends the pause; once more does nothing."""
    widget = Stepper(root)
    worker = root.add_task(Worker())
    widget.close()
    widget.close()
    await worker.wait_started()
    assert LoopStepper(root).is_paused


async def test_the_end_of_the_tree_is_shown(anyio_backend: Any) -> None:
    """M4: the shutdown overrides the pause, and a step that waits; the last thing shown is that it is over."""
    async with RootManager() as root:
        widget = Stepper(root)
        root.add_task(Slow())
        await shown(widget, "step")
        order(widget, "step")
    assert (widget.state["open"], widget.state["note"]) == (False, {"code": "over"})
    assert widget.state["job"]["state"] == TaskState.DISPOSED
    order(widget, "step")
    widget.close()


async def test_the_end_of_its_job_is_shown(root: RootManager[Any, Any]) -> None:
    """Another Job may be chosen then."""
    job = root.add_task(Job())
    await job.wait_started()
    widget = Stepper(root, job=job)
    job.stop()
    state = await shown(widget)
    assert (state["open"], state["note"]) == (False, {"code": "over"})
    assert (await shown(widget, "job", id=root.task_id))["open"]


async def test_what_cannot_be_done_is_said(root: RootManager[Any, Any]) -> None:
    """An error of the library is shown, not lost."""
    job = root.add_task(Job())
    await job.wait_started()
    widget = Stepper(root)
    LoopStepper(job)
    state = await shown(widget, "job", id=job.task_id)
    assert state["note"]["code"] == "failed"
    assert "has a Stepper already" in state["note"]["text"]


async def test_a_burst_is_told_in_few_messages(root: RootManager[Any, Any]) -> None:
    """A thousand starts in a second are told at most ten times, the rest of the queue as a number."""
    widget = Stepper(root)
    for _ in range(1000):
        root.add_task(Worker())
    state = await shown(widget)
    assert (len(state["queue"]), state["queued"], len(state["children"]), state["size"]) == (12, 1000, 48, 1000)
    before = len(widget.comm.sent)
    await shown(widget, "resume")
    assert len(widget.comm.sent) - before < 6


async def test_nothing_new_is_not_told(root: RootManager[Any, Any]) -> None:
    """While nothing changes, no message is sent."""
    widget = Stepper(root)
    await shown(widget)
    before = len(widget.comm.sent)
    await anyio.sleep(10)
    assert len(widget.comm.sent) == before


async def test_its_text_is_the_picture(root: RootManager[Any, Any]) -> None:
    """Where there is no front end: the same text each time, plain and as HTML."""
    widget = Stepper(root)
    worker = root.add_task(Worker())
    text = (
        f"RootManager#{root.task_id} STARTED, its loop is paused\n"
        f"  next      start Worker#{worker.task_id}: begins go() beside this loop\n"
        f"  child     Worker#{worker.task_id} INIT"
    )
    assert repr(widget) == text
    bundle, _ = widget._repr_mimebundle_()
    assert (bundle["text/plain"], bundle["text/html"]) == (text, f"<pre>{text}</pre>")


async def test_a_cell_may_step_too(root: RootManager[Any, Any]) -> None:
    """`stepper` is the library's own; what it does is shown."""
    widget = Stepper(root)
    root.add_task(Worker())
    assert await widget.stepper.step() is not None
    assert (await shown(widget))["last"]["number"] == 1


class Reader(gotask.ChannelTask[Any]):
    """Does with each item what it says."""

    retry = gotask.RetryPolicy(1, interval=0.1)

    async def tick(self, item: Any) -> None:
        if item == "wait":
            await anyio.sleep(0.1)
        elif item == "fail":
            raise ValueError

    async def dispose(self) -> None:
        await anyio.sleep(0.1)


class Flaky(Task[None]):
    retry = gotask.RetryPolicy(1, interval=0.1, fallback=dict)

    def start(self) -> None:
        raise ValueError


class Quick(Job[None]):
    async def start(self) -> None:
        self.add_task(Slow())

    async def run(self) -> None:
        """Is over at once."""


class Held(Task[None]):
    async def run(self) -> None:
        await anyio.sleep(0.1)
        raise ValueError


async def test_what_happens_is_always_among_the_choices(root: RootManager[Any, Any]) -> None:
    """L1: of all that is offered for an event, exactly one thing comes."""
    job: Job[Any] = root.add_task(gotask.Work())
    await job.wait_started()
    seen = set()
    with LoopStepper(job) as stepper:
        reader, quick = job.add_task(Reader()), job.add_task(Quick())
        for kind in (Worker, Slow, Flaky, Held, gotask.Work, Task):
            job.add_task(kind())
        job.add_task(Worker()).stop()
        async with anyio.create_task_group() as group:
            for item in ("go", "wait", "fail", "go"):
                await reader.open().send(item)
            group.start_soon(job.call, len, "four")
            group.start_soon(job.call, anyio.sleep, 0.1)
            for turn in range(40):
                for event in stepper.ahead(1):
                    offered = choices(event)
                    step = await stepper.step()
                    assert step is not None
                    seen.add((family(event), outcome(step)))
                    assert offered.count(outcome(step)) == 1, (event, step)
                await anyio.sleep(0.05)
                if turn == 20:
                    quick.stop()
                    reader.stop()
    assert seen >= {
        ("start", "STARTING"),
        ("start", "STARTED"),
        ("start", "RUNNING"),
        ("start", "GOING"),
        ("start", "over"),
    }
    assert seen >= {("tick", "waits"), ("dispose", "DISPOSED"), ("call", "called"), ("call", "waits")}


def test_a_tree_in_another_thread() -> None:
    """M6: a comm is read in this thread, the tree lives in its own."""
    with BlockingRoot() as root:
        widget = Stepper(root)
        worker = root.add_task(Worker())
        order(widget, "step")
        root.wait_started(worker, timeout=30)
        looked = threading.Event()
        widget.observe(lambda change: looked.set(), "state")
        order(widget, "resume")
        assert looked.wait(30)
        late = root.add_task(Worker())
        root.wait_started(late, timeout=30)
    assert not widget.state["open"]


def test_the_words_know_all_that_is_said() -> None:
    """Each kind, plan, choice and outcome has its words in the view's catalogues."""
    english = (WEB / "stepper-words.en.ts").read_text("utf-8")
    keys = set(re.findall(r'^  "([^"]+)":', english, re.MULTILINE))
    families = {("start", code) for codes in (*STARTS.values(), BESIDE) for code in codes}
    families |= {(family, code) for family, codes in CHOICES.items() for code in codes}
    wanted = {f"plan.{key}" for key in WORDS} | {f"kind.{kind}" for kind in KINDS}
    wanted |= {f"guess.{family}.{code}" for family, code in families}
    wanted |= {f"why.{family}.{code}" for family, code in families - {("call", "beside")}}
    wanted |= {f"note.{code}" for code in ("taken", "over", "none", "failed")}
    assert wanted - keys == set()
