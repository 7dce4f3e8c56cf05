"""What a programme owes: against a published triangle, Example 52 of IFRS 15, and programmes whose end is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crkit import company, loyalty

Floats = npt.NDArray[np.float64]

# Taylor and Ashe (1983), the triangle that Mack (1993) works through
PUBLISHED = """
357848 1124788 1735330 2218270 2745596 3319994 3466336 3606286 3833515 3901463
352118 1236139 2170033 3353322 3799067 4120063 4647867 4914039 5339085
290507 1292306 2218525 3235179 3985995 4132918 4628910 4909315
310608 1418858 2195047 3757447 4029929 4381982 4588268
443160 1136350 2128333 2897821 3402672 3873311
396132 1333217 2180715 2985752 3691712
440832 1288463 2419861 3483130
359480 1421128 2864498
376686 1363294
344014
"""


def triangle(cumulative: Floats, issued: Floats | float = 1e9, still: Floats | float = 1e9) -> loyalty.Triangle:
    n = len(cumulative)
    return loyalty.Triangle(
        pd.Series(np.broadcast_to(issued, n).astype(float)),
        pd.DataFrame(cumulative),
        pd.Series(np.broadcast_to(still, n).astype(float)),
        "Q",
    )


def test_the_chain_ladder_is_macks() -> None:
    rows = [[float(cell) for cell in line.split()] for line in PUBLISHED.split("\n") if line]
    cumulative = np.array([row + [np.nan] * (10 - len(row)) for row in rows])
    ladder = loyalty.chain_ladder(triangle(cumulative))
    assert ladder.factors.to_numpy() == pytest.approx(
        [3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177], abs=5e-5
    )
    to_come = ladder.table["ultimate"] - ladder.table["redeemed"]
    assert to_come.to_numpy() == pytest.approx(
        [0, 94634, 469511, 709638, 984889, 1419459, 2177641, 3920301, 4278972, 4625811], abs=0.6
    )
    assert ladder.table["se"].to_numpy() == pytest.approx(
        [0, 75535, 121699, 133549, 261406, 411010, 558317, 875328, 971258, 1363155], abs=0.6
    )
    assert to_come.sum() == pytest.approx(18_680_856, abs=1)
    assert ladder.se == pytest.approx(2_447_095, abs=1)


def test_by_hand() -> None:
    """Factors 60 / 30 and 22 / 20; the intervals stay within what is possible."""
    cumulative = np.array([[10.0, 20.0, 22.0], [20.0, 40.0, np.nan], [10.0, np.nan, np.nan]])
    ladder = loyalty.chain_ladder(triangle(cumulative, np.array([40.0, 80, 40]), np.array([0.0, 10, 25])))
    assert ladder.factors.tolist() == [2.0, 1.1]
    assert ladder.table["ultimate"].tolist() == pytest.approx([22, 44, 22])
    assert ladder.table["rate"].tolist() == pytest.approx([0.55, 0.55, 0.55])
    assert ladder.rate.estimate == pytest.approx(88 / 160)
    assert (ladder.table["ultimate_lower"] >= ladder.table["redeemed"]).all()
    assert (ladder.table["ultimate_upper"] <= [22, 50, 35]).all()


def test_a_cohort_of_which_nothing_is_redeemed_says_so() -> None:
    cumulative = np.array([[10.0, 20.0, 22.0], [20.0, 41.0, np.nan], [0.0, np.nan, np.nan]])
    ladder = loyalty.chain_ladder(triangle(cumulative, 50.0, np.array([0.0, 5, 50])))
    assert ladder.table[["lower", "upper"]].iloc[2].tolist() == [0, 1]


def programme(rng: np.random.Generator, members: int, n: int = 8) -> tuple[loyalty.Triangle, Floats, Floats]:
    """Members each hold one lot and use it by chance in one of five periods, or let it lapse: seen and in the end."""
    hazard = np.array([0.3, 0.45, 0.35, 0.2, 0.1])
    points = rng.gamma(2, 60, (n, members)).round()
    keen = 2 * rng.beta(8, 8, (n, members))
    free = np.ones((n, members), bool)
    full = np.zeros((n, n))
    for age in range(n):
        full[:, age] = full[:, age - 1] if age else 0
        if age < len(hazard):
            use = free & (rng.random((n, members)) < np.minimum(hazard[age] * keen, 1))
            free &= ~use
            full[:, age] += (points * use).sum(axis=1)
    seen = full.copy()
    seen[np.add.outer(np.arange(n), np.arange(n)) >= n] = np.nan
    issued = points.sum(axis=1)
    still = np.where(np.arange(n) < n - 4, 0.0, issued - np.nanmax(seen, axis=1))
    return triangle(seen, issued, still), full[:, -1], issued


def test_intervals_hold_what_comes_to_be() -> None:
    rng = np.random.default_rng(0)
    whole, cohorts = [], []
    for _ in range(300):
        seen, ultimate, issued = programme(rng, 250)
        ladder = loyalty.chain_ladder(seen)
        whole.append(ladder.rate.lower <= ultimate.sum() / issued.sum() <= ladder.rate.upper)
        t = ladder.table
        cohorts.append(((t["ultimate_lower"] <= ultimate) & (ultimate <= t["ultimate_upper"]))[-3:].mean())
    assert 0.93 <= np.mean(whole) <= 0.975
    assert 0.92 <= np.mean(cohorts) <= 0.97


@pytest.fixture(scope="module")
def books() -> loyalty.Books:
    return loyalty.keep_books(company.simulate(1500, seed=3, tables=["points"]).points)


@pytest.mark.parametrize("period", ["M", "Q", "Y"])
def test_the_triangle_holds_every_redeemed_point(books: loyalty.Books, period: str) -> None:
    found = loyalty.redemption_triangle(books, period=period)
    last = np.nanmax(found.redeemed.to_numpy(), axis=1)
    assert last.sum() == books.customers["redeemed"].sum()
    assert found.issued.sum() == books.customers[["issued"]].to_numpy().sum() - books.customers["adjusted"].sum()
    assert found.open.sum() == books.outstanding
    lots = books.lots[books.lots["issued_on"].dt.to_period(period) == found.issued.index[2 if period != "Y" else 0]]
    row = found.redeemed.loc[lots["issued_on"].dt.to_period(period).iloc[0]]
    assert row.dropna().iloc[-1] == lots["redeemed"].sum()


def test_a_period_that_is_not_over_is_left_out(books: loyalty.Books) -> None:
    points = company.simulate(1500, seed=3, tables=["points"]).points
    cut = loyalty.redemption_triangle(loyalty.keep_books(points, as_of="2025-11-15"))
    whole = loyalty.redemption_triangle(loyalty.keep_books(points, as_of="2025-09-30"))
    pd.testing.assert_frame_equal(cut.redeemed, whole.redeemed)
    assert loyalty.redemption_triangle(books).redeemed.shape[0] == whole.redeemed.shape[0] + 1
    assert cut.until == whole.until == pd.Timestamp("2025-09-30")
    autumn = points["booked_at"].between("2025-10-01", "2025-11-15 23:59:59") & (points["points"] > 0)
    assert (cut.later, whole.later) == (points.loc[autumn, "points"].sum(), 0)


def test_what_is_owed_says_of_which_day_and_what_is_not_in_it() -> None:
    points = company.simulate(1500, seed=3, tables=["points"]).points

    def due(day: str) -> loyalty.Owed:
        cut = loyalty.redemption_triangle(loyalty.keep_books(points, as_of=day))
        return loyalty.owed(loyalty.chain_ladder(cut), point_value_eur=0.05)

    part, whole = due("2025-11-15"), due("2025-09-30")
    assert f"on 30 September 2025; {part.triangle.later:,} points issued since are not in it" in str(part)
    assert "on 30 September 2025; of the" in str(whole) and "since" not in str(whole)
    assert "on 30 September 2025" in loyalty.plot_owed(part).alt
    used = (whole.table["ultimate"] - whole.table["redeemed"]).sum() / whole.triangle.open.sum()
    assert f"EUR), {used:.0%} will be used; breakage" in str(whole)
    assert used < 1 - whole.breakage.estimate


def test_example_52() -> None:
    goods, points = loyalty.allocate(100_000, goods_eur=100_000, points_eur=10_000 * 0.95)
    assert (round(goods), round(points)) == (91_324, 8_676)
    years = loyalty.recognise(points, redeemed=[4_500, 8_500], expected=[9_500, 9_700])
    assert years["revenue_eur"].round().tolist() == [4_110, 3_493]
    assert years["liability_eur"].round().tolist() == [4_566, 1_073]
    assert "1,073 owed" in loyalty.plot_recognition(years).alt


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=6),
    st.lists(st.integers(0, 1000), min_size=6, max_size=6),
    st.integers(1, 10_000),
)
def test_what_is_earned_and_what_is_owed_are_always_the_allocation(used: list[int], more: list[int], eur: int) -> None:
    redeemed = np.cumsum(used)
    expected = redeemed + np.array(more[: len(used)]) + 1
    table = loyalty.recognise(eur, redeemed.tolist(), expected.tolist())
    assert (table["revenue_to_date_eur"] + table["liability_eur"]).to_numpy() == pytest.approx(eur)
    assert table["revenue_eur"].cumsum().to_numpy() == pytest.approx(table["revenue_to_date_eur"].to_numpy())
    assert (table["liability_eur"] >= 0).all()


def test_what_is_owed_agrees_with_example_52_cohort_by_cohort(books: loyalty.Books) -> None:
    ladder = loyalty.chain_ladder(loyalty.redemption_triangle(books))
    found = loyalty.owed(ladder, point_value_eur=0.05, expected=0.9)
    row = found.table.iloc[-2]
    _, points = loyalty.allocate(row["sales_eur"], goods_eur=row["sales_eur"], points_eur=row["issued"] * 0.05 * 0.9)
    assert row["allocated_eur"] == pytest.approx(points)
    once = loyalty.recognise(points, [row["redeemed"]], [row["ultimate"]])
    assert row["liability_eur"] == pytest.approx(once["liability_eur"].iloc[0])
    assert (found.table["liability_lower"] <= found.table["liability_eur"] + 1e-9).all()
    assert (found.table["liability_eur"] <= found.table["liability_upper"] + 1e-9).all()
    assert found.liability_eur.lower < found.liability_eur.estimate < found.liability_eur.upper
    assert found.breakage.estimate == pytest.approx(1 - ladder.rate.estimate)
    assert found.face_value_eur == pytest.approx(0.05 * books.outstanding)
    # what was expected at first sets the allocation and nothing else
    other = loyalty.owed(ladder, point_value_eur=0.05, expected=0.5)
    assert (other.table["ultimate"] == found.table["ultimate"]).all()
    assert other.liability_eur.estimate < found.liability_eur.estimate
    assert str(found).startswith(f"owes {found.liability_eur.estimate:,.0f} EUR")
    for figure in (loyalty.plot_owed(found), loyalty.plot_triangle(ladder)):
        assert str(ladder.table["cohort"].iloc[0]) in figure.alt


def test_what_cannot_be_is_refused(books: loyalty.Books) -> None:
    with pytest.raises(ValueError, match="period must be one of M, Q, Y"):
        loyalty.redemption_triangle(books, period="W")
    with pytest.raises(ValueError, match="2 cohorts are too few"):
        loyalty.chain_ladder(triangle(np.array([[1.0, 2.0], [1.0, np.nan]])))
    with pytest.raises(ValueError, match="no points were redeemed yet"):
        loyalty.chain_ladder(triangle(np.where(np.isnan(np.tri(3)[::-1]), np.nan, 0.0)))
    with pytest.raises(ValueError, match="cannot fall"):
        loyalty.recognise(100, [2, 1], [3, 3])
    with pytest.raises(ValueError, match="raise the expectation"):
        loyalty.recognise(100, [4], [3])
    with pytest.raises(ValueError, match="prices must not be negative"):
        loyalty.allocate(1, goods_eur=0, points_eur=0)
    with pytest.raises(ValueError, match="sales_eur needs one number a cohort"):
        loyalty.owed(loyalty.chain_ladder(loyalty.redemption_triangle(books)), point_value_eur=1, sales_eur=[1.0])


def test_a_young_programme_never_redeems_more_than_it_holds():
    """The first cohort is slow, since rewards need 100 points: its multiples ask the others for too much."""
    seen = pd.DataFrame([[5.0, 40.0, 60.0], [30.0, 50.0, np.nan], [20.0, np.nan, np.nan]])
    plenty = loyalty.Triangle(pd.Series([100.0] * 3), seen, pd.Series([40.0, 45.0, 80.0]), "Q")
    free = loyalty.chain_ladder(plenty)
    assert free.table["ultimate"].tolist() == pytest.approx([60, 75, 20 * 90 / 35 * 1.5])
    cut = loyalty.chain_ladder(plenty._replace(open=pd.Series([40.0, 10.0, 30.0])))
    assert cut.table["ultimate"].tolist() == pytest.approx([60, 60, 50])
    assert (cut.table["se"] < free.table["se"])[1:].all()
    assert cut.rate.lower < cut.rate.estimate <= cut.rate.upper <= 1
    due = loyalty.owed(cut, point_value_eur=0.05)
    assert due.liability_eur.estimate <= due.liability_eur.upper <= due.face_value_eur


def test_a_ledger_without_any_redemption_says_so():
    days = pd.date_range("2024-01-01", periods=300)
    entries = pd.DataFrame({"entry_id": range(300), "customer_id": 1, "booked_at": days, "kind": "earn", "points": 10})
    with pytest.raises(ValueError, match="no points were redeemed yet"):
        loyalty.chain_ladder(loyalty.redemption_triangle(loyalty.keep_books(entries)))
