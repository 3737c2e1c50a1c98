"""Decisions by themselves: set sizes, premises, citations and their numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.citations import cite
from assistant.answering.evidence import drop_near_duplicates
from assistant.premise import denials, presupposes
from assistant.query.analyzer import content_terms
from assistant.ranking.relevance import choose
from assistant.ranking.weights import LogisticModel
from assistant.types import Evidence
from store.types import Entry

chances = st.lists(st.floats(0, 1), max_size=60).map(lambda values: sorted(values, reverse=True))


@given(chances)
def test_the_set_has_the_greatest_expected_f1(ranked: list[float]) -> None:
    def value(size: int) -> float:
        return 2 * sum(ranked[:size]) / (size + sum(ranked)) if size else 0.0

    size = choose(ranked)
    assert 0 <= size <= len(ranked)
    assert value(size) == pytest.approx(max((value(n) for n in range(len(ranked) + 1)), default=0.0))


@given(st.floats(-1e6, 1e6), st.floats(-10, 10))
def test_a_probability_is_one(weight: float, feature: float) -> None:
    assert 0 <= LogisticModel({"x": weight}, 0.5).probability({"x": feature}) <= 1


def evidence(quote: str) -> Evidence:
    return Evidence("e", quote, 0, len(quote), "abstract", 1.0)


@pytest.mark.parametrize(
    ("question", "sentence", "denied"),
    [
        ("Why does depth mitigate over-squashing?", "Depth cannot mitigate over-squashing.", True),
        ("Why does depth mitigate over-squashing?", "Width can mitigate over-squashing.", False),
        ("Why does depth not mitigate over-squashing?", "Depth cannot mitigate it.", False),
        ("What mitigates over-squashing?", "Depth cannot mitigate over-squashing.", False),
        ("Which recurrent layers does the model use?", "A non-recurrent model.", True),
        ("Why do tickets win?", "Tickets win not only early but always.", False),
    ],
)
def test_a_denial_needs_a_premise_and_a_negation_near_it(question: str, sentence: str, denied: bool) -> None:
    assert bool(denials(question, [evidence(sentence)], content_terms(question))) is denied


def test_what_presupposes() -> None:
    assert presupposes("By how much does pruning improve accuracy?")
    assert not presupposes("Which papers use pruning?")
    assert not presupposes("Why should I prune a network?")


ids = st.lists(st.sampled_from("abcdef"), max_size=20)


@given(ids)
def test_citations_are_numbered_by_first_appearance_and_quote_their_span(order: list[str]) -> None:
    entries = {id: Entry(id, f"Title {id}", f"First of {id}. Second of {id}.") for id in "abcdef"}
    items = [Evidence(id, entries[id].abstract[0:11], 0, 11, "abstract", 1.0) for id in order]
    claims, citations = cite(items, entries)
    assert list(dict.fromkeys(c.n for c in citations)) == list(range(1, len(set(order)) + 1))
    assert [c.id for c in citations] == order
    assert all(entries[c.id].abstract[c.start : c.end] == c.quote for c in citations)
    assert [claim.citations for claim in claims] == [(c.n,) for c in citations]


@given(st.lists(st.sampled_from(["a b c d", "a b c e", "x y z", "a b c d"]), max_size=8))
def test_no_quote_repeats_another(texts: list[str]) -> None:
    kept = [e.quote for e in drop_near_duplicates([evidence(t) for t in texts], 10)]
    assert len(kept) == len(set(kept))
