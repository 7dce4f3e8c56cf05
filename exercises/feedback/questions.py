"""The assignment on feedback: what do customers say, who is not heard, and does the company answer?"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit import feedback as fb
from crkit.assignments import Assignment, Plant, coinciding, source_of
from crkit.company import DIMENSIONS, MODEL, Company, comment_truth
from crkit.datasets import Source
from crkit.questions.core import Criterion, Misconception, Question

KINDS = ("NPS", "CSAT", "CES")
SETTLED = "2025-12-18"  # what was sent before it has had 14 days
CALLS, LABELS = 150, 120
DAYS = 7
FIRST, LAST, BASELINE = "2024-07", "2025-11", 8
WATCHED = tuple(f"2025-{month:02d}" for month in range(3, 12))
NONE = "no month"
STEP = "The method is right and one step of it is not: half of the points."


# ---- what is planted in the tables


def _feedback(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """The surveys of a company that, in half of the cases, answers most of them no longer from some month on."""
    table = company.tables["feedback"]
    month, silenced = rng.integers(4, 10), rng.uniform(0.75, 0.9)
    dropped = rng.random(len(table)) < silenced
    if rng.random() < 0.5:
        return table
    dropped &= table["answered_at"] >= pd.Timestamp(2025, int(month), 1)
    return table.assign(**{name: table[name].mask(dropped) for name in ("replied_at", "closed_at")})


def _calls(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """What a random sample of those who did not answer an NPS survey said when they were rung up."""
    table, truth = company.tables["feedback"], company.survey_truth
    assert truth is not None
    silent = (table["kind"] == "NPS") & table["answered_at"].isna() & (table["sent_at"] < SETTLED)
    drawn = rng.choice(table.loc[silent, "feedback_id"], size=min(CALLS, int(silent.sum())), replace=False)
    return truth.loc[truth["feedback_id"].isin(drawn), ["feedback_id", "score"]].reset_index(drop=True)


def _labels(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """The themes that two people agreed on for a random sample of comments."""
    written = company.tables["feedback"].dropna(subset="comment")
    rows = np.sort(rng.choice(len(written), size=min(LABELS, len(written)), replace=False))
    written = written.iloc[rows]
    theme = comment_truth(written["comment"])["theme"].astype("str")
    return pd.DataFrame({"feedback_id": written["feedback_id"], "theme": theme}).reset_index(drop=True)


# ---- the surveys as the questions see them


@functools.lru_cache(maxsize=16)
def _surveys(source: Source) -> pd.DataFrame:
    """All surveys, with what is known of the customer."""
    known = source["customers"][["customer_id", "account"]]
    surveys = source["feedback"].merge(known, on="customer_id").sort_values("feedback_id", ignore_index=True)
    return surveys.assign(
        kind=surveys["kind"].astype("str"),
        account=surveys["account"].astype("str"),
        score=surveys["score"].astype("float64"),
        answered=surveys["answered_at"].notna(),
    )


@functools.lru_cache(maxsize=16)
def _answers(source: Source) -> pd.DataFrame:
    """The answered NPS surveys."""
    surveys = _surveys(source)
    return surveys[(surveys["kind"] == "NPS") & surveys["answered"]]


def _points(scores: pd.Series) -> float:
    return float(100 * ((scores >= 9).mean() - (scores <= 6).mean()))


# ---- 1 the score of the firms


def _firms(source: Source, *, homes_too: bool = False, both_years: bool = False) -> pd.Series:
    answers = _answers(source)
    keep = (homes_too | (answers["account"] == "business")) & (both_years | (answers["answered_at"] >= "2025-01-01"))
    return answers.loc[keep, "score"]


# ---- 2 who answers


def _rates(source: Source, *, young: bool = False) -> pd.DataFrame:
    surveys = _surveys(source)
    if not young:
        surveys = surveys[surveys["sent_at"] < SETTLED]
    each = surveys.groupby("kind")["answered"]
    return pd.DataFrame({"sent": each.size(), "rate": each.mean()}).reset_index()


def _rates_of_customers(source: Source) -> pd.DataFrame:
    surveys = _surveys(source).query("sent_at < @SETTLED")
    ever = surveys.groupby(["kind", "customer_id"])["answered"].any().groupby("kind")
    return pd.DataFrame({"sent": ever.size(), "rate": ever.mean()}).reset_index()


def _shares_of_answers(source: Source) -> pd.DataFrame:
    table = _rates(source)
    answered = table["sent"] * table["rate"]
    return table.assign(rate=answered / answered.sum())


# ---- 3 points outside the limits


def _outside(
    events: Sequence[float],
    n: Sequence[float],
    baseline: int,
    *,
    mean_of_shares: bool = False,
    all_set: bool = False,
    all_count: bool = False,
    sigmas: float = 3.0,
    one_n: bool = False,
) -> int:
    """What question 3 asks for, and its known wrong ways."""
    x, of = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    first = len(x) if all_set else baseline
    p = (x / of)[:first].mean() if mean_of_shares else x[:first].sum() / of[:first].sum()
    error = np.sqrt(p * (1 - p) / (of.mean() if one_n else of))
    out = np.abs(x / of - p) > sigmas * error
    return int(out.sum() if all_count else out[baseline:].sum())


def _way(**way: Any) -> Callable[[Source], Callable[..., int]]:
    return lambda _: lambda events, n, baseline: _outside(events, n, baseline, **way)


def _outside_by_the_kit(_: Source) -> Callable[..., float]:
    def outside(events: Sequence[float], n: Sequence[float], baseline: int) -> float:
        table = fb.p_chart(events, n, baseline=baseline).table
        return float(table["rule_1"].iloc[baseline:].sum())

    return outside


def _outside_by_loop(_: Source) -> Callable[..., int]:
    def outside(events: Sequence[float], n: Sequence[float], baseline: int) -> int:
        p, count = sum(events[:baseline]) / sum(n[:baseline]), 0
        for happened, of in zip(events[baseline:], n[baseline:], strict=True):
            reach = 3 * math.sqrt(p * (1 - p) / of)
            count += not p - reach <= happened / of <= p + reach
        return count

    return outside


def _cases(source: Source) -> list[tuple[Any, ...]]:
    series = _series(source)
    return [
        (
            [23, 4, 10, 190, 11, 58, 32, 40, 116, 1, 93],
            [60, 40, 80, 400, 50, 200, 50, 200, 400, 25, 400],
            5,
        ),
        (
            [9, 22, 12, 29, 10, 14, 7, 16, 114, 42, 18],
            [50, 60, 50, 400, 25, 60, 200, 50, 400, 100, 80],
            5,
        ),
        ([int(value) for value in series["events"]], [int(value) for value in series["n"]], BASELINE),
    ]


# ---- 4, 5 and 10 what they write about


@functools.lru_cache(maxsize=16)
def _themes(source: Source) -> pd.DataFrame:
    """Each comment with the theme that the lists of words find."""
    written = _surveys(source).dropna(subset="comment")
    return written.assign(found=fb.keyword_themes(written["comment"])["theme"].astype("str"))


def _written(source: Source, *, everybody: bool = False, unhappy_only: bool = True) -> pd.Series:
    themes = _themes(source)
    if not everybody:
        themes = themes[themes["kind"] == "NPS"]
    if unhappy_only:
        themes = themes[themes["score"] <= 6]
    return themes.loc[themes["found"] != "none", "found"].value_counts().reindex(DIMENSIONS, fill_value=0)


def _talk(source: Source) -> str:
    return str(_written(source).idxmax())


def _lowest(source: Source) -> str:
    ratings = _answers(source)[[f"rating_{name}" for name in DIMENSIONS]].astype("float64").mean()
    return str(ratings.idxmin()).removeprefix("rating_")


# ---- 5 how well the lists of words do


def _labelled(source: Source) -> pd.DataFrame:
    found = _themes(source)[["feedback_id", "found"]]
    return source["labels"].astype({"theme": "str"}).merge(found, on="feedback_id")


def _quality(source: Source, *, dropped: bool = False) -> pd.DataFrame:
    labelled = _labelled(source)
    if dropped:
        labelled = labelled[labelled["found"] != "none"]
    hits = labelled.loc[labelled["found"] == labelled["theme"], "theme"].value_counts().reindex(DIMENSIONS)
    table = pd.DataFrame(
        {
            "precision": hits / labelled["found"].value_counts().reindex(DIMENSIONS),
            "recall": hits / labelled["theme"].value_counts().reindex(DIMENSIONS),
        }
    )
    return table.rename_axis("theme").reset_index()


def _of_all_labels(source: Source) -> pd.DataFrame:
    labelled = _labelled(source)
    share = (labelled["found"] == labelled["theme"]).groupby(labelled["theme"]).sum() / len(labelled)
    return _quality(source).assign(
        precision=lambda table: table["theme"].map(share), recall=lambda table: table["precision"]
    )


def _quality_of_the_kit(source: Source) -> pd.DataFrame:
    labelled = _labelled(source)
    return fb.quality(labelled["found"], labelled["theme"])[["theme", "precision", "recall"]]


# ---- 6 firms and homes


@functools.lru_cache(maxsize=16)
def _compared(source: Source) -> tuple[pd.Series, pd.DataFrame]:
    """Homes less firms, and the scores of both."""
    made = fb.scores(source["feedback"], "NPS", by="account", customers=source["customers"])
    row = fb.compare(made, to="business").iloc[0]
    assert row["a"] == "private"
    return row, made.table.set_index("account")


def _ends_subtracted(source: Source) -> float:
    both = _compared(source)[1]
    return float(both.loc["private", "lower"] - both.loc["business", "upper"])


def _homes_less_firms(source: Source) -> float:
    """By sums over customers, with the t-quantile of Welch's degrees of freedom."""
    from scipy.stats import t

    answers = _answers(source)
    worth = 100.0 * (answers["score"] >= 9) - 100.0 * (answers["score"] <= 6)
    points, variances, freedoms = [], [], []
    for account in ("private", "business"):
        own = answers["account"] == account
        mean = float(worth[own].mean())
        sums = (worth[own] - mean).groupby(answers.loc[own, "customer_id"]).sum()
        variance = len(sums) / (len(sums) - 1) * float((sums**2).sum()) / int(own.sum()) ** 2
        points.append(mean)
        variances.append(variance)
        freedoms.append(len(sums) - 1)
    both = sum(variances)
    freedom = both**2 / sum(one**2 / of for one, of in zip(variances, freedoms, strict=True))
    return points[0] - points[1] - float(t.ppf(0.975, freedom)) * math.sqrt(both)


