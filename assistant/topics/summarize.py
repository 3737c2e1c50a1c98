"""From a topic to its summary, without a model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.answering.checked import Checked
from assistant.answering.model import claims_of
from assistant.answering.sources import Source
from assistant.query.analyzer import Question, analyze, check, content_terms
from assistant.query.query import make_query
from assistant.ranking.answerability import assess
from assistant.ranking.ranker import rank
from assistant.ranking.reader import Reader
from assistant.topics.compose import Composed, Length, rescored, row
from assistant.topics.members import MAX_READ, MEASURED, Member, find_members, rarity_of, vectors_of
from assistant.topics.themes import Group, group
from assistant.types import Claim, Coverage, Evidence, Near, Summary, Theme
from store.errors import QuestionError
from store.store import Store
from store.types import Entry, Filtered

Refused = Literal["no-topic", "too-broad"] | None
_NEAREST = 5
# Where this share of the corpus holds all of a topic's words, or so many papers belong to it, a summary would say nothing.
_EVERYWHERE = 0.4
_SMALL = 40
_TOO_MANY = 200
TOO_BROAD = "Too much of this corpus is about that to be summed up. See its map with: assistant topics. Or name a part of it."


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found for a topic: its papers best first, their groups, and all entries looked at."""

    question: Question
    members: tuple[Member, ...]
    groups: tuple[Group, ...]
    considered: tuple[Member, ...]
    reason: Refused


def about(topic: str) -> Question:
    """A topic as a question for the papers on it.

    Raises:
        QuestionError: it is empty, too long or not English.
    """
    if not topic.strip():
        raise QuestionError("No topic was given.", 'For example: assistant summarize "pruning of neural networks"')
    return analyze(f"papers about {check(topic, 'topic').rstrip('.?!')}")


def gathered(store: Store, reader: Reader | None, question: Question, within: Filtered | None) -> Gathered:
    """Find a topic's papers and group them.

    Args:
        store: the corpus.
        reader: None to do without.
        question: from :func:`about`.
        within: only these entries.
    """
    total = store.lexical.count()
    rarity = rarity_of(total, store.lexical.frequency)
    topic = question.topic
    wanted = content_terms(topic)
    if total > _SMALL and wanted and min(map(store.lexical.frequency, wanted)) > _EVERYWHERE * total:
        return Gathered(question, (), (), (), "too-broad")
    pools = [
        rank(store, make_query(store, question, part), reader, allowed=within, measured=MEASURED, most_read=MAX_READ)
        for part in (None, *question.parts)
    ]
    chosen, ranked = find_members(pools, question)
    if not chosen or assess(pools[0]).reason is not None:
        return Gathered(question, (), (), tuple(ranked), "no-topic")
    if len(chosen) > _TOO_MANY or (total > _SMALL and len(chosen) > _EVERYWHERE * total):
        return Gathered(question, (), (), tuple(ranked), "too-broad")
    entries = {m.scored.entry.id: m.scored.entry for m in chosen}
    return Gathered(question, tuple(chosen), tuple(group(entries, vectors_of(chosen), rarity, topic)), tuple(ranked), None)


