"""Summaries for a terminal, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from assistant.core import SAMPLE_NOTE
from assistant.render.export import markdown_text
from assistant.render.terminal import safe
from assistant.topics.summarize import DISAGREEMENTS, LIMITATIONS, coverage_line
from assistant.types import Citation, Claim, Summary

_WIDEST = 100
OVERVIEW = "Overview"


def sections(made: Summary) -> list[tuple[str, Sequence[Claim]]]:
    """The parts of a summary that say something, in reading order."""
    themes = [(f"{t.name} ({len(t.members)} {'paper' if len(t.members) == 1 else 'papers'})", t.claims) for t in made.themes]
    parts = [(OVERVIEW, made.overview), *themes, (DISAGREEMENTS, made.disagreements), (LIMITATIONS, made.limitations)]
    return [(title, claims) for title, claims in parts if claims]


def sentence(claim: Claim, escape: Callable[[str], str] = safe) -> str:
    """A claim with its marks; a quote in quotation marks.

    Args:
        claim: what is said.
        escape: makes its text fit for where it goes.
    """
    marks = "".join(f" [{n}]" for n in claim.citations)
    body = escape(claim.text)
    if claim.support == "quoted":
        return f"“{body}”{marks}"
    stop = body[-1:] if body[-1:] in ".!?" else "."
    return f"{body.rstrip('.!?')}{marks}{stop}"


def by_paper(claims: Sequence[Claim]) -> list[tuple[int | None, list[Claim]]]:
    """Claims in runs: quotes of one paper with its number, or sentences of a model with None."""
    runs: list[tuple[int | None, list[Claim]]] = []
    for claim in claims:
        n = claim.citations[0] if claim.support == "quoted" else None
        if runs and runs[-1][0] == n:
            runs[-1][1].append(claim)
        else:
            runs.append((n, [claim]))
    return runs


def sources(made: Summary) -> list[Citation]:
    """A citation of each source, by number."""
    return sorted({c.n: c for c in made.citations}.values(), key=lambda c: c.n)


def _places(citation: Citation) -> str:
    return ", ".join(safe(str(p)) for p in citation.provenance)


def render(made: Summary, *, width: int = 80, color: bool = False, explain: bool = False) -> str:
    """A summary as text.

    Args:
        made: what to show.
        width: columns of the terminal.
        color: emphasise with ANSI escapes.
        explain: show what of a model's sentences was removed, and why.
    """
    width = max(40, min(width, _WIDEST))

    def style(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    def wrapped(text: str, indent: str = "", hanging: str | None = None) -> str:
        after = indent if hanging is None else hanging
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False)

    titles = {c.n: c.title for c in made.citations}
    places = {c.n: _places(c) for c in made.citations}
    lines = [style(SAMPLE_NOTE, "2"), ""] if made.store == "sample" else []
    lines += [style(wrapped(safe(made.topic)), "1"), wrapped(safe(made.headline)), ""]
    if made.status == "abstained" and made.nearest:
        lines += ["Closest:", *(wrapped(f"- {safe(e.title or e.id)}", hanging="  ") for e in made.nearest), ""]
    for title, claims in sections(made):
        lines.append(style(wrapped(safe(title)), "1"))
        for n, said in by_paper(claims):
            if n is None:
                lines.append(wrapped(" ".join(map(sentence, said)), "  "))
                continue
            lines.append(style(wrapped(f"[{n}] {safe(titles[n] or f'Untitled, {places[n]}')}", "  ", "      "), "2"))
            lines += [wrapped(f"“{safe(claim.text)}”", "      ") for claim in said]
        lines.append("")
    if made.citations:
        lines.append(style("Sources", "1"))
        lines += [wrapped(f"[{c.n}] {safe(c.title or 'Untitled')} ({_places(c)})", hanging="    ") for c in sources(made)]
        lines += ["", wrapped(safe(coverage_line(made)))]
    lines += [wrapped(safe(note)) for note in made.notes]
    if explain:
        lines += [wrapped(f"removed: {safe(one.text)} ({safe(one.why)})", hanging="  ") for one in made.removed]
        if made.model:
            used = made.usage
            lines.append(
                f"written by {safe(made.model)}, prompt {made.prompt}: {used.prompt_tokens} + {used.completion_tokens} tokens, {used.calls} calls, ${used.cost:.4f}"
            )
    lines += [f"{number} entries have no {field} and were left out." for field, number in made.lacking if number]
    return "\n".join(lines).rstrip() + "\n"


def markdown(made: Summary) -> str:
    """A summary as Markdown, with its table; nothing in a title or quote can become markup."""
    titles = {c.n: c.title for c in made.citations}
    places = {c.n: _places(c) for c in made.citations}
    lines = [f"# {markdown_text(made.topic)}", ""]
    lines += [f"*{SAMPLE_NOTE}*", ""] if made.store == "sample" else []
    lines += [markdown_text(made.headline), ""]
    if made.status == "abstained" and made.nearest:
        lines += ["Closest:", "", *(f"- {markdown_text(e.title or e.id)}" for e in made.nearest), ""]
    for title, claims in sections(made):
        lines += [f"## {markdown_text(title)}", ""]
        for n, said in by_paper(claims):
            if n is None:
                lines += [" ".join(sentence(claim, markdown_text) for claim in said), ""]
                continue
            lines += [f"**[{n}] {markdown_text(titles[n] or f'Untitled, {places[n]}')}**", ""]
            lines += [line for claim in said for line in (f"> {markdown_text(claim.text)}", "")]
    if made.table:
        numbers = {c.id: c.n for c in made.citations}
        lines += ["## Papers", "", "| | Paper | Problem | Approach | Finding |", "|---|---|---|---|---|"]
        for row in made.table:
            cells = [row.title or "Untitled", row.problem or "", row.approach or "", row.finding or ""]
            lines.append(f"| [{numbers[row.id]}] | " + " | ".join(markdown_text(cell) for cell in cells) + " |")
        lines.append("")
    if made.citations:
        lines += ["## Sources", ""]
        for citation in sources(made):
            lines += [f"[{citation.n}] {markdown_text(citation.title or 'Untitled')} ({markdown_text(_places(citation))})", ""]
        lines += [markdown_text(coverage_line(made)), ""]
    lines += [markdown_text(note) for note in made.notes]
    return "\n".join(lines).rstrip() + "\n"
