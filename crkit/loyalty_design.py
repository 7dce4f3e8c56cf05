"""Designing a loyalty programme: what it would bring, cost and owe, under assumptions that have names.

A programme is a `Design`; how customers answer to it is `Assumptions`; who they are is `People`, from the orders of the
company. `compare_designs` lets the same customers live through the same two years under up to four designs: the same
orders, the same moods, drawn once, so that what differs is the design (common random numbers).

How a month goes. Orders and their amounts come as they would without a programme. Members who respond order for more:
the more, the better the reward, the longer points last and the higher the tier. Points are used in blocks, first in,
first out, and expire. In the last quarter some members who lack little to a tier buy it. A tier holds from the month
after its threshold is reached until the end of the next year. Some game the rules: they order for no more than they
would anyway, use every point at once, and in the last month buy what they lack to a tier, and return it when
they are in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit.intervals import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST = 4
"""The most designs that are compared at once."""
_AMOUNT_SHAPE = 5.0
_FIFTHS = ("lightest fifth", "second", "third", "fourth", "heaviest fifth")


class Tier(NamedTuple):
    """One tier above the entry.

    Attributes:
        name: what it is called.
        from_eur: spend in a calendar year that brings it.
        multiplier: how many times as many points its members earn.
        perk_eur: what its other benefits cost the company, a member and year.
    """

    name: str
    from_eur: float
    multiplier: float = 1.0
    perk_eur: float = 0.0


@dataclass(frozen=True)
class Design:
    """The rules of a programme.

    Attributes:
        name: what it is called.
        points_per_eur: points that a euro earns.
        point_value_eur: what a point takes off a price.
        redeem_points: points are used in blocks of so many.
        expires_months: months after which points expire; None if never.
        tiers: from the lowest to the highest; none by default.
        reward_cost: what a euro of reward costs the company: 1 as a discount, less if it is paid in goods.
        fixed_eur: what running it costs in a year.
    """

    name: str
    points_per_eur: float = 1.0
    point_value_eur: float = 0.05
    redeem_points: int = 100
    expires_months: int | None = 12
    tiers: tuple[Tier, ...] = field(default=())
    reward_cost: float = 1.0
    fixed_eur: float = 0.0

    def __post_init__(self) -> None:
        if min(self.points_per_eur, self.point_value_eur, self.reward_cost, self.fixed_eur) < 0:
            raise ValueError(f"design {self.name!r}: points, values and costs must not be negative")
        if self.redeem_points < 1 or (self.expires_months is not None and self.expires_months < 1):
            raise ValueError(f"design {self.name!r}: blocks and expiry must be at least 1")
        froms = [tier.from_eur for tier in self.tiers]
        if froms != sorted(set(froms)) or any(
            t.from_eur <= 0 or t.multiplier < 0 or t.perk_eur < 0 for t in self.tiers
        ):
            raise ValueError(f"design {self.name!r}: tiers need rising thresholds above 0, and no negative numbers")

    @property
    def reward_rate(self) -> float:
        """What a euro of sales earns in rewards, if every point is used."""
        return self.points_per_eur * self.point_value_eur


@dataclass(frozen=True)
class Assumptions:
    """How customers answer to a programme. None of it can be read off the orders: test it with a holdout.

    Attributes:
        margin: contribution margin as a share of sales, before rewards.
        joins: share of customers of the mean order rate who join; who orders more is likelier to.
        keen: how much likelier: the slope of the log-odds in the logarithm of the order rate.
        lift_most: by how much a member would order for more if the reward were very large.
        lift_half: the reward rate, as a share of sales, at which half of that is reached. With the default, a reward of
            5 % that lasts a year brings nearly 10 %.
        patience_months: points that expire count for less: for 1 - exp(-months / patience).
        status_lift: what a tier adds, by each step, apart from its multiplier.
        redeems: chance that a member with enough points uses them at an order.
        tops_up: share of members who buy what they lack to a tier, in the last quarter.
        reach_eur: up to this much.
        games: share of members who game the rules.
        game_reach_eur: up to this much they buy and return to keep or gain a tier.
        return_eur: what such a return costs the company.
    """

    margin: float = 0.45
    joins: float = 0.55
    keen: float = 0.8
    lift_most: float = 0.22
    lift_half: float = 0.05
    patience_months: float = 6.0
    status_lift: float = 0.05
    redeems: float = 0.5
    tops_up: float = 0.4
    reach_eur: float = 30.0
    games: float = 0.05
    game_reach_eur: float = 100.0
    return_eur: float = 8.0

    def __post_init__(self) -> None:
        for name in ("margin", "joins", "redeems", "tops_up", "games"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"assumption {name} is a share: from 0 to 1, not {getattr(self, name)!r}")
        for name in ("lift_most", "status_lift", "reach_eur", "game_reach_eur", "return_eur"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"assumption {name} must not be negative")
        if not (self.lift_half > 0 and self.patience_months > 0):
            raise ValueError("assumptions lift_half and patience_months must be above 0")

    def lift(self, design: Design, multiplier: float = 1.0) -> float:
        """By how much a member in a tier with this multiplier orders for more, status apart."""
        months = design.expires_months
        counts = 1.0 if months is None else 1 - float(np.exp(-months / self.patience_months))
        rate = design.reward_rate * multiplier * counts
        return self.lift_most * rate / (rate + self.lift_half)


ASSUMPTIONS = Assumptions()


class People(NamedTuple):
    """Who the programme is for.

    Attributes:
        table: one row a customer: ``customer_id``, ``orders_a_month``, ``amount_eur`` (mean of an order), both as they
            would be without a programme.
    """

    table: pd.DataFrame


def people(customers: pd.DataFrame, orders: Any, *, ends_at: Any = None) -> People:
    """The customers that a programme would have, from what they ordered so far.

    A short history says little, so each is drawn towards the mean of all: as if there were three more months at the
    mean rate, and two more orders of the mean amount. Where customers were already in a programme, their amounts hold
    its lift.

    Args:
        customers: with ``customer_id`` and ``joined_at``; where ``account`` is known, firms are left out.
        orders: one row an order with ``customer_id``, ``ordered_at``, ``amount_eur``. Any engine.
        ends_at: when the data end; default: the last order.

    Returns:
        Their order rates and amounts; the opening order of an account does not count for the rate.

    Raises:
        ValueError: if a column is missing, or nobody is left.
    """
    lacking = [name for name in ("customer_id", "joined_at") if name not in customers]
    if lacking:
        raise ValueError(f"customers have no column {lacking[0]!r}")
    frame: nw.LazyFrame[Any] = nw.from_native(orders).lazy()
    names = frame.collect_schema().names()
    lacking = [name for name in ("customer_id", "ordered_at", "amount_eur") if name not in names]
    if lacking:
        raise ValueError(f"orders have no column {lacking[0]!r}; they have {', '.join(names)}")
    sums = frame.group_by("customer_id").agg(
        number=nw.len(), money=nw.col("amount_eur").sum(), last=nw.col("ordered_at").max()
    )
    seen = sums.collect().to_pandas().set_index("customer_id")
    some = customers[customers["account"].astype(str) == "private"] if "account" in customers else customers
    some = some[some["customer_id"].isin(seen.index)]
    if some.empty:
        raise ValueError("no customer has an order: do the customer numbers agree?")
    seen = seen.loc[some["customer_id"]]
    end = pd.Timestamp(seen["last"].max() if ends_at is None else ends_at)
    months = np.maximum((end - some["joined_at"]).dt.total_seconds().to_numpy() / 86_400 / (365.25 / 12), 0.0)
    number, money = (seen[name].to_numpy(dtype=np.float64) for name in ("number", "money"))
    rate = (number - 1).sum() / max(months.sum(), 1e-9)
    table = pd.DataFrame(
        {
            "customer_id": some["customer_id"].to_numpy(),
            "orders_a_month": (number - 1 + 3 * rate) / (months + 3),
            "amount_eur": (money + 2 * money.sum() / number.sum()) / (number + 2),
        }
    )
    return People(table)


@dataclass(frozen=True)
class Comparison:
    """Designs, lived through by the same customers; money in EUR over all months, against no programme.

    Attributes:
        table: one row a design: ``design``, ``members``, ``extra_sales_eur``, ``extra_margin_eur``, ``rewards_eur``,
            ``perks_eur``, ``returns_eur``, ``fixed_eur``, ``liability_eur`` (points still open, for the part expected
            to be used), ``profit_eur`` (margin less all of these) with ``profit_lower`` and ``profit_upper``,
            ``redemption`` (points used of those used or expired), ``in_tier`` (members in any tier at the end).
        differences: one row a pair of designs: ``design``, ``against``, ``difference_eur``, ``lower``, ``upper``: the
            profit of the one less that of the other, customer by customer, which is far more exact than two intervals.
        migration: ``design``, ``first`` (tier at the end of the first year), ``last`` (at the end), ``members``.
        gains: by fifth of customers, from those who spend least, and for those who game: ``design``, ``group``,
            ``customers``, ``reward_eur`` (what one of them gets), ``profit_eur`` (what the company gets of one).
        months: how long.
        customers: how many.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    migration: pd.DataFrame
    gains: pd.DataFrame
    months: int
    customers: int

    @property
    def best(self) -> str:
        """The design with the largest profit."""
        return str(self.table.loc[int(self.table["profit_eur"].to_numpy().argmax()), "design"])


