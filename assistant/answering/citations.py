"""Claims that quote, and citations numbered by first appearance of their entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.answering.evidence import disputes
from assistant.types import Citation, Claim, Evidence
from store.types import Entry


def cite(evidence: Sequence[Evidence], entries: Mapping[str, Entry]) -> tuple[tuple[Claim, ...], tuple[Citation, ...]]:
    """Claims that quote the evidence, and its citations numbered by first appearance of their entry."""
    numbers: dict[str, int] = {}
    citations = []
    claims = []
    for item in evidence:
        n = numbers.setdefault(item.entry, len(numbers) + 1)
        entry = entries[item.entry]
        citations.append(Citation(n, entry.id, entry.title, entry.url, item.quote, item.start, item.end, item.field, entry.provenance))
        claims.append(Claim(item.quote, (n,), "quoted", item.score))
    return tuple(claims), tuple(citations)


def disputing_papers(claims: Sequence[Claim]) -> list[int]:
    """Numbers of the papers whose quotes say that they stand against what others hold."""
    return sorted({n for claim in claims if disputes(claim.text) for n in claim.citations})
