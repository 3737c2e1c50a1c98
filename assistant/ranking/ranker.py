"""From a query to ranked entries: hybrid candidates, then the reader on the best of them, then one score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from assistant.query.query import Query
from assistant.ranking.features import EntryFeatures, entry_features
from assistant.ranking.reader import Passage, Reader, Reading
from assistant.ranking.sentences import rank_sentences_of, reading_order
from assistant.ranking.weights import LogisticModel, Weights, load_weights, logistic
from assistant.types import Evidence
from store.lexical import terms
from store.retrieve import POOL, Candidate, retrieve, standardise
from store.store import Store
from store.term_rows import Wanted
from store.types import Entry, Filtered

# Entries that are measured, and of these, entries that are read for a fact or a comparison; for a set, at first and at most.
MEASURED = 120
READ_FOR_ANSWER = 16
READ_FOR_SET = 32
MAX_READ = 96
_READ_STEP = 16
# Past MAX_READ the reading goes on while so great a share of the last step belongs to the set.
_MANY = 0.5
# A set's tail is out when nothing in the last step was likelier than this.
TAIL_PROBABILITY = 0.1


@dataclass(frozen=True)
class RankedEntry:
    """An entry with what was found of it for a query.

    Args:
        entry: the entry.
        candidate: its retrieval scores.
        measured: its features before reading.
        features: all features, those of reading among them where it was read.
        probability: that it belongs to the set asked for, or holds the answer.
        rank_score: what entries are ordered by, the log odds of that; comparable within one question only.
        reading: what the reader says, where it was read.
        order: the places of its sentences as they were given to the reader.
        query: what it was measured for.
        given_sentences: its sentences with scores from elsewhere, in place of the ranker's.
    """

    entry: Entry
    candidate: Candidate
    measured: EntryFeatures
    features: Mapping[str, float]
    probability: float
    rank_score: float
    reading: Reading | None
    order: tuple[int, ...]
    query: Query
    given_sentences: tuple[Evidence, ...] | None = None

    @property
    def terms(self) -> frozenset[str]:
        """Which of the question's terms it holds."""
        return self.measured.terms

    @cached_property
    def sentences(self) -> tuple[Evidence, ...]:
        """Its sentences, best first."""
        if self.given_sentences is not None:
            return self.given_sentences
        return rank_sentences_of(self.entry, self.measured, self.evidence_logits)

    @property
    def evidence_logits(self) -> dict[int, float]:
        """The reader's evidence logit of each sentence that it read, by place in the abstract."""
        if self.reading is None:
            return {}
        return {place: logit for place, logit in zip(self.order, self.reading.evidence, strict=True) if logit is not None}


@dataclass(frozen=True)
class RankedEntries:
    """Entries for a query, best first, and how many of them were read."""

    query: Query
    entries: tuple[RankedEntry, ...]
    read: int

    @property
    def has_more(self) -> bool:
        """Whether the last of them still belong to the set asked for, so that more should be looked at."""
        last = [one.probability for one in self.entries[-_READ_STEP:]]
        return self.read in (0, len(self.entries)) and sum(last) > _MANY / 2 * len(last)


