"""A command line that speaks the reader's language: argparse, with the words of the catalogue in place of its own."""

from __future__ import annotations

import re
from argparse import ArgumentParser, HelpFormatter
from typing import Any, NoReturn

from gotask.words import catalogue, folded, say

HEADING = re.compile(r"^(\S.*):(?=(?:\x1b\[0m)?$)", re.MULTILINE)
"""A line at the margin that ends with a colon, in colour or not."""


class Formatter(HelpFormatter):
    """Breaks lines by the columns that a text takes, and Chinese between characters."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return folded(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width))


class Parser(ArgumentParser):
    """Add what begins with dashes to `options`, and what does not to `arguments`: then both have a heading."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": Formatter, **settings, "add_help": False})
        self.arguments = self.add_argument_group(say("arguments.arguments"))
        self.options = self.add_argument_group(say("arguments.options"))
        self.options.add_argument("-h", "--help", action="help", help=say("arguments.help"))

    def format_usage(self) -> str:
        return translated(super().format_usage())

    def format_help(self) -> str:
        return translated(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with what was typed, and exit with status 2."""
        self.exit(2, f"{self.format_usage()}{say('arguments.error', prog=self.prog, message=refusal(message))}\n")


def translated(text: str) -> str:
    """A text of argparse with the reader's word for "usage", and the reader's colon behind headings."""
    text = text.replace(catalogue("gotask", "words", "en")["arguments.usage"], say("arguments.usage"), 1)
    return HEADING.sub(rf"\1{say('arguments.colon')}", text)


def refusal(message: str) -> str:
    """A sentence of argparse in the reader's language; one that the catalogue does not know as it is."""
    for key, sentence in catalogue("gotask", "words", "en").items():
        if key.startswith("refusal."):
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(sentence))
            found = re.fullmatch(pattern, message, re.DOTALL)
            if found:
                return say(key, **found.groupdict())
    return message
