"""What the learner has done so far, in a small file one can read. It is a memory aid: only a run decides."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = ".gotask-learn.json"


@dataclass
class Progress:
    """`done`: gates passed at the last run, by exercise. `hints`: how many stages were shown, by gate."""

    current: str = "lesson01"
    done: dict[str, int] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def load(folder: Path) -> tuple[Progress, Path | None]:
        """The progress kept in this folder. A file that cannot be read is put aside, and its new place is returned."""
        path = folder / FILE
        try:
            values = json.loads(path.read_text("utf-8"))
            progress = Progress(str(values["current"]), dict(values["done"]), dict(values["hints"]))
            if all(type(count) is int for count in (*progress.done.values(), *progress.hints.values())):
                return progress, None
        except FileNotFoundError:
            return Progress(), None
        except (OSError, ValueError, KeyError, TypeError):
            pass
        aside = path.with_suffix(".broken.json")
        try:
            os.replace(path, aside)
        except OSError:
            return Progress(), path
        return Progress(), aside

    def save(self, folder: Path) -> bool:
        """Keep it; False where that is not possible."""
        path = folder / FILE
        try:
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")
            os.replace(draft, path)
        except OSError:
            return False
        return True
