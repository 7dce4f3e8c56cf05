"""Intervals for shares, and for what is made of shares."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with its interval.

    Attributes:
        estimate: the best guess.
        lower: lower end.
        upper: upper end.
    """

    estimate: float
    lower: float
    upper: float


def wilson(successes: Any, n: Any, level: float = 0.95) -> tuple[Floats, Floats]:
    """The interval of a share that also holds for small numbers, and for shares near 0 and 1.

    Args:
        successes: how many of them, a number or an array.
        n: of how many, likewise.
        level: how often such an interval covers the true share, in the long run.

    Returns:
        The lower and the upper ends; 0 and 1 where ``n`` is 0, since nothing is known then.

    Raises:
        ValueError: if a count is negative or above ``n``, or the level is not between 0 and 1.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    Example:
        >>> [round(float(end), 3) for end in wilson(18, 20)]
        [0.699, 0.972]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level!r}")
    x, of = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if not (np.isfinite(x) & np.isfinite(of) & (x >= 0) & (x <= of)).all():
        raise ValueError("successes must be counts from 0 to n")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share_ = x / np.maximum(of, 1.0)
    middle = (x + z**2 / 2) / (of + z**2)
    margin = z / (of + z**2) * np.sqrt(np.maximum(share_ * (1 - share_) * of, 0.0) + z**2 / 4)
    return np.where(x > 0, np.maximum(middle - margin, 0.0), 0.0), np.where(
        x < of, np.minimum(middle + margin, 1.0), 1.0
    )


class Share(NamedTuple):
    """A share with its interval.

    Attributes:
        share: from 0 to 1; not a number without cases.
        lower: lower end.
        upper: upper end.
        cases: how many it rests on.
    """

    share: float
    lower: float
    upper: float
    cases: int

    def __str__(self) -> str:
        if not self.cases:
            return "no cases"
        return f"{self.share:.0%} ({self.lower:.0%} to {self.upper:.0%}, {self.cases:,} cases)"


def share(successes: int, cases: int, level: float = 0.95) -> Share:
    """One share with its Wilson interval, which says itself as a sentence would.

    Args:
        successes: how many of the cases.
        cases: how many in all.
        level: how often such an interval covers the true share, in the long run.

    Returns:
        The share; its interval goes from 0 to 1 without cases.

    Raises:
        ValueError: as for `wilson`.

    Example:
        >>> print(share(7, 10))
        70% (40% to 89%, 10 cases)
    """
    lower, upper = wilson(successes, cases, level)
    return Share(successes / cases if cases else math.nan, float(lower), float(upper), int(cases))


def weighted_share(successes: Any, n: Any, weights: Any, level: float = 0.95) -> Interval:
    """A weighted mean of shares, as in direct standardisation, with an interval made of their Wilson intervals.

    Args:
        successes: how many, one number a stratum.
        n: of how many, one number a stratum; none may be 0.
        weights: how much each stratum counts; they are scaled to sum to 1.
        level: how often such an interval covers the true value, in the long run.

    Returns:
        The weighted share.

    Raises:
        ValueError: if a stratum is empty, or the weights are not positive in sum.

    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, Statistics in Medicine 27
    (the method of variance estimates recovery).

    Example:
        >>> weighted_share([9, 4], [10, 10], [1, 1]).estimate
        0.65
    """
    x, of, w = (np.asarray(v, dtype=np.float64) for v in (successes, n, weights))
    if (of <= 0).any():
        raise ValueError("a stratum is empty: leave it out, and say so")
    if (w < 0).any() or not w.sum() > 0:
        raise ValueError("weights must not be negative, and must not all be 0")
    w = w / w.sum()
    low, high = wilson(x, of, level)
    share = x / of
    middle = float(w @ share)
    down, up = np.sqrt(((w * (share - low)) ** 2).sum()), np.sqrt(((w * (high - share)) ** 2).sum())
    return Interval(middle, float(middle - down), float(middle + up))


def difference(a: Interval, b: Interval) -> Interval:
    """The difference of two independent estimates, from their intervals.

    Args:
        a: the one.
        b: what is taken off.

    Returns:
        ``a`` minus ``b``.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, method 10, and Zou and Donner (2008).

    Example:
        >>> a, b = (Interval(x / n, *map(float, wilson(x, n))) for x, n in ((56, 70), (48, 80)))
        >>> [round(end, 4) for end in difference(a, b)]
        [0.2, 0.0524, 0.3339]
    """
    middle = a.estimate - b.estimate
    down = np.hypot(a.estimate - a.lower, b.upper - b.estimate)
    up = np.hypot(a.upper - a.estimate, b.estimate - b.lower)
    return Interval(float(middle), float(middle - down), float(middle + up))
