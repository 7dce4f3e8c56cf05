"""Who did not answer, what weighting mends of it, and what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.feedback_scores import KINDS, LEAST, UNKNOWN, Columns, _z, columns_of, of_kind, open_feedback, said, scores

Floats = npt.NDArray[np.float64]

WAIT_DAYS = 14.0
"""Surveys sent later than this before the data stop may still be answered, and are not counted."""
TRIM = 5.0
"""A weight above this many mean weights is cut to it: one rare customer must not speak for a crowd."""
RECENT_DAYS = 120.0
"""How long ago a contact may be for `known_at_sending` to speak of trouble."""
_GAPS = ((30.0, "within 30 days"), (90.0, "31 to 90 days ago"), (180.0, "91 to 180 days ago"))
_ENDS = {"NPS": (6, 9), "CSAT": (2, 4), "CES": (3, 6)}  # up to which a score is low, and from which it is high
_TRAITS = ("account", "plan", "age_group", "language", "acquired_through")


@dataclass(frozen=True)
class Weighted:
    """A score with and without weights; made by `weighted_scores`.

    Attributes:
        kind: of the score.
        table: one row a method, ``as answered``, ``post-stratified`` and ``inverse probability``, and ``true chances``
            if they are known: ``method``, ``estimate``, ``se``, ``lower``, ``upper``, ``answers``, ``effective`` (how
            many answers of equal weight would be as sure; Kish 1965), ``largest`` (weight, in mean weights),
            ``trimmed`` (how many weights were cut).
        cells: one row a stratum: ``cell``, ``sent``, ``answered``, ``rate``, ``weight``; small ones are joined.
        odds: one row a value of what is known: ``column``, ``value``, ``odds`` of answering against the column's most
            frequent value, with ``lower`` and ``upper``.
        weights: one row an answer: ``feedback_id`` if there is one, ``post_stratified``, ``inverse_probability``.
        truth: the score if everybody had answered, if that is known.
        level: of the intervals.
    """

    kind: str
    table: pd.DataFrame
    cells: pd.DataFrame
    odds: pd.DataFrame
    weights: pd.DataFrame
    truth: float | None
    level: float


def known_at_sending(
    feedback: pd.DataFrame,
    customers: pd.DataFrame | None = None,
    orders: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What a company knew of each customer when it sent the survey, whether they answered or not.

    Nothing that came later is used: a column such as today's tier would let the answer explain itself.

    Args:
        feedback: one row a survey, with ``feedback_id``, ``customer_id``, ``sent_at``; ``kind``, ``answered_at`` and
            ``score`` for ``last_survey``.
        customers: one row a customer; of it ``account``, ``plan``, ``age_group``, ``language``, ``acquired_through``.
        orders: with ``customer_id``, ``ordered_at``.
        contacts: with ``customer_id``, ``started_at``, ``topic``; those that the company began do not count.

    Returns:
        One row a survey: ``feedback_id``, ``customer_id``, the columns of the customers, ``last_survey`` (what came of
        the customer's last one of the same kind: ``high``, ``middle`` or ``low`` on its scale, ``no answer``, or
        ``none before``), ``last_order`` (how long ago) and ``trouble`` (the topic of the last contact of the 120 days
        before, or ``none``). All are text.
    """
    lacking = [name for name in ("feedback_id", "customer_id", "sent_at") if name not in feedback]
    if lacking:
        raise ValueError(f"feedback has no column {lacking[0]!r}; it has {', '.join(map(str, feedback))}")
    known = feedback[["feedback_id", "customer_id", "sent_at"]].copy()
    if customers is not None:
        traits = customers.set_index("customer_id")
        for name in (name for name in _TRAITS if name in traits):
            values = known["customer_id"].map(traits[name].astype(object))
            known[name] = values.where(values.notna(), UNKNOWN).astype(str)
    if {"kind", "answered_at", "score"} <= set(feedback):
        known["last_survey"] = _last_survey(feedback)
    if orders is not None:
        last = _last_before(known, orders, "ordered_at", [])
        days = (known["sent_at"] - last["ordered_at"]).dt.total_seconds() / 86_400
        words = [word for _, word in _GAPS]
        known["last_order"] = np.select([days <= limit for limit, _ in _GAPS], words, "longer ago")
        known.loc[days.isna(), "last_order"] = "never"
    if contacts is not None:
        own = contacts[contacts["initiated_by"] != "company"] if "initiated_by" in contacts else contacts
        last = _last_before(known, own, "started_at", ["topic"])
        recent = (known["sent_at"] - last["started_at"]).dt.total_seconds() <= RECENT_DAYS * 86_400
        known["trouble"] = last["topic"].astype(object).where(recent, "none").astype(str)
    return known.drop(columns="sent_at")


