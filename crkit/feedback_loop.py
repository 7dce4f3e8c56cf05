"""Closing the loop: how soon somebody replies, whom to call today, and what following up really changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.feedback_scores import KINDS, _t, _z, of_kind, open_feedback, to_pandas
from crkit.intervals import Interval, Share, share

Floats = npt.NDArray[np.float64]

LOW = {"NPS": 6, "CSAT": 2, "CES": 3}
"""Up to which score a customer counts as a detractor, or as dissatisfied."""
HOURS = 48.0
"""A practitioners' convention: a detractor hears from somebody within two days."""


@dataclass(frozen=True)
class Survival:
    """How many are still waiting, over time; made by `kaplan_meier`.

    Attributes:
        table: one row a time at which something happened or somebody was last seen: ``time``, ``at_risk``, ``events``,
            ``censored``, ``survival`` (the share still waiting), ``se`` (Greenwood), ``lower``, ``upper``. Where nobody
            is left, the error is not known, and the upper end is that of the time before.
        median: the time at which half are done; infinite where that was not seen.
        n: how many.
        events: how many of them were done.
        level: of the intervals.
    """

    table: pd.DataFrame
    median: Interval
    n: int
    events: int
    level: float

    def at(self, time: float) -> Interval:
        """The share still waiting at a time.

        Args:
            time: from 0 to the last time seen.

        Raises:
            ValueError: if it is later than anybody was seen, so that nothing is known.
        """
        last = float(self.table["time"].iloc[-1])
        if time > last and float(self.table["survival"].iloc[-1]) > 0:
            raise ValueError(f"nobody was watched for longer than {last:g}: what comes at {time:g} is not known")
        i = int(np.searchsorted(self.table["time"].to_numpy(), time, side="right")) - 1
        if i < 0:
            return Interval(1.0, 1.0, 1.0)
        row = self.table.iloc[i]
        return Interval(float(row["survival"]), float(row["lower"]), float(row["upper"]))


@dataclass(frozen=True)
class FollowedUp:
    """Detractors who got a reply in time; made by `followed_up`.

    Attributes:
        hours: the time they should wait at most.
        in_time: the share replied to in time, among those whose hours have passed.
        by_survival: the same from the survival curve, which also uses those who still wait.
        naive: the share replied to in time among all, which counts those who answered an hour ago as failures.
        waiting: detractors without a reply.
        late: of these, those whose hours have passed.
        young: detractors whose hours have not passed yet.
    """

    hours: float
    in_time: Share
    by_survival: Interval
    naive: float
    waiting: int
    late: int
    young: int


@dataclass(frozen=True)
class FollowUp:
    """What became of detractors, with and without a reply; made by `after_follow_up`.

    Attributes:
        table: one row a group, ``replied`` and ``no reply``: ``customers``, ``pairs``, ``first`` and ``next`` (mean
            scores), ``change`` with ``lower`` and ``upper``.
        naive: the change of those replied to, which looks like what the reply did.
        fair: how much more those replied to changed than those not, with the same first score and in the same quarter:
            what a reply did, if who got one was up to chance.
        expected: the change of a detractor nobody replied to: what comes back to the mean by itself.
        pairs: how many answers of detractors were followed by another of the same customer.
        level: of the intervals.
    """

    table: pd.DataFrame
    naive: Interval
    fair: Interval
    expected: Interval
    pairs: int
    level: float


# ---------------------------------------------------------------------------------------------------------------------
# Waiting
# ---------------------------------------------------------------------------------------------------------------------


