"""Segments: one row per customer in any engine, scores, clusters, and whether they hold."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from engines import ENGINES, to_engine, to_pandas
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from crkit import company, datasets, intervals, segments
from crkit.clv import DataError

ORDERS = pd.DataFrame(
    {
        "customer_id": [7, 7, 7, 7, 3, 9, 9],
        "ordered_at": pd.to_datetime(
            ["2025-01-01 09:00", "2025-01-01 18:00", "2025-01-08 23:59", "2025-01-15 00:00", "2025-01-10 12:00",
             "2025-01-02 08:00", "2025-01-20 07:00"]
        ),
        "amount_eur": [10.0, 5.0, 20.0, 40.0, 8.0, 1.0, 0.0],
    }
)  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("unit", "per_day"), [("D", 1), ("W", 1 / 7)])
def test_rfm_summary_in_every_engine(engine: str, unit: str, per_day: float) -> None:
    native = to_engine(ORDERS, engine)
    result = segments.rfm_summary(native, unit=unit)
    assert type(result) is type(native)
    got = to_pandas(result).sort_values("customer_id").reset_index(drop=True)
    expected = pd.DataFrame(
        {
            "customer_id": [3, 7, 9],
            "frequency": [0, 2, 1],
            "recency": np.array([0.0, 14.0, 18.0]) * per_day,
            "T": np.array([10.0, 19.0, 18.0]) * per_day,
            "monetary_value": [0.0, 30.0, 0.0],
        }
    )
    pd.testing.assert_frame_equal(got, expected)


@st.composite
def order_tables(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 40))
    hours = draw(st.lists(st.integers(0, 24 * 40), min_size=n, max_size=n))
    return pd.DataFrame(
        {
            "customer_id": draw(st.lists(st.integers(1, 6), min_size=n, max_size=n)),
            "ordered_at": pd.Timestamp("2024-12-20") + pd.to_timedelta(hours, unit="h"),
            "amount_eur": draw(st.lists(st.sampled_from([0.0, 0.1, 5.0, 19.99, 1e6]), min_size=n, max_size=n)),
        }
    )


def by_hand(orders: pd.DataFrame, end: pd.Timestamp, unit: str) -> dict[int, tuple[float, ...]]:
    """The definitions, one customer at a time."""
    step, hours = ("h", 1) if unit == "h" else ("D", {"D": 24, "W": 168}[unit])
    result = {}
    for customer, own in orders.groupby("customer_id"):
        periods = own["ordered_at"].dt.floor(step)
        money = own["amount_eur"].groupby(periods).sum()
        money = money[money.index <= end.floor(step)]
        if len(money):
            first, last, hour = money.index[0], money.index[-1], pd.Timedelta(hours=hours)
            mean = money.iloc[1:].mean() if len(money) > 1 else 0.0
            result[customer] = (len(money) - 1, (last - first) / hour, (end.floor(step) - first) / hour, mean)
    return result


@settings(max_examples=60, deadline=None)
@given(
    orders=order_tables(), unit=st.sampled_from("DWh"), engine=st.sampled_from(ENGINES), shift=st.integers(-300, 300)
)
def test_rfm_summary_keeps_to_its_definitions(orders: pd.DataFrame, unit: str, engine: str, shift: int) -> None:
    end = orders["ordered_at"].max() + pd.Timedelta(hours=shift)
    expected = by_hand(orders, end, unit)
    native = to_engine(orders, engine)
    if not expected:
        if engine not in ("duckdb", "polars lazy"):
            with pytest.raises(DataError, match="no order is left"):
                segments.rfm_summary(native, observation_end=end, unit=unit)
        return
    got = to_pandas(segments.rfm_summary(native, observation_end=end, unit=unit)).set_index("customer_id")
    assert sorted(got.index) == sorted(expected)
    for customer, row in expected.items():
        assert tuple(got.loc[customer]) == pytest.approx(row, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_engines_without_ordered_aggregation_give_the_same(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask takes the way by a join; here the others are sent that way too."""
    native = to_engine(company.simulate(60, seed=3).orders[list(ORDERS.columns)], engine)
    with_order = to_pandas(segments.rfm_summary(native)).sort_values("customer_id", ignore_index=True)
    monkeypatch.setattr(segments, "_WITHOUT_ORDER", set(nw.Implementation))
    by_join = to_pandas(segments.rfm_summary(native)).sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(by_join, with_order)


