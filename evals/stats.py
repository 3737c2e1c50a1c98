"""Intervals and paired differences by resampling; seeded, so that the same scores give the same figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

DRAWS = 2000
_SEED = 20240229
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval (None for fewer than two cases) and the number of cases."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean(values: Sequence[float]) -> Estimate:
    """Mean with a bootstrap percentile interval (Efron 1979)."""
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        return Estimate(float(data.mean()), None, None, len(data))
    low, high = np.quantile(data[_draws(len(data))].mean(axis=1), (0.025, 0.975))
    return Estimate(float(data.mean()), float(low), float(high), len(data))


def statistic(items: Sequence[T], measure: Callable[[Sequence[T]], float | None], draws: int = 400) -> Estimate | None:
    """Any statistic of a set of cases, with an interval from resampled sets."""
    value = measure(items)
    if value is None:
        return None
    rows = _draws(len(items))[:draws]
    values = [v for row in rows if (v := measure([items[i] for i in row])) is not None]
    low, high = np.quantile(values, (0.025, 0.975)) if len(items) > 1 and values else (None, None)
    return Estimate(value, None if low is None else float(low), None if high is None else float(high), len(items))


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of ``after - before`` over the cases both have, its 95% interval, and a two-sided p by sign flips."""

    value: float
    low: float
    high: float
    p: float
    n: int

    @property
    def stands_out(self) -> bool:
        """Whether it is more than noise: the interval does not hold 0."""
        return self.low > 0 or self.high < 0


def paired(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Paired difference of two systems on the same cases: bootstrap interval, and a permutation test (Fisher 1935)."""
    gaps = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    low, high = np.quantile(gaps[_draws(len(gaps))].mean(axis=1), (0.025, 0.975))
    signs = np.random.default_rng(_SEED).choice((-1.0, 1.0), size=(DRAWS, len(gaps)))
    flipped = np.abs((signs * gaps).mean(axis=1))
    p = float((1 + (flipped >= abs(gaps.mean()) - 1e-12).sum()) / (1 + DRAWS))
    return Difference(float(gaps.mean()), float(low), float(high), p, len(gaps))


def _draws(n: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(_SEED).integers(0, n, size=(DRAWS, n))
