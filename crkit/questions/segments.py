"""The questions of the lesson on segments: who are our customers, and what is each worth?"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crkit import segments
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from crkit.datasets import Source

MONTHS = 12
DISCOUNT = 0.1
MARGIN = 0.4
GROUPS = 3
TIE = 0.005  # differences between shares that are this close count as equal
EVERYBODY = "(all customers, if your data do not say who is private)"
WHATEVER = f"The question means {MONTHS} months and a margin of {MARGIN:.0%}, whatever the parameters say."


@functools.lru_cache(maxsize=4)
def _homes(source: Source) -> Source:
    """The source with the private customers' orders only; all of them, if nobody says who is private."""
    if "customers" not in source:
        return source
    customers = source["customers"]
    private = customers.loc[customers["account"] == "private", "customer_id"]
    orders = source["orders"]
    return dataclasses.replace(source, tables={"orders": orders[orders["customer_id"].isin(private)]})


@functools.lru_cache(maxsize=4)
def _summary(source: Source) -> pd.DataFrame:
    summary: pd.DataFrame = segments.rfm_summary(source["orders"], amount=source.amount)
    return summary


@functools.lru_cache(maxsize=4)
def _scores(source: Source) -> pd.DataFrame:
    return segments.rfm_scores(segments.rfm_table(source["orders"], amount=source.amount))


@functools.lru_cache(maxsize=4)
def _models(source: Source) -> tuple[segments.BgNbd, segments.GammaGamma]:
    summary = _summary(_homes(source))
    return _fit(segments.fit_bg_nbd, summary), _fit(segments.fit_gamma_gamma, summary)


def _fit(model: Callable[..., Any], summary: pd.DataFrame) -> Any:
    """As in the lesson: maximum likelihood, or a weak prior where the data do not determine the model."""
    try:
        return model(summary)
    except segments.ConvergenceError:
        return model(summary, prior_sd=2)


def _revenue(source: Source) -> pd.Series:
    """Revenue of each customer, the largest first."""
    return source["orders"].groupby("customer_id")[source.amount].sum().sort_values(ascending=False)


@functools.lru_cache(maxsize=16)
def _values(source: Source, margin: float = MARGIN, rate: float = DISCOUNT) -> pd.Series:
    """Each private customer's lifetime value."""
    history, (bought, spend) = _summary(_homes(source)), _models(source)
    columns = (history[name].to_numpy() for name in ("frequency", "recency", "T", "monetary_value"))
    values = bought.lifetime_value(spend, *columns, months=MONTHS, annual_discount_rate=rate, margin=margin)
    return pd.Series(values, index=history["customer_id"])


# ---- 2.1 repeat purchase days of one customer


def _busiest(source: Source) -> pd.DataFrame:
    orders = source["orders"]
    return orders[orders["customer_id"] == orders["customer_id"].value_counts().sort_index().idxmax()]


def _purchase_days(source: Source) -> int:
    return int(_busiest(source)["ordered_at"].dt.normalize().nunique())


# ---- 2.2 the same, as a function


def _by_hand(
    orders: pd.DataFrame,
    end: Any,
    *,
    every_day: bool = False,
    by_order: bool = False,
    since_last: bool = False,
    clock: bool = False,
) -> pd.DataFrame:
    """What question 2.2 asks for, and its known wrong ways."""
    days = orders.assign(day=orders["ordered_at"] if clock else orders["ordered_at"].dt.normalize())
    days = days.sort_values("ordered_at")
    if not by_order:
        days = days.groupby(["customer_id", "day"])["amount"].sum().reset_index()
    each = days.groupby("customer_id")
    first, last = each["day"].min(), each["day"].max()
    counted = each.size() - (0 if every_day else 1)
    money = each["amount"].sum() - (0 if every_day else each["amount"].first())
    end = pd.Timestamp(end).normalize()
    return pd.DataFrame(
        {
            "frequency": counted,
            "recency": (end - last if since_last else last - first).dt.days,
            "T": (end - first).dt.days,
            "monetary_value": (money / counted.where(counted > 0)).fillna(0.0),
        }
    ).reset_index()