def _last_survey(feedback: pd.DataFrame) -> npt.NDArray[np.object_]:
    """What came of the last survey of the same kind, as it stood when this one was sent."""
    in_time = feedback.sort_values(["customer_id", "kind", "sent_at"], kind="stable")
    before = in_time.groupby(["customer_id", "kind"], observed=True)[["answered_at", "score", "sent_at"]].shift(1)
    score = before["score"].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    kind = in_time["kind"].astype(str).to_numpy(object)
    high = np.select([kind == name for name in _ENDS], [top for _, top in _ENDS.values()], np.inf)
    low = np.select([kind == name for name in _ENDS], [bottom for bottom, _ in _ENDS.values()], -np.inf)
    answered = (before["answered_at"] <= in_time["sent_at"]).to_numpy() & np.isfinite(score)
    conditions = [before["sent_at"].isna().to_numpy(), ~answered, score >= high, score <= low]
    words = np.select(conditions, ["none before", "no answer", "high", "low"], "middle").astype(object)
    return np.asarray(pd.Series(words, index=in_time.index).reindex(feedback.index).to_numpy(object))


def _last_before(known: pd.DataFrame, events: pd.DataFrame, at: str, more: list[str]) -> pd.DataFrame:
    """The last event of the same customer up to the sending of each survey."""
    left = known.reset_index(drop=True).reset_index(names="_row").sort_values("sent_at", kind="stable")
    right = events[["customer_id", at, *more]].sort_values(at, kind="stable")
    left["_at"], right["_at"] = left["sent_at"].astype("datetime64[us]"), right[at].astype("datetime64[us]")
    met = pd.merge_asof(left, right, on="_at", by="customer_id").sort_values("_row")
    return met[[at, *more]].set_axis(known.index)


def _old_enough(frame: nw.LazyFrame[Any], wait_days: float) -> nw.LazyFrame[Any]:
    """Surveys that were sent long enough before the data stop."""
    if wait_days < 0:
        raise ValueError(f"wait_days must not be negative, not {wait_days!r}")
    ends = frame.select(sent=nw.col("sent_at").max(), answered=nw.col("answered_at").max()).collect()
    moments = [pd.Timestamp(ends[name][0]) for name in ("sent", "answered") if not pd.isna(ends[name][0])]
    if not moments:
        raise ValueError("column 'sent_at' is empty: no survey was sent")
    last = max(moments) - pd.Timedelta(days=wait_days)
    return frame.filter(nw.col("sent_at") <= nw.lit(last.to_pydatetime()))


def response_rates(
    feedback: Any,
    kind: str = "NPS",
    *,
    by: Columns = (),
    customers: pd.DataFrame | None = None,
    wait_days: float = WAIT_DAYS,
    least: int = LEAST,
    level: float = 0.95,
) -> pd.DataFrame:
    """The share of surveys that were answered, by what is known of everybody.

    Args:
        feedback: one row a survey with ``sent_at`` and ``answered_at`` (empty if nobody answered); ``customer_id`` and
            ``kind`` as for `crkit.feedback_scores.scores`. Any engine.
        kind: of the surveys.
        by: columns of ``feedback`` or ``customers`` that make the groups.
        customers: what is known of each customer.
        wait_days: surveys sent later than this before the data stop are not counted.
        least: a group with fewer customers gets a note instead of a rate.
        level: of the intervals, which take into account that a customer who answers once will again.

    Returns:
        One row a group: the columns of ``by``, ``group``, ``sent``, ``answered``, ``customers``, ``rate``, ``lower``,
        ``upper``, ``small``, ``note``.
    """
    frame = of_kind(open_feedback(feedback, moments=("sent_at", "answered_at")), kind)
    frame = _old_enough(frame, wait_days)
    # a share with a design effect, as for CSAT: an answer counts like a 5
    answered = nw.when(nw.col("answered_at").is_null()).then(nw.lit(1)).otherwise(nw.lit(5))
    frame = frame.with_columns(score=answered)
    if "kind" in frame.collect_schema():
        frame = frame.drop("kind")
    made = scores(frame.to_native(), "CSAT", by=by, customers=customers, least=least, level=level)
    table = made.table.rename(columns={"estimate": "rate", "answers": "sent"})
    worth = made.units["total"] * made.units["times"]
    table["answered"] = worth.groupby(made.units["group"]).sum().round().astype("int64")
    table["note"] = table["note"].str.replace("answered", "were asked")
    columns = ["sent", "answered", "customers", "rate", "lower", "upper", "small", "note"]
    return table[[*columns_of(by), "group", *columns]]


