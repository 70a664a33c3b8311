"""What is seen of a widget where none can be: in a notebook that is only read. No times, so that it stays the same."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from unicodedata import east_asian_width

from gotask import TaskSnapshot
from gotask_dashboard.wire import encodable

MOST = 30
"""Tasks that are shown."""
ROW, INDENT, EDGE = 24, 18, 12
NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that may not stand in a drawing: one of them, and nothing of it is shown."""

STATES = {
    "INIT": ("waiting", '<circle cx="7" cy="7" r="4.6" stroke-dasharray="1.2 2.4"/>'),
    "STARTING": ("waiting", '<circle cx="7" cy="7" r="4.6"/><path class="f" d="M7 2.4a4.6 4.6 0 0 0 0 9.2z"/>'),
    "STARTED": ("running", '<circle cx="7" cy="7" r="4.6"/><circle class="f" cx="7" cy="7" r="1.7"/>'),
    "RUNNING": ("running", '<path class="f" d="M4 2.6v8.8L11.4 7z"/>'),
    "GOING": ("running", '<circle class="f" cx="7" cy="7" r="4.9"/>'),
    "DISPOSING": ("stopping", '<path d="M7 2.2v8.6M3.4 7.4L7 11l3.6-3.6"/>'),
    "DISPOSED": ("stopped", '<path d="M3.2 3.2h7.6v7.6H3.2z"/>'),
    "RETRYING": ("retrying", '<path d="M11.3 5.6A4.6 4.6 0 1 0 11.6 8M11.8 2.6v3.2H8.6"/>'),
}
"""The group of a state, which has a colour, and its sign: those of the live view."""

STYLE = (
    "svg{--s:#fffefb;--i:#1b2230;--o:#596273;--l:#e2dfd6;--k:#3f4fc0;--running:#1b7a48;--waiting:#4f6478;"
    "--stopping:#8d5a00;--retrying:#8339ad;--stopped:#687083}"
    "@media(prefers-color-scheme:dark){svg{--s:#181c24;--i:#e7e9ef;--o:#9ba4b4;--l:#2a303c;--k:#98a5ff;"
    "--running:#58c98b;--waiting:#a3b6c9;--stopping:#e8b352;--retrying:#d3a1f5;--stopped:#98a1b1}}"
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;fill:var(--i)}"
    ".n{font-weight:600}.k{fill:var(--k);font-weight:400}.o{fill:var(--o)}"
    ".g path{fill:none;stroke:var(--l);stroke-width:1.4}"
    ".s *{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}"
    ".s .f{fill:currentColor}.w{fill:currentColor}"
)


def text_of(tree: TaskSnapshot) -> str:
    """The tree as lines of text."""
    lines = encodable(tree.render_text(ids=False)).splitlines()
    return "\n".join(lines if len(lines) <= MOST else [*lines[:MOST], more(len(lines))])


def html_of(tree: TaskSnapshot) -> str:
    """The tree as a picture; as an image, because notebooks that are not trusted may not draw."""
    drawing = b64encode(svg_of(tree).encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{drawing}" alt="{escape(text_of(tree))}">'


def more(count: int) -> str:
    """Those that are left out, in words."""
    return f"… and {count - MOST:,} more"


def svg_of(tree: TaskSnapshot) -> str:
    """The tree as a drawing, light or dark as its reader likes."""
    tasks = list(tree)
    shown = tasks[:MOST]
    depths = [task.level - tree.level for task in shown]
    state_x = 24 + max(EDGE + depth * INDENT + width(name_of(task)) for depth, task in zip(depths, shown, strict=True))
    notes = [", ".join(notes_of(task)) for task in shown]
    right = max(state_x + 104 + max(map(width, notes)), 320) + EDGE
    height = 2 * EDGE + ROW * (len(shown) + (len(tasks) > MOST))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right:.0f}" height="{height}" '
        f'viewBox="0 0 {right:.0f} {height}"><style>{STYLE}</style>'
        f'<rect x=".5" y=".5" width="{right - 1:.0f}" height="{height - 1}" rx="8" fill="var(--s)" stroke="var(--l)"/>',
        f'<g class="g">{"".join(guides(depths))}</g>',
    ]
    for index, (task, depth, note) in enumerate(zip(shown, depths, notes, strict=True)):
        group, sign = STATES[task.state.name]
        x, y = EDGE + depth * INDENT, EDGE + index * ROW
        key = "" if task.key == str(task.id) else f' <tspan class="k">{written(task.key)}</tspan>'
        parts.append(
            f'<text class="n" x="{x}" y="{y + 16}">{written(task.owner_type)}{key}</text>'
            f'<g color="var(--{group})"><g class="s" transform="translate({state_x:.0f} {y + 5})">{sign}</g>'
            f'<text class="w" x="{state_x + 20:.0f}" y="{y + 16}" style="fill:currentColor">'
            f"{task.state.name.capitalize()}</text></g>"
            f'<text class="o" x="{state_x + 104:.0f}" y="{y + 16}">{written(note)}</text>'
        )
    if len(tasks) > MOST:
        parts.append(f'<text class="o" x="{EDGE}" y="{height - EDGE - 8}">{more(len(tasks))}</text>')
    return "".join([*parts, "</svg>"])


def written(text: str) -> str:
    """A text as it stands in the drawing."""
    return escape(NO_XML.sub("\ufffd", encodable(text)))


def name_of(task: TaskSnapshot) -> str:
    """What is shown of its name."""
    return task.owner_type if task.key == str(task.id) else f"{task.owner_type} {task.key}"


def notes_of(task: TaskSnapshot) -> Iterator[str]:
    """What is said of it beside its state."""
    if task.retry_count:
        yield f"retry {task.retry_count}/{'∞' if task.max_retry < 0 else task.max_retry}"
    if task.blocked_by is not None:
        yield next((f"held up by {one.owner_type}" for one in task.children if one.id == task.blocked_by), "held up")
    if task.stop_reason is not None:
        yield task.stop_reason


def guides(depths: list[int]) -> Iterator[str]:
    """The lines from parents to their children."""
    last: dict[int, int] = {}
    for index, depth in enumerate(depths):
        last[depth] = index
        if depth:
            x, y = EDGE + (depth - 1) * INDENT + 6, EDGE + index * ROW + 12
            above = EDGE + last[depth - 1] * ROW + 21
            yield f'<path d="M{x} {above}V{y - 4}q0 4 4 4h5"/>'


def width(text: str) -> float:
    """About how wide it is, in pixels."""
    return sum(13.0 if east_asian_width(sign) in "WF" else 7.4 for sign in text)
