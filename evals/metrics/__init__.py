"""Metrics: of a case, and of a set of cases. A case to which a metric does not apply has no score."""

from __future__ import annotations

from evals.metrics.cases import count_case, score_case
from evals.metrics.pooled import POOLED, pooled

__all__ = ["POOLED", "count_case", "pooled", "score_case"]
