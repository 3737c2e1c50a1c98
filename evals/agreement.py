"""How far a judge agrees with people: SciFact's labels of claims against the sentences that bear on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evals.cases import DataError, read_rows
from evals.stats import Estimate, mean, statistic


@dataclass(frozen=True, slots=True)
class Labelled:
    """A premise, a statement, and whether people found it supported."""

    premise: str
    statement: str
    supported: bool


def scifact_pairs(folder: Path) -> list[Labelled]:
    """Rationale sentences with their claim: SUPPORT is support, CONTRADICT is not; cited abstracts without evidence are not either.

    Raises:
        DataError: the folder is not SciFact.
    """
    try:
        abstracts = {str(row["doc_id"]): row["abstract"] for _, row in read_rows(folder / "corpus.jsonl.gz")}
        pairs = []
        for _, row in read_rows(folder / "claims_train.jsonl"):
            for doc, evidence in row["evidence"].items():
                for one in evidence:
                    text = " ".join(abstracts[doc][n].strip() for n in one["sentences"])
                    pairs.append(Labelled(text, row["claim"], one["label"] == "SUPPORT"))
            if not row["evidence"]:
                pairs += [
                    Labelled(" ".join(s.strip() for s in abstracts[str(doc)]), row["claim"], False) for doc in row["cited_doc_ids"][:1]
                ]
    except KeyError as error:
        raise DataError(f"{folder}: the field {error.args[0]} is missing.", "Give SciFact as published.") from None
    return pairs


def agreement(verdicts: Sequence[tuple[bool, bool]]) -> dict[str, Estimate]:
    """Accuracy and Cohen's kappa (Cohen 1960) of (verdict, label) pairs, with intervals; and precision and recall of support."""
    found = {"accuracy": mean([float(v == label) for v, label in verdicts])}
    for name, measure in (("kappa", kappa), ("precision", _precision), ("recall", _recall)):
        if estimate := statistic(verdicts, measure):
            found[name] = estimate
    return found


def kappa(verdicts: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa."""
    said, meant = (np.array(column, dtype=float) for column in zip(*verdicts, strict=True))
    chance = said.mean() * meant.mean() + (1 - said.mean()) * (1 - meant.mean())
    return float(((said == meant).mean() - chance) / (1 - chance)) if chance < 1 else None


def _precision(verdicts: Sequence[tuple[bool, bool]]) -> float | None:
    said = [label for verdict, label in verdicts if verdict]
    return sum(said) / len(said) if said else None


def _recall(verdicts: Sequence[tuple[bool, bool]]) -> float | None:
    meant = [verdict for verdict, label in verdicts if label]
    return sum(meant) / len(meant) if meant else None
