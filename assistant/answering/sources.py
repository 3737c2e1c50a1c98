"""What a model is shown: sentences under keys, made harmless and packed to its window."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.hostile import gives_orders
from assistant.types import Evidence
from store.tokens import count
from store.types import Entry

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f​-‏‪-‮⁦-⁩]")
_KEY = 4
_AROUND = 8


@dataclass(frozen=True, slots=True)
class Source:
    """A sentence that a model may cite.

    Args:
        key: ``k`` and hex digits, hashed from entry and span: it cannot be guessed, and says nothing.
        evidence: the sentence.
        entry: what it is from.
        number: of the paper, in the order shown, from 1.
    """

    key: str
    evidence: Evidence
    entry: Entry
    number: int


def make_sources(evidence: Sequence[Evidence], entries: Mapping[str, Entry], budget: int) -> list[Source]:
    """Sources from evidence, best first, as many as fit; those of one paper together.

    Sentences that give a reader orders ("ignore previous instructions") are not shown to a model.

    Args:
        evidence: sentences, best first.
        entries: the entries they are from.
        budget: tokens they may take.
    """
    kept: dict[str, list[Evidence]] = {}
    used = 0
    for one in evidence:
        if gives_orders(one.quote):
            continue
        size = count(plain(one.quote)) + _AROUND + (0 if one.entry in kept else count(plain(entries[one.entry].title or "")) + _AROUND)
        if used + size > budget:
            break
        used += size
        kept.setdefault(one.entry, []).append(one)
    sources: list[Source] = []
    taken: set[str] = set()
    for number, (id, rows) in enumerate(kept.items(), start=1):
        for one in sorted(rows, key=lambda e: e.start):
            digest = hashlib.sha256(f"{id}:{one.start}:{one.end}".encode()).hexdigest()
            length = next(n for n in range(_KEY, len(digest)) if digest[:n] not in taken)
            taken.add(digest[:length])
            sources.append(Source(f"k{digest[:length]}", one, entries[id], number))
    return sources


def shown(sources: Sequence[Source]) -> str:
    """The sources as a model sees them: a line for each paper, and under it a line for each sentence with its key."""
    lines: list[str] = []
    last = 0
    for source in sources:
        if source.number != last:
            title = source.entry.title
            safe_title = "untitled" if not title or gives_orders(title) else plain(title)
            lines += ([""] if lines else []) + [f"Paper: {safe_title}"]
            last = source.number
        lines.append(f"[{source.key}] {plain(source.evidence.quote)}")
    return "\n".join(lines)


def fence(sources: Sequence[Source]) -> str:
    """A line to put around the sources that nothing in them can hold: it is hashed from them."""
    return "=" * 5 + hashlib.sha256("".join(s.evidence.quote for s in sources).encode()).hexdigest()[:12] + "=" * 5


def plain(text: str) -> str:
    """One line without control characters, and without brackets, which could pass for keys."""
    return " ".join(_CONTROL.sub(" ", text).translate(str.maketrans("[]【】", "()()")).split())
