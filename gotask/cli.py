"""The command `gotask`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

import gotask
from gotask import demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one on the command line; return its exit status."""
    parser = ArgumentParser(prog="gotask", description="A tree of asynchronous tasks inside one program.")
    parser.add_argument("--version", action="version", version=f"gotask {gotask.__version__}")
    commands = parser.add_subparsers(title="commands")
    about = "watch the live tree of a small streaming service"
    command = commands.add_parser("demo", help=about, description=about)
    demo.add_options(command)
    command.set_defaults(play=demo.play)
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


if __name__ == "__main__":
    sys.exit(main())
