"""The command `gotask`."""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, Namespace
from collections.abc import Sequence
from errno import ENOSPC, EPIPE

import gotask
from gotask import demo, doctor, rules
from gotask.arguments import Parser
from gotask.words import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one on the command line; return its exit status."""
    open_streams()
    parser = command_line()
    options = parser.parse_args(arguments)
    if "play" not in options:
        parser.print_help()
        return 0
    try:
        status: int = options.play(options)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (EPIPE, ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains about the rest at exit
        if error.errno == ENOSPC:  # of a reader that has gone (`| head`) there is nothing to say
            print(say("arguments.error", prog=parser.prog, message=error.strerror), file=sys.stderr)
        return 1
    return status


def open_streams() -> None:
    """Python has None for a stream that was closed before it began (`>&-`); let there be one that leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process lives


def command_line() -> Parser:
    """All that may be typed, explained in the reader's language."""
    parser = Parser(prog="gotask", description=say("cli.about"))
    version = f"gotask {gotask.__version__}"
    parser.options.add_argument("--version", action="version", version=version, help=say("cli.version"))
    commands = parser.add_subparsers(title=say("cli.commands"))
    adding = {"demo": demo.add_options, "learn": add_learn, "doctor": doctor.add_options, "rules": rules.add_options}
    for name, add_options in adding.items():
        about = say(f"cli.{name}")
        add_options(commands.add_parser(name, help=about, description=about))
    return parser


def add_learn(command: Parser) -> None:
    """The course, if it is installed; else a sentence that says how to get it."""
    command.description = say("cli.learn_more", learn=say("cli.learn"))
    try:
        from gotask_learn.commands import add_options
    except ImportError:
        command.arguments.add_argument("arguments", nargs="*", help=SUPPRESS)
        command.set_defaults(play=without_course)
    else:
        add_options(command)


def without_course(options: Namespace) -> int:
    """Say how to get the course."""
    print(say("cli.no_course"), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
