"""Random trees for the tests of properties and of stress: plans as plain data, tasks that write down what they do,
and the check of what was written down against the rules."""

from __future__ import annotations

import math
import types
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import anyio
import anyio.from_thread

from gotask import (
    AsyncTickTask,
    ChannelTask,
    GotaskError,
    Job,
    RootManager,
    Task,
    TaskDisposedError,
    TaskExistsError,
    TickTask,
    Work,
    WorkCollection,
)
from gotask.records import Step
from gotask.retry import RetryPolicy
from gotask.states import STEPS, TaskState
from gotask.testing import Event, EventRecorder

INIT, STARTING, STARTED, RUNNING, GOING, DISPOSING, DISPOSED, RETRYING = TaskState

BASES: dict[str, type[Task[Any]]] = {
    "task": Task, "job": Job, "work": Work, "collection": WorkCollection,
    "channel": ChannelTask, "tick": TickTask, "async tick": AsyncTickTask,
}  # fmt: skip
JOBS = ("job", "work", "collection")
TICKING = ("channel", "tick", "async tick")
DELAYS = (0.0, 0.5, 1.0, 1.0, 1.5, 3.0)


class Oops(Exception):
    """What a task of a random tree fails with."""


@dataclass(frozen=True)
class Plan:
    """What one task does."""

    kind: str
    start: str = ""
    body: str = ""
    dispose: str = ""
    takes: float = 1.0
    fails: tuple[str, ...] = ()
    failing_lives: int = 0
    max_retry: int = 0
    retry_after: float = 1.0
    grace: float = 0.0
    concurrent: bool = False
    escalates: bool = False
    depends: bool = False
    resources: tuple[str, ...] = ()
    items: int = 0
    runs: Plan | None = None
    children: tuple[Plan, ...] = ()
    late: tuple[Plan, ...] = ()


def random_plan(random: Random, depth: int = 3, threads: bool = True) -> Plan:
    """A task, or a tree of tasks at most so deep."""
    kind = random.choice(["task"] * 5 + list(JOBS) * (2 if depth else 0) + list(TICKING))
    plain = kind not in TICKING
    bodies = ["", "go", "go", "run"] + (["go thread", "run thread"] if threads and random.random() < 0.2 else [])
    many = random.choice([0, 1, 2, 3, 4]) if kind in JOBS and depth else 0
    body = random.choice(bodies) if plain else random.choice(["plain tick", "async tick"])
    hooks = ["start", "body", "dispose", "tick"]
    return Plan(
        kind,
        start=random.choice(["", "plain", "async"] * 10 + ["patient"]),
        body=body,
        dispose=random.choice(["", "plain", "async"]),
        takes=random.choice(DELAYS),
        fails=tuple(hook for hook in hooks if random.random() < 0.25),
        failing_lives=random.choice([0, 0, 1, 2, 5]),
        max_retry=random.choice([0, 0, 1, 2, -1]),
        retry_after=random.choice(DELAYS),
        grace=random.choice([0.0, 0.0, 0.5, 2.0]),
        concurrent=random.random() < 0.25,
        escalates=random.random() < 0.25,
        depends=random.random() < 0.05,
        resources=tuple(random.choice(["using", "on_stop"]) for _ in range(random.choice([0, 0, 1, 3]))),
        items=random.choice([0, 1, 3, 10]),
        runs=random_plan(random, 0, threads) if body == "go" and random.random() < 0.2 else None,
        children=tuple(random_plan(random, depth - 1, threads) for _ in range(many)),
        late=tuple(random_plan(random, 0, threads) for _ in range(random.choice([0, 1]) if many else 0)),
    )


@dataclass(frozen=True)
class Action:
    """Something done to the tree from outside: to the task, and perhaps to the Job, with these numbers."""

    at: float
    verb: str
    task: int
    job: int
    plan: Plan


VERBS = ("stop", "stop", "restart", "restart", "add", "add with key", "add again", "replace", "call")


@dataclass(frozen=True)
class Story:
    """A tree, what is done to it, and how it ends."""

    plans: tuple[Plan, ...]
    actions: tuple[Action, ...]
    end_at: float
    end: str


