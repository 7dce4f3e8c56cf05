"""Scores of surveys with honest intervals: NPS, CSAT and CES, by group, compared, and against the last run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.intervals import wilson

Floats = npt.NDArray[np.float64]
Columns = str | Sequence[str]

LEAST = 10
"""Groups in which fewer customers answered get no estimate: below it, neither the intervals nor anybody's eye hold."""
KINDS = {"NPS": (0, 10), "CSAT": (1, 5), "CES": (1, 7)}
"""The scale of each kind of score."""
PERIODS = ("month", "quarter", "year")
UNKNOWN = "unknown"


class Score(NamedTuple):
    """A score with its uncertainty.

    Attributes:
        estimate: NPS in points from -100 to 100; CSAT as the share of 4 and 5; CES as the mean from 1 to 7.
        se: standard error, in the same unit.
        lower: lower end of the interval.
        upper: upper end.
        answers: how many it rests on.
    """

    estimate: float
    se: float
    lower: float
    upper: float
    answers: int


@dataclass(frozen=True)
class Scores:
    """Scores by group; made by `scores`.

    Attributes:
        kind: ``NPS``, ``CSAT`` or ``CES``.
        by: the columns that make the groups; empty for the company as a whole.
        table: one row a group; see `scores`.
        units: one row per group and customer, in the order of the table: ``group`` (the number of the table's row),
            ``customer`` (a number; -1 if nobody says who answered), ``answers``, ``total`` (sum of the values) and
            ``times`` (how many such units there are). What intervals and comparisons are made of.
        level: of the intervals.
        least: fewest customers for an estimate.
    """

    kind: str
    by: tuple[str, ...]
    table: pd.DataFrame
    units: pd.DataFrame
    level: float
    least: int


# ---------------------------------------------------------------------------------------------------------------------
# From counts
# ---------------------------------------------------------------------------------------------------------------------


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level!r}")
    return NormalDist().inv_cdf(0.5 + level / 2)


def _t(level: float, freedom: Any) -> Floats:
    """Quantile of Student's t, for an interval of this level."""
    from scipy.special import stdtrit

    _z(level)
    return np.asarray(stdtrit(np.maximum(freedom, 1.0), 0.5 + level / 2), dtype=np.float64)


def _nps_ends(promoters: Any, detractors: Any, n: Any, level: float) -> tuple[Floats, Floats]:
    """Ends of the adjusted Wald interval, in points; the counts may be effective ones, with decimals."""
    p, d, of = (np.asarray(v, dtype=np.float64) for v in (promoters, detractors, n))
    p, d, of = (p + 0.75) / (of + 3), (d + 0.75) / (of + 3), of + 3
    margin = _z(level) * np.sqrt((p + d - (p - d) ** 2) / of)
    return np.maximum(100 * (p - d - margin), -100.0), np.minimum(100 * (p - d + margin), 100.0)


def nps(promoters: int, passives: int, detractors: int, level: float = 0.95) -> Score:
    """The Net Promoter Score from counts: the share of 9 and 10 less the share of 0 to 6.

    An answer is worth 1, 0 or -1, so that its variance is ``p + d - (p - d) ** 2``. The interval adds 3/4 promoter,
    3/4 detractor and 3/2 passives first, which keeps it honest for few answers and lopsided shares.

    Args:
        promoters: how many answered 9 or 10.
        passives: 7 or 8.
        detractors: 0 to 6.
        level: of the interval.

    Returns:
        The score in points from -100 to 100.

    Raises:
        ValueError: if a count is negative, or nobody answered.

    Source: Reichheld (2003), The one number you need to grow, Harvard Business Review 81; Rocks (2016), Interval
    estimation for the "Net Promoter Score", The American Statistician 70, for the interval.

    Example:
        >>> one = nps(162, 108, 54)
        >>> round(one.estimate, 1), round(one.se, 2)
        (33.3, 4.14)
    """
    n = promoters + passives + detractors
    if min(promoters, passives, detractors) < 0 or n == 0:
        raise ValueError("promoters, passives and detractors are counts, and somebody must have answered")
    p, d = promoters / n, detractors / n
    lower, upper = _nps_ends(promoters, detractors, n, level)
    se = 100 * math.sqrt((p + d - (p - d) ** 2) / n)
    return Score(100 * (p - d), se, float(lower), float(upper), int(n))


