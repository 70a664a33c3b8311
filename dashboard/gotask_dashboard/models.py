"""What the answers look like: for the OpenAPI description, which the tests hold them to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

List = list  # classes with a field `list` need another name for it


class Exact(BaseModel):
    """An object with these fields and no others, whose values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemDetails(Exact):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class TaskOut(Exact):
    """A task. Instants are ISO 8601 in UTC."""

    id: int
    parentId: int | None
    key: str
    ownerType: str
    type: int
    typeName: str
    level: int
    state: int
    stateName: str
    startReason: str
    addedAt: str
    startTime: str | None = Field(description="STARTED in its latest life; null before")
    askedAt: str | None
    retryAt: str | None
    life: int
    retryCount: int
    maxRetry: int
    stopReason: str | None
    blockedBy: int | None = Field(description="the child whose hook holds up its loop; its own id for a call")
    children: int
    descriptions: dict[str, str]
    step: str | None
    pointer: int | None
    eventLoopRunning: bool
    failed: bool | None = Field(description="of a task that has stopped: whether its last life failed; else null")


class TreeNode(TaskOut):
    """A task and those below it."""

    childTasks: list[TreeNode]
    truncated: bool = Field(description="there are more below it")


class Tree(Exact):
    """A part of the tree."""

    root: TreeNode
    asOf: str


class Page(Exact):
    """A part of a list."""

    total: int
    limit: int
    offset: int
    asOf: str


class TaskList(Page):
    """Tasks."""

    list: List[TaskOut]


class StepOut(Exact):
    """A step: `at` is seconds after the life began."""

    name: str
    detail: str
    at: float


class TimingsOut(Exact):
    """Seconds in each phase."""

    queued: float
    start: float
    body: float
    dispose: float
    total: float


class WaitingOut(Exact):
    """One task of the chain that ends where it really hangs."""

    taskId: int
    task: str
    state: str
    kind: str
    what: str
    onId: int | None
    graceLeft: float | None
    stack: list[str]


class StopReportOut(Exact):
    """Why a task is not stopping."""

    taskId: int
    path: str
    state: str
    reasonType: str
    reason: str
    askedBy: str
    askedById: int | None
    askedFrom: str
    askedAt: str | None
    askedAgo: float | None
    chain: list[WaitingOut]
    loopAt: list[str]


class TaskDetail(TaskOut):
    """Everything about one task. `live` is false for one that has stopped."""

    asOf: str
    live: bool
    canStop: bool
    canRestart: bool
    canStart: bool
    path: str | None
    steps: list[StepOut]
    timings: TimingsOut | None
    resources: list[str]
    callStack: list[str]
    blocking: list[int] = Field(description="the Jobs whose loops it holds up")
    stopReport: StopReportOut | None


class LifeOut(Exact):
    """A life that is over. Durations are seconds."""

    id: int
    parentId: int | None
    key: str
    ownerType: str
    type: int
    typeName: str
    level: int
    life: int
    state: int
    stateName: str
    startReason: str
    startTime: str
    endTime: str
    duration: float
    stopReason: str
    reasonType: str
    failed: bool
    final: bool
    retryCount: int
    descriptions: dict[str, str]
    steps: list[StepOut]
    disposeErrors: list[str]
    abandoned: bool
    sessionId: int | None
    timings: TimingsOut


class LifeList(Page):
    """Lives, the newest first."""

    list: List[LifeOut]


class StatisticsOut(Exact):
    """Lives that have `of` in common."""

    of: str
    count: int
    failed: int
    mean: float
    p50: float
    p95: float
    max: float


class FailuresOut(Exact):
    """Failures of one kind."""

    reasonType: str
    count: int
    lastAt: str
    lastReason: str
    lastOwnerType: str


class HistoryStats(Exact):
    """Numbers of a history."""

    by: str
    total: int
    list: List[StatisticsOut]
    failures: List[FailuresOut]
    asOf: str


class SessionRecord(Exact):
    """A run of a program."""

    id: int
    program: str
    startedAt: str
    endedAt: str | None
    crashed: bool
    host: str
    pid: int
    processStartedAt: str
    args: list[str]
    version: str
    dropped: int
    current: bool


class SessionList(Page):
    """Runs, the newest first."""

    list: List[SessionRecord]


class HistoryState(Exact):
    """How the writing of the history goes."""

    ready: bool
    error: str | None
    waiting: int
    dropped: int


class SessionOut(Exact):
    """This process."""

    program: str
    pid: int
    host: str
    python: str
    gotask: str
    startedAt: str
    uptime: float
    readOnly: bool
    auth: bool
    epoch: str
    sessionId: int | None
    history: HistoryState


class ProcessOut(Exact):
    """This process, measured now. Memory is in bytes, times in seconds."""

    asOf: str
    cpuPercent: float
    memory: int
    threads: int
    tasks: int
    loopLag: float
    loopBlockedFor: float | None
    loopBlockedAt: str | None


class TaskStats(Exact):
    """Numbers of the tree: what lives now, and what happened since the dashboard looks."""

    asOf: str
    total: int
    byState: dict[str, int]
    byType: dict[str, int]
    byOwner: dict[str, int]
    added: int
    ended: int
    failures: int
    retries: int


class Login(Exact):
    """The token, for a session."""

    token: str = Field(max_length=1_000)


class LoggedIn(Exact):
    """The cookie is set."""

    accepted: Literal[True]


class Command(Exact):
    """What may be said with a command."""

    reason: str | None = Field(None, max_length=1_000)


class Accepted(Exact):
    """The tree has been told; what comes of it is seen later."""

    accepted: Literal[True]
    id: int
    command: Literal["stop", "restart", "start"]


class FilterIn(Exact):
    """Which tasks are meant: all that is said must hold."""

    state: str | int | List[str | int] | None = None
    type: str | int | List[str | int] | None = None
    owner: str | None = None
    q: str | None = None
    parent: int | None = None


class BulkStop(Exact):
    """Which tasks to stop, and why; `dryRun`: only say which."""

    filter: FilterIn
    reason: str | None = Field(None, max_length=1_000)
    dryRun: bool = False


class BulkAnswer(Exact):
    """How many tasks are meant, how many go with them, and the first hundred."""

    accepted: bool
    count: int
    descendants: int
    list: List[TaskOut]
