"""The questions of the lesson on loyalty: does the programme pay, and what does it owe?"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crkit import datasets, loyalty
from crkit.intervals import wilson
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from crkit.datasets import Source

SOON_DAYS = 90
POINT_EUR = 0.05
EXPECTED = 0.85
EFFECT_EUR = 5.0
GOLD_EUR, LOWER_EUR = 300.0, 200.0
CAMPAIGN = 13
WEEKS = 8
SALES = ("it raises sales", "it lowers sales", "these data cannot tell")
COMPARISONS = ("sent and not sent", "before and after", "the difference of the changes", "none of these")


@functools.lru_cache(maxsize=8)
def _books(source: Source) -> loyalty.Books:
    return loyalty.keep_books(source["points"])


# ---- 9.1 what became of old points


def _lapsed(source: Source, year: int | None = 2024) -> float:
    lots = _books(source).lots
    some = lots if year is None else lots[lots["issued_on"].dt.year == year]
    return float(some["expired"].sum() / some["issued"].sum())


def _lapsed_of_settled(source: Source) -> float:
    totals = _books(source).customers[["redeemed", "expired"]].sum()
    return float(totals["expired"] / totals.sum())


def _lapsed_by_lot(source: Source) -> float:
    lots = _books(source).lots
    some = lots[lots["issued_on"].dt.year == 2024]
    return float((some["expired"] / some["issued"]).mean())


def _lapsed_of_earned(source: Source) -> float:
    points, lots = source["points"], _books(source).lots
    earned = (points["kind"] == "earn") & (points["booked_at"].dt.year == 2024)
    return float(lots.loc[lots["issued_on"].dt.year == 2024, "expired"].sum() / points.loc[earned, "points"].sum())


def _lapsed_from_uses(source: Source) -> float:
    points, uses = source["points"], _books(source).uses
    issued = points.loc[(points["points"] > 0) & (points["booked_at"].dt.year == 2024), "points"].sum()
    lapsed = uses[(uses["kind"] == "expire") & (uses["issued_on"].dt.year == 2024)]
    return float(lapsed["points"].sum() / issued)


# ---- 9.2 what customers hold on a day


def _held(points: pd.DataFrame, day: pd.Timestamp) -> int:
    """What question 9.2 asks for."""
    return int(points.loc[points["booked_at"] < day + pd.Timedelta(days=1), "points"].sum())


def _day_cases(source: Source) -> list[tuple[Any, ...]]:
    tiny = pd.DataFrame(
        {
            "entry_id": [1, 2, 3, 4],
            "customer_id": [7, 7, 8, 7],
            "booked_at": pd.to_datetime(
                ["2025-03-01 10:00", "2025-03-05 23:59", "2025-03-06 00:00", "2025-04-01 08:00"]
            ),
            "kind": ["earn", "redeem", "earn", "expire"],
            "points": [120, -100, 40, -20],
        }
    )
    own = source["points"][["entry_id", "customer_id", "booked_at", "kind", "points"]]
    middle = own["booked_at"].iloc[len(own) // 2].normalize()
    return [(tiny, pd.Timestamp("2025-03-05")), (tiny, pd.Timestamp("2025-03-06")), (own, middle)]


# ---- 9.3 what is about to expire


def _expiring(source: Source, column: str = "left", days: int | None = SOON_DAYS) -> int:
    books = _books(source)
    lots = books.lots
    soon = lots["expires_on"] > books.as_of
    if days is not None:
        soon &= lots["expires_on"] <= books.as_of + pd.Timedelta(days=days)
    return int(lots.loc[soon, column].sum())


def _expiring_by_hand(source: Source) -> int:
    points = source["points"]
    last = points["booked_at"].max().normalize()
    lots = points[points["points"] > 0].sort_values(["customer_id", "expires_at", "entry_id"])
    gone = -points[points["points"] < 0].groupby("customer_id")["points"].sum()
    until = lots.groupby("customer_id")["points"].cumsum()
    left = (until - lots["customer_id"].map(gone).fillna(0)).clip(lower=0).clip(upper=lots["points"])
    until_day = lots["expires_at"].dt.normalize()
    return int(left[(until_day > last) & (until_day <= last + pd.Timedelta(days=SOON_DAYS))].sum())


# ---- 9.4 to 9.6 what it owes


def _quarter(source: Source) -> int:
    points = source["points"]
    spring = points["booked_at"].between("2024-04-01", "2024-06-30 23:59:59")
    return int(points.loc[spring & (points["kind"] == "earn"), "points"].sum())


def _allocated(source: Source, value: float = POINT_EUR * EXPECTED) -> float:
    sales = float(_quarter(source))
    return sales * (sales * value) / (sales + sales * value)


@functools.lru_cache(maxsize=8)
def _ladder(source: Source) -> loyalty.ChainLadder:
    return loyalty.chain_ladder(loyalty.redemption_triangle(_books(source), period="M"))


def _cohort(source: Source) -> pd.Series:
    """The last month but two: the one that question 9.5 asks about."""
    return _ladder(source).table.iloc[-3]


def _by_factors(source: Source, last: int | None = None) -> float:
    cohort = _cohort(source)
    factors = _ladder(source).factors.iloc[int(cohort["age"]) : last]
    most = float(cohort["redeemed"] + _ladder(source).triangle.open.iloc[-3])
    return min(float(cohort["redeemed"] * factors.prod()), most) / float(cohort["issued"])


def _earned(allocated: float, redeemed: Sequence[float], expected: Sequence[float]) -> float:
    before = redeemed[-2] / expected[-2] if len(redeemed) > 1 else 0.0
    return allocated * (redeemed[-1] / expected[-1] - before)


def _piecewise(allocated: float, redeemed: Sequence[float], expected: Sequence[float]) -> float:
    before = redeemed[-2] if len(redeemed) > 1 else 0.0
    return allocated * (redeemed[-1] - before) / expected[-1]


def _earned_cases(_: Source) -> list[tuple[Any, ...]]:
    return [
        (8676.0, [4500.0], [9500.0]),
        (8676.0, [4500.0, 8500.0], [9500.0, 9700.0]),
        (1000.0, [100.0, 300.0, 450.0], [800.0, 700.0, 500.0]),
        (8676.0, [4500.0, 4600.0], [9500.0, 10_000.0]),
    ]


# ---- 9.7 to 9.9 does it pay


def _of_members(source: Source, *, everybody: bool = False) -> pd.DataFrame:
    orders, points = source["orders"], source["points"]
    earning = points.loc[points["kind"] == "earn", "order_id"].dropna()
    return orders if everybody else orders[orders["order_id"].isin(earning)]


def _shares(source: Source, *, everybody: bool = False) -> tuple[float, float]:
    """Margin before rewards and rewards, as shares of the sales."""
    orders = _of_members(source, everybody=everybody)
    sales, rewards = orders["amount_eur"].sum(), orders["discount_eur"].sum()
    return float((orders["margin_eur"].sum() + rewards) / sales), float(rewards / sales)


def _lift(source: Source, *, everybody: bool = False) -> float:
    margin, cost = _shares(source, everybody=everybody)
    return cost / (margin - cost)


@functools.lru_cache(maxsize=8)
def _table(source: Source) -> pd.DataFrame:
    return loyalty.programme_table(source["customers"], source["orders"])


@functools.lru_cache(maxsize=8)
def _effect(source: Source) -> loyalty.ProgrammeEffect:
    return loyalty.programme_effect(_table(source))


def _effect_by_hand(source: Source, *, everybody: bool = True, first: bool = False) -> float:
    customers, orders = source["customers"], source["orders"]
    order = orders.sort_values(["customer_id", "ordered_at"])
    later = order if first else order[order.duplicated("customer_id")]
    brought = customers["customer_id"].map(later.groupby("customer_id")["margin_eur"].sum())
    brought = brought.fillna(0.0) if everybody else brought
    arm = customers["loyalty_arm"].astype(str)
    return float(brought[arm == "invited"].mean() - brought[arm == "holdout"].mean())


def _as_treated(source: Source) -> float:
    table = _table(source)
    return float(table.loc[table["enrolled"], "outcome"].mean() - table.loc[~table["invited"], "outcome"].mean())


@functools.lru_cache(maxsize=8)
def _on_sales(source: Source) -> loyalty.ProgrammeEffect:
    table = loyalty.programme_table(source["customers"], source["orders"], outcome="amount_eur")
    return loyalty.programme_effect(table)


def _verdict(source: Source) -> str:
    found = _on_sales(source).adjusted
    return SALES[0] if found.lower > 0 else SALES[1] if found.upper < 0 else SALES[2]


def _by_sign(source: Source) -> str:
    return SALES[0] if _on_sales(source).adjusted.estimate > 0 else SALES[1]


# ---- 9.10 designs


@functools.lru_cache(maxsize=8)
def _people(source: Source) -> loyalty.People:
    return loyalty.people(source["customers"], source["orders"])


def _with_gold(from_eur: float) -> loyalty.Design:
    return loyalty.Design(f"from {from_eur:g}", tiers=(loyalty.Tier("gold", from_eur),))


@functools.lru_cache(maxsize=32)
def _lived(source: Source, from_eur: float, seed: int = 0) -> pd.Series:
    return loyalty.compare_designs([_with_gold(from_eur)], _people(source), seed=seed).table.iloc[0]


def _lower_adds(source: Source, *, column: str = "profit_eur", other_seed: int = 0) -> float:
    return float(_lived(source, LOWER_EUR)[column] - _lived(source, GOLD_EUR, other_seed)[column])


def _compared(source: Source) -> float:
    designs = [_with_gold(LOWER_EUR), _with_gold(GOLD_EUR)]
    return -float(loyalty.compare_designs(designs, _people(source)).differences["difference_eur"].iloc[0])


# ---- 9.11, 9.Q4 the grocery households


@functools.cache
def _weeks() -> pd.DataFrame:
    return datasets.load("complete_journey")


def _taken_off(_: Source | None = None, *, of: str = "shelf") -> float:
    weeks = _weeks()
    shelf = weeks["sales_usd"] + weeks["loyalty_discount_usd"] + weeks["coupon_match_usd"]
    if of == "households":
        each = pd.DataFrame({"off": weeks["loyalty_discount_usd"], "shelf": shelf}).groupby(weeks["household_id"]).sum()
        return float((each["off"] / each["shelf"]).mean())
    return float(weeks["loyalty_discount_usd"].sum() / (weeks["sales_usd"] if of == "sales" else shelf).sum())


@functools.cache
def _campaign() -> loyalty.Contrast:
    weeks, campaigns = _weeks(), datasets.load("complete_journey_campaigns")
    sent = campaigns[campaigns["campaign"] == CAMPAIGN]
    first = weeks["week_starts"].min()
    return loyalty.campaign_contrast(
        weeks.assign(week=(weeks["week_starts"] - first).dt.days // 7),
        sent["household_id"],
        starts=(sent["starts_on"].iloc[0] - first).days // 7,
        periods=WEEKS,
        amount="sales_usd",
    )


def _believed(_: Source) -> str:
    return COMPARISONS[2] if _campaign().holds else COMPARISONS[3]


# ---- 9.Q1 to 9.Q3


def _joined(source: Source) -> tuple[int, int]:
    invited = source["customers"][source["customers"]["loyalty_arm"].astype(str) == "invited"]
    return int(invited["enrolled_at"].notna().sum()), len(invited)


def _enrolled(source: Source, end: int = 0, *, private: bool = False) -> float:
    joined, invited = _joined(source)
    if private:
        invited = int((source["customers"]["account"].astype(str) == "private").sum())
    return float(wilson(joined, invited)[end])


def _by_tier(source: Source, *, holders: bool = False) -> pd.DataFrame:
    customers = source["customers"]
    members = customers[customers["tier"].astype(str).isin(["member", "gold"])]
    held = members["customer_id"].map(source["points"].groupby("customer_id")["points"].sum()).fillna(0)
    some = held > 0 if holders else held.notna()
    means = held[some].groupby(members["tier"].astype(str)).mean()
    return means.rename("points").rename_axis("tier").reset_index()


def _more_customers(source: Source) -> float:
    return (_effect(source).detectable_eur / EFFECT_EUR) ** 2


QUESTIONS = (
    Question(
        name="9.1",
        title="What became of old points",
        ask="Of the points issued in 2024, earned or given by hand, what share has expired by the end of the ledger?",
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("points",),
        solve=_lapsed,
        means="These points have had their year, so this share is settled. That of all points is not.",
        hints=(
            "keep_books(points) has lots: one row for what was issued by one entry, with issued_on and expired.",
            "Keep the lots of 2024, add up both columns, and divide.",
        ),
        misconceptions=(
            Misconception(
                "of all points",
                functools.partial(_lapsed, year=None),
                "This divides by all points ever issued. The young ones have not had time to expire.",
            ),
            Misconception(
                "of those used or expired",
                _lapsed_of_settled,
                "This divides by the points that are used or expired already. Those that are used fast come first, so "
                "it is too low.",
            ),
            Misconception(
                "of points earned",
                _lapsed_of_earned,
                "This divides by the points of the kind earn. Points given by hand were issued too, and expire too.",
            ),
            Misconception(
                "mean of the lots' shares",
                _lapsed_by_lot,
                "This gives a lot of few points the same weight as one of many. Add up first, then divide.",
            ),
        ),
        alternatives=(_lapsed_from_uses,),
        wrong=(lambda source: 1 - _lapsed(source), lambda source: _lapsed(source) + 0.01),
    ),
    Question(
        name="9.2",
        title="At the end of a day",
        ask=(
            "Write held(points, day). The table points has booked_at and points; day is a pd.Timestamp at midnight. "
            "Return how many points all customers together held at the end of that day."
        ),
        kind="function",
        returns="number",
        cases=_day_cases,
        points=2,
        relative=0,
        absolute=0.5,
        needs=("points",),
        solve=lambda _: _held,
        means="With it you can draw what was held on any day, and check the balance that the accounts show.",
        hints=(
            "Keep the entries that were booked before the next day begins.",
            "The next day is day + pd.Timedelta(days=1). Then add up the column points.",
        ),
        misconceptions=(
            Misconception(
                "cut off at midnight",
                lambda _: lambda points, day: int(points.loc[points["booked_at"] <= day, "points"].sum()),
                "A day without a time is its first moment, so this leaves out what was booked during the day.",
            ),
            Misconception(
                "no cut-off",
                lambda _: lambda points, _day: int(points["points"].sum()),
                "This adds up the whole ledger, whatever the day is.",
            ),
            Misconception(
                "only points added",
                lambda _: lambda points, day: _held(points[points["points"] > 0], day),
                "This is what was issued by then. Take off what was redeemed and what expired.",
            ),
        ),
        alternatives=(
            lambda _: lambda points, day: points.loc[points["booked_at"].dt.normalize() <= day, "points"].sum(),
            lambda _: lambda points, day: loyalty.keep_books(points, as_of=day).outstanding,
        ),
        wrong=(
            lambda _: lambda points, day: _held(points, day) + 1,
            lambda _: lambda points, day: (points["booked_at"] <= day).sum(),
        ),
    ),
    Question(
        name="9.3",
        title="About to expire",
        ask=(
            f"If nobody used any more points: how many of those held at the end of the ledger would expire within "
            f"the next {SOON_DAYS} days?"
        ),
        kind="number",
        relative=0,
        absolute=0.5,
        points=2,
        needs=("points.expires_at",),
        solve=_expiring,
        means="These are the customers to write to, if you want the points to be used. Do you?",
        hints=(
            "keep_books(points) gives lots: what was issued, when it expires, and what is left of it.",
            "Keep the lots whose expires_on lies after as_of and not later than the last of these days.",
        ),
        misconceptions=(
            Misconception(
                "issued, not left",
                functools.partial(_expiring, column="issued"),
                "This counts whole lots. Part of them is used already: add up what is left.",
            ),
            Misconception(
                "all that is held",
                functools.partial(_expiring, days=None),
                "This is everything that will ever expire. Keep the lots whose last day comes soon.",
            ),
        ),
        alternatives=(_expiring_by_hand,),
        wrong=(lambda source: _expiring(source) + 1, lambda source: -1 - _expiring(source)),
    ),
    Question(
        name="9.4",
        title="What the points took of the price",
        ask=(
            "Take the points earned from April to June 2024. A euro of sales earned one point; a point takes "
            f"{POINT_EUR} EUR off a later price, and {EXPECTED:.0%} of the points were expected to be used. How many "
            "euros of these sales are allocated to the points?"
        ),
        kind="number",
        relative=0.002,
        points=2,
        needs=("points",),
        solve=_allocated,
        means="So much of these sales was not yet earned when the money came in.",
        hints=(
            "Sales of S euros earn S points. What would the points cost alone, if only those count that will be used?",
            "allocate(price, goods_eur=..., points_eur=...) shares the price in proportion to the two.",
        ),
        misconceptions=(
            Misconception(
                "face value",
                lambda source: _quarter(source) * POINT_EUR,
                "This is what the points would cost if all were used. Count those that will be, and share the price.",
            ),
            Misconception(
                "not shared",
                lambda source: _quarter(source) * POINT_EUR * EXPECTED,
                "This is what the points would cost alone. The customer paid one price for goods and points: share it "
                "in proportion.",
            ),
            Misconception(
                "breakage forgotten",
                functools.partial(_allocated, value=POINT_EUR),
                "This counts every point as if it would be used. Count only those that are expected to be.",
            ),
        ),
        alternatives=(
            lambda source: (
                loyalty.allocate(
                    _quarter(source), goods_eur=_quarter(source), points_eur=_quarter(source) * POINT_EUR * EXPECTED
                ).points_eur
            ),
            lambda source: 1.0015 * _allocated(source),
        ),
        wrong=(lambda source: _quarter(source) - _allocated(source), lambda source: 1.01 * _allocated(source)),
    ),
    Question(
        name="9.5",
        title="How many will be used",
        ask=(
            "Make the redemption triangle by months. Of the points issued in its last month but two, what share will "
            "be redeemed in the end, by the chain ladder?"
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        points=2,
        needs=("points",),
        solve=lambda source: float(_cohort(source)["rate"]),
        means="A cohort is judged by how older ones went on, not by what it has done so far.",
        hints=(
            "chain_ladder(redemption_triangle(keep_books(points), period='M')) has a table with one row a month.",
            "By hand: multiply what is redeemed so far with the factors of all ages still to come, but take no more "
            "than is still held; divide by issued.",
        ),
        misconceptions=(
            Misconception(
                "redeemed so far",
                lambda source: float(_cohort(source)["redeemed"] / _cohort(source)["issued"]),
                "This is the share redeemed so far. These points are young: more of them will be used.",
            ),
            Misconception(
                "one step only",
                lambda source: _by_factors(source, last=int(_cohort(source)["age"]) + 1),
                "This goes one month on. Multiply the factors of all ages still to come.",
            ),
            Misconception(
                "all months together",
                lambda source: _ladder(source).rate.estimate,
                "This is the rate of all months together. The question asks for one.",
            ),
            Misconception(
                "all months together",
                lambda source: loyalty.chain_ladder(loyalty.redemption_triangle(_books(source))).rate.estimate,
                "This is the rate of all quarters together. The question asks for one month.",
            ),
        ),
        alternatives=(_by_factors, lambda source: round(float(_cohort(source)["rate"]), 4)),
        wrong=(lambda source: 1 - float(_cohort(source)["rate"]), lambda source: float(_cohort(source)["rate"]) + 0.1),
    ),
    Question(
        name="9.6",
        title="Revenue of a period",
        ask=(
            "Write earned(allocated, redeemed, expected). allocated are the euros allocated to some points. redeemed "
            "and expected are lists with one number a period: points used in all by its end, and points expected to be "
            "used in all, as estimated then. Return the revenue of the last period in the lists."
        ),
        kind="function",
        returns="number",
        cases=_earned_cases,
        points=3,
        relative=0,
        absolute=0.01,
        needs=("points",),
        solve=lambda _: _earned,
        means="The allocation stands; a new expectation changes what is earned to date, and the period takes the rest.",
        hints=(
            "Revenue to date is the allocation times redeemed divided by expected, both in all and of the same date.",
            "The revenue of a period is revenue to date less what was revenue to date one period before.",
            "In a list, [-1] is the last and [-2] the one before; the first period has none before it.",
        ),
        misconceptions=(
            Misconception(
                "to date",
                lambda _: lambda allocated, redeemed, expected: allocated * redeemed[-1] / expected[-1],
                "This is the revenue since the beginning. Take off what was earned before this period.",
            ),
            Misconception(
                "this period's points by the new expectation",
                lambda _: _piecewise,
                "This leaves what was earned earlier as it was. When the expectation changes, revenue to date changes "
                "too, and the difference belongs to this period.",
            ),
            Misconception(
                "the first expectation kept",
                lambda _: (
                    lambda allocated, redeemed, expected: _earned(allocated, redeemed, [expected[0]] * len(redeemed))
                ),
                "This keeps the first expectation. Only the allocation is fixed; the expectation is that of each date.",
            ),
        ),
        alternatives=(
            lambda _: (
                lambda allocated, redeemed, expected: loyalty.recognise(allocated, redeemed, expected)[
                    "revenue_eur"
                ].iloc[-1]
            ),
        ),
        wrong=(
            lambda _: lambda allocated, redeemed, expected: allocated - _earned(allocated, redeemed, expected),
            lambda _: lambda allocated, _redeemed, _expected: allocated,
            lambda _: lambda allocated, redeemed, expected: max(0.0, _earned(allocated, redeemed, expected)),
        ),
    ),
    Question(
        name="9.7",
        title="What it must bring",
        ask=(
            "Take the orders that earned points. By how much more than without the programme must members spend for it "
            "to pay for the rewards taken off these orders? Use the margin before rewards; margin_eur is after them."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        points=2,
        needs=("orders.margin_eur", "orders.discount_eur", "points.order_id"),
        solve=_lift,
        means="Below this lift the programme is a price cut for people who would have bought anyway.",
        hints=(
            "An order earned points if an entry of the kind earn names it in order_id.",
            "m is (margin_eur + discount_eur) by amount_eur, c is discount_eur by amount_eur, each added up first.",
            "break_even_lift(m, c).",
        ),
        misconceptions=(
            Misconception(
                "the cost itself",
                lambda source: _shares(source)[1],
                "This is the cost as a share of the sales. Only the margin of an additional euro can pay for it.",
            ),
            Misconception(
                "the reward is free on the additional sales",
                lambda source: _shares(source)[1] / _shares(source)[0],
                "This divides by the margin before rewards. The additional euros earn rewards too: divide by what is "
                "left of the margin.",
            ),
            Misconception(
                "rewards taken off twice",
                lambda source: _shares(source)[1] / (_shares(source)[0] - 2 * _shares(source)[1]),
                "The column margin_eur is after rewards. Taken as m, it loses them twice.",
            ),
            Misconception(
                "all orders",
                functools.partial(_lift, everybody=True),
                "This spreads the rewards over the orders of everybody, firms too. Only members must bring the lift.",
            ),
        ),
        alternatives=(lambda source: loyalty.break_even_lift(*_shares(source)),),
        wrong=(lambda source: 1 - _lift(source), lambda source: _lift(source) / 2),
    ),
    Question(
        name="9.8",
        title="What it brings, by the holdout",
        ask=(
            "How much more margin did a customer bring who was invited than one who was held out, after the first "
            "order and over all of the data? Give the plain difference of the two means, in EUR, without adjustment."
        ),
        kind="number",
        relative=0,
        absolute=0.01,
        points=2,
        needs=("orders.margin_eur", "customers.loyalty_arm"),
        solve=lambda source: _effect(source).per_customer.estimate,
        means="Who was invited was drawn by lot, so chance is all that stands between this number and the effect.",
        hints=(
            "programme_table(customers, orders) has one row for each customer who was invited or held out.",
            "Compare by the column invited, not by enrolled.",
        ),
        misconceptions=(
            Misconception(
                "members against the others",
                lambda source: _effect(source).naive.estimate,
                "This compares those who joined with those who did not. Good customers join: it finds them, not the "
                "effect.",
            ),
            Misconception(
                "turned round",
                lambda source: -_effect(source).per_customer.estimate,
                "This is the held out less the invited. The question asks for it the other way round.",
            ),
            Misconception(
                "only those who came again",
                functools.partial(_effect_by_hand, everybody=False),
                "This leaves out the customers without a later order. They brought nothing, and nothing counts: "
                "whether they come again is part of the effect.",
            ),
            Misconception(
                "first order included",
                functools.partial(_effect_by_hand, first=True),
                "This counts the first order too. It came before the invitation, so no programme can have moved it.",
            ),
            Misconception(
                "members against the holdout",
                _as_treated,
                "This drops the invited who did not join. Those who are left are the better half of their group; keep "
                "the groups as they were drawn.",
            ),
            Misconception(
                "effect on those who joined",
                lambda source: _effect(source).enrolled.estimate,
                "This is the effect on a member. The question asks for a customer who was invited, joined or not.",
            ),
            Misconception(
                "adjusted",
                lambda source: _effect(source).adjusted.estimate,
                "This is the adjusted estimate, which is the better one to report. The question asks for the plain "
                "difference.",
            ),
        ),
        alternatives=(_effect_by_hand,),
        wrong=(
            lambda source: _effect(source).per_customer.estimate + 1,
            lambda source: 1000 - _effect(source).per_customer.estimate,
        ),
    ),
    Question(
        name="9.9",
        title="What may be said",
        ask=(
            "Take sales for the outcome (amount_eur). Look at the adjusted effect per customer invited and its 95 % "
            f"interval. What may the company say of its programme? One of: {'; '.join(SALES)}."
        ),
        kind="choice",
        choices=SALES,
        needs=("orders.margin_eur", "customers.loyalty_arm"),
        solve=_verdict,
        means=(
            "Only an interval that lies wholly on one side of zero lets the company say which way. One that holds zero "
            "rules out neither a rise, nor a fall, nor that it does nothing."
        ),
        hints=(
            "programme_table takes outcome='amount_eur'; programme_effect(table).adjusted has lower and upper.",
            "If the interval holds zero, both directions remain possible.",
        ),
        misconceptions=(
            Misconception(
                "members buy more",
                lambda source: SALES[0] if _on_sales(source).naive.lower > 0 else SALES[2],
                "Members do buy more than others, and did before they joined. That is no effect.",
            ),
            Misconception(
                "the estimate alone",
                _by_sign,
                "The estimate has this sign, but with other customers drawn it could well have the other one. Look at "
                "the whole interval.",
            ),
        ),
        alternatives=(lambda source: f" {_verdict(source).upper()} ",),
        wrong=(
            lambda source: next(one for one in SALES if one != _verdict(source)),
            lambda _: "it raises the sales of the best customers",
        ),
    ),
    Question(
        name="9.10",
        title="What a lower threshold adds",
        ask=(
            "Under the assumptions as they are, over 24 months: how much more profit does a programme bring with a "
            f"tier gold from {LOWER_EUR:g} EUR than the same one with gold from {GOLD_EUR:g} EUR? Let the same "
            "customers, people(customers, orders), live through both, with seed 0."
        ),
        kind="number",
        relative=1e-3,
        points=2,
        needs=("orders.margin_eur", "customers"),
        solve=_lower_adds,
        means="The same customers with the same orders lived through both, so much of the chance cancels.",
        hints=(
            "Design('one name', tiers=(Tier('gold', from_eur),)), and another; everything else stays as it is.",
            "compare_designs([...], who) has differences: profit of the one less that of the other.",
        ),
        misconceptions=(
            Misconception(
                "other customers for each",
                functools.partial(_lower_adds, other_seed=1),
                "Here each design met its own draws, so part of the difference is luck. Give both the same seed.",
            ),
            Misconception(
                "margin alone",
                functools.partial(_lower_adds, column="extra_margin_eur"),
                "This is the additional margin. Rewards, and what is still owed, come off it.",
            ),
            Misconception(
                "turned round",
                lambda source: -_lower_adds(source),
                "This is the higher threshold less the lower one. The question asks for it the other way round.",
            ),
        ),
        alternatives=(_compared,),
        wrong=(lambda source: _lower_adds(source) + 10, lambda source: 1.01 * _lower_adds(source) + 5),
    ),
    Question(
        name="9.11",
        title="What a loyalty card takes off",
        ask=(
            "In datasets.load('complete_journey'): what share of the shelf price did the loyalty card take off? The "
            "shelf price is sales_usd + loyalty_discount_usd + coupon_match_usd."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=(),
        solve=_taken_off,
        means="The retailer gives this to everybody with a card, so nothing in these data can say what it brings.",
        hints=(
            "Add up each column over all rows first.",
            "Divide what the card took off by the sum of the three columns.",
        ),
        misconceptions=(
            Misconception(
                "of the sales",
                functools.partial(_taken_off, of="sales"),
                "This divides by what was paid, when the discount is already gone. Divide by the shelf price.",
            ),
            Misconception(
                "mean of the households' shares",
                functools.partial(_taken_off, of="households"),
                "This gives a household that hardly buys the same weight as a large one. Add up first, then divide.",
            ),
        ),
        alternatives=(lambda _: np.float64(_taken_off()),),
        wrong=(lambda _: 1 - _taken_off(), lambda _: _taken_off() / 2),
    ),
    Question(
        name="9.Q1",
        title="How many join",
        ask="What share of the invited enrolled? Give the lower end of its 95 % interval (Wilson).",
        kind="number",
        share=True,
        relative=0,
        absolute=0.0005,
        needs=("customers.loyalty_arm",),
        solve=_enrolled,
        means="The effect on a member is the effect on the invited, divided by this share.",
        hints=(
            "Who was invited stands in loyalty_arm; enrolled_at is empty for those who never joined.",
            "crkit.intervals has wilson(successes, n), which gives both ends.",
        ),
        misconceptions=(
            Misconception(
                "the share itself",
                lambda source: _joined(source)[0] / _joined(source)[1],
                "This is the share itself. The question asks for the lower end of its interval.",
            ),
            Misconception("upper end", functools.partial(_enrolled, end=1), "This is the upper end of the interval."),
            Misconception(
                "of all private customers",
                functools.partial(_enrolled, private=True),
                "This divides by all private customers. Those who were held out could not join.",
            ),
        ),
        alternatives=(lambda source: wilson(*_joined(source))[0], lambda source: round(_enrolled(source), 4)),
        wrong=(lambda source: 1 - _enrolled(source), lambda source: _enrolled(source) / 2),
    ),
    Question(
        name="9.Q2",
        title="What the tiers hold",
        ask=(
            "How many points does a customer of each tier (member and gold) hold on average at the end of the ledger, "
            "those with none included? Give a table with the columns tier and points. One decimal is enough."
        ),
        kind="table",
        keys=("tier",),
        relative=1e-4,
        absolute=0.051,
        needs=("points", "customers.tier"),
        solve=_by_tier,
        means="Times the number of members, these means say to which tier the programme owes most.",
        hints=(
            "Add up the points of each customer, and bring them to the customers of the two tiers.",
            "A member without an entry holds no points: fill the gap with zero before you take the mean.",
        ),
        misconceptions=(
            Misconception(
                "holders only",
                functools.partial(_by_tier, holders=True),
                "This leaves out the members who hold nothing, so the mean is too high.",
            ),
        ),
        alternatives=(
            lambda source: _by_tier(source).set_index("tier")["points"],
            lambda source: _by_tier(source).round(1),
        ),
        wrong=(
            lambda source: _by_tier(source).assign(points=lambda table: table["points"] + 10),
            lambda source: _by_tier(source).iloc[:1],
        ),
    ),
    Question(
        name="9.Q3",
        title="How many customers it would take",
        ask=(
            "programme_effect says which effect such a holdout finds four times in five (detectable_eur). How many "
            f"times as many customers would it take to find an effect of {EFFECT_EUR:g} EUR a customer as surely?"
        ),
        kind="number",
        relative=0.005,
        needs=("orders.margin_eur", "customers.loyalty_arm"),
        solve=_more_customers,
        means="Ask this before you plan a test. If you will never have as many customers, test something larger.",
        hints=(
            "The standard error falls with the square root of the number of customers.",
            "So half the effect takes four times the customers.",
        ),
        misconceptions=(
            Misconception(
                "in proportion",
                lambda source: _effect(source).detectable_eur / EFFECT_EUR,
                "This takes the error to fall in proportion to the customers. It falls with their square root.",
            ),
        ),
        alternatives=(lambda source: float(np.square(_effect(source).detectable_eur / EFFECT_EUR)),),
        wrong=(lambda source: 1.1 * _more_customers(source), lambda source: _effect(source).detectable_eur),
    ),
    Question(
        name="9.Q4",
        title="What a campaign without a holdout shows",
        ask=(
            f"Complete Journey, campaign {CAMPAIGN}, windows of {WEEKS} weeks: which comparison may be called the "
            f"campaign's effect on weekly sales? One of: {'; '.join(COMPARISONS)}."
        ),
        kind="choice",
        choices=COMPARISONS,
        needs=(),
        solve=_believed,
        means=(
            "The placebo is not zero: the two groups did not move alike before it, be it by themselves or by an "
            "earlier campaign that went to many of the same households. Either way the difference is not believed."
        ),
        hints=(
            "Number the weeks from 0, take the households that the campaign was sent to, and run campaign_contrast.",
            "Look at the placebo first: the same comparison one window earlier, before this campaign began.",
        ),
        misconceptions=(
            Misconception(
                "the largest number",
                lambda _: COMPARISONS[0],
                "Those it was sent to bought more all year: it was sent to good customers.",
            ),
            Misconception(
                "before and after",
                lambda _: COMPARISONS[1],
                "Everybody's sales change with the season. Those without the campaign show how.",
            ),
            Misconception(
                "the placebo ignored",
                lambda _: COMPARISONS[2],
                "The placebo, the same comparison one window earlier, finds a difference before this campaign began.",
            ),
        ),
        alternatives=(lambda source: _believed(source).upper(),),
        wrong=(lambda _: COMPARISONS[0], lambda _: "the placebo"),
    ),
)
