"""A hook of MkDocs: which Markdown files of the repository are pages of the site, and where their links lead there."""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation, Section

ROOT = Path(__file__).parents[2]
GUIDES = ("guide", "programs", "services", "dashboard", "notebooks", "races", "traces", "comparison", "rules")
LESSONS = sorted(path.parent.name for path in (ROOT / "lessons").glob("*/README.md"))
BOTH = {
    "index": "README",
    **{name: f"docs/{name}" for name in GUIDES},
    **{name: f"lessons/{name}/README" for name in LESSONS},
}
"""Pages in both languages, and their files."""

PAGES = {
    **{f"{page}.md": f"{source}.md" for page, source in BOTH.items()},
    **{f"zh/{page}.md": f"{source}_CN.md" for page, source in BOTH.items()},
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
    "iframe-worker.js": "docs/site/node_modules/iframe-worker/shim/index.js",
    "mermaid.js": "docs/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js",
    "pictures.js": "docs/site/pictures.js",
    "site.css": "docs/site/site.css",
    **{f"images/{path.name}": str(path.relative_to(ROOT)) for path in (ROOT / "dashboard/screenshots").glob("*.png")},
    **{f"images/{path.name}": str(path.relative_to(ROOT)) for path in (ROOT / "docs/images").glob("*.png")},
}
WHERE = {source: page for page, source in {**PAGES, **FILES}.items()}
MODULES = ("gotask", "gotask.testing", "gotask.store", "gotask.otel", "gotask_dashboard")
FUNCTIONS = ("gotask.chrome_trace.chrome_trace", "gotask.frames.to_frame", "gotask.timeline.plot_timeline")
GIVEN = {"merge_init_into_class": False}
"""What nobody but the library makes, so how it is made is of no use."""
SPECIAL: dict[str, dict[str, Any]] = {
    "gotask.Task": {"inherited_members": True, "show_bases": False},
    "gotask.TaskState": {"show_if_no_docstring": True},
    "gotask.TaskType": {"show_if_no_docstring": True},
    "gotask.Channel": {"filters": ["!^_", "!^(attach|detach|enter_tree|make_room|shut)$"], **GIVEN},
    "gotask.CircuitBreaker": {"filters": ["!^_", "!^(admit|failed|left|succeeded)$"]},
    "gotask.History": {"filters": ["!^_", "!^record_of$"], **GIVEN},
    "gotask.LifeRecord": GIVEN,
    "gotask.Subscription": GIVEN,
    "gotask.store.StoredHistory": GIVEN,
    "gotask.store.StoredLife": GIVEN,
    "gotask_dashboard.TaskTree": {"inherited_members": ["view", "height", "selected", "close"], "show_bases": False},
}
"""Members that have their place in a base which is not public; values of enums; and methods only the library calls."""
CHINESE = {"Reference": "参考（英文）", "How it is made": "实现（英文）", "Guide": "English"}
"""What English sections are called around a Chinese page, in this order."""


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
    pieces = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if piece.startswith("```") else rewritten(piece, here, source) for piece in pieces)


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """Around a Chinese page the theme and the navigation speak Chinese, too."""
    is_chinese = page.file.src_uri.startswith("zh/")
    config.theme["language"] = "zh" if is_chinese else "en"
    config.extra["homepage"] = "zh/index.html" if is_chinese else "index.html"
    if is_chinese:
        english = {section.title: section.children for section in nav.items}
        others = [Section(title, english[name]) for name, title in CHINESE.items()]
        context["nav"] = Navigation([*nav.items[-1].children, *others], nav.pages)
    return context


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """A page with a picture has what draws it; without that the theme would ask another host for it."""
    if 'class="mermaid"' not in output:
        return output
    top = posixpath.relpath(".", posixpath.dirname(page.file.dest_uri) or ".")
    scripts = "".join(f'<script src="{top}/{name}" defer></script>' for name in ("mermaid.js", "pictures.js"))
    return output.replace("</head>", f"{scripts}</head>", 1)


def rewritten(text: str, here: str, source: str) -> str:
    """A piece of a page that is no code, with the links of the site."""

    def place(address: str) -> tuple[str, str]:
        """A file of the repository, and what follows its path; no file, if the address is one of the web."""
        path, mark, anchor = address.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return "", address
        return posixpath.normpath(posixpath.join(posixpath.dirname(source), path)), mark + anchor

    def relative(page: str) -> str:
        return posixpath.relpath(page, posixpath.dirname(here) or ".")

    def link(found: re.Match[str]) -> str:
        kind, words, address = found.groups()
        path, anchor = place(address)
        if not path:
            return found[0]
        page = WHERE.get(path)
        if page is None:
            return f"`{path}`" if path.endswith(words.strip("`")) else f"{words} (`{path}`)"
        return f"{kind}[{words}]({relative(page)}{anchor})"

    def attribute(found: re.Match[str]) -> str:
        page = WHERE.get(place(found[2])[0])
        return f'{found[1]}="{relative(page)}"' if page else found[0]

    if here.startswith("zh/"):  # a line break would be shown as a blank, which Chinese does not have
        text = re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u4e00-\u9fff])", "", text)
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
            path = f"{name}.{one}"
            lines += [f"::: {path}", f"    options: {json.dumps(SPECIAL.get(path, {}))}", ""]
    lines += [
        "## Lives as a trace, a table, a picture",
        "",
        "What the methods of `History` do, for any records, such as those of `gotask.store`.",
        "",
    ]
    for path in FUNCTIONS:
        lines += [f"::: {path}", "    options: { show_root_full_path: true }", ""]
    return "\n".join(lines)


def public(module: Any) -> list[str]:
    """The public names of a module."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    return [name for name in getattr(module, "__all__", own) if not name.startswith("_")]