class _Draws(NamedTuple):
    """Everything that is left to chance, drawn once for all designs."""

    orders: Ints
    base: Floats
    redeems: Floats
    joins: Floats
    games: Floats
    tops_up: Floats


def _drawn(who: People, months: int, seed: int) -> _Draws:
    rng = np.random.default_rng(seed)
    rate, amount = (who.table[name].to_numpy(dtype=np.float64) for name in ("orders_a_month", "amount_eur"))
    n = len(rate)
    orders = rng.poisson(rate, (months, n))
    base = rng.standard_gamma(_AMOUNT_SHAPE * np.maximum(orders, 1e-9)) * (orders > 0) * amount / _AMOUNT_SHAPE
    return _Draws(orders, base, rng.random((months, n)), *(rng.random(n) for _ in range(3)))


class _Lived(NamedTuple):
    """One design, customer by customer."""

    member: Bools
    games: Bools
    extra: Floats
    rewards: Floats
    perks: Floats
    returns: Floats
    open_eur: Floats
    used: float
    lapsed: float
    first: Ints
    last: Ints


def _live(design: Design, who: People, draws: _Draws, a: Assumptions) -> _Lived:
    months, n = draws.orders.shape
    rate = who.table["orders_a_month"].to_numpy(dtype=np.float64)
    odds = a.joins / max(1 - a.joins, 1e-9) * (rate / max(rate.mean(), 1e-12)) ** a.keen
    member = draws.joins < odds / (1 + odds)
    games = member & (draws.games < a.games)
    honest = member & ~games
    tops_up = honest & (draws.tops_up < a.tops_up)
    tiers = design.tiers
    bounds = np.array([tier.from_eur for tier in tiers])
    multiplier = np.array([1.0, *(tier.multiplier for tier in tiers)])
    perk = np.array([0.0, *(tier.perk_eur for tier in tiers)]) / 12
    lift = np.array([a.lift(design, m) + a.status_lift * i for i, m in enumerate(multiplier)])
    issued = np.zeros((months + 1, n))
    used, spent, extra, rewards, perks, returns = (np.zeros(n) for _ in range(6))
    held, standing, first = (np.zeros(n, dtype=np.int64) for _ in range(3))
    lapsed = redeemed = 0.0
    for t in range(months):
        if t % 12 == 0:
            held, spent = (np.searchsorted(bounds, spent + 0.005, side="right") * (t > 0)), np.zeros(n)
            standing = held
        amount = draws.base[t] * (1 + lift[standing] * honest)
        if len(tiers) and t % 12 >= 9:
            reached = np.searchsorted(bounds, spent + amount + 0.005, side="right")
            short = np.append(bounds, np.inf)[reached] - spent - amount
            amount = amount + np.where(tops_up & (draws.orders[t] > 0) & (short <= a.reach_eur), short, 0.0)
        bought = np.zeros(n)
        if len(tiers) and t % 12 == 11:
            reached = np.searchsorted(bounds, spent + amount + 0.005, side="right")
            short = np.append(bounds, np.inf)[reached] - spent - amount
            bought = np.where(games & (short <= a.game_reach_eur), short, 0.0)
            returns += a.return_eur * (bought > 0)
        spent = spent + (amount + bought) * member
        extra += (amount - draws.base[t]) * member
        perks += perk[standing] * member
        if design.expires_months is not None and t >= design.expires_months:
            gone = np.maximum(issued[t - design.expires_months + 1] - used, 0.0)
            lapsed += float(gone.sum())
            used = used + gone
        balance = issued[t] - used
        wants = games | (honest & (draws.redeems[t] < a.redeems))
        worth = design.point_value_eur * design.redeem_points
        blocks = np.floor(balance / design.redeem_points)
        if worth > 0:  # and so none without an order
            blocks = np.minimum(blocks, np.floor(amount / worth))
        points = np.where(wants, blocks * design.redeem_points, 0.0)
        used = used + points
        redeemed += float(points.sum())
        rewards += points * design.point_value_eur
        issued[t + 1] = issued[t] + np.floor(amount * design.points_per_eur * multiplier[standing]) * member
        standing = np.maximum(held, np.searchsorted(bounds, spent + 0.005, side="right"))
        if t == 11:
            first = standing
    open_eur = (issued[months] - used) * design.point_value_eur
    return _Lived(member, games, extra, rewards, perks, returns, open_eur, redeemed, lapsed, first, standing)


