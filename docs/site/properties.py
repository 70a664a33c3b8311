"""For the reference: properties that a function makes, as `_fact` does, have their docstring as its argument."""

from __future__ import annotations

from ast import literal_eval
from typing import Any

from griffe import Attribute, Docstring, ExprCall, Extension


class Properties(Extension):
    """Reads it there, where no program has to be run."""

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        """What is made by one of them says what it is."""
        value = attr.value
        if isinstance(value, ExprCall) and str(value.function) in ("_fact", "_extra"):
            attr.docstring = Docstring(literal_eval(str(value.arguments[1])), parent=attr)
            attr.value = None
            attr.labels = {"property"}
