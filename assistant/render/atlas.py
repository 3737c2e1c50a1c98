"""The map of a corpus, and related entries: for a terminal, as Markdown, and the map as one page with a picture."""

from __future__ import annotations

import textwrap
from html import escape

from assistant.core import SAMPLE_NOTE
from assistant.render.export import markdown_text
from assistant.render.html import document
from assistant.render.terminal import safe
from assistant.topics.atlas import Atlas, AtlasTheme, Place
from assistant.topics.related import Related
from assistant.types import Near

_WIDEST = 100
# Okabe and Ito's colours (2008), told apart by the colour-blind, with four shapes besides.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7f00", "#777777")
_SHAPES = ("circle", "square", "triangle", "diamond")
_WIDTH, _HEIGHT, _EDGE = 900, 640, 24
_STYLE = """
.map { width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px; }
.map a:focus { outline: none; } .map a:focus .dot, .map a:hover .dot { stroke: currentColor; stroke-width: 2.5; }
.map .dot { fill-opacity: .75; stroke: none; } .map text { font: 600 13px system-ui, sans-serif; fill: currentColor; paint-order: stroke; stroke: Canvas; stroke-width: 4px; pointer-events: none; }
nav ul { list-style: none; padding: 0; columns: 2 18rem; } .key { display: inline-block; width: 1em; height: 1em; vertical-align: -.15em; margin-right: .4em; }
.theme:target, li:target { background: #8882; }
@media (min-width: 64rem) { .picture { width: 60rem; margin-left: -7rem; } }
@media print { .picture { width: auto; margin: 0; } }
"""


def _papers(count: int) -> str:
    return f"{count:,} {'paper' if count == 1 else 'papers'}"


def _head(made: Atlas) -> str:
    inside = f", theme “{made.within}”" if made.within else ""
    return f"{_papers(made.entries)} in {len(made.themes)} themes{inside}."


def render(made: Atlas, *, width: int = 80, color: bool = False) -> str:
    """The map as text: each theme with its size, its phrases and the papers that stand for it.

    Args:
        made: what to show.
        width: columns of the terminal.
        color: emphasise with ANSI escapes.
    """
    width = max(40, min(width, _WIDEST))

    def style(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    def wrapped(text: str, indent: str, hanging: str | None = None) -> str:
        return textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent if hanging is None else hanging, break_on_hyphens=False
        )

    lines = [style(SAMPLE_NOTE, "2"), ""] if made.store == "sample" else []
    lines += [wrapped(safe(_head(made)), ""), ""]
    for theme in made.themes:
        lines.append(style(wrapped(f"{theme.n}. {safe(theme.name)} ({_papers(theme.size)})", "", "   "), "1"))
        if theme.phrases[2:]:
            lines.append(style(wrapped(safe(", ".join(theme.phrases[2:])), "   "), "2"))
        lines += [wrapped(f"- {safe(paper.title or paper.id)}", "   ", "     ") for paper in theme.papers[:3]]
        lines.append("")
    if made.outliers:
        lines += [
            style("Far from all themes", "1"),
            *(wrapped(f"- {safe(o.title or o.id)}", "   ", "     ") for o in made.outliers[:5]),
            "",
        ]
    if made.within is None:
        lines.append("Look into one: assistant topics --in NUMBER. Sum one up: assistant summarize NAME.")
    return "\n".join(lines).rstrip() + "\n"


def markdown(made: Atlas) -> str:
    """The map as Markdown."""
    lines = ["# Topics", "", *([f"*{SAMPLE_NOTE}*", ""] if made.store == "sample" else []), markdown_text(_head(made)), ""]
    for theme in made.themes:
        lines += [f"## {theme.n}. {markdown_text(theme.name)} ({_papers(theme.size)})", "", markdown_text(", ".join(theme.phrases)), ""]
        lines += [*(f"- {markdown_text(p.title or p.id)}" for p in theme.papers), ""]
    if made.outliers:
        lines += ["## Far from all themes", "", *(f"- {markdown_text(o.title or o.id)}" for o in made.outliers), ""]
    return "\n".join(lines).rstrip() + "\n"