def csat(satisfied: int, answers: int, level: float = 0.95) -> Score:
    """Customer satisfaction from counts: the share of 4 and 5 among answers from 1 to 5.

    Args:
        satisfied: how many answered 4 or 5 (the "top two boxes"; some companies report the mean instead).
        answers: how many answered.
        level: of the interval.

    Returns:
        The share with its Wilson interval.

    Raises:
        ValueError: as for `crkit.intervals.wilson`, or if nobody answered.

    Example:
        >>> one = csat(81, 263)
        >>> [round(v, 4) for v in (one.estimate, one.lower, one.upper)]
        [0.308, 0.2553, 0.3662]
    """
    if answers < 1:
        raise ValueError("nobody answered: there is no share to speak of")
    lower, upper = wilson(satisfied, answers, level)
    share = satisfied / answers
    return Score(share, math.sqrt(share * (1 - share) / answers), float(lower), float(upper), int(answers))


def ces(values: Any, level: float = 0.95) -> Score:
    """The Customer Effort Score: the mean of answers from 1 (hard) to 7 (easy), with Student's interval.

    Args:
        values: the answers. That they are independent is assumed; `scores` looks at who gave them.
        level: of the interval.

    Returns:
        The mean.

    Raises:
        ValueError: if an answer is off the scale, or there are fewer than two.

    Source: Dixon, Freeman and Toman (2010), Stop trying to delight your customers, Harvard Business Review 88; asked
    here as agreement with "the company made it easy", as in the later version of the question.

    Example:
        >>> round(ces([7, 6, 5, 6]).estimate, 1)
        6.0
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2 or not np.isfinite(x).all() or x.min() < 1 or x.max() > 7:
        raise ValueError("a CES needs at least two answers, each from 1 to 7")
    se = float(x.std(ddof=1)) / math.sqrt(x.size)
    margin = float(_t(level, x.size - 1)) * se
    mean = float(x.mean())
    return Score(mean, se, max(mean - margin, 1.0), min(mean + margin, 7.0), int(x.size))


def require_enough(feedback: pd.DataFrame) -> None:
    """Refuse data in which no question was answered by as many customers as a score takes.

    Args:
        feedback: one row a survey, with ``customer_id``, ``kind``, ``score``.

    Raises:
        ValueError: if there are fewer than `LEAST` customers with a score of each kind.

    Example:
        >>> require_enough(pd.DataFrame({"customer_id": [1, 2], "kind": ["NPS", "NPS"], "score": [9, 3]}))
        Traceback (most recent call last):
        ...
        ValueError: a score takes the answers of 10 customers or more; here are 2
    """
    answered = feedback[feedback["score"].notna()]
    most = int(answered.groupby("kind", observed=True)["customer_id"].nunique().max()) if len(answered) else 0
    if most < LEAST:
        raise ValueError(f"a score takes the answers of {LEAST} customers or more; here are {most}")


def answers_needed(
    margin: float, variance: float = 10_000.0, *, design_effect: float = 1.0, level: float = 0.95
) -> int:
    """How many answers a margin of error takes.

    Args:
        margin: half of the interval's width, in the unit of the score (points for NPS).
        variance: of one answer, in that unit squared: the column ``variance`` of `scores`. The default is the worst
            case of NPS, half promoters and half detractors; that of CSAT is 0.25, and that of CES 9.
        design_effect: the column of that name of `scores`, if customers answer more than once.
        level: of the interval.

    Returns:
        Answers, not surveys: divide by the response rate to know how many to send.

    Raises:
        ValueError: if a number is not positive.

    Example:
        >>> answers_needed(5, variance=5000)
        769
    """
    for name, value in (("margin", margin), ("variance", variance), ("design_effect", design_effect)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value!r}")
    return math.ceil(_z(level) ** 2 * variance * design_effect / margin**2)


# ---------------------------------------------------------------------------------------------------------------------
# From answers
# ---------------------------------------------------------------------------------------------------------------------


def open_feedback(feedback: Any, *needed: str, moments: Sequence[str] = ()) -> nw.LazyFrame[Any]:
    """A table of surveys as a lazy frame of any engine, after a look at its columns."""
    frame: nw.LazyFrame[Any] = nw.from_native(feedback).lazy()
    schema = frame.collect_schema()
    lacking = [name for name in (*needed, *moments) if name not in schema]
    if lacking:
        raise ValueError(f"feedback has no column {lacking[0]!r}; it has {', '.join(schema)}")
    for name in moments:
        if not isinstance(schema[name], nw.Datetime | nw.Date):
            raise ValueError(
                f"column {name!r} holds {schema[name]}, not moments: convert it, in pandas with pd.to_datetime"
            )
    return frame


def of_kind(frame: nw.LazyFrame[Any], kind: str) -> nw.LazyFrame[Any]:
    """The surveys of one kind; all of them where no column ``kind`` tells them apart."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if "kind" not in frame.collect_schema():
        return frame
    return frame.filter(nw.col("kind").cast(nw.String) == kind)


