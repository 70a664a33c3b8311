"""A hook of MkDocs: which Markdown files of the repository are pages of the site, and where their links lead there."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
GUIDES = ("guide", "programs", "services", "dashboard", "notebooks", "races", "traces")
PAGES = {
    "index.md": "README.md",
    "zh/index.md": "README_CN.md",
    **{f"{name}.md": f"docs/{name}.md" for name in GUIDES},
    **{f"zh/{name}.md": f"docs/{name}_CN.md" for name in GUIDES},
    "comparison.md": "docs/comparison.md",
    "rules.md": "docs/rules.md",
    "assistants.md": "gotask/rules.md",
    "design.md": "DESIGN.md",
    "benchmarks.md": "benchmarks/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""By page, the file it is made of."""

FILES = {
    "images/icon.svg": "dashboard/gotask_dashboard/static/icon.svg",
    "images/logo.svg": "docs/images/logo.svg",
    "images/logo-dark.svg": "docs/images/logo-dark.svg",
    "site.css": "docs/site/site.css",
    **{f"images/{path.name}": str(path.relative_to(ROOT)) for path in (ROOT / "dashboard/screenshots").glob("*.png")},
    **{f"images/{path.name}": str(path.relative_to(ROOT)) for path in (ROOT / "docs/images").glob("*.png")},
}
WHERE = {source: page for page, source in {**PAGES, **FILES}.items()}
MODULES = ("gotask", "gotask.testing", "gotask.store", "gotask.otel", "gotask_dashboard")


def on_files(files: Files, config: Any) -> Files:
    """The pages are ours, and what else the theme brings."""
    for page, source in {**PAGES, **FILES}.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "reference.md", content=reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links between files of the repository become links between pages; what is no page is named, and no link."""
    here = page.file.src_uri
    source = PAGES.get(here)
    if source is None:
        return markdown
    markdown = markdown.replace("```mermaid", "```text")  # what draws it would have to be loaded from elsewhere
    pieces = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if piece.startswith("```") else rewritten(piece, here, source) for piece in pieces)


def rewritten(text: str, here: str, source: str) -> str:
    """A piece of a page that is no code, with the links of the site."""

    def target(address: str) -> str | None:
        path, mark, anchor = address.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return address
        there = WHERE.get(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        return None if there is None else posixpath.relpath(there, posixpath.dirname(here) or ".") + mark + anchor

    def link(found: re.Match[str]) -> str:
        new = target(found[3])
        return f"{found[1]}[{found[2]}]({new})" if new is not None else found[2]

    def attribute(found: re.Match[str]) -> str:
        return f'{found[1]}="{target(found[2]) or found[2]}"'

    text = re.sub(r'\b(src|srcset)="([^"]+)"', attribute, text)
    return re.sub(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)", link, text)


def reference() -> str:
    """A page with everything public, by module; so nothing is forgotten."""
    sys.path[:0] = [str(ROOT), str(ROOT / "dashboard")]
    about = "All that is public, as its docstrings say it. Rules, such as S4, are in [the rules](rules.md)."
    lines = ["# API", "", about, ""]
    for name in MODULES:
        module = __import__(name, fromlist=["__all__"])
        lines += [f"## {name}", "", str(module.__doc__ or "").partition("\n")[0], ""]
        for one in sorted(public(module), key=lambda each: (not each[0].isupper(), each.lower())):
            lines += [f"::: {name}.{one}", ""]
    return "\n".join(lines)


def public(module: Any) -> list[str]:
    """The public names of a module."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    return [name for name in getattr(module, "__all__", own) if not name.startswith("_")]