# ---- 7 and 11 those who did not answer


def _counted(scores: pd.Series) -> tuple[int, int, int]:
    return int((scores >= 9).sum()), int(scores.between(7, 8).sum()), int((scores <= 6).sum())


def _silent(source: Source) -> fb.Score:
    return fb.nps(*_counted(source["calls"]["score"]))


def _silent_upper_by_hand(source: Source) -> float:
    """The adjusted interval: 3/4 promoter, 3/4 detractor and 3/2 passives more."""
    promoters, passives, detractors = _counted(source["calls"]["score"])
    n = promoters + passives + detractors + 3
    p, d = (promoters + 0.75) / n, (detractors + 0.75) / n
    return 100 * (p - d + 1.959964 * math.sqrt((p + d - (p - d) ** 2) / n))


def _together(source: Source) -> pd.Series:
    return pd.concat([_settled(source)["score"].dropna(), source["calls"]["score"].astype("float64")])


@functools.lru_cache(maxsize=16)
def _settled(source: Source) -> pd.DataFrame:
    """The NPS surveys that had 14 days to be answered."""
    surveys = _surveys(source)
    return surveys[(surveys["kind"] == "NPS") & (surveys["sent_at"] < SETTLED)]


def _reported(source: Source) -> float:
    return _points(_settled(source)["score"].dropna())