def compare_designs(
    designs: Sequence[Design],
    who: People,
    *,
    assumptions: Assumptions = ASSUMPTIONS,
    months: int = 24,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Let the same customers live through the same months under each design.

    The intervals hold what chance does with so many customers. They do not hold that an assumption may be wrong: move
    those, and see whether the order of the designs stays.

    Args:
        designs: one to four, with different names.
        who: made by `people`.
        assumptions: how customers answer.
        months: how long, from 12 to 60.
        seed: of the draws; the same seed gives every design the same customers and orders.
        level: of the intervals.

    Returns:
        What each design brings, costs and owes.

    Raises:
        ValueError: if there are no or too many designs, two have one name, or ``months`` is out of range.

    Source: common random numbers as in Law (2015), Simulation modeling and analysis, chapter 11.

    Example:
        >>> who = People(pd.DataFrame({"customer_id": [1, 2], "orders_a_month": [1.0, 2.0], "amount_eur": 30.0}))
        >>> compare_designs([Design("none", points_per_eur=0.0)], who).table["profit_eur"].item()
        0.0
    """
    names = [design.name for design in designs]
    if not 1 <= len(designs) <= MOST:
        raise ValueError(f"compare one to {MOST} designs at once, not {len(designs)}")
    if len(set(names)) < len(names):
        raise ValueError("two designs have the same name: give each its own")
    if not 12 <= months <= 60:
        raise ValueError(f"months must be from 12 to 60, not {months!r}")
    if who.table.empty:
        raise ValueError("there is nobody to simulate")
    draws = _drawn(who, months, seed)
    n = len(who.table)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    spend = (who.table["orders_a_month"] * who.table["amount_eur"]).to_numpy()
    fifth = np.minimum(np.argsort(np.argsort(spend, kind="stable")) * 5 // n, 4)
    rows, gains, migration, profits = [], [], [], []
    fixed = [design.fixed_eur * months / 12 for design in designs]
    for design, running in zip(designs, fixed, strict=True):
        life = _live(design, who, draws, assumptions)
        known = life.used + life.lapsed
        redemption = life.used / known if known > 0 else np.nan
        owed = life.open_eur * design.reward_cost * (redemption if life.lapsed > 0 else 1.0)
        margin, rewards = assumptions.margin * life.extra, design.reward_cost * life.rewards
        profit = margin - rewards - life.perks - life.returns - owed
        profits.append(profit)
        spread = z * float(profit.std(ddof=min(1, n - 1))) * np.sqrt(n)
        rows.append(
            {
                "design": design.name,
                "members": int(life.member.sum()),
                "extra_sales_eur": life.extra.sum(),
                "extra_margin_eur": margin.sum(),
                "rewards_eur": rewards.sum(),
                "perks_eur": life.perks.sum(),
                "returns_eur": life.returns.sum(),
                "fixed_eur": running,
                "liability_eur": owed.sum(),
                "profit_eur": profit.sum() - running,
                "profit_lower": profit.sum() - running - spread,
                "profit_upper": profit.sum() - running + spread,
                "redemption": redemption,
                "in_tier": int((life.last[life.member] > 0).sum()),
            }
        )
        groups = [(name, fifth == i) for i, name in enumerate(_FIFTHS)] + [("who game", life.games)]
        for name, mask in groups:
            size = max(int(mask.sum()), 1)
            gains.append(
                {
                    "design": design.name,
                    "group": name,
                    "customers": int(mask.sum()),
                    "reward_eur": life.rewards[mask].sum() / size,
                    "profit_eur": profit[mask].sum() / size,
                }
            )
        called = np.array(["entry", *(tier.name for tier in design.tiers)], dtype=object)
        moves = pd.DataFrame({"first": called[life.first[life.member]], "last": called[life.last[life.member]]})
        counted = moves.value_counts(sort=False).rename("members").reset_index()
        migration.append(counted.assign(design=design.name)[["design", "first", "last", "members"]])
    pairs = []
    for i in range(len(designs)):
        for j in range(i):
            gap = profits[i] - profits[j]
            middle = float(gap.sum() - (fixed[i] - fixed[j]))
            spread = z * float(gap.std(ddof=min(1, n - 1))) * np.sqrt(n)
            pairs.append((names[i], names[j], *Interval(middle, middle - spread, middle + spread)))
    return Comparison(
        pd.DataFrame(rows),
        pd.DataFrame(pairs, columns=["design", "against", "difference_eur", "lower", "upper"]),
        pd.concat(migration, ignore_index=True),
        pd.DataFrame(gains),
        months,
        n,
    )