@pytest.mark.parametrize("period", ["W", "M", "Q"])
@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_retention_periods_are_those_of_pandas(engine: str, period: str) -> None:
    orders = company.simulate(80, seed=4).orders[["customer_id", "ordered_at"]]
    got = segments.retention_table(to_engine(orders, engine), period=period)
    periods = orders["ordered_at"].dt.to_period(period)
    first = periods.groupby(orders["customer_id"]).transform("min")
    assert sorted(got["cohort"].unique()) == sorted(first.dt.start_time.unique())
    sizes = orders.groupby(first.dt.start_time)["customer_id"].nunique()
    cells = orders.groupby([first.dt.start_time, (periods - first).map(lambda step: step.n)])["customer_id"].nunique()
    for row in got.itertuples():
        assert row.customers == sizes[row.cohort]
        assert row.active == cells.get((row.cohort, row.age), 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_days_are_those_of_the_time_zone(engine: str) -> None:
    """23:30 and 00:30 in Berlin are two days, though both fall on one day in UTC."""
    local = pd.to_datetime(["2025-06-01 23:30", "2025-06-02 00:30"]).tz_localize("Europe/Berlin")
    orders = pd.DataFrame({"customer_id": [1, 1], "ordered_at": local, "amount_eur": [1.0, 2.0]})
    if engine == "duckdb":
        connection = duckdb.connect()
        connection.execute("set timezone = 'Europe/Berlin'")
        native = connection.from_arrow(pl.from_pandas(orders).to_arrow())
    else:
        native = to_engine(orders, engine)
    assert to_pandas(segments.rfm_summary(native))["frequency"].tolist() == [1]


def test_lazy_frames_stay_lazy_and_nothing_is_changed() -> None:
    before = ORDERS.copy(deep=True)
    assert isinstance(segments.rfm_summary(to_engine(ORDERS, "polars lazy")), pl.LazyFrame)
    assert isinstance(segments.rfm_summary(to_engine(ORDERS, "duckdb")), duckdb.DuckDBPyRelation)
    segments.rfm_summary(ORDERS)
    segments.rfm_scores(segments.rfm_table(ORDERS))
    pd.testing.assert_frame_equal(ORDERS, before)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amount_eur": [10.0, 5.0, -20.0, 40.0, 8.0, 1.0, 0.0]}, "'amount_eur' is negative in 1 row"),
        ({"amount_eur": [10.0, 5.0, None, 40.0, 8.0, 1.0, 0.0]}, "'amount_eur' is missing in 1 row"),
        ({"amount_eur": [10.0, 5.0, float("inf"), 40.0, 8.0, 1.0, 0.0]}, "'amount_eur' is missing in 1 row"),
        ({"customer_id": pd.array([7, 7, None, 7, 3, 9, 9], dtype="Int64")}, "'customer_id' is missing in 1 row"),
        ({"ordered_at": ORDERS["ordered_at"].where(ORDERS["customer_id"] != 3)}, "'ordered_at' is missing in 1 row"),
        ({"ordered_at": ORDERS["ordered_at"].dt.strftime("%d.%m.%Y")}, "not dates"),
        ({"amount_eur": ["1,50"] * 7}, "not numbers"),
    ],
)
def test_bad_orders_are_refused_by_name(engine: str, change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        segments.rfm_summary(to_engine(ORDERS.assign(**change), engine))


def test_errors_name_first_rows_and_remedy() -> None:
    with pytest.raises(DataError, match=r"first at row 4 .*set it aside"):
        segments.rfm_summary(ORDERS.assign(amount_eur=[1, 1, 1, 1, -1, 1, 1]))
    with pytest.raises(DataError, match=r"no column 'amount_eur': set amount= to one of customer_id"):
        segments.rfm_summary(ORDERS.rename(columns={"amount_eur": "total"}))
    with pytest.raises(DataError, match="empty"):
        segments.rfm_summary(ORDERS.head(0))
    with pytest.raises(ValueError, match="unit must be one of D, W, h"):
        segments.rfm_summary(ORDERS, unit="M")
    with pytest.raises(ValueError, match="observation_end is missing"):
        segments.rfm_summary(ORDERS, observation_end=pd.NaT)


# Scores and clusters -------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=60))
def test_scores_never_part_equal_values_and_follow_their_definition(rows: list[tuple[int, int, int]]) -> None:
    table = pd.DataFrame(rows, columns=["recency", "frequency", "monetary"])
    scored = segments.rfm_scores(table)
    for score, column, better in (("r", "recency", -1), ("f", "frequency", 1), ("m", "monetary", 1)):
        for value, got in zip(table[column], scored[score], strict=True):
            worse = (better * table[column] < better * value).sum()
            assert got == 1 + (5 * worse) // len(table)
    assert scored["segment"].notna().all()


def test_segments_follow_their_documented_cutoffs() -> None:
    table = segments.rfm_table(company.simulate(300, seed=1).orders)
    for row in segments.rfm_scores(table).itertuples():
        worth = (row.f + row.m) / 2
        recent = row.r >= 3
        expected = {
            "champions": row.r >= 4 and worth >= 4,
            "loyal": row.r == 3 and worth >= 4,
            "growing": recent and 2.5 <= worth < 4,
            "light": recent and worth < 2.5,
            "at risk": not recent and worth >= 3,
            "dormant": not recent and worth < 3,
        }
        assert [name for name, holds in expected.items() if holds] == [row.segment]


@pytest.mark.parametrize("engine", ENGINES)
def test_rfm_table_counts_every_order_day(engine: str) -> None:
    got = to_pandas(segments.rfm_table(to_engine(ORDERS, engine))).sort_values("customer_id")
    assert got["recency"].tolist() == [10, 5, 0]
    assert got["frequency"].tolist() == [1, 3, 2]
    assert got["monetary"].tolist() == [8.0, 75.0, 1.0]


def blobs(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    middle = np.repeat([[5, 5, 10], [50, 20, 100], [300, 2, 1000]], n, axis=0)
    return pd.DataFrame(middle * rng.uniform(0.8, 1.2, middle.shape), columns=list(segments.RFM))


def test_clusters_find_planted_groups_ordered_by_money() -> None:
    table = blobs()
    found = segments.cluster(table, 3, seed=1)
    assert found.labels.tolist() == [2] * 60 + [1] * 60 + [0] * 60
    assert found.centres["monetary"].is_monotonic_decreasing
    assert found.sizes.tolist() == [60, 60, 60]
    pd.testing.assert_series_equal(found.labels, segments.cluster(table, 3, seed=1).labels)
    choice = segments.choose_k(table, (2, 3, 4), resamples=5).set_index("k")
    assert choice["silhouette"].idxmax() == 3
    assert choice.loc[3, "stability"] == pytest.approx(1)
    assert choice["inertia"].is_monotonic_decreasing


def test_raw_scales_let_the_largest_numbers_decide() -> None:
    table = blobs().assign(monetary=lambda t: np.random.default_rng(2).permutation(1000 * t["monetary"]))
    truth = np.repeat([0, 1, 2], 60)
    raw = segments.agreement(segments.cluster(table, 3, scale="none").labels, truth)
    scaled = segments.agreement(segments.cluster(table, 3, scale="log").labels, truth)
    assert raw.adjusted_rand < 0.1 < 0.5 < scaled.adjusted_rand


def test_clusters_refuse_too_many_groups() -> None:
    with pytest.raises(DataError, match="from 1 to 2"):
        segments.cluster(pd.DataFrame({"recency": [1, 1, 2], "frequency": 1, "monetary": 3.0}), 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=50))
def test_agreement_is_the_adjusted_rand_index(pairs: list[tuple[int, int]]) -> None:
    one, other = zip(*pairs, strict=True)
    found = segments.agreement(one, other, draws=50)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)
    assert found.lower <= found.upper