def _slip(name: str, says: str, *columns: str, **way: bool) -> tuple[Misconception, ...]:
    """One known wrong way of 2.2, recognised by each of these columns alone."""

    def wrong(column: str) -> Callable[[Source], Callable[..., pd.DataFrame]]:
        def function(orders: pd.DataFrame, end: Any) -> pd.DataFrame:
            return _by_hand(orders, end).assign(**{column: _by_hand(orders, end, **way)[column]})

        return lambda _: function

    return tuple(Misconception(name, wrong(column), says, column) for column in columns)


def _cases(source: Source) -> list[tuple[Any, ...]]:
    tiny = pd.DataFrame(
        {
            "customer_id": [7, 8, 7, 7, 8, 9, 8],
            "ordered_at": pd.to_datetime(
                [
                    "2025-01-01 09:00",
                    "2025-01-02 10:00",
                    "2025-01-04 08:00",
                    "2025-01-04 20:00",
                    "2025-01-12 23:00",
                    "2025-01-05 12:00",
                    "2025-01-22 00:30",
                ]
            ),
            "amount": [10.0, 8.0, 20.0, 5.0, 12.0, 30.0, 18.0],
        }
    )
    own = source["orders"][["customer_id", "ordered_at", source.amount]].rename(columns={source.amount: "amount"})
    some = own[own["customer_id"].isin(own["customer_id"].drop_duplicates().head(40))].reset_index(drop=True)
    return [(tiny, pd.Timestamp("2025-02-01")), (some, own["ordered_at"].max().normalize())]


def _loop_over_customers(_: Source) -> Callable[..., pd.DataFrame]:
    def rfm(orders: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
        rows = []
        for customer, own in orders.groupby("customer_id"):
            by_day = own.groupby(own["ordered_at"].dt.date)["amount"].sum()
            first, last = pd.Timestamp(by_day.index[0]), pd.Timestamp(by_day.index[-1])
            later = by_day.iloc[1:]
            money = later.mean() if len(later) else 0
            rows.append((customer, len(later), (last - first).days, (end - first).days, money))
        return pd.DataFrame(rows, columns=["customer_id", "frequency", "recency", "T", "monetary_value"])

    return rfm


# ---- 2.3 what raw scales do


def _variances(source: Source) -> pd.Series:
    return _scores(source)[list(segments.RFM)].var()


# ---- 2.4 named segments, 2.9 what to do about them


def _sizes(source: Source) -> pd.DataFrame:
    return segments.rfm_segments(_scores(_homes(source)))[["customers"]].reset_index().astype({"segment": "str"})


def _past_and_to_come(source: Source) -> pd.DataFrame:
    """Each named segment's share of the money so far, of the lifetime value, and of the customers."""
    scored = _scores(_homes(source)).assign(value=lambda table: table["customer_id"].map(_values(source)), customers=1)
    sums = scored.groupby("segment", observed=True)[["monetary", "value", "customers"]].sum()
    return sums / sums.sum()


def _fading(source: Source) -> pd.Series:
    """Share of the money so far minus share of the lifetime value, of each named segment."""
    shares = _past_and_to_come(source)
    gap: pd.Series = shares["monetary"] - shares["value"]
    return gap


# ---- 2.8 how close to the truth


def _found_and_planted(source: Source, scale: str = "log") -> tuple[Any, Any]:
    scores = _scores(source)
    planted = scores[["customer_id"]].merge(source["truth"], on="customer_id")["segment"]
    return segments.cluster(scores, GROUPS, scale=scale).labels, planted


def _agreement(source: Source, scale: str = "log") -> float:
    return segments.agreement(*_found_and_planted(source, scale), draws=1).adjusted_rand


def _plain_rand(source: Source) -> float:
    from sklearn.metrics import rand_score

    return float(rand_score(*_found_and_planted(source)))


def _adjusted_rand_of_sklearn(source: Source) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(*_found_and_planted(source)))


def _purity(source: Source) -> float:
    found, planted = _found_and_planted(source)
    return float(pd.crosstab(found, planted).max(axis=1).sum() / len(found))


# ---- 2.5, 2.Q3 concentration


def _by_interpolation(values: pd.Series, share: float) -> float:
    return segments.top_share(values, share)


def _rounded_down(values: pd.Series, share: float) -> float:
    return float(values.nlargest(max(1, math.floor(round(share * len(values), 6)))).sum() / values.sum())


def _rounded_up(values: pd.Series, share: float) -> float:
    return float(values.nlargest(math.ceil(round(share * len(values), 6))).sum() / values.sum())


