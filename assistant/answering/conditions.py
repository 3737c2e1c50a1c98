"""The conditions of a question in words, for those who read its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.query.analyzer import Question
from assistant.query.constraints import Allowed, Constraints
from assistant.ranking.ranker import RankedEntry

_MOST_NAMED = 3
_ORDERS = {"latest": "newest first", "oldest": "oldest first"}


def in_brief(constraints: Constraints) -> list[str]:
    """The conditions that no record was asked for: what is excluded, alternatives, what must be together, and the order."""
    found = [f"not “{phrase}”" for phrase in constraints.exclude]
    found += [" or ".join(f"“{phrase}”" for phrase in constraints.any_of)] if constraints.any_of else []
    found += [" and ".join(f"“{phrase}”" for phrase in constraints.all_of)] if constraints.all_of else []
    if order := _ORDERS.get(constraints.sort):
        found.append(f"{order}, at most {constraints.top}" if constraints.top else order)
    return found


def notes_on(question: Question, records: Allowed, excluded: Sequence[RankedEntry], *, answered: bool) -> Iterator[str]:
    """What a reader should know of how a question was understood.

    Args:
        question: as understood.
        records: what the store made of its conditions.
        excluded: papers left out because the question asks for it.
        answered: whether papers are shown.
    """
    for typed, meant in question.corrections:
        yield f"Searched for “{meant}” (typed: {typed})."
    for typed, meant in question.suggestions:
        yield f"No abstract holds “{typed}”. Did you mean “{meant}”?"
    stated = [*records.stated, *in_brief(question.constraints)]
    if stated:
        yield f"Taken as conditions: {'; '.join(stated)}. Put the question in quotation marks to search for its words as they stand."
    yield from records.left_out
    if question.constraints.exclude and answered:
        phrases = " or ".join(f"“{phrase}”" for phrase in question.constraints.exclude)
        yield f"The abstracts of those shown do not seem to be about {phrases}; that is not to say that the papers have nothing to do with it."
    if excluded:
        titles = "; ".join(one.entry.title or one.entry.id for one in excluded[:_MOST_NAMED])
        more = f" and {len(excluded) - _MOST_NAMED} more" if len(excluded) > _MOST_NAMED else ""
        yield f"Left out, since they seem to be about it: {titles}{more}."
