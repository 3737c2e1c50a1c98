"""What is said to what is no question about papers: greetings, thanks, what the program can do, what the corpus holds."""

from __future__ import annotations

import re
from collections import Counter

from assistant.topics.atlas import nearest_themes
from store.store import Store
from store.types import Filtered

_THANKS = re.compile(r"\b(?:thanks?|thank you|thx|cheers|obliged|appreciate\w*|helpful|great|perfect|awesome|nice)\b", re.IGNORECASE)
_BYE = re.compile(r"\b(?:bye|goodbye|see you|good ?night|farewell|quit|exit|that's all|that is all)\b", re.IGNORECASE)
_EXAMPLES = 'For example: "what papers study pruning?", "how does X differ from Y?", "who wrote ...?", "papers by Lee since 2021 but not on vision", or a topic to sum up.'
CAN_DO = (
    "I answer questions about the papers in this corpus, from their abstracts, and quote the sentence that each answer rests on; I list, count and compare papers, "
    f"and sum up topics. What no abstract says I do not know. {_EXAMPLES}"
)
OUTSIDE = f"This does not seem to be about papers, so nothing was searched for. {_EXAMPLES}"
_THEMES = 8
_VENUES = 3


def small_talk(text: str) -> str:
    """A short reply."""
    if _BYE.search(text):
        return "Goodbye."
    if _THANKS.search(text):
        return "You are welcome. Ask on, or name another topic."
    return f"Hello. {CAN_DO}"


def about_corpus(store: Store, allowed: Filtered | None) -> str:
    """What the corpus holds: how many papers, their years, where most appeared, and themes."""
    rows = [
        (year, venue)
        for id, year, venue in store.ledger.execute("SELECT id, year, venue FROM entries")
        if allowed is None or id in allowed.ids
    ]
    parts = [f"The corpus holds {len(rows):,} papers{' that pass the filter' if allowed else ''}."]
    years = [year for year, _ in rows if year is not None]
    if years:
        few = f" ({len(years):,} of them have one)" if len(years) < len(rows) else ""
        parts.append(
            f"Their years go from {min(years)} to {max(years)}{few}." if min(years) < max(years) else f"They are of {min(years)}{few}."
        )
    else:
        parts.append("It has no years.")
    venues = Counter(venue for _, venue in rows if venue)
    if venues:
        parts.append(f"Most appeared in {', '.join(f'{name} ({count:,})' for name, count in venues.most_common(_VENUES))}.")
    if themes := nearest_themes(store, store.embedder.embed_query("research"), _THEMES):
        parts.append(f"Among its themes: {'; '.join(themes)}.")
    parts.append("Ask about a topic to see some of them.")
    return " ".join(parts)