def test_the_interval_of_agreement_covers() -> None:
    """In repeated samples of 150 customers, the 90 % interval has to hold the large-sample index that often."""
    rng = np.random.default_rng(5)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.integers(0, 3, n)
        return np.where(rng.random(n) < 0.7, truth, rng.integers(0, 3, n)), truth

    target = segments.agreement(*sample(400_000), draws=2).adjusted_rand
    found = [segments.agreement(*sample(150), level=0.9, draws=300) for _ in range(200)]
    assert 0.84 <= np.mean([f.lower <= target <= f.upper for f in found]) <= 0.95


@pytest.mark.parametrize(("n", "kept"), [(60, 0.0), (400, 0.0), (60, 0.97), (400, 0.97)])
def test_the_interval_of_agreement_covers_near_nothing_and_near_everything(n: int, kept: float) -> None:
    """Five groups against five that have nothing, or nearly everything, to do with them, at a nominal 95 %."""
    rng = np.random.default_rng(6)
    target = float(segments._adjusted_rand(1e12 * (kept * np.eye(5) / 5 + (1 - kept) / 25)))

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.integers(0, 5, n)
        return np.where(rng.random(n) < kept, truth, rng.integers(0, 5, n)), truth

    found = [segments.agreement(*sample(n), draws=200, seed=seed) for seed in range(200)]
    assert all(f.lower <= f.adjusted_rand <= f.upper for f in found)
    assert sum(f.lower <= target <= f.upper for f in found) >= stats.binom.ppf(0.002, 200, 0.95)


