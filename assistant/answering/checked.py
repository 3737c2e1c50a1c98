"""Drafts to claims: a sentence is shown where its evidence bears it out, cited anew where other evidence does, else replaced by the quote or removed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.answering.draft import Draft
from assistant.answering.second import Objector
from assistant.answering.sources import Source
from assistant.hostile import harm
from assistant.types import Removed
from assistant.verify import Premise, Verdict, Verifier
from store.lexical import terms

_TRIED = 4
# A small model says its prompt again.
_LABEL = re.compile(r"(?:question|papers?|sources?|titles?|abstract)\s*:", re.IGNORECASE)
_CIRCLES = 3
_SAME = 0.8
_FEWEST_WORDS = 3
_DONE = "no answer"


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence that is shown.

    Args:
        text: the sentence, or the quote in its place.
        sources: what bears it out.
        support: ``verified`` as cited, ``repaired`` by other evidence, ``quoted`` in place of a sentence that nothing bears out.
        score: probability of support, 1 for a quote.
    """

    text: str
    sources: tuple[Source, ...]
    support: Literal["quoted", "verified", "repaired"]
    score: float


def check(
    drafts: Iterable[Draft], sources: Sequence[Source], verifier: Verifier, second: Objector | None = None
) -> Iterator[Checked | Removed]:
    """Decide on each sentence as it comes.

    Args:
        drafts: a model's sentences.
        sources: what it was shown.
        verifier: decides on support.
        second: may object to what passed.

    Yields:
        Sentences to show, and those that were removed or replaced, with why.
    """
    said: list[frozenset[str]] = []
    quoted: set[str] = set()
    removed: list[frozenset[str]] = []
    repeats = 0
    for draft in drafts:
        words = frozenset(terms(draft.text))
        if draft.text.lower().strip(" .!") == _DONE:
            yield Removed(draft.text, "the model found no answer in the sources")
            continue
        if what := harm(draft.text):
            yield Removed(draft.text, what)
            continue
        if not draft.finished:
            yield Removed(draft.text, "it is unfinished")
            continue
        if len(words) < _FEWEST_WORDS or draft.text.endswith(("?", ":")) or _LABEL.match(draft.text):
            yield Removed(draft.text, "it says nothing")
            continue
        if any(len(words & other) >= _SAME * len(words | other) for other in [*said, *removed]):
            yield Removed(draft.text, "it repeats an earlier sentence")
            repeats += 1
            # A model that has begun to go round in circles does not stop by itself.
            if repeats == _CIRCLES:
                return
            continue
        found = _supported(draft, sources, verifier)
        if isinstance(found, Checked) and second is not None and second.objects(draft.text, premise(found.sources)):
            found = Verdict(False, 0.0, ("the second opinion is that its source does not bear it out",), {})
        if isinstance(found, Checked):
            said.append(words)
            yield found
            continue
        why = found.why[0] if found.why else "nothing bears it out"
        instead = next((s for s in draft.cited if s.key not in quoted), None)
        if instead is None:
            removed.append(words)
            yield Removed(draft.text, why)
            continue
        quoted.add(instead.key)
        yield Removed(draft.text, f"{why}; its source is quoted instead")
        as_quote = frozenset(terms(instead.evidence.quote))
        if not any(len(as_quote & other) >= _SAME * len(as_quote | other) for other in said):
            said.append(as_quote)
            yield Checked(instead.evidence.quote, (instead,), "quoted", 1.0)


def _supported(draft: Draft, sources: Sequence[Source], verifier: Verifier) -> Checked | Verdict:
    """The sentence with what bears it out, or the verdict on it as it was cited."""
    verdict = Verdict(False, 0.0, ("it cites nothing that was shown",) if draft.unknown else ("it cites nothing",), {})
    if draft.cited:
        verdict = verifier.verify(draft.text, premise(draft.cited))
        if verdict.supported:
            # Of several citations only those are kept that bear it out alone, where any does.
            alone = [s for s in draft.cited if len(draft.cited) > 1 and verifier.verify(draft.text, premise([s])).supported]
            return Checked(draft.text, tuple(alone) or draft.cited, "verified", verdict.probability)
    words = set(terms(draft.text))
    near = sorted(sources, key=lambda s: -len(words & set(terms(s.evidence.quote))))[:_TRIED]
    of_paper = [s for s in near if near and s.number == near[0].number]
    for tried in [[s] for s in near] + ([of_paper] if len(of_paper) > 1 else []):
        again = verifier.verify(draft.text, premise(tried), strictly=True)
        if again.supported:
            return Checked(draft.text, tuple(tried), "repaired", again.probability)
    return verdict


def premise(sources: Sequence[Source]) -> Premise:
    """What sources say together."""
    entries = {s.entry.id: s.entry for s in sources}
    context = " ".join(f"{e.title or ''}. {e.abstract}" for e in entries.values())
    return Premise(tuple(s.evidence.quote for s in sources), context, ". ".join(e.title or "" for e in entries.values()))
