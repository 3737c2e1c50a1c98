"""Answers for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Sequence

from assistant.core import SAMPLE_NOTE, SearchHit
from assistant.types import Answer, Citation
from store.lexical import word_terms

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_WIDEST = 100


def safe(text: str) -> str:
    """Text on one line without anything that could drive a terminal."""
    return " ".join(_CONTROL.sub(" ", text).split())


def render(answer: Answer, *, width: int = 80, color: bool = False, explain: bool = False) -> str:
    """An answer as text.

    Args:
        answer: what to show.
        width: columns of the terminal.
        color: emphasise with ANSI escapes.
        explain: show scores.
    """
    width = max(40, min(width, _WIDEST))

    def style(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    def quote(citation: Citation, score: float) -> str:
        body = textwrap.fill(
            f"“{safe(citation.quote)}”" + (f" (score {score:.2f})" if explain else ""),
            width,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        return emphasise(body, answer.terms) if color else body

    lines: list[str] = [style(SAMPLE_NOTE, "2"), ""] if answer.store == "sample" else []
    if answer.headline:
        lines += [*textwrap.wrap(answer.headline, width), ""]
    if answer.status == "abstained":
        if answer.nearest:
            lines.append("Nearest entries:")
            lines += [textwrap.fill(f"- {safe(e.title or e.id)}", width, subsequent_indent="  ") for e in answer.nearest]
    else:
        for n in dict.fromkeys(c.n for c in answer.citations):
            pairs = [(claim, c) for claim, c in zip(answer.claims, answer.citations, strict=True) if c.n == n]
            first = pairs[0][1]
            title = textwrap.fill(f"[{n}] {safe(first.title or 'Untitled')}", width, subsequent_indent="    ")
            lines += [style(title, "1"), style("    " + ", ".join(safe(str(p)) for p in first.provenance), "2")]
            if explain:
                shown = ", ".join(f"{name} {value:.2f}" for name, value in answer.scores.get(first.id, {}).items())
                lines.append(textwrap.fill(shown, width, initial_indent="    ", subsequent_indent="    "))
            for claim, citation in pairs:
                lines += [quote(citation, claim.score), ""]
    if explain:
        lines.append(f"probability that the corpus answers this: {answer.confidence:.2f}")
    lines += [f"{number} entries have no {field} and were left out." for field, number in answer.lacking if number]
    return "\n".join(lines).rstrip() + "\n"


def results(hits: Sequence[SearchHit], *, width: int = 80) -> str:
    """Search hits as text: each with where it is from, why it matched and its best sentence."""
    width = max(40, min(width, _WIDEST))
    lines = []
    for number, hit in enumerate(hits, start=1):
        places = ", ".join(map(str, hit.entry.provenance))
        why = f"similarity {hit.dense:.2f}, BM25 {hit.lexical:.1f}; words: {', '.join(hit.matched) or 'none'}"
        lines.append(textwrap.fill(f"{number}. {safe(hit.entry.title or 'Untitled')}", width, subsequent_indent="   "))
        for text in (f"{places}  {hit.entry.id}", why, hit.sentence):
            lines.append(textwrap.fill(safe(text), width, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False))
        lines.append("")
    return "\n".join(lines)


def emphasise(text: str, terms: Collection[str]) -> str:
    """Underline the words of a text whose stems are among the terms."""
    wanted = set(terms)
    return _WORD.sub(lambda m: f"\x1b[4m{m.group(0)}\x1b[24m" if wanted & set(word_terms(m.group(0))) else m.group(0), text)