def kaplan_meier(durations: Any, observed: Any, *, level: float = 0.95) -> Survival:
    """The share still waiting over time, when some cases are still open.

    An open case is not dropped, which would leave the quick ones, nor counted as done: it counts among those who wait
    until it was last seen. That cases are censored because the data stop, and not because they are hopeless, is
    assumed.

    Args:
        durations: how long each was watched, one number a case, at least 0.
        observed: whether it was done then (1), or was still open (0).
        level: of the intervals, which are made on the log-log scale and so stay between 0 and 1; that of the median
            ends where theirs cross one half (Brookmeyer and Crowley 1982).

    Returns:
        The curve.

    Raises:
        ValueError: if a duration is missing or negative, or there is no case.

    Source: Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, JASA 53; Greenwood (1926);
    Kalbfleisch and Prentice (1980) for the intervals.

    Example:
        >>> curve = kaplan_meier([3, 1, 2, 3, 2, 1, 5, 3], [0, 1, 1, 1, 0, 0, 1, 0])
        >>> curve.table["survival"].round(4).tolist()
        [0.875, 0.7292, 0.5469, 0.0]
    """
    time = np.asarray(durations, dtype=np.float64)
    done = np.asarray(observed, dtype=np.float64)
    if time.ndim != 1 or not len(time) or done.shape != time.shape:
        raise ValueError("give one duration and one 0 or 1 for each of at least one case")
    if not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError("durations must be finite and not negative: a case that is still open lasts until now")
    if not np.isin(done, (0.0, 1.0)).all():
        raise ValueError("observed must be 1 where it happened and 0 where the case is still open")
    z = _z(level)
    times, code = np.unique(time, return_inverse=True)
    events, leaving = np.bincount(code, done), np.bincount(code)
    at_risk = len(time) - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        se = np.where(survival > 0, survival * np.sqrt(greenwood), np.nan)
        inside = (survival > 0) & (survival < 1)
        turn = np.where(inside, z * np.sqrt(greenwood) / np.abs(np.log(np.where(inside, survival, 0.5))), 0.0)
    power = np.where(inside, survival, 1.0)
    lower = np.where(survival > 0, power ** np.exp(turn), 0.0)
    upper = power ** np.exp(-turn)
    if survival[-1] == 0:
        upper[-1] = upper[-2] if len(upper) > 1 else 1.0
    table = pd.DataFrame(
        {
            "time": times,
            "at_risk": at_risk.astype(np.int64),
            "events": events.astype(np.int64),
            "censored": (leaving - events).astype(np.int64),
            "survival": survival,
            "se": se,
            "lower": lower,
            "upper": upper,
        }
    )
    ends = [_first_below(times, values) for values in (survival, lower, upper)]
    return Survival(table, Interval(*ends), len(time), int(done.sum()), level)


def _first_below(times: Floats, values: Floats) -> float:
    below = np.flatnonzero(values <= 0.5)
    return float(times[below[0]]) if len(below) else float("inf")


def _now(table: pd.DataFrame, as_of: Any) -> pd.Timestamp:
    """The moment at which the data stop."""
    if as_of is not None:
        return pd.Timestamp(as_of)
    columns = [name for name in ("sent_at", "answered_at", "replied_at", "closed_at") if name in table]
    last = table[columns].max().max()
    if pd.isna(last):
        raise ValueError("the feedback holds no moment: nothing was sent, answered or replied to")
    return pd.Timestamp(last)


def reply_times(feedback: Any, *, kind: str | None = None, as_of: Any = None) -> pd.DataFrame:
    """How long each answer waited for a reply, and for its case to be closed.

    Args:
        feedback: one row a survey with ``customer_id``, ``answered_at``, ``score``, ``replied_at``; ``closed_at``,
            ``comment`` and ``feedback_id`` if there are any. Any engine; the columns used are collected.
        kind: ``NPS``, ``CSAT`` or ``CES``; default: all.
        as_of: until when the cases were watched; default: the last moment in the data.

    Returns:
        One row an answer given by ``as_of``: ``feedback_id``, ``customer_id``, ``kind``, ``score``, ``answered_at``,
        ``low`` (whether the score is one of `LOW`), ``reply_hours`` (until the reply, or ``as_of``), ``replied``,
        ``close_hours``, ``closed``. What happened after ``as_of`` is not known yet.
    """
    frame = open_feedback(feedback, "customer_id", "score", moments=("answered_at", "replied_at"))
    has = [name for name in ("closed_at", "sent_at", "feedback_id", "kind") if name in frame.collect_schema()]
    if kind is not None:
        frame = of_kind(frame, kind)
    table = to_pandas(frame.select("customer_id", "score", "answered_at", "replied_at", *has))
    now = _now(table, as_of)
    table = table[(table["answered_at"] <= now) & table["score"].notna()].reset_index(drop=True)
    kinds = table["kind"].astype(str) if "kind" in has else pd.Series(kind or "NPS", index=table.index, dtype="str")
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"column 'kind' holds {sorted(unknown)[0]!r}; known are {', '.join(KINDS)}")
    made = table[["feedback_id"]] if "feedback_id" in has else pd.DataFrame(index=table.index)
    made = made.assign(customer_id=table["customer_id"], kind=kinds, score=table["score"].astype("float64"))
    made["answered_at"] = table["answered_at"]
    made["low"] = made["score"] <= kinds.map(LOW)
    for what, column in (("reply", "replied_at"), ("close", "closed_at")):
        at = table[column] if column in table else pd.Series(pd.NaT, index=table.index)
        done = (at <= now).to_numpy()
        until = at.where(done, now)
        made[f"{what}_hours"] = np.maximum((until - table["answered_at"]).dt.total_seconds() / 3600, 0.0)
        made["replied" if what == "reply" else "closed"] = done
    return made


