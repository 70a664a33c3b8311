"""Records of lives made up for tests: as the engine would leave them, at any instants."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gotask.records import LifeRecord, Step
from gotask.states import TaskType

WALL = 1_790_000_000.0
INSTANTS = st.floats(0, 1000, allow_nan=False) | st.integers(0, 10).map(float)


def life(
    id: int = 2,
    parent_id: int | None = 1,
    at: tuple[float, float, float, float] = (0.0, 1.0, 2.0, 3.0),
    *,
    number: int = 1,
    owner_type: str = "Part",
    key: Any = None,
    task_type: TaskType = TaskType.TASK,
    failed: bool = False,
    final: bool = True,
    steps: tuple[Step, ...] = (),
    descriptions: dict[str, str] | None = None,
) -> LifeRecord:
    """A life that was due, STARTED, DISPOSING and over at these four instants; number 0: it never started."""
    began, started, ending, ended = at
    reason = ("OSError", "broken") if failed else ("TaskComplete", "")
    times: tuple[float | None, ...] = (began, began, started, ending, ended)
    if number == 0:
        times = (began, None, None, None, ended)
    extra = (number - 1 if number else 0, descriptions or {}, steps, (), False)
    facts = (
        id, parent_id, id if key is None else key, owner_type, task_type, 0, number, *times, reason, failed, final,
        "program.py:1", extra,
    )  # fmt: skip
    return LifeRecord(facts, WALL)


@st.composite
def sessions(draw: st.DrawFn) -> list[LifeRecord]:
    """The lives of a few tasks, in any order: any tree, any times, the lives of one task one after another."""
    records: list[LifeRecord] = []
    for id in range(1, draw(st.integers(1, 12)) + 1):
        parent_id = draw(st.sampled_from([None, *range(1, id), *range(id + 1, 15)]))
        instants = sorted(draw(st.lists(INSTANTS, min_size=4, max_size=12)))
        task_type = draw(st.sampled_from(TaskType))
        count = len(instants) // 4
        for number in range(1, count + 1):
            began, *rest = instants[4 * number - 4 : 4 * number]
            steps = tuple(Step("step", "", at - began) for at in draw(st.lists(st.sampled_from(rest), max_size=2)))
            records.append(
                life(
                    id,
                    parent_id,
                    (began, *rest),  # type: ignore[arg-type]
                    number=number if count > 1 else draw(st.integers(0, 1)),
                    task_type=task_type,
                    failed=draw(st.booleans()),
                    final=number == count,
                    steps=steps,
                )
            )
    return draw(st.permutations(records))