def test_equal_groupings_of_few_customers_are_not_certain() -> None:
    labels = np.repeat([0, 1, 2], 20)
    few, many = segments.agreement(labels, labels), segments.agreement(np.tile(labels, 50), np.tile(labels, 50))
    assert few.lower < 0.95 < many.lower < many.upper == few.upper == 1


# Holdout, tracking, retention ----------------------------------------------------------------------------------------

CDNOW = {"calibration_end": "1997-09-30", "unit": "W"}


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return datasets.load("cdnow")


@pytest.mark.parametrize("engine", ENGINES)
def test_holdout_and_tracking_in_every_engine(cdnow: pd.DataFrame, engine: str) -> None:
    native = to_engine(cdnow, engine)
    split = segments.holdout(native, amount="amount_usd", **CDNOW)
    assert type(split.table) is type(native)
    table = to_pandas(split.table)
    assert split.duration == 39
    assert len(table) == 2357
    later = cdnow[cdnow["ordered_at"] > "1997-09-30"]
    assert table["holdout_frequency"].sum() == len(later[["customer_id", "ordered_at"]].drop_duplicates())
    assert table["holdout_value"].sum() == pytest.approx(later["amount_usd"].sum())
    model = segments.fit_bg_nbd(split.table)
    groups = segments.holdout_by_frequency(model, split)
    assert groups["customers"].tolist()[:2] == [1411, 439]
    assert groups["frequency"].tolist()[-1] == "7+"
    # Fader, Hardie and Lee (2005), figure 5: the model is close for those without a repeat purchase.
    assert groups["predicted"].iloc[0] == pytest.approx(groups["actual"].iloc[0], abs=0.03)
    track = segments.tracking(model, native, **CDNOW)
    at_end = track[track["calibration"]].iloc[-1]
    assert (str(at_end["ends_at"].date()), at_end["actual"]) == ("1997-09-30", 2457)
    assert at_end["expected"] == pytest.approx(2457, rel=0.02)
    assert track["actual"].is_monotonic_increasing
    assert track["expected"].is_monotonic_increasing
    between = {"calibration_end": "1997-08-20", "observation_end": CDNOW.get("observation_end"), "unit": "W"}
    track = segments.tracking(model, native, **between)
    hidden = track["actual"].iloc[-1] - track.loc[track["calibration"], "actual"].iloc[-1]
    assert (
        hidden == to_pandas(segments.holdout(native, **between, amount="amount_usd").table)["holdout_frequency"].sum()
    )