def followed_up(
    feedback: Any, *, kind: str = "NPS", hours: float = HOURS, as_of: Any = None, level: float = 0.95
) -> FollowedUp:
    """The share of detractors who heard from somebody in time.

    Args:
        feedback: as for `reply_times`. Any engine.
        kind: of the surveys; "detractors" are those whose score is one of `LOW`.
        hours: the time they should wait at most.
        as_of: until when the cases were watched; default: the last moment in the data.
        level: of the intervals.

    Returns:
        The share in time, among those whose hours have passed.

    Raises:
        ValueError: if there is no detractor.
    """
    if not hours > 0:
        raise ValueError(f"hours must be above 0, not {hours!r}")
    frame = open_feedback(feedback, "answered_at")
    columns = [name for name in ("sent_at", "answered_at", "replied_at", "closed_at") if name in frame.collect_schema()]
    now = _now(to_pandas(frame.select(*columns)), as_of)
    cases = reply_times(feedback, kind=kind, as_of=now)
    cases = cases[cases["low"]]
    if cases.empty:
        raise ValueError("there is no detractor: nobody is to be followed up")
    quick = cases["replied"] & (cases["reply_hours"] <= hours)
    old = (now - cases["answered_at"]).dt.total_seconds() / 3600 >= hours
    curve = kaplan_meier(cases["reply_hours"], cases["replied"], level=level)
    known = float(cases["reply_hours"].max()) >= hours or not (~cases["replied"]).any()
    still = curve.at(hours) if known else Interval(np.nan, 0.0, 1.0)
    return FollowedUp(
        hours,
        share(int((quick & old).sum()), int(old.sum()), level),
        Interval(1 - still.estimate, 1 - still.upper, 1 - still.lower),
        float(quick.mean()),
        int((~cases["replied"]).sum()),
        int((~cases["replied"] & old).sum()),
        int((~old).sum()),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Whom to call
# ---------------------------------------------------------------------------------------------------------------------


def repeat_themes(feedback: pd.DataFrame, themes: pd.Series) -> pd.DataFrame:
    """Customers who were unhappy about the same thing more than once.

    Args:
        feedback: one row a survey, with ``customer_id``, ``answered_at``, ``score``, ``replied_at``, ``kind``.
        themes: the theme of each comment, with the index of ``feedback``; ``none`` and missing ones do not count.

    Returns:
        One row per customer and theme with two low scores or more, the most frequent first: ``customer_id``, ``theme``,
        ``times``, ``first_at``, ``last_at``, ``replied`` (to how many of them somebody replied).
    """
    cases = _low_answers(feedback).assign(theme=themes.reindex(feedback.index))
    cases = cases[cases["theme"].notna() & (cases["theme"] != "none")]
    table = cases.groupby(["customer_id", "theme"], as_index=False, observed=True).agg(
        times=("score", "size"),
        first_at=("answered_at", "min"),
        last_at=("answered_at", "max"),
        replied=("replied_at", "count"),
    )
    table = table[table["times"] > 1]
    return table.sort_values(["times", "last_at", "customer_id"], ascending=[False, False, True], ignore_index=True)


def _low_answers(feedback: pd.DataFrame) -> pd.DataFrame:
    lacking = [n for n in ("customer_id", "answered_at", "score", "replied_at") if n not in feedback]
    if lacking:
        raise ValueError(f"feedback has no column {lacking[0]!r}; it has {', '.join(map(str, feedback))}")
    kinds = feedback["kind"].astype(str) if "kind" in feedback else pd.Series("NPS", index=feedback.index)
    score = feedback["score"].astype("Float64")
    return feedback[(score.notna() & feedback["answered_at"].notna() & (score <= kinds.map(LOW))).fillna(False)]


def work_list(
    feedback: pd.DataFrame,
    *,
    as_of: Any = None,
    values: pd.DataFrame | None = None,
    themes: pd.Series | None = None,
    hours: float = HOURS,
    days: float = 30.0,
    most: int = 20,
) -> pd.DataFrame:
    """Whom to call today, and why.

    One row a customer, for their latest low answer that nobody replied to. First come those who had complained of the
    same theme before, then those whose hours run but have not passed, then the rest; within each, the customers of
    most value first, and at equal value those who wait longest. Cases older than ``days`` are left out: a call a
    season late does harm, and they belong to a talk about why nobody replied.

    Args:
        feedback: one row a survey, with ``customer_id``, ``answered_at``, ``score``, ``replied_at``; ``kind``,
            ``comment`` and ``feedback_id`` if there are any.
        as_of: the moment at which the list is made; default: the last moment in the data. What came later is not
            known.
        values: ``customer_id`` and ``value_eur``, such as last year's margin; without it all are worth the same.
        themes: the theme of each comment, with the index of ``feedback``.
        hours: how soon a reply is due.
        days: how old a case may be.
        most: how many rows.

    Returns:
        ``rank``, ``customer_id``, ``feedback_id`` (if there is one), ``kind``, ``score``, ``waiting_hours``,
        ``value_eur`` (0 if unknown), ``theme`` (if known), ``times`` (low answers on this theme so far), ``comment``
        (if there is one) and ``why``: a sentence.

    Raises:
        ValueError: if a column is missing.
    """
    low = _low_answers(feedback)
    now = _now(feedback, as_of)
    low = low[low["answered_at"] <= now]
    low = low.assign(theme=themes.reindex(low.index) if themes is not None else None)
    named = low["theme"].notna() & (low["theme"] != "none")
    order = low.sort_values("answered_at", kind="stable")
    same = order[named.reindex(order.index)].groupby(["customer_id", "theme"], observed=True).cumcount() + 1
    low = low.assign(times=same.reindex(low.index).fillna(1).astype("int64"))
    # a reply to any later answer of the same customer is a reply
    talked = low.assign(replied_at=low["replied_at"].where(low["replied_at"] <= now))
    last_talk = talked.groupby("customer_id")["replied_at"].max()
    waiting = low[~(low["customer_id"].map(last_talk) >= low["answered_at"])]
    waiting = waiting.sort_values("answered_at", kind="stable").groupby("customer_id", as_index=False).tail(1)
    hours_waited = (now - waiting["answered_at"]).dt.total_seconds() / 3600
    waiting = waiting.assign(waiting_hours=hours_waited)[hours_waited <= 24 * days]
    known = {} if values is None else dict(zip(values["customer_id"], values["value_eur"], strict=True))
    waiting["value_eur"] = waiting["customer_id"].map(known).fillna(0.0).astype("float64")
    group = np.select([waiting["times"] > 1, waiting["waiting_hours"] <= hours], [0, 1], 2)
    waiting = waiting.assign(_group=group).sort_values(
        ["_group", "value_eur", "waiting_hours", "customer_id"], ascending=[True, False, False, True]
    )
    made = waiting.head(most).reset_index(drop=True)
    made.insert(0, "rank", np.arange(1, len(made) + 1))
    made["why"] = [_why(row, hours, values is not None) for row in made.to_dict("records")]
    if "kind" not in made:
        made["kind"] = "NPS"
    columns = ["rank", "customer_id", "feedback_id", "kind", "score", "waiting_hours", "value_eur", "theme", "times"]
    kept = [name for name in (*columns, "comment", "why") if name in made and (name != "theme" or themes is not None)]
    return pd.DataFrame(made[kept])


def _why(row: Mapping[Any, Any], hours: float, valued: bool) -> str:
    waited = row["waiting_hours"]
    since = f"{waited:.0f} hours" if waited < 72 else f"{waited / 24:.0f} days"
    parts = [f"gave {row['score']:.0f} and has waited {since} for a reply"]
    if row["times"] > 1:
        parts.append(f"the same theme for the {_ordinal(row['times'])} time ({row['theme']})")
    elif waited <= hours:
        parts.append(f"due within {hours - waited:.0f} hours")
    if valued and row["value_eur"] > 0:
        parts.append(f"worth {row['value_eur']:,.0f} EUR")
    return "; ".join(parts)


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")


# ---------------------------------------------------------------------------------------------------------------------
# Back to the mean
# ---------------------------------------------------------------------------------------------------------------------


def after_follow_up(feedback: pd.DataFrame, *, kind: str = "NPS", level: float = 0.95) -> FollowUp:
    """What the next score of detractors says about following them up.

    Somebody picked for a low score had, in part, a bad day. The next score is better, whatever was done: regression to
    the mean (Galton 1886). So the change after a reply is no effect of the reply. Compare with detractors nobody
    replied to. Here the next score is regressed on the reply, the first score and the quarter of the first answer, with
    errors summed over customers. It is a fair comparison if who got a reply was up to chance; if people reply to those
    whom they think they can win back, it is not. Both speak of detractors who answered again.

    Args:
        feedback: one row a survey, with ``customer_id``, ``answered_at``, ``score``, ``replied_at``; ``kind``.
        kind: of the surveys.
        level: of the intervals (Student's).

    Returns:
        The comparison. A reply counts if it came before the next answer.

    Raises:
        ValueError: if fewer than 5 detractors with a reply, or fewer than 5 without, answered again.

    Source: Galton (1886), Regression towards mediocrity in hereditary stature; Proserpio and Zervas (2017), Online
    reputation management, Marketing Science 36, for companies that begin to reply after a shock.
    """
    needed = ("customer_id", "answered_at", "score", "replied_at")
    lacking = [name for name in needed if name not in feedback]
    if lacking:
        raise ValueError(f"feedback has no column {lacking[0]!r}; it has {', '.join(map(str, feedback))}")
    if kind not in LOW:
        raise ValueError(f"kind must be one of {', '.join(LOW)}, not {kind!r}")
    own = feedback[feedback["kind"].astype(str) == kind] if "kind" in feedback else feedback
    answers = own[list(needed)][own["score"].notna() & own["answered_at"].notna()]
    answers = answers.astype({"score": "float64"}).sort_values(["customer_id", "answered_at"], kind="stable")
    after = answers.groupby("customer_id")[["score", "answered_at"]].shift(-1)
    pairs = answers.assign(next=after["score"], next_at=after["answered_at"])
    pairs = pairs[(pairs["score"] <= LOW[kind]) & pairs["next"].notna()]
    replied = (pairs["replied_at"] < pairs["next_at"]).to_numpy()
    if min(replied.sum(), (~replied).sum()) < 5:
        raise ValueError(
            f"{len(pairs)} low scores were followed by another of the same customer, {int(replied.sum())} of them "
            "after a reply: too few to compare"
        )
    first, later = pairs["score"].to_numpy(np.float64), pairs["next"].to_numpy(np.float64)
    who = pd.factorize(pairs["customer_id"])[0]
    rows, changes = [], {}
    for name, chosen in (("replied", replied), ("no reply", ~replied)):
        change = _mean((later - first)[chosen], who[chosen], level)
        changes[name] = change
        people = len(np.unique(who[chosen]))
        rows.append((name, people, int(chosen.sum()), first[chosen].mean(), later[chosen].mean(), *change))
    columns = ["group", "customers", "pairs", "first", "next", "change", "lower", "upper"]
    quarter = pairs["answered_at"].dt.to_period("Q").astype(str)
    dummies = pd.get_dummies(quarter, drop_first=True).to_numpy(np.float64)
    design = np.column_stack([np.ones(len(pairs)), replied.astype(np.float64), first, dummies])
    coefficient, se = _regressed(design, later, who)
    margin = float(_t(level, len(np.unique(who)) - design.shape[1])) * se
    return FollowUp(
        pd.DataFrame(rows, columns=columns),
        changes["replied"],
        Interval(coefficient, coefficient - margin, coefficient + margin),
        changes["no reply"],
        len(pairs),
        level,
    )


def _mean(values: Floats, who: npt.NDArray[np.int64], level: float) -> Interval:
    mean = float(values.mean())
    people = len(np.unique(who))
    sums = np.bincount(who, values - mean)
    se = float(np.sqrt((sums**2).sum() * people / max(people - 1, 1))) / len(values)
    margin = float(_t(level, people - 1)) * se
    return Interval(mean, mean - margin, mean + margin)


def _regressed(design: Floats, y: Floats, who: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The second coefficient of a regression, and its error with answers of one customer taken together."""
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ y
    scores = np.zeros((int(who.max()) + 1, design.shape[1]))
    np.add.at(scores, who, design * (y - design @ beta)[:, None])
    people, n, k = len(np.unique(who)), len(y), int(np.linalg.matrix_rank(design))
    small = people / max(people - 1, 1) * (n - 1) / max(n - k, 1)
    return float(beta[1]), float(np.sqrt(small * (inverse @ scores.T @ scores @ inverse)[1, 1]))


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------


def plot_survival(curves: Mapping[str, Survival], *, hours: float = HOURS, last: float = 240.0) -> figures.Figure:
    """The share still waiting, hour by hour, one curve a group.

    Args:
        curves: made by `kaplan_meier` from hours, by the name of the group.
        hours: a limit to mark.
        last: where the axis ends, hours.
    """
    fig, (ax,) = figures.new(size=(8.5, 4.2))
    told = []
    for i, (name, curve) in enumerate(curves.items()):
        table = curve.table[curve.table["time"] <= last]
        # the curve stays level until the last case was seen
        x = np.concatenate([[0.0], table["time"], [min(last, float(curve.table["time"].iloc[-1]))]])
        levels = [np.concatenate([[1.0], table[c]]) for c in ("survival", "lower", "upper")]
        columns = [100 * np.append(level, level[-1]) for level in levels]
        style = {**figures.line(i), "marker": ""}
        ax.step(x, columns[0], where="post", label=f"{name} ({curve.n:,})", **style)
        ax.fill_between(x, columns[1], columns[2], step="post", color=style["color"], alpha=0.15, linewidth=0)
        still = curve.at(min(hours, float(curve.table["time"].iloc[-1])))
        median = f"half by {curve.median.estimate:.0f} hours" if np.isfinite(curve.median.estimate) else "never half"
        told.append(f"{name}: {100 * still.estimate:.0f} % still wait after {hours:.0f} hours, {median}")
    ax.axvline(hours, color=figures.INK, linestyle=":", linewidth=1.2)
    ax.set(xlabel="hours since the answer", ylabel="still waiting, %", xlim=(0, last), ylim=(0, 102))
    figures.legend(ax, loc="upper right")
    first = next(iter(curves))
    done = 1 - curves[first].at(min(hours, float(curves[first].table["time"].iloc[-1]))).estimate
    title = f"{100 * done:.0f} % of {first} heard from somebody within {hours:.0f} hours"
    return figures.finish(fig, title=title, alt=f"Share still waiting over time, with intervals. {'; '.join(told)}.")


def plot_after_follow_up(made: FollowUp) -> figures.Figure:
    """First and next scores of detractors with and without a reply, and what is left of the effect.

    Args:
        made: made by `after_follow_up`.
    """
    fig, (left, right) = figures.new(1, 2, size=(10.0, 4.0))
    for i, row in enumerate(made.table.to_dict("records")):
        left.plot([0, 1], [row["first"], row["next"]], label=f"{row['group']} ({row['pairs']:,})", **figures.line(i))
    left.set_xticks([0, 1], ["low score", "next score"])
    left.set(ylabel="mean score", xlim=(-0.3, 1.3))
    figures.legend(left, loc="upper left")
    ways = [
        ("change after a reply", made.naive),
        ("change without one", made.expected),
        ("reply against none", made.fair),
    ]
    for i, (_, gap) in enumerate(ways):
        ends = np.array([[gap.estimate - gap.lower], [gap.upper - gap.estimate]])
        style = {**figures.line(i), "linestyle": "none", "markersize": 7}
        right.errorbar([gap.estimate], [-i], xerr=ends, capsize=4, **style)
        right.annotate(
            f"{gap.estimate:+.1f}", (gap.estimate, -i), xytext=(0, 8), textcoords="offset points", ha="center",
            fontsize=10, color=figures.INK,
        )  # fmt: skip
    right.axvline(0, color=figures.GREY, linewidth=1)
    right.set_yticks([-i for i in range(3)], [name for name, _ in ways])
    right.set(xlabel=f"points of the score, {100 * made.level:g} % interval", ylim=(-2.6, 0.7))
    title = f"After a reply scores change by {made.naive.estimate:+.1f}, without one by {made.expected.estimate:+.1f}"
    told = "; ".join(f"{name} {g.estimate:+.2f}, from {g.lower:+.2f} to {g.upper:+.2f}" for name, g in ways)
    return figures.finish(fig, title=title, alt=f"{title}. With intervals: {told}.")
