"""Change or noise: control charts with their rules, CUSUM, and the week in which something changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.feedback_scores import as_text, open_feedback, to_pandas
from crkit.intervals import wilson

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RULES = {
    1: "one point beyond 3 sigma",
    2: "two of three points in a row beyond 2 sigma, on one side",
    3: "four of five points in a row beyond 1 sigma, on one side",
    4: "eight points in a row on one side of the centre",
}
"""The four rules of the Western Electric Company (1956), Statistical Quality Control Handbook."""
_D2 = 1.128  # expected range of two normal values in sigma, 2 / sqrt(pi), as the standards' tables round it
_D4 = 3.267  # upper limit of such a range, in mean ranges; likewise
_WEEK_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Chart:
    """A control chart; made by `xmr` or `p_chart`.

    Attributes:
        kind: ``XmR`` or ``p``.
        table: one row a point: ``label``, ``value``, ``centre``, ``lower``, ``upper``, ``z`` (distance from the centre
            in sigma), ``rule_1`` to ``rule_4`` (whether the point completes that pattern of `RULES`) and ``signal``
            (any of them); for XmR also ``moving_range`` and ``range_upper``, its limit; for p ``events`` and ``n``.
        centre: the centre line.
        baseline: how many of the first points set the limits.
        first_signal: label of the first point with a signal, after the baseline if points come after it; None if there
            is none.
    """

    kind: str
    table: pd.DataFrame
    centre: float
    baseline: int
    first_signal: Any


@dataclass(frozen=True)
class Cusum:
    """Two running sums of what exceeds the centre; made by `cusum`.

    Attributes:
        table: one row a point: ``label``, ``up``, ``down`` (both at least 0) and ``alarm`` (whether one exceeds ``h``).
        h: the limit, in sigma.
        alarm: label of the first alarm; None if there is none.
        began: label of the point after the one at which the sum that gave the first alarm was last 0: when the change
            seems to have begun.
    """

    table: pd.DataFrame
    h: float
    alarm: Any
    began: Any


@dataclass(frozen=True)
class Change:
    """Where a series changed its level; made by `change_point`.

    Attributes:
        label: the first point of the new level, as is most likely.
        lower: earliest point of the interval.
        upper: latest point.
        before: the level before ``label``.
        after: the level from ``label`` on.
        p: chance of so large a change somewhere, if there was none.
        table: one row a point: ``label``, ``value``, and ``chance`` that the new level began with it.
        level: of the interval.
    """

    label: Any
    lower: Any
    upper: Any
    before: float
    after: float
    p: float
    table: pd.DataFrame
    level: float


# ---------------------------------------------------------------------------------------------------------------------
# Weeks
# ---------------------------------------------------------------------------------------------------------------------


def weekly(
    frame: Any,
    at: str,
    *,
    flag: str | None = None,
    value: str | None = None,
    by: str | None = None,
    start: Any = None,
    end: Any = None,
) -> pd.DataFrame:
    """Count by week, in the engine of the table.

    Args:
        frame: one row an event. Any engine.
        at: the column with its moment; rows without one are left out.
        flag: a column of true and false, to count the true ones.
        value: a column of numbers, to take the mean of.
        by: a column, to count each of its values apart.
        start: the moment at which the first week begins, from which weeks are counted forwards; by default they are
            counted back from ``end``, so that the newest week is whole and the first days that make no week are left
            out.
        end: the moment at which the data stop; default: midnight after the last row. Only whole weeks are counted.

    Returns:
        One row a week (and value of ``by``), weeks without rows included: ``week`` (its first moment), ``by``, ``n``
        (rows whose flag or value is known), and ``events`` and ``share``, or ``mean``. Without rows these are NaN.

    Raises:
        ValueError: if a column is missing, or there is not one whole week.

    Example:
        >>> made = pd.DataFrame({"at": pd.date_range("2025-01-06", periods=28, freq="12h"), "late": [True, False] * 14})
        >>> weekly(made, "at", flag="late")["events"].tolist()
        [7, 7]
    """
    wanted = [name for name in (flag, value, by) if name is not None]
    if flag is not None and value is not None:
        raise ValueError("count a flag or take the mean of a value, not both at once")
    lazy = open_feedback(frame, *wanted, moments=(at,)).filter(~nw.col(at).is_null())
    measure = flag if flag is not None else value
    if measure is not None:
        lazy = lazy.filter(~nw.col(measure).is_null())
    ends = lazy.select(first=nw.col(at).min(), last=nw.col(at).max()).collect()
    if pd.isna(ends["first"][0]) and (start is None or end is None):
        raise ValueError(f"no row has a moment in column {at!r}")
    first = pd.Timestamp(ends["first"][0]).normalize() if start is None else pd.Timestamp(start)
    last = pd.Timestamp(ends["last"][0]).normalize() + pd.Timedelta(days=1) if end is None else pd.Timestamp(end)
    weeks = int((last - first) / pd.Timedelta(weeks=1))
    if weeks < 1:
        raise ValueError(f"from {first:%Y-%m-%d} to {last:%Y-%m-%d} is not one whole week")
    if start is None:
        first = last - pd.Timedelta(weeks=weeks)
    passed = (nw.col(at) - nw.lit(first.to_pydatetime())).dt.total_minutes()
    inside = lazy.filter(nw.col(at) >= nw.lit(first.to_pydatetime()))
    columns = {"_week": passed // _WEEK_MINUTES}
    if measure is not None:
        columns["_value"] = nw.col(measure).cast(nw.Float64)
    keys = ["_week"] if by is None else [by, "_week"]
    inside = as_text(inside, [] if by is None else [by]).select(*([] if by is None else [by]), **columns)
    sums = {} if measure is None else {"_sum": nw.col("_value").sum()}
    counted = to_pandas(inside.group_by(keys).agg(n=nw.len(), **sums))
    groups = [()] if by is None else [(group,) for group in sorted(counted[by].unique())]
    every = pd.DataFrame([(*group, week) for group in groups for week in range(weeks)], columns=keys)
    counted["_week"] = counted["_week"].astype("int64")
    table = every.merge(counted, on=keys, how="left").fillna({"n": 0, "_sum": 0.0}).astype({"n": "int64"})
    table.insert(0, "week", first + pd.to_timedelta(7 * table.pop("_week"), unit="D"))
    if measure is not None:
        total = table.pop("_sum").to_numpy(np.float64)
        mean = np.divide(total, table["n"], out=np.full(len(table), np.nan), where=table["n"].to_numpy() > 0)
        if flag is not None:
            table["events"], table["share"] = total.round().astype(np.int64), mean
        else:
            table["mean"] = mean
    return table


# ---------------------------------------------------------------------------------------------------------------------
# Control charts
# ---------------------------------------------------------------------------------------------------------------------


def _several(hit: Bools, of: int, window: int) -> Bools:
    """Whether the point is hit, and so are ``of`` among the last ``window`` points."""
    total = np.cumsum(hit, axis=-1)
    before = np.zeros_like(total)
    before[..., window:] = total[..., :-window]
    return np.asarray((total - before >= of) & hit)


def signals(z: Any) -> Bools:
    """Which points complete a pattern of the Western Electric rules.

    Args:
        z: distances from the centre in sigma; time runs along the last axis, and several series may be stacked.

    Returns:
        An array with one more axis in front, of length 4: the rules 1 to 4 of `RULES`.

    Source: Western Electric Company (1956); the false alarms of rules used together: Champ and Woodall (1987), Exact
    results for Shewhart control charts with supplementary runs rules, Technometrics 29.

    Example:
        >>> signals([0, 0, 3.5, 0])[0].tolist()
        [False, False, True, False]
    """
    values = np.atleast_1d(np.asarray(z, dtype=np.float64))
    found = np.zeros((4, *values.shape), dtype=bool)
    for side in (values, -values):
        for rule, (beyond, of, window) in enumerate(((3, 1, 1), (2, 2, 3), (1, 4, 5), (0, 8, 8))):
            if values.shape[-1] >= window:
                found[rule] |= _several(side > beyond, of, window)
    return found


def _labels(labels: Any, n: int) -> list[Any]:
    named = list(range(1, n + 1)) if labels is None else list(labels)
    if len(named) != n:
        raise ValueError(f"there are {n} points and {len(named)} labels")
    return named


def _baseline(baseline: int | None, n: int) -> int:
    used = n if baseline is None else baseline
    if not 2 <= used <= n:
        raise ValueError(f"baseline is how many of the {n} points set the limits, at least 2, not {baseline!r}")
    return used


def _chart(kind: str, table: pd.DataFrame, centre: float, baseline: int) -> Chart:
    found = signals(table["z"].fillna(0.0))
    for rule, hit in zip(RULES, found.tolist(), strict=True):
        table[f"rule_{rule}"] = hit
    table["signal"] = found.any(axis=0).tolist()
    watched = table.iloc[baseline:] if baseline < len(table) else table
    first = watched.loc[watched["signal"], "label"].tolist()
    return Chart(kind, table, centre, baseline, first[0] if first else None)


def xmr(values: Any, labels: Any = None, *, baseline: int | None = None) -> Chart:
    """Individual values with limits from their moving ranges.

    The limits are 2.66 mean moving ranges around the mean: three sigma, if the values are normal and independent, with
    a sigma that a slow drift does not inflate.

    Args:
        values: one number a point, in time.
        labels: of the points, such as weeks; default 1, 2, ...
        baseline: how many of the first points set the limits; default all. Take a stretch known to be quiet: limits
            made from the change itself hide it.

    Returns:
        The chart.

    Raises:
        ValueError: if a value is missing, or the baseline is too short or does not vary.

    Source: Wheeler (1993), Understanding variation; Shewhart (1931).

    Example:
        >>> chart = xmr([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
        >>> [round(float(v), 4) for v in chart.table.loc[0, ["centre", "lower", "upper"]]]
        [50.81, 45.8159, 55.8041]
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError("an XmR chart needs one number a point, none missing")
    used = _baseline(baseline, len(x))
    ranges = np.abs(np.diff(x))
    mean_range, centre = float(ranges[: used - 1].mean()), float(x[:used].mean())
    if mean_range == 0:
        raise ValueError("the points that set the limits are all equal: no limits can be drawn")
    sigma = mean_range / _D2
    table = pd.DataFrame(
        {
            "label": _labels(labels, len(x)),
            "value": x,
            "centre": centre,
            "lower": centre - 3 * sigma,
            "upper": centre + 3 * sigma,
            "z": (x - centre) / sigma,
            "moving_range": np.concatenate([[np.nan], ranges]),
            "range_upper": _D4 * mean_range,
        }
    )
    return _chart("XmR", table, centre, used)


def _p_scores(events: Any, n: Any, used: int) -> tuple[Floats, Floats, Floats]:
    """Centre, sigma and distances of shares; time runs along the last axis."""
    x, of = np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if x.shape != of.shape or not (np.isfinite(x) & np.isfinite(of) & (x >= 0) & (x <= of)).all():
        raise ValueError("events must be counts from 0 to n, one for each n")
    total = of[..., :used].sum(axis=-1, keepdims=True)
    if (total == 0).any():
        raise ValueError("the points that set the limits count nothing: take a longer baseline")
    centre = x[..., :used].sum(axis=-1, keepdims=True) / total
    sigma = np.sqrt(centre * (1 - centre) / np.maximum(of, 1.0))
    share = x / np.maximum(of, 1.0)
    z = np.divide(share - centre, sigma, out=np.zeros_like(share), where=(sigma > 0) & (of > 0))
    return centre, sigma, z


def p_chart(events: Any, n: Any, labels: Any = None, *, baseline: int | None = None) -> Chart:
    """Shares with limits from the binomial distribution: wider where fewer were counted.

    Three sigma promise one false alarm in 370 points only where the shares are nearly normal: where ``n`` times the
    share is below 5 or so, alarms above the upper limit come more often. `false_alarms` counts them.

    Args:
        events: how many, one count a point.
        n: of how many. A point with 0 has no value and gives no signal.
        labels: of the points; default 1, 2, ...
        baseline: how many of the first points set the limits; default all.

    Returns:
        The chart.

    Raises:
        ValueError: if the counts do not fit, or the baseline is empty, or has no or only events.

    Source: Shewhart (1931), Economic control of quality of manufactured product.

    Example:
        >>> p_chart([5, 4, 6, 5, 30], [50] * 5, baseline=4).first_signal
        5
    """
    x, of = np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError("a p-chart needs one count a point")
    used = _baseline(baseline, len(x))
    centre, sigma, z = _p_scores(x, of, used)
    if not 0 < centre[0] < 1:
        raise ValueError("the points that set the limits have no events, or nothing else: no limits can be drawn")
    table = pd.DataFrame(
        {
            "label": _labels(labels, len(x)),
            "value": np.divide(x, of, out=np.full(len(x), np.nan), where=of > 0),
            "centre": centre[0],
            "lower": np.maximum(centre - 3 * sigma, 0.0),
            "upper": np.minimum(centre + 3 * sigma, 1.0),
            "z": np.where(of > 0, z, np.nan),
            "events": x.astype(np.int64),
            "n": of.astype(np.int64),
        }
    )
    return _chart("p", table, float(centre[0]), used)


def _sums(z: Floats, k: float) -> tuple[Floats, Floats]:
    up, down = np.zeros_like(z), np.zeros_like(z)
    high = low = np.zeros(z.shape[:-1])
    for t in range(z.shape[-1]):
        high, low = np.maximum(high + z[..., t] - k, 0.0), np.maximum(low - z[..., t] - k, 0.0)
        up[..., t], down[..., t] = high, low
    return up, down


def cusum(z: Any, labels: Any = None, *, k: float = 0.5, h: float = 5.0) -> Cusum:
    """Add up what exceeds the centre: quicker than single points to see a small change that stays.

    Args:
        z: distances from the centre in sigma, such as the column ``z`` of a chart; missing ones count as 0.
        labels: of the points; default 1, 2, ...
        k: slack in sigma: half of the change worth finding.
        h: an alarm is a sum above this. With ``k`` 1/2, 5 gives one false alarm in 465 points, and 4 in 168, if the
            points are normal and independent.

    Returns:
        The sums.

    Source: Page (1954), Continuous inspection schemes, Biometrika 41; Lucas (1976), The design and use of V-mask
    control schemes, Journal of Quality Technology 8, for the run lengths.

    Example:
        >>> cusum([0, 0, 2, 2, 2, 2]).began
        3
    """
    if not (k >= 0 and h > 0):
        raise ValueError(f"k must be at least 0 and h above 0, not {k!r} and {h!r}")
    values = np.nan_to_num(np.asarray(z, dtype=np.float64))
    named = _labels(labels, len(values))
    up, down = _sums(values, k)
    table = pd.DataFrame({"label": named, "up": up, "down": down, "alarm": (up > h) | (down > h)})
    at = np.flatnonzero(table["alarm"])
    if not len(at):
        return Cusum(table, h, None, None)
    rising = up if up[at[0]] > h else down
    zeros = np.flatnonzero(rising[: at[0]] == 0)
    return Cusum(table, h, named[at[0]], named[zeros[-1] + 1 if len(zeros) else 0])


def false_alarms(events: Any, n: Any, *, baseline: int | None = None, level: float = 0.95) -> pd.DataFrame:
    """How often the rules cry wolf, counted over companies in which nothing happened.

    Args:
        events: counts, one row a quiet company, one column a point in time.
        n: of how many, likewise.
        baseline: how many of the first points set each company's limits; the alarms after them are counted. Default:
            all points set them, and all are looked at.
        level: of the intervals.

    Returns:
        One row a way to look: ``rule`` (``1`` to ``4``, ``all four``, ``cusum``), ``alarms`` (points with a signal),
        ``per_point``, ``companies`` (how many had at least one), ``share`` of the companies, with ``share_lower`` and
        ``share_upper`` (Wilson 1927), and ``points_between``: points looked at for each company that had one, which is
        the mean run length to a false alarm where few companies have any.
    """
    counts = np.asarray(events)
    if counts.ndim != 2:
        raise ValueError("give one row a company and one column a point in time")
    used = _baseline(baseline, counts.shape[1])
    _, _, z = _p_scores(counts, n, used)
    later = z if baseline is None else z[:, used:]
    if later.shape[1] == 0:
        raise ValueError("no point is left after the baseline")
    rules = signals(later)
    up, down = _sums(later, 0.5)
    looks = {str(rule): rules[rule - 1] for rule in RULES}
    looks |= {"all four": rules.any(axis=0), "cusum": np.maximum(up, down) > 5.0}
    rows = []
    for name, found in looks.items():
        any_ = found.any(axis=1)
        first = np.where(any_, found.argmax(axis=1) + 1, found.shape[1])
        lower, upper = wilson(any_.sum(), len(any_), level)
        rows.append(
            {
                "rule": name,
                "alarms": int(found.sum()),
                "per_point": float(found.mean()),
                "companies": int(any_.sum()),
                "share": float(any_.mean()),
                "share_lower": float(lower),
                "share_upper": float(upper),
                "points_between": float(first.sum() / any_.sum()) if any_.any() else np.inf,
            }
        )
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------------------------------------------------
# The week of the change
# ---------------------------------------------------------------------------------------------------------------------


def _log_beta(a: Floats, b: Floats) -> Floats:
    from scipy.special import betaln

    return np.asarray(betaln(a, b), dtype=np.float64)


def _binomial(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    """For a change before each point but the first: log evidence, and log likelihood ratio against none."""
    total_x, total_n = x.sum(axis=-1, keepdims=True), n.sum(axis=-1, keepdims=True)
    x1, n1 = np.cumsum(x, axis=-1)[..., :-1], np.cumsum(n, axis=-1)[..., :-1]
    x2, n2 = total_x - x1, total_n - n1
    evidence = _log_beta(x1 + 0.5, n1 - x1 + 0.5) + _log_beta(x2 + 0.5, n2 - x2 + 0.5)

    def likelihood(hits: Floats, of: Floats) -> Floats:
        p = hits / np.maximum(of, 1.0)
        return hits * np.log(np.where(hits > 0, p, 1.0)) + (of - hits) * np.log(np.where(hits < of, 1 - p, 1.0))

    return evidence, likelihood(x1, n1) + likelihood(x2, n2) - likelihood(total_x, total_n)


def _normal(x: Floats) -> tuple[Floats, Floats]:
    t = x.shape[-1]
    n1 = np.arange(1, t)
    n2 = t - n1
    total = x.sum(axis=-1, keepdims=True)
    first = np.cumsum(x, axis=-1)[..., :-1]
    whole = ((x - total / t) ** 2).sum(axis=-1, keepdims=True)
    between = (first / n1 - (total - first) / n2) ** 2 * n1 * n2 / t
    left = np.maximum(whole - between, 1e-12 * np.maximum(whole, 1e-300))
    evidence = -0.5 * np.log(n1 * n2) - (t - 2) / 2 * np.log(left)
    return evidence, between / np.maximum(whole, 1e-300)


def change_point(
    values: Any, n: Any = None, labels: Any = None, *, draws: int = 999, seed: int = 0, level: float = 0.95
) -> Change:
    """Find the point at which a series changed its level, once and for good.

    Every point is taken to be as likely as any other beforehand. The interval holds the middle part of the chances
    afterwards. As weeks are whole, it covers the true week at least so often: nearly always where the change is large
    and the interval is a week or two. It always names a week: whether there was a change at all is what ``p`` says.

    Args:
        values: one number a point; with ``n``, how many of ``n`` (counts).
        n: of how many, one number a point; without it the values are taken as normal with one variance.
        labels: of the points; default 1, 2, ...
        draws: how often the events are dealt anew to the points (the values put in another order) for ``p``.
        seed: of the draws.
        level: of the interval.

    Returns:
        The change.

    Raises:
        ValueError: if there are fewer than 4 points, a value is missing, or nothing varies.

    Source: Smith (1975), A Bayesian approach to inference about a change-point in a sequence of random variables,
    Biometrika 62, with Jeffreys' priors; the p-value by permutation given the total, as in Pettitt (1980).

    Example:
        >>> change_point([2, 1, 2, 1, 9, 8, 9, 9], [10] * 8, labels=list("abcdefgh")).label
        'e'
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 4 or not np.isfinite(x).all():
        raise ValueError("to find a change takes at least 4 points, none missing")
    rng = np.random.default_rng(seed)
    named = _labels(labels, len(x))
    if n is None:
        if np.ptp(x) == 0:
            raise ValueError("all values are equal: nothing changed")
        of = np.ones(len(x))
        evidence, gain = _normal(x)
        other = _normal(rng.permuted(np.tile(x, (draws, 1)), axis=1))[1]
    else:
        of = np.asarray(n, dtype=np.float64)
        if of.shape != x.shape or not (np.isfinite(of) & (x >= 0) & (x <= of)).all():
            raise ValueError("events must be counts from 0 to n, one for each n")
        if not 0 < x.sum() < of.sum():
            raise ValueError("there are no events, or nothing else: nothing changed")
        evidence, gain = _binomial(x, of)
        dealt = rng.multivariate_hypergeometric(of.astype(np.int64), int(x.sum()), draws, method="marginals")
        other = _binomial(dealt.astype(np.float64), np.tile(of, (draws, 1)))[1]
    chance = np.exp(evidence - evidence.max())
    chance = np.concatenate([[0.0], chance / chance.sum()])
    reached = np.cumsum(chance)
    at = int(chance.argmax())
    lower, upper = (int(np.searchsorted(reached, q)) for q in ((1 - level) / 2, (1 + level) / 2))
    upper = min(upper, len(x) - 1)
    p = (1 + float((other.max(axis=-1) >= gain.max() - 1e-9).sum())) / (1 + draws)
    share = np.divide(x, of, out=np.full(len(x), np.nan), where=of > 0)
    return Change(
        named[at],
        named[lower],
        named[upper],
        float(x[:at].sum() / max(of[:at].sum(), 1)),
        float(x[at:].sum() / max(of[at:].sum(), 1)),
        p,
        pd.DataFrame({"label": named, "value": share, "chance": chance}),
        level,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------


def _word(label: Any) -> str:
    return f"{label:%Y-%m-%d}" if isinstance(label, pd.Timestamp) else str(label)


def _ticks(ax: Any, labels: Sequence[Any]) -> None:
    """At most eight labels under the points, which stand at 0, 1, 2, ..."""
    step = max(1, math.ceil(len(labels) / 8))
    at = range(0, len(labels), step)
    ax.set_xticks(list(at), [_word(labels[i]) for i in at])
    ax.set(xlim=(-0.5, len(labels) - 0.5))


def _place(labels: Sequence[Any], label: Any) -> float:
    """Where a label stands; a moment within a week stands within it."""
    if label in list(labels):
        return float(list(labels).index(label))
    if isinstance(labels[0], pd.Timestamp):
        return float((pd.Timestamp(label) - labels[0]) / (labels[1] - labels[0]))
    raise ValueError(f"{label!r} is not one of the points")


def _truth(ax: Any, labels: Sequence[Any], truth: Any) -> None:
    if truth is not None:
        ax.axvline(_place(labels, truth), color=figures.GREEN, linestyle="-.", linewidth=1.6, label="the change began")


def plot_chart(chart: Chart, *, ylabel: str = "", truth: Any = None, rule: int | None = None) -> figures.Figure:
    """A control chart, with the points that signal marked.

    Args:
        chart: made by `xmr` or `p_chart`.
        ylabel: what is charted.
        truth: the label, or the moment, at which something is known to have changed.
        rule: mark the signals of this one of `RULES` alone; default those of all four.
    """
    table, labels = chart.table, chart.table["label"].tolist()
    scale = 100 if chart.kind == "p" else 1
    fig, (ax,) = figures.new(size=(9.0, 4.0))
    at = np.arange(len(table))
    ax.plot(at, scale * table["value"], label="value", **{**figures.line(0), "markersize": 4})
    ax.plot(at, scale * table["centre"], color=figures.GREY, linewidth=1.2, label="centre")
    for name in ("lower", "upper"):
        ax.step(
            at, scale * table[name], where="mid", color=figures.INK, linestyle="--", linewidth=1,
            label="limits, 3 sigma" if name == "upper" else None,
        )  # fmt: skip
    found = np.flatnonzero(table["signal" if rule is None else f"rule_{rule}"])
    ax.plot(
        found, scale * table["value"].to_numpy()[found], linestyle="none", marker="s", markersize=8,
        markerfacecolor="none", markeredgecolor=figures.VERMILION,
        label="signal" if rule is None else f"signal, rule {rule}",
    )  # fmt: skip
    if chart.baseline < len(table):
        ax.axvspan(-0.5, chart.baseline - 0.5, color=figures.GREY, alpha=0.12, linewidth=0, label="baseline")
    _truth(ax, labels, truth)
    _ticks(ax, labels)
    ax.set(ylabel=ylabel or ("share, %" if chart.kind == "p" else "value"))
    figures.legend(ax, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    begins = chart.baseline if chart.baseline < len(table) else 0
    of = f"{len(table) - begins} points" + (" after the baseline" if begins else "")
    title = f"None of {of} gives a signal: no more than noise"
    after = found[found >= begins]
    if len(after):
        title = f"{len(after)} of {of} signal, the first at {_word(labels[after[0]])}"
    by_rule = "; ".join(f"rule {rule}, {text}: {int(table[f'rule_{rule}'].sum())}" for rule, text in RULES.items())
    unit = " %" if chart.kind == "p" else ""
    return figures.finish(
        fig,
        title=title,
        alt=f"{chart.kind} chart of {len(table)} points around {scale * chart.centre:.4g}{unit}. {title}. {by_rule}.",
    )


def plot_cusum(made: Cusum, *, truth: Any = None) -> figures.Figure:
    """The two running sums and their limit.

    Args:
        made: made by `cusum`.
        truth: the label, or the moment, at which something is known to have changed.
    """
    labels = made.table["label"].tolist()
    fig, (ax,) = figures.new(size=(9.0, 3.6))
    at = np.arange(len(labels))
    for i, (name, word) in enumerate((("up", "too high"), ("down", "too low"))):
        ax.plot(at, made.table[name], label=word, **{**figures.line(i), "markersize": 3})
    ax.axhline(made.h, color=figures.INK, linestyle="--", linewidth=1, label="limit")
    _truth(ax, labels, truth)
    _ticks(ax, labels)
    ax.set(ylabel="running sum, sigma")
    figures.legend(ax, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    title = "The sums stay below the limit: no more than noise"
    if made.alarm is not None:
        title = f"Alarm at {_word(made.alarm)}; the sum began to rise at {_word(made.began)}"
    top = made.table[["up", "down"]].max()
    return figures.finish(
        fig,
        title=title,
        alt=f"Two running sums over {len(labels)} points with the limit {made.h:g}. {title}. The largest sums are "
        f"{top['up']:.1f} upwards and {top['down']:.1f} downwards.",
    )


def plot_change(change: Change, *, ylabel: str = "", truth: Any = None) -> figures.Figure:
    """The series with its two levels, and the chance of each point to be the first of the new one.

    Args:
        change: made by `change_point`.
        ylabel: what is charted.
        truth: the label, or the moment, at which something is known to have changed.
    """
    labels = change.table["label"].tolist()
    fig, (top, low) = figures.new(2, 1, size=(9.0, 4.8))
    at, first = np.arange(len(labels)), labels.index(change.label)
    top.plot(at, change.table["value"], **{**figures.line(0), "markersize": 4, "linewidth": 1})
    for ends, height in (((0, first - 1), change.before), ((first, len(labels) - 1), change.after)):
        top.plot(ends, (height, height), color=figures.VERMILION, linewidth=2.4)
    low.bar(at, 100 * change.table["chance"], width=0.9, **figures.bar(0))
    low.axvspan(
        labels.index(change.lower) - 0.5, labels.index(change.upper) + 0.5, color=figures.ORANGE, alpha=0.2,
        linewidth=0, label=f"{100 * change.level:g} % interval",
    )  # fmt: skip
    for ax in (top, low):
        _truth(ax, labels, truth)
        _ticks(ax, labels)
    top.set(ylabel=ylabel or "value")
    low.set(ylabel="chance, %")
    figures.legend(low, loc="upper left")
    when = f"at {_word(change.label)}"
    if change.lower != change.upper:
        when = f"between {_word(change.lower)} and {_word(change.upper)}, most likely {when}"
    title = f"The level changed {when}" if change.p < 1 - change.level else "No change that chance would not make"
    return figures.finish(
        fig,
        title=title,
        alt=f"{title}. If there was a change, it came {when}: from {change.before:.3g} to {change.after:.3g}. "
        f"The chance of so large a change where there is none is {change.p:.3f}.",
    )
