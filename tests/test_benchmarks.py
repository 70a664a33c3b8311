"""The benchmarks run, at their smallest size; how fast anything is, no test asks."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from pages import CHROMIUM

from benchmarks import readme
from benchmarks.__main__ import main
from benchmarks.alone import take_alone
from benchmarks.contestants import CONTESTANTS, Contestant, find, installed
from benchmarks.limits import Limit
from benchmarks.runner import Cell, Results, run_row, take, takes_part
from benchmarks.shapes import depth_of
from benchmarks.table import as_values, lines, render
from benchmarks.turn import Turn
from benchmarks.workloads import DERIVED, WORKLOADS, Workload, chosen

PAIRS = [
    pytest.param(workload, contestant, id=f"{workload.name}-{contestant.name}".replace(" ", "-"))
    for workload in WORKLOADS
    for contestant in installed()
    if takes_part(workload, contestant, workload.smallest)
]
LIMITS = [text for workload in WORKLOADS for text in workload.limits.values()] + [one.limit for one in DERIVED]


@pytest.mark.parametrize(("workload", "contestant"), PAIRS)
def test_a_workload_yields_a_positive_cost(workload: Workload, contestant: Contestant) -> None:
    """W1 to W7, bytes and import: every installed contestant does its smallest size, and something is measured."""
    cell = Cell()
    take(workload, contestant, workload.smallest, cell)
    assert not cell.failed
    assert cell.cost is not None
    assert cell.cost > 0


def test_gotask_takes_part_in_every_workload() -> None:
    """No workload is left out for gotask on asyncio."""
    assert all(takes_part(workload, find("gotask"), workload.smallest) for workload in WORKLOADS)


@pytest.mark.parametrize("text", LIMITS)
def test_every_limit_can_be_read(text: str) -> None:
    """A floor and a goal that is not easier, and a peer that takes part."""
    limit = Limit.parse(text)
    assert 0 < limit.goal <= limit.floor
    assert limit.peer is None or limit.peer in {one.name for one in CONTESTANTS}


def test_a_limit_has_floor_goal_and_peer() -> None:
    """`≤ 0.5 → 0.4 × asyncio` is read in its three parts."""
    assert Limit.parse("≤ 0.5 → 0.4 × asyncio") == Limit(0.5, 0.4, "asyncio")


def test_a_limit_without_a_goal_has_its_floor_as_goal() -> None:
    """`≤ 2,000` is both."""
    assert Limit.parse("≤ 2,000") == Limit(2000, 2000)


def test_what_is_no_limit_is_refused() -> None:
    """A slip in the table of workloads is found."""
    with pytest.raises(ValueError, match="no limit"):
        Limit.parse("about 3")


@pytest.mark.parametrize(("value", "verdict"), [(0.4, "goal"), (0.5, "floor"), (0.51, "missed")])
def test_a_verdict_says_what_is_reached(value: float, verdict: str) -> None:
    """The goal, the floor, or neither."""
    assert Limit(0.5, 0.4).verdict(value) == verdict


def results() -> Results:
    """A run that somebody made up."""
    return {
        ("W1", 50_000): {"gotask": Cell([3.0, 2.0, 9.0]), "asyncio": Cell([10.0])},
        ("W1", 1_000_000): {"gotask": Cell([6.0], peak=500.0), "asyncio": Cell([15.0], peak=900.0)},
        ("W7b", 1_000): {"gotask": Cell([9.0]), "anyio": Cell(failed="RecursionError")},
    }


def test_the_table_has_ratio_limit_and_verdict() -> None:
    """The median of ours divided by that of the peer, and what it reaches."""
    row = next(row for row in render(results()).splitlines() if row.startswith("| W1, 50,000"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == [
        "3.0", "10.0", "", "0.30 ×", "≤ 0.5 → 0.4 × asyncio", "goal",
    ]  # fmt: skip


def test_the_table_says_who_fails() -> None:
    """A contestant that cannot do it is not left out in silence."""
    assert "fails" in next(row for row in render(results()).splitlines() if row.startswith("| W7b"))


def test_growth_is_compared_with_the_growth_of_the_peer() -> None:
    """W1 grows by 2 here, that of asyncio by 1.5."""
    line = next(line for line in lines(results()) if line.name == "W1 growth")
    assert line.verdicts[0].value == pytest.approx(2 / 1.5)


def test_peak_memory_has_a_row() -> None:
    """The peak of the process that held a million children."""
    line = next(line for line in lines(results()) if line.name == "W1 memory")
    assert (line.verdicts[0].value, line.verdicts[0].text) == (500.0, "goal")


def test_the_values_hold_every_measurement() -> None:
    """Not the medians alone."""
    assert as_values(results())[0]["costs"] == [3.0, 2.0, 9.0]


def test_a_row_has_as_many_costs_as_there_were_rounds() -> None:
    """Each contestant has its turn in each round."""
    row = run_row(chosen(("W2",))[0], 20, [find("gotask"), find("asyncio")], rounds=3)
    assert {name: len(cell.costs) for name, cell in row.items()} == {"gotask": 3, "asyncio": 3}


def test_a_contestant_that_fails_is_out() -> None:
    """A tree of 74 nodes is no full tree, so nobody can build it."""
    row = run_row(chosen(("W7a",))[0], 74, [find("gotask")], rounds=3)
    assert (row["gotask"].cost, row["gotask"].failed.partition(":")[0]) == (None, "ValueError")


def test_a_turn_can_have_a_process_of_its_own() -> None:
    """Its cost and its peak memory come back."""
    cost, peak = take_alone("asyncio", "lives", 10)
    assert cost > 0
    assert peak >= 0


def test_a_process_that_fails_says_why() -> None:
    """The error of the other process is in the message."""
    with pytest.raises(RuntimeError, match="ValueError: no tree"):
        take_alone("asyncio", "tree", 74)


def test_left_out_work_is_noticed() -> None:
    """A contestant that starts fewer children than asked for has not done the same work."""
    turn = Turn(2, pause=None, forever=None)  # type: ignore[arg-type]
    with turn.timed(1):
        turn.steps.start()
        turn.steps.dispose()
    with pytest.raises(AssertionError, match="started 1, disposed 1, of 2"):
        turn.check()


def test_the_tree_of_w7a_is_five_deep() -> None:
    """1 + 8 + 64 + 512 + 4,096 + 32,768 nodes."""
    assert depth_of(37_449) == 5


def test_a_name_stands_for_its_kinds() -> None:
    """`W6` is both run and go."""
    assert [one.name for one in chosen(("W6",))] == ["W6 run", "W6 go"]


@pytest.mark.parametrize("arguments", [["--only", "W9"], ["--backend", "curio"]])
def test_what_is_unknown_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a sentence and the status 2."""
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