def page(made: Atlas) -> str:
    """The map as one self-contained HTML page with a picture; it runs no script and fetches nothing.

    Every point is a link to its paper in the list below and shows its title when pointed at; from the keyboard one goes through the themes of the legend.
    """
    body = ["<h1>Topics</h1>"]
    body += [f'<p class="note">{_text(SAMPLE_NOTE)}</p>'] if made.store == "sample" else []
    body.append(f'<p class="head">{_text(_head(made))}</p>')
    if made.places:
        body.append(_picture(made))
        if len(made.places) < made.entries:
            body.append(f'<p class="note">The picture shows {len(made.places):,} of them.</p>')
    drawn: dict[int, list[Place]] = {}
    for place in made.places:
        drawn.setdefault(place.theme, []).append(place)
    for theme in made.themes:
        stands = "".join(f'<li>{_text(p.title or p.id)} <span class="where">{_text(_where(p))}</span></li>' for p in theme.papers)
        rest = "".join(f'<li id="p-{_anchor(p.id)}">{_text(p.title or p.id)}</li>' for p in drawn.get(theme.n, []))
        every = f"<details><summary>The papers in the picture</summary><ul>{rest}</ul></details>" if rest else ""
        body.append(
            f'<section class="theme" id="theme-{theme.n}"><h2>{_key(theme.n)}{theme.n}. {_text(theme.name)} ({_papers(theme.size)})</h2>'
            f'<p class="note">{_text(", ".join(theme.phrases))}</p><ul>{stands}</ul>{every}</section>'
        )
    if made.outliers:
        body.append(
            "<section><h2>Far from all themes</h2><ul>"
            + "".join(f"<li>{_text(o.title or o.id)}</li>" for o in made.outliers)
            + "</ul></section>"
        )
    return document("Topics", body, _STYLE)


def _picture(made: Atlas) -> str:
    dots: list[str] = []
    middles: dict[int, list[tuple[float, float]]] = {}
    for place in made.places:
        x, y = _spot(place)
        middles.setdefault(place.theme, []).append((x, y))
        dots.append(
            f'<a href="#theme-{place.theme}" tabindex="-1"><title>{_text(place.title or place.id)}</title>{_dot(place.theme, x, y, 5)}</a>'
        )
    labels = []
    for theme in made.themes:
        spots = middles.get(theme.n)
        if spots and theme.size * 50 >= made.entries:
            x, y = (sorted(values)[len(values) // 2] for values in zip(*spots, strict=True))
            labels.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" aria-hidden="true">{_text(_short(theme))}</text>')
    legend = "".join(f'<li><a href="#theme-{t.n}">{_key(t.n)}{t.n}. {_text(t.name)} ({t.size:,})</a></li>' for t in made.themes)
    return (
        f'<figure class="picture"><svg class="map" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Papers as points, near where they are alike; the themes are listed below">'
        + "".join(dots)
        + "".join(labels)
        + f'</svg><figcaption class="note">Each point is a paper; papers that are alike are near each other. Point at one for its title.</figcaption></figure><nav aria-label="Themes"><ul>{legend}</ul></nav>'
    )


def _short(theme: AtlasTheme) -> str:
    text = theme.phrases[0] if theme.phrases else theme.name
    return f"{theme.n}. {text}"


def _spot(place: Place) -> tuple[float, float]:
    return _EDGE + place.x * (_WIDTH - 2 * _EDGE), _EDGE + place.y * (_HEIGHT - 2 * _EDGE)


def _dot(theme: int, x: float, y: float, r: float) -> str:
    colour = _COLOURS[(theme - 1) % len(_COLOURS)]
    shape = _SHAPES[(theme - 1) // len(_COLOURS) % len(_SHAPES)]
    if shape == "circle":
        return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{colour}"/>'
    if shape == "square":
        return f'<rect class="dot" x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}" fill="{colour}"/>'
    corners = ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)) if shape == "triangle" else ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
    points = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="dot" points="{points}" fill="{colour}"/>'


def _key(theme: int) -> str:
    return f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{_dot(theme, 7, 7, 5)}</svg>'


def render_related(made: Related, *, width: int = 80) -> str:
    """Related entries as text."""
    width = max(40, min(width, _WIDEST))

    def wrapped(text: str, indent: str = "   ") -> str:
        return textwrap.fill(safe(text), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)

    lines = [SAMPLE_NOTE, ""] if made.store == "sample" else []
    lines += [wrapped(made.entry.title or "Untitled", ""), f"{safe(made.entry.id)}  {safe(_where(made.entry))}"]
    lines += [wrapped(f"Its own: {', '.join(made.own)}", "")] if made.own else []
    lines.append("")
    for number, hit in enumerate(made.hits, start=1):
        lines.append(textwrap.fill(f"{number}. {safe(hit.title or 'Untitled')}", width, subsequent_indent="   "))
        lines.append(wrapped(f"{hit.id}  similarity {hit.similarity:.2f}{'  near-duplicate' if hit.duplicate else ''}"))
        lines += [wrapped(f"both: {', '.join(hit.shared)}")] if hit.shared else []
        lines += [wrapped(f"only this: {', '.join(hit.own)}")] if hit.own else []
        lines.append("")
    if not made.hits:
        lines.append("There is no other entry.")
    return "\n".join(lines).rstrip() + "\n"


def _where(paper: Near) -> str:
    return ", ".join(map(str, paper.provenance))


def _anchor(id: str) -> str:
    return escape(safe(id)).replace(" ", "-")


def _text(text: str) -> str:
    return escape(safe(text))
