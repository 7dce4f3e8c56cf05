"""Whether a programme pays: against planted effects, and against what the same company would have been without it."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from engines import to_engine

from crkit import company, loyalty

TABLES = ["customers", "orders", "points", "truth"]
Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def big() -> company.Company:
    return company.simulate(80_000, seed=11, tables=TABLES)


@pytest.fixture(scope="module")
def small() -> company.Company:
    return company.simulate(1500, seed=5, tables=TABLES)


# Break-even ----------------------------------------------------------------------------------------------------------


def test_the_break_even_lift_is_where_profit_is_the_same() -> None:
    assert loyalty.break_even_lift(0.40, 0.05) == pytest.approx(0.142857, abs=1e-6)
    for margin, cost in ((0.4, 0.05), (0.45, 0.03), (1.0, 0.5)):
        assert (1 + loyalty.break_even_lift(margin, cost)) * (margin - cost) == pytest.approx(margin)
    assert loyalty.break_even_lift(0.3, 0.3) == np.inf
    assert loyalty.break_even_lift(0.3, 0) == 0
    with pytest.raises(ValueError, match="margin must lie between 0 and 1"):
        loyalty.break_even_lift(0, 0.05)


# The holdout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["amount_eur", "margin_eur"])
def test_the_planted_effect_is_what_another_company_would_lack(small: company.Company, outcome: str) -> None:
    """The same seed without lifts and without topping up: the same orders, at the prices they would have had."""
    planted = loyalty.planted_effect(small.customers, small.orders, small.points, small.truth, outcome=outcome)
    without = dataclasses.replace(company.MODEL, loyalty_lift=0.0, gold_lift=0.0, points_pressure=0.0)
    bare = company.simulate(1500, seed=5, tables=["orders"], model=without).orders
    assert bare["order_id"].tolist() == small.orders["order_id"].tolist()
    value = bare["amount_eur"] if outcome == "amount_eur" else bare["margin_eur"] + bare["discount_eur"]
    effect = (small.orders[outcome] - value).groupby(small.orders["customer_id"]).sum()
    table = planted.table.set_index("customer_id")["effect_eur"]
    gap = effect.reindex(table.index) - table
    # what is topped up is up to 30 EUR of sales, a year; nothing is of those who did not join
    assert (gap.abs() <= 2 * 30 + 1).all()
    assert (gap[~planted.table["enrolled"].to_numpy()].abs() < 0.01).all()
    assert (gap.abs() < 0.5).mean() > 0.9
    assert abs(effect.reindex(table.index).mean() - planted.per_customer) < 0.05 * small.orders["amount_eur"].mean()


def test_intervals_hold_the_planted_effect(big: company.Company) -> None:
    """Companies of 480 customers who could join, 100 of them held out, drawn from a very large one."""
    rng = np.random.default_rng(0)
    inside, misled = [], []
    for outcome in ("margin_eur", "amount_eur"):
        table = loyalty.programme_table(big.customers, big.orders, outcome=outcome)
        planted = loyalty.planted_effect(big.customers, big.orders, big.points, big.truth, outcome=outcome).table
        effect = planted.set_index("customer_id")["effect_eur"].reindex(table["customer_id"]).fillna(0).to_numpy()
        arms = [np.flatnonzero(table["invited"] == arm) for arm in (True, False)]
        for _ in range(180):
            rows = np.concatenate([rng.choice(arm, n) for arm, n in zip(arms, (380, 100), strict=True)])
            part, all_of_it = table.iloc[rows], effect[rows].sum()
            found = loyalty.programme_effect(part)
            a_customer, a_member = all_of_it / 380, all_of_it / part["enrolled"].sum()
            both = ((found.per_customer, a_customer), (found.adjusted, a_customer))
            members = ((found.enrolled, a_member), (found.enrolled_adjusted, a_member))
            inside.append([interval.lower <= value <= interval.upper for interval, value in both + members])
            misled.append(found.naive.lower > a_member)
    share = np.mean(inside, axis=0)
    assert ((share >= 0.93) & (share <= 0.97)).all(), share
    assert np.mean(misled) > 0.9


def test_what_is_known_before_sharpens(big: company.Company) -> None:
    table = loyalty.programme_table(big.customers, big.orders)
    found = loyalty.programme_effect(table)
    assert 0.05 < found.narrower < 0.3
    # with what decides the outcome, nearly all noise goes
    rng = np.random.default_rng(0)
    table["oracle"] = table["outcome"] + rng.normal(0, 0.1 * table["outcome"].std(), len(table))
    assert loyalty.programme_effect(table, covariates=["oracle"]).narrower > 0.8
    assert found.detectable_eur == pytest.approx(
        (found.adjusted.upper - found.adjusted.lower) / 2 / 1.96 * 2.8016, 1e-3
    )


def test_the_naive_comparison_is_far_off(small: company.Company) -> None:
    table = loyalty.programme_table(small.customers, small.orders, outcome="amount_eur")
    found = loyalty.programme_effect(table)
    planted = loyalty.planted_effect(small.customers, small.orders, small.points, small.truth, outcome="amount_eur")
    assert found.naive.lower > 2 * planted.enrolled > 0
    figure = loyalty.plot_effect(found, planted)
    assert f"Planted: {planted.per_customer:+.1f} a customer invited" in figure.alt
    assert "members against the others, wrongly" in str(found)


def test_estimates_by_hand() -> None:
    """Without covariates: difference of means, Welch's standard error to within 1/n, Wald's ratio."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"invited": rng.random(200) < 0.7, "outcome": rng.gamma(2, 10, 200)})
    table["enrolled"] = table["invited"] & (rng.random(200) < 0.5)
    found = loyalty.programme_effect(table)
    a, b = (table.loc[table["invited"] == arm, "outcome"] for arm in (True, False))
    assert found.per_customer.estimate == pytest.approx(a.mean() - b.mean())
    t = 2.0  # at some sixty degrees of freedom
    welch = np.sqrt(a.var() / len(a) + b.var() / len(b))
    assert (found.per_customer.upper - found.per_customer.estimate) / t == pytest.approx(welch, rel=0.02)
    assert found.enrolled.estimate == pytest.approx((a.mean() - b.mean()) / found.enrolled_share)
    assert found.adjusted == found.per_customer
    assert found.narrower == 0