def test_the_command_prints_the_table_and_writes_the_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json FILE` holds the machine and every measurement."""
    file = tmp_path / "run.json"
    assert main(["--quick", "--only", "W1", "--rounds", "1", "--backend", "trio", "--json", str(file)]) == 0
    assert "| W1, 1,000: " in capsys.readouterr().out
    assert json.loads(file.read_text(encoding="utf-8"))["results"][0]["contestant"] == "gotask on trio"


def test_the_table_in_the_readme_is_replaced() -> None:
    """What stands around the markers stays."""
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    assert readme.replaced(text, "new") == f"before\n{readme.BEGIN}\n\nnew\n\n{readme.END}\nafter\n"


def test_the_readme_has_its_markers() -> None:
    """`--write` finds the place."""
    assert readme.replaced(readme.README.read_text(encoding="utf-8"), "new")


def test_a_text_without_markers_is_left_alone() -> None:
    """It is an error, not a guess."""
    with pytest.raises(ValueError, match="no <!-- table"):
        readme.replaced("nothing", "new")


@pytest.mark.timeout(120)
@pytest.mark.skipif(not CHROMIUM.exists() and os.environ.get("CI") != "true", reason="apt install chromium")
def test_the_price_of_the_dashboard_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """`--dashboard` opens the page of a real program in a real browser, and measures both."""
    assert main(["--dashboard", "--quick"]) == 0
    printed = capsys.readouterr().out
    figures = dict(re.findall(r"^  (\S.*?)  +([\d.,]+)", printed, re.MULTILINE))
    assert "1,000 tasks, 400 changes a second, 2 s, 1 loads of the page:" in printed
    assert 0 < float(figures["CPU of the server's thread, one page open"]) < 100
    assert float(figures["patch and render of a delta, median"]) > 0
    assert float(figures["first paint, median"]) <= float(figures["all of the tree is there, median"])


def test_the_price_of_a_durable_history_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """`--history` compares the same lives with a history and without, and drops none at its smallest size."""
    assert main(["--history", "--quick", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    assert "50,000 lives a second, 5,000 lives, median of 1 rounds:" in printed
    dropped = [line.split()[-1] for line in printed.splitlines() if "lives dropped" in line]
    assert dropped == ["0", "0"]