def test_holdout_intervals_widen_in_small_groups_and_are_missing_without_spread() -> None:
    rows = {0: [0, 0, 0, 0], 1: [1, 0, 2], 2: [5], 3: [2, 2]}
    table = pd.DataFrame([(x, later) for x, bought in rows.items() for later in bought], columns=["frequency", "later"])
    table = table.assign(recency=5.0 * (table["frequency"] > 0), T=9.0).rename(columns={"later": "holdout_frequency"})
    end = pd.Timestamp("2025-01-01")
    split = segments.Holdout(table, 10.0, "D", end, end + pd.Timedelta(days=10))
    groups = segments.holdout_by_frequency(segments.BgNbd(r=1, alpha=10, a=1, b=3), split)
    assert groups["lower"].isna().tolist() == [True, False, True, True]
    assert groups["upper"].isna().tolist() == [True, False, True, True]
    low, high = stats.t.interval(0.95, 2, loc=1, scale=1 / np.sqrt(3))
    assert (groups["lower"][1], groups["upper"][1]) == pytest.approx((max(low, 0), high))


def test_resamples_are_cut_with_as_many_starts_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn import cluster

    used = []

    class Watched(cluster.KMeans):
        def fit(self, *arguments: Any) -> Any:
            used.append(self.n_init)
            return super().fit(*arguments)

    monkeypatch.setattr(cluster, "KMeans", Watched)
    segments.choose_k(blobs(), (2,), resamples=2)
    assert used == [10, 10, 10]


def test_holdout_needs_time_to_hold_out(cdnow: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="must come before"):
        segments.holdout(cdnow, calibration_end="1998-06-30", amount="amount_usd")


@pytest.mark.parametrize("engine", ENGINES)
def test_retention_by_hand(engine: str) -> None:
    orders = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2, 3],
            "ordered_at": pd.to_datetime(["2025-01-05", "2025-01-20", "2025-03-02", "2025-01-31", "2025-02-01"]),
        }
    )
    got = segments.retention_table(to_engine(orders, engine), observation_end="2025-03-15")
    rows = [tuple(row) for row in got[["age", "customers", "active", "complete"]].itertuples(index=False)]
    assert rows == [(0, 2, 2, True), (1, 2, 0, True), (2, 2, 1, False), (0, 1, 1, True), (1, 1, 0, False)]
    assert got["cohort"].dt.strftime("%Y-%m").tolist() == ["2025-01"] * 3 + ["2025-02"] * 2
    whole = segments.retention_table(to_engine(orders, engine), observation_end="2025-03-31")
    assert whole["complete"].all()


def test_wilson_intervals_are_the_published_ones() -> None:
    """As in the tests of statsmodels."""
    lower, upper = intervals.wilson(np.array([18, 4, 19, 81, 0]), np.array([20, 20, 38, 263, 20]))
    assert lower == pytest.approx([0.69897, 0.08066, 0.3484993, 0.2553, 0], abs=5e-5)
    assert upper == pytest.approx([0.97213, 0.41602, 0.6515007, 0.3662, 0.1611], abs=5e-5)


# Concentration -------------------------------------------------------------------------------------------------------


def test_gini_has_its_closed_forms() -> None:
    rng = np.random.default_rng(0)
    assert segments.gini([1, 2, 3, 4, 5]) == pytest.approx(4 / 15)
    assert segments.gini(np.ones(7)) == pytest.approx(0)
    assert segments.gini([0, 0, 0, 1]) == pytest.approx(3 / 4)
    assert segments.gini(rng.exponential(size=400_000)) == pytest.approx(0.5, abs=3e-3)
    assert segments.gini(rng.pareto(3, 400_000) + 1) == pytest.approx(1 / 5, abs=3e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda v: max(v) > 1e-3))
