"""Questions drafted from a user's own corpus, for them to edit."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

from assistant.core import Assistant
from store.lexical import terms
from store.types import Entry

_TOPIC_SIZES = range(2, 13)


def draft(assistant: Assistant, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Cases marked as drafts: half about one paper each, half sets on phrases that several titles share.

    Args:
        assistant: over the corpus.
        count: how many.
        seed: of the choice of papers.

    Returns:
        Cases as JSON objects. Their gold is what the program itself finds: a person must correct it before it measures anything.
    """
    entries = sorted(assistant.store.ledger.entries().values(), key=lambda e: e.id)
    titled = [e for e in entries if e.title]
    random.Random(seed).shuffle(titled)
    rows: list[dict[str, Any]] = []
    for phrase in _shared_phrases(titled)[: count // 2]:
        question = f"Which papers are about {phrase}?"
        gold = list(dict.fromkeys(c.id for c in assistant.ask(question).citations))
        if gold:
            rows.append({"kind": "which", "question": question, "gold": [[id] for id in gold], "maybe": [], "criterion": ""})
    for entry in titled[: count - len(rows)]:
        best = assistant.ask(f'What does "{entry.title}" find?').citations
        quote = next((c.quote for c in best if c.id == entry.id), "")
        rows.append(
            {
                "kind": "fact",
                "question": f'What does "{entry.title}" find?',
                "gold": [[entry.id]],
                "evidence": [quote] if quote else [],
                "answer": "",
            }
        )
    return [{"id": f"q{number:03}", "draft": True, **row} for number, row in enumerate(rows, start=1)]


def as_lines(rows: list[dict[str, Any]]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _shared_phrases(entries: list[Entry]) -> list[str]:
    """Two-word phrases of titles that some but not many papers share, the commonest first."""
    shown: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        words = (entry.title or "").replace(":", " ").split()
        for first, second in pairwise(words):
            stems = (*terms(first)[:1], *terms(second)[:1])
            if len(stems) == 2 and first.isalpha() and second.isalpha():
                shown.setdefault(stems, f"{first} {second}".lower())
                counts[stems] += 1
    return [shown[stems] for stems, n in counts.most_common() if n in _TOPIC_SIZES]