def to_pandas(frame: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Collect a lazy frame."""
    return frame.collect().to_pandas().reset_index(drop=True)


def columns_of(by: Columns) -> tuple[str, ...]:
    """One column or several, as a tuple."""
    return (by,) if isinstance(by, str) else tuple(by)


def own_and_joined(schema: nw.Schema, by: Sequence[str], customers: pd.DataFrame | None) -> tuple[list[str], list[str]]:
    """Which of the columns are in the feedback, and which come with the customers."""
    joined = [] if customers is None else [name for name in by if name not in schema and name in customers]
    lacking = [name for name in by if name not in schema and name not in joined]
    if lacking:
        also = "" if customers is None else f", nor have the customers, who have {', '.join(map(str, customers))}"
        raise ValueError(f"feedback has no column {lacking[0]!r} to group by; it has {', '.join(schema)}{also}")
    if joined and customers is not None:
        if "customer_id" not in customers or "customer_id" not in schema:
            raise ValueError("to group by what is known of customers, both tables need the column 'customer_id'")
        if customers["customer_id"].duplicated().any():
            twice = customers.loc[customers["customer_id"].duplicated(), "customer_id"].iloc[0]
            raise ValueError(f"customer {twice} is in customers twice: give one row a customer")
    return [name for name in by if name not in joined], joined


def as_text(frame: nw.LazyFrame[Any], names: Sequence[str]) -> nw.LazyFrame[Any]:
    """Make grouping columns such that every engine groups in the same way: text without gaps; numbers stay numbers."""
    schema = frame.collect_schema()
    texts = [name for name in names if not schema[name].is_numeric() and not isinstance(schema[name], nw.Boolean)]
    return frame.with_columns(nw.col(*texts).cast(nw.String).fill_null(UNKNOWN)) if texts else frame


def add_known(table: pd.DataFrame, names: Sequence[str], customers: pd.DataFrame | None) -> pd.DataFrame:
    """Add columns of the customers by ``customer_id``."""
    if not names or customers is None:
        return table
    known = customers[["customer_id", *names]].set_index("customer_id")
    for name in names:
        values = table["customer_id"].map(known[name].astype(object))
        table[name] = values.where(values.notna(), UNKNOWN)
    return table


def _values(kind: str) -> dict[str, nw.Expr]:
    """What each answer is worth, and the two shares of an NPS."""
    score = nw.col("score").cast(nw.Float64)
    top = (score >= (9 if kind == "NPS" else 4)).cast(nw.Float64)
    low = (score <= 6).cast(nw.Float64)
    worth = 100 * (top - low) if kind == "NPS" else top if kind == "CSAT" else score
    return {"_score": score, "_worth": worth, "_top": top, "_low": low}


def _per_customer(frame: nw.LazyFrame[Any], keys: list[str], kind: str) -> pd.DataFrame:
    """One row per group and customer with sums, made in the engine."""
    flat = frame.select(*keys, **_values(kind)).with_columns(_square=nw.col("_worth") * nw.col("_worth"))
    made = flat.group_by(keys).agg(
        answers=nw.len(),
        total=nw.col("_worth").sum(),
        square=nw.col("_square").sum(),
        top=nw.col("_top").sum(),
        low=nw.col("_low").sum(),
        least=nw.col("_score").min(),
        most=nw.col("_score").max(),
    )
    return to_pandas(made)


def _units(frame: nw.LazyFrame[Any], keys: list[str], kind: str, named: bool) -> pd.DataFrame:
    """Sums of each customer in each group; an answer without a customer stands for itself."""
    parts = []
    if named:
        missing = nw.col("customer_id").is_null()
        some_missing = bool(frame.select(missing.any()).collect()["customer_id"][0])
        known = frame.filter(~missing) if some_missing else frame
        parts.append(_per_customer(known, [*keys, "customer_id"], kind).assign(times=1))
        if not some_missing:
            return parts[0]
        frame = frame.filter(missing)
    # without names, equal answers are one row that stands for many
    alone = _per_customer(frame, [*keys, "score"], kind)
    alone["times"] = alone["answers"]
    for name in ("answers", "total", "square", "top", "low"):
        alone[name] = alone[name] / alone["times"]
    return pd.concat([*parts, alone.drop(columns="score")], ignore_index=True)


def scores(
    feedback: Any,
    kind: str = "NPS",
    *,
    by: Columns = (),
    customers: pd.DataFrame | None = None,
    every: str | None = None,
    least: int = LEAST,
    level: float = 0.95,
) -> Scores:
    """NPS, CSAT or CES by group: estimate, interval, and how many answers it rests on.

    NPS is the share of 9 and 10 less that of 0 to 6, in points. CSAT is the share of 4 and 5 on a scale of 5. CES is
    the mean on a scale of 7 on which 7 is easy. Answers of one customer resemble each other, so that they say less
    than as many answers of different customers. The standard error sums over customers (linearisation of a ratio; Kish
    1965, Survey Sampling), and the intervals count ``answers / design_effect`` answers (Korn and Graubard 1998, Survey
    Methodology 24), with a design effect of at least 1: for NPS with the adjusted interval of Rocks (2016), for CSAT
    with Wilson's, for CES with Student's. They speak of customers like those who answered, not of those who did not.
    From ten customers on they hold the true value 93 to 97 times in a hundred; but that of CES only 91 to 94 times with
    fewer than sixty customers, most of whom answer 7: the few who would answer less may be missing by chance.

    Args:
        feedback: one row a survey with ``score`` (empty if nobody answered); ``kind``, if it holds several; and
            ``customer_id``, without which every answer counts as another customer's. Any engine.
        kind: ``NPS``, ``CSAT`` or ``CES``.
        by: columns of ``feedback`` or ``customers`` that make the groups.
        customers: what is known of each customer, such as `crkit.grouping.visible_segments`.
        every: ``month``, ``quarter`` or ``year`` of ``answered_at``, which becomes the last column, ``period``.
        least: a group in which fewer customers answered gets a note instead of an estimate.
        level: of the intervals.

    Returns:
        The scores. Their ``table`` has one row a group:

        * the columns of ``by`` and ``group``, the same in words
        * ``answers`` and ``customers`` who gave them; for NPS ``promoters``, ``passives``, ``detractors``
        * ``estimate``, ``se``, ``lower``, ``upper``; NaN in a small group
        * ``variance`` of one answer, and ``design_effect``
        * ``small``, and ``note``: empty, or why there is no estimate

    Raises:
        ValueError: if a column is missing, a score is off the scale, or nobody answered.

    Example:
        >>> made = pd.DataFrame({"customer_id": range(20), "score": [9, 10, 8, 3] * 5})
        >>> scores(made).table["estimate"].tolist()
        [25.0]
    """
    _z(level)
    names = columns_of(by)
    if every is not None and every not in PERIODS:
        raise ValueError(f"every must be one of {', '.join(PERIODS)}, not {every!r}")
    frame = of_kind(open_feedback(feedback, "score", moments=("answered_at",) if every else ()), kind)
    schema = frame.collect_schema()
    own, joined = own_and_joined(schema, names, customers)
    frame = as_text(frame.filter(~nw.col("score").is_null()), own)
    keys = list(own)
    if every:
        at = nw.col("answered_at")
        frame = frame.with_columns(_year=at.dt.year(), _month=at.dt.month())
        keys += ["_year"] if every == "year" else ["_year", "_month"]
    units = _units(frame, keys, kind, "customer_id" in schema)
    if units.empty:
        raise ValueError(f"nobody answered: there is no {kind} in this table")
    low, high = KINDS[kind]
    if units["least"].min() < low or units["most"].max() > high:
        worst = units["least"].min() if units["least"].min() < low else units["most"].max()
        raise ValueError(f"column 'score' holds {worst:g}, but {kind} goes from {low} to {high}")
    units = add_known(units, joined, customers)
    if every:
        units["period"] = _period(units, every)
        names = (*names, "period")
        units = _merged(units, names)
    return _estimate(units, kind, names, least, level)


def _period(units: pd.DataFrame, every: str) -> pd.Series:
    year = units["_year"].astype("int64").astype(str)
    if every == "year":
        return year
    month = units["_month"].astype("int64")
    if every == "quarter":
        return year + "-Q" + ((month + 2) // 3).astype(str)
    return year + "-" + month.astype(str).str.zfill(2)


def _estimate(units: pd.DataFrame, kind: str, names: tuple[str, ...], least: int, level: float) -> Scores:
    if names:
        grouped = units.groupby(list(names), sort=True)
        code = grouped.ngroup().to_numpy()
        table = grouped.size().index.to_frame(index=False)
    else:
        code, table = np.zeros(len(units), np.int64), pd.DataFrame(index=range(1))
    table["group"] = [", ".join(str(value) for value in row) or "all" for row in table.to_numpy().tolist()]
    k = len(table)
    times = units["times"].to_numpy(np.float64)

    def summed(values: Any) -> Floats:
        return np.bincount(code, np.asarray(values, np.float64) * times, k).astype(np.float64)

    n, total = units["answers"].to_numpy(np.float64), units["total"].to_numpy(np.float64)
    of, people = summed(n), summed(np.ones(len(units)))
    mean = summed(total) / of
    variance = np.maximum(summed(units["square"]) / of - mean**2, 0.0)
    freedom = np.maximum(people - 1, 1.0)
    robust = summed((total - mean[code] * n) ** 2) / of**2 * (people / freedom if kind == "CES" else 1.0)
    simple = variance / of * (of / np.maximum(of - 1, 1) if kind == "CES" else 1.0)
    effect = np.maximum(np.divide(robust, simple, out=np.ones(k), where=simple > 0), 1.0)
    top, low, se = summed(units["top"]), summed(units["low"]), np.sqrt(simple * effect)
    if kind == "NPS":
        lower, upper = _nps_ends(top / effect, low / effect, of / effect, level)
    elif kind == "CSAT":
        lower, upper = wilson(top / effect, of / effect, level)
    else:
        margin = _t(level, freedom) * se
        lower, upper = np.maximum(mean - margin, 1.0), np.minimum(mean + margin, 7.0)
    table["answers"], table["customers"] = of.astype(np.int64), people.astype(np.int64)
    if kind == "NPS":
        for name, count in (("promoters", top), ("passives", of - top - low), ("detractors", low)):
            table[name] = count.round().astype(np.int64)
    small = people < least
    for name, values in (("estimate", mean), ("se", se), ("lower", lower), ("upper", upper)):
        table[name] = np.where(small, np.nan, values)
    table["variance"], table["design_effect"], table["small"] = variance, effect, small
    table["note"] = np.where(small, [f"only {p:.0f} answered: too few to say" for p in people], "")
    customer = pd.factorize(units["customer_id"])[0] if "customer_id" in units else np.full(len(units), -1)
    kept = pd.DataFrame({"group": code, "customer": customer, "answers": n, "total": total, "times": times})
    return Scores(kind, names, table, kept, level, least)


def _merged(units: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """One row per group and customer, where months were counted apart."""
    if "customer_id" not in units:
        return units
    sums = ["answers", "total", "square", "top", "low"]
    known = units[units["customer_id"].notna()].groupby([*names, "customer_id"], as_index=False, sort=False)[sums].sum()
    return pd.concat([known.assign(times=1), units[units["customer_id"].isna()]], ignore_index=True)


def bootstrap(made: Scores, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """The intervals again, by drawing customers anew.

    Customers are drawn whole, with all their answers. Those who answered alike are one pattern, and how often each
    pattern is drawn is multinomial: so 100,000 answers take no longer than 1,000.

    Args:
        made: made by `scores`.
        draws: how often.
        seed: of the draws.

    Returns:
        One row a group: the columns of ``by``, ``group``, ``estimate``, ``se``, ``lower``, ``upper`` (percentiles);
        NaN in a small group.

    Source: Efron and Tibshirani (1993), An introduction to the bootstrap.
    """
    rng = np.random.default_rng(seed)
    table = made.table[[*made.by, "group", "estimate"]].copy()
    ends = [(1 - made.level) / 2, (1 + made.level) / 2]
    found = np.full((len(table), 3), np.nan)
    for row in np.flatnonzero(~made.table["small"].to_numpy()):
        units = made.units[made.units["group"] == row]
        patterns = units.groupby(["answers", "total"])["times"].sum()
        answers, totals = (patterns.index.get_level_values(i).to_numpy(np.float64) for i in (0, 1))
        count = patterns.to_numpy(np.float64)
        drawn = rng.multinomial(int(count.sum()), count / count.sum(), draws)
        means = (drawn @ totals) / (drawn @ answers)
        found[row] = means.std(ddof=1), *np.quantile(means, ends)
    table["se"], table["lower"], table["upper"] = found.T
    return table


# ---------------------------------------------------------------------------------------------------------------------
# Comparing
# ---------------------------------------------------------------------------------------------------------------------


def _holm(p: Floats) -> Floats:
    """P-values corrected for their number (Holm 1979)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def compare(made: Scores, *, to: str | None = None) -> pd.DataFrame:
    """Which groups differ, after a correction for how many are compared.

    Customers who answered in both groups make the two alike; the standard errors take that into account. The p-values
    are Student's with the degrees of freedom of Welch (1947). They are corrected by Holm's method: the chance of
    even one false finding stays below 1 - level, however the comparisons hang together, as all pairs do. The intervals
    are not corrected: each of them covers its own difference in so many cases, not all of them together.

    Args:
        made: made by `scores`. Small groups are left out.
        to: None for all pairs; ``"rest"`` for each group against all others together; or the ``group`` to compare with.

    Returns:
        One row a comparison: ``a``, ``b``, ``difference`` (``a`` less ``b``), ``se``, ``lower``, ``upper``, ``p``,
        ``p_holm`` and ``differs`` (``p_holm`` below 1 - level).

    Raises:
        ValueError: if fewer than two groups are large enough, or there is no such group.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.

    Example:
        >>> made = pd.DataFrame({"shop": ["a", "b"] * 50, "score": [9, 3, 10, 8] * 25})
        >>> compare(scores(made, by="shop"))["difference"].tolist()
        [150.0]
    """
    from scipy.special import stdtr

    usable: list[int] = np.flatnonzero(~made.table["small"].to_numpy()).tolist()
    names = made.table["group"].to_numpy(object)
    if len(usable) < 2:
        raise ValueError("to compare, at least two groups must have enough answers")
    if to not in (None, "rest") and to not in names[usable]:
        raise ValueError(f"no group {to!r} with enough answers; there are {', '.join(names[usable])}")
    each = {g: _side(made, [g]) for g in usable}
    pairs: list[tuple[str, _Side, str, _Side]]
    if to == "rest":
        others = {g: _side(made, [h for h in range(len(names)) if h != g]) for g in usable}
        pairs = [(names[g], each[g], "the rest", others[g]) for g in usable]
    elif to is None:
        pairs = [(names[g], each[g], names[h], each[h]) for g, h in itertools.combinations(usable, 2)]
    else:
        base = next(g for g in usable if names[g] == to)
        pairs = [(names[g], each[g], to, each[base]) for g in usable if g != base]
    rows = []
    for a, one, b, other in pairs:
        shared = _overlap(one, other)
        gap, se = one.mean - other.mean, math.sqrt(max(one.variance + other.variance - 2 * shared, 0.0))
        welch = (one.variance + other.variance) ** 2
        under = one.variance**2 / max(one.people - 1, 1) + other.variance**2 / max(other.people - 1, 1)
        freedom = welch / under if under > 0 else one.people + other.people - 2
        margin = float(_t(made.level, freedom)) * se
        p = 2 * float(stdtr(freedom, -abs(gap) / se)) if se > 0 else float(gap == 0)
        rows.append((a, b, gap, se, gap - margin, gap + margin, p))
    table = pd.DataFrame(rows, columns=["a", "b", "difference", "se", "lower", "upper", "p"])
    table["p_holm"] = _holm(table["p"].to_numpy(np.float64))
    table["differs"] = table["p_holm"] < 1 - made.level
    return table


class _Side(NamedTuple):
    """One side of a comparison, with what each named customer contributes to its error."""

    mean: float
    variance: float
    people: float
    customer: npt.NDArray[np.int64]
    share: Floats


def _side(made: Scores, groups: list[int]) -> _Side:
    units = made.units[made.units["group"].isin(groups)]
    n, total, times = (units[name].to_numpy(np.float64) for name in ("answers", "total", "times"))
    of = float(n @ times)
    mean = float(total @ times) / of
    error = (total - mean * n) / of
    who = units["customer"].to_numpy(np.int64)
    named = who >= 0
    ids, at = np.unique(who[named], return_inverse=True)
    share = np.bincount(at, error[named], len(ids)).astype(np.float64)
    people = len(ids) + float(times[~named].sum())
    variance = float(share @ share + (times[~named] * error[~named] ** 2).sum())
    return _Side(mean, variance * people / max(people - 1, 1), people, ids, share)


def _overlap(a: _Side, b: _Side) -> float:
    """The covariance that comes from customers who answered on both sides."""
    _, i, j = np.intersect1d(a.customer, b.customer, assume_unique=True, return_indices=True)
    return float(a.share[i] @ b.share[j])


def changes(
    before: pd.DataFrame, now: pd.DataFrame, *, by: Columns = (), nested: bool = False, level: float = 0.95
) -> pd.DataFrame:
    """What changed since the last run, and whether that is more than noise.

    Only the stored estimates and standard errors of the two runs are needed. Where both runs come from one table with
    all answers in it, `scores` with ``every`` and `compare` say more, because they know who answered twice.

    Args:
        before: the ``table`` of `scores` of the last run: the columns of ``by``, ``estimate``, ``se``, ``answers``.
        now: the same of this run.
        by: the columns that make the groups; empty for the company as a whole.
        nested: whether the answers of this run contain those of the last one, as in an export of all answers so far.
            Then the variance of the change is that of ``before`` less that of ``now``; otherwise the two runs are taken
            to be independent, which makes the interval too wide rather than too short where customers answered twice.
        level: of the interval.

    Returns:
        One row a group of either run: the columns of ``by``, ``before``, ``now``, ``change``, ``se``, ``lower``,
        ``upper``, ``noise`` (whether the interval holds 0), ``answers_before``, ``answers_now``, and ``note``: empty,
        or why there is no change to speak of.

    Example:
        >>> last = pd.DataFrame({"estimate": [30.0], "se": [4.0], "answers": [300]})
        >>> this = pd.DataFrame({"estimate": [35.0], "se": [3.0], "answers": [400]})
        >>> changes(last, this)[["change", "se", "noise"]].to_dict("records")
        [{'change': 5.0, 'se': 5.0, 'noise': True}]
    """
    names = list(columns_of(by))
    wanted = [*names, "estimate", "se", "answers"]
    for word, table in (("before", before), ("now", now)):
        lacking = [name for name in wanted if name not in table]
        if lacking:
            raise ValueError(f"the scores of {word} have no column {lacking[0]!r}")
        if len(table) != len(table[names].drop_duplicates() if names else table.head(1)):
            raise ValueError(f"the scores of {word} hold a group twice: name all its columns in by")
    last, this = before[wanted].copy(), now[wanted].copy()
    key = names or ["_all"]
    if not names:
        last["_all"] = this["_all"] = 0
    table = last.merge(this, on=key, how="outer", suffixes=("_before", "_now")).sort_values(key, ignore_index=True)
    a, b = (table[f"estimate_{word}"].to_numpy(np.float64) for word in ("before", "now"))
    va, vb = (table[f"se_{word}"].to_numpy(np.float64) ** 2 for word in ("before", "now"))
    se = np.sqrt(np.maximum(va - vb, 0.0) if nested else va + vb)
    margin = _z(level) * se
    made = table[names].assign(before=a, now=b, change=b - a, se=se, lower=b - a - margin, upper=b - a + margin)
    made["noise"] = np.abs(made["change"]) <= margin
    for word in ("before", "now"):
        made[f"answers_{word}"] = table[f"answers_{word}"].fillna(0).astype("int64")
    made["note"] = np.select(
        [np.isnan(a) & np.isnan(b), np.isnan(a), np.isnan(b)],
        ["too few answers in both runs", "too few answers in the last run", "too few answers in this run"],
        "",
    )
    return made


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------

_UNIT = {"NPS": "NPS, points", "CSAT": "CSAT, % of answers with 4 or 5", "CES": "CES, mean of 1 to 7"}


def said(kind: str, value: float, signed: bool = False) -> str:
    """A score in words: points, per cent, or a mean with a decimal."""
    scaled, digits = (100 * value, 0) if kind == "CSAT" else (value, 1 if kind == "CES" else 0)
    return f"{scaled:{'+' if signed else ''}.{digits}f}" + (" %" if kind == "CSAT" and not signed else "")


def plot_scores(made: Scores) -> figures.Figure:
    """Scores by group with their intervals; a group with too few answers says so instead.

    Args:
        made: made by `scores`.
    """
    table, scale = made.table, 100 if made.kind == "CSAT" else 1
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]  # its keys are names
    fig, (ax,) = figures.new(size=(8.5, 1.6 + 0.42 * len(table)))
    known = table[~table["small"]]
    where = scale * (known["estimate"].mean() if len(known) else 0.0)
    for y, row in enumerate(reversed(rows)):
        if row["small"]:
            ax.annotate(row["note"], (where, y), ha="center", va="center", fontsize=9, color=figures.GREY)
            continue
        value = scale * row["estimate"]
        ends = [[value - scale * row["lower"]], [scale * row["upper"] - value]]
        ax.errorbar([value], [y], xerr=ends, capsize=4, **{**figures.line(0), "linestyle": "none", "markersize": 7})
        ax.annotate(
            said(made.kind, row["estimate"]), (value, y), xytext=(0, 7), textcoords="offset points",
            ha="center", fontsize=9, color=figures.INK,
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [f"{row['group']} ({row['answers']:,})" for row in reversed(rows)])
    ax.set(xlabel=f"{_UNIT[made.kind]}, {100 * made.level:g} % interval", ylim=(-0.6, len(table) - 0.2))
    if known.empty:
        title = f"No group has the {made.least} customers that a {made.kind} takes"
    elif len(table) == 1:
        title = f"{made.kind} {said(made.kind, rows[0]['estimate'])}, from {said(made.kind, rows[0]['lower'])} to "
        title += said(made.kind, rows[0]["upper"])
    else:
        by_score = known.sort_values("estimate", kind="stable")
        low, top = by_score.iloc[0], by_score.iloc[-1]
        title = f"{made.kind} runs from {said(made.kind, low['estimate'])} ({low['group']}) to "
        title += f"{said(made.kind, top['estimate'])} ({top['group']})"
        few = int(table["small"].sum())
        title += f"; {few} of {len(table)} groups are too small to say" if few else ""
    words = [
        f"{row['group']}: {row['note']}" if row["small"] else f"{row['group']}: {said(made.kind, row['estimate'])}, "
        f"from {said(made.kind, row['lower'])} to {said(made.kind, row['upper'])}, {row['answers']:,} answers"
        for row in rows
    ]  # fmt: skip
    return figures.finish(fig, title=title, alt=f"{made.kind} by group with intervals. {'; '.join(words)}.")