def random_story(random: Random, threads: bool = True) -> Story:
    """A tree of some ten tasks, and what happens to it in some ten virtual seconds."""
    actions = [
        Action(
            random.choice([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0]), random.choice(VERBS), random.randrange(100),
            random.randrange(100), random_plan(random, 0, threads),
        )
        for _ in range(random.randrange(12))
    ]  # fmt: skip
    return Story(
        tuple(random_plan(random, threads=threads) for _ in range(random.randrange(1, 4))),
        tuple(sorted(actions, key=lambda action: action.at)),
        random.choice([0.0, 0.25, 0.5, 1.0, 1.25, 2.0, 3.0, 4.0, 5.5, 8.0, 20.0]),
        random.choice(["shutdown", "stop", "cancel", "call"]),
    )


class Watch(EventRecorder):
    """A recorder that keeps also whose child a task is, and whether it is its parent that stops it."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: Counter[int] = Counter()

    def task_added(self, task: Any) -> None:
        self._note("task_added", task, str(task.parent.task_id))

    def stop_requested(self, task: Any, reason: BaseException) -> None:
        above = task.parent
        self._note("stop_requested", task, "by its parent" if above and reason is above.stop_reason else "")

    def state_changed(self, task: Any, old: TaskState, new: TaskState) -> None:
        if new is STARTING:
            self.lives[task.task_id] += 1
        super().state_changed(task, old, new)

    def step_recorded(self, task: Any, step: Step) -> None:
        pass

    def hook(self, task: Task[Any], what: str) -> None:
        """What a hook says of itself."""
        self.events.append(Event("hook", task.task_id, task.owner_type, what))


class Hooks:
    """What the hooks of all tasks of a random tree do; the hooks themselves are made by `class_of`."""

    plan: Plan
    world: World

    @contextmanager
    def inside(self, hook: str) -> Iterator[None]:
        watch = self.world.watch
        watch.hook(self, f"{hook} begins")  # type: ignore[arg-type]
        outcome = "fails"
        try:
            yield
            if hook in self.plan.fails and watch.lives[self.task_id] <= self.plan.failing_lives:  # type: ignore[attr-defined]
                raise Oops(hook)
            outcome = "ends"
        finally:
            watch.hook(self, f"{hook} {outcome}")  # type: ignore[arg-type]

    def prepare(self) -> None:
        """In `start`: the group is added, resources are taken."""
        task: Any = self
        for child in self.plan.children:
            self.world.add(task, child)
        for number, verb in enumerate(self.plan.resources):
            name = f"{verb} {self.world.watch.lives[task.task_id]}.{number}"
            self.world.watch.hook(task, f"{name} held")
            getattr(task, verb)(self.releaser(name, wait=number == 1))

    def releaser(self, name: str, wait: bool) -> Callable[[], Any]:
        task: Any = self

        def release() -> None:
            task.world.watch.hook(task, f"{name} released")

        async def release_slowly() -> None:
            await anyio.sleep(task.plan.takes)
            release()

        return release_slowly if wait else release

    async def work(self) -> str:
        """In an async body."""
        task: Any = self
        with self.inside("body"):
            for child in self.plan.late:
                self.world.add(task, child)
            await anyio.sleep(self.plan.takes)
            if self.plan.runs is not None:
                made = self.world.make(self.plan.runs)
                self.world.run_tasks.add(made.task_id)
                try:
                    await task.run_task(made)
                except (GotaskError, Oops):
                    pass
            await anyio.sleep(self.plan.takes)
        return "done"

    def work_in_thread(self) -> str:
        """In the body of a thread."""
        task: Any = self
        with self.inside("body"):
            for _ in range(3):
                if task.is_stopped:
                    break
                anyio.from_thread.run(anyio.sleep, self.plan.takes)
        return "done"

    def get_signal(self) -> Any:
        """The signal of a channel task: some items, some at once and some later; then the end, or nothing more."""
        return self.items() if self.plan.takes else iter(range(self.plan.items))

    async def items(self) -> Any:
        with self.inside("signal"):
            for item in range(self.plan.items):
                yield item
                await anyio.sleep(self.plan.takes)
            if self.plan.grace:
                await anyio.sleep(math.inf)


@cache
def class_of(kind: str, start: str, body: str, dispose: str) -> type[Any]:
    """The task class with these hooks."""
    base = BASES[kind]
    own: dict[str, Any] = {"__module__": __name__}
    if start == "plain":

        def plain_start(self: Any) -> None:
            with self.inside("start"):
                self.prepare()

        own["start"] = plain_start
    elif start == "async":

        async def async_start(self: Any) -> None:
            with self.inside("start"):
                self.prepare()
                await anyio.sleep(self.plan.takes)

        own["start"] = async_start
    elif start == "patient":

        async def patient_start(self: Any) -> None:
            with self.inside("start"):
                self.prepare()
                await self.wait_stop_requested()

        own["start"] = patient_start
    if body.endswith("thread"):
        own[body.split()[0]] = lambda self: self.work_in_thread()
    elif body in ("run", "go"):

        async def go(self: Any) -> Any:
            return await self.work()

        own[body] = go
    elif body == "plain tick":

        def plain_tick(self: Any, item: Any) -> None:
            with self.inside("tick"):
                pass

        own["tick"] = plain_tick
    elif body == "async tick":

        async def async_tick(self: Any, item: Any) -> None:
            with self.inside("tick"):
                await anyio.sleep(self.plan.takes)

        own["tick"] = async_tick
    if kind == "channel":
        own["get_signal"] = Hooks.get_signal
    if dispose == "plain":

        def plain_dispose(self: Any) -> None:
            with self.inside("dispose"):
                pass

        own["dispose"] = plain_dispose
    elif dispose == "async":

        async def async_dispose(self: Any) -> None:
            with self.inside("dispose"):
                await anyio.sleep(self.plan.takes)

        own["dispose"] = async_dispose
    name = "".join(word.title() for word in (kind.replace(" ", ""), start, *body.split(), dispose, "Task"))
    made: type[Any] = types.new_class(name, (Hooks, base), exec_body=lambda namespace: namespace.update(own))
    return made


class World:
    """One tree, all tasks ever made for it, and what was recorded of them."""

    def __init__(self, root: RootManager[Any, Any], watch: Watch) -> None:
        self.root = root
        self.watch = watch
        self.tasks: list[Any] = []
        self.run_tasks: set[int] = set()
        self.refused = 0
        self.joined = 0

    def make(self, plan: Plan) -> Any:
        task: Any = class_of(plan.kind, plan.start, plan.body, plan.dispose)()
        task.plan, task.world = plan, self
        task.stop_grace = plan.grace
        if plan.kind in JOBS:
            task.stop_children = "concurrent" if plan.concurrent else "reverse"
            task.on_child_failure = "escalate" if plan.escalates else "isolate"
        if plan.max_retry:
            task.retry = RetryPolicy(plan.max_retry, plan.retry_after)
        self.tasks.append(task)
        return task

    def add(self, job: Any, plan: Plan, key: Any = None) -> None:
        """Add a new task, with its children, to this Job if it takes any."""
        taken = {child.key for child in job.children}
        task = self.make(plan)
        try:
            if plan.depends:
                job.add_depend_task(task, key=key)
            else:
                job.add_task(task, key=key)
        except TaskExistsError:
            assert key in taken
        except GotaskError:
            self.refused += 1
        if task.parent is None:
            return
        assert key not in taken
        if not plan.start:
            for child in plan.children:
                self.add(task, child)

    async def act(self, action: Action, group: Any) -> None:
        """Do what the story says; what the rules refuse is refused by an error of the library."""
        task = self.tasks[action.task % len(self.tasks)]
        jobs = [each for each in self.tasks if isinstance(each, Job)]
        job = [self.root, *jobs][action.job % (len(jobs) + 1)]
        try:
            if action.verb == "stop":
                task.stop(Oops("stop") if action.job % 2 else None)
            elif action.verb == "restart":
                task.restart()
            elif action.verb == "add":
                self.add(job, action.plan)
            elif action.verb == "add with key":
                self.add(job, action.plan, key=("key", action.task % 2))
            elif action.verb == "add again":
                job.add_task(task)
            elif action.verb == "replace":
                if task.parent is not None and task.task_id not in self.run_tasks:
                    task.parent.replace_task(task.key, self.make(action.plan))
            else:
                group.start_soon(self.call, job)
        except GotaskError:
            self.refused += 1

    async def call(self, job: Any) -> None:
        async def function() -> None:
            await anyio.sleep(0.5)

        try:
            await job.call(function)
        except GotaskError:
            self.refused += 1

    async def join(self, task: Any) -> None:
        """Wait for a task as a user would; whatever happens to it, the wait ends."""
        if task.parent is not None:
            try:
                await task
            except (GotaskError, Oops):
                pass
        self.joined += 1


async def live(story: Story) -> World:
    """Let a story happen, until its tree is gone and long after; check that nothing is left of it."""
    before = len(anyio.get_running_tasks())
    root: RootManager[Any, Any] = await RootManager[Any, Any]().init()
    world = World(root, watch := Watch())
    root.observe(watch)
    with anyio.fail_after(2e3):
        async with anyio.create_task_group() as group:
            for plan in story.plans:
                world.add(root, plan)
            for action in story.actions:
                if action.at < story.end_at:
                    await anyio.sleep(max(action.at - anyio.current_time(), 0))
                    await world.act(action, group)
            await anyio.sleep(max(story.end_at - anyio.current_time(), 0))
            many = len(world.tasks)
            for task in tuple(world.tasks):
                group.start_soon(world.join, task)
            await end(root, story.end)
        report = await root.shutdown()
        assert not report.unstopped, str(report)
        assert world.joined == many
        recorded = len(watch.events)
        await anyio.sleep(1e3)
    assert len(watch.events) == recorded, f"after the end of the root: {watch.events[recorded:]}"
    assert len(anyio.get_running_tasks()) == before
    return world


async def end(root: RootManager[Any, Any], how: str) -> None:
    """Shut the tree down, in one of the ways there are."""
    if how == "stop":
        root.stop()
        await root.wait_stopped()
    elif how == "cancel":
        with anyio.CancelScope() as scope:
            scope.cancel()
            await root.shutdown(timeout=1e3)
    elif how == "call":
        with anyio.move_on_after(100) as patience:
            try:
                await root.call(root.shutdown)
            except TaskDisposedError:
                pass  # it is stopped already, because of a child it depends on
        if patience.cancelled_caught:  # only a start that waits for its stop lets no call in
            holder: Any = root.blocked
            assert (holder.state, holder.plan.start) == (STARTING, "patient")
        else:
            await root.wait_stopped()
    await root.shutdown(timeout=1e3)


# What must be true of all that was recorded


def check(world: World) -> None:
    """All properties, of a world whose root is gone."""
    check_ends(world)
    check_states(world)
    check_records(world)
    check_hooks(world)
    check_one_at_a_time(world)
    check_children_first(world)
    check_reverse_order(world)


def check_ends(world: World) -> None:
    """Q2, D1: nothing is alive, no Job has a child or a running loop, so every key is free again."""
    for task in (world.root, *world.tasks):
        added = task.parent is not None or task is world.root
        assert task.state is (DISPOSED if added else INIT), task
        assert not added or task.stop_reason is not None
        if isinstance(task, Job):
            assert (task.size, task.children, task.event_loop_running, task.blocked) == (0, (), False, None)


def check_states(world: World) -> None:
    """L1: each task goes from state to state as the table says."""
    for task in world.tasks:
        history = [INIT, *world.watch.states(task)]
        for old, new in pairwise(history):
            allowed = STEPS[old] if old is not DISPOSED else STEPS[INIT]  # added again: from INIT
            assert new in allowed, (task, history)


def check_records(world: World) -> None:
    """H5: a life leaves one record, a task that never started one with the number 0; the last one is final."""
    by_task: dict[int, list[Any]] = {}
    for record in world.watch.records:
        by_task.setdefault(record.id, []).append(record)
    for task in world.tasks:
        records = by_task.get(task.task_id, [])
        states = world.watch.states(task)
        assert sum(record.life > 0 for record in records) == states.count(STARTING), task
        assert sum(record.life == 0 for record in records) == never_started(states), task
        stopped_between = sum(pair == (RETRYING, DISPOSED) for pair in pairwise(states))
        assert sum(record.final for record in records) == states.count(DISPOSED) - stopped_between, task
        assert sum(not record.final for record in records) == states.count(RETRYING), task
    assert [record for record in world.root.history if record.id != world.root.task_id] == [
        record for record in world.watch.records if record.id != world.root.task_id
    ]


def never_started(states: list[TaskState]) -> int:
    """How often a task went straight from INIT to DISPOSED."""
    return sum(new is DISPOSED and old in (INIT, DISPOSED) for old, new in pairwise([INIT, *states]))


def check_hooks(world: World) -> None:
    """D1, D4, L4: the hooks of each life, in their order; each started life is disposed once, and lets go of all."""
    told: dict[int, list[str]] = {task.task_id: [] for task in world.tasks}
    for event in world.watch.events:
        if event.kind in ("hook", "state_changed") and event.task_id in told:
            told[event.task_id].append(event.what)
    for task in world.tasks:
        lives = " | ".join(told[task.task_id]).split("STARTING")
        assert "begins" not in lives[0], (task, lives)
        for life in lives[1:]:
            check_hooks_of_life(task, life.strip(" |").split(" | "))


def check_hooks_of_life(task: Any, told: list[str]) -> None:
    started = "STARTED" in told
    counts = Counter(told)
    assert counts["start begins"] == bool(task.plan.start) or not started, (task, told)
    assert counts["start begins"] <= 1
    assert counts["body begins"] <= 1
    assert counts["dispose begins"] == (bool(task.plan.dispose) and started), (task, told)
    for hook in ("start", "body", "tick", "dispose", "signal"):
        assert counts[f"{hook} begins"] == counts[f"{hook} ends"] + counts[f"{hook} fails"], (task, told)
    for what in told:
        if what.endswith(" held"):
            assert counts[what.replace("held", "released")] == 1, (task, told)
    if "dispose begins" in told:
        after = told[told.index("dispose begins") + 1 :]
        assert not [what for what in after if what.startswith(("start", "body", "tick"))], (task, told)
        kept = [what for what in after if what.startswith("using") and what.endswith("released")]
        assert kept == sorted(kept, reverse=True), (task, told)
        assert len(kept) == sum(what.startswith("using") and what.endswith(" held") for what in told)


def check_one_at_a_time(world: World) -> None:
    """L4, L5: of all the children of a Job, one at a time is in its `start`, `run`, `tick` or `dispose`."""
    plans = {task.task_id: task.plan for task in world.tasks if task.task_id not in world.run_tasks}
    parent: dict[int, str] = {}
    holder: dict[str, int] = {}
    for event in world.watch.events:
        if event.kind == "task_added":
            parent[event.task_id] = event.what
        elif event.kind == "hook" and event.task_id in plans:
            hook, what = event.what.rsplit(" ", 1)
            plan = plans[event.task_id]
            in_loop = hook in ("start", "dispose") or (hook == "tick" and plan.kind != "async tick")
            if in_loop or (hook == "body" and plan.body.startswith("run")):
                above = parent[event.task_id]
                if what == "begins":
                    assert holder.setdefault(above, event.task_id) == event.task_id, (event, holder)
                else:
                    assert holder.pop(above) == event.task_id, event


def check_children_first(world: World) -> None:
    """D1: when `dispose` of a Job is called, and when its life is over, none of its children is alive."""
    state: dict[int, str] = {}
    parent: dict[int, str] = {}
    children: dict[str, set[int]] = {}
    for event in world.watch.events:
        own = str(event.task_id)
        if event.kind == "task_added":
            parent[event.task_id] = event.what
            state[event.task_id] = "INIT"
            children.setdefault(event.what, set()).add(event.task_id)
        elif event.kind == "state_changed":
            state[event.task_id] = event.what
            if event.what == "DISPOSED" and event.task_id in parent:
                children[parent[event.task_id]].discard(event.task_id)
            elif event.what == "STARTING":
                above = parent[event.task_id]
                if above != str(world.root.task_id):
                    assert state[int(above)] in ("STARTING", "STARTED", "RUNNING", "GOING"), event
        if event.what in ("dispose begins", "DISPOSED", "RETRYING"):
            assert not children.get(own), (event, children[own])


def check_reverse_order(world: World) -> None:
    """D2: a Job that closes has its children go in the reverse order of their start, each completely before the next.

    Those that go by themselves meanwhile, that hold up the loop (S12), have not started (S2), or wait for their next
    life (S3) go when they do.
    """
    reverse = {task.task_id for task in world.tasks if task.plan.kind in JOBS and not task.plan.concurrent}
    reverse.add(world.root.task_id)
    state: dict[int, str] = {}
    parent: dict[int, int] = {}
    began: dict[int, int] = {}
    asked: dict[int, int] = {}
    holding: set[int] = set()
    for number, event in enumerate(world.watch.events):
        task_id = event.task_id
        if event.kind == "task_added":
            parent[task_id] = int(event.what)
            state[task_id] = "INIT"
        elif event.kind == "hook" and event.what.startswith("tick"):
            (holding.add if event.what.endswith("begins") else holding.discard)(task_id)
        elif event.kind == "state_changed":
            state[task_id] = event.what
            if event.what == "STARTING":
                began[task_id] = number
            elif event.what == "DISPOSING":
                asked.pop(task_id, None)
        elif event.kind == "stop_requested" and event.what == "by its parent" and task_id not in world.run_tasks:
            above = parent.get(task_id)
            held = task_id in holding or state.get(task_id) in ("INIT", "STARTING", "RUNNING", "RETRYING", "DISPOSING")
            if above is None or above not in reverse or state.get(above) != "DISPOSING" or held:
                continue
            before = asked.get(above)
            if before is not None:
                assert state[before] == "DISPOSED", (event, "asked to go while another goes", before)
                assert began[task_id] < began[before], (event, "started before", before)
            asked[above] = task_id
