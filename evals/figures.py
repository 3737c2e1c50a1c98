"""What scripts that fit and measure share: logistic regression, and a figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evals.metrics.cases import half
from evals.report.text import interval, number
from evals.stats import mean


def logistic(rows: Sequence[Sequence[float]], labels: Sequence[float], weights: Sequence[float], ridge: float) -> npt.NDArray[np.float64]:
    """Logistic regression by Newton's method with an L2 penalty on all but the intercept.

    Args:
        rows: features ``[n, f]``.
        labels: 0 to 1.
        weights: of the rows.
        ridge: the penalty.

    Returns:
        Coefficients ``[f + 1]``, the intercept last.
    """
    x = np.column_stack([np.asarray(rows, float), np.ones(len(rows))])
    y, w = np.asarray(labels, float), np.asarray(weights, float)
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 1e-6
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (w * (p - y)) + penalty * beta
        hessian = (x * (w * p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def logistic_standardised(
    rows: Sequence[Sequence[float]], labels: Sequence[float], weights: Sequence[float], ridge: float
) -> npt.NDArray[np.float64]:
    """The same with the penalty on standardised features; coefficients are for the features as given."""
    values = np.asarray(rows, float)
    center, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    beta = logistic(((values - center) / spread).tolist(), labels, weights, ridge)
    scaled = beta[:-1] / spread
    return np.append(scaled, beta[-1] - scaled @ center)


def shown(values: Sequence[float]) -> str:
    """Mean with its 95% interval and n."""
    estimate = mean(values)
    return f"{number(estimate.value)} {interval(estimate)} n={estimate.n}"


def half_covered(quote: str, evidence: Sequence[str]) -> bool:
    """Whether a quote covers some evidence sentence."""
    return any(half(quote, sentence) for sentence in evidence)