def _logistic(design: Floats, answered: Floats) -> tuple[Floats, Floats]:
    """Coefficients of a logistic regression by Newton's method, and its information matrix."""
    beta = np.zeros(design.shape[1])
    information = np.eye(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        # the tiny ridge keeps a value that everybody or nobody answered from running away
        information = (design * (p * (1 - p))[:, None]).T @ design + 1e-4 * np.eye(design.shape[1])
        step = np.linalg.solve(information, design.T @ (answered - p) - 1e-4 * beta)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return beta, information


def _joined(cells: pd.Series, answered: Floats, least: int) -> pd.Series:
    """Cells with too few answers, joined into one."""
    count = pd.Series(answered).groupby(cells.to_numpy()).sum().sort_values()
    small = count < least
    if small.any() and count[small].sum() < least and not small.all():
        small.iloc[int(small.sum())] = True
    return cells.where(~cells.isin(small.index[small]), "all small ones")


def weighted_scores(
    feedback: Any,
    known: pd.DataFrame,
    kind: str = "NPS",
    *,
    strata: Sequence[str],
    model: Sequence[str] | None = None,
    truth: pd.DataFrame | None = None,
    wait_days: float = WAIT_DAYS,
    least: int = LEAST,
    level: float = 0.95,
) -> Weighted:
    """Let those who answered stand for those who did not, and see what that changes.

    Post-stratification gives each answer the weight that its stratum has among those asked. Inverse probability
    weighting estimates from several things known how likely each customer was to answer (logistic regression on their
    main effects), and weights by the inverse; weights above five mean weights are cut. Both are right only if, among
    customers who look alike, answering has nothing to do with the score. Where the satisfied answer more often, alike
    or not, no weights made of what is known mend that, and the interval does not hold the truth: it speaks of chance
    alone.

    Args:
        feedback: as for `response_rates`, with ``score``, and ``feedback_id`` or ``customer_id``. Any engine;
            collected.
        known: what is known of everybody asked, such as `known_at_sending`: one row a survey with ``feedback_id``, or
            one row a customer with ``customer_id``; the columns are taken as text.
        kind: of the score.
        strata: columns that make the strata; those with fewer than ``least`` answers are joined.
        model: columns that explain answering; default: those of ``strata``.
        truth: what all would have said, for a simulated company: its ``survey_truth``.
        wait_days: surveys sent later than this before the data stop are not counted.
        least: fewest answers in a stratum.
        level: of the intervals, by linearisation, summed over customers, with the weights taken as estimated.

    Returns:
        The scores.

    Raises:
        ValueError: if a column is missing, or nobody answered.

    Source: Holt and Smith (1979), Post stratification, Journal of the Royal Statistical Society A 142; Horvitz and
    Thompson (1952); Hájek (1971); Robins, Rotnitzky and Zhao (1994) for the variance with estimated chances; Little and
    Rubin (2019), Statistical analysis with missing data, for when it fails.
    """
    names = list(dict.fromkeys([*strata, *(model or ())]))
    key = "feedback_id" if "feedback_id" in known else "customer_id"
    lacking = [name for name in (key, *names) if name not in known]
    if lacking or not strata:
        what = f"has no column {lacking[0]!r}; it has {', '.join(map(str, known))}" if lacking else "needs strata"
        raise ValueError(f"known {what}")
    lazy = of_kind(open_feedback(feedback, key, "score", moments=("sent_at", "answered_at")), kind)
    lazy = _old_enough(lazy, wait_days)
    ids = [name for name in ("feedback_id", "customer_id") if name in lazy.collect_schema()]
    table = lazy.select(*ids, nw.col("score").cast(nw.Float64)).collect().to_pandas()
    extra = known[[key, *names]].drop_duplicates(key).set_index(key)
    for name in names:
        values = table[key].map(extra[name].astype(object))
        table[name] = values.where(values.notna(), UNKNOWN).astype(str)
    score = table["score"].to_numpy(np.float64)
    answered = np.isfinite(score).astype(np.float64)
    if not answered.any():
        raise ValueError(f"nobody answered: there is no {kind} in this table")
    low, high = KINDS[kind]
    if np.nanmin(score) < low or np.nanmax(score) > high:
        raise ValueError(f"column 'score' holds a value off the scale of {kind}, {low} to {high}")
    y = _worth(kind, np.where(answered > 0, score, 0.0))
    who = pd.factorize(table["customer_id"])[0] if "customer_id" in table else np.arange(len(table))

    cells, cell_weight, strata_error, strata_mean = _post_stratified(table[list(strata)], y, answered, least)
    odds, chance, ipw_error, ipw_mean, cut = _inverse(table[list(model or strata)], y, answered, level)
    mean = float(y[answered > 0].mean())
    rows: list[tuple[str, float, Floats, Floats, int]] = [
        ("as answered", mean, answered * (y - mean) / answered.mean(), np.ones(len(y)), 0),
        ("post-stratified", strata_mean, strata_error, cell_weight, 0),
        ("inverse probability", ipw_mean, ipw_error, chance, cut),
    ]
    would_be = None
    if truth is not None:
        planted = truth.set_index("feedback_id").reindex(table["feedback_id"])
        would_be = float(_worth(kind, planted["score"].to_numpy(np.float64)).mean())
        weight = 1 / planted["chance"].to_numpy(np.float64)
        fair = float((answered * weight * y).sum() / (answered * weight).sum())
        rows.append(("true chances", fair, answered * weight * (y - fair) / (answered * weight).mean(), weight, 0))
    made = []
    for method, estimate, error, weight, trimmed in rows:
        sums = np.bincount(who, error) / len(y)
        se = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)))
        used = weight[answered > 0]
        margin = _z(level) * se
        effective = float(used.sum() ** 2 / (used**2).sum())
        ends = (estimate - margin, estimate + margin)
        made.append((method, estimate, se, *ends, len(used), effective, float(used.max() / used.mean()), trimmed))
    columns = ["method", "estimate", "se", "lower", "upper", "answers", "effective", "largest", "trimmed"]
    weights = table.loc[answered > 0, [name for name in ("feedback_id",) if name in table]].reset_index(drop=True)
    weights["post_stratified"], weights["inverse_probability"] = cell_weight[answered > 0], chance[answered > 0]
    return Weighted(kind, pd.DataFrame(made, columns=columns), cells, odds, weights, would_be, level)