def plot_changes(table: pd.DataFrame, kind: str = "NPS") -> figures.Figure:
    """What changed since the last run, with intervals.

    Args:
        table: made by `changes`.
        kind: of the scores.
    """
    scale = 100 if kind == "CSAT" else 1
    names = list(table.columns[: table.columns.get_loc("before")])
    words = [", ".join(str(v) for v in row) or "all" for row in table[names].to_numpy().tolist()] or ["all"]
    fig, (ax,) = figures.new(size=(8.5, 1.8 + 0.42 * len(table)))
    for y, (_, row) in enumerate(table.iloc[::-1].iterrows()):
        if row["note"]:
            ax.annotate(row["note"], (0, y), ha="center", va="center", fontsize=9, color=figures.GREY)
            continue
        ends = scale * np.array([[row["change"] - row["lower"]], [row["upper"] - row["change"]]])
        style = {**figures.line(0 if row["noise"] else 1), "linestyle": "none", "markersize": 7}
        ax.errorbar([scale * row["change"]], [y], xerr=ends, capsize=4, **style)
    ax.axvline(0, color=figures.GREY, linewidth=1)
    ax.set_yticks(range(len(table)), words[::-1])
    ax.set(xlabel=f"change of {_UNIT[kind]} since the last run", ylim=(-0.6, len(table) - 0.4))
    real = table[~table["noise"] & (table["note"] == "")]
    title = f"{len(real)} of {len(table)} changes since the last run are more than noise"
    told = [
        f"{word}: {row['note'] or said(kind, row['change'], True)}"
        + ("" if row["note"] else f", from {said(kind, row['lower'], True)} to {said(kind, row['upper'], True)}")
        for word, (_, row) in zip(words, table.iterrows(), strict=True)
    ]
    return figures.finish(fig, title=title, alt=f"{title}. {'; '.join(told)}.")