def _too_high(source: Source, weight: str = "silent") -> float:
    rate = float(_settled(source)["answered"].mean())
    factor = {"silent": 1 - rate, "answered": rate, "all": 1.0, "half": 0.5}[weight]
    return factor * (_reported(source) - _silent(source).estimate)


def _too_high_by_survey(source: Source) -> float:
    """Each call stands for as many silent surveys as there are for one call."""
    settled, calls = _settled(source), source["calls"]["score"].astype("float64")
    worth = [100.0 * (scores >= 9) - 100.0 * (scores <= 6) for scores in (settled["score"].dropna(), calls)]
    silent = int((~settled["answered"]).sum())
    everybody = (worth[0].sum() + silent / len(calls) * worth[1].sum()) / len(settled)
    return _reported(source) - float(everybody)


def _deviations(source: Source) -> float:
    """By how many standard errors the report is too high; chance is in the calls alone."""
    silent = float((~_settled(source)["answered"]).mean())
    return abs(_too_high(source)) / (silent * _silent(source).se)


# ---- 8 has anything changed


@functools.lru_cache(maxsize=16)
def _series(source: Source) -> pd.DataFrame:
    """By month of the answer: how many, and to how many somebody replied within 7 days."""
    surveys = _surveys(source)
    answers = surveys[surveys["answered"]]
    month = answers["answered_at"].dt.strftime("%Y-%m").rename("month")
    in_time = (answers["replied_at"] - answers["answered_at"] <= pd.Timedelta(days=DAYS)).groupby(month)
    table = pd.DataFrame({"events": in_time.sum(), "n": in_time.size()}).loc[FIRST:LAST]
    return table.assign(share=table["events"] / table["n"])


def _z(source: Source) -> pd.Series:
    """How far each month lies from the centre, in standard errors."""
    series = _series(source)
    sums = series[["events", "n"]].iloc[:BASELINE].sum()
    p = sums["events"] / sums["n"]
    return (series["share"] - p) / np.sqrt(p * (1 - p) / series["n"])


def _first_signal(source: Source) -> str:
    outside = _z(source).loc[list(WATCHED)].abs() > 3
    return str(outside.idxmax()) if outside.any() else NONE


def _first_by_the_kit(source: Source) -> str:
    series = _series(source)
    table = fb.p_chart(series["events"], series["n"], series.index, baseline=BASELINE).table
    out = table.loc[table["rule_1"] & table["label"].isin(WATCHED), "label"]
    return str(out.iloc[0]) if len(out) else NONE


# ---- 9 how many wait still


@functools.lru_cache(maxsize=16)
def _times(source: Source) -> pd.DataFrame:
    return fb.reply_times(source["feedback"], kind="NPS")


def _waiting(source: Source, *, replied_only: bool = False, everybody: bool = False) -> float:
    times = _times(source)
    times = times if everybody else times[times["low"]]
    times = times[times["replied"]] if replied_only else times
    return float(fb.kaplan_meier(times["reply_hours"], times["replied"]).at(24 * DAYS).estimate)


def _waiting_by_hand(source: Source) -> float:
    low = _answers(source).query("score <= 6")
    end = source["feedback"][["sent_at", "answered_at", "replied_at", "closed_at"]].max().max()
    hours = (low["replied_at"].fillna(end) - low["answered_at"]).dt.total_seconds() / 3600
    replied, waiting = low["replied_at"].notna(), 1.0
    for hour in np.sort(hours[replied & (hours <= 24 * DAYS)].unique()):
        waiting *= 1 - float((replied & (hours == hour)).sum()) / float((hours >= hour).sum())
    return waiting


# ---- 10 what the score goes with