def test_the_table_of_the_holdout_knows_nothing_of_later(small: company.Company) -> None:
    table = loyalty.programme_table(small.customers, small.orders)
    assert set(table["customer_id"]) == set(
        small.customers.loc[small.customers["loyalty_arm"] != "not_eligible", "customer_id"]
    )
    one = table.iloc[int(table["outcome"].to_numpy().argmax())]
    own = small.orders[small.orders["customer_id"] == one["customer_id"]]
    assert one["first_amount"] == own["amount_eur"].iloc[0]
    assert one["outcome"] == pytest.approx(own["margin_eur"].iloc[1:].sum())
    assert not (table["enrolled"] & ~table["invited"]).any()


@pytest.mark.parametrize("engine", ["polars lazy", "pyarrow", "duckdb"])
def test_tables_are_the_same_in_every_engine(small: company.Company, engine: str) -> None:
    orders = to_engine(small.orders.astype({"channel": "str", "category": "str"}), engine)
    points = to_engine(small.points.astype({"kind": "str"}), engine)
    pd.testing.assert_frame_equal(
        loyalty.programme_table(small.customers, orders),
        loyalty.programme_table(small.customers, small.orders),
        check_dtype=False,
    )
    pd.testing.assert_frame_equal(
        loyalty.tier_table(orders, points, year=2024),
        loyalty.tier_table(small.orders, small.points, year=2024),
        check_dtype=False,
    )
    pd.testing.assert_frame_equal(
        loyalty.people(small.customers, orders).table, loyalty.people(small.customers, small.orders).table
    )


def test_a_holdout_that_is_none_is_refused(small: company.Company) -> None:
    with pytest.raises(ValueError, match="needs customers who were invited and customers who were held out"):
        loyalty.programme_table(small.customers[small.customers["loyalty_arm"] == "invited"], small.orders)
    with pytest.raises(ValueError, match="orders have no column 'profit'"):
        loyalty.programme_table(small.customers, small.orders, outcome="profit")
    table = loyalty.programme_table(small.customers, small.orders)
    with pytest.raises(ValueError, match="at least 20 of each are needed"):
        loyalty.programme_effect(table.head(30))
    with pytest.raises(ValueError, match="no column 'age'"):
        loyalty.programme_effect(table, covariates=["age"])
    with pytest.raises(ValueError, match="must be known of everybody"):
        loyalty.programme_effect(table.assign(days=np.nan))