def _from_quantile(values: pd.Series, share: float) -> float:
    return float(values[values >= values.quantile(1 - share)].sum() / values.sum())


def _in_each_reading(values: Callable[[Source], pd.Series], share: float) -> list[Callable[[Source], float]]:
    """The share that the largest bring, whichever way a fifth or a tenth of the customers is counted."""

    def reading(read: Callable[[pd.Series, float], float]) -> Callable[[Source], float]:
        return lambda source: read(values(source), share)

    return [reading(read) for read in (_by_interpolation, _rounded_down, _rounded_up, _from_quantile)]


def _homes_revenue(source: Source) -> pd.Series:
    return _revenue(_homes(source))


def _most_frequent_fifth(source: Source) -> float:
    orders = _homes(source)["orders"].groupby("customer_id")[source.amount].agg(["size", "sum"])
    top = orders.sort_values("size", ascending=False).head(round(0.2 * len(orders)))
    return float(top["sum"].sum() / orders["sum"].sum())


def _customers_for_most(source: Source) -> float:
    revenue = _homes_revenue(source)
    return float((revenue.cumsum() < 0.8 * revenue.sum()).sum() + 1) / len(revenue)


def _gini_by_pairs(source: Source) -> float:
    revenue = _homes_revenue(source).to_numpy()
    return float(np.abs(revenue[:, None] - revenue).mean() / (2 * revenue.mean()))


# ---- 2.6 what to expect


def _expected(source: Source, days: int = 90) -> float:
    history, (bought, _) = _summary(_homes(source)), _models(source)
    return float(bought.expected_purchases(days, history["frequency"], history["recency"], history["T"]).sum())


def _extrapolated(source: Source) -> float:
    history = _summary(_homes(source))
    seen = history[history["T"] > 0]
    return float((seen["frequency"] / seen["T"]).sum() * 90)


def _as_if_new(source: Source) -> float:
    return float(_models(source)[0].expected_repeat_purchases(90) * len(_summary(_homes(source))))


# ---- 2.Q2 cohorts


def _cohorts(source: Source) -> pd.DataFrame:
    quarters = _cohorts_as_hinted(source)
    return pd.DataFrame({"quarter": quarters.index, "customers": quarters.to_numpy()})


def _cohorts_as_hinted(source: Source) -> pd.Series:
    first = source["orders"].groupby("customer_id")["ordered_at"].min()
    counted: pd.Series = first.dt.to_period("Q").astype(str).value_counts()
    return counted


def _active(source: Source) -> pd.DataFrame:
    orders = source["orders"].assign(quarter=source["orders"]["ordered_at"].dt.to_period("Q").astype(str))
    customers = orders.groupby("quarter")["customer_id"].nunique()
    return pd.DataFrame({"quarter": customers.index, "customers": customers.to_numpy()})