def _worth(kind: str, score: Floats) -> Floats:
    if kind == "NPS":
        return 100.0 * ((score >= 9).astype(np.float64) - (score <= 6))
    return (score >= 4).astype(np.float64) if kind == "CSAT" else score


def _post_stratified(
    strata: pd.DataFrame, y: Floats, answered: Floats, least: int
) -> tuple[pd.DataFrame, Floats, Floats, float]:
    """The cells, each survey's weight, its contribution to the error, and the mean."""
    words = strata.iloc[:, 0].str.cat(strata.iloc[:, 1:], sep=", ") if strata.shape[1] > 1 else strata.iloc[:, 0]
    cells = _joined(words, answered, least)
    code, labels = pd.factorize(cells, sort=True)
    sent, got = np.bincount(code), np.bincount(code, answered)
    mean = np.bincount(code, answered * y) / np.maximum(got, 1)
    total = float((sent * mean).sum() / sent.sum())
    weight = np.asarray((sent / np.maximum(got, 1))[code], dtype=np.float64)
    error = np.asarray(answered * weight * (y - mean[code]) + mean[code] - total, dtype=np.float64)
    table = pd.DataFrame({"cell": labels, "sent": sent, "answered": got.astype(np.int64), "rate": got / sent})
    table["weight"] = sent / np.maximum(got, 1) * (got.sum() / sent.sum())
    return table, weight, error, total


def _dummies(known: pd.DataFrame) -> tuple[Floats, list[tuple[str, str]]]:
    """A column of ones and one for each value but the most frequent; those that others already say are left out."""
    columns: list[Floats] = [np.ones(len(known))]
    named: list[tuple[str, str]] = []
    for name in known:
        code, values = pd.factorize(known[name])
        for value in np.argsort(-np.bincount(code), kind="stable")[1:]:
            column = (code == value).astype(np.float64)
            others = np.column_stack(columns)
            gram, with_others = others.T @ others, others.T @ column
            rest = column.sum() - with_others @ np.linalg.solve(gram, with_others)
            if rest > 1e-8 * column.sum():
                columns.append(column)
                named.append((str(name), str(values[value])))
    return np.column_stack(columns), named


