"""The TODO blocks of a lesson file: found, counted, uncommented. Nothing here says whether they are done."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

HEAD = re.compile(r"\s*## TODO (?P<number>\d+)/(?P<total>\d+)\b(?P<text>.*)")
COUNT = re.compile(r"uncomment (\d+) lines?\s*$")
COMMENT = re.compile(r"^(\s*)# ?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Todo:
    """One TODO: its number, of how many, the line of its head (from 1), and its block as indexes of lines.

    A challenge has heads without blocks.
    """

    number: int
    total: int
    line: int
    block: range


def todos(text: str) -> list[Todo]:
    """The TODOs of a file, in order."""
    lines = text.splitlines()
    return list(_todos(lines))


def _todos(lines: list[str]) -> Iterator[Todo]:
    for index, line in enumerate(lines):
        head = HEAD.match(line)
        if head is None:
            continue
        last = index
        while last + 1 < len(lines) and lines[last + 1].lstrip().startswith("##") and not HEAD.match(lines[last + 1]):
            last += 1
        instruction = " ".join(each.strip().lstrip("#").strip() for each in lines[index : last + 1])
        counted = COUNT.search(lines[index]) or re.search(r"uncomment (\d+) lines?", instruction)
        count = int(counted[1]) if counted else 0
        yield Todo(int(head["number"]), int(head["total"]), index + 1, range(last + 1, last + 1 + count))


def solve(text: str, numbers: Collection[int] | None = None) -> str:
    """The file with the blocks of these TODOs uncommented; of all, if none are named."""
    lines = text.splitlines(keepends=True)
    for todo in _todos([line.rstrip("\r\n") for line in lines]):
        if numbers is None or todo.number in numbers:
            for index in todo.block:
                lines[index] = COMMENT.sub(r"\1", lines[index])
    return "".join(lines)


def line_of(text: str, number: int) -> int | None:
    """The line of the TODO with this number; None if it was deleted."""
    return next((todo.line for todo in todos(text) if todo.number == number), None)
