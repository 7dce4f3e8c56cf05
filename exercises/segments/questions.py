"""The assignment on segments: which customers does the company live on, and which is it losing?"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit import segments
from crkit.assignments import Assignment, Plant, coinciding, source_of
from crkit.company import MODEL, SCENARIOS, Company
from crkit.datasets import Source
from crkit.questions.core import Criterion, Misconception, Question

KINDS = ("homes", "offices", "cafes")
LARGEST = 10
LATER = 3  # quarters
SPLIT, LAST = "2025-06-30", "2025-12-31"
MONTHS, MARGIN, DISCOUNT = 12, 0.4, 0.1
CALL_EUR, SAVED = 2.0, 0.2
STEP = "The method is right and one step of it is not: half of the points."


# ---- the company as the questions see it


@functools.lru_cache(maxsize=32)
def _customers(source: Source) -> pd.DataFrame:
    """Customers with the kind that the company can see."""
    customers = source["customers"]
    firm, contract = customers["account"] == "business", customers["plan"] == "contract"
    return customers.assign(kind=np.where(firm, np.where(contract, "offices", "cafes"), "homes"))


@functools.lru_cache(maxsize=32)
def _orders(source: Source) -> pd.DataFrame:
    """Orders with the kind of the customer, the day, and when the customer joined."""
    known = _customers(source)[["customer_id", "kind", "account", "acquired_through", "joined_at"]]
    orders = source["orders"].merge(known, on="customer_id")
    return orders.assign(day=orders["ordered_at"].dt.normalize())


def _homes(source: Source) -> pd.DataFrame:
    orders = _orders(source)
    return orders[orders["kind"] == "homes"]


def _firms(source: Source) -> pd.DataFrame:
    orders = _orders(source)
    return orders[orders["kind"] != "homes"]


# ---- 1 silence of the firms


@functools.lru_cache(maxsize=32)
def _recency(source: Source) -> pd.DataFrame:
    table = segments.rfm_table(source["orders"])
    return table.merge(_customers(source)[["customer_id", "kind"]], on="customer_id")


def _silence(source: Source) -> float:
    orders = _orders(source)
    last = _firms(source).groupby("customer_id")["day"].max()
    return float((orders["day"].max() - last).dt.days.median())


def _silence_by_table(source: Source) -> float:
    table = _recency(source)
    return float(table.loc[table["kind"] != "homes", "recency"].median())


def _silence_mean(source: Source) -> float:
    table = _recency(source)
    return float(table.loc[table["kind"] != "homes", "recency"].mean())


def _silence_of_all(source: Source) -> float:
    return float(_recency(source)["recency"].median())


def _age_at_last_order(source: Source) -> float:
    return float(segments.rfm_summary(_firms(source))["recency"].median())


# ---- 2 where customers came from


@functools.lru_cache(maxsize=32)
def _by_way(source: Source) -> pd.DataFrame:
    each = _orders(source).groupby("acquired_through", observed=True)
    table = pd.DataFrame({"customers": each["customer_id"].nunique(), "revenue_eur": each["amount_eur"].sum()})
    table["per_customer_eur"] = table["revenue_eur"] / table["customers"]
    return table.reset_index()


def _by_way_from_customers(source: Source) -> pd.DataFrame:
    revenue = source["orders"].groupby("customer_id")["amount_eur"].sum()
    customers = source["customers"].assign(revenue=source["customers"]["customer_id"].map(revenue))
    table = customers.groupby("acquired_through", observed=True)["revenue"].agg(["size", "sum", "mean"])
    return table.set_axis(["customers", "revenue_eur", "per_customer_eur"], axis=1)


def _per_order(source: Source) -> pd.DataFrame:
    mean = _orders(source).groupby("acquired_through", observed=True)["amount_eur"].mean()
    table = _by_way(source)
    return table.assign(per_customer_eur=table["acquired_through"].map(mean).astype(float))


def _orders_for_customers(source: Source) -> pd.DataFrame:
    each = _orders(source).groupby("acquired_through", observed=True)["amount_eur"]
    table = each.agg(["size", "sum", "mean"]).set_axis(["customers", "revenue_eur", "per_customer_eur"], axis=1)
    return table.reset_index()


def _margin_for_revenue(source: Source) -> pd.DataFrame:
    table = _by_way(source)
    margin = _orders(source).groupby("acquired_through", observed=True)["margin_eur"].sum()
    margin = table["acquired_through"].map(margin).astype(float)
    return table.assign(revenue_eur=margin, per_customer_eur=margin / table["customers"])


# ---- 3 overdue


def _overdue(
    orders: pd.DataFrame,
    *,
    every_order: bool = False,
    fewest: int = 3,
    gaps_too_many: int = 0,
    end: pd.Timestamp | None = None,
    since_first: bool = False,
) -> pd.DataFrame:
    """What question 3 asks for, and its known wrong ways."""
    days = orders["ordered_at"].dt.normalize()
    end = days.max() if end is None else end
    each = days.groupby(orders["customer_id"])
    first, last = each.min(), each.max()
    number = each.size() if every_order else each.nunique()
    gap = (last - first).dt.days / (number - 1 + gaps_too_many)
    silence = (end - (first if since_first else last)).dt.days
    table = (silence / gap)[(number >= fewest) & (last > first)]
    return table.rename("overdue").reset_index()


def _overdue_loop(_: Source) -> Callable[..., pd.DataFrame]:
    def overdue(orders: pd.DataFrame) -> pd.DataFrame:
        end = orders["ordered_at"].max().normalize()
        rows = {}
        for customer, own in orders.groupby("customer_id"):
            days = own["ordered_at"].dt.normalize().drop_duplicates().sort_values()
            if len(days) > 2:
                rows[customer] = (end - days.iloc[-1]).days / days.diff().dt.days.mean()
        return pd.DataFrame({"customer_id": list(rows), "overdue": list(rows.values())})

    return overdue


def _way(**way: Any) -> Callable[[Source], Callable[..., pd.DataFrame]]:
    return lambda _: lambda orders: _overdue(orders, **way)


def _by_the_companys_end(source: Source) -> Callable[..., pd.DataFrame]:
    end = source["orders"]["ordered_at"].max().normalize()
    return lambda orders: _overdue(orders, end=end)


def _gap_by_median(_: Source) -> Callable[..., pd.DataFrame]:
    def overdue(orders: pd.DataFrame) -> pd.DataFrame:
        days = orders.assign(day=orders["ordered_at"].dt.normalize()).drop_duplicates(["customer_id", "day"])
        days = days.sort_values("day")
        gaps = days.groupby("customer_id")["day"].diff().dt.days.groupby(days["customer_id"]).median()
        right = _overdue(orders).set_index("customer_id").index
        silence = (days["day"].max() - days.groupby("customer_id")["day"].max()).dt.days
        return (silence / gaps).loc[right].rename("overdue").reset_index()

    return overdue


def _cases(source: Source) -> list[tuple[Any, ...]]:
    times = {
        7: ("2025-01-01 09:00", "2025-01-05 08:00", "2025-01-05 20:00", "2025-01-21 23:30"),
        8: ("2025-01-02 10:00", "2025-01-12 23:00"),
        9: ("2025-01-20 12:00",),
        11: ("2025-01-03 07:00", "2025-01-13 21:00", "2025-01-18 07:30", "2025-01-27 10:00"),
    }
    rows = [(customer, moment) for customer, moments in times.items() for moment in moments]
    tiny = pd.DataFrame(rows, columns=["customer_id", "ordered_at"]).sort_values("ordered_at", ignore_index=True)
    tiny["ordered_at"] = pd.to_datetime(tiny["ordered_at"]).astype("datetime64[s]")
    own = source["orders"][["customer_id", "ordered_at"]]
    own = own[own["ordered_at"] < SPLIT]
    some = own[own["customer_id"].isin(own["customer_id"].drop_duplicates().head(15))].reset_index(drop=True)
    return [(tiny,), (some,)]


# ---- 4 the largest firms


@functools.lru_cache(maxsize=32)
def _largest(source: Source) -> float:
    revenue = _firms(source).groupby("customer_id")["amount_eur"].sum()
    return float(revenue.nlargest(LARGEST).sum() / revenue.sum())


def _most_orders(source: Source) -> float:
    each = _firms(source).groupby("customer_id")["amount_eur"].agg(["size", "sum"])
    return float(each.sort_values("size", ascending=False).head(LARGEST)["sum"].sum() / each["sum"].sum())


def _largest_tenth(source: Source) -> float:
    return segments.top_share(_firms(source).groupby("customer_id")["amount_eur"].sum(), 0.1)


def _of_all_revenue(source: Source) -> float:
    revenue = _firms(source).groupby("customer_id")["amount_eur"].sum()
    return float(revenue.nlargest(LARGEST).sum() / source["orders"]["amount_eur"].sum())


# ---- 5 retention


def _retained(orders: pd.DataFrame, age: int, *, all_cohorts: bool = False, or_later: bool = False) -> float:
    quarter = orders["ordered_at"].dt.to_period("Q").astype("int64")
    cohort = quarter.groupby(orders["customer_id"]).transform("min")
    seen = cohort + LATER <= quarter.max()
    back = (quarter - cohort >= 1) if or_later else (quarter - cohort == age)
    counted = orders["customer_id"] if all_cohorts else orders.loc[seen, "customer_id"]
    return float(orders.loc[back & seen, "customer_id"].nunique() / counted.nunique())


def _retained_by_table(source: Source) -> float:
    table = segments.retention_table(_homes(source), period="Q")
    table = table[(table["age"] == LATER) & table["complete"]]
    return float(table["active"].sum() / table["customers"].sum())


# ---- 6 all scored together


@functools.lru_cache(maxsize=32)
def _champions(source: Source, *, alone: bool = False) -> pd.DataFrame:
    table = _recency(source)
    parts = [part for _, part in table.groupby("kind")] if alone else [table]
    scores = pd.concat([segments.rfm_scores(part) for part in parts])
    scores["champions"] = scores["segment"] == "champions"
    scores["fading"] = scores["segment"].isin(["at risk", "dormant"])
    counted = scores.groupby("kind")[["champions", "fading"]].mean()
    return scores.groupby("kind").size().rename("customers").to_frame().join(counted).reset_index()


def _of_all_customers(source: Source) -> pd.DataFrame:
    table = _champions(source).set_index("kind")
    share = table["customers"] / table["customers"].sum()
    return table.assign(champions=table["champions"] * share, fading=table["fading"] * share).reset_index()


def _of_the_segment(source: Source) -> pd.DataFrame:
    table = _champions(source).set_index("kind")
    counts = table[["champions", "fading"]].mul(table["customers"], axis=0)
    return table[["customers"]].join(counts / counts.sum()).reset_index()


# ---- 7 how well a model foresees


@functools.lru_cache(maxsize=32)
def _summary(source: Source, end: str | None = None) -> tuple[pd.DataFrame, segments.BgNbd]:
    """The summary of the private customers up to a day, and BG/NBD fitted to it."""
    summary = segments.rfm_summary(_homes(source), observation_end=end)
    return summary, segments.fit_bg_nbd(summary)


@functools.lru_cache(maxsize=32)
def _came(source: Source) -> int:
    """Days with an order after the split, of the customers seen before it."""
    homes = _homes(source)
    later = homes[(homes["day"] > SPLIT) & homes["customer_id"].isin(_summary(source, SPLIT)[0]["customer_id"])]
    return len(later[["customer_id", "day"]].drop_duplicates())


def _foreseen(source: Source, *, fitted_to: str | None = SPLIT, as_new: bool = False) -> float:
    """What the model expects of the half-year after the day it is fitted to, over what came after the split."""
    summary, model = _summary(source, fitted_to)
    days = (pd.Timestamp(LAST) - pd.Timestamp(SPLIT)).days
    if as_new:
        return float(model.expected_repeat_purchases(days) * len(summary) / _came(source))
    expected = model.expected_purchases(days, summary["frequency"], summary["recency"], summary["T"])
    return float(expected.sum() / _came(source))


def _foreseen_by_the_kit(source: Source) -> float:
    split = segments.holdout(_homes(source), calibration_end=SPLIT)
    seen = (split.table[name] for name in ("frequency", "recency", "T"))
    expected = segments.fit_bg_nbd(split.table).expected_purchases(split.duration, *seen)
    return float(expected.sum() / split.table["holdout_frequency"].sum())


# ---- 8 and 11 which kind falls, and what it loses


@functools.lru_cache(maxsize=32)
def _halves(source: Source, *, also_new: bool = False, years: bool = False) -> pd.DataFrame:
    orders = _orders(source)
    if not also_new:
        orders = orders[orders["joined_at"] < "2025-01-01"]
    if years:
        part = np.where(orders["ordered_at"] < "2025-01-01", "before", "after")
    else:
        orders = orders[orders["ordered_at"] >= "2025-01-01"]
        part = np.where(orders["ordered_at"] < "2025-07-01", "before", "after")
    table = orders.pivot_table(index="kind", columns=part, values="amount_eur", aggfunc="sum").loc[list(KINDS)]
    table["lost"] = table["before"] - table["after"]
    return table.assign(fall=table["lost"] / table["before"])


def _lost_by(pick: str, **way: bool) -> Callable[[Source], float]:
    """What the kind with the largest value of ``pick`` lost."""

    def lost(source: Source) -> float:
        table = _halves(source, **way)
        return float(table.loc[table[pick].idxmax(), "lost"])

    return lost


# ---- 9 and 10 who is at risk, and what a call keeps


@functools.lru_cache(maxsize=32)
def _scores(source: Source, *, together: bool = False) -> pd.DataFrame:
    return segments.rfm_scores(segments.rfm_table(source["orders"] if together else _homes(source)))


@functools.lru_cache(maxsize=32)
def _values(source: Source) -> pd.Series:
    """The lifetime value of each private customer at a margin of 1."""
    summary, model = _summary(source)
    columns = (summary[name] for name in ("frequency", "recency", "T", "monetary_value"))
    spend = segments.fit_gamma_gamma(summary)
    values = model.lifetime_value(spend, *columns, months=MONTHS, annual_discount_rate=DISCOUNT)
    return pd.Series(values, index=summary["customer_id"])


def _valued(source: Source, *, margin: float = MARGIN, together: bool = False) -> pd.DataFrame:
    """The private customers at risk, with their lifetime value."""
    scores, values = _scores(source, together=together), _values(source) * margin
    at_risk = scores[(scores["segment"] == "at risk") & scores["customer_id"].isin(values.index)]
    return at_risk.assign(value=at_risk["customer_id"].map(values))


def _kept(worth: pd.Series, *, everybody: bool = False) -> float:
    gain = SAVED * worth - CALL_EUR
    return float(gain.sum() if everybody else gain[gain > 0].sum())


RUBRIC_CALLS = (
    Criterion(
        "the claim follows from the number",
        (
            (
                2,
                "The claim says whom to call and why, and the number carries it.",
                "Call 31 of the 88 at risk: only with them is a fifth of the value above the 2 EUR; together they "
                "bring 140 EUR, while calling all 88 would bring 75 EUR.",
            ),
            (
                1,
                "The claim agrees with the number, but does not say who is left out or why.",
                "Calling the customers at risk earns 140 EUR.",
            ),
            (0, "The claim has nothing to do with the number, or contradicts it.", "Loyal customers deserve a call."),
        ),
    ),
    Criterion(
        "the action can be carried out, and its assumption is tested",
        (
            (
                2,
                "Who does what by when, and how the company will learn whether a call keeps a fifth (some at random "
                "are not called).",
                "The help desk calls the 31 by the end of January; every second one, drawn by lot, is left out, and in "
                "July we compare what both halves ordered.",
            ),
            (1, "Who does what, but nobody learns whether it helped.", "The help desk calls the 31 by January."),
            (0, "No action, or one that nobody could carry out.", "Improve loyalty."),
        ),
    ),
)

RUBRIC_KIND = (
    Criterion(
        "the claim follows from the numbers",
        (
            (
                2,
                "The claim names the kind, and weighs its loss in EUR against the kind whose share fell most.",
                "Homes: they lost 9,400 EUR within half a year. Cafes fell by a larger share, 31 %, but of a smaller "
                "sum, 6,100 EUR.",
            ),
            (1, "The claim names the kind that the number belongs to, and no more.", "Homes lost most."),
            (0, "The claim names another kind than the number.", "All customers matter equally."),
        ),
    ),
    Criterion(
        "the action, and what the number cannot say",
        (
            (
                2,
                "A first step with an owner and a date, and one reason why the loss need not be a fault (some "
                "customers always leave; a half-year is one sample).",
                "The manager rings the ten homes that fell most by 15 February, asks why, and compares the loss with "
                "that of the half-year before, since some always leave.",
            ),
            (1, "A first step, or a caution, but not both.", "The manager calls the ten homes that fell most."),
            (0, "Neither.", "We should keep an eye on it."),
        ),
    ),
)


def _slip(name: str, solve: Callable[[Source], Any], says: str, credit: float = 0.0) -> Misconception:
    return Misconception(name, solve, says, credit=credit)


QUESTIONS = (
    Question(
        name="1",
        title="How long the firms have been silent",
        ask=(
            "How many days ago did a firm (account business) last order? Take each firm's recency in the sense of "
            "rfm_table: the days from its last order day to the last order day of the whole company. Give the median "
            "over the firms."
        ),
        kind="number",
        solve=_silence,
        relative=0,
        absolute=0.05,
        needs=("orders", "customers"),
        level="apply",
        basis="orders of the firms (customers with account business), the last day of each; counted back from the last "
        "day of all orders; the median over the firms.",
        hints=(
            "rfm_table of all orders counts from the company's last order day. Choose the firms afterwards.",
            "The customer_id of the firms stands in customers; isin picks their rows.",
        ),
        misconceptions=(
            _slip(
                "the mean, not the median",
                _silence_mean,
                "This is the mean. Firms that left long ago pull it up; the question asks for the firm in the middle. "
                + STEP,
                0.5,
            ),
            _slip(
                "all customers",
                _silence_of_all,
                "This is the median over all customers, homes too. The question is about firms.",
            ),
            _slip(
                "recency as an age",
                _age_at_last_order,
                "This is the recency of rfm_summary, the days from the first order to the last. The question counts "
                "from the last order to the end.",
            ),
        ),
        alternatives=(_silence_by_table, lambda source: pd.Series([_silence(source)])),
        wrong=(lambda source: -_silence(source) - 1, lambda source: _silence(source) + 1),
    ),
    Question(
        name="2",
        title="What each way of winning customers brought",
        ask=(
            "For each value of acquired_through: how many customers came that way, what revenue did they bring in all "
            "(amount_eur of all their orders), and how much is that per customer? Give a table with the columns "
            "acquired_through, customers, revenue_eur and per_customer_eur, exact or rounded to whole euros."
        ),
        kind="table",
        solve=_by_way,
        points=2,
        relative=0,
        absolute=0.5,
        keys=("acquired_through",),
        needs=("orders", "customers"),
        level="apply",
        basis="customers.acquired_through, joined to orders by customer_id; amount_eur added up, and divided by the "
        "number of customers.",
        hints=(
            "Merge acquired_through into orders, then group by it.",
            "Customers are counted with nunique: most have several orders.",
            "Divide the revenue by the number of customers; a mean over rows is something else.",
        ),
        misconceptions=(
            _slip(
                "per order",
                _per_order,
                "per_customer_eur is the mean amount of an order here. Divide the revenue by the number of customers. "
                + STEP,
                0.5,
            ),
            _slip(
                "orders counted as customers",
                _orders_for_customers,
                "The rows of orders were counted, and most customers have several. Count each customer once.",
            ),
            _slip(
                "margin for revenue",
                _margin_for_revenue,
                "This is margin_eur, what is left after the cost of goods. Revenue is amount_eur. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            _by_way_from_customers,
            lambda source: _by_way(source).round(0),
            lambda source: _by_way(source).iloc[::-1].set_index("acquired_through"),
        ),
        wrong=(
            lambda source: _by_way(source).iloc[1:],
            lambda source: _by_way(source).drop(columns="customers"),
            lambda source: _by_way(source).assign(revenue_eur=lambda table: table["revenue_eur"] / 1000),
        ),
    ),
    Question(
        name="3",
        title="Silence measured by the customer's own pace",
        ask=(
            "Sixty silent days mean nothing for one customer and a lot for another. Write answer_3(orders). The table "
            "orders has customer_id and ordered_at; count days, not hours, and several orders on one day as one. For "
            "each customer with at least three order days return customer_id and overdue: the days from the last order "
            "day to the last day in the table given, divided by the mean number of days from one order day to the next."
        ),
        kind="function",
        returns="table",
        solve=_way(),
        cases=_cases,
        points=3,
        relative=0.001,
        absolute=0.005,
        keys=("customer_id",),
        level="apply",
        basis="the table that the function is given, and nothing else: its order days by customer, and its last day.",
        hints=(
            "The mean of the gaps is (last day - first day) / (number of order days - 1).",
            "ordered_at.dt.normalize() takes off the time of day; nunique counts each day once.",
            "The end is the last day in the table that the function is given, not that of your company.",
        ),
        misconceptions=(
            _slip(
                "every order counts",
                _way(every_order=True),
                "Two orders on one day count as two here. Count the days on which the customer ordered. " + STEP,
                0.5,
            ),
            _slip(
                "one gap too many",
                _way(gaps_too_many=1),
                "Between n order days lie n - 1 gaps, and here the time was divided by n. " + STEP,
                0.5,
            ),
            _slip(
                "two order days are enough",
                _way(fewest=2),
                "Customers with two order days are in the result. The question asks for at least three. " + STEP,
                0.5,
            ),
            _slip(
                "the company's end",
                _by_the_companys_end,
                "The end was taken from your company's orders. A function should use only what it is given: the last "
                "day of its own table. " + STEP,
                0.5,
            ),
            _slip(
                "silence from the first order",
                _way(since_first=True),
                "The time was counted from the first order day. Silence begins with the last.",
            ),
        ),
        alternatives=(_overdue_loop, lambda _: lambda orders: _overdue(orders).round(2)),
        wrong=(
            _gap_by_median,
            lambda _: lambda orders: orders.groupby("customer_id").size().rename("overdue").reset_index(),
        ),
    ),
    Question(
        name="4",
        title="How much hangs on ten firms",
        ask=(
            f"What share of the firms' revenue comes from the {LARGEST} firms that brought most? Give a share between "
            "0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_largest,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("orders", "customers"),
        level="apply",
        basis=f"amount_eur by firm: the {LARGEST} largest sums, divided by the sum over all firms.",
        hints=("Add up amount_eur by customer_id, for firms only.", "nlargest gives the largest values of a Series."),
        misconceptions=(
            _slip(
                "the ten with most orders",
                _most_orders,
                "These are the firms with most orders. Offices order by the calendar and need not bring most.",
            ),
            _slip(
                "a tenth instead of ten",
                _largest_tenth,
                f"This is the largest tenth of the firms. The question is about {LARGEST} of them. {STEP}",
                0.5,
            ),
            _slip(
                "of all revenue",
                _of_all_revenue,
                "The revenue was divided by that of all customers. The question asks for a share of the firms'. "
                f"{STEP}",
                0.5,
            ),
        ),
        alternatives=(
            lambda source: round(_largest(source), 2),
            lambda source: (
                _firms(source).groupby("customer_id")["amount_eur"].sum().sort_values(ascending=False).iloc[:10].sum()
                / _firms(source)["amount_eur"].sum()
            ),
        ),
        wrong=(lambda source: 1 - _largest(source), lambda source: 100 * _largest(source)),
    ),
    Question(
        name="5",
        title="Who still orders three quarters later",
        ask=(
            "Put the private customers into cohorts by the quarter of their first order. Take every cohort for which "
            "the third quarter after it lies within the data (for 2024Q1 it is 2024Q4), all together. What share of "
            "these customers ordered in that third quarter? Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=lambda source: _retained(_homes(source), LATER),
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("orders", "customers"),
        level="analyse",
        basis="orders of private customers by quarter; the cohorts 2024Q1 to 2025Q1; active customers at age 3, "
        "divided by the customers of these cohorts.",
        hints=(
            "retention_table with period Q does the counting; its age is 0 in the quarter of the first order.",
            "Add up active and customers over the cohorts before you divide.",
        ),
        misconceptions=(
            _slip(
                "one quarter too early",
                lambda source: _retained(_homes(source), LATER - 1),
                "This is the second quarter after the cohort's own: the first order's quarter has age 0. " + STEP,
                0.5,
            ),
            _slip(
                "everybody below the line",
                lambda source: _retained(_homes(source), LATER, all_cohorts=True),
                "The last cohorts were divided by, too, and their third quarter is not in the data yet. " + STEP,
                0.5,
            ),
            _slip(
                "firms too",
                lambda source: _retained(_orders(source), LATER),
                "This is the share over all customers. Firms stay in other ways than homes. " + STEP,
                0.5,
            ),
            _slip(
                "came back at any time",
                lambda source: _retained(_homes(source), LATER, or_later=True),
                "This counts everybody who came back in any later quarter. The question asks for one quarter.",
            ),
        ),
        alternatives=(_retained_by_table, lambda source: round(_retained_by_table(source), 2)),
        wrong=(
            lambda source: 1 - _retained_by_table(source),
            lambda source: float(
                segments.retention_table(_homes(source), period="M").query("age == 3 and complete")["retention"].mean()
            ),
        ),
    ),
    Question(
        name="6",
        title="Who looks like a champion, beside whom",
        ask=(
            "Score all customers together (rfm_table and rfm_scores of all orders). For each kind (homes, offices, "
            "cafes): how many customers has it, what share of them is champions, and what share is fading (at risk or "
            "dormant)? Give a table with the columns kind, customers, champions and fading; shares between 0 and 1, "
            "two decimals are enough."
        ),
        kind="table",
        solve=_champions,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("kind",),
        needs=("orders", "customers"),
        level="analyse",
        basis="rfm_scores of rfm_table of all orders, joined to the kind; means of champions, and of at risk or "
        "dormant, within each kind.",
        hints=(
            "Merge the kind into the scores by customer_id.",
            "The mean of a column of true and false is a share.",
            "at risk and dormant together are fading: isin.",
        ),
        misconceptions=(
            _slip(
                "each kind scored alone",
                lambda source: _champions(source, alone=True),
                "Each kind was scored by itself. Scores compare customers with one another, so it matters who is "
                "there: the question scores all together.",
            ),
            _slip(
                "shares of all customers",
                _of_all_customers,
                "The shares are of all customers. The question asks for shares within each kind. " + STEP,
                0.5,
            ),
            _slip(
                "shares of the named segment",
                _of_the_segment,
                "This says which share of the champions are cafes. The question asks which share of the cafes are "
                "champions. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            lambda source: _champions(source).round(2),
            lambda source: _champions(source).set_index("kind").iloc[::-1],
        ),
        wrong=(
            lambda source: _champions(source).iloc[1:],
            lambda source: _champions(source).rename(columns={"champions": "fading", "fading": "champions"}),
        ),
    ),
    Question(
        name="7",
        title="Does the model foresee what came?",
        ask=(
            f"Fit BG/NBD to the private customers' orders up to and including {SPLIT} (in days). How many purchase "
            f"days does it expect of these customers from then to {LAST}, divided by how many came? 1.1 means that it "
            "expects a tenth too many. Two decimals are enough."
        ),
        kind="number",
        solve=_foreseen,
        points=3,
        relative=0,
        absolute=0.0055,
        needs=("orders", "customers"),
        level="analyse",
        basis=f"orders of private customers: rfm_summary up to {SPLIT}, BG/NBD fitted to it, expected_purchases for "
        "184 days, added up; divided by the days with an order after it, of the same customers.",
        hints=(
            "segments.holdout splits the orders; its table holds what the fit needs and what came (holdout_frequency).",
            "expected_purchases takes the length of the time to come: the split's duration.",
            "Add up both sides over all customers, then divide.",
        ),
        misconceptions=(
            _slip(
                "nothing hidden from the model",
                lambda source: _foreseen(source, fitted_to=None),
                "The model has seen all of 2025 and says what comes after it. Fit it to the orders up to the split, "
                "and let it foresee the half-year that you know.",
            ),
            _slip(
                "as if they were new",
                lambda source: _foreseen(source, as_new=True),
                "This is what new customers would do. These have a history: expected_purchases takes it into account.",
            ),
        ),
        alternatives=(_foreseen_by_the_kit, lambda source: round(_foreseen(source), 2)),
        wrong=(
            lambda source: _foreseen(source) - 1,
            lambda source: float(_came(source)),
        ),
    ),
    Question(
        name="8",
        title="Which kind falls fastest",
        ask=(
            "Take the customers who joined in 2024. Compare the revenue of their orders in the second half of 2025 "
            "(July to December) with that in the first half (January to June), for homes, offices and cafes. Which "
            "kind fell by the largest share of its revenue of the first half?"
        ),
        kind="choice",
        choices=KINDS,
        solve=lambda source: str(_halves(source)["fall"].idxmax()),
        points=2,
        needs=("orders", "customers"),
        level="analyse",
        basis="customers.joined_at in 2024; their amount_eur by kind in each half of 2025; the fall divided by the "
        "first half.",
        hints=(
            "joined_at says who joined in 2024. Whoever joined later grows within 2025 only by being new.",
            "Divide the loss of each kind by its own revenue in the first half.",
        ),
        misconceptions=(
            _slip(
                "the largest loss in EUR",
                lambda source: str(_halves(source)["lost"].idxmax()),
                "This kind lost most euros, because it is large. The question asks for the share.",
            ),
            _slip(
                "new customers too",
                lambda source: str(_halves(source, also_new=True)["fall"].idxmax()),
                "With the customers who joined in 2025 it looks so. They cover up what the old ones lost.",
            ),
            _slip(
                "the smallest kind",
                lambda source: str(_halves(source)["before"].idxmin()),
                "This is the kind with the least revenue, which is not the one that fell.",
            ),
        ),
        alternatives=(lambda source: str(_halves(source)["fall"].idxmax()).upper(),),
        wrong=(lambda source: str(_halves(source)["fall"].idxmin()),),
    ),
    Question(
        name="9",
        title="What is still to come from those at risk",
        ask=(
            "Score the private customers alone. What lifetime value, in EUR, do those in the segment at risk have, all "
            f"together, over the next {MONTHS} months? Fit BG/NBD and gamma-gamma to the summary of all private "
            f"customers, in days; the margin is {MARGIN}, the discount rate {DISCOUNT} a year."
        ),
        kind="number",
        solve=lambda source: float(_valued(source)["value"].sum()),
        points=2,
        relative=0.01,
        needs=("orders", "customers"),
        level="analyse",
        basis="rfm_scores of the private customers' orders: those at risk; lifetime_value from BG/NBD and gamma-gamma "
        "fitted to all private customers; added up.",
        hints=(
            "lifetime_value gives one value for each row of the summary. Put them beside its customer_id.",
            "Fit to all private customers, score all private customers, and choose those at risk last.",
        ),
        misconceptions=(
            _slip(
                "revenue, not margin",
                lambda source: float(_valued(source, margin=1.0)["value"].sum()),
                f"This is the revenue to come. Of each euro {MARGIN} is margin. {STEP}",
                0.5,
            ),
            _slip(
                "the money so far",
                lambda source: float(_valued(source)["monetary"].sum()),
                "This is what they spent so far. A lifetime value is what is still to come.",
            ),
            _slip(
                "scored beside the firms",
                lambda source: float(_valued(source, together=True)["value"].sum()),
                "They were scored together with the firms, beside whom hardly any home looks good. " + STEP,
                0.5,
            ),
        ),
        alternatives=(lambda source: round(float(_valued(source)["value"].sum())),),
        wrong=(
            lambda source: float(_valued(source)["value"].mean()),
            lambda source: float(MARGIN * _values(source).sum()),
        ),
    ),
    Question(
        name="10",
        title="Whom to call",
        ask=(
            f"A call to a private customer at risk costs {CALL_EUR} EUR. Suppose that it keeps {SAVED:.0%} of the "
            "customer's lifetime value (as in question 9) that would be lost otherwise. Whom should the company call? "
            "Give a dict with claim, number and action. The number: what the calls bring, less what they cost, in EUR, "
            "if exactly those at risk are called for whom the call pays."
        ),
        kind="decision",
        solve=lambda source: _kept(_valued(source)["value"]),
        points=2,
        relative=0.02,
        needs=("orders", "customers"),
        level="evaluate",
        basis=f"the lifetime value of each private customer at risk (question 9), times {SAVED}, less {CALL_EUR} EUR; "
        "added up where it is above 0.",
        rubric=RUBRIC_CALLS,
        hints=(
            "Work out for each customer at risk what the call brings less its cost.",
            "Who brings less than the call costs is not called, and adds nothing.",
        ),
        misconceptions=(
            _slip(
                "everybody is called",
                lambda source: _kept(_valued(source)["value"], everybody=True),
                "Here everybody at risk is called, those too who bring less than the call costs. " + STEP,
                0.5,
            ),
            _slip(
                "the money so far",
                lambda source: _kept(_valued(source)["monetary"]),
                "A call cannot keep what was spent already. It keeps part of what is still to come.",
            ),
            _slip(
                "revenue, not margin",
                lambda source: _kept(_valued(source, margin=1.0)["value"]),
                f"The call keeps margin, {MARGIN} of each euro. {STEP}",
                0.5,
            ),
        ),
        alternatives=(lambda source: round(_kept(_valued(source)["value"]), 1),),
        wrong=(
            lambda source: float(SAVED * _valued(source)["value"].sum()),
            lambda source: float((SAVED * _valued(source)["value"] > CALL_EUR).sum()) + 0.5,
        ),
    ),
    Question(
        name="11",
        title="Where the manager goes first",
        ask=(
            "The board pays for one manager who looks after one kind of customer. Decide by money: of the customers "
            "who joined in 2024, which kind lost most euros of revenue from the first half of 2025 to the second? Give "
            "a dict with claim, number and action. The number: what this kind lost, in EUR, as a positive number. Say "
            "in the claim how this compares with your answer to question 8."
        ),
        kind="decision",
        solve=_lost_by("lost"),
        also=lambda source: [-_lost_by("lost")(source)],
        points=2,
        relative=0.005,
        absolute=1.0,
        needs=("orders", "customers"),
        level="evaluate",
        basis="amount_eur of the customers who joined in 2024, by kind, in each half of 2025; the largest difference.",
        rubric=RUBRIC_KIND,
        hints=(
            "The table of question 8 has all you need: look at the differences, not at the shares.",
            "A large kind can lose more with a smaller fall.",
        ),
        misconceptions=(
            _slip(
                "the kind that fell fastest",
                _lost_by("fall"),
                "This is what the kind with the largest fall in per cent lost. Another one lost more euros. " + STEP,
                0.5,
            ),
            _slip(
                "new customers too",
                _lost_by("lost", also_new=True),
                "Customers who joined in 2025 are in it; they cover up what the old ones lost.",
            ),
            _slip(
                "year against year",
                _lost_by("lost", years=True),
                "This compares 2025 with 2024, when most of these customers were only just joining.",
            ),
        ),
        alternatives=(lambda source: round(_lost_by("lost")(source)),),
        wrong=(
            lambda source: 100 * float(_halves(source)["fall"].max()),
            lambda source: float(_halves(source)["lost"].sum()) + 5,
        ),
    ),
)


def _plant(rng: np.random.Generator) -> Plant:
    """One kind of customer leaves faster than the others, and another one brings most of the money."""
    losing = str(rng.choice(KINDS))
    big = str(rng.choice([kind for kind in KINDS if kind not in ("homes", losing)]))
    leaves = {kind: rng.uniform(0.4, 0.8) for kind in KINDS}
    leaves |= {big: rng.uniform(1.0, 1.4), losing: rng.uniform(2, 4) if losing != "homes" else rng.uniform(1.4, 1.9)}
    spends = {"homes": rng.uniform(0.9, 1.2), "offices": rng.uniform(0.5, 0.7), "cafes": rng.uniform(0.2, 0.3)}
    spends[big] = rng.uniform(0.9, 1.2) if big == "cafes" else rng.uniform(1.6, 2.0)
    changed = []
    for segment in MODEL.segments:
        kind = {"office": "offices", "cafe": "cafes"}.get(segment.name, "homes")
        changed.append(
            dataclasses.replace(
                segment,
                a=segment.a * leaves[kind],
                share=segment.share * rng.uniform(0.9, 1.1) * (1.2 if kind == "cafes" else 1.0),
                mean_spend=segment.mean_spend * spends[kind] * rng.uniform(0.9, 1.1),
                q=segment.q * rng.uniform(0.7, 1.2),
            )
        )
    return Plant(str(rng.choice(SCENARIOS)), dataclasses.replace(MODEL, segments=tuple(changed)))


def _gap(values: pd.Series) -> float:
    """By how much the largest value leads."""
    first, second = values.nlargest(2)
    return float(first - second)


def _unfit(company: Company) -> Sequence[str]:
    source = source_of(ASSIGNMENT, company.tables)
    orders, halves = _orders(source), _halves(source)
    why = []
    joined = _customers(source).query("joined_at < '2025-01-01'")["kind"].value_counts()
    if joined.min() < 40:
        why.append(f"only {joined.min()} {joined.idxmin()} joined in 2024")
    if orders.groupby("kind")["day"].max().min() < pd.Timestamp(LAST) - pd.Timedelta(days=3):
        why.append("a kind stops ordering before the end")
    if _homes(source)["day"].max() < pd.Timestamp(LAST) or orders["day"].max() < pd.Timestamp(LAST):
        why.append("no private order on the last day")
    if _gap(halves["fall"]) < 0.04:
        why.append("two kinds fall alike")
    if _gap(halves["lost"]) < 0.1 * halves["lost"].max():
        why.append("two kinds lose alike")
    if halves["lost"].max() < 500:
        why.append("no kind loses money")
    if halves["lost"].idxmax() == halves["fall"].idxmax():
        why.append("the kind that falls fastest loses most")
    if why:
        return why
    try:
        at_risk = _valued(source)
        if len(at_risk) < 25:
            why.append(f"only {len(at_risk)} private customers at risk")
        elif not 5 <= int((SAVED * at_risk["value"] > CALL_EUR).sum()) <= len(at_risk) - 5:
            why.append("a call pays for nearly all or nearly none")
        return why or coinciding(QUESTIONS, source)
    except segments.ConvergenceError:
        return ["the orders do not determine the model"]


def _difficulty(company: Company) -> Mapping[str, float]:
    source = source_of(ASSIGNMENT, company.tables)
    halves = _halves(source)
    return {
        "lead of the fastest fall (points)": 100 * _gap(halves["fall"]),
        "lead of the largest loss (share)": _gap(halves["lost"]) / float(halves["lost"].max()),
        "private customers at risk": float(len(_valued(source))),
    }


ASSIGNMENT = Assignment(
    name="segments",
    title="Which customers does your company live on, and which is it losing?",
    minutes=100,
    questions=QUESTIONS,
    tables=("customers", "orders"),
    plant=_plant,
    unfit=_unfit,
    difficulty=_difficulty,
    n_customers=1000,
)