QUESTIONS = (
    Question(
        name="2.1",
        title="RFM by hand",
        ask=(
            "Take the customer with the largest number of orders (the smallest customer_id, if several have as many). "
            "What is this customer's frequency, as the number of repeat purchase days?"
        ),
        kind="number",
        solve=lambda source: _purchase_days(source) - 1,
        relative=0,
        means=(
            "Frequency counts the days on which a customer came back. It is 0 for a customer who bought on one "
            "day only."
        ),
        hints=(
            "Count the orders of each customer with value_counts(), and keep the orders of the one who has most.",
            "Two orders on one day are one purchase day: normalize() sets the time of a moment to midnight.",
            "The first purchase day is no repeat.",
        ),
        misconceptions=(
            Misconception(
                "counts the first day",
                _purchase_days,
                "These are all purchase days. The first one makes somebody a customer; it is not a repeat.",
            ),
            Misconception(
                "counts orders, not days",
                lambda source: len(_busiest(source)) - 1,
                "These are repeat orders. Several orders on one day count as one purchase day.",
            ),
            Misconception(
                "counts all orders",
                lambda source: len(_busiest(source)),
                "These are all orders. Count days rather than orders, and leave out the first one.",
            ),
        ),
        alternatives=(
            lambda source: _summary(source).set_index("customer_id")["frequency"][
                _busiest(source)["customer_id"].iloc[0]
            ],
            lambda source: pd.Series([_purchase_days(source) - 1.0]),
        ),
        wrong=(
            lambda source: _purchase_days(source) - 2,
            lambda source: str(_purchase_days(source) - 1),
            lambda _: 0,
        ),
    ),
    Question(
        name="2.2",
        title="RFM as a function",
        ask=(
            "Write rfm(orders, end). The table orders has customer_id, ordered_at and amount; end is the day on which "
            "observation ends. Return one row for each customer_id with frequency (repeat purchase days), "
            "recency (days "
            "from the first to the last purchase day), T (days from the first purchase day to end), and monetary_value "
            "(mean amount per repeat purchase day; 0 without one)."
        ),
        kind="function",
        returns="table",
        keys=("customer_id",),
        points=3,
        solve=lambda _: _by_hand,
        cases=_cases,
        means="It agrees with crkit.segments.rfm_summary, which does the same for millions of orders.",
        hints=(
            "First make one row for each customer and day, with the amount of that day summed up.",
            "Group that by customer_id: the smallest day, the largest day and the number of days give three of "
            "the columns.",
            "For monetary_value subtract the first day's amount from the sum, and divide by the number of repeat days.",
        ),
        misconceptions=(
            *_slip(
                "all days instead of repeat days",
                "frequency counts all purchase days here. The first one is no repeat: it is one fewer.",
                "frequency",
                every_day=True,
            ),
            *_slip(
                "orders instead of days",
                "This counts orders. Add up the orders of one day first, so that each day counts once.",
                "frequency",
                "monetary_value",
                by_order=True,
            ),
            *_slip(
                "all orders",
                "frequency counts all orders here. Add up the orders of one day first, and leave out the first day.",
                "frequency",
                by_order=True,
                every_day=True,
            ),
            *_slip(
                "recency from the end",
                "In marketing, recency is often the time since the last purchase. Here it is the time between the "
                "first purchase and the last; T tells the rest.",
                "recency",
                since_last=True,
            ),
            *_slip(
                "the time of day left in",
                "Some numbers of days are one too small, because the time of day counts in them. Set it to midnight "
                "with dt.normalize() before you subtract.",
                "recency",
                "T",
                clock=True,
            ),
            *_slip(
                "the first day counts as money",
                "monetary_value is a mean over all purchase days here. It leaves out the first one, because the model "
                "needs repeat purchases only.",
                "monetary_value",
                every_day=True,
            ),
        ),
        alternatives=(
            _loop_over_customers,
            lambda _: lambda orders, end: _by_hand(orders, end).set_index("customer_id"),
        ),
        wrong=(
            lambda _: lambda orders, _: orders,
            lambda _: lambda orders, end: _by_hand(orders, end).drop(columns="T"),
            lambda _: lambda orders, end: _by_hand(orders, end).head(3),
            lambda _: lambda orders, end: _by_hand(orders, end).fillna(0).assign(frequency=0),
            lambda source: _by_hand(*_cases(source)[0]),
        ),
    ),
    Question(
        name="2.3",
        title="Raw scales",
        ask=(
            "K-means measures distances, and the feature with the largest variance decides most of them. Which one of "
            "rfm_table is it on the raw scale: recency, frequency or monetary?"
        ),
        kind="choice",
        choices=segments.RFM,
        solve=lambda source: _variances(source).idxmax(),
        means="It dominates because of its unit, not because of its importance. Scale the features before you cluster.",
        hints=(
            "Make the table with rfm_table, and look at the spread of each column.",
            "The method var() of a table gives the variance of every column.",
        ),
        misconceptions=(
            Misconception(
                "smallest variance",
                lambda source: _variances(source).idxmin(),
                "This feature has the smallest variance: on raw scales it hardly counts in a distance.",
            ),
            Misconception(
                "most even spread",
                lambda source: _scores(source)[list(segments.RFM)].skew().idxmin(),
                "This feature has the least lopsided distribution. A distance looks at how far its values lie apart.",
            ),
        ),
        alternatives=(lambda source: str(_variances(source).idxmax()).upper(),),
        wrong=(lambda source: _variances(source).idxmin(), lambda _: "T", lambda source: _variances(source).max()),
    ),
    Question(
        name="2.4",
        title="Named segments",
        ask=(
            "Score the private customers alone (all customers, if your data do not say who is private). How many of "
            "them are in each named RFM segment? Give a table with the columns segment and customers, one row for each "
            "segment that has customers."
        ),
        kind="table",
        keys=("segment",),
        relative=0,
        solve=_sizes,
        also=lambda source: [_scores(_homes(source))["segment"].value_counts()],
        means="Compare it with the money of each segment: sizes alone do not say where to spend time.",
        hints=(
            "Start from the orders of the private customers: the lesson calls them homes.",
            "rfm_table makes the table, and rfm_scores gives each customer scores and a segment.",
            "Count the rows of each segment, for instance with value_counts().",
        ),
        misconceptions=(
            Misconception(
                "all customers",
                lambda source: segments.rfm_segments(_scores(source))["customers"],
                "This counts the firms too. Keep the orders of the private customers, and begin again.",
            ),
            Misconception(
                "shares instead of numbers",
                lambda source: _sizes(source).assign(customers=lambda t: t["customers"] / t["customers"].sum()),
                "These are shares. The question asks for numbers of customers.",
            ),
            Misconception(
                "money instead of customers",
                lambda source: (
                    _scores(_homes(source)).groupby("segment", observed=True)["monetary"].sum().reset_index()
                ),
                "This is the money of each segment. The question asks for its customers.",
            ),
        ),
        alternatives=(
            lambda source: _scores(_homes(source))["segment"].astype(str).value_counts(),
            lambda source: segments.rfm_segments(_scores(_homes(source)))["customers"],
            lambda source: _scores(_homes(source))["segment"].value_counts(),
            lambda source: _sizes(source).to_dict("records"),
            lambda source: _scores(_homes(source))["segment"].astype(str).str.title().value_counts().to_dict(),
        ),
        wrong=(
            lambda source: _sizes(source).assign(customers=lambda t: t["customers"] + 1),
            lambda source: _sizes(source).iloc[1:],
            lambda source: _sizes(source)["customers"].tolist(),
        ),
    ),
    Question(
        name="2.5",
        title="Concentration",
        ask=(
            "What share of the private customers' revenue comes from the fifth of them who brought most "
            f"{EVERYBODY}? Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.005,
        solve=lambda source: segments.top_share(_homes_revenue(source)),
        also=lambda source: [solve(source) for solve in _in_each_reading(_homes_revenue, 0.2)],
        means=(
            "The more concentrated revenue is, the more a relationship with few customers is worth, and the more "
            "it risks."
        ),
        hints=(
            "Sum up the amounts for each customer and sort them, the largest first.",
            "Take the first fifth of the rows with head(), and divide their sum by the sum of all.",
        ),
        misconceptions=(
            *(
                Misconception(
                    "all customers",
                    solve,
                    "This counts the firms too. Keep the orders of the private customers, and begin again.",
                )
                for solve in _in_each_reading(_revenue, 0.2)
            ),
            Misconception(
                "the fifth itself",
                lambda _: 0.2,
                "This is the share of the customers. The question asks which share of the revenue they brought.",
            ),
            Misconception(
                "most orders, not most revenue",
                _most_frequent_fifth,
                "This is the share of those who order most often. Rank the customers by the money they brought.",
            ),
            Misconception(
                "customers behind most of the revenue",
                _customers_for_most,
                "This is a share of customers: how many it takes to bring four fifths of the revenue. The "
                "question asks the "
                "other way round.",
            ),
        ),
        alternatives=(
            lambda source: (
                _homes(source)["orders"]
                .groupby("customer_id")[source.amount]
                .sum()
                .nlargest(round(0.2 * _homes(source)["orders"]["customer_id"].nunique()))
                .sum()
                / _homes(source)["orders"][source.amount].sum()
            ),
            *_in_each_reading(_homes_revenue, 0.2),
            lambda source: round(segments.top_share(_homes_revenue(source)), 2),
        ),
        wrong=(
            lambda source: 1 - segments.top_share(_homes_revenue(source)),
            lambda source: 100 * segments.top_share(_homes_revenue(source)),
            lambda source: f"{segments.top_share(_homes_revenue(source)):.2f}",
            lambda source: segments.top_share(_homes_revenue(source)) + 0.04,
        ),
    ),
    Question(
        name="2.6",
        title="Purchases to come",
        ask=(
            "Fit BG/NBD to the summary, in days, of the private customers (of all customers, if your data do not say "
            "who is private). How many purchase days does it expect from all of them together in the next 90 days?"
        ),
        kind="number",
        relative=0.01,
        solve=_expected,
        means="Customers leave without saying so; the model allows for that, and the past rate does not.",
        hints=(
            "The lesson has fitted the model already; fit_bg_nbd takes the table that rfm_summary gives.",
            "expected_purchases takes the length of the period, and then each customer's frequency, recency and T.",
            "It gives a number for each customer; the question asks for all of them together.",
        ),
        misconceptions=(
            Misconception(
                "extrapolates the past rate",
                _extrapolated,
                "This carries every customer's past rate forward, as if nobody had left.",
            ),
            Misconception(
                "all customers",
                lambda source: _expected(dataclasses.replace(source, tables={"orders": source["orders"]})),
                "This counts the firms too. Keep the orders of the private customers, and begin again.",
            ),
            Misconception(
                "takes everybody as new",
                _as_if_new,
                "This is what to expect of as many new customers. Use what each customer has done: frequency, "
                "recency and T.",
            ),
            Misconception(
                "another period",
                lambda source: _expected(source, 30),
                "This is what to expect in 30 days. The question asks for 90.",
            ),
            Misconception(
                "mean instead of sum",
                lambda source: _expected(source) / len(_summary(_homes(source))),
                "This is the mean for one customer. The question asks for all customers together.",
            ),
        ),
        alternatives=(lambda source: np.float32(_expected(source)), lambda source: round(_expected(source), 1)),
        wrong=(
            lambda source: _expected(source, 180),
            lambda source: 1.05 * _expected(source),
            lambda source: _summary(_homes(source))["frequency"].sum(),
        ),
    ),
    Question(
        name="2.7",
        title="What a customer is worth",
        ask=(
            f"What is the mean lifetime value of a private customer {EVERYBODY} over the next {MONTHS} months, with a "
            f"margin of {MARGIN:.0%} and a discount rate of {DISCOUNT:.0%} a year?"
        ),
        kind="number",
        relative=0.01,
        points=2,
        reminder=WHATEVER,
        solve=lambda source: _values(source).mean(),
        means="An effort to keep customers may cost at most the part of this that it saves.",
        hints=(
            "Fit both models, for how often (fit_bg_nbd) and for how much (fit_gamma_gamma).",
            "value_customers takes the summary and both models, and months, annual_discount_rate and margin by name; "
            "its table has a column lifetime_value.",
            WHATEVER,
        ),
        misconceptions=(
            Misconception(
                "total instead of mean",
                lambda source: _values(source).sum(),
                "This is the value of all customers together. The question asks for the mean of one customer.",
            ),
            Misconception(
                "margin forgotten",
                lambda source: _values(source, margin=1).mean(),
                "This is revenue. Only the margin of it is worth something to the company.",
            ),
            Misconception(
                "discounting forgotten",
                lambda source: _values(source, rate=0).mean(),
                "This counts money that comes in a year like money today. Set annual_discount_rate.",
            ),
            Misconception(
                "past revenue",
                lambda source: _homes_revenue(source).mean(),
                "This is what customers have paid so far. Lifetime value is what is still to come.",
            ),
        ),
        alternatives=(
            lambda source: pd.DataFrame({"mean": [_values(source).mean()]}),
            lambda source: np.mean(_values(source)),
        ),
        wrong=(
            lambda source: _values(source).median(),
            lambda source: 1.03 * _values(source).mean(),
            lambda source: _values(source),
        ),
    ),
    Question(
        name="2.8",
        title="How close to the truth",
        ask=(
            f"Cluster rfm_table into {GROUPS} groups (cluster, with its defaults). What is the adjusted Rand index "
            "between these groups and the planted segments?"
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.001,
        needs=("orders", "truth.segment"),
        solve=_agreement,
        means="On real data nobody could have told you this. Groups that look convincing can still be other groups.",
        hints=(
            "The planted segments are in the table truth. Bring them into the order of your customers with merge.",
            "agreement compares two groupings; their names do not have to match.",
        ),
        misconceptions=(
            Misconception(
                "plain Rand index",
                _plain_rand,
                "This is the Rand index without adjustment. It is high even for groups drawn by lot, because "
                "most pairs of "
                "customers are apart in any grouping.",
            ),
            Misconception(
                "share in the most common segment",
                _purity,
                "This names each group after its most common segment and counts hits. It rises with every "
                "further group.",
            ),
            Misconception(
                "raw scales",
                lambda source: _agreement(source, "none"),
                "These groups were made on raw scales, where one feature decides nearly alone. Leave scale at "
                "its default.",
            ),
        ),
        alternatives=(_adjusted_rand_of_sklearn, lambda source: round(_agreement(source), 2)),
        wrong=(
            lambda _: 0,
            lambda _: 1,
            lambda source: -_agreement(source),
            lambda source: 100 * _agreement(source),
            lambda source: round(_agreement(source), 2) + 0.01,
        ),
    ),
    Question(
        name="2.9",
        title="Whom to win back",
        ask=(
            "Effort to win customers back goes where much money came from and little is still to come. Score the "
            f"private customers {EVERYBODY}: rfm_table and rfm_scores of their orders alone. Take each named segment's "
            "share of their money so far minus its share of their lifetime value (as in 2.7). Where is this difference "
            "largest?"
        ),
        kind="choice",
        choices=tuple(segments.RFM_SEGMENTS),
        solve=lambda source: _fading(source).idxmax(),
        also=lambda source: _fading(source)[lambda gap: gap > gap.max() - TIE].index.tolist(),
        points=2,
        reminder=WHATEVER,
        means="Write it on your canvas, with somebody who is responsible for it: this is a relationship to repair.",
        hints=(
            "The lesson has each customer's value in valued: merge it with the table of scores on customer_id.",
            "Sum up money and value for each segment, and divide each by its total.",
            "Subtract the shares of the value from the shares of the money, and look for the largest difference.",
        ),
        misconceptions=(
            Misconception(
                "most money so far",
                lambda source: _past_and_to_come(source)["monetary"].idxmax(),
                "This segment brought most money so far. Compare that with its share of what is still to come.",
            ),
            Misconception(
                "the other way round",
                lambda source: _fading(source).idxmin(),
                "This segment's share of the value to come exceeds its share of the money so far by most: subtract the "
                "other way round.",
            ),
            Misconception(
                "most customers",
                lambda source: _past_and_to_come(source)["customers"].idxmax(),
                "This segment has most customers. What counts here is the money they brought and what is still "
                "to come.",
            ),
        ),
        alternatives=(lambda source: f"{_fading(source).idxmax()} ".capitalize(),),
        wrong=(lambda _: "nobody", lambda source: _past_and_to_come(source)["value"].idxmax(), lambda _: 3),
    ),
    Question(
        name="2.Q1",
        title="One visit",
        ask=(
            f"What share of the private customers {EVERYBODY} have no repeat purchase day? Give a share between 0 and "
            "1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.005,
        solve=lambda source: (_summary(_homes(source))["frequency"] == 0).mean(),
        means="For them the data hold one day of purchases and no relationship yet.",
        hints=(
            "It is the share of the rows of the summary with a certain frequency.",
            "The mean of True and False is a share.",
        ),
        misconceptions=(
            Misconception(
                "exactly one repeat",
                lambda source: (_summary(_homes(source))["frequency"] == 1).mean(),
                "These came back on one day. A customer without a repeat has a frequency one lower.",
            ),
            Misconception(
                "all customers",
                lambda source: (_summary(source)["frequency"] == 0).mean(),
                "This counts the firms too. Keep the orders of the private customers, and begin again.",
            ),
            Misconception(
                "a number of customers",
                lambda source: (_summary(_homes(source))["frequency"] == 0).sum(),
                "This is how many they are. The question asks for their share of the customers.",
            ),
            Misconception(
                "the others",
                lambda source: (_summary(_homes(source))["frequency"] > 0).mean(),
                "This is the share of those who did come back.",
            ),
        ),
        alternatives=(
            lambda source: (
                _homes(source)["orders"]
                .assign(day=_homes(source)["orders"]["ordered_at"].dt.normalize())
                .groupby("customer_id")["day"]
                .nunique()
                .eq(1)
                .mean()
            ),
        ),
        wrong=(
            lambda source: (_summary(_homes(source))["frequency"] == 0).sum(),
            lambda source: (_summary(_homes(source))["frequency"] == 0).mean() * 100,
        ),
    ),
    Question(
        name="2.Q2",
        title="Cohorts",
        ask=(
            "How many customers placed their first order in each quarter? Give a table with the columns quarter, "
            "written "
            "like 2025Q1, and customers."
        ),
        kind="table",
        keys=("quarter",),
        relative=0,
        solve=_cohorts,
        means="These are the cohorts. Customers are compared fairly only with others who have been here as long.",
        hints=(
            "The first order of each customer is the smallest ordered_at in the group.",
            "dt.to_period('Q').astype(str) turns moments into quarters, and value_counts() counts them.",
        ),
        misconceptions=(
            Misconception(
                "all who ordered",
                _active,
                "These are all customers who ordered in the quarter. Count each customer once, in the quarter of "
                "the first order.",
            ),
            Misconception(
                "private customers only",
                lambda source: _cohorts(_homes(source)),
                "These are the private customers. Here the question is about all customers.",
            ),
        ),
        alternatives=(
            lambda source: _cohorts(source).set_index("quarter"),
            lambda source: _cohorts(source).set_index("quarter")["customers"].rename(None),
            _cohorts_as_hinted,
            lambda source: _cohorts_as_hinted(source).to_dict(),
            lambda source: _cohorts(source).to_dict("records"),
        ),
        wrong=(
            lambda source: _cohorts(source).iloc[1:],
            lambda source: _cohorts(source).assign(customers=lambda t: t["customers"].iloc[::-1].to_numpy() + 1),
            lambda source: len(_cohorts(source)),
        ),
    ),
    Question(
        name="2.Q3",
        title="Inequality",
        ask=f"What is the Gini coefficient of revenue per private customer {EVERYBODY}?",
        kind="number",
        share=True,
        absolute=0.005,
        relative=0,
        solve=lambda source: segments.gini(_homes_revenue(source)),
        means="It sums up the whole Lorenz curve in one number, where the share of the top fifth is one point of it.",
        hints=(
            "It is a number per customer that is compared, so sum up the amounts of each customer first.",
            "crkit.segments has a function that is named after the coefficient; it takes one amount for each customer.",
        ),
        misconceptions=(
            Misconception(
                "all customers",
                lambda source: segments.gini(_revenue(source)),
                "This counts the firms too. Keep the orders of the private customers, and begin again.",
            ),
            Misconception(
                "per order",
                lambda source: segments.gini(_homes(source)["orders"][source.amount]),
                "This compares orders. Sum up each customer's orders first.",
            ),
            Misconception(
                "one minus",
                lambda source: 1 - segments.gini(_homes_revenue(source)),
                "Turned round: no inequality is 0, and 1 means that one customer brings everything.",
            ),
        ),
        alternatives=(
            _gini_by_pairs,
            lambda source: round(segments.gini(_homes_revenue(source)), 2),
        ),
        wrong=(
            lambda source: segments.top_share(_homes_revenue(source)),
            lambda source: 100 * segments.gini(_homes_revenue(source)),
            lambda source: segments.gini(_homes_revenue(source)) + 0.01,
        ),
    ),
    Question(
        name="2.Q4",
        title="Where the value is",
        ask=(
            f"What share of the private customers' total lifetime value (next {MONTHS} months, margin {MARGIN:.0%}, "
            f"discount rate {DISCOUNT:.0%}) lies with the tenth of them whose lifetime value is highest {EVERYBODY}? "
            "Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.005,
        points=2,
        reminder=WHATEVER,
        solve=lambda source: segments.top_share(_values(source), 0.1),
        also=lambda source: [solve(source) for solve in _in_each_reading(_values, 0.1)],
        means="A company that can name somebody for these customers cares for this share of its future.",
        hints=(
            "Compute every customer's lifetime value, and sort.",
            "It is the same computation as for revenue, with another share and another column.",
        ),
        misconceptions=(
            *(
                Misconception(
                    "past revenue",
                    solve,
                    "This is the share of past revenue. Rank and sum up the value that is still to come.",
                )
                for solve in _in_each_reading(_homes_revenue, 0.1)
            ),
            *(
                Misconception(
                    "a fifth of the customers",
                    solve,
                    "This is the share of the top fifth. The question asks for the top tenth.",
                )
                for solve in _in_each_reading(_values, 0.2)
            ),
            Misconception(
                "the tenth itself",
                lambda _: 0.1,
                "This is the share of the customers. The question asks which share of the value lies with them.",
            ),
        ),
        alternatives=(
            lambda source: segments.top_share(_values(source, margin=1), 0.1),
            *_in_each_reading(_values, 0.1),
            lambda source: np.array([segments.top_share(_values(source), 0.1)]),
            lambda source: round(segments.top_share(_values(source), 0.1), 2),
        ),
        wrong=(lambda _: 0.1, lambda source: segments.top_share(_values(source), 0.1) * 100),
    ),
)
