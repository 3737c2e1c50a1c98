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

    def quote(citation: Citation, score: float | None) -> str:
        body = textwrap.fill(
            f"“{safe(citation.quote)}”" + (f" (score {score:.2f})" if explain and score is not None else ""),
            width,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        return emphasise(body, answer.terms) if color else body

    prose = any(claim.support != "quoted" for claim in answer.claims)
    lines: list[str] = [style(SAMPLE_NOTE, "2"), ""] if answer.store == "sample" else []
    if answer.understood:
        lines += [style(textwrap.fill(f"Understood as: {safe(answer.understood)}", width), "2"), ""]
    if answer.headline:
        lines += [*textwrap.wrap(answer.headline, width), ""]
    if answer.status == "abstained":
        if answer.nearest:
            lines.append("Closest:")
            lines += [textwrap.fill(f"- {safe(e.label)}", width, subsequent_indent="  ") for e in answer.nearest]
    else:
        if prose:
            lines += [textwrap.fill(paragraph, width, break_on_hyphens=False) + "\n" for paragraph in paragraphs(answer)]
            lines.append(style("Sources", "1"))
        for n in dict.fromkeys(c.n for c in answer.citations):
            scores = scores_of(answer)
            of_entry = [c for c in answer.citations if c.n == n]
            first = of_entry[0]
            title = textwrap.fill(f"[{n}] {safe(first.title or 'Untitled')}", width, subsequent_indent="    ")
            lines += [style(title, "1"), style("    " + ", ".join(safe(str(p)) for p in first.provenance), "2")]
            if explain:
                shown = ", ".join(f"{name} {value:.2f}" for name, value in answer.scores.get(first.id, {}).items())
                lines.append(textwrap.fill(shown, width, initial_indent="    ", subsequent_indent="    "))
            for citation in of_entry:
                lines += [quote(citation, scores.get((n, citation.quote))), ""]
    lines += [textwrap.fill(safe(note), width) for note in answer.notes]
    if explain:
        lines += [textwrap.fill(f"removed: {safe(one.text)} ({safe(one.why)})", width, subsequent_indent="  ") for one in answer.removed]
        if answer.model:
            used = answer.usage
            lines.append(
                f"written by {safe(answer.model)}, prompt {answer.prompt}: {used.prompt_tokens} + {used.completion_tokens} tokens, {used.calls} calls, ${used.cost:.4f}"
            )
        lines.append(f"probability that the corpus answers this: {answer.confidence:.2f}")
    lines += [f"{number} entries have no {field} and were left out." for field, number in answer.lacking if number]
    return "\n".join(lines).rstrip() + "\n"


def paragraphs(answer: Answer) -> list[str]:
    """What a model wrote, each sentence with its [n]; quotes in its place stand in paragraphs of their own.

    Quotes that only complete a set are not among them: they stand with their source.
    """
    found: list[list[str]] = [[]]
    last_written = max((i for i, c in enumerate(answer.claims) if c.support != "quoted"), default=-1)
    for place, claim in enumerate(answer.claims):
        marks = "".join(f" [{n}]" for n in claim.citations)
        text = safe(claim.text)
        if claim.support != "quoted":
            stop = text[-1:] if text[-1:] in ".!?" else "."
            found[-1].append(f"{text.rstrip('.!?')}{marks}{stop}")
        elif place < last_written or answer.mode == "answer":
            found += [[f"“{text}”{marks}"], []]
    return [" ".join(part) for part in found if part]


def scores_of(answer: Answer) -> dict[tuple[int, str], float]:
    """Scores of quoted claims, by number and quote."""
    return {(claim.citations[0], claim.text): claim.score for claim in answer.claims if claim.support == "quoted" and claim.citations}


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
