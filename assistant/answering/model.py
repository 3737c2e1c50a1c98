"""Answers that a model writes from evidence; every sentence is checked before anyone sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from assistant.answering.checked import Checked, check
from assistant.answering.citations import disputing_papers
from assistant.answering.draft import drafts
from assistant.answering.second import Objector
from assistant.answering.sources import Source, fence, make_sources, shown
from assistant.answering.text import lead
from assistant.llm import Call, LanguageModel, Message, ModelSettings, Usage
from assistant.llm.tokens import count_messages
from assistant.templates import Template
from assistant.types import Answer, Citation, Claim, Evidence, Removed
from assistant.verify import Verifier
from store.errors import SettingsError
from store.tokens import count
from store.types import Entry

_SENTENCES = {"answer": 4, "list": 6, "compare": 6, "theme": 5, "overview": 3}
_MARGIN = 64
_LEAST = 200


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is sent for a question.

    Args:
        messages: the turns.
        sources: what it may cite.
        template: the prompt they were made from.
        tokens: of the messages, by tiktoken.
        cost: dollars at most, where a price is configured.
    """

    messages: tuple[Message, ...]
    sources: tuple[Source, ...]
    template: Template
    tokens: int
    cost: float


@dataclass
class Written:
    """What came of a model's writing, filled as it goes."""

    checked: list[Checked] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


def make_prompt(
    question: str,
    mode: str,
    evidence: Sequence[Evidence],
    entries: Mapping[str, Entry],
    template: Template,
    settings: ModelSettings,
    window: int,
    most: int | None = None,
) -> Prompt:
    """The prompt for a question, packed to the model's window.

    Args:
        question: as asked.
        mode: the answer's mode, or ``theme`` or ``overview`` for a part of a summary.
        evidence: sentences it may cite, best first.
        entries: the entries they are from.
        template: the prompt.
        settings: limits and prices.
        window: tokens the model reads and writes at most.
        most: tokens the sources may take, where that is less than the room for them.

    Raises:
        SettingsError: the window has no room for sources.
    """
    # Enough for a sentence a paper in a list, no more than a reader wants.
    sentences = str(_SENTENCES[mode])
    empty = template.fill(question=question, sources="", fence="", count=sentences)
    room = window - settings.llm_max_tokens - count(empty) - _MARGIN
    if room < _LEAST:
        raise SettingsError(
            f"A window of {window} tokens leaves no room for sources beside an answer of {settings.llm_max_tokens}.",
            "Set llm_window to what the model reads, or llm_max_tokens lower.",
        )
    sources = make_sources(evidence, entries, room if most is None else min(room, most))
    text = template.fill(question=question, sources=shown(sources), fence=fence(sources), count=sentences)
    messages = (Message("user", text),)
    tokens = count_messages(messages)
    return Prompt(messages, tuple(sources), template, tokens, settings.cost(tokens, settings.llm_max_tokens))


def write(
    model: LanguageModel, prompt: Prompt, settings: ModelSettings, verifier: Verifier, into: Written, second: Objector | None = None
) -> Iterator[Checked]:
    """Sentences as they are written and found to hold.

    Args:
        model: who writes.
        prompt: what it is sent.
        settings: limits, timeout and prices.
        verifier: decides on support.
        into: collects the sentences, what was removed, and what it took.
        second: may object to what passed.

    Raises:
        ModelError: the model failed. What had been found to hold is in ``into``.
    """
    call = Call(model, prompt.messages, settings)

    def noted() -> Iterator[object]:
        for draft in drafts(iter(call), prompt.sources):
            into.unknown += draft.unknown
            yield draft

    try:
        for one in check(noted(), prompt.sources, verifier, second):  # type: ignore[arg-type]
            if isinstance(one, Removed):
                into.removed.append(one)
            else:
                into.checked.append(one)
                yield one
    finally:
        into.usage += call.usage + (second.usage if second else Usage())


def claims_of(checked: Sequence[Checked]) -> tuple[tuple[Claim, ...], tuple[Citation, ...]]:
    """Claims, and the citations they need, numbered by first appearance of their entry; a span is listed once."""
    numbers: dict[str, int] = {}
    rows: dict[tuple[int, int, int], Citation] = {}
    claims = []
    for one in checked:
        cited = []
        for source in one.sources:
            entry, span = source.entry, source.evidence
            n = numbers.setdefault(entry.id, len(numbers) + 1)
            cited.append(n)
            rows.setdefault(
                (n, span.start, span.end),
                Citation(n, entry.id, entry.title, entry.url, span.quote, span.start, span.end, span.field, entry.provenance),
            )
        claims.append(Claim(one.text, tuple(dict.fromkeys(cited)), one.support, one.score))
    return tuple(claims), tuple(rows.values())


