"""Metrics of one case."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from evals.cases import Point
from evals.judges import Judge
from evals.metrics.ranking import ranking_scores
from evals.metrics.scored import ScoredCase
from evals.metrics.summaries import member_scores, v_measure
from evals.systems import Quote

_HALF = 0.5


def score_case(scored: ScoredCase, judge: Judge) -> dict[str, float]:
    """Every metric that applies to a case.

    Args:
        scored: the case and its outcome; its own ``scores`` are not read.
        judge: decides whether cited text supports a statement.
    """
    if scored.outcome.status == "unsupported":
        return {}
    kind = scored.case.kind
    scores: dict[str, float] = {}
    if kind in ("fact", "which", "compare", "retrieval") and scored.gold:
        scores |= ranking_scores(scored)
    if kind == "which":
        scores |= set_scores(scored)
    if kind in ("fact", "which", "compare", "unanswerable"):
        scores |= refusal_scores(scored)
        scores |= citation_scores(scored, judge)
    if kind in ("fact", "followup"):
        scores |= evidence_scores(scored)
    if kind == "topic":
        scores |= topic_scores(scored)
        scores |= citation_scores(scored, judge)
    if kind == "rationale":
        scores |= rationale_scores(scored)
    if kind == "compare":
        scores |= compare_scores(scored)
    if kind == "unanswerable" and scored.case.why == "false-premise":
        told = scored.outcome.reason == "false-premise" and _covered(scored.outcome.quotes or (), scored.case.evidence)
        scores["premise denied"] = float(told)
    return scores


def count_case(scored: ScoredCase) -> dict[str, tuple[int, ...]]:
    """What metrics over all cases add up."""
    if scored.outcome.status == "unsupported":
        return {}
    if scored.case.kind == "which" and scored.outcome.returned is not None:
        return {"set": set_counts(scored)}
    return {"rationale": rationale_counts(scored)} if scored.case.kind == "rationale" else {}


def set_scores(scored: ScoredCase) -> dict[str, float]:
    """Precision, recall and F1 of the returned set; entries that may or may not belong to it are taken out first, a group counts once."""
    if scored.outcome.returned is None:
        return {}
    right, returned, wanted = set_counts(scored)
    precision = right / returned if returned else 0.0
    recall = right / wanted if wanted else 0.0
    return {"set precision": precision, "set recall": recall, "set F1": 2 * right / (returned + wanted) if returned + wanted else 0.0}


def set_counts(scored: ScoredCase) -> tuple[int, int, int]:
    """Right, returned and wanted papers of a set question."""
    returned = [id for id in scored.outcome.returned or () if id not in scored.maybe]
    right = sum(any(id in group for id in returned) for group in scored.gold)
    wrong = sum(not any(id in group for group in scored.gold) for id in returned)
    return right, right + wrong, len(scored.gold)


def refusal_scores(scored: ScoredCase) -> dict[str, float]:
    """1 where the system refused, by what it should have done."""
    refused = float(scored.outcome.status == "abstained")
    if scored.case.kind == "unanswerable":
        return {f"refused: {scored.case.why}": refused}
    return {"refused: answerable": refused}


def citation_scores(scored: ScoredCase, judge: Judge) -> dict[str, float]:
    """Quote validity, and citation recall and precision as ALCE has them (Gao et al. 2023).

    Recall: share of statements that what they cite supports as a whole. Precision: share of citations that are needed or
    support by themselves. Mis-citation rate: share of citations that do not support their statement by themselves.
    """
    outcome = scored.outcome
    scores: dict[str, float] = {}
    if outcome.quotes:
        scores["quote validity"] = sum(q.valid for q in outcome.quotes) / len(outcome.quotes)
    if not outcome.statements:
        return scores
    texts: dict[str, str] = {}
    for id, text in outcome.premises or ():
        texts[id] = f"{texts.get(id, '')} {text}".strip()
    for quote in outcome.quotes or ():
        texts[quote.id] = f"{texts.get(quote.id, '')} {quote.quote}".strip()
    recalled, precise, cited, wrong = 0, 0, 0, 0
    for statement in outcome.statements:
        premises = [texts.get(id, "") for id in statement.cites]
        whole = bool(premises) and judge.supports(" ".join(premises), statement.text)
        recalled += whole
        for at, premise in enumerate(premises):
            alone = judge.supports(premise, statement.text)
            rest = " ".join(premises[:at] + premises[at + 1 :])
            cited += 1
            wrong += not alone
            precise += whole and (alone or not (rest and judge.supports(rest, statement.text)))
    scores["citation recall"] = recalled / len(outcome.statements)
    if cited:
        scores["citation precision"] = precise / cited
        scores["mis-citation"] = wrong / cited
    return scores


def evidence_scores(scored: ScoredCase) -> dict[str, float]:
    """Evidence in the first three citations; precision of the quotes and recall of the gold sentences.

    A quote covers a sentence that it holds an unbroken half of.
    """
    quotes = scored.outcome.quotes
    if quotes is None or not scored.case.evidence:
        return {}
    gold = scored.case.evidence
    scores = {
        "evidence in first 3": float(_covered(quotes[:3], gold)),
        "evidence recall": sum(_covered(quotes, [sentence]) for sentence in gold) / len(gold),
        "gold cited first": float(bool(quotes) and any(quotes[0].id in group for group in scored.gold)),
    }
    if quotes:
        scores["evidence precision"] = sum(_covered([quote], gold) for quote in quotes) / len(quotes)
    return scores


def rationale_scores(scored: ScoredCase) -> dict[str, float]:
    """Sentence precision, recall and F1 of a selection in a given abstract.

    Where there are alternative rationales, a sentence is right if all of its rationale was selected (SciFact's
    selection-only rule, Wadden et al. 2020).
    """
    right, selected, wanted, recalled = rationale_counts(scored)
    precision = right / selected if selected else 0.0
    recall = recalled / wanted if wanted else 0.0
    return {
        "rationale precision": precision,
        "rationale recall": recall,
        "rationale F1": 2 * precision * recall / (precision + recall) if right and recalled else 0.0,
    }


def rationale_counts(scored: ScoredCase) -> tuple[int, int, int, int]:
    """Right selected sentences, selected ones, gold ones, and gold ones that were selected."""
    quotes = scored.outcome.quotes or ()
    whole = [set(one) for one in scored.case.rationales] or [{sentence} for sentence in scored.case.evidence]
    gold = set().union(*whole)
    hit = {sentence for sentence in gold if _covered(quotes, [sentence])}
    kept = set().union(*[one for one in whole if one <= hit])
    right = sum(any(_covered([quote], [sentence]) for sentence in kept) for quote in quotes)
    return right, len(quotes), len(gold), len(kept)


def compare_scores(scored: ScoredCase) -> dict[str, float]:
    """Share of the points whose evidence is quoted, and of the gold papers that are cited."""
    cited = set(scored.outcome.returned or ())
    scores = {"sides cited": sum(bool(cited & group) for group in scored.gold) / len(scored.gold)} if scored.gold else {}
    if scored.outcome.quotes is not None and scored.case.points:
        scores["points covered"] = points_covered(scored.outcome.quotes, scored.case.points)
    return scores


def topic_scores(scored: ScoredCase) -> dict[str, float]:
    """Recall and precision of a summary's papers, share of the key points it quotes, and agreement of its themes with the reference."""
    outcome, case = scored.outcome, scored.case
    scores: dict[str, float] = {}
    if outcome.members is not None:
        scores |= member_scores(outcome.members, scored.gold, scored.maybe)
    if outcome.quotes is not None and case.keypoints:
        scores["key-point recall"] = points_covered(outcome.quotes, case.keypoints)
    if outcome.themes is not None and scored.themes:
        found = {id: str(number) for number, ids in enumerate(outcome.themes) for id in ids}
        gold = {id: str(number) for number, ids in reversed(list(enumerate(scored.themes))) for id in ids}
        if (value := v_measure(found, gold)) is not None:
            scores["theme V-measure"] = value
    return scores


def points_covered(quotes: Sequence[Quote], points: Sequence[Point]) -> float:
    """Share of points with some evidence sentence among the quotes."""
    return sum(_covered(quotes, point.evidence) for point in points) / len(points)


def _covered(quotes: Sequence[Quote], sentences: Sequence[str]) -> bool:
    return any(half(quote.quote, sentence) for quote in quotes for sentence in sentences)


def half(quote: str, sentence: str) -> bool:
    """Whether a quote holds an unbroken half of a sentence."""
    if sentence in quote:
        return True
    match = SequenceMatcher(None, quote, sentence, autojunk=False).find_longest_match(0, len(quote), 0, len(sentence))
    return match.size >= _HALF * len(sentence)
