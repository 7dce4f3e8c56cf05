"""The assignment on loyalty: what does the programme owe, and does it pay?"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crkit import loyalty
from crkit.assignments import Assignment, Plant, coinciding, source_of
from crkit.company import MODEL, SCENARIOS, Company
from crkit.datasets import Source
from crkit.questions.core import Criterion, Misconception, Question

LAST = pd.Timestamp("2025-12-31")
MONTHS = tuple(f"2025-{month:02d}" for month in range(1, 13))
GOLD_EUR, HIT_EUR = 300.0, 1.0
POINT_EUR, EXPECTED = 0.05, 0.8
RUNNING_EUR = 4.0
MARGIN, SALES = "margin_eur", "amount_eur"
STEP = "The method is right and one step of it is not: half of the points."


# ---- what is planted in the ledger


def _points(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """The ledger of a company whose nightly job books what expires, and failed for most customers in one month."""
    points = company.tables["points"]
    points = points[points["kind"] != "expire"]
    uses = loyalty.keep_books(points, as_of=LAST, expiry="derived").uses
    due = uses[uses["kind"] == "expire"].groupby(["customer_id", "used_on"], as_index=False)["points"].sum()
    month = due["used_on"].dt.strftime("%Y-%m")
    largest = due.groupby(month)["points"].sum().idxmax()
    failed = month == rng.choice([name for name in MONTHS[5:] if name != largest])
    customers = due.loc[failed, "customer_id"].unique()
    skipped = rng.choice(customers, size=round(rng.uniform(0.65, 0.8) * len(customers)), replace=False)
    due = due[~(failed & due["customer_id"].isin(skipped))]
    booked = pd.DataFrame(
        {
            "customer_id": due["customer_id"],
            "booked_at": due["used_on"] + pd.Timedelta(hours=23, minutes=30),
            "kind": pd.Categorical(["expire"] * len(due), categories=points["kind"].cat.categories),
            "points": -due["points"],
            "order_id": pd.array([None] * len(due), dtype="Int64"),
            "expires_at": pd.Series(pd.NaT, index=due.index, dtype=points["expires_at"].dtype),
        }
    )
    ledger = pd.concat([points.drop(columns="entry_id"), booked.astype({"booked_at": points["booked_at"].dtype})])
    ledger = ledger.sort_values("booked_at", kind="stable", ignore_index=True)
    ledger.insert(0, "entry_id", np.arange(1, len(ledger) + 1))
    return ledger


# ---- the programme as the questions see it


@functools.lru_cache(maxsize=16)
def _books(source: Source) -> loyalty.Books:
    return loyalty.keep_books(source["points"], as_of=LAST, expiry="derived")


@functools.lru_cache(maxsize=16)
def _ladder(source: Source) -> loyalty.ChainLadder:
    return loyalty.chain_ladder(loyalty.redemption_triangle(_books(source)))


# ---- 1 how long points wait


def _wait(source: Source, *, kinds: tuple[str, ...] = ("redeem",), weigh: bool = True) -> float:
    uses = _books(source).uses
    uses = uses[uses["kind"].isin(kinds)]
    days = (uses["used_on"] - uses["issued_on"]).dt.days
    return float(np.average(days, weights=uses["points"] if weigh else None))


def _wait_by_hand(source: Source) -> float:
    """First in, first out, from the entries and the dates on which points expire."""
    points = source["points"]
    points = points[points["kind"] != "expire"]
    day, last = (points[name].dt.normalize().rename(name) for name in ("booked_at", "expires_at"))
    entries = pd.concat([points["customer_id"], day, -points["points"], last], axis=1).sort_values(
        ["customer_id", "booked_at", "points"]
    )
    lots: dict[int, list[list[Any]]] = {}
    spent = waited = 0
    for customer, at, takes, until in zip(*(entries[name].tolist() for name in entries), strict=True):
        own = lots.setdefault(customer, [])
        if takes < 0:
            own.append([until, at, -takes])
            continue
        for lot in own:
            used = min(takes, lot[2]) if lot[0] >= at else 0
            spent, waited = spent + used, waited + used * (at - lot[1]).days
            lot[2], takes = lot[2] - used, takes - used
    return waited / spent


# ---- 2 what became of the points of each quarter


@functools.lru_cache(maxsize=64)
def _fate(source: Source, *, of_settled: bool = False, by_lot: bool = False) -> pd.DataFrame:
    lots = _books(source).lots
    quarter = lots["issued_on"].dt.to_period("Q").astype(str).rename("quarter")
    sums = lots.groupby(quarter)[["issued", "redeemed", "expired"]].sum()
    below = sums["redeemed"] + sums["expired"] if of_settled else sums["issued"]
    shares = sums[["redeemed", "expired"]].div(below, axis=0)
    if by_lot:
        shares = lots[["redeemed", "expired"]].div(lots["issued"], axis=0).groupby(quarter).mean()
    return sums[["issued"]].join(shares).reset_index()


def _fate_by_quarter_of_use(source: Source) -> pd.DataFrame:
    table = loyalty.points_over_time(_books(source), every="QS")
    shares = table[["redeemed", "expired"]].div(table["issued"], axis=0)
    quarter = table["at"].dt.to_period("Q").astype(str)
    return pd.DataFrame({"quarter": quarter, "issued": table["issued"]}).join(shares)


def _fate_from_uses(source: Source) -> pd.DataFrame:
    points, uses = source["points"], _books(source).uses
    added = points[points["points"] > 0]
    issued = added.groupby(added["booked_at"].dt.to_period("Q").astype(str))["points"].sum()
    where = uses.pivot_table(
        index=uses["issued_on"].dt.to_period("Q").astype(str),
        columns="kind",
        values="points",
        aggfunc="sum",
        observed=True,
    )
    where = where.reindex(index=issued.index, columns=["redeem", "expire"]).fillna(0)
    table = where.div(issued, axis=0).set_axis(["redeemed", "expired"], axis=1)
    return table.assign(issued=issued).rename_axis("quarter")


# ---- 3 who is close to gold


def _close(
    orders: pd.DataFrame,
    day: pd.Timestamp,
    threshold: float,
    within: float,
    *,
    always: bool = False,
    later_too: bool = False,
    at_midnight: bool = False,
    whoever: bool = False,
    reached_too: bool = False,
) -> pd.DataFrame:
    """What question 3 asks for, and its known wrong ways."""
    at = orders["ordered_at"]
    counts = always | (at.dt.year == day.year)
    if not later_too:
        counts &= (at <= day) if at_midnight else (at < day + pd.Timedelta(days=1))
    missing = (threshold - orders[counts].groupby("customer_id")["amount_eur"].sum()).round(2)
    keep = (reached_too | (missing > 0)) & (whoever | (missing <= within))
    return missing[keep].rename("missing_eur").reset_index()


def _close_by_loop(_: Source) -> Callable[..., pd.DataFrame]:
    def close(orders: pd.DataFrame, day: pd.Timestamp, threshold: float, within: float) -> pd.DataFrame:
        year = orders[(orders["ordered_at"].dt.year == day.year) & (orders["ordered_at"].dt.normalize() <= day)]
        rows = []
        for customer, own in year.groupby("customer_id"):
            missing = threshold - own["amount_eur"].sum()
            if 0 < missing <= within:
                rows.append((customer, missing))
        return pd.DataFrame(rows, columns=["customer_id", "missing_eur"])

    return close


def _way(**way: bool) -> Callable[[Source], Callable[..., pd.DataFrame]]:
    return lambda _: lambda orders, day, threshold, within: _close(orders, day, threshold, within, **way)


def _cases(source: Source) -> list[tuple[Any, ...]]:
    rows = [
        (7, "2024-11-20 10:00", 250.0),
        (7, "2025-03-01 09:00", 180.5),
        (7, "2025-11-03 18:00", 96.25),
        (8, "2025-02-02 12:00", 270.0),
        (9, "2025-05-09 15:00", 299.0),
        (9, "2025-11-20 08:00", 40.0),
        (10, "2025-06-30 20:00", 240.0),
        (10, "2025-11-30 19:00", 45.0),
        (11, "2025-01-15 11:00", 310.0),
        (12, "2025-08-01 10:00", 120.0),
        (13, "2024-12-31 21:00", 20.0),
        (13, "2025-10-10 13:00", 265.0),
        (14, "2025-07-07 07:00", 281.75),
        (14, "2025-12-02 09:00", 30.0),
    ]
    tiny = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount_eur"])
    tiny = tiny.sort_values("ordered_at", ignore_index=True)
    tiny["ordered_at"] = pd.to_datetime(tiny["ordered_at"]).astype("datetime64[s]")
    own = source["orders"][["customer_id", "ordered_at", "amount_eur"]]
    members = source["customers"].loc[source["customers"]["enrolled_at"].notna(), "customer_id"].head(60)
    own = own[own["customer_id"].isin(members)]
    day, threshold, within = pd.Timestamp("2025-10-31"), 250.0, 120.0
    spent = _close(own, day, threshold, within, whoever=True, reached_too=True).set_index("customer_id")["missing_eur"]
    at_an_end = spent.index[(spent.abs() < 0.01) | ((spent - within).abs() < 0.01)]  # cents are not exact in binary
    own = own[~own["customer_id"].isin(at_an_end)].reset_index(drop=True)
    return [
        (tiny, pd.Timestamp("2025-11-30"), 300.0, 30.0),
        (tiny, pd.Timestamp("2024-12-31"), 300.0, 60.0),
        (own, day, threshold, within),
    ]


# ---- 4 orders made to reach gold


@functools.lru_cache(maxsize=16)
def _pressure(source: Source) -> loyalty.Pressure:
    return loyalty.points_pressure(source["orders"], source["points"], threshold_eur=GOLD_EUR, within_eur=HIT_EUR)


def _late(source: Source) -> float:
    return float(_pressure(source).late.share)


def _of_all_reaching(source: Source) -> float:
    return float((_pressure(source).table["over_eur"] <= HIT_EUR).mean())


def _hits_that_are_late(source: Source) -> float:
    table = _pressure(source).table
    return float((table.loc[table["over_eur"] <= HIT_EUR, "quarter"] == 4).mean())


def _late_by_hand(source: Source) -> float:
    orders, points = source["orders"], source["points"]
    orders = orders[orders["order_id"].isin(points.loc[points["kind"] == "earn", "order_id"])]
    orders = orders.sort_values(["ordered_at", "order_id"])
    cents = (orders["amount_eur"] * 100).round().astype("int64")
    so_far = cents.groupby([orders["customer_id"], orders["ordered_at"].dt.year]).cumsum() - 100 * int(GOLD_EUR)
    over = so_far[(so_far >= 0) & (so_far < cents) & (orders["ordered_at"].dt.month >= 10)]
    return float((over <= 100 * HIT_EUR).mean())


# ---- 5 and 6 expiry by the rules, and expiry in the ledger


@functools.lru_cache(maxsize=16)
def _expiry(source: Source) -> pd.DataFrame:
    """Points that expired in each month of 2025: by the rules, and as booked."""
    uses, points = _books(source).uses, source["points"]
    due, booked = uses[uses["kind"] == "expire"], points[points["kind"] == "expire"]
    table = pd.DataFrame(
        {
            "due": due.groupby(due["used_on"].dt.strftime("%Y-%m"))["points"].sum(),
            "booked": -booked.groupby(booked["booked_at"].dt.strftime("%Y-%m"))["points"].sum(),
        }
    )
    table = table.reindex(MONTHS).fillna(0)
    return table.assign(lacks=table["due"] - table["booked"])


def _overdue(source: Source) -> int:
    return int(source["points"]["points"].sum()) - _books(source).outstanding


def _overdue_by_the_kit(source: Source) -> int:
    return -int(loyalty.reconcile(source["points"], as_of=LAST)["difference"].sum())


# ---- 7 of what is held, what will never be used


def _never_used(source: Source) -> float:
    ladder = _ladder(source)
    still = float((ladder.table["ultimate"] - ladder.table["redeemed"]).sum())
    return 1 - still / float(ladder.triangle.open.sum())


def _never_used_by_hand(source: Source) -> float:
    """Chain ladder from the lots and their uses."""
    books = _books(source)
    lots, uses = books.lots, books.uses[books.uses["kind"] == "redeem"]
    issued_in, used_in = (uses[name].dt.to_period("Q").astype("int64") for name in ("issued_on", "used_on"))
    cells = uses.pivot_table(index=issued_in, columns=used_in - issued_in, values="points", aggfunc="sum")
    cohort = lots["issued_on"].dt.to_period("Q").astype("int64")
    last = int(cohort.max())
    seen = cells.reindex(index=range(int(cohort.min()), last + 1), columns=range(8)).fillna(0).cumsum(axis=1)
    left = lots.groupby(cohort)["left"].sum()
    more = 0.0
    for born in seen.index:
        now = in_all = float(seen.loc[born, last - born])
        for age in range(last - born, len(seen) - 1):
            older = seen.loc[: last - age - 1]
            in_all *= older[age + 1].sum() / older[age].sum()
        more += min(in_all - now, left[born])
    return 1 - more / float(left.sum())


def _as_so_far(source: Source) -> float:
    totals = _books(source).customers[["redeemed", "expired"]].sum()
    return float(totals["expired"] / totals.sum())


# ---- 8 what double points must bring


def _double(source: Source, way: str = "right", *, everybody: bool = False) -> float:
    orders, customers = source["orders"], source["customers"]
    gold = customers.loc[customers["tier"].astype(str) == "gold", "customer_id"]
    members = customers.loc[customers["enrolled_at"].notna(), "customer_id"]
    orders = orders[orders["customer_id"].isin(members if everybody else gold) & (orders["ordered_at"] >= "2025-01-01")]
    sales, rewards = float(orders["amount_eur"].sum()), float(orders["discount_eur"].sum())
    cost = rewards / sales
    margin = float(orders["margin_eur"].sum()) / sales + (0 if way == "after rewards" else cost)
    return {
        "right": cost / (margin - 2 * cost),
        "after rewards": cost / (margin - 2 * cost),
        "as if there were none": 2 * cost / (margin - 2 * cost),
        "single points": cost / (margin - cost),
    }[way]


def _double_by_the_margin(source: Source) -> float:
    """What is kept of a euro today, by what would be kept, less 1."""
    customers, orders = source["customers"], source["orders"]
    orders = orders.merge(customers[["customer_id", "tier"]], on="customer_id")
    orders = orders[(orders["tier"] == "gold") & (orders["ordered_at"].dt.year == 2025)]
    kept, rewards = orders["margin_eur"].sum(), orders["discount_eur"].sum()
    return float(kept / (kept - rewards) - 1)


# ---- 9 and 11 what the programme brings


@functools.lru_cache(maxsize=32)
def _effect(source: Source, outcome: str) -> loyalty.ProgrammeEffect:
    return loyalty.programme_effect(loyalty.programme_table(source["customers"], source["orders"], outcome=outcome))


def _adjusted_by_hand(source: Source, outcome: str) -> tuple[float, float]:
    """The adjusted effects on an invited customer and on a member, by one regression with interactions each (Lin)."""
    orders = source["orders"].sort_values("ordered_at")
    first = ~orders.duplicated("customer_id")
    table = source["customers"].set_index("customer_id")
    table = table[table["loyalty_arm"].isin(["invited", "holdout"])]
    opening = orders[first].set_index("customer_id")["amount_eur"].reindex(table.index)
    days = (orders["ordered_at"].max() - table["joined_at"]).dt.total_seconds() / 86_400
    x = np.column_stack([opening, days, opening * days])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    invited = (table["loyalty_arm"] == "invited").to_numpy(float)
    design = np.column_stack([np.ones(len(x)), invited, x, x * invited[:, None]])

    def fitted(y: Any) -> float:
        return float(np.linalg.lstsq(design, np.asarray(y, dtype=float), rcond=None)[0][1])

    later = orders[~first].groupby("customer_id")[outcome].sum().reindex(table.index).fillna(0)
    per_customer = fitted(later)
    return per_customer, per_customer / fitted(table["enrolled_at"].notna())


def _net(source: Source, which: str = "adjusted", outcome: str = MARGIN, cost: float = RUNNING_EUR) -> float:
    return float(getattr(_effect(source, outcome), which).estimate - cost)


# ---- 10 what is owed


@functools.lru_cache(maxsize=32)
def _owed(source: Source, expected: float | None = EXPECTED) -> loyalty.Owed:
    return loyalty.owed(_ladder(source), point_value_eur=POINT_EUR, expected=expected)


def _due(source: Source, expected: float | None = EXPECTED) -> float:
    return _owed(source, expected).liability_eur.estimate


def _due_by_hand(source: Source) -> float:
    table = _ladder(source).table
    alone = table["issued"] * POINT_EUR * EXPECTED
    allocated = table["issued"] * alone / (table["issued"] + alone)
    return float((allocated * (1 - table["redeemed"] / table["ultimate"])).sum())


def _due_by_sales(source: Source) -> float:
    """With the sales themselves, where `owed` takes them from the points."""
    orders, points = source["orders"], source["points"]
    earning = orders[orders["order_id"].isin(points.loc[points["kind"] == "earn", "order_id"])]
    sales = earning.groupby(earning["ordered_at"].dt.to_period("Q"))["amount_eur"].sum()
    sales = sales.reindex(_ladder(source).table["cohort"]).to_numpy()
    found = loyalty.owed(_ladder(source), point_value_eur=POINT_EUR, expected=EXPECTED, sales_eur=sales)
    return found.liability_eur.estimate


def _due_not_shared(source: Source) -> float:
    table = _ladder(source).table
    return POINT_EUR * float((table["ultimate"] - table["redeemed"]).sum())


RUBRIC_OWED = (
    Criterion(
        "the claim says what to book, and why it is less",
        (
            (
                2,
                "The claim gives the number beside the 5 cents a point of the accounts, and at least two reasons for "
                "the difference: points that have expired, points that will not be used, the part of the price.",
                "Book 1,030 EUR instead of 2,190 EUR: 1,200 of the points on the accounts have expired, not quite half "
                "of the others will never be used, and a point took less than 5 cents of the price.",
            ),
            (
                1,
                "The claim gives the number beside that of the accounts, with one reason or none.",
                "We owe 1,030 EUR and not 2,190 EUR, since many points are never used.",
            ),
            (0, "The claim does without the number, or contradicts it.", "Points cost nothing until they are used."),
        ),
    ),
    Criterion(
        "the action, and how sure the number is",
        (
            (
                2,
                "Who does what by when (the missing expiries among it), and how sure the number is: its interval, or "
                "what it rests on (young points go on as old ones did, cohorts are independent).",
                "Accounting books 1,030 EUR (850 to 1,230) on 31 December, IT lets the job of August run again by "
                "15 January, and every quarter we compare what was used with what the chain ladder said.",
            ),
            (
                1,
                "A step that can be carried out, or how sure the number is, but not both.",
                "Accounting corrects the books on 31 December.",
            ),
            (0, "Neither.", "The programme should be watched."),
        ),
    ),
)

RUBRIC_KEEP = (
    Criterion(
        "the claim says what the number can carry",
        (
            (
                2,
                "The claim says pays, loses or cannot tell, as the interval of the number says it (its two ends less "
                "the 4 EUR, beside zero).",
                "It pays: 34 EUR for each customer invited after the 4 EUR, 95 % interval 13 to 54, so zero is "
                "outside.",
            ),
            (
                1,
                "The direction agrees with the number, but chance is not spoken of.",
                "The programme brings 34 EUR for each customer invited.",
            ),
            (
                0,
                "The claim contradicts the number or its interval, or takes members against the others for the effect.",
                "Members bring 120 EUR more than others, so it pays.",
            ),
        ),
    ),
    Criterion(
        "the action fits the claim, and names what is left out",
        (
            (
                2,
                "Keep, change, or test on, with an owner and a date, and one thing that the number leaves out: points "
                "still owed, more than these two years, the firms.",
                "Marketing keeps the programme and the holdout for 2026 and reports again in July; the points still "
                "owed, about 1 EUR a customer invited, come off the number.",
            ),
            (
                1,
                "An action that fits, or what the number leaves out, but not both.",
                "Keep the programme, and keep the holdout.",
            ),
            (0, "Neither, or an action against the claim.", "Invite everybody."),
        ),
    ),
)


def _slip(name: str, solve: Callable[[Source], Any], says: str, credit: float = 0.0) -> Misconception:
    return Misconception(name, solve, says, credit=credit)


QUESTIONS = (
    Question(
        name="1",
        title="How long a point waits",
        ask=(
            "How many days pass from the day on which a point is issued to the day on which it is redeemed, on "
            "average over all redeemed points? Take the books of the set-up cell. One decimal is enough."
        ),
        kind="number",
        solve=_wait,
        relative=0,
        absolute=0.06,
        needs=("points",),
        level="apply",
        basis="books.uses of the kind redeem: used_on less issued_on, in days, each weighed with its points.",
        hints=(
            "books.uses says which points were used when, and when these were issued.",
            "A row with 100 points counts a hundred times as much as one with a single point.",
        ),
        misconceptions=(
            _slip(
                "every use counts alike",
                lambda source: _wait(source, weigh=False),
                "This is the mean over the rows of uses. A row stands for many points: weigh it with them. " + STEP,
                0.5,
            ),
            _slip(
                "expired points too",
                lambda source: _wait(source, kinds=("redeem", "expire")),
                "Expired points are in it, and all of them waited a year. The question is about those that were "
                "redeemed. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_wait_by_hand, lambda source: round(_wait(source), 1)),
        wrong=(lambda source: _wait(source) / 7, lambda source: 365 - _wait(source)),
    ),
    Question(
        name="2",
        title="What became of the points of each quarter",
        ask=(
            "Put the points together by the quarter in which they were issued (earned, or given by hand). For each: "
            "how many were issued, and what share of them has been redeemed, and has expired, by the end of the books? "
            "Give a table with the columns quarter (text such as 2024Q1), issued, redeemed and expired; shares between "
            "0 and 1, two decimals are enough."
        ),
        kind="table",
        solve=_fate,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        keys=("quarter",),
        needs=("points",),
        level="apply",
        basis="books.lots by the quarter of issued_on: issued, redeemed and expired added up, the last two divided by "
        "the first.",
        hints=(
            "books.lots has a row for what was issued together, and what became of it.",
            "issued_on.dt.to_period('Q').astype(str) gives the quarter as text.",
            "Add up first, then divide by issued.",
        ),
        misconceptions=(
            _slip(
                "by the quarter of use",
                _fate_by_quarter_of_use,
                "This sets what was used and expired in a quarter against what was issued in it. These are other "
                "points: follow those that were issued together.",
            ),
            _slip(
                "of the points used up",
                lambda source: _fate(source, of_settled=True),
                "The shares are of the points used or expired. Those that are still held were issued, too. " + STEP,
                0.5,
            ),
            _slip(
                "mean of the lots' shares",
                lambda source: _fate(source, by_lot=True),
                "A lot of few points weighs as much as one of many here. Add up first, then divide. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            lambda source: _fate(source).round(2),
            _fate_from_uses,
            lambda source: _fate(source).iloc[::-1].set_index("quarter"),
        ),
        wrong=(
            lambda source: _fate(source).iloc[1:],
            lambda source: _fate(source).rename(columns={"redeemed": "expired", "expired": "redeemed"}),
        ),
    ),
    Question(
        name="3",
        title="Who is close to gold",
        ask=(
            "Write answer_3(orders, day, threshold, within). The table orders has customer_id, ordered_at and "
            "amount_eur; day is a pd.Timestamp at midnight. A customer's spend is the sum of amount_eur in the "
            "calendar year of that day, up to the end of that day. For each customer with an order in that time whose "
            "spend is below the threshold, but by no more than within (EUR), return customer_id and missing_eur: the "
            "threshold less the spend."
        ),
        kind="function",
        returns="table",
        solve=_way(),
        cases=_cases,
        points=3,
        relative=0,
        absolute=0.006,
        keys=("customer_id",),
        needs=("orders", "customers"),
        level="apply",
        basis="the table that the function is given: its orders of the day's calendar year, up to the end of the day, "
        "added up by customer.",
        hints=(
            "ordered_at.dt.year == day.year keeps the calendar year.",
            "The day ends where day + pd.Timedelta(days=1) begins.",
            "Who has reached the threshold misses nothing, and is left out.",
        ),
        misconceptions=(
            _slip(
                "of all years",
                _way(always=True),
                "The spend of earlier years is in it. Gold is earned anew in each calendar year. " + STEP,
                0.5,
            ),
            _slip(
                "after the day, too",
                _way(later_too=True),
                "Orders after the day are in it. On that day nobody knows them. " + STEP,
                0.5,
            ),
            _slip(
                "cut off at midnight",
                _way(at_midnight=True),
                "A day without a time is its first moment, so the orders of the day itself are left out. " + STEP,
                0.5,
            ),
            _slip(
                "whoever is below",
                _way(whoever=True),
                "Everybody below the threshold is in it. Keep those who miss at most within EUR. " + STEP,
                0.5,
            ),
            _slip(
                "who has reached it, too",
                _way(reached_too=True),
                "Customers who have reached the threshold are in it, and they miss nothing. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            _close_by_loop,
            lambda _: (
                lambda orders, day, threshold, within: _close(orders, day, threshold, within).set_index("customer_id")[
                    "missing_eur"
                ]
            ),
        ),
        wrong=(
            lambda _: (
                lambda orders, day, threshold, within: _close(orders, day, threshold, within).assign(
                    missing_eur=lambda table: threshold - table["missing_eur"]
                )
            ),
            lambda _: (
                lambda orders, *_: (
                    orders.groupby("customer_id")["amount_eur"].mean().rename("missing_eur").reset_index()
                )
            ),
        ),
    ),
    Question(
        name="4",
        title="Orders made to reach gold",
        ask=(
            f"Orders that earned points count towards gold: {GOLD_EUR:.0f} EUR in a calendar year. Take the orders of "
            "October to December that carried a member from below it to it or beyond. What share of them went beyond "
            f"it by at most {HIT_EUR:.0f} EUR? Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_late,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("orders", "points"),
        level="apply",
        basis="orders that the ledger names in an entry of the kind earn, added up by customer and calendar year: of "
        "those in October to December that reached 300 EUR, the share that ended at 300 to 301 EUR.",
        hints=(
            "points_pressure does the counting, for a threshold_eur and a within_eur.",
            "Its result has the share late in the year and the share before: late and early.",
        ),
        misconceptions=(
            _slip(
                "before October",
                lambda source: float(_pressure(source).early.share),
                "These are the orders of January to September. The question asks for the last quarter. " + STEP,
                0.5,
            ),
            _slip(
                "the whole year",
                _of_all_reaching,
                "Orders of the whole year are in it. The question asks for October to December. " + STEP,
                0.5,
            ),
            _slip(
                "the other way round",
                _hits_that_are_late,
                "This is the share of the last quarter among the orders that hit the threshold. The question asks for "
                "the share that hit it among those of the last quarter.",
            ),
        ),
        alternatives=(_late_by_hand, lambda source: round(_late(source), 2)),
        wrong=(lambda source: 1 - _late(source), lambda source: float(_pressure(source).late.lower)),
    ),
    Question(
        name="5",
        title="The month in which a job failed",
        ask=(
            "A job books the points that expire. In one month of 2025 it failed for many customers, and the points "
            "stayed on their accounts. Compare what expired by the rules (the books of the set-up cell) with the "
            "ledger's own entries of the kind expire. Which month was it? Answer with text such as '2025-03'."
        ),
        kind="choice",
        choices=MONTHS,
        solve=lambda source: str(_expiry(source)["lacks"].idxmax()),
        points=2,
        needs=("points",),
        level="analyse",
        basis="books.uses of the kind expire by the month of used_on, less the entries of the kind expire by the month "
        "of booked_at.",
        hints=(
            "books.uses has what expired by the rules: its kind is expire, its day used_on.",
            "Few points expire in the first months anyway. Look at what is missing, month by month.",
        ),
        misconceptions=(
            _slip(
                "the fewest points booked",
                lambda source: str(_expiry(source)["booked"].idxmin()),
                "Hardly any points were booked there, and hardly any were due: the programme was young a year before. "
                "Compare with what was due.",
            ),
            _slip(
                "the most points due",
                lambda source: str(_expiry(source)["due"].idxmax()),
                "Most points expired there by the rules. The question asks where they were not booked.",
            ),
        ),
        alternatives=(lambda source: f" {_expiry(source)['lacks'].idxmax()} ",),
        wrong=(lambda source: str(_expiry(source)["lacks"].idxmin()), lambda _: "2025-13"),
    ),
    Question(
        name="6",
        title="Points that are no longer there",
        ask=(
            "By the ledger's entries, as they are, customers hold more points at the end of 2025 than by the rules. "
            "How many more, all together? Give a positive number."
        ),
        kind="number",
        solve=_overdue,
        also=lambda source: [-_overdue(source)],
        relative=0,
        absolute=0.5,
        needs=("points",),
        level="analyse",
        basis="the sum of points over all entries, less books.outstanding.",
        hints=(
            "The sum of all entries is what customers hold by the ledger.",
            "reconcile shows the same customer by customer.",
        ),
        misconceptions=(
            _slip(
                "all that was due in the month",
                lambda source: int(_expiry(source).loc[_expiry(source)["lacks"].idxmax(), "due"]),
                "This is all that expired in that month by the rules. Part of it was booked.",
            ),
            _slip(
                "customers, not points",
                lambda source: len(loyalty.reconcile(source["points"], as_of=LAST)),
                "This is the number of customers of whom the two differ. The question asks for points.",
            ),
            _slip(
                "in EUR",
                lambda source: _overdue(source) * POINT_EUR,
                f"This is in EUR, at {POINT_EUR} EUR a point. The question asks for points. {STEP}",
                0.5,
            ),
        ),
        alternatives=(_overdue_by_the_kit, lambda source: float(_overdue(source))),
        wrong=(lambda source: _books(source).outstanding, lambda source: _overdue(source) + 1),
    ),
    Question(
        name="7",
        title="Of what is held, what will never be used",
        ask=(
            "Of the points that customers hold at the end of 2025 by the rules, what share will never be used, by the "
            "chain ladder with quarters as cohorts? Give a share between 0 and 1; two decimals are enough."
        ),
        kind="number",
        solve=_never_used,
        points=2,
        relative=0,
        absolute=0.002,
        share=True,
        needs=("points",),
        level="analyse",
        basis="chain_ladder of redemption_triangle of the books: the sum of ultimate less redeemed, divided by the "
        "points held (triangle.open); that share off 1.",
        hints=(
            "ultimate is what will have been redeemed in the end, of a cohort. What is still to come of it?",
            "Add up what is still to come over the cohorts, and divide by the points held.",
        ),
        misconceptions=(
            _slip(
                "of all points issued",
                lambda source: 1 - _ladder(source).rate.estimate,
                "This is the breakage of all points ever issued, most of which are used already. The question is about "
                "those still held.",
            ),
            _slip(
                "as it was so far",
                _as_so_far,
                "This is the share expired among the points used or expired so far. Who uses points soon has used "
                "them: what is left over is used less.",
            ),
            _slip(
                "the share that will be used",
                lambda source: 1 - _never_used(source),
                "This is the share that will be used. The question asks for the rest. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            _never_used_by_hand,
            lambda source: 1 - _owed(source).open_used,
            lambda source: round(_never_used(source), 2),
        ),
        wrong=(lambda source: 100 * _never_used(source), lambda source: _never_used(source) / 2),
    ),
    Question(
        name="8",
        title="What double points must bring",
        ask=(
            "From January on, gold members (tier) are to earn two points a euro instead of one. Take their orders of "
            "2025: m is the margin before rewards and c the rewards (discount_eur), both as shares of amount_eur; "
            "margin_eur is after rewards. Suppose that twice the points take twice the rewards off every euro, and "
            "that m stays. By which share must they spend more than in 2025, so that the margin after rewards is what "
            "it was in 2025? Three decimals, please."
        ),
        kind="number",
        solve=_double,
        points=2,
        relative=0,
        absolute=0.0006,
        needs=("orders", "customers"),
        level="analyse",
        basis="orders of 2025 of customers with the tier gold: m and c from sums of margin_eur + discount_eur, "
        "discount_eur and amount_eur. Today m - c is kept of a euro, then m - 2c: c / (m - 2c).",
        hints=(
            "m is the sum of margin_eur and discount_eur by that of amount_eur.",
            "With a share L more sales, (1 + L) (m - 2c) has to be m - c.",
        ),
        misconceptions=(
            _slip(
                "the lift of single points",
                lambda source: _double(source, "single points"),
                "This is c / (m - c), what single points must bring against no programme. Here double points are held "
                "against single ones.",
            ),
            _slip(
                "against no programme",
                lambda source: _double(source, "as if there were none"),
                "This is what double points must bring against no programme at all. They replace single ones, which "
                "cost c already. " + STEP,
                0.5,
            ),
            _slip(
                "rewards taken off once more",
                lambda source: _double(source, "after rewards"),
                "margin_eur is after rewards. Taken as m, it loses them once more. " + STEP,
                0.5,
            ),
            _slip(
                "all members",
                lambda source: _double(source, everybody=True),
                "These are the orders of all members. Only those of the tier gold earn twice. " + STEP,
                0.5,
            ),
        ),
        alternatives=(_double_by_the_margin, lambda source: round(_double(source), 3)),
        wrong=(lambda source: 100 * _double(source), lambda source: _double(source) + 0.05),
    ),
    Question(
        name="9",
        title="What it does to the sales of a member",
        ask=(
            "How much more does somebody who joined spend because of the programme, in EUR after the first order and "
            "over all of the data? Use the holdout (who was invited was drawn by lot): the adjusted effect on the "
            "enrolled, with sales (amount_eur) for the outcome, as programme_effect gives it."
        ),
        kind="number",
        solve=lambda source: _effect(source, SALES).enrolled_adjusted.estimate,
        points=3,
        relative=0.002,
        absolute=0.06,
        needs=("orders", "customers"),
        level="analyse",
        basis="programme_table with outcome amount_eur: invited less held out, adjusted for what was known before, "
        "divided by the share of the invited who enrolled (adjusted alike).",
        hints=(
            "programme_table takes outcome='amount_eur'.",
            "programme_effect has an effect on who was invited and one on who enrolled; each plain and adjusted.",
        ),
        misconceptions=(
            _slip(
                "members against the others",
                lambda source: _effect(source, SALES).naive.estimate,
                "This compares members with everybody else. Good customers join, and would have spent more anyway.",
            ),
            _slip(
                "on a customer invited",
                lambda source: _effect(source, SALES).adjusted.estimate,
                "This is the effect on a customer who was invited, joined or not. Those who did not join were not "
                "moved, so it is larger on a member. " + STEP,
                0.5,
            ),
            _slip(
                "not adjusted",
                lambda source: _effect(source, SALES).enrolled.estimate,
                "This is the plain estimate. It is fair, too, but holds more noise than the adjusted one. " + STEP,
                0.5,
            ),
            _slip(
                "margin for sales",
                lambda source: _effect(source, MARGIN).enrolled_adjusted.estimate,
                "This is the effect on the margin, after rewards. The question is about sales. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            lambda source: _adjusted_by_hand(source, "amount_eur")[1],
            lambda source: round(_effect(source, SALES).enrolled_adjusted.estimate, 1),
        ),
        wrong=(
            lambda source: -_effect(source, SALES).enrolled_adjusted.estimate - 1,
            lambda source: _effect(source, SALES).enrolled_adjusted.upper,
        ),
    ),
    Question(
        name="10",
        title="What to put into the books",
        ask=(
            f"Accounting holds {POINT_EUR} EUR for each point that the ledger's entries leave on the accounts. What "
            "does the company owe for points at the end of 2025? Points by the rules, quarters as cohorts, chain "
            f"ladder; a point takes {POINT_EUR} EUR off a price, a euro earns one point, and when the points were "
            f"issued, {EXPECTED:.0%} of them were expected to be used. Give a dict with claim, number and action. The "
            "number: the liability (the part of the sales that was paid for points still to be used), in EUR, as owed "
            "gives it. Say in the claim why it is not what accounting holds."
        ),
        kind="decision",
        solve=_due,
        points=2,
        relative=0.001,
        needs=("points",),
        level="evaluate",
        basis="owed of the chain ladder of question 7, with point_value_eur 0.05, points_per_eur 1 and expected 0.8: "
        "the allocation of each cohort, less the part of it that is earned (redeemed by ultimate).",
        rubric=RUBRIC_OWED,
        hints=(
            "loyalty.owed takes the chain ladder, point_value_eur and expected.",
            "What accounting holds counts points that have expired, and those that nobody will use, at full value.",
        ),
        misconceptions=(
            _slip(
                "face value",
                lambda source: _owed(source).face_value_eur,
                "This is what customers could claim if all of them came tomorrow. Some points will never be used, and "
                "what was paid for them is a part of the price.",
            ),
            _slip(
                "what accounting holds",
                lambda source: POINT_EUR * float(source["points"]["points"].sum()),
                "This is what accounting holds: points that have expired are in it, and those that nobody will use, "
                "and each at its full value.",
            ),
            _slip(
                "not shared",
                _due_not_shared,
                f"This is {POINT_EUR} EUR for each point that will be used. The customer paid one price for goods and "
                f"points: only the points' part of it is owed. {STEP}",
                0.5,
            ),
            _slip(
                "today's expectation",
                lambda source: _due(source, expected=None),
                f"The price was shared by what is expected today. It was shared when the points were issued, with "
                f"{EXPECTED:.0%}, and stays so. {STEP}",
                0.5,
            ),
        ),
        alternatives=(_due_by_hand, _due_by_sales, lambda source: round(_due(source))),
        wrong=(
            lambda source: EXPECTED * _owed(source).face_value_eur,
            lambda source: float(_owed(source).table["allocated_eur"].sum()),
        ),
    ),
    Question(
        name="11",
        title="Keep the programme?",
        ask=(
            f"Apart from the rewards, running the programme cost {RUNNING_EUR:.0f} EUR for each customer invited, over "
            "these two years. Does it pay? Give a dict with claim, number and action. The number: the adjusted effect "
            "on the margin (margin_eur, which is after rewards) of a customer invited, by the holdout as "
            f"programme_effect gives it, less these {RUNNING_EUR:.0f} EUR. Say in the claim what its 95 % interval "
            "leaves open."
        ),
        kind="decision",
        solve=_net,
        points=2,
        relative=0.002,
        absolute=0.06,
        needs=("orders", "customers"),
        level="evaluate",
        basis="programme_effect of programme_table with outcome margin_eur: adjusted, its estimate less 4 EUR.",
        rubric=RUBRIC_KEEP,
        hints=(
            "The cost is for each customer invited, so take the effect on a customer invited.",
            "The cost moves both ends of the interval, too. Does what is left hold zero?",
        ),
        misconceptions=(
            _slip(
                "members against the others",
                lambda source: _net(source, "naive"),
                "This compares members with everybody else. Good customers join: it finds them, not the effect.",
            ),
            _slip(
                "what it cost left out",
                lambda source: _net(source, cost=0.0),
                f"The effect is right, and the {RUNNING_EUR:.0f} EUR are not taken off. {STEP}",
                0.5,
            ),
            _slip(
                "sales for margin",
                lambda source: _net(source, outcome=SALES),
                "This is the effect on sales. What pays for the programme is margin, after rewards. " + STEP,
                0.5,
            ),
            _slip(
                "on a member",
                lambda source: _net(source, "enrolled_adjusted"),
                "This is the effect on a member, and the cost is for each customer invited. " + STEP,
                0.5,
            ),
            _slip(
                "not adjusted",
                lambda source: _net(source, "per_customer"),
                "This is the plain difference. It is fair, too, but holds more noise than the adjusted one. " + STEP,
                0.5,
            ),
        ),
        alternatives=(
            lambda source: _adjusted_by_hand(source, "margin_eur")[0] - RUNNING_EUR,
            lambda source: round(_net(source), 1),
        ),
        wrong=(
            lambda source: -_net(source) - 1,
            lambda source: _effect(source, MARGIN).adjusted.lower - RUNNING_EUR,
        ),
    ),
)


def _plant(rng: np.random.Generator) -> Plant:
    """The programme moves customers or hardly does, and they top up orders for gold or hardly do."""
    changed = []
    for segment in MODEL.segments:
        firm = segment.account == "business"
        changed.append(
            dataclasses.replace(
                segment,
                share=segment.share * rng.uniform(0.8, 1.2) * (0.25 if firm else 1.0),
                r=segment.r * 1.5,
                alpha=segment.alpha * rng.uniform(1.05, 1.3),
                mean_spend=segment.mean_spend * rng.uniform(0.85, 1.15),
                q=segment.q * rng.uniform(1.5, 2.5),
            )
        )
    model = dataclasses.replace(
        MODEL,
        segments=tuple(changed),
        holdout_share=rng.uniform(0.3, 0.45),
        loyalty_lift=rng.uniform(0.0, 0.08) if rng.random() < 0.5 else rng.uniform(0.42, 0.6),
        gold_lift=rng.uniform(0.0, 0.1),
        points_pressure=rng.uniform(0.0, 0.1) if rng.random() < 0.4 else rng.uniform(0.4, 0.8),
    )
    return Plant(str(rng.choice(SCENARIOS)), model)


def _unfit(company: Company) -> Sequence[str]:
    source = source_of(ASSIGNMENT, company.tables)
    why = []
    expiry = _expiry(source)
    if expiry["lacks"].max() < 300 or (expiry["lacks"] != 0).sum() != 1 or len(_books(source).set_aside):
        why.append("the month in which the job failed is not clear")
    if expiry["lacks"].idxmax() in (expiry["booked"].idxmin(), expiry["due"].idxmax()):
        why.append("the month in which the job failed stands out without a comparison")
    reached = _pressure(source).table["quarter"] == 4
    if min(reached.sum(), (~reached).sum()) < 30:
        why.append("few orders reach gold")
    net = _effect(source, MARGIN).adjusted
    if min(abs(net.lower - RUNNING_EUR), abs(net.upper - RUNNING_EUR)) < 2:
        why.append("whether the programme pays hangs on a euro or two")
    gold = int((source["customers"]["tier"] == "gold").sum())
    if gold < 40 or _effect(source, MARGIN).holdout < 250:
        why.append(f"only {gold} gold members or {_effect(source, MARGIN).holdout} customers held out")
    if (_ladder(source).table["redeemed"] <= 0).any():
        why.append("a quarter of whose points none is redeemed")
    return why or coinciding(QUESTIONS, source)


def _difficulty(company: Company) -> Mapping[str, float]:
    source = source_of(ASSIGNMENT, company.tables)
    net = _effect(source, MARGIN).adjusted
    return {
        "points that the failed job left on the accounts": float(_overdue(source)),
        "nearest end of the effect's interval to the cost (EUR)": float(
            min(abs(net.lower - RUNNING_EUR), abs(net.upper - RUNNING_EUR))
        ),
        "interval of the liability, half of its length (share)": float(
            (_owed(source).liability_eur.upper - _owed(source).liability_eur.lower) / 2 / _due(source)
        ),
    }


ASSIGNMENT = Assignment(
    name="loyalty",
    title="What does your loyalty programme owe, and does it pay?",
    minutes=110,
    questions=QUESTIONS,
    tables=("customers", "orders", "points"),
    plant=_plant,
    unfit=_unfit,
    difficulty=_difficulty,
    n_customers=1500,
    extra={"points": _points},
)
