"""A verdict as text for the terminal."""

from __future__ import annotations

import shutil
from itertools import zip_longest

from gotask.words import can_show, cut, folded, width
from gotask_learn.texts import say
from gotask_learn.verdict import Verdict

COLUMN = 44


def wrapped(text: str) -> list[str]:
    """The text in lines that fit the terminal."""
    return folded(text, max(min(shutil.get_terminal_size().columns - 4, 96), 20))


def side_by_side(expected: tuple[str, ...], actual: tuple[str, ...]) -> list[str]:
    """What should have happened beside what did; the lines that differ are marked."""
    if not expected and not actual:
        return []
    bar, rule, mark = ("│", "─", "≠") if can_show("│─≠") else ("|", "-", "!")
    size = min(max([width(line) for line in (*expected, say("undone_heading"))]), COLUMN)
    lines = [f"    {cut(say('undone_heading'), size)} {bar} {say('actual_heading')}", "    " + rule * (size + 20)]
    for left, right in zip_longest(expected, actual or (say("nothing"),), fillvalue=""):
        lines.append(f"  {mark if left != right else ' '} {cut(left, size)} {bar} {right}".rstrip())
    return lines


def report(verdict: Verdict, learned: str = "", following: str = "") -> str:
    """The whole text.

    Args:
        learned: What the lesson taught, for the end.
        following: What to do next.
    """
    name = say("challenge_word" if verdict.challenge else "lesson_word", number=verdict.lesson)
    parts = []
    if verdict.passed:
        parts += [say("solved", lesson=name, total=verdict.total)]
        if learned:
            parts += ["", say("learned"), *(f"  {line}" for line in wrapped(learned))]
    elif verdict.unmet:
        number = verdict.done + 1
        parts += [say("undone", lesson=name, number=number, total=verdict.total, place=verdict.place), ""]
        parts += [f"  {line}" for line in wrapped(verdict.message)]
        table = side_by_side(verdict.expected, verdict.actual)
        parts += ["", *table] if table else []
    else:
        parts.append(say("but" if verdict.done == verdict.total else "before_main", lesson=name))
    if verdict.trouble:
        parts += ["", *verdict.trouble.splitlines()]
    return "\n".join([*parts, "", following] if following else parts)