def test_gini_is_twice_the_area_and_the_mean_difference(values: list[float]) -> None:
    curve = segments.lorenz(values)
    area = np.trapezoid(curve["share_of_value"], curve["share_of_customers"])
    assert segments.gini(values) == pytest.approx(1 - 2 * area, abs=1e-9)
    x = np.array(values)
    assert segments.gini(values) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-9)


@pytest.mark.parametrize(
    ("sigma", "fewest", "most"),
    [
        (None, 0.92, 0.98),  # exponential
        (1.5, 0.85, 0.94),  # the documented limit: the largest customers are not in the sample
    ],
)
def test_the_interval_of_gini_covers(sigma: float | None, fewest: float, most: float) -> None:
    """200 samples of 200 customers at a nominal 95 %; two standard errors of a share of 0.95 are 0.03."""
    rng = np.random.default_rng(3)
    true = 0.5 if sigma is None else 2 * stats.norm.cdf(sigma / np.sqrt(2)) - 1
    found = []
    for seed in range(200):
        sample = rng.exponential(size=200) if sigma is None else rng.lognormal(0, sigma, 200)
        found.append(segments.gini_interval(sample, draws=150, seed=seed))
    assert fewest <= np.mean([f.lower <= true <= f.upper for f in found]) <= most


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda v: max(v) > 1e-3))
def test_the_interval_of_gini_holds_its_estimate_and_stays_in_bounds(values: list[float]) -> None:
    found = segments.gini_interval(values, draws=40)
    assert found.estimate == pytest.approx(segments.gini(values))
    assert -1e-9 <= found.lower <= found.estimate + 1e-9
    assert found.estimate - 1e-9 <= found.upper <= 1


@pytest.mark.parametrize("values", [[], [0, 0], [1, -1], [1, np.nan]])
def test_concentration_refuses_what_has_none(values: list[float]) -> None:
    with pytest.raises(DataError, match="concentration needs"):
        segments.gini(values)


# Figures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [60, 400])
def test_every_figure_is_titled_by_its_finding_and_fits(n: int, cdnow: pd.DataFrame) -> None:
    orders = company.simulate(n, seed=2).orders
    table, summary = segments.rfm_table(orders), segments.rfm_summary(orders)
    model = segments.fit_bg_nbd(summary, prior_sd=2)
    spend = segments.fit_gamma_gamma(summary, prior_sd=2)
    split = segments.holdout(cdnow, amount="amount_usd", **CDNOW)
    bought = segments.fit_bg_nbd(split.table)
    curve = [1, 0.631, 0.468, 0.382]
    drawn = [
        segments.plot_rfm(segments.rfm_scores(table)),
        segments.plot_choice_of_k(segments.choose_k(table, (2, 3), resamples=2)),
        segments.plot_clusters(table, segments.cluster(table, 3)),
        segments.plot_alive(model, age=700),
        segments.plot_alive(segments.BgNbd(r=1, alpha=1e5, a=0.1, b=9), age=10, unit="W"),
        segments.plot_holdout(segments.holdout_by_frequency(bought, split), segments.tracking(bought, cdnow, **CDNOW)),
        segments.plot_retention(segments.retention_table(orders, period="Q")),
        segments.plot_lorenz(table["monetary"]),
        segments.plot_value(segments.value_customers(summary, model, spend, draws=50)),
        segments.plot_sbg(segments.fit_sbg(curve), curve),
    ]
    for figure in drawn:
        figure.png()
        title = figure._suptitle
        assert title.get_window_extent().x1 <= figure.bbox.x1, title.get_text()
        assert len(figure.alt) > 40