# The threshold -------------------------------------------------------------------------------------------------------


def test_the_jump_is_found_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(2)
    inside, plain, widths = [], [], []
    for _ in range(300):
        x = rng.normal(0, 1, 500)
        y = 1.5 * x + 0.8 * x**2 * (x > 0) + 0.5 * (x >= 0) + rng.normal(0, 0.5, 500)
        found = loyalty.discontinuity(x, y, 0)
        inside.append(found.estimate.lower <= 0.5 <= found.estimate.upper)
        plain.append(found.local_linear.lower <= 0.5 <= found.local_linear.upper)
        widths.append(found.bandwidth)
    assert 0.93 <= np.mean(inside) <= 0.975
    assert np.mean(plain) <= np.mean(inside)
    assert 0.2 < np.median(widths) < 2


def test_local_lines_are_weighted_least_squares() -> None:
    """Against numpy's own fit, with the square roots of the weights."""
    rng = np.random.default_rng(3)
    x, y, w = rng.uniform(-2, 2, 300), rng.normal(size=300), rng.uniform(1, 5, 300)
    found = loyalty.discontinuity(x, y, 0, weights=w, bandwidth=1.0)
    for degree, interval in ((1, found.local_linear), (2, found.estimate)):
        ends = []
        for side in (x >= 0, x < 0):
            near = side & (np.abs(x) < 1)
            ends.append(np.polyfit(x[near], y[near], degree, w=np.sqrt(w[near] * (1 - np.abs(x[near]))))[-1])
        assert interval.estimate == pytest.approx(ends[0] - ends[1])
    assert found.bins["customers"].sum() == found.below + found.above == (np.abs(x) < 1).sum()


def test_those_who_choose_their_side_spoil_it_and_a_donut_mends_it() -> None:
    rng = np.random.default_rng(4)
    plain, donut = [], []
    for _ in range(30):
        x = rng.uniform(-1, 1, 1500)
        moved = (x > -0.1) & (x < 0) & (rng.random(1500) < 0.5)
        y = x + 0.3 * ((x >= 0) | moved) - 0.6 * moved + rng.normal(0, 0.3, 1500)
        x = np.where(moved, 0.0, x)
        plain.append(loyalty.discontinuity(x, y, 0).estimate.estimate)
        donut.append(loyalty.discontinuity(x, y, 0, donut=0.01).estimate.estimate)
    assert np.mean(plain) < 0.1
    assert np.mean(donut) == pytest.approx(0.3, abs=0.05)


def test_the_jump_at_gold_is_the_planted_one(big: company.Company) -> None:
    table = loyalty.tier_table(big.orders, big.points, year=2024)
    found, without = (
        loyalty.discontinuity(table["spend_eur"], table["ratio"], 300, donut=donut, weights=table["weight"])
        for donut in (0, 1)
    )
    planted = np.log(1 + company.MODEL.gold_lift)
    assert without.estimate.lower < planted < without.estimate.upper
    assert without.above < found.above
    figure = loyalty.plot_discontinuity(found, without, planted=planted)
    assert "robust, without the 1 nearest" in figure.alt
    assert str(without).endswith("without the 1 nearest")
    ordered = big.orders[big.orders["ordered_at"].dt.year == 2025].groupby("customer_id")["amount_eur"].mean()
    assert table["amount_after"].to_numpy() == pytest.approx(ordered.reindex(table["customer_id"]).to_numpy())


def test_pressure_shows_late_in_the_year_only(small: company.Company) -> None:
    found = loyalty.points_pressure(small.orders, small.points, threshold_eur=300)
    assert found.late.lower > found.early.upper
    assert (found.table["before_eur"] < 300).all()
    assert (found.table["before_eur"] + found.table["amount_eur"] >= 300 - 0.005).all()
    assert not found.table.duplicated(["customer_id", "year"]).any()
    assert "last quarter" in loyalty.plot_pressure(found).alt
    calm = company.simulate(1500, seed=5, tables=TABLES, model=dataclasses.replace(company.MODEL, points_pressure=0.0))
    none = loyalty.points_pressure(calm.orders, calm.points, threshold_eur=300)
    assert none.late.lower < none.early.upper