def merged(plain: Answer, written: Written, model: LanguageModel, prompt: Prompt, began: float) -> Answer:
    """The model's answer; in a list and a comparison, papers it did not cite follow with their quotes.

    Args:
        plain: the answer without a model.
        written: what the model wrote and what holds of it.
        model: who wrote.
        prompt: what it was sent.
        began: when the question was asked, by ``time.perf_counter``.
    """
    common = {
        "model": model.name,
        "prompt": f"{prompt.template.name} {prompt.template.version}",
        "usage": written.usage,
        "removed": tuple(written.removed),
        "unknown": tuple(dict.fromkeys(written.unknown)),
        "seconds": time.perf_counter() - began,
    }
    if not any(one.support != "quoted" for one in written.checked):
        said = any("found no answer" in r.why for r in written.removed)
        note = (
            "The model found no answer in the abstracts; these are the nearest sentences."
            if said
            else ("No sentence of the model was borne out by the abstracts; these are quotes.")
        )
        return replace(plain, **common, notes=(*plain.notes, note))  # type: ignore[arg-type]
    claims, citations = claims_of(written.checked)
    # Sentences that a model did not know to cite may answer another question.
    if plain.mode != "answer" or all(claim.support != "verified" for claim in claims):
        claims, citations = _completed(plain, claims, citations)
    cited = {c.id for c in citations}
    notes = [*plain.notes]
    replaced = sum("quoted instead" in r.why for r in written.removed)
    gone = sum("quoted instead" not in r.why and not r.why.startswith(("it repeats", "it says nothing")) for r in written.removed)
    if replaced or gone:
        parts = [f"{replaced} replaced by a quote"] * bool(replaced) + [f"{gone} removed"] * bool(gone)
        notes.append(f"Of the model's sentences {' and '.join(parts)}: the abstracts do not bear them out.")
    # Its numbers are those of the answer without a model.
    head = lead("compare", None, len(claims), against=disputing_papers(claims)) if plain.mode == "compare" else plain.headline
    return replace(
        plain,
        headline=head,
        text=as_text(head, claims, citations),
        claims=claims,
        citations=citations,
        nearest=tuple(near for near in plain.nearest if near.id not in cited),
        notes=tuple(notes),
        **common,  # type: ignore[arg-type]
    )


def _completed(plain: Answer, claims: tuple[Claim, ...], citations: tuple[Citation, ...]) -> tuple[tuple[Claim, ...], tuple[Citation, ...]]:
    """With the quotes of the answer without a model: of the papers that are not cited, or where no set was asked for, of all."""
    numbers = {c.id: c.n for c in citations}
    spans = {(c.id, c.start, c.end) for c in citations}
    whole = plain.mode == "answer"
    for citation in plain.citations:
        if (citation.id, citation.start, citation.end) in spans or (not whole and citation.id in numbers):
            continue
        n = numbers.setdefault(citation.id, max(numbers.values(), default=0) + 1)
        citations += (replace(citation, n=n),)
        claims += (Claim(citation.quote, (n,), "quoted", 1.0),)
    return claims, citations


def as_text(head: str, claims: Sequence[Claim], citations: Sequence[Citation]) -> str:
    """An answer as one text with [n]; quotes in quotation marks, led by their paper's title."""
    titles = {c.n: c.title for c in citations}
    lines = [head] if head else []
    prose: list[str] = []
    for claim in claims:
        marks = "".join(f" [{n}]" for n in claim.citations)
        if claim.support == "quoted":
            title = f"{titles[claim.citations[0]]}: " if titles.get(claim.citations[0]) else ""
            prose.append(f"\n{title}“{' '.join(claim.text.split())}”{marks}\n")
        else:
            body = claim.text
            stop = body[-1:] if body[-1:] in ".!?" else "."
            prose.append(f"{body.rstrip('.!?')}{marks}{stop}")
    text = " ".join(prose).replace("\n ", "\n").replace(" \n", "\n")
    return "\n".join([*lines, *(line for line in text.splitlines() if line.strip())])
