"""Measure summaries on labelled topics and on drawn ones.

    python -m evals.topics --store STORE --questions dev.jsonl
    python -m evals.topics --store STORE --drawn 100

Themes are those of the reference's papers, so that they are not measured by who belongs; beside them k-means on the embeddings with as many clusters.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.core import Assistant
from assistant.query.analyzer import Question
from assistant.topics.compose import Length, compose
from assistant.topics.keyphrases import phrases
from assistant.topics.members import Member, rarity_of, vectors_of
from assistant.topics.summarize import about, gathered
from assistant.topics.themes import group
from evals.cases import read_rows
from evals.figures import half_covered, shown
from evals.metrics.summaries import member_scores, v_measure
from store.store import Store

_LENGTHS: tuple[Length, ...] = ("short", "medium", "long")
_SEEDS = 10


@dataclass(frozen=True)
class Case:
    """A labelled topic with what was found for it; groups and ``maybe`` are entry ids."""

    row: dict[str, Any]
    question: Question
    found: tuple[Member, ...]
    gold: list[frozenset[str]]
    maybe: frozenset[str]


def load_cases(assistant: Assistant, path: Path) -> list[Case]:
    """The topics of a labelled file, with the papers that a summary takes for members."""
    places = {str(p): e.id for e in assistant.store.ledger.entries().values() for p in e.provenance}

    def ids(groups: Sequence[Sequence[str]]) -> list[frozenset[str]]:
        return [frozenset(places[p] for p in one if p in places) for one in groups]

    cases = []
    for _, line in read_rows(path):
        if line["kind"] == "topic":
            found = gathered(assistant.store, assistant.reader, about(line["topic"]), None)
            cases.append(Case(line, found.question, found.members, ids(line["gold"]), frozenset().union(*ids(line.get("maybe") or []))))
    return cases


def report(store: Store, cases: Sequence[Case]) -> None:
    """Print the figures."""
    scores: dict[str, list[float]] = {}
    for case in cases:
        of_case = member_scores([m.scored.entry.id for m in case.found], case.gold, case.maybe)
        for name, value in of_case.items():
            scores.setdefault(name, []).append(value)
        print(f"  {case.row['topic']}: {len(case.found)} papers, {', '.join(f'{n} {v:.2f}' for n, v in of_case.items())}")
        for length in _LENGTHS:
            scores.setdefault(f"key points quoted, {length}", []).append(_points(case, case.found, length, store))
        ours, baseline = _themes(case, store)
        scores.setdefault("V-measure of themes", []).append(ours)
        scores.setdefault("V-measure of k-means", []).append(baseline)
    for name, values in scores.items():
        print(f"topic, {name}:", shown(values))


def _points(case: Case, found: Sequence[Member], length: Length, store: Store) -> float:
    entries = {m.scored.entry.id: m.scored.entry for m in found}
    groups = group(entries, vectors_of(found), rarity_of(store.lexical.count(), store.lexical.frequency), case.question.topic)
    composed = compose(found, groups, length)
    quotes = [e.quote for part in (composed.overview, *composed.themes, composed.disagreements, composed.limitations) for e in part]
    return float(np.mean([any(half_covered(quote, point["evidence"]) for quote in quotes) for point in case.row["keypoints"]]))


def _themes(case: Case, store: Store) -> tuple[float, float]:
    """V-measure of our themes and of k-means on the embeddings, over the reference's papers."""
    from sklearn.cluster import KMeans

    places = {str(p): e.id for e in store.ledger.entries().values() for p in e.provenance}
    gold = {
        places[p]: str(n)
        for n, theme in reversed(list(enumerate(case.row["themes"])))
        for one in theme["members"]
        for p in one
        if p in places
    }
    entries = store.ledger.entries(list(gold))
    rows: dict[str, list[Any]] = {}
    for chunk in store.ledger.vectors(list(gold)):
        rows.setdefault(chunk.entry, []).append(chunk.vector)
    vectors = {id: np.mean(held, axis=0) for id, held in rows.items()}
    groups = group(entries, vectors, rarity_of(store.lexical.count(), store.lexical.frequency), case.question.topic)
    ours = v_measure({id: str(n) for n, one in enumerate(groups) for id in one.members}, gold) or 0.0
    ids = sorted(gold)
    matrix = np.array([vectors[id] for id in ids])
    runs = [KMeans(len(groups), n_init=1, random_state=seed).fit_predict(matrix) for seed in range(_SEEDS)]
    return ours, float(np.mean([v_measure(dict(zip(ids, map(str, run), strict=True)), gold) or 0.0 for run in runs]))


def drawn_topics(store: Store, count: int) -> list[str]:
    """Topics drawn from the corpus: of every so many entries, in the order of their ids' hashes, the most telling phrase."""
    rarity = rarity_of(store.lexical.count(), store.lexical.frequency)
    ids = sorted(store.ledger.entries(), key=lambda id: hashlib.sha256(id.encode()).digest())
    found: list[str] = []
    for id in ids:
        if len(found) == count:
            break
        several = [p for p in phrases(store.ledger.entries([id]).values()) if len(p.stems) > 1]
        best = max(several, key=lambda p: (bool(p.titled), sum(map(rarity, p.stems)), p.text), default=None)
        if best is not None and best.text not in found:
            found.append(best.text)
    return found


def report_drawn(assistant: Assistant, count: int) -> None:
    """Print what share of the sentences of drawn topics' summaries is a quote or was verified, and what the summaries are like."""
    sound: list[float] = []
    sizes: list[float] = []
    seconds: list[float] = []
    answered = 0
    topics = drawn_topics(assistant.store, count)
    for topic in topics:
        began = time.perf_counter()
        made = assistant.summarize(topic)
        seconds.append(time.perf_counter() - began)
        answered += made.status == "answered"
        sizes.append(float(len(made.members)))
        for claim in made.claims:
            cited = [c for c in made.citations if c.n in claim.citations]
            holds = bool(cited) and all(assistant.store.resolve(c.id).abstract[c.start : c.end] == c.quote for c in cited)
            sound.append(float(holds and (claim.support in ("verified", "repaired") or any(c.quote == claim.text for c in cited))))
    print(f"{len(topics)} topics drawn: {answered} answered, {len(sound)} sentences, quoted or verified {shown(sound)}")
    print(
        f"papers a summary: median {np.median(sizes):.0f}, most {max(sizes):.0f}; seconds p50 {np.percentile(seconds, 50):.2f}, p95 {np.percentile(seconds, 95):.2f}"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure summaries.")
    parser.add_argument("--drawn", type=int, default=0, metavar="N", help="measure on so many topics drawn from the corpus instead")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--questions", type=Path)
    args = parser.parse_args()
    assistant = Assistant(args.store)
    if args.drawn or args.questions is None:
        report_drawn(assistant, args.drawn or 100)
        return
    report(assistant.store, load_cases(assistant, args.questions))
    assistant.close()


if __name__ == "__main__":
    main()