def _inverse(
    known: pd.DataFrame, y: Floats, answered: Floats, level: float
) -> tuple[pd.DataFrame, Floats, Floats, float, int]:
    """Odds of answering, weights, contributions to the error, the mean, and how many weights were cut."""
    design, named = _dummies(known)
    beta, information = _logistic(design, answered)
    p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
    weight = 1 / p
    most = TRIM * float(weight[answered > 0].mean())
    cut = weight > most
    weight = np.minimum(weight, most)
    of = float((answered * weight).sum())
    mean = float((answered * weight * y).sum() / of)
    own = answered * weight * (y - mean)
    slope = -(design * (own * (1 - p) * ~cut)[:, None]).sum(axis=0)
    error = (own + (design * (answered - p)[:, None]) @ np.linalg.solve(information, slope)) * len(y) / of
    spread = _z(level) * np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    odds = pd.DataFrame(named, columns=["column", "value"])
    odds["odds"], odds["lower"], odds["upper"] = np.exp(beta[1:]), np.exp(beta[1:] - spread), np.exp(beta[1:] + spread)
    return odds, weight, error, mean, int((cut & (answered > 0)).sum())


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------


def plot_response(rates: pd.DataFrame) -> figures.Figure:
    """Response rates by group, with intervals.

    Args:
        rates: made by `response_rates`.
    """
    rows: list[dict[str, Any]] = rates.to_dict("records")  # type: ignore[assignment]  # its keys are names
    fig, (ax,) = figures.new(size=(8.5, 1.6 + 0.42 * len(rows)))
    for y, row in enumerate(reversed(rows)):
        if row["small"]:
            ax.annotate(row["note"], (0, y), va="center", fontsize=9, color=figures.GREY)
            continue
        value = 100 * row["rate"]
        ends = [[value - 100 * row["lower"]], [100 * row["upper"] - value]]
        ax.errorbar([value], [y], xerr=ends, capsize=4, **{**figures.line(0), "linestyle": "none", "markersize": 7})
    overall = 100 * rates["answered"].sum() / rates["sent"].sum()
    ax.axvline(overall, color=figures.GREY, linestyle="--", linewidth=1.2)
    ax.set_yticks(range(len(rows)), [f"{row['group']} ({row['sent']:,} sent)" for row in reversed(rows)])
    ax.set(xlabel="answered, %; the dashed line is all together", xlim=(0, None), ylim=(-0.6, len(rows) - 0.4))
    known = [row for row in rows if not row["small"]]
    title = f"{overall:.0f} % of the surveys were answered"
    if len(known) > 1:
        low, high = (f(known, key=lambda row: float(row["rate"])) for f in (min, max))
        title += f": from {100 * low['rate']:.0f} % ({low['group']}) to {100 * high['rate']:.0f} % ({high['group']})"
    words = [
        f"{row['group']}: {row['note']}" if row["small"] else f"{row['group']}: {100 * row['rate']:.0f} %, from "
        f"{100 * row['lower']:.0f} to {100 * row['upper']:.0f}"
        for row in rows
    ]  # fmt: skip
    return figures.finish(fig, title=title, alt=f"{title}. {'; '.join(words)}.")


def plot_weighting(made: Weighted) -> figures.Figure:
    """The score as answered and weighted, with the truth if it is known.

    Args:
        made: made by `weighted_scores`.
    """
    rows: list[dict[str, Any]] = made.table.to_dict("records")  # type: ignore[assignment]  # its keys are names
    scale = 100 if made.kind == "CSAT" else 1
    fig, (ax,) = figures.new(size=(8.5, 1.8 + 0.45 * len(rows)))
    for i, row in enumerate(rows):
        value = scale * row["estimate"]
        ends = [[value - scale * row["lower"]], [scale * row["upper"] - value]]
        ax.errorbar([value], [-i], xerr=ends, capsize=4, **{**figures.line(i), "linestyle": "none", "markersize": 7})
        ax.annotate(
            said(made.kind, row["estimate"]), (value, -i), xytext=(0, 7), textcoords="offset points", ha="center",
            fontsize=9, color=figures.INK,
        )  # fmt: skip
    title = f"Weighting moves {made.kind} from {said(made.kind, rows[0]['estimate'])} to "
    title += said(made.kind, rows[2]["estimate"])
    if made.truth is not None:
        ax.axvline(scale * made.truth, color=figures.GREEN, linestyle="-.", linewidth=1.6, label="if all had answered")
        figures.legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        title += f"; had everybody answered, it would be {said(made.kind, made.truth)}"
    ax.set_yticks([-i for i in range(len(rows))], [f"{r['method']} (as {r['effective']:,.0f} answers)" for r in rows])
    ax.set(xlabel=f"{made.kind}, {100 * made.level:g} % interval", ylim=(-len(rows) + 0.4, 0.7))
    words = [
        f"{row['method']}: {said(made.kind, row['estimate'])}, from {said(made.kind, row['lower'])} to "
        f"{said(made.kind, row['upper'])}"
        for row in rows
    ]
    return figures.finish(fig, title=title, alt=f"{title}. {'; '.join(words)}.")
