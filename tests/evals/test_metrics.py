"""Metrics against values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.cases import Case
from evals.judges import HumanLabels, VerbatimJudge
from evals.metrics import count_case, pooled, score_case
from evals.metrics.pooled import risk_coverage
from evals.metrics.scored import ScoredCase
from evals.metrics.summaries import member_scores, v_measure
from evals.systems import Outcome, Quote, Statement


def scored(kind: str, gold: list[set[str]], outcome: Outcome, maybe: set[str] | None = None, **fields: Any) -> ScoredCase:
    case = Case(id=fields.pop("id", "c"), kind=kind, question="q", gold=tuple((min(g),) for g in gold), **fields)  # type: ignore[arg-type]
    bare = ScoredCase(case, outcome, tuple(map(frozenset, gold)), frozenset(maybe or ()))
    return ScoredCase(case, outcome, bare.gold, bare.maybe, score_case(bare, VerbatimJudge()), count_case(bare))


def quote(id: str, text: str, valid: bool = True) -> Quote:
    return Quote(id, text, 0, len(text), "abstract", valid)


def test_ranking_counts_a_group_once_and_takes_maybe_out() -> None:
    outcome = Outcome("answered", ranking=("m", "a2", "x", "a1", "b"))
    scores = scored("retrieval", [{"a1", "a2"}, {"b"}], outcome, {"m"}).scores
    # Without m, and with a1 after a2 not counted: a, x, b.
    assert scores["MRR"] == 1 and scores["gold first"] == 1
    assert scores["recall@5"] == 1 and scores["R-precision"] == 0.5
    assert scores["MAP"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["nDCG@10"] == pytest.approx((1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))


def test_set_scores() -> None:
    scores = scored("which", [{"a"}, {"b", "b2"}, {"c"}], Outcome("answered", returned=("a", "b", "b2", "x", "m")), {"m"}).scores
    assert scores["set precision"] == pytest.approx(2 / 3) and scores["set recall"] == pytest.approx(2 / 3)
    assert scores["set F1"] == pytest.approx(2 / 3)


def test_micro_and_macro_differ() -> None:
    one = scored("which", [{"a"}], Outcome("answered", returned=("a",)), id="1")
    two = scored("which", [{n} for n in "bcdefghij"], Outcome("answered", returned=("b",)), id="2")
    assert pooled([one, two])["set micro F1"] == pytest.approx(2 * 2 / (2 + 10))


def test_citation_recall_and_precision_as_alce_has_them() -> None:
    statements = (Statement("It works.", ("a", "b")), Statement("It is new.", ("b",)))
    outcome = Outcome("answered", returned=("a", "b"), quotes=(quote("a", "It works."), quote("b", "Other.", False)), statements=statements)
    scores = scored("which", [{"a"}], outcome).scores
    assert scores["citation recall"] == 0.5
    # a supports alone; b does not and is not needed; the last citation supports nothing.
    assert scores["citation precision"] == pytest.approx(1 / 3)
    assert scores["mis-citation"] == pytest.approx(2 / 3) and scores["quote validity"] == 0.5


def test_human_labels_overrule_the_other_judge() -> None:
    judge = HumanLabels({("The premise.", "A statement."): True}, VerbatimJudge())
    assert judge.supports("The  premise.", "A statement.") and not judge.supports("The premise.", "Another.")


def test_evidence_and_comparison() -> None:
    gold = "The method is ten times faster than before."
    outcome = Outcome("answered", returned=("x", "a"), quotes=(quote("x", "Nothing here."), quote("a", gold)))
    scores = scored("fact", [{"a"}], outcome, evidence=(gold, "An unquoted sentence of some length.")).scores
    assert (scores["evidence in first 3"], scores["evidence recall"], scores["evidence precision"], scores["gold cited first"]) == (
        1,
        0.5,
        0.5,
        0,
    )
    points = ({"group": ("a",), "evidence": (gold,)}, {"group": ("b",), "evidence": ("Quite another sentence.",)})
    compared = scored("compare", [{"a"}, {"b"}], outcome, points=points).scores
    assert compared["points covered"] == 0.5 and compared["sides cited"] == 0.5


def test_a_rationale_counts_when_all_of_it_is_selected() -> None:
    first, second, third = "The first sentence is here.", "The second one is there.", "A third stands alone."
    quotes = (quote("d", first), quote("d", third), quote("d", "Something else."))
    one = scored("rationale", [{"d"}], Outcome("answered", quotes=quotes), rationales=((first, second), (third,)))
    assert one.scores["rationale precision"] == pytest.approx(1 / 3) and one.scores["rationale recall"] == pytest.approx(1 / 3)
    assert pooled([one])["rationale micro F1"] == pytest.approx(1 / 3)


def refusals(rows: list[tuple[bool, bool, float]]) -> list[ScoredCase]:
    found = []
    for answerable, refused, confidence in rows:
        outcome = Outcome("abstained" if refused else "answered", confidence=confidence, returned=())
        found.append(scored("fact", [{"a"}], outcome) if answerable else scored("unanswerable", [], outcome, why="absent-topic"))
    return found


def test_refusal_metrics() -> None:
    cases = refusals([(True, False, 0.9), (True, True, 0.4), (False, True, 0.3), (False, False, 0.6)])
    values = pooled(cases)
    assert values["refusal precision"] == 0.5 and values["refusal recall"] == 0.5
    assert values["refusal AUROC"] == pytest.approx(3 / 4)
    assert risk_coverage(cases) == [(0.25, 0.0), (0.5, 0.5), (0.75, 1 / 3), (1.0, 0.5)]
    assert values["AURC"] == pytest.approx((0 + 0.5 + 1 / 3 + 0.5) / 4)
    assert values["calibration error"] == pytest.approx((0.1 + 0.6 + 0.3 + 0.6) / 4)


def test_what_does_not_apply_has_no_score() -> None:
    assert scored("topic", [{"a"}], Outcome("unsupported")).scores == {}
    assert "citation recall" not in scored("fact", [{"a"}], Outcome("abstained", returned=(), quotes=(), statements=())).scores
    assert pooled([]) == {}


def test_a_summary_is_scored_by_members_points_and_themes() -> None:
    outcome = Outcome("answered", returned=("a",), quotes=(quote("a", "A key sentence."),), members=("a", "b"), themes=(("a",), ("b",)))
    points = ({"group": ("a",), "evidence": ("A key sentence.",)}, {"group": ("b",), "evidence": ("Not quoted at all here.",)})
    case = Case(id="t", kind="topic", topic="x", gold=(("a",), ("b",), ("c",)), keypoints=points)
    bare = ScoredCase(
        case, outcome, (frozenset("a"), frozenset("b"), frozenset("c")), frozenset(), themes=(frozenset("a"), frozenset("bc"))
    )
    scores = score_case(bare, VerbatimJudge())
    assert (
        scores["member recall"] == pytest.approx(2 / 3)
        and scores["key-point recall"] == 0.5
        and scores["theme V-measure"] == pytest.approx(1)
    )


def test_summary_metrics() -> None:
    assert member_scores(["a", "x", "m"], [{"a"}, {"b"}], {"m"}) == {"member recall": 0.5, "member precision": 0.5}
    same = {"a": "1", "b": "1", "c": "2"}
    assert v_measure(same, {"a": "x", "b": "x", "c": "y"}) == pytest.approx(1)
    assert v_measure(dict.fromkeys("abc", "1"), same) == pytest.approx(0)
    assert v_measure({"a": "1"}, same) is None


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.sets(st.sampled_from("abcdefgh")),
)
def test_set_scores_stay_within_bounds(returned: list[str], gold: set[str], maybe: set[str]) -> None:
    scores = scored("which", [{id} for id in sorted(gold)], Outcome("answered", returned=tuple(returned)), maybe - gold).scores
    assert all(0 <= scores[name] <= 1 for name in ("set precision", "set recall", "set F1"))
    if set(returned) == gold:
        assert scores["set F1"] == 1