def rank(
    store: Store,
    query: Query,
    reader: Reader | None,
    *,
    allowed: Filtered | None = None,
    measured: int = MEASURED,
    most_read: int | None = None,
    weights: Weights | None = None,
) -> RankedEntries:
    """Find, measure, read and order.

    Args:
        store: the corpus.
        query: the question.
        reader: None to do without.
        allowed: only these entries.
        measured: entries that are measured.
        most_read: entries that are read at most; by default what the kind of question needs.
        weights: the fitted models; by default those that are shipped.
    """
    weights = weights or load_weights()
    candidates = retrieve(
        store, query.vector, dict(Counter(terms(query.search_text))), pool=max(POOL, measured), count=measured, within=allowed
    )
    entries = store.ledger.entries([c.id for c in candidates])
    candidates = [c for c in candidates if c.id in entries]
    wanted = Wanted.of(query.idf)
    found = [entry_features(c, query, wanted) for c in candidates]
    bm25 = standardise([c.lexical for c in candidates])
    dense = max((f.values["dense"] for f in found), default=0.0)
    kind = "member" if query.question.mode == "list" else "answer"
    unread = weights.models[f"{kind}_unread"]
    ranked = []
    for candidate, features, lexical in zip(candidates, found, bm25.tolist(), strict=True):
        values = {**features.values, "bm25": lexical, "dense_gap": features.values["dense"] - dense}
        logit = unread.logit(values)
        ranked.append(RankedEntry(entries[candidate.id], candidate, features, values, logistic(logit), logit, None, (), query))
    ranked.sort(key=_best_first)
    if reader is None or not ranked:
        return RankedEntries(query, tuple(ranked), 0)
    return _read(ranked, query, reader, weights.models[kind], most_read)


def _best_first(one: RankedEntry) -> tuple[float, str]:
    return -one.rank_score, one.entry.id


def _read(ranked: list[RankedEntry], query: Query, reader: Reader, model: LogisticModel, most: int | None) -> RankedEntries:
    """Read the best, in steps for a set, until what is left cannot matter."""
    is_set = query.question.mode == "list"
    first = min(len(ranked), READ_FOR_SET if is_set else READ_FOR_ANSWER, most or MAX_READ)
    limit = min(len(ranked), (most or MAX_READ) if is_set else first)
    done = [_with_reading(one, query, reader_says) for one, reader_says in _readings(ranked[:first], query, reader)]
    while True:
        scored = _scored(done, model)
        last = [one.probability for one in scored[-_READ_STEP:]]
        if len(done) >= limit and (not is_set or most is not None or sum(last) < _MANY * len(last)):
            break
        if len(done) == len(ranked) or (len(done) >= first and max(last) < TAIL_PROBABILITY):
            break
        done += [_with_reading(one, query, says) for one, says in _readings(ranked[len(done) : len(done) + _READ_STEP], query, reader)]
    # What was not read stays behind what was: it is less likely by vectors and words, and the reader mostly lowers.
    least = min(one.rank_score for one in scored)
    rest = [
        replace(one, rank_score=least - 1 - place, probability=min(one.probability, logistic(least)))
        for place, one in enumerate(ranked[len(done) :])
    ]
    return RankedEntries(query, (*sorted(scored, key=_best_first), *rest), len(done))


def _readings(ranked: Sequence[RankedEntry], query: Query, reader: Reader) -> list[tuple[RankedEntry, Reading]]:
    given = []
    for one in ranked:
        order = reading_order(one.measured)
        abstract, spans = one.entry.abstract, one.measured.spans
        passage = Passage(one.entry.title or "", tuple(abstract[spans[place].start : spans[place].end] for place in order))
        given.append((replace(one, order=order), passage))
    return [(one, says) for (one, _), says in zip(given, reader.read(query.read, [p for _, p in given]), strict=True)]


def _with_reading(one: RankedEntry, query: Query, says: Reading) -> RankedEntry:
    evidence = max((logit for logit in says.evidence if logit is not None), default=-8.0)
    return replace(one, reading=says, features={**one.features, "reader": says.relevance, "evidence": evidence})


def _scored(read: Sequence[RankedEntry], model: LogisticModel) -> list[RankedEntry]:
    """Those read, in the order of reading, with probabilities; how far each stands below the best counts too, and how well the others fit."""
    logits = [one.features["reader"] for one in read]
    best, mean = max(logits), sum(logits) / len(logits)
    found = []
    for one in read:
        features = {**one.features, "reader_gap": one.features["reader"] - best, "reader_mean": mean}
        logit = model.logit(features)
        found.append(replace(one, features=features, rank_score=logit, probability=logistic(logit)))
    return found
