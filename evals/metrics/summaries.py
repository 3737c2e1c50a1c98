"""Metrics of topic summaries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence


def member_scores(members: Collection[str], gold: Sequence[Collection[str]], maybe: Collection[str]) -> dict[str, float]:
    """Precision and recall of the papers a summary counts as its own; a group counts once, maybe-entries are taken out."""
    kept = [id for id in members if id not in maybe]
    right = sum(any(id in group for id in kept) for group in gold)
    wrong = sum(not any(id in group for group in gold) for id in kept)
    scores = {"member recall": right / len(gold)} if gold else {}
    if kept:
        scores["member precision"] = right / (right + wrong)
    return scores


def v_measure(found: Mapping[str, str], gold: Mapping[str, str]) -> float | None:
    """V-measure of a clustering into themes against a reference (Rosenberg and Hirschberg 2007), over the papers in both.

    Args:
        found: theme of each paper.
        gold: reference theme of each paper.

    Returns:
        The harmonic mean of homogeneity and completeness, 0 to 1; None for fewer than two papers in both.
    """
    both = sorted(found.keys() & gold.keys())
    if len(both) < 2:
        return None
    total = len(both)
    pairs = Counter((gold[id], found[id]) for id in both)
    classes, clusters = Counter(gold[id] for id in both), Counter(found[id] for id in both)

    def entropy(counts: Mapping[str, int]) -> float:
        return -sum(n / total * math.log(n / total) for n in counts.values())

    given_cluster = -sum(n / total * math.log(n / clusters[k]) for (_, k), n in pairs.items())
    given_class = -sum(n / total * math.log(n / classes[c]) for (c, _), n in pairs.items())
    homogeneity = 1 - given_cluster / entropy(classes) if len(classes) > 1 else 1.0
    completeness = 1 - given_class / entropy(clusters) if len(clusters) > 1 else 1.0
    return 2 * homogeneity * completeness / (homogeneity + completeness) if homogeneity + completeness else 0.0
