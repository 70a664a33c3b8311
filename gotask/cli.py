"""The command `gotask`."""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

import gotask
from gotask import demo, doctor, rules


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one on the command line; return its exit status."""
    parser = ArgumentParser(prog="gotask", description="A tree of asynchronous tasks inside one program.")
    parser.add_argument("--version", action="version", version=f"gotask {gotask.__version__}")
    commands = parser.add_subparsers(title="commands")
    about = "watch the live tree of a small streaming service"
    command = commands.add_parser("demo", help=about, description=about)
    demo.add_options(command)
    command.set_defaults(play=demo.play)
    add_learn(commands)
    about = "what gotask finds on this machine, what is wrong, and the remedy"
    commands.add_parser("doctor", help=about, description=about).set_defaults(play=doctor.play)
    about = "write, for an AI assistant, how to use gotask well"
    command = commands.add_parser("rules", help=about, description=about)
    rules.add_options(command)
    command.set_defaults(play=rules.play)
    options = parser.parse_args(arguments)
    if "play" not in options:
        parser.print_help()
        return 0
    try:
        status: int = options.play(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has gone; else Python would complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def add_learn(commands: Any) -> None:
    """The course, if it is installed; else a sentence that says how to get it."""
    about = "the course: ten lessons, each an error until its TODOs are done"
    more = f"{about}; without an action, run the one you are at, again whenever you save it"
    command = commands.add_parser("learn", help=about, description=more)
    try:
        from gotask_learn.commands import add_options, play
    except ImportError:
        command.add_argument("arguments", nargs="*", help=SUPPRESS)
        command.set_defaults(play=without_course)
    else:
        add_options(command)
        command.set_defaults(play=play)


def without_course(options: Namespace) -> int:
    """Say how to get the course."""
    print("The course needs a few packages more: pip install 'gotask[learn]'", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