@functools.lru_cache(maxsize=16)
def _drivers(source: Source) -> pd.DataFrame:
    """The ratings by what they explain of the score."""
    ratings = [f"rating_{name}" for name in DIMENSIONS]
    table = _answers(source)[[*ratings, "score"]].dropna().astype("float64")
    correlations = table.corr().to_numpy()
    parts = fb.shapley_r2(correlations)
    return pd.DataFrame(
        {"r2_part": parts, "importance": parts / parts.sum(), "correlation": correlations[-1, :-1]}, index=DIMENSIONS
    )


def _of_the_driver(source: Source, column: str = "importance") -> float:
    table = _drivers(source)
    return float(table.loc[table["importance"].idxmax(), column])


RUBRIC_DRIVER = (
    Criterion(
        "the claim tells what is said from what goes with the score",
        (
            (
                2,
                "The claim names the driver with its share, beside the theme that the unhappy write about most, and "
                "does not call the driver a cause.",
                "The score goes most with delivery: 52 % (48 to 57) of what the four ratings explain. The unhappy "
                "write most about prices, whose rating has 15 %. That is no proof yet that better delivery raises the "
                "score.",
            ),
            (
                1,
                "The claim names the driver with its share, but leaves out what is written about, or calls it a cause.",
                "Delivery drives 52 % of the score, so better delivery will raise it.",
            ),
            (0, "The claim goes by what is written about, or does without the number.", "Everybody says: too dear."),
        ),
    ),
    Criterion(
        "the action is a test",
        (
            (
                2,
                "Who changes what for whom by when, for some drawn by lot, and what is compared.",
                "From March the head of logistics sends the parcels of every second customer, drawn by lot, by the "
                "quicker courier; in September we compare the scores of both halves.",
            ),
            (
                1,
                "An action that fits the claim, with an owner or a date, but nobody learns whether it helped.",
                "The head of logistics takes the quicker courier from March on.",
            ),
            (0, "No action, or one against the claim.", "Improve everything."),
        ),
    ),
)

RUBRIC_SILENT = (
    Criterion(
        "the claim says what the report leaves out, and how sure that is",
        (
            (
                2,
                "The claim gives the number and says whether it is more than chance, by a standard error or an "
                "interval of the calls.",
                "The report is 37 points too high, with a standard error of 5, which is far more than chance: those "
                "who do not answer are less happy.",
            ),
            (
                1,
                "The direction agrees with the number, but chance is not spoken of.",
                "The report is 37 points too high, since the unhappy do not answer.",
            ),
            (
                0,
                "The claim contradicts the number, or calls a difference that chance explains a fault.",
                "An NPS of 43 is excellent.",
            ),
        ),
    ),
    Criterion(
        "the action fits the claim",
        (
            (
                2,
                "What is reported from now on, who rings up how many of the silent and how often, or why that is not "
                "needed, and when it is looked at again.",
                "The help desk rings 150 of the silent, drawn by lot, every half-year; from March on the board gets "
                "the score of everybody asked, with the rate of answers beside it.",
            ),
            (1, "A step that fits, without an owner or a date.", "Report the rate of answers beside the score."),
            (0, "No action, or more answers of the same kind.", "Send the survey to more customers."),
        ),
    ),
)


def _slip(name: str, solve: Callable[[Source], Any], says: str, credit: float = 0.0) -> Misconception:
    return Misconception(name, solve, says, credit=credit)


