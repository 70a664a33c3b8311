"""`gotask rules`: how to use gotask well, written where an AI assistant looks for it in the user's own project."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import gotask
from gotask.arguments import Parser
from gotask.words import say

ABOUT = "How to use gotask, the task tree of this project"
SEAL = re.compile(r"<!-- gotask rules [^ ]+ ([0-9a-f]{12}) -->\n")
END = "<!-- end of the gotask rules -->\n"


@dataclass(frozen=True, slots=True)
class Assistant:
    """Where an assistant looks, and the head its files begin with; a shared file holds other rules too."""

    path: str
    head: str = ""
    shared: bool = False


def head(**fields: str) -> str:
    """The front matter of a file of rules."""
    return "".join(["---\n", *(f"{name}: {value}\n" for name, value in fields.items()), "---\n\n"])


GLOB = '"**/*.py"'
ASSISTANTS = {
    "claude": Assistant(".claude/rules/gotask.md"),
    "copilot": Assistant(".github/instructions/gotask.instructions.md", head(applyTo=GLOB)),
    "cursor": Assistant(".cursor/rules/gotask.mdc", head(description=ABOUT, globs="**/*.py", alwaysApply="false")),
    "trae": Assistant(".trae/rules/gotask.md", head(description=ABOUT, globs="**/*.py", alwaysApply="false")),
    "windsurf": Assistant(".windsurf/rules/gotask.md", head(trigger="glob", globs="**/*.py", description=ABOUT)),
    "codebuddy": Assistant(".codebuddy/rules/gotask.mdc", head(description=ABOUT, globs="**/*.py", alwaysApply="true")),
    "qoder": Assistant(".qoder/rules/gotask.md", head(trigger="glob", glob="**/*.py")),
    "kiro": Assistant(".kiro/steering/gotask.md", head(inclusion="fileMatch", fileMatchPattern=GLOB)),
    "augment": Assistant(".augment/rules/gotask.md", head(type="agent_requested", description=ABOUT)),
    "agents": Assistant("AGENTS.md", shared=True),
}
"""By name. AGENTS.md is read by several, and belongs to the project: only a marked part of it is ours."""


def add_options(command: Parser) -> None:
    """The options of `gotask rules`."""
    add, names = command.options.add_argument, ", ".join(ASSISTANTS)
    add("--for", dest="names", action="append", default=[], choices=ASSISTANTS, metavar="NAME",
        help=say("rules.for", names=names))  # fmt: skip
    add("--list", action="store_true", help=say("rules.list"))
    add("--check", action="store_true", help=say("rules.check"))
    add("--force", action="store_true", help=say("rules.force"))
    add("--into", type=Path, default=Path(), metavar="FOLDER", help=say("rules.into"))
    command.set_defaults(play=play)


def play(options: Namespace) -> int:
    """Write, check or list; the exit status is 1 if a file is not as it should be, 2 if nothing was asked."""
    if options.list:
        for name, assistant in ASSISTANTS.items():
            print(f"{name:10}  {assistant.path}")
        return 0
    names = options.names or [name for name in ASSISTANTS if options.check and is_there(name, options.into)]
    if not names:
        print(say("rules.none", names=", ".join(ASSISTANTS)), file=sys.stderr)
        return 2
    act: Callable[[str, Path], str] = state if options.check else forced if options.force else write
    status = 0
    for name in dict.fromkeys(names):
        path, why = options.into / ASSISTANTS[name].path, ""
        try:
            outcome = act(name, options.into)
        except (OSError, UnicodeError) as error:
            outcome, why = "failed", str(getattr(error, "strerror", None) or error)
        bad = outcome not in ("written", "current")
        sentence = say(f"rules.file.{outcome}", path=path, name=name, why=why)
        print(sentence, file=sys.stderr if bad else sys.stdout)
        status = max(status, int(bad))
    return status


def is_there(name: str, folder: Path) -> bool:
    """Whether there is something to check; of a file that cannot be read, that is to be said too."""
    try:
        return state(name, folder) != "absent"
    except (OSError, UnicodeError):
        return True


def text() -> str:
    """The rules themselves."""
    return files("gotask").joinpath("rules.md").read_text("utf-8")


def sealed(body: str) -> str:
    """The rules between two marks; the first holds a checksum, by which a change by hand is known."""
    return f"<!-- gotask rules {gotask.__version__} {checksum(body)} -->\n{body}{END}"


def checksum(body: str) -> str:
    """Twelve digits that are others when the text is."""
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def state(name: str, folder: Path) -> str:
    """How an assistant's file is: absent, foreign, changed, old or current."""
    assistant = ASSISTANTS[name]
    path = folder / assistant.path
    if not path.exists():
        return "absent"
    content = path.read_text("utf-8")
    found = part(content)
    if found is None:
        return "absent" if assistant.shared else "foreign"
    begin, end = found
    seal = SEAL.match(content, begin)
    assert seal is not None
    body = content[seal.end() : end - len(END)]
    if checksum(body) != seal[1] or not (assistant.shared or (content[:begin], content[end:]) == (assistant.head, "")):
        return "changed"
    return "current" if body == text() else "old"


def part(content: str) -> tuple[int, int] | None:
    """Where in a file our part begins and ends; None if there is none."""
    seal = SEAL.search(content)
    end = content.find(END, seal.end()) if seal else -1
    return (seal.start(), end + len(END)) if seal and end >= 0 else None


def write(name: str, folder: Path) -> str:
    """Write an assistant's file, unless somebody changed it."""
    found = state(name, folder)
    return found if found in ("changed", "foreign", "current") else forced(name, folder)


def forced(name: str, folder: Path) -> str:
    """Write an assistant's file; what a shared one holds besides stays as it is."""
    assistant = ASSISTANTS[name]
    path = (folder / assistant.path).resolve()  # of a link, what it leads to is written: many link AGENTS.md
    before, after, newline = assistant.head, "", "\n"
    if assistant.shared and path.exists():
        content = path.read_text("utf-8")
        newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
        begin, end = part(content) or (len(content), len(content))
        before, after = content[:begin], content[end:]
        if begin == len(content) and content:
            before = content.rstrip("\n") + "\n\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(before + sealed(text()) + after, "utf-8", newline=newline)
    os.replace(fresh, path)
    return "written"
