"""What drives a score: the Shapley value of R squared, and why a driver is not yet a cause."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.company import DIMENSIONS, MODEL, Model
from crkit.feedback_scores import of_kind, open_feedback, to_pandas
from crkit.intervals import Interval

Floats = npt.NDArray[np.float64]

MOST_DRIVERS = 12  # every subset is looked at: 4,096 of them
_BATCH = 2_000_000  # weights held at once while customers are drawn anew


@dataclass(frozen=True)
class Drivers:
    """How much each rating goes with the score; made by `drivers`.

    Attributes:
        table: one row a rating, the most important first: ``driver``; ``r2_part`` (its Shapley value) and
            ``importance`` (its share of R squared) with ``importance_lower`` and ``importance_upper``; ``first`` (the
            share of draws in which it is the most important); ``standardised`` (coefficient in standard deviations)
            with its ends; ``correlation`` with the score; ``performance`` (mean rating) with its ends.
        r2: how much of the variance of the score all ratings explain together.
        correlations: of the ratings with each other, and of each with the score (last row and column).
        answers: how many answers have every rating.
        customers: who gave them.
        left_out: answers with a rating missing.
        level: of the intervals.
    """

    table: pd.DataFrame
    r2: Interval
    correlations: pd.DataFrame
    answers: int
    customers: int
    left_out: int
    level: float


def _r2(matrices: Floats, chosen: Sequence[int]) -> Floats:
    """R squared of the last variable on the chosen ones, from correlation matrices."""
    if not chosen:
        return np.zeros(len(matrices))
    at = list(chosen)
    r = matrices[:, at, -1]
    inner = matrices[:, at][:, :, at] + 1e-12 * np.eye(len(at))
    return np.asarray((r * np.linalg.solve(inner, r[:, :, None])[:, :, 0]).sum(axis=1), dtype=np.float64)


def shapley_r2(correlations: Any) -> Floats:
    """Share R squared out among correlated predictors, fairly.

    What a predictor adds to R squared depends on which others came before it. Its Shapley value is the mean over all
    orders. The values sum to R squared of all of them.

    Args:
        correlations: a correlation matrix with the outcome last; several may be stacked along a first axis.

    Returns:
        One number a predictor (in a row each, if stacked).

    Raises:
        ValueError: if it is no correlation matrix, or there are too many predictors to look at every subset.

    Source: Lindeman, Merenda and Gold (1980), Introduction to bivariate and multivariate analysis; Grömping (2007),
    Estimators of relative importance in linear regression based on variance decomposition, The American Statistician
    61; Shapley (1953).

    Example:
        >>> shapley_r2([[1, 0, 0.6], [0, 1, 0.3], [0.6, 0.3, 1]]).round(2).tolist()
        [0.36, 0.09]
    """
    given = np.asarray(correlations, dtype=np.float64)
    matrices = given[None] if given.ndim == 2 else given
    k = matrices.shape[-1] - 1
    if matrices.ndim != 3 or matrices.shape[1] != k + 1 or not np.allclose(np.einsum("bii->bi", matrices), 1):
        raise ValueError("give a square correlation matrix, with ones on its diagonal and the outcome last")
    if not 1 <= k <= MOST_DRIVERS:
        raise ValueError(f"from 1 to {MOST_DRIVERS} predictors can be compared, not {k}")
    explained = {
        chosen: _r2(matrices, chosen) for size in range(k + 1) for chosen in itertools.combinations(range(k), size)
    }
    values = np.zeros((len(matrices), k))
    for chosen, before in explained.items():
        weight = math.factorial(len(chosen)) * math.factorial(k - len(chosen) - 1) if len(chosen) < k else 0
        for j in set(range(k)) - set(chosen):
            values[:, j] += weight / math.factorial(k) * (explained[tuple(sorted((*chosen, j)))] - before)
    return values[0] if given.ndim == 2 else values


def _matrices(sums: Floats, m: int) -> tuple[Floats, Floats]:
    """Means and correlation matrices from sums of outer products, of which the first variable is always 1."""
    moments = sums.reshape(-1, m, m)
    moments = moments / moments[:, :1, :1]
    mean = moments[:, 0, 1:]
    covariance = moments[:, 1:, 1:] - mean[:, :, None] * mean[:, None, :]
    spread = np.sqrt(np.maximum(np.einsum("bii->bi", covariance), 1e-12))
    correlation = covariance / spread[:, :, None] / spread[:, None, :]
    correlation[:, range(m - 1), range(m - 1)] = 1.0
    return mean, correlation


def drivers(
    feedback: Any,
    ratings: Sequence[str] | None = None,
    *,
    kind: str = "NPS",
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Drivers:
    """Which of several ratings the score goes with most, when the ratings go with each other too.

    A driver is not yet a cause. These numbers say with which ratings the score moves among those who answered. A mood
    that colours every rating raises all of them; a matter that nobody had trouble with this year has no variance and no
    importance, and would have it the day it breaks; and the score may colour the ratings rather than they the score.
    To know what a change would do, make it for some customers and not for others.

    Args:
        feedback: one row a survey with ``score`` and the ratings; ``customer_id``, without which every answer counts as
            another customer's; ``kind``, if it holds several. Any engine: the columns used are collected.
        ratings: the columns to compare; default: those that begin with ``rating_``.
        kind: of the score.
        draws: how often customers are drawn anew, with all their answers, for the intervals (percentiles).
        seed: of the draws.
        level: of the intervals.

    Returns:
        The drivers. Answers in which a rating is missing are left out, and counted.

    Raises:
        ValueError: if a column is missing, there are too few answers, or one of them is the same in all.

    Source: as for `shapley_r2`; Efron and Tibshirani (1993) for the intervals.
    """
    lazy = of_kind(open_feedback(feedback, "score", *(ratings or ())), kind)
    schema = lazy.collect_schema()
    names = [name for name in schema if name.startswith("rating_")] if ratings is None else list(ratings)
    if len(names) < 2:
        raise ValueError("to compare drivers takes at least two ratings: name their columns in ratings")
    who = ["customer_id"] if "customer_id" in schema else []
    answered = lazy.filter(~nw.col("score").is_null())
    table = to_pandas(answered.select(*who, *(nw.col(name).cast(nw.Float64) for name in (*names, "score"))))
    complete = table.dropna(subset=names)
    if len(complete) < 5 * len(names):
        raise ValueError(f"{len(complete)} answers have every rating: too few for {len(names)} drivers")
    constant = [name for name in (*names, "score") if complete[name].nunique() < 2]
    if constant:
        raise ValueError(f"column {constant[0]!r} is the same in all answers, so nothing can go with it: leave it out")
    x = np.column_stack([np.ones(len(complete)), complete[[*names, "score"]].to_numpy(np.float64)])
    m = x.shape[1]
    code = np.arange(len(x))
    if who:
        # an answer without a customer stands for itself
        known = complete["customer_id"].notna().to_numpy()
        code = np.where(known, pd.factorize(complete["customer_id"])[0], code + len(x))
        code = np.unique(code, return_inverse=True)[1]
    each = np.zeros((int(code.max()) + 1, m * m))
    np.add.at(each, code, (x[:, :, None] * x[:, None, :]).reshape(len(x), -1))
    sums = np.vstack([each.sum(axis=0), _redrawn(each, draws, seed)])
    mean, correlation = _matrices(sums, m)
    part = shapley_r2(correlation)
    total = part.sum(axis=1, keepdims=True)
    importance = part / np.maximum(total, 1e-12)
    inner = correlation[:, :-1, :-1] + 1e-12 * np.eye(m - 2)
    standardised = np.linalg.solve(inner, correlation[:, :-1, -1:])[:, :, 0]
    ends = [(1 - level) / 2, (1 + level) / 2]
    made = pd.DataFrame({"driver": names, "r2_part": part[0]})
    for name, values in (("importance", importance), ("standardised", standardised), ("performance", mean[:, :-1])):
        made[name] = values[0]
        made[f"{name}_lower"], made[f"{name}_upper"] = np.quantile(values[1:], ends, axis=0)
    made["correlation"] = correlation[0, :-1, -1]
    made["first"] = np.bincount(importance[1:].argmax(axis=1), minlength=len(names)) / draws
    columns = ["driver", "r2_part", "importance", "importance_lower", "importance_upper", "first", "standardised"]
    columns += ["standardised_lower", "standardised_upper", "correlation", "performance"]
    made = made[[*columns, "performance_lower", "performance_upper"]]
    low, high = np.quantile(total[1:, 0], ends)
    named = [*names, "score"]
    return Drivers(
        made.sort_values("importance", ascending=False, kind="stable", ignore_index=True),
        Interval(float(total[0, 0]), float(low), float(high)),
        pd.DataFrame(correlation[0], index=named, columns=named),
        len(complete),
        len(each),
        len(table) - len(complete),
        level,
    )


def _redrawn(each: Floats, draws: int, seed: int) -> Floats:
    """Sums over customers drawn anew, one row a draw."""
    rng = np.random.default_rng(seed)
    n = len(each)
    step = max(1, _BATCH // n)
    parts = []
    for begin in range(0, draws, step):
        drawn = rng.multinomial(n, np.full(n, 1 / n), min(step, draws - begin))
        parts.append(drawn @ each)
    return np.vstack(parts)


def planted_drivers(model: Model = MODEL) -> pd.DataFrame:
    """What the simulator planted, and how important it makes each rating.

    Args:
        model: the planted parameters.

    Returns:
        One row a rating, in the order of the simulator: ``driver``, ``weight`` (points of the score for a step of the
        experience behind the rating) and ``importance``: its share of R squared among all customers without issues,
        before experiences are rounded to ratings. Issues widen some ratings, and rounding blurs all.
    """
    k = len(DIMENSIONS)
    weight = np.array([model.drivers[name] for name in DIMENSIONS])
    covariance = 0.5**2 + 0.7**2 * np.eye(k)  # a mood that is common to all, and noise of each
    with_score = covariance @ weight
    variance = float(weight @ with_score) + 0.6**2
    spread = np.sqrt(np.append(np.diag(covariance), variance))
    whole = np.block([[covariance, with_score[:, None]], [with_score[None], np.array([[variance]])]])
    part = shapley_r2(whole / spread[:, None] / spread[None])
    names = [f"rating_{name}" for name in DIMENSIONS]
    return pd.DataFrame({"driver": names, "weight": weight, "importance": part / part.sum()})


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------


def _short(name: str) -> str:
    return name.removeprefix("rating_").replace("_", " ")


def plot_drivers(made: Drivers, planted: pd.DataFrame | None = None) -> figures.Figure:
    """The importance of each rating with its interval, and beside it the two measures that mislead.

    Args:
        made: made by `drivers`.
        planted: made by `planted_drivers`, to mark the truth.
    """
    table = made.table.iloc[::-1].reset_index(drop=True)
    fig, (left, right) = figures.new(1, 2, size=(10.0, 1.9 + 0.5 * len(table)))
    at = np.arange(len(table))
    share = 100 * table["importance"].to_numpy()
    spread = np.abs(np.stack([share - 100 * table["importance_lower"], 100 * table["importance_upper"] - share]))
    style = {**figures.line(0), "linestyle": "none", "markersize": 7}
    left.errorbar(share, at, xerr=spread, capsize=4, label="measured", **style)
    if planted is not None:
        true = 100 * planted.set_index("driver")["importance"].reindex(table["driver"]).to_numpy()
        left.plot(true, at, linestyle="none", marker="*", markersize=12, color=figures.GREEN, label="planted")
        figures.legend(left, loc="lower right")
    for i, (name, words) in enumerate((("standardised", "coefficient"), ("correlation", "correlation"))):
        right.plot(table[name], at, label=words, **{**figures.line(i + 1), "linestyle": "none", "markersize": 7})
    right.axvline(0, color=figures.GREY, linewidth=1)
    figures.legend(right, loc="lower right")
    left.set_yticks(at, [_short(name) for name in table["driver"]])
    right.set_yticks(at, [""] * len(table))
    left.set(xlabel=f"share of R squared, %, {100 * made.level:g} % interval", ylim=(-0.6, len(table) - 0.4))
    right.set(xlabel="standardised coefficient, and correlation with the score", ylim=(-0.6, len(table) - 0.4))
    top = made.table.iloc[0]
    title = f"{_short(top['driver']).capitalize()} carries {100 * top['importance']:.0f} % of what the ratings explain"
    shown = ["driver", "importance", "importance_lower", "importance_upper", "standardised", "correlation"]
    told = [
        f"{_short(name)}: {100 * a:.0f} % (from {100 * b:.0f} to {100 * c:.0f}), coefficient {d:.2f}, correlation "
        f"{e:.2f}"
        for name, a, b, c, d, e in made.table[shown].to_numpy().tolist()
    ]
    return figures.finish(
        fig, title=title, alt=f"{title}, which is {100 * made.r2.estimate:.0f} % of the variance. {'; '.join(told)}."
    )


def plot_importance_performance(made: Drivers) -> figures.Figure:
    """Importance against mean rating: what matters and is rated low comes first.

    The title names what is so with its whole intervals, against the means of all drivers; else it says that they cannot
    tell.

    Args:
        made: made by `drivers`.
    """
    table = made.table
    fig, (ax,) = figures.new(size=(8.0, 4.8))
    x, y = table["performance"].to_numpy(np.float64), 100 * table["importance"].to_numpy(np.float64)
    dx = np.abs(np.stack([x - table["performance_lower"], table["performance_upper"] - x]))
    dy = np.abs(np.stack([y - 100 * table["importance_lower"], 100 * table["importance_upper"] - y]))
    for i, name in enumerate(table["driver"]):
        style = {**figures.line(i), "linestyle": "none", "markersize": 8}
        ax.errorbar(x[i : i + 1], y[i : i + 1], xerr=dx[:, i : i + 1], yerr=dy[:, i : i + 1], capsize=3, **style)
        ax.annotate(
            _short(name), (x[i], y[i]), xytext=(9, 6), textcoords="offset points", fontsize=10, color=figures.INK
        )
    ax.axvline(x.mean(), color=figures.GREY, linewidth=1, linestyle="--")
    ax.axhline(y.mean(), color=figures.GREY, linewidth=1, linestyle="--")
    ax.set(xlabel="mean rating (performance)", ylabel="share of R squared, % (importance)", ylim=(0, None))
    ax.margins(x=0.15)
    urgent = table[(100 * table["importance_lower"] > y.mean()) & (table["performance_upper"] < x.mean())][
        "driver"
    ].tolist()
    perhaps = (100 * table["importance_upper"] > y.mean()) & (table["performance_lower"] < x.mean())
    title = "Nothing that matters is rated below the average"
    if perhaps.any():
        title = "The intervals cannot tell whether what matters is rated below the average"
    if urgent:
        title = f"Rated below the average although it matters: {', '.join(_short(name) for name in urgent)}"
    words = "; ".join(f"{_short(n)}: rated {a:.2f}, {b:.0f} %" for n, a, b in zip(table["driver"], x, y, strict=True))
    return figures.finish(fig, title=title, alt=f"Mean rating and share of R squared of each driver. {words}. {title}.")
