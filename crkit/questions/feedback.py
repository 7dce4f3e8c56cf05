"""The questions of the lesson on feedback: what do customers tell us, how sure are we, and do we act?"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crkit import company, feedback
from crkit.intervals import wilson
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crkit.datasets import Source

Z = 1.96
WAIT_DAYS = 14
HOURS = 48
MARGIN = 5


def _asked(source: Source, kind: str = "NPS") -> pd.DataFrame:
    table = source["feedback"]
    return table[table["kind"] == kind]


@functools.lru_cache(maxsize=8)
def _answered(source: Source, kind: str = "NPS") -> pd.DataFrame:
    table = _asked(source, kind)
    answers = table[table["score"].notna()]
    if answers.empty:
        raise ValueError(f"nobody answered a {kind} survey")
    return answers


# ---- 10.1 the score


def _points(scores: Any, *, promoter: int = 9, detractor: int = 6) -> float:
    scores = pd.Series(scores).dropna().astype(float)
    return float(100 * ((scores >= promoter).mean() - (scores <= detractor).mean()))


def _of_all_asked(source: Source) -> float:
    scores = _asked(source)["score"]
    return float(100 * ((scores >= 9).sum() - (scores <= 6).sum()) / len(scores))


def _counts(source: Source) -> tuple[int, int, int]:
    scores = _answered(source)["score"]
    return int((scores >= 9).sum()), int(scores.between(7, 8).sum()), int((scores <= 6).sum())


# ---- 10.2 its margin


def _variance(source: Source) -> float:
    promoters, passives, detractors = _counts(source)
    n = promoters + passives + detractors
    p, d = promoters / n, detractors / n
    return p + d - (p - d) ** 2


def _margin(source: Source) -> float:
    return 100 * Z * math.sqrt(_variance(source) / len(_answered(source)))


def _as_one_share(source: Source) -> float:
    scores = _answered(source)["score"]
    p = float((scores >= 9).mean())
    return 100 * Z * math.sqrt(p * (1 - p) / len(scores))


def _of_the_scores(source: Source) -> float:
    scores = _answered(source)["score"].astype(float)
    return float(Z * scores.std() / math.sqrt(len(scores)))


def _by_hand(source: Source) -> float:
    scores = _answered(source)["score"]
    worth = 100.0 * (scores >= 9).astype(float) - 100.0 * (scores <= 6).astype(float)
    return float(Z * worth.std(ddof=0) / math.sqrt(len(worth)))


def _by_customer(source: Source) -> float:
    table = feedback.scores(source["feedback"], "NPS").table
    if table["small"].any():
        raise ValueError("too few customers answered")
    return float((table["upper"] - table["lower"]).iloc[0] / 2)


# ---- 10.3 by group


@functools.lru_cache(maxsize=8)
def _groups(source: Source) -> pd.DataFrame:
    known = source["customers"][["customer_id", "acquired_through"]].astype({"acquired_through": "str"})
    return _asked(source).merge(known, on="customer_id")


@functools.lru_cache(maxsize=8)
def _by_group(source: Source) -> pd.DataFrame:
    answers = _groups(source).dropna(subset="score")
    scores = answers.groupby("acquired_through")["score"]
    points = pd.Series({name: _points(own) for name, own in scores})
    return pd.DataFrame({"nps": points, "answers": scores.size()}).rename_axis("acquired_through").reset_index()


def _asked_by_group(source: Source) -> pd.DataFrame:
    sent = _groups(source).groupby("acquired_through").size()
    return _by_group(source).assign(answers=lambda table: table["acquired_through"].map(sent))


def _mean_by_group(source: Source) -> pd.DataFrame:
    scores = _groups(source).dropna(subset="score").groupby("acquired_through")["score"]
    return _by_group(source).assign(nps=scores.mean().astype(float).to_numpy())


def _of_all_answers(source: Source) -> pd.DataFrame:
    table = _by_group(source)
    return table.assign(nps=table["nps"] * table["answers"] / table["answers"].sum())


# ---- 10.4 who answered


def _rate(source: Source, *, wait: bool = True) -> float:
    sent = _asked(source)
    if wait:
        sent = sent[sent["sent_at"] <= sent["sent_at"].max() - pd.Timedelta(days=WAIT_DAYS)]
    return float(sent["answered_at"].notna().mean())


def _rate_of_everything(source: Source) -> float:
    sent = source["feedback"]
    sent = sent[sent["sent_at"] <= sent["sent_at"].max() - pd.Timedelta(days=WAIT_DAYS)]
    return float(sent["answered_at"].notna().mean())


def _ever(source: Source) -> float:
    return float(_asked(source).groupby("customer_id")["answered_at"].count().gt(0).mean())


# ---- 10.5 weighting


def _weighted(table: pd.DataFrame, weights: str = "asked") -> float:
    """What question 10.5 asks for, and its known wrong ways."""
    answered = table.dropna(subset="score")
    points = answered.groupby("group")["score"].apply(_points)
    many = table.groupby("group").size() if weights == "asked" else answered.groupby("group").size()
    many = (many * 0 + 1 if weights == "equal" else many).reindex(points.index)
    return float((points * many).sum() / many.sum())


def _weighted_answer_by_answer(table: pd.DataFrame) -> float:
    answered = table.dropna(subset="score")
    weight = answered["group"].map(table["group"].value_counts() / answered["group"].value_counts())
    score = answered["score"].astype(float)
    return float(100 * (weight * ((score >= 9).astype(float) - (score <= 6).astype(float))).sum() / weight.sum())


@functools.lru_cache(maxsize=8)
def _weighting_cases(source: Source) -> list[tuple[Any, ...]]:
    tiny = pd.DataFrame({"group": list("aaaabbbb"), "score": [10, 9, 9, 3, 2, None, None, None]})
    known = source["customers"][["customer_id", "account", "language"]].astype(str)
    known["customer_id"] = source["customers"]["customer_id"]
    own = _asked(source).merge(known, on="customer_id")
    return [
        (tiny,),
        (pd.DataFrame({"group": own["account"] + " " + own["language"], "score": own["score"].astype("float64")}),),
    ]


# ---- 10.6 change or noise


def _upper(values: Sequence[float]) -> float:
    x = np.asarray(values, dtype=float)
    return float(x.mean() + 2.66 * np.abs(np.diff(x)).mean())


def _upper_by(
    factor: float, spread: Callable[[np.ndarray[Any, Any]], float], _: Source
) -> Callable[[Sequence[float]], float]:
    def upper(values: Sequence[float]) -> float:
        x = np.asarray(values, dtype=float)
        return float(x.mean() + factor * spread(x))

    return upper


def _mean_range(x: np.ndarray[Any, Any]) -> float:
    return float(np.abs(np.diff(x)).mean())


def _sd(x: np.ndarray[Any, Any], ddof: int = 1) -> float:
    return float(x.std(ddof=ddof))


def _series(source: Source) -> list[tuple[Any, ...]]:
    published = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    answers = _answered(source)
    months = answers["score"].astype(float).groupby(answers["answered_at"].dt.to_period("M")).mean()
    return [(published,), ([float(value) for value in months],)]


# ---- 10.7 what drives it


def _ratings(source: Source) -> pd.DataFrame:
    table = _answered(source)
    names = [f"rating_{name}" for name in company.DIMENSIONS]
    return table[[*names, "score"]].dropna().astype(float)


def _driver(source: Source) -> str:
    parts = feedback.shapley_r2(_ratings(source).corr().to_numpy())
    return company.DIMENSIONS[int(np.argmax(parts))]


def _lowest(source: Source) -> str:
    return company.DIMENSIONS[int(_ratings(source).drop(columns="score").mean().to_numpy().argmin())]


def _talked_about(source: Source) -> str:
    table = _answered(source)
    themes = company.comment_truth(table.loc[table["score"] <= 6, "comment"].dropna())["theme"].value_counts()
    if themes.empty:
        raise ValueError("no detractor wrote a comment")
    return str(themes.index[0])


def _named(which: Callable[[Source], str], prefix: str, source: Source) -> str:
    return prefix + which(source)


# ---- 10.8 two raters


def _kappa(one: Sequence[str], other: Sequence[str]) -> float:
    n = len(one)
    same = sum(a == b for a, b in zip(one, other, strict=True)) / n
    first, second = Counter(one), Counter(other)
    chance = sum(first[label] * second[label] for label in first) / n**2
    return (same - chance) / (1 - chance)


def _agreement(_: Source) -> Callable[[Sequence[str], Sequence[str]], float]:
    return lambda one, other: sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def _even_chance(_: Source) -> Callable[[Sequence[str], Sequence[str]], float]:
    def kappa(one: Sequence[str], other: Sequence[str]) -> float:
        same = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
        labels = len({*one, *other})
        return (same - 1 / labels) / (1 - 1 / labels)

    return kappa


def _not_divided(_: Source) -> Callable[[Sequence[str], Sequence[str]], float]:
    def kappa(one: Sequence[str], other: Sequence[str]) -> float:
        first, second = Counter(one), Counter(other)
        same = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
        return same - sum(first[label] * second[label] for label in first) / len(one) ** 2

    return kappa


def _by_table(_: Source) -> Callable[[Sequence[str], Sequence[str]], float]:
    def kappa(one: Sequence[str], other: Sequence[str]) -> float:
        shares = pd.crosstab(pd.Series(one), pd.Series(other), normalize=True)
        labels = shares.index.union(shares.columns)
        shares = shares.reindex(index=labels, columns=labels, fill_value=0.0)
        same = float(np.trace(shares.to_numpy()))
        chance = float(shares.sum(axis=0).to_numpy() @ shares.sum(axis=1).to_numpy())
        return (same - chance) / (1 - chance)

    return kappa


def _raters(source: Source) -> list[tuple[Any, ...]]:
    """Two made-up raters, and two who differ on the simulated comments that have two themes."""
    themes = company.comment_truth(source["feedback"]["comment"].dropna())
    first, second = themes["theme"], themes["also"].fillna(themes["theme"])
    tiny = (["price", "price", "price", "coffee", "service"], ["price", "price", "coffee", "coffee", "price"])
    return [tiny, (list(map(str, first)), list(map(str, second)))]


# ---- 10.9, 10.Q3 closing the loop


def _followed_up(
    source: Source, *, young: bool = False, since: str = "answered_at", until: str = "replied_at", whom: int = 6
) -> float:
    answers = _answered(source)
    end = answers["answered_at"].max()
    answers = answers[answers["score"] <= whom]
    if not young:
        answers = answers[answers["answered_at"] <= end - pd.Timedelta(hours=HOURS)]
    return float((answers[until] - answers[since] <= pd.Timedelta(hours=HOURS)).mean())


def _of_those_replied(source: Source) -> float:
    answers = _answered(source)
    answers = answers[(answers["score"] <= 6) & answers["replied_at"].notna()]
    return float((answers["replied_at"] - answers["answered_at"] <= pd.Timedelta(hours=HOURS)).mean())


@functools.lru_cache(maxsize=8)
def _waiting(source: Source) -> pd.DataFrame:
    """Hours to the first reply of each detractor, or to the last moment of the table if there was none."""
    table = source["feedback"]
    end = table[["sent_at", "answered_at", "replied_at"]].max().max()
    low = _answered(source)
    low = low[low["score"] <= 6]
    hours = (low["replied_at"].fillna(end) - low["answered_at"]).dt.total_seconds() / 3600
    return pd.DataFrame({"hours": hours, "replied": low["replied_at"].notna()}).sort_values("hours")


def _median_wait(source: Source) -> float:
    table = _waiting(source)
    left = np.arange(len(table), 0, -1)
    survival = np.cumprod(np.where(table["replied"], 1 - 1 / left, 1.0))
    reached = np.flatnonzero(survival <= 0.5)
    if not len(reached):
        raise ValueError("more than half of the detractors are still waiting")
    return float(table["hours"].iloc[reached[0]])


# ---- 10.Q1, 10.Q2, 10.Q4


def _needed(source: Source, variance: float | None = None, margin: float = MARGIN) -> float:
    v = _variance(source) if variance is None else variance
    return float(math.ceil(v * (100 * Z / margin) ** 2))


def _needed_as_they_come(source: Source) -> float:
    row = feedback.scores(source["feedback"], "NPS").table.iloc[0]
    if row["small"]:
        raise ValueError("too few customers answered")
    return float(feedback.answers_needed(MARGIN, row["variance"], design_effect=row["design_effect"]))


def _satisfied(source: Source, least: int = 4) -> tuple[int, int]:
    scores = _answered(source, "CSAT")["score"]
    return int((scores >= least).sum()), len(scores)


def _wald(source: Source) -> float:
    x, n = _satisfied(source)
    return x / n - Z * math.sqrt(x / n * (1 - x / n) / n)


@functools.lru_cache(maxsize=8)
def _next(source: Source) -> pd.DataFrame:
    table = _answered(source).sort_values(["customer_id", "answered_at"])[["customer_id", "score"]]
    table = table.assign(score=table["score"].astype(float))
    return table.assign(next=table.groupby("customer_id")["score"].shift(-1))


def _rebound(source: Source) -> float:
    pairs = _next(source).query("score <= 6").dropna()
    if pairs.empty:
        raise ValueError("no detractor answered again")
    return float((pairs["next"] - pairs["score"]).mean())


def _rebound_by_loop(source: Source) -> float:
    table = _answered(source).sort_values("answered_at")
    table = table[table["customer_id"].isin(table.loc[table["score"] <= 6, "customer_id"])]
    gains = []
    for _, own in table.groupby("customer_id"):
        scores = own["score"].astype(float).tolist()
        gains += [after - before for before, after in itertools.pairwise(scores) if before <= 6]
    return sum(gains) / len(gains)


QUESTIONS = (
    Question(
        name="10.1",
        title="The net promoter score",
        ask=(
            "What is the NPS of all answered NPS surveys: the share of promoters (9 and 10) minus the share of "
            "detractors (0 to 6), in points from -100 to 100? Give one decimal."
        ),
        kind="number",
        relative=0,
        absolute=0.06,
        needs=("feedback.score",),
        solve=lambda source: _points(_answered(source)["score"]),
        means="It is a difference of two shares, so a passive counts in the denominator and nowhere else.",
        hints=(
            "Keep the rows whose kind is NPS and whose score is not missing.",
            "The mean of a column of True and False is a share.",
            "Take the share of scores of 9 or more, subtract the share of scores of 6 or less, multiply by 100.",
        ),
        misconceptions=(
            Misconception(
                "mean of the scores",
                lambda source: _answered(source)["score"].mean(),
                "This is the mean score. The NPS counts promoters and detractors, and is in points.",
            ),
            Misconception(
                "promoters from 8",
                lambda source: _points(_answered(source)["score"], promoter=8),
                "This counts an 8 as a promoter. Promoters give 9 or 10; 7 and 8 are passive.",
            ),
            Misconception(
                "promoters only",
                lambda source: 100 * (_answered(source)["score"] >= 9).mean(),
                "This is the share of promoters. Subtract the detractors.",
            ),
            Misconception(
                "silence in the denominator",
                _of_all_asked,
                "This divides by all surveys sent. The NPS is a score of those who answered; who did not is section 2.",
            ),
            Misconception(
                "a share",
                lambda source: _points(_answered(source)["score"]) / 100,
                "This is a share. Points are a hundred times as many.",
            ),
        ),
        alternatives=(
            lambda source: feedback.nps(*_counts(source)).estimate,
            lambda source: round(_points(_answered(source)["score"]), 1),
        ),
        wrong=(lambda source: -_points(_answered(source)["score"]), lambda source: len(_answered(source))),
    ),
    Question(
        name="10.2",
        title="The margin",
        ask=(
            "How many points is the 95 % interval of that NPS on either side? Take p and d as the shares of promoters "
            "and detractors, p + d - (p - d) squared as the variance of one answer, and 1.96 standard errors. Take "
            "every "
            "answer as another customer's."
        ),
        kind="number",
        relative=0,
        absolute=0.02,
        needs=("feedback.score",),
        solve=_margin,
        means="It is the margin of all these answers together. A month has fewer, so its margin is wider, and that of "
        "the difference of two months is wider again, by the root of two.",
        hints=(
            "The variance of a mean is the variance of one answer divided by the number of answers.",
            "The standard error is the square root of that. Multiply by 1.96, and by 100 for points.",
        ),
        misconceptions=(
            Misconception(
                "standard error",
                lambda source: _margin(source) / Z,
                "This is one standard error. A 95 % interval reaches 1.96 of them to either side.",
            ),
            Misconception(
                "design effect",
                _by_customer,
                "This takes into account that some answers are by the same customers, which is wise, and wider. Here "
                "take every answer as another customer's.",
            ),
            Misconception(
                "the whole width",
                lambda source: 2 * _margin(source),
                "This is the width from end to end. The question asks for one side.",
            ),
            Misconception(
                "as if one share",
                _as_one_share,
                "This is the margin of the share of promoters. An NPS is a difference of two shares, and is less "
                "certain.",
            ),
            Misconception(
                "spread of the scores",
                _of_the_scores,
                "This is the margin of the mean score from 0 to 10. The NPS is another number, made of 100, 0 and "
                "-100.",
            ),
            Misconception(
                "not divided by the answers",
                lambda source: 100 * Z * math.sqrt(_variance(source)),
                "This is the spread of one answer. Divide the variance by the number of answers before the root.",
            ),
        ),
        alternatives=(_by_hand, lambda source: round(_margin(source), 2)),
        wrong=(lambda source: _margin(source) / 100, lambda source: _variance(source)),
    ),
    Question(
        name="10.3",
        title="By group",
        ask=(
            "For customers by how they were acquired: what is the NPS, and from how many answers? Give a table with "
            "the "
            "columns acquired_through, nps (in points) and answers."
        ),
        kind="table",
        keys=("acquired_through",),
        relative=0,
        absolute=0.06,
        needs=("feedback.score", "customers.acquired_through"),
        solve=_by_group,
        means="Never report a group's score without its number of answers: the smallest group moves most, by chance.",
        hints=(
            "Merge the answered NPS surveys with customers on customer_id.",
            "Group by acquired_through; named aggregation makes both columns at once.",
            "The size of each group is its number of answers.",
        ),
        misconceptions=(
            Misconception(
                "surveys sent",
                _asked_by_group,
                "Your answers count the surveys that were sent. Count those with a score.",
                column="answers",
            ),
            Misconception(
                "mean score",
                _mean_by_group,
                "Your nps is the mean score of each group. Take promoters minus detractors, in points.",
                column="nps",
            ),
            Misconception(
                "shares of all answers",
                _of_all_answers,
                "Your nps divides by the answers of all groups. Divide by the answers of the same group.",
                column="nps",
            ),
        ),
        alternatives=(
            lambda source: _by_group(source).set_index("acquired_through"),
            lambda source: _by_group(source).round(1).sample(frac=1, random_state=1),
        ),
        wrong=(
            lambda source: _by_group(source).drop(columns="answers"),
            lambda source: _by_group(source).assign(nps=lambda table: table["nps"] / 100),
            lambda _: 40.0,
        ),
    ),
    Question(
        name="10.4",
        title="Who answers",
        ask=(
            f"What share of the NPS surveys was answered? Leave out those sent in the last {WAIT_DAYS} days before the "
            "last one was sent: they may still be. Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("feedback.sent_at", "feedback.answered_at"),
        solve=_rate,
        means="The others are most of your customers, and the score says nothing about them on its own.",
        hints=(
            "sent[sent['sent_at'] <= last - pd.Timedelta(days=14)] keeps those that had their time.",
            "The mean of answered_at.notna() is the share that was answered.",
        ),
        misconceptions=(
            Misconception(
                "young surveys too",
                functools.partial(_rate, wait=False),
                "This counts surveys that were sent only just now as not answered. Leave the last days out.",
            ),
            Misconception(
                "every kind",
                _rate_of_everything,
                "This counts CSAT and CES surveys too. Keep the NPS surveys.",
            ),
            Misconception(
                "customers instead of surveys",
                _ever,
                "This is the share of customers who ever answered. Count surveys.",
            ),
        ),
        alternatives=(lambda source: round(_rate(source), 2),),
        wrong=(lambda source: 1 - _rate(source), lambda source: len(_answered(source))),
    ),
    Question(
        name="10.5",
        title="Weighting",
        ask=(
            "Write weighted(asked). The table asked has one row a survey, with group and score (missing if it was not "
            "answered). Return the NPS in points, with the NPS of each group weighted by the group's share of all "
            "surveys. Groups in which nobody answered are left out."
        ),
        kind="function",
        returns="number",
        relative=0,
        absolute=0.06,
        cases=_weighting_cases,
        needs=("feedback.score", "customers.account", "customers.language"),
        solve=lambda _: _weighted,
        means="It mends that groups answer unequally often. It cannot mend that the unhappy within a group stay "
        "silent.",
        hints=(
            "First the NPS of each group, from its answers only.",
            "Then the number of rows of each group, with and without a score.",
            "Multiply, add up, and divide by the number of rows of the groups that have an NPS.",
        ),
        misconceptions=(
            Misconception(
                "not weighted",
                lambda _: functools.partial(_weighted, weights="answered"),
                "This weighs each group by its answers, which is the plain NPS. Weigh by how many were asked.",
            ),
            Misconception(
                "groups alike",
                lambda _: functools.partial(_weighted, weights="equal"),
                "This takes the mean of the groups, so that a small group counts like a large one.",
            ),
        ),
        alternatives=(lambda _: _weighted_answer_by_answer,),
        wrong=(lambda _: lambda asked: _weighted(asked) / 100, lambda _: lambda _asked: 0.0, lambda _: 3),
    ),
    Question(
        name="10.6",
        title="Limits of an XmR chart",
        ask=(
            "Write upper_limit(values) for a list of numbers in the order of time. Return the upper limit of the XmR "
            "chart: the mean, plus 2.66 times the mean moving range (the size of the step from one value to the next)."
        ),
        kind="function",
        returns="number",
        relative=0.0005,
        cases=_series,
        needs=("feedback.score", "feedback.answered_at"),
        solve=lambda _: _upper,
        means="Moving ranges see the noise between neighbours, and hardly the change that the chart is to find.",
        hints=(
            "numpy.diff gives the steps from one value to the next.",
            "Take their sizes without the sign, then their mean.",
        ),
        misconceptions=(
            Misconception(
                "three standard deviations",
                functools.partial(_upper_by, 3.0, _sd),
                "This takes the standard deviation of all values. A change makes that wide, and so hides itself.",
            ),
            Misconception(
                "three standard deviations",
                functools.partial(_upper_by, 3.0, functools.partial(_sd, ddof=0)),
                "This takes the standard deviation of all values. A change makes that wide, and so hides itself.",
            ),
            Misconception(
                "two standard deviations",
                functools.partial(_upper_by, 2.0, _sd),
                "This takes the standard deviation of all values, and two of them: many false alarms and blind to a "
                "slow change. Use the moving ranges.",
            ),
            Misconception(
                "two standard deviations",
                functools.partial(_upper_by, 2.0, functools.partial(_sd, ddof=0)),
                "This takes the standard deviation of all values, and two of them: many false alarms and blind to a "
                "slow change. Use the moving ranges.",
            ),
            Misconception(
                "limit of the ranges",
                functools.partial(_upper_by, 3.2665, _mean_range),
                "This factor gives the limit of the moving ranges themselves, and is not added to the mean.",
            ),
            Misconception(
                "three moving ranges",
                functools.partial(_upper_by, 3.0, _mean_range),
                "A mean moving range is longer than a standard deviation, by 1.128: three of them are too many.",
            ),
        ),
        alternatives=(lambda _: lambda values: float(feedback.xmr(values).table["upper"].iloc[0]),),
        wrong=(
            lambda _: lambda values: float(np.mean(values)),
            lambda _: lambda values: 2 * float(np.mean(values)) - _upper(values),
            lambda _: 55.8,
        ),
    ),
    Question(
        name="10.7",
        title="The driver",
        ask=(
            "Which of the four ratings explains most of the NPS score, by its Shapley share of R squared, over the "
            "answers that have all four? Give delivery, coffee, service or price."
        ),
        kind="choice",
        choices=(*company.DIMENSIONS, *(f"rating_{name}" for name in company.DIMENSIONS)),
        also=lambda source: [f"rating_{_driver(source)}"],
        needs=("feedback.score", *(f"feedback.rating_{name}" for name in company.DIMENSIONS)),
        solve=_driver,
        means="It goes with the score most. Whether mending it raises the score, only mending it for some can tell.",
        hints=(
            "feedback.drivers does it for all ratings at once.",
            "Sort its table by importance, and read the first row.",
        ),
        misconceptions=tuple(
            Misconception(name, functools.partial(_named, wrong, prefix), says)
            for prefix in ("", "rating_")
            for name, wrong, says in (
                (
                    "lowest rating",
                    _lowest,
                    "This has the lowest mean rating. What is rated low need not matter much to the score.",
                ),
                (
                    "most talked about",
                    _talked_about,
                    "This is what detractors write about most. What people talk about is not always what moves their "
                    "score.",
                ),
            )
        ),
        alternatives=(
            lambda source: f" {_driver(source).upper()} ",
            lambda source: feedback.drivers(source["feedback"]).table.loc[0, "driver"],
        ),
        wrong=(
            lambda source: next(name for name in company.DIMENSIONS if name != _driver(source)),
            lambda _: "quality",
            lambda source: company.DIMENSIONS.index(_driver(source)),
        ),
    ),
    Question(
        name="10.8",
        title="Two raters",
        ask=(
            "Write kappa(one, other) for two lists of labels of the same comments. Return Cohen's kappa: the agreement "
            "beyond chance, divided by what is possible beyond chance. Chance is how often two raters with these "
            "shares "
            "of labels would agree if neither read a word."
        ),
        kind="function",
        returns="number",
        relative=0.0005,
        absolute=0.0005,
        cases=_raters,
        needs=("feedback.comment",),
        solve=lambda _: _kappa,
        means="If two people agree only so far, do not expect much more of a method.",
        hints=(
            "Observed agreement is the share of comments to which both gave the same label.",
            "Chance agreement: for each label, the share of one rater times the share of the other; add these up.",
            "Kappa is observed minus chance, divided by one minus chance.",
        ),
        misconceptions=(
            Misconception(
                "plain agreement",
                _agreement,
                "This is the observed agreement. Two raters who both say the same word all day agree too: take out "
                "chance.",
            ),
            Misconception(
                "every label alike",
                _even_chance,
                "This takes every label as equally likely. Raters who favour one label agree by chance more often.",
            ),
            Misconception(
                "not divided",
                _not_divided,
                "This is agreement beyond chance. Divide it by how much agreement beyond chance is possible.",
            ),
        ),
        alternatives=(_by_table,),
        wrong=(
            lambda _: lambda one, other: 1.0,  # noqa: ARG005  # a function that does not look
            lambda _: lambda one, other: 1 - _kappa(one, other),
            lambda _: 0.5,
        ),
    ),
    Question(
        name="10.9",
        title="Followed up in time",
        ask=(
            f"What share of the detractors (NPS, 0 to 6) got a first reply within {HOURS} hours of their answer? "
            "Leave out "
            f"who answered less than {HOURS} hours before the last NPS answer of the table. Give a share between 0 "
            "and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("feedback.answered_at", "feedback.replied_at"),
        solve=_followed_up,
        means="Two days is a convention among practitioners. What matters is that you set a time and keep it.",
        hints=(
            "Subtract answered_at from replied_at; a missing reply gives a missing difference.",
            "A comparison with a missing value is False, and so it should be: no reply is no reply in time.",
        ),
        misconceptions=(
            Misconception(
                "of those who got a reply",
                _of_those_replied,
                "This leaves out those who never got a reply. They are the worst cases, and they count.",
            ),
            Misconception(
                "since the survey was sent",
                functools.partial(_followed_up, since="sent_at"),
                "This counts from sent_at. Nobody can reply before there is an answer.",
            ),
            Misconception(
                "everybody",
                functools.partial(_followed_up, whom=10),
                "This counts all answers. Keep the scores from 0 to 6.",
            ),
            Misconception(
                "closed",
                functools.partial(_followed_up, until="closed_at"),
                "This asks whether the matter was closed in time. The question is the first reply.",
            ),
        ),
        alternatives=(lambda source: round(_followed_up(source), 2),),
        wrong=(lambda source: 1 - _followed_up(source), lambda _: 48),
    ),
    Question(
        name="10.Q1",
        title="How many answers",
        ask=(
            f"How many answers does an NPS with a margin of {MARGIN} points to either side (95 %) take, if the shares "
            "of "
            "promoters and detractors are as in your answers? Take every answer as another customer's."
        ),
        kind="number",
        relative=0.003,
        absolute=1.0,
        needs=("feedback.score",),
        solve=_needed,
        means="Half the margin takes four times the answers. Ask first what you would do differently.",
        hints=(
            "Turn the formula of the margin round: the number of answers is variance times (1.96 / margin) squared.",
            "The variance of section 1 is in shares, so the margin must be, too.",
        ),
        misconceptions=(
            Misconception(
                "the worst case",
                functools.partial(_needed, variance=1.0),
                "This takes the largest variance there is, half promoters and half detractors. Yours is smaller.",
            ),
            Misconception(
                "one share at 1/2",
                functools.partial(_needed, variance=0.25),
                "This is enough for one share of one half. An NPS is a difference of two shares.",
            ),
            Misconception(
                "design effect",
                _needed_as_they_come,
                "This takes into account that some answers are by the same customers, which is wise, and takes more. "
                "Here take every answer as another customer's.",
            ),
            Misconception(
                "margin as the whole width",
                functools.partial(_needed, margin=MARGIN / 2),
                "This takes the margin as the whole width of the interval. It is one side.",
            ),
            Misconception(
                "as if one share",
                lambda source: _needed(
                    source,
                    variance=_counts(source)[0]
                    / sum(_counts(source))
                    * (1 - _counts(source)[0] / sum(_counts(source))),
                ),
                "This is enough for the share of promoters. An NPS is a difference of two shares.",
            ),
        ),
        alternatives=(
            lambda source: feedback.answers_needed(MARGIN, 10_000 * _variance(source)),
            lambda source: _variance(source) * (100 * Z / MARGIN) ** 2,
        ),
        wrong=(lambda source: len(_answered(source)), lambda source: _needed(source) / 100),
    ),
    Question(
        name="10.Q2",
        title="Satisfied, at least",
        ask=(
            "What share of the CSAT answers is satisfied (4 or 5)? Give the lower end of its 95 % interval (Wilson), "
            "between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.001,
        needs=("feedback.score",),
        solve=lambda source: float(wilson(*_satisfied(source))[0]),
        means="CSAT is asked after a contact with service only: it is no score of the company.",
        hints=(
            "Keep the rows of kind CSAT with a score.",
            "intervals.wilson(successes, trials) gives both ends.",
        ),
        misconceptions=(
            Misconception(
                "the share itself",
                lambda source: _satisfied(source)[0] / _satisfied(source)[1],
                "This is the share. The question asks for the lower end of its interval.",
            ),
            Misconception(
                "the textbook interval",
                _wald,
                "This is the share minus 1.96 standard errors, which is off when answers are few. Take Wilson's.",
            ),
            Misconception(
                "the upper end",
                lambda source: float(wilson(*_satisfied(source))[1]),
                "This is the upper end. The question asks for the lower one.",
            ),
            Misconception(
                "3 counts as satisfied",
                lambda source: float(wilson(*_satisfied(source, least=3))[0]),
                "This counts a 3 as satisfied. Satisfied is 4 or 5.",
            ),
        ),
        alternatives=(lambda source: feedback.csat(*_satisfied(source)).lower,),
        wrong=(lambda source: 1 - float(wilson(*_satisfied(source))[0]), lambda source: _satisfied(source)[0]),
    ),
    Question(
        name="10.Q3",
        title="The usual wait",
        ask=(
            "After how many hours has half of the detractors (NPS, 0 to 6) got a first reply? Use Kaplan and Meier: "
            "who has none yet is followed to the last moment of the table (sent, answered or replied), not dropped. "
            "Give hours as a number: of a time difference, .total_seconds() / 3600."
        ),
        kind="number",
        relative=0.01,
        absolute=0.1,
        needs=("feedback.answered_at", "feedback.replied_at"),
        solve=_median_wait,
        means="A median of the replied ones only is always too good: it leaves out who is still waiting.",
        hints=(
            "For each detractor: the hours to the reply, or to the end of the table, and whether there was a reply.",
            "Sort by hours. At each reply, the share still waiting falls by one over those still followed.",
            "The median is the first time at which that share is one half or less.",
        ),
        misconceptions=(
            Misconception(
                "replied ones only",
                lambda source: _waiting(source).query("replied")["hours"].median(),
                "This leaves out those without a reply. They wait at least until the end of the table.",
            ),
            Misconception(
                "mean",
                lambda source: _waiting(source).query("replied")["hours"].mean(),
                "This is a mean of those who got a reply. It leaves out who is still waiting, and a few long waits "
                "carry it.",
            ),
        ),
        alternatives=(lambda source: round(_median_wait(source), 1),),
        wrong=(lambda source: _median_wait(source) / 24, lambda source: _waiting(source)["replied"].sum()),
    ),
    Question(
        name="10.Q4",
        title="By itself",
        ask=(
            "Of the customers who gave 6 or less in an NPS survey and answered a later one: by how many points, on the "
            "scale from 0 to 10, does the next answer differ from that one? Give the mean over all such answers; "
            "positive "
            "is higher. Give two decimals."
        ),
        kind="number",
        relative=0,
        absolute=0.006,
        needs=("feedback.score", "feedback.answered_at"),
        solve=_rebound,
        means=(
            "Whatever was done about it had no effect: the simulator plants none of a reply. Low scores are low by "
            "chance in part, and chance does not strike twice."
        ),
        hints=(
            "Sort the answered NPS surveys by customer_id and answered_at.",
            "groupby('customer_id')['score'].shift(-1) gives each customer's next score.",
        ),
        misconceptions=(
            Misconception(
                "everybody",
                lambda source: (_next(source)["next"] - _next(source)["score"]).mean(),
                "This is the change of all who answered again. Keep the answers of 6 or less.",
            ),
            Misconception(
                "the other way round",
                lambda source: -_rebound(source),
                "This is the earlier score minus the next one.",
            ),
            Misconception(
                "not the same customers",
                lambda source: (
                    _next(source).query("score <= 6")["next"].mean() - _next(source).query("score <= 6")["score"].mean()
                ),
                "This compares with all low scores, also of those who never answered again. Keep the pairs.",
            ),
        ),
        alternatives=(_rebound_by_loop, lambda source: round(_rebound(source), 2)),
        wrong=(lambda source: 10 * _rebound(source), lambda _: 0),
    ),
)