def focused(store: Store, reader: Reader | None, found: Gathered, focus: str) -> Gathered:
    """The same papers, their sentences scored by how well they fit a focus as well."""
    ids = frozenset(m.scored.entry.id for m in found.members)
    text = f"{found.question.topic} {focus}"
    query = make_query(store, analyze(check(text, "focus")))
    ranked = rank(store, query, reader, allowed=Filtered(ids), measured=len(ids), most_read=len(ids))
    scores = {one.entry.id: {e.start: e.score for e in one.sentences} for one in ranked.entries}
    return Gathered(found.question, tuple(rescored(found.members, scores)), found.groups, found.considered, found.reason)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a summary says, part by part; ``themes`` go with the groups found."""

    overview: tuple[Checked, ...]
    themes: tuple[tuple[Checked, ...], ...]
    disagreements: tuple[Checked, ...]
    limitations: tuple[Checked, ...]


def quoted(composed: Composed, found: Gathered) -> Parts:
    """The quotes of a summary without a model."""
    entries = {m.scored.entry.id: m.scored.entry for m in found.members}

    def checked(part: Sequence[Evidence]) -> tuple[Checked, ...]:
        return tuple(Checked(e.quote, (Source("", e, entries[e.entry], 0),), "quoted", e.score) for e in part)

    return Parts(
        checked(composed.overview), tuple(map(checked, composed.themes)), checked(composed.disagreements), checked(composed.limitations)
    )


def assembled(
    found: Gathered, parts: Parts, topic: str, length: Length, focus: str | None, within: Filtered | None, name: str, began: float
) -> Summary:
    """A summary of what its parts say, citations numbered by first appearance.

    Args:
        found: from :func:`gathered`.
        parts: what is said.
        topic: as typed.
        length: how much is quoted.
        focus: what the reader cares about most, if anything.
        within: the filter's result.
        name: of the store.
        began: when it was asked for, by ``time.perf_counter``.
    """
    scored = {m.scored.entry.id: m.scored for m in found.members}
    entries = {id: one.entry for id, one in scored.items()}
    ordered = [parts.overview, *parts.themes, parts.disagreements, parts.limitations]
    claims, citations = claims_of([one for part in ordered for one in part])
    split: list[tuple[Claim, ...]] = []
    at = 0
    for part in ordered:
        split.append(claims[at : at + len(part)])
        at += len(part)
    overview, *of_themes, against, limits = split
    cited = list(dict.fromkeys(c.id for c in sorted(citations, key=lambda c: c.n)))
    place = {id: n for n, id in enumerate(cited)}
    themes = tuple(
        Theme(g.name, said, tuple(sorted(g.members, key=lambda id: place.get(id, len(place)))))
        for g, said in zip(found.groups, of_themes, strict=True)
    )
    coverage = Coverage(len(entries), len(cited), tuple(id for id in entries if id not in place))
    nearest = [m.scored.entry for m in found.considered[:_NEAREST]] if found.reason else []
    made = Summary(
        topic=" ".join(topic.split()),
        status="abstained" if found.reason else "answered",
        reason=found.reason,
        text="",
        overview=overview,
        themes=themes,
        limitations=limits,
        disagreements=against,
        table=tuple(row(scored[id]) for id in cited),
        members=tuple(_near(e) for e in entries.values()),
        coverage=coverage,
        citations=tuple(sorted(citations, key=lambda c: c.n)),
        nearest=tuple(_near(e) for e in nearest),
        considered=len(found.considered),
        store=name,
        seconds=time.perf_counter() - began,
        length=length,
        focus=focus,
        headline=headline(found.reason, coverage, themes, len(found.considered)),
        lacking=tuple(within.lacking.items()) if within else (),
    )
    return with_text(made)


def headline(reason: str | None, coverage: Coverage, themes: Sequence[Theme], considered: int) -> str:
    """The sentence a summary opens with: how many papers, and what they fall into."""
    if reason == "too-broad":
        return TOO_BROAD
    if reason:
        return "No abstract here seems to be about this." if considered else "No entry passes the filter."
    papers = f"{coverage.relevant} {'paper' if coverage.relevant == 1 else 'papers'}"
    if len(themes) < 2:
        return f"{papers}."
    parts = "; ".join(f"{theme.name} ({len(theme.members)})" for theme in themes)
    return f"{papers} in {len(themes)} themes: {parts}."


def coverage_line(summary: Summary) -> str:
    """How much of what was judged relevant is cited, and what is not."""
    held = summary.coverage
    if summary.reason is not None:
        return ""
    titles = {m.id: m.title or m.id for m in summary.members}
    left = "; ".join(titles[id] for id in held.left_out)
    noun = "entry" if held.relevant == 1 else "entries"
    return f"Cites {held.cited} of the {held.relevant} {noun} judged relevant" + (f"; left out: {left}." if left else ".")


def with_text(made: Summary) -> Summary:
    """The summary with its plain text, marks and all."""
    titles = {c.n: c.title for c in made.citations}

    def lines(claims: Sequence[Claim]) -> list[str]:
        found = []
        for claim in claims:
            marks = "".join(f" [{n}]" for n in claim.citations)
            body = " ".join(claim.text.split())
            if claim.support == "quoted":
                lead = f"{titles[claim.citations[0]]}: " if titles.get(claim.citations[0]) else ""
                found.append(f"{lead}“{body}”{marks}")
            else:
                stop = body[-1:] if body[-1:] in ".!?" else "."
                found.append(f"{body.rstrip('.!?')}{marks}{stop}")
        return found

    parts: list[tuple[str, Sequence[Claim]]] = [("", made.overview), *((t.name, t.claims) for t in made.themes)]
    parts += [(DISAGREEMENTS, made.disagreements), (LIMITATIONS, made.limitations)]
    text = [made.headline]
    for title, claims in parts:
        if claims:
            text += ["", *([title] if title else []), *lines(claims)]
    if not made.reason:
        text += ["", coverage_line(made)]
    elif made.nearest:
        text[0] += f" Closest: {'; '.join(e.title or e.id for e in made.nearest)}."
    return replace(made, text="\n".join(text))


DISAGREEMENTS = "Against what others hold"
LIMITATIONS = "Open questions and limitations"


def _near(entry: Entry) -> Near:
    return Near(entry.id, entry.title, entry.provenance)