def test_figures_say_where_there_is_nothing_to_compare(small: company.Company) -> None:
    nobody = loyalty.programme_table(small.customers.assign(enrolled_at=pd.NaT), small.orders)
    figure = loyalty.plot_effect(loyalty.programme_effect(nobody))
    assert "a member" not in figure.alt
    assert "nan" not in figure.alt + figure.get_suptitle()
    early = small.orders[small.orders["ordered_at"] < "2024-09-01"]
    figure = loyalty.plot_pressure(loyalty.points_pressure(early, small.points, threshold_eur=300))
    assert figure.get_suptitle() == "No order of a last quarter reached 300 EUR"
    flat = loyalty.discontinuity(np.arange(-30.0, 30), np.zeros(60), 0)
    assert "no jump that can be told from none" in loyalty.plot_discontinuity(flat).get_suptitle()


def test_too_few_at_a_threshold_are_refused() -> None:
    with pytest.raises(ValueError, match="19 customers below and 20 above 0: at least 20"):
        loyalty.discontinuity(np.arange(-19, 20), np.zeros(39), 0)


# Without a holdout ---------------------------------------------------------------------------------------------------


def panel(rng: np.random.Generator, trend: float, effect: float) -> tuple[pd.DataFrame, Floats]:
    """Spend of 120 households in 30 weeks; half are in a campaign from week 20, and grow by a trend of their own."""
    unit, week = np.repeat(np.arange(120), 30), np.tile(np.arange(30), 120)
    chosen = unit < 60
    level = np.repeat(rng.gamma(4, 5, 120), 30) + 8 * chosen
    amount = level + trend * week * chosen + effect * (chosen & (week >= 20)) + rng.normal(0, 4, len(unit))
    frame = pd.DataFrame({"household_id": unit, "week": week, "amount": amount})
    return frame, np.arange(60)


def test_changes_are_compared_and_the_placebo_tells_when_that_is_wrong() -> None:
    rng = np.random.default_rng(5)
    right, wrong = [], []
    for _ in range(50):
        found = loyalty.campaign_contrast(*panel(rng, 0.0, 2.0), starts=20)
        right.append((found.difference.lower <= 2 <= found.difference.upper, found.holds))
        wrong.append(loyalty.campaign_contrast(*panel(rng, 0.4, 0.0), starts=20).holds)
    assert 0.9 <= np.mean([a for a, _ in right]) <= 0.99
    assert 0.9 <= np.mean([b for _, b in right]) <= 0.99
    assert np.mean(wrong) < 0.1


def test_weeks_without_a_purchase_count_with_nothing() -> None:
    frame, chosen = panel(np.random.default_rng(6), 0.4, 0.0)
    bought = frame[(frame["week"] % 2 == 0) | (frame["household_id"] % 3 == 0)]
    full = frame.assign(amount=frame["amount"].where(frame.index.isin(bought.index), 0.0))
    found = loyalty.campaign_contrast(bought, chosen, starts=20)
    expected = loyalty.campaign_contrast(full, chosen, starts=20)
    assert found.difference == pytest.approx(expected.difference)
    assert (found.in_campaign, found.others) == (60, 60)
    assert found.table["period"].tolist() == list(range(-16, 8))
    lazy = loyalty.campaign_contrast(to_engine(bought, "duckdb"), chosen, starts=20)
    assert lazy.placebo == pytest.approx(found.placebo)
    assert "60 units in the campaign and 60 others" in loyalty.plot_contrast(found).alt
    with pytest.raises(ValueError, match="the data go from 0 to 29"):
        loyalty.campaign_contrast(frame, chosen, starts=10)
    with pytest.raises(ValueError, match="5 units in the campaign and 115 others"):
        loyalty.campaign_contrast(frame, range(5), starts=20)
    with pytest.raises(ValueError, match="purchases have no column 'money'"):
        loyalty.campaign_contrast(frame, chosen, starts=20, amount="money")