QUESTIONS = (
    Question(
        name="1",
        title="What the firms say",
        ask=(
            "What is the NPS of the firms (account business) in 2025, by the day of the answer: the share of promoters "
            "(9 and 10) less the share of detractors (0 to 6) among the answered NPS surveys, in points from -100 to "
            "100? One decimal is enough."
        ),
        kind="number",
        solve=lambda source: _points(_firms(source)),
        relative=0,
        absolute=0.06,
        needs=("feedback", "customers"),
        level="apply",
        basis="feedback of kind NPS with an answer (answered_at) in 2025, of customers with account business: the "
        "share of scores of 9 and 10 less that of 0 to 6, times 100.",
        hints=(
            "Merge account into feedback by customer_id.",
            "The mean of a column of true and false is a share.",
        ),
        misconceptions=(
            _slip(
                "homes too",
                lambda source: _points(_firms(source, homes_too=True)),
                "This is the score of all customers. The question is about firms.",
            ),
            _slip(
                "both years",
                lambda source: _points(_firms(source, both_years=True)),
                "Answers of 2024 are in it. The question asks for 2025. " + STEP,
                0.5,
            ),
            _slip(
                "promoters only",
                lambda source: float(100 * (_firms(source) >= 9).mean()),
                "This is the share of promoters. Take off the detractors.",
            ),
            _slip(
                "the mean score",
                lambda source: float(_firms(source).mean()),
                "This is the mean score from 0 to 10. The NPS counts promoters and detractors, in points.",
            ),
        ),
        alternatives=(
            lambda source: fb.nps(*_counted(_firms(source))).estimate,
            lambda source: round(_points(_firms(source)), 1),
        ),
        wrong=(lambda source: _points(_firms(source)) + 100, lambda source: -_points(_firms(source)) - 1),
    ),
    Question(
        name="2",
        title="Who answers",
        ask=(
            "For each kind of survey (NPS, CSAT, CES): how many were sent before 18 December 2025, so that they had 14 "
            "days, and what share of these was answered? Give a table with the columns kind, sent and rate; a share "
            "between 0 and 1, two decimals are enough."
        ),
        kind="table",
        solve=_rates,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("kind",),
        needs=("feedback",),
        level="apply",
        basis="feedback with sent_at before 2025-12-18, by kind: the rows, and the share of them with an answered_at.",
        hints=(
            "feedback['sent_at'] < '2025-12-18' keeps the surveys that had their time.",
            "answered_at is empty where nobody answered; notna() tells.",
        ),
        misconceptions=(
            _slip(
                "young surveys too",
                lambda source: _rates(source, young=True),
                "Surveys of the last 14 days are in it, and may still be answered. " + STEP,
                0.5,
            ),
            _slip(
                "customers, not surveys",
                _rates_of_customers,
                "These are customers, and whether they ever answered. Count surveys.",
            ),
            _slip(
                "shares of the answers",
                _shares_of_answers,
                "rate says here which part of all answers is of that kind. Divide by the surveys that were sent.",
            ),
        ),
        alternatives=(
            lambda source: _rates(source).round(2),
            lambda source: _rates(source).iloc[::-1].set_index("kind"),
        ),
        wrong=(
            lambda source: _rates(source).assign(rate=lambda table: 1 - table["rate"]),
            lambda source: _rates(source).iloc[:2],
        ),
    ),
    Question(
        name="3",
        title="Points outside the limits",
        ask=(
            "Write answer_3(events, n, baseline) for a p-chart. events and n are lists with one count a month: events "
            "of n. The first baseline months set the centre: their events by their n, each added up. The limits of a "
            "month are 3 standard errors to either side, with the month's own n. Return how many of the months after "
            "the baseline lie outside their limits."
        ),
        kind="function",
        returns="number",
        solve=_way(),
        cases=_cases,
        points=3,
        relative=0,
        absolute=0.25,
        needs=("feedback",),
        level="apply",
        basis="the lists that the function is given: p from the sums of the first months, and for each later month p "
        "less and plus 3 times the root of p (1 - p) / n.",
        hints=(
            "p is sum(events[:baseline]) / sum(n[:baseline]).",
            "The standard error of a month's share is the root of p * (1 - p) / n, with the n of that month.",
        ),
        misconceptions=(
            _slip(
                "mean of the shares",
                _way(mean_of_shares=True),
                "The centre is the mean of the months' shares here, so that a month of few answers counts like one of "
                "many. Add up first. " + STEP,
                0.5,
            ),
            _slip(
                "all months set the limits",
                _way(all_set=True),
                "All months set the centre here, and a change in the later ones hides itself. " + STEP,
                0.5,
            ),
            _slip(
                "the baseline counted too",
                _way(all_count=True),
                "Months of the baseline were counted, too. The question asks for those after it. " + STEP,
                0.5,
            ),
            _slip(
                "two standard errors",
                _way(sigmas=2.0),
                "The limits are two standard errors wide here, so that chance gives many more signals. " + STEP,
                0.5,
            ),
            _slip(
                "one n for all",
                _way(one_n=True),
                "All months have the same limits here. A month of few answers needs wider ones. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_outside_by_the_kit, _outside_by_loop),
        wrong=(
            lambda _: lambda events, n, baseline: len(events) - baseline - _outside(events, n, baseline),
            lambda _: lambda events, n, baseline: _outside(events, n, baseline) + 1,
        ),
    ),
    Question(
        name="4",
        title="What the unhappy write about",
        ask=(
            "Find the theme of each comment with keyword_themes, as it is. About which theme are most comments of "
            "detractors (NPS, 0 to 6)? Comments without a theme do not count."
        ),
        kind="choice",
        choices=DIMENSIONS,
        solve=_talk,
        needs=("feedback",),
        level="apply",
        basis="keyword_themes of the comments in feedback of kind NPS with a score of 6 or less: the theme that comes "
        "most often.",
        hints=(
            "keyword_themes takes a column of comments without gaps: dropna first.",
            "value_counts counts the themes.",
        ),
        misconceptions=(
            _slip(
                "all who wrote",
                lambda source: str(_written(source, everybody=True, unhappy_only=False).idxmax()),
                "This is what all comments are about most. The question asks for those of detractors.",
            ),
            _slip(
                "the lowest rating",
                _lowest,
                "This has the lowest mean rating. The question asks what detractors write about.",
            ),
        ),
        alternatives=(lambda source: f" {_talk(source).title()} ",),
        wrong=(lambda source: str(_written(source).idxmin()), lambda _: "none"),
    ),
    Question(
        name="5",
        title="How well the words do",
        ask=(
            f"The table labels holds, for {LABELS} comments drawn at random, the theme that two people agreed on. Hold "
            "keyword_themes against it: for each of the four themes, what are its precision (of the comments for which "
            "the words find it, the share that is labelled so) and its recall (of the comments labelled so, the share "
            "for which the words find it)? Give a table with the columns theme, precision and recall; shares between 0 "
            "and 1, two decimals are enough."
        ),
        kind="table",
        solve=_quality,
        also=lambda source: [_quality_of_the_kit(source)],
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("theme",),
        needs=("feedback", "labels"),
        level="analyse",
        basis="labels joined to keyword_themes of the comments by feedback_id: by theme, the hits divided by what was "
        "found, and by what is labelled.",
        hints=(
            "Put what the words find beside feedback_id, then merge labels.",
            "quality takes what was found and the labels, in the same order.",
        ),
        misconceptions=(
            _slip(
                "the two turned round",
                lambda source: _quality(source).rename(columns={"precision": "recall", "recall": "precision"}),
                "Precision and recall are turned round. Precision divides by what the words found. " + STEP,
                0.5,
            ),
            _slip(
                "comments without a theme left out",
                lambda source: _quality(source, dropped=True),
                "Comments for which the words find nothing were left out. They were missed, and recall counts that. "
                + STEP,
                0.5,
            ),
            _slip(
                "of all labels",
                _of_all_labels,
                "The hits were divided by all labels. Divide by what was found, or labelled, of the same theme.",
            ),
        ),
        alternatives=(
            _quality_of_the_kit,
            lambda source: _quality(source).round(2),
            lambda source: _quality(source).iloc[::-1].set_index("theme"),
        ),
        wrong=(
            lambda source: _quality(source).iloc[1:],
            lambda source: _quality(source).drop(columns="recall"),
        ),
    ),
    Question(
        name="6",
        title="Homes and firms",
        ask=(
            "By how many points does the NPS of homes (account private) differ from that of firms (business), over all "
            "answers? Give the lower end of the 95 % interval of homes less firms, as compare gives it for the scores "
            "by account. One decimal is enough."
        ),
        kind="number",
        solve=lambda source: float(_compared(source)[0]["lower"]),
        points=2,
        relative=0,
        absolute=0.12,
        needs=("feedback", "customers"),
        level="analyse",
        basis="scores of kind NPS by account, and compare of the two: the interval of private less business, whose "
        "standard error adds the variances of both.",
        hints=(
            "scores(feedback, 'NPS', by='account', customers=customers), then compare.",
            "compare(made, to='business') takes the firms off the homes.",
        ),
        misconceptions=(
            _slip(
                "the difference itself",
                lambda source: float(_compared(source)[0]["difference"]),
                "This is the difference. The question asks for the lower end of its interval. " + STEP,
                0.5,
            ),
            _slip(
                "firms less homes",
                lambda source: -float(_compared(source)[0]["upper"]),
                "This is the lower end of firms less homes. The question asks for homes less firms. " + STEP,
                0.5,
            ),
            _slip(
                "ends subtracted",
                _ends_subtracted,
                "The ends of the two intervals were subtracted, which is too wide: two scores are seldom both at their "
                "ends. Variances add up, not margins.",
            ),
        ),
        alternatives=(_homes_less_firms, lambda source: round(float(_compared(source)[0]["lower"]), 1)),
        wrong=(
            lambda source: float(_compared(source)[0]["upper"]),
            lambda source: float(_compared(source)[0]["p"]),
        ),
    ),
    Question(
        name="7",
        title="What the silent say",
        ask=(
            "The table calls holds the scores of customers who did not answer an NPS survey: they were drawn by lot "
            "among all such surveys sent before 18 December 2025 and rung up, and all of them gave a score. Give "
            "the upper end of the 95 % interval of the NPS of those who do not answer, in points, as fb.nps gives it "
            "from counts. One decimal is enough."
        ),
        kind="number",
        solve=lambda source: float(_silent(source).upper),
        points=2,
        relative=0,
        absolute=0.06,
        needs=("calls",),
        level="analyse",
        basis="scores in calls: how many promoters, passives and detractors; the interval of nps.",
        hints=(
            "Count three groups in calls: 9 and 10, 7 and 8, 0 to 6.",
            "fb.nps takes the three counts, and has estimate, lower and upper.",
        ),
        misconceptions=(
            _slip(
                "the score itself",
                lambda source: float(_silent(source).estimate),
                "This is the score of those who were rung up. The question asks for the upper end of its interval. "
                + STEP,
                0.5,
            ),
            _slip(
                "the lower end",
                lambda source: float(_silent(source).lower),
                "This is the lower end of the interval. " + STEP,
                0.5,
            ),
            _slip(
                "those who answered, too",
                lambda source: float(fb.nps(*_counted(_together(source))).upper),
                "The answered surveys are in it. The question is about those who do not answer.",
            ),
        ),
        alternatives=(_silent_upper_by_hand, lambda source: round(float(_silent(source).upper), 1)),
        wrong=(lambda source: float(_silent(source).upper) / 100, lambda source: -float(_silent(source).upper) - 1),
    ),
    Question(
        name="8",
        title="Since when",
        ask=(
            f"Take the answers of all kinds of surveys, month by month (answered_at) from July 2024 to November 2025: "
            f"to what share of them did somebody reply within {DAYS} days? Draw a p-chart whose limits are set by the "
            f"first {BASELINE} months, July 2024 to February 2025. Which is the first month from March 2025 on that "
            "lies outside its limits of 3 standard errors? Answer with text such as '2025-03', or with 'no month'."
        ),
        kind="choice",
        choices=(*WATCHED, NONE),
        solve=_first_signal,
        points=2,
        needs=("feedback",),
        level="analyse",
        basis="answered feedback by month of answered_at: the share with replied_at at most 7 days after answered_at; "
        "p_chart with a baseline of 8 months, rule 1.",
        hints=(
            "replied_at - answered_at <= pd.Timedelta(days=7) is false where nobody replied, which is right.",
            "p_chart takes events, n, labels and a baseline. The column rule_1 of its table marks single points.",
            "Chance moves every month. If nothing lies outside, nothing is to be explained.",
        ),
        misconceptions=(
            _slip(
                "the lowest month",
                lambda source: str(_series(source).loc[list(WATCHED), "share"].idxmin()),
                "This month has the lowest share, and one month always has. Ask which is the first outside its limits, "
                "if any is.",
            ),
            _slip(
                "the largest fall",
                lambda source: str(_series(source)["share"].diff().loc[list(WATCHED)].idxmin()),
                "The share falls most from the month before to this one. Ask which month lies outside its limits, if "
                "any does.",
            ),
            _slip(
                "the first month below the centre",
                lambda source: str((_z(source).loc[list(WATCHED)] < 0).idxmax()),
                "This is the first month below the centre. By chance alone half of all months are. Ask which is the "
                "first outside its limits, if any is.",
            ),
        ),
        alternatives=(_first_by_the_kit, lambda source: _first_signal(source).upper()),
        wrong=(
            lambda source: next(month for month in (*WATCHED, NONE) if month != _first_signal(source)),
            lambda _: "2024-09",
        ),
    ),
    Question(
        name="9",
        title="Who waits still",
        ask=(
            f"What share of the detractors (NPS, 0 to 6) is still without a reply {DAYS} days after the answer? Use "
            "Kaplan and Meier with the hours of reply_times, so that those who have none yet count for as long as they "
            "were seen to wait. Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_waiting,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("feedback",),
        level="analyse",
        basis="reply_times of kind NPS, those with low true: kaplan_meier of reply_hours and replied, after 168 hours.",
        hints=(
            "reply_times has reply_hours, replied and low.",
            "kaplan_meier(...).at(hours) gives the share still waiting.",
        ),
        misconceptions=(
            _slip(
                "those with a reply only",
                lambda source: _waiting(source, replied_only=True),
                "Those who never got a reply were left out. They wait longest.",
            ),
            _slip(
                "those who have heard",
                lambda source: 1 - _waiting(source),
                "This is the share that has got a reply by then. The question asks who waits still. " + STEP,
                0.5,
            ),
            _slip(
                "whatever the score",
                lambda source: _waiting(source, everybody=True),
                "This is over all answers. The question is about detractors. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_waiting_by_hand, lambda source: round(_waiting(source), 2)),
        wrong=(lambda source: 100 * _waiting(source), lambda source: _waiting(source) / 2),
    ),
    Question(
        name="10",
        title="What to work on first",
        ask=(
            "The board wants to work first on what the unhappy write about most (question 4). With which of the four "
            "ratings does the NPS score go most? Give a dict with claim, number and action. The number: the importance "
            "of that rating, its Shapley share of what the four ratings together explain of the score (R squared), as "
            "drivers gives it; between 0 and 1. Three decimals, please. Say in the claim how this compares with what "
            "they write about, and what it does not prove."
        ),
        kind="decision",
        solve=_of_the_driver,
        points=2,
        relative=0,
        absolute=0.0006,
        needs=("feedback",),
        level="evaluate",
        basis="drivers of kind NPS: the largest importance of its table, from all answers with four ratings.",
        rubric=RUBRIC_DRIVER,
        hints=(
            "drivers(feedback) has a table with one row a rating, and the column importance.",
            "What people write about and what the score goes with are two things.",
        ),
        misconceptions=(
            _slip(
                "what is written about",
                lambda source: float(_drivers(source).loc[_talk(source), "importance"]),
                "This is the importance of what the unhappy write about most. The score goes more with another rating. "
                + STEP,
                0.5,
            ),
            _slip(
                "not divided",
                lambda source: _of_the_driver(source, "r2_part"),
                "This is the rating's part of R squared. Divide by R squared of all four. " + STEP,
                0.5,
            ),
            _slip(
                "the correlation",
                lambda source: _of_the_driver(source, "correlation"),
                "This is the correlation of the rating with the score. Ratings go with each other, so that each takes "
                "credit for the others.",
            ),
        ),
        alternatives=(
            lambda source: float(fb.drivers(source["feedback"], draws=20).table["importance"].max()),
            lambda source: round(_of_the_driver(source), 3),
        ),
        wrong=(
            lambda source: 100 * _of_the_driver(source),
            lambda source: float(_drivers(source)["importance"].min()),
        ),
    ),
    Question(
        name="11",
        title="What to report",
        ask=(
            "The board is shown the NPS of those who answered. Take the NPS surveys sent before 18 December 2025. By "
            "how many points is the NPS of the answered ones higher than that of all of them, if the calls speak for "
            "the others? The NPS of all is the mean of the two, weighed with the shares of the surveys that were and "
            "were not answered. Give a dict with claim, number and action. The number: answered less all, in points. "
            "One decimal is enough. Say in the claim whether chance alone may explain it: the standard error is that "
            "of the NPS of the calls (se of fb.nps), times the share of surveys that were not answered."
        ),
        kind="decision",
        solve=_too_high,
        points=2,
        relative=0,
        absolute=0.12,
        needs=("feedback", "calls"),
        level="evaluate",
        basis="NPS surveys with sent_at before 2025-12-18: the NPS of the answered, less rate x that NPS + (1 - rate) "
        "x the NPS of calls; which is (1 - rate) x (answered - calls).",
        rubric=RUBRIC_SILENT,
        hints=(
            "The rate of answers of question 2 is the weight of the answered; the rest is the weight of the calls.",
            "Do not put the calls and the answers into one heap: a call stands for many silent surveys.",
        ),
        misconceptions=(
            _slip(
                "answered less silent",
                lambda source: _too_high(source, "all"),
                "This is how far the answered and the silent lie apart. All who were asked are both of them. " + STEP,
                0.5,
            ),
            _slip(
                "one heap",
                lambda source: _reported(source) - _points(_together(source)),
                "Calls and answers were put into one heap. The calls are a small sample of the silent, so that they "
                "count too little there.",
            ),
            _slip(
                "weights turned round",
                lambda source: _too_high(source, "answered"),
                "The weights are turned round: the silent count with the share that did not answer. " + STEP,
                0.5,
            ),
            _slip(
                "the two alike",
                lambda source: _too_high(source, "half"),
                "Answered and silent count alike here. Weigh them with their shares of the surveys. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_too_high_by_survey, lambda source: round(_too_high(source), 1)),
        wrong=(lambda source: -_too_high(source) - 1, lambda source: _reported(source) + 1),
    ),
)


def _plant(rng: np.random.Generator) -> Plant:
    """What the score goes with, and whether the unhappy answer less, differ from student to student."""
    first = str(rng.choice(["delivery", "coffee", "service"]))
    others = [name for name in DIMENSIONS if name != first]
    weights = dict(zip(rng.permutation(others), rng.uniform((0.45, 0.25, 0.15), (0.65, 0.4, 0.25)), strict=True))
    drivers = {name: float(weights.get(name, 0.0)) for name in DIMENSIONS} | {first: float(rng.uniform(1.0, 1.3))}
    changed = [
        dataclasses.replace(
            segment,
            share=segment.share * rng.uniform(0.8, 1.2),
            issue_rate=segment.issue_rate * rng.uniform(1.5, 2.2),
        )
        for segment in MODEL.segments
    ]
    model = dataclasses.replace(
        MODEL,
        segments=tuple(changed),
        drivers=drivers,
        response_slope=rng.uniform(-0.03, 0.03) if rng.random() < 0.4 else rng.uniform(0.3, 0.5),
    )
    return Plant(str(rng.choice(["healthy", "over_automated", "impersonal"])), model)


def _unfit(company: Company) -> Sequence[str]:
    source = source_of(ASSIGNMENT, company.tables)
    why = []
    z = _z(source).loc[list(WATCHED)].abs()
    first = _first_signal(source)
    before = z if first == NONE else z.loc[:first].iloc[:-1]
    if (len(before) and before.max() > 2.8) or (first != NONE and z[first] < 3.2) or _series(source)["n"].min() < 25:
        why.append("whether a month lies outside its limits is not clear")
    written = _written(source).nlargest(2)
    if written.iloc[0] < 15 or written.iloc[0] - written.iloc[1] < 4:
        why.append("the unhappy write about two themes alike")
    importance = _drivers(source)["importance"]
    lead, second = importance.nlargest(2)
    if lead < 1.4 * second:
        why.append("two ratings explain alike")
    if importance.idxmax() == _talk(source):
        why.append("what is written about is what the score goes with")
    if 1.6 < _deviations(source) < 2.6 or len(source["calls"]) < CALLS:
        why.append("whether the silent differ is not clear")
    labelled = _labelled(source)
    counts = [labelled[name].value_counts().reindex(DIMENSIONS, fill_value=0).min() for name in ("theme", "found")]
    if len(labelled) < LABELS or min(counts) < 8:
        why.append("few labels of a theme")
    if min(len(_firms(source)), (_times(source)["low"]).sum()) < 60:
        why.append("few answers of firms or of detractors")
    return why or coinciding(QUESTIONS, source)


def _difficulty(company: Company) -> Mapping[str, float]:
    source = source_of(ASSIGNMENT, company.tables)
    lead, second = _drivers(source)["importance"].nlargest(2)
    written = _written(source).nlargest(2)
    return {
        "lead of the driver (points of importance)": 100 * float(lead - second),
        "lead of what is written about (comments)": float(written.iloc[0] - written.iloc[1]),
        "months to the limits: the farthest one (standard errors)": float(_z(source).loc[list(WATCHED)].abs().max()),
        "report against everybody asked (standard errors)": _deviations(source),
    }


ASSIGNMENT = Assignment(
    name="feedback",
    title="What do your customers tell you, who is not heard, and do you answer?",
    minutes=110,
    questions=QUESTIONS,
    tables=("customers", "feedback"),
    plant=_plant,
    unfit=_unfit,
    difficulty=_difficulty,
    n_customers=1500,
    extra={"calls": _calls, "labels": _labels, "feedback": _feedback},
)
