"""Writes the table of a run into README.md, between two markers."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- table: written by `python -m benchmarks --write` -->"
END = "<!-- end of table -->"


def replaced(text: str, table: str) -> str:
    """The text with this between its markers.

    Raises:
        ValueError: It has no markers.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def write(table: str) -> None:
    """Put the table into README.md."""
    README.write_text(replaced(README.read_text(encoding="utf-8"), table), encoding="utf-8")
