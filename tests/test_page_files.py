"""What page and widget are shipped as: one small module each that needs nothing else, from sources anybody can get."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).resolve().parents[1] / "dashboard"
STATIC = DASHBOARD / "gotask_dashboard" / "static"
BUNDLES = {name: (STATIC / name).read_bytes() for name in ("dashboard.js", "widget.js")}
of_each_bundle = pytest.mark.parametrize("bundle", BUNDLES.values(), ids=list(BUNDLES))


@pytest.mark.parametrize(("name", "most"), [("dashboard.js", 100_000), ("widget.js", 160_000)])
def test_the_bundles_are_small(name: str, most: int) -> None:
    """The page under 100 KB; the widget, which also draws diagrams, under 160: each cell that makes one is sent it."""
    assert 20_000 < len(BUNDLES[name]) < most


@of_each_bundle
def test_a_bundle_imports_nothing(bundle: bytes) -> None:
    """It is one module."""
    assert re.findall(rb"\bimport\s*[({\"'*]|\bexport\s*\*", bundle) == []


@of_each_bundle
def test_a_bundle_asks_no_other_host(bundle: bytes) -> None:
    """The namespace of SVG and the like are names, not addresses."""
    found = {address for address in re.findall(rb"https?://[\w.]+", bundle) if address != b"http://www.w3.org"}
    assert found == set()


@pytest.mark.parametrize(("name", "wanted"), [("dashboard.js", {b"mount", b"boot"}), ("widget.js", {b"default"})])
def test_a_bundle_exports_what_its_host_needs(name: str, wanted: set[bytes]) -> None:
    """The page and any element; anywidget."""
    exported = BUNDLES[name][BUNDLES[name].rindex(b"export{") :]
    assert set(re.findall(rb"as (\w+)", exported)) == wanted


def test_the_lock_file_names_no_host() -> None:
    """So it works with any registry."""
    lock = (DASHBOARD / "web" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
    assert '"integrity"' in lock
