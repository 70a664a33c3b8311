"""What the page is shipped as: one small module that needs nothing else, made from sources that anybody can get."""

from __future__ import annotations

import re
from pathlib import Path

DASHBOARD = Path(__file__).resolve().parents[1] / "dashboard"
BUNDLE = (DASHBOARD / "gotask_dashboard" / "static" / "dashboard.js").read_bytes()


def test_the_bundle_is_small() -> None:
    """Under 100 KB."""
    assert 20_000 < len(BUNDLE) < 100_000


def test_the_bundle_imports_nothing() -> None:
    """It is one module."""
    assert re.findall(rb"\bimport\s*[({\"'*]|\bexport\s*\*", BUNDLE) == []


def test_the_bundle_asks_no_other_host() -> None:
    """The namespace of SVG and the like are names, not addresses."""
    found = {address for address in re.findall(rb"https?://[\w.]+", BUNDLE) if address != b"http://www.w3.org"}
    assert found == set()


def test_the_bundle_exports_what_its_hosts_need() -> None:
    """The page, any element, a notebook."""
    exported = BUNDLE[BUNDLE.rindex(b"export{") :]
    assert {name for name in (b"mount", b"boot", b"default") if name in exported} == {b"mount", b"boot", b"default"}


def test_the_lock_file_names_no_host() -> None:
    """So it works with any registry."""
    lock = (DASHBOARD / "web" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert '"integrity"' in lock
