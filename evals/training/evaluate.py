"""How good a model is on questions it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.training.tokens import Question

Floats = npt.NDArray[np.floating]


def auroc(positive: Floats, negative: Floats) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")
    return float(below.mean() / 2 / len(negative))


def average_precision(scores: Floats, relevant: Sequence[bool], ignored: Sequence[bool]) -> float:
    """Mean of the precisions at each relevant one, of those that are not ignored."""
    order = [n for n in np.argsort(-scores, kind="stable") if not ignored[n]]
    hits = np.array([relevant[n] for n in order], float)
    total = float(np.sum(relevant))
    return float((hits * hits.cumsum() / np.arange(1, len(hits) + 1)).sum() / total) if total else float("nan")


def reciprocal_rank(scores: Floats, relevant: Sequence[bool], ignored: Sequence[bool]) -> float:
    """One over the place of the first relevant one."""
    order = [n for n in np.argsort(-scores, kind="stable") if not ignored[n]]
    return next((1 / place for place, n in enumerate(order, 1) if relevant[n]), 0.0)


@dataclass(frozen=True)
class TenScores:
    """Figures over questions with ten judged documents each (ml_questions)."""

    pair_auc: float
    list_map: float
    answer_mrr: float
    sentence: float
    answerable_auroc: float

    def __str__(self) -> str:
        return (
            f"pair AUC {self.pair_auc:.3f}, list MAP {self.list_map:.3f}, answer MRR {self.answer_mrr:.3f}, "
            f"best sentence {self.sentence:.3f}, answerable AUROC {self.answerable_auroc:.3f}"
        )


def ten_scores(questions: Sequence[Question], logits: Sequence[Floats], evidence: Sequence[Sequence[Floats]]) -> TenScores:
    """Figures of a reader.

    Args:
        questions: with ten judged documents each.
        logits: of each question's documents.
        evidence: for each question and document, the evidence logits of its sentences (all of them; -30 for those not read).
    """
    positive, negative = list[Floats](), list[Floats]()
    maps, ranks, right = list[float](), list[float](), list[float]()
    best_of_none, best_of_some = list[float](), list[float]()
    for question, scores, marks in zip(questions, logits, evidence, strict=True):
        grades = np.array(question.grades)
        positive.append(scores[grades == 2])
        negative.append(scores[grades == 0])
        (best_of_none if question.kind == "none" else best_of_some).append(scores.max())
        relevant = [d in question.relevant for d in question.documents]
        if not any(relevant):
            continue
        ignored = [g > 0 and not r for g, r in zip(grades, relevant, strict=True)]
        if question.kind == "list":
            maps.append(average_precision(scores, relevant, ignored))
        else:
            ranks.append(reciprocal_rank(scores, relevant, ignored))
        if question.kind == "answer" and question.evidence:
            document = min(question.evidence)[0]
            marked = {sentence for place, sentence in question.evidence if place == document}
            right.append(int(np.argmax(marks[document])) in marked)
    return TenScores(
        auroc(np.concatenate(positive), np.concatenate(negative)),
        float(np.mean(maps)),
        float(np.mean(ranks)),
        float(np.mean(right)),
        auroc(np.array(best_of_some), np.array(best_of_none)),
    )


def corpus_scores(questions: Sequence[Question], numbers: Sequence[int], scores: Floats) -> tuple[float, float]:
    """MAP of lists and MRR of facts and comparisons over a whole corpus, of which only the judged ten are labelled.

    Args:
        questions: some of them without relevant documents, which do not count.
        numbers: the corpus's documents.
        scores: ``[questions, documents]``.
    """
    place = {number: n for n, number in enumerate(numbers)}
    maps, ranks = [], []
    for question, row in zip(questions, scores, strict=True):
        if not question.relevant:
            continue
        relevant, ignored = np.zeros(len(numbers), bool), np.zeros(len(numbers), bool)
        relevant[[place[d] for d in question.relevant]] = True
        ignored[[place[d] for d, g in zip(question.documents, question.grades, strict=True) if g and d not in question.relevant]] = True
        if question.kind == "list":
            maps.append(average_precision(row, relevant.tolist(), ignored.tolist()))
        else:
            ranks.append(reciprocal_rank(row, relevant.tolist(), ignored.tolist()))
    return float(np.mean(maps)), float(np.mean(ranks))
