"""Designs of a programme: against arithmetic, and against each other on the same customers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from crkit import company, loyalty
from crkit.loyalty import Assumptions, Design, Tier

PLAIN = Design("plain")
GOLD = Design("gold", tiers=(Tier("silver", 150, 1.25), Tier("gold", 300, 1.5, 5)))
HONEST = Assumptions(games=0.0, tops_up=0.0)


@pytest.fixture(scope="module")
def who() -> loyalty.People:
    made = company.simulate(2000, seed=6, tables=["customers", "orders"])
    return loyalty.people(made.customers, made.orders)


def test_rates_and_amounts_are_drawn_towards_the_mean() -> None:
    """Two customers of ten months, with 11 orders and with one: (10 + 3 m) / 13 and 3 m / 13, where m is 10 / 20."""
    customers = pd.DataFrame({"customer_id": [1, 2], "joined_at": pd.Timestamp("2024-01-01")})
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.append(np.linspace(0, 10, 11), 0) * 30.4375, unit="D")
    orders = pd.DataFrame({"customer_id": [1] * 11 + [2], "ordered_at": at, "amount_eur": [20.0] * 11 + [80.0]})
    table = loyalty.people(customers, orders).table
    assert table["orders_a_month"].tolist() == pytest.approx([11.5 / 13, 1.5 / 13])
    mean = 300 / 12
    assert table["amount_eur"].tolist() == pytest.approx([(220 + 2 * mean) / 13, (80 + 2 * mean) / 3])


def test_firms_are_left_out(who: loyalty.People) -> None:
    made = company.simulate(2000, seed=6, tables=["customers"]).customers
    assert set(who.table["customer_id"]) == set(made.loc[made["account"] == "private", "customer_id"])
    with pytest.raises(ValueError, match="no customer has an order"):
        loyalty.people(made.assign(customer_id=-made["customer_id"]), company.simulate(50, tables=["orders"]).orders)


def test_the_simulation_agrees_with_the_break_even_lift() -> None:
    """Everybody joins, every point is used or owed, and members order for just so much more: no profit, no loss."""
    people = loyalty.People(pd.DataFrame({"customer_id": range(3000), "orders_a_month": 1.0, "amount_eur": 40.0}))
    design = Design("even", expires_months=None, redeem_points=1)
    lift = loyalty.break_even_lift(0.4, design.reward_rate)
    even = dataclasses.replace(HONEST, margin=0.4, joins=1.0, redeems=1.0, lift_most=2 * lift)
    assert even.lift(design) == pytest.approx(lift)
    table = loyalty.compare_designs([design], people, assumptions=even).table.iloc[0]
    sales = table["extra_sales_eur"] / lift
    # points are whole, orders are not
    assert abs(table["profit_eur"]) < 0.002 * sales
    more = loyalty.compare_designs([design], people, assumptions=dataclasses.replace(even, lift_most=2.5 * lift))
    assert more.table["profit_lower"].item() > 0


def test_every_point_is_used_or_expired_or_owed(who: loyalty.People) -> None:
    """The rewards against a queue of lots, member by member and month by month."""
    from crkit.loyalty_design import _drawn, _live

    some = loyalty.People(who.table.head(150))
    draws = _drawn(some, 24, 3)
    design = Design("short", expires_months=5, points_per_eur=2.0)
    life = _live(design, some, draws, HONEST)
    lift = HONEST.lift(design)
    for i in np.flatnonzero(life.member):
        lots: list[list[float]] = []
        used = 0.0
        for month in range(24):
            amount = draws.base[month, i] * (1 + lift)
            lots = [lot for lot in lots if lot[0] + 5 > month]
            if draws.orders[month, i] and draws.redeems[month, i] < HONEST.redeems:
                points = 100 * min(sum(lot[1] for lot in lots) // 100, amount // 5)
                used += points
                for lot in lots:
                    part = min(points, lot[1])
                    lot[1] -= part
                    points -= part
            lots.append([month, np.floor(2 * amount)])
        assert life.rewards[i] == pytest.approx(0.05 * used)
        assert life.open_eur[i] == pytest.approx(0.05 * sum(lot[1] for lot in lots))


def test_common_random_numbers_make_differences_exact(who: loyalty.People) -> None:
    found = loyalty.compare_designs([PLAIN, Design("a little more", point_value_eur=0.055), GOLD], who, seed=1)
    again = loyalty.compare_designs([GOLD, PLAIN], who, seed=1)
    by = found.table.set_index("design")
    assert again.table.set_index("design").loc["plain", "profit_eur"] == by.loc["plain", "profit_eur"]
    assert found.differences[["design", "against"]].to_numpy().tolist() == [
        ["a little more", "plain"], ["gold", "plain"], ["gold", "a little more"],
    ]  # fmt: skip
    row = found.differences.iloc[0]
    assert row["difference_eur"] == pytest.approx(by.loc["a little more", "profit_eur"] - by.loc["plain", "profit_eur"])
    apart = np.hypot(*(by.loc[d, "profit_upper"] - by.loc[d, "profit_lower"] for d in ("plain", "a little more")))
    assert row["upper"] - row["lower"] < 0.5 * apart


def test_intervals_of_differences_hold_the_true_difference(who: loyalty.People) -> None:
    """The true one is the mean over very many customers of the same kind."""
    designs = [PLAIN, GOLD]
    rng = np.random.default_rng(0)
    copies = who.table.iloc[rng.integers(0, len(who.table), 20_000)].reset_index(drop=True)
    truth = loyalty.compare_designs(designs, loyalty.People(copies), months=12, seed=99).differences
    a_customer = truth["difference_eur"].item() / 20_000
    inside = []
    for seed in range(200):
        rows = rng.integers(0, len(who.table), 400)
        part = loyalty.People(who.table.iloc[rows].reset_index(drop=True))
        row = loyalty.compare_designs(designs, part, months=12, seed=seed).differences.iloc[0]
        inside.append(row["lower"] <= 400 * a_customer <= row["upper"])
    assert 0.92 <= np.mean(inside) <= 0.98


def test_profit_is_what_comes_in_less_what_goes_out(who: loyalty.People) -> None:
    found = loyalty.compare_designs([dataclasses.replace(GOLD, fixed_eur=100.0), PLAIN], who)
    table = found.table
    out = table[["rewards_eur", "perks_eur", "returns_eur", "fixed_eur", "liability_eur"]].sum(axis=1)
    assert table["profit_eur"].to_numpy() == pytest.approx((table["extra_margin_eur"] - out).to_numpy())
    assert table["extra_margin_eur"].to_numpy() == pytest.approx(0.45 * table["extra_sales_eur"].to_numpy())
    assert table["fixed_eur"].tolist() == [200, 0]
    assert (
        found.migration.groupby("design")["members"].sum().to_dict() == table.set_index("design")["members"].to_dict()
    )
    fifths = found.gains[found.gains["group"] != "who game"]
    company_gets = (fifths["profit_eur"] * fifths["customers"]).groupby(fifths["design"]).sum()
    assert company_gets["gold"] == pytest.approx(table["profit_eur"].iloc[0] + 200)
    assert found.best in ("gold", "plain")
    assert "gold: profit" in loyalty.plot_designs(found).alt


def test_each_assumption_does_what_its_name_says(who: loyalty.People) -> None:
    def row(design: Design = GOLD, **changed: float) -> pd.Series:
        assumptions = dataclasses.replace(loyalty.ASSUMPTIONS, **changed)
        table = loyalty.compare_designs([design], who, assumptions=assumptions).table
        return table.iloc[0]

    base = row()
    assert row(lift_most=0.4)["extra_sales_eur"] > base["extra_sales_eur"]
    assert row(joins=0.9)["members"] > base["members"]
    assert row(redeems=0.1)["rewards_eur"] < base["rewards_eur"]
    assert row(tops_up=1.0)["in_tier"] > row(tops_up=0.0)["in_tier"]
    assert row(games=0.5)["profit_eur"] < row(games=0.0)["profit_eur"]
    assert row(games=0.5)["returns_eur"] > row(games=0.0)["returns_eur"] == 0
    assert row(status_lift=0.2)["extra_sales_eur"] > base["extra_sales_eur"]
    assert row(dataclasses.replace(GOLD, expires_months=3))["redemption"] < base["redemption"]
    assert row(dataclasses.replace(GOLD, expires_months=None))["redemption"] == 1
    assert loyalty.ASSUMPTIONS.lift(PLAIN) == pytest.approx(0.10, abs=0.005)


def test_designs_that_make_no_sense_are_refused(who: loyalty.People) -> None:
    with pytest.raises(ValueError, match="compare one to 4 designs at once, not 5"):
        loyalty.compare_designs([Design(str(i)) for i in range(5)], who)
    with pytest.raises(ValueError, match="two designs have the same name"):
        loyalty.compare_designs([PLAIN, PLAIN], who)
    with pytest.raises(ValueError, match="months must be from 12 to 60"):
        loyalty.compare_designs([PLAIN], who, months=6)
    with pytest.raises(ValueError, match="tiers need rising thresholds"):
        Design("wrong", tiers=(Tier("a", 300), Tier("b", 200)))
    with pytest.raises(ValueError, match="must not be negative"):
        Design("wrong", points_per_eur=-1)
    with pytest.raises(ValueError, match="blocks and expiry must be at least 1"):
        Design("wrong", expires_months=0)
    with pytest.raises(ValueError, match="assumption games is a share"):
        Assumptions(games=5)
    with pytest.raises(ValueError, match="nobody to simulate"):
        loyalty.compare_designs([PLAIN], loyalty.People(who.table.head(0)))