@pytest.mark.parametrize("days", [20, 45, 100, 200, 400, 700, 1100, 1900, 3700])
def test_the_dates_of_the_holdout_can_be_read_however_long_it_is(days: int) -> None:
    ends = pd.date_range("2023-01-05", periods=days // 7, freq="7D")
    over_time = pd.DataFrame({"ends_at": ends, "actual": range(len(ends)), "expected": range(len(ends))})
    over_time["calibration"] = over_time.index < 0.7 * len(ends)
    groups = pd.DataFrame({"frequency": ["0", "1+"], "customers": [10, 20], "actual": [0.5, 2.0],
                           "predicted": [0.5, 1.5], "lower": [0.3, 1.0], "upper": [0.7, 3.0]})  # fmt: skip
    figure = segments.plot_holdout(groups, over_time)
    figure.png()
    assert figure._suptitle.get_text().endswith("predicts 22.2 % fewer purchases than came")
    shown = [label.get_text() for label in figure.axes[1].get_xticklabels() if label.get_text()]
    assert 3 <= len(shown) <= 9


def test_titles_say_what_the_data_say() -> None:
    values = np.array([1.0] * 80 + [16.0] * 20)
    assert segments.plot_lorenz(values)._suptitle.get_text() == "The top 20 % of customers bring 80 % of the money"
    cohorts = pd.DataFrame(
        {"cohort": pd.to_datetime(["2025-01-01"] * 3 + ["2025-02-01"] * 2), "age": [0, 1, 2, 0, 1],
         "customers": [20, 20, 20, 900, 900], "active": [20, 10, 5, 900, 0], "complete": True}
    )  # fmt: skip
    cohorts["retention"] = cohorts["active"] / cohorts["customers"]
    cohorts["lower"], cohorts["upper"] = cohorts["retention"] - 0.1, cohorts["retention"] + 0.1
    title = "Of the oldest 20 customers 50 % (40 to 60) buy again one period after their first"
    assert segments.plot_retention(cohorts[cohorts["age"] < 2])._suptitle.get_text() == title
    assert segments.plot_retention(cohorts)._suptitle.get_text() == title + ", 25 % (15 to 35) after 2 periods"
    table = pd.DataFrame({"lifetime_value": [60.0, 40.0], "lower": [50.0, 30.0], "upper": [70.0, 50.0]})
    values = segments.Values(table, 100.0, 95.0, 105.0, 0.9, 12)
    title = "Expected value in 12 months 100 EUR; 90 % interval of that expectation 95 to 105"
    assert segments.plot_value(values)._suptitle.get_text() == title
    values = segments.Values(table, 100.0, 95.0, 105.0, 0.9, 12, 70.0, 140.0)
    shown = segments.plot_value(values)
    assert shown._suptitle.get_text() == "Expected value in 12 months 100 EUR; what may come 70 to 140 (90 %)"
    assert "interval of the expected total is 95 to 105" in shown.alt
    curve = [1, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241]
    title = "24 % are still subscribed after 7 renewals; the model expects 24 %, and 17 % after 12"
    model = segments.fit_sbg(curve)
    assert segments.plot_sbg(model, curve)._suptitle.get_text() == title
    assert segments.plot_sbg(model, curve, horizon=7)._suptitle.get_text() == title.split(", and")[0]


# ---------------------------------------------------------------------------------------------------------------------
# Enough to begin with
# ---------------------------------------------------------------------------------------------------------------------


def orders_of(customers, *, repeats, amount=5.0):
    moments = [pd.Timestamp("2025-01-01 09:00")] * customers + [pd.Timestamp("2025-02-01 09:00")] * repeats
    ids = [*range(customers), *range(repeats)]
    return pd.DataFrame({"customer_id": ids, "ordered_at": moments, "amount_eur": amount})


def test_enough_customers_of_whom_enough_came_back():
    segments.require_enough(orders_of(30, repeats=10))
    with pytest.raises(segments.DataError, match="customers: 29, of whom 10 "):
        segments.require_enough(orders_of(29, repeats=10))
    with pytest.raises(segments.DataError, match="of whom 9 ordered on more than one day"):
        segments.require_enough(orders_of(30, repeats=9))
    with pytest.raises(segments.DataError, match="every amount_eur is 0"):
        segments.require_enough(orders_of(30, repeats=10, amount=0.0))
    same_day = orders_of(30, repeats=10).assign(ordered_at=pd.Timestamp("2025-01-01 09:00"))
    with pytest.raises(segments.DataError, match="of whom 0 ordered"):
        segments.require_enough(same_day)
