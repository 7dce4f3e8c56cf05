"""The purchase models against published numbers, numerical integration and simulation."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from crkit import clv, datasets, segments

FHL = clv.BgNbd(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)


def cdnow_orders() -> pd.DataFrame:
    return datasets.load("cdnow")


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """CDNOW in weeks, calibration to 1997-09-30."""
    return segments.rfm_summary(cdnow_orders(), amount="amount_usd", observation_end="1997-09-30", unit="W")


@pytest.fixture(scope="module")
def fit(cdnow: pd.DataFrame) -> clv.BgNbd:
    return clv.fit_bg_nbd(cdnow)


def simulated(n: int, seed: int, r: float = 0.5, alpha: float = 20.0, a: float = 0.8, b: float = 3.0) -> pd.DataFrame:
    """Customers who buy and leave exactly as BG/NBD says, each observed for 50 to 100 time units."""
    rng = np.random.default_rng(seed)
    rate, leaving, age = rng.gamma(r, 1 / alpha, n) + 1e-12, rng.beta(a, b, n), rng.uniform(50, 100, n)
    now, frequency, recency, alive = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, dtype=bool)
    while alive.any():
        now = now + rng.exponential(1.0, n) / rate
        bought = alive & (now <= age)
        frequency += bought
        recency = np.where(bought, now, recency)
        alive = bought & (rng.random(n) > leaving)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age})


# Published numbers ---------------------------------------------------------------------------------------------------


def test_cdnow_counts_are_those_of_the_paper(cdnow: pd.DataFrame) -> None:
    assert len(cdnow) == 2357
    assert cdnow["frequency"].sum() == 2457
    assert (cdnow["frequency"] == 0).sum() == 1411


def test_bg_nbd_on_cdnow(fit: clv.BgNbd) -> None:
    """Fader, Hardie and Lee (2005), table 2; more digits from their spreadsheet."""
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx([0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-9582.429, abs=5e-4)


def test_expected_purchases_of_the_published_customer(fit: clv.BgNbd) -> None:
    """Fader, Hardie and Lee's note on the spreadsheet: customer 1 in the next 39 weeks."""
    assert fit.expected_purchases(39, 2, 30.428571, 38.857143) == pytest.approx(1.226, abs=5e-4)


def test_gamma_gamma_on_cdnow(cdnow: pd.DataFrame) -> None:
    """Fader and Hardie (2013), The gamma-gamma model of monetary value, section 5."""
    found = clv.fit_gamma_gamma(cdnow[cdnow["monetary_value"] > 0])
    assert [found.p, found.q, found.v] == pytest.approx([6.25, 3.74, 15.44], abs=5e-3)
    assert found.log_likelihood == pytest.approx(-4055.918, abs=5e-4)
    assert found.n_customers == 946


@pytest.mark.parametrize(
    ("percent", "alpha", "beta"),
    [
        ([63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1], 0.704, 1.182),  # "Regular"
        ([86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1], 0.668, 3.806),  # "High End"
    ],
)
def test_sbg_on_the_published_curves(percent: list[float], alpha: float, beta: float) -> None:
    """Fader and Hardie (2007), How to project customer retention, table 1 and section 4."""
    found = clv.fit_sbg([1, *(np.array(percent) / 100)], n=1000)
    assert [found.alpha, found.beta] == pytest.approx([alpha, beta], abs=5e-4)


def test_the_likelihood_of_one_customer_is_stable() -> None:
    """Hardie's note 027 on stable evaluation: frequency 0, and frequency 200, which overflows when done naively."""
    z = np.log([0.25, 4.0, 0.8, 2.5])
    for x, t_x, expected in ((0.0, 0.0, -0.59947382), (200.0, 38.0, 100.7957)):
        data = clv._collapse(np.array([x]), np.array([t_x]), np.array([40.0]))
        assert clv._bg_nbd(z, data)[0] == pytest.approx(expected, abs=1e-4)


def test_conditional_spend_of_the_published_customers(cdnow: pd.DataFrame) -> None:
    """Expected spend of the first customers, as in the tests of lifetimes (from Fader and Hardie's spreadsheet)."""
    found = clv.fit_gamma_gamma(cdnow[cdnow["monetary_value"] > 0])
    spend = found.expected_spend([2, 1, 0, 7], [22.35, 11.77, 0, 73.74])
    assert spend == pytest.approx([24.65, 18.91, 35.17, 71.46], abs=0.03)


def test_holdout_forecast_of_cdnow_falls_four_percent_short(fit: clv.BgNbd) -> None:
    """Fader, Hardie and Lee (2005), figure 4: by week 78 the BG/NBD underforecasts by 4 %."""
    track = segments.tracking(fit, cdnow_orders(), calibration_end="1997-09-30", unit="W").iloc[-1]
    assert track["expected"] / track["actual"] - 1 == pytest.approx(-0.04, abs=0.005)


# Independent computations --------------------------------------------------------------------------------------------


def closed_form(m: clv.BgNbd, t: float, x: int, t_x: float, T: float) -> float:  # noqa: N803  # the field's term
    """Fader, Hardie and Lee (2005), equation 10, by the hypergeometric function."""
    z = t / (m.alpha + T + t)
    series = special.hyp2f1(m.r + x, m.b + x, m.a + m.b + x - 1, z)
    top = 1 - ((m.alpha + T) / (m.alpha + T + t)) ** (m.r + x) * series
    bottom = 1 + (x > 0) * m.a / (m.b + x - 1) * ((m.alpha + T) / (m.alpha + t_x)) ** (m.r + x)
    return float((m.a + m.b + x - 1) / (m.a - 1) * top / bottom)


@pytest.mark.parametrize("x", [0, 1, 2, 10, 40])
@pytest.mark.parametrize("t", [0.5, 39.0, 500.0])
def test_expected_purchases_agree_with_the_closed_form(x: int, t: float) -> None:
    t_x = 30.0 if x else 0.0
    assert FHL.expected_purchases(t, x, t_x, 38.86) == pytest.approx(closed_form(FHL, t, x, t_x, 38.86), rel=1e-8)


@pytest.mark.parametrize("a", [0.01, 0.3, 1.0, 2.5, 400.0])
@pytest.mark.parametrize("t", [0.01, 30.0, 3000.0])
def test_expected_purchases_agree_with_integration(a: float, t: float) -> None:
    """Also at a = 1, where the closed form has no value, and for a frequency of 200."""
    power = min(a, 1.0)  # with p = u ** (1 / power) the beta density has no singularity at 0
    for b, x in ((1.4, 0), (2.0, 3), (3.0, 200)):
        model = clv.BgNbd(r=0.4, alpha=7.0, a=a, b=b)
        shape, scale = model.r + x, model.alpha + 50.0

        def density(u: float, shape: float = shape, scale: float = scale, b: float = b + x) -> float:
            p = max(u ** (1 / power), 1e-290)
            gain = -np.expm1(-shape * np.log1p(p * t / scale)) / p
            log_density = (a - power) * np.log(p) + (b - 1) * np.log1p(-p) - special.betaln(a, b)
            return float(gain * np.exp(log_density) / power)

        cuts = stats.beta.ppf([1e-6, 0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-9], a, b + x) ** power
        ends = np.unique(np.concatenate([[0.0], cuts, [1 - 1e-15]]))
        whole = sum(integrate.quad(density, *ends[i : i + 2], limit=200)[0] for i in range(len(ends) - 1))
        alive = model.probability_alive(x, 40.0 if x else 0.0, 50.0)
        got = model.expected_purchases(t, x, 40.0 if x else 0.0, 50.0)
        assert got == pytest.approx(alive * whole, rel=1e-5)


def test_expected_repeat_purchases_is_the_mean_of_the_distribution() -> None:
    n = np.arange(3001)
    assert FHL.purchase_distribution(78.0, 3000).sum() == pytest.approx(1, abs=1e-6)
    assert FHL.purchase_distribution(78.0, 3000) @ n == pytest.approx(FHL.expected_repeat_purchases(78.0), rel=1e-4)
    assert FHL.purchase_distribution(0.0, 2).tolist() == [1.0, 0.0, 0.0]


def test_probability_alive_by_bayes() -> None:
    """Likelihood of alive against gone, from their definitions by integration over rate and drop-out."""
    r, alpha, a, b, x, t_x, age = 0.7, 9.0, 1.3, 2.2, 3, 20.0, 30.0
    rate, leave = stats.gamma(r, scale=1 / alpha), stats.beta(a, b)
    stays = integrate.quad(lambda p: (1 - p) ** x * leave.pdf(p), 0, 1)[0]
    goes = integrate.quad(lambda p: p * (1 - p) ** (x - 1) * leave.pdf(p), 0, 1)[0]
    silent = integrate.quad(lambda v: v**x * np.exp(-v * age) * rate.pdf(v), 0, np.inf)[0]
    until = integrate.quad(lambda v: v**x * np.exp(-v * t_x) * rate.pdf(v), 0, np.inf)[0]
    expected = stays * silent / (stays * silent + goes * until)
    model = clv.BgNbd(r=r, alpha=alpha, a=a, b=b)
    assert model.probability_alive(x, t_x, age) == pytest.approx(expected, rel=1e-7)
    assert model.probability_alive(0, 0, age) == 1.0


def test_expected_purchases_agree_with_simulated_futures() -> None:
    model = clv.BgNbd(r=0.8, alpha=10.0, a=0.9, b=2.5)
    history = ([0, 2, 9], [0, 25, 30], [40, 40, 40])
    futures = model.draw_purchases(60, *history, draws=60_000, seed=1)
    error = futures.std(axis=1) / np.sqrt(futures.shape[1])
    assert (np.abs(futures.mean(axis=1) - model.expected_purchases(60, *history)) < 4 * error).all()


def test_the_fit_recovers_planted_parameters() -> None:
    table = clv.fit_bg_nbd(simulated(4000, seed=3)).confidence_interval(0.999)
    truth = np.array([0.5, 20.0, 0.8, 3.0])
    assert ((table["lower"] < truth) & (truth < table["upper"])).all()


def test_estimates_standardised_by_their_errors_are_standard_normal() -> None:
    """All four parameters, over 60 samples: no bias, and errors as large as claimed."""
    truth = np.log([0.5, 20.0, 0.8, 3.0])
    fits = [clv.fit_bg_nbd(simulated(2000, seed=100 + i)) for i in range(60)]
    away = np.array([(np.log(f._theta()) - truth) / np.sqrt(np.diag(f._covariance())) for f in fits])
    assert np.abs(away.mean(axis=0)).max() < 3.3 / np.sqrt(60)
    least, largest = stats.chi2.interval(0.998, 59)
    assert ((away.var(axis=0, ddof=1) * 59 > least) & (away.var(axis=0, ddof=1) * 59 < largest)).all()


def test_likelihood_derivatives_are_those_of_the_likelihood() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, 300).astype(float)
    age = rng.uniform(20, 60, 300).round(1)
    t_x = np.where(x > 0, rng.uniform(0.01, 1, 300) * age, 0.0)
    bought, money = x[x > 0], rng.gamma(2, 10, 300)[x > 0]
    counts, member = np.unique(bought, return_inverse=True)
    data = clv._collapse(x, t_x, age)
    alive = np.array([1.0, 0.7, 0.6, 0.55])
    cases = [
        (lambda z: clv._bg_nbd(z, data), rng.normal(size=4)),
        (lambda z: clv._gamma_gamma(z, bought, money, counts, member), np.log([3.0, 2.0, 20.0])),
        (lambda z: clv._sbg(z, -np.diff(alive), alive[1:]), rng.normal(size=2)),
    ]
    for evaluate, z in cases:
        _, gradient, hessian = evaluate(z)
        steps = 1e-5 * np.eye(len(z))
        numeric = [(evaluate(z + e)[0] - evaluate(z - e)[0]) / 2e-5 for e in steps]
        assert gradient == pytest.approx(np.array(numeric), rel=1e-6)
        twice = np.array([(evaluate(z + e)[1] - evaluate(z - e)[1]) / 2e-5 for e in steps])
        assert hessian == pytest.approx(twice, rel=1e-6)


def test_collapsing_equal_rows_changes_nothing(cdnow: pd.DataFrame) -> None:
    once, thrice = clv.fit_bg_nbd(cdnow.head(800)), clv.fit_bg_nbd(pd.concat([cdnow.head(800)] * 3))
    assert [thrice.r, thrice.alpha, thrice.a, thrice.b] == pytest.approx([once.r, once.alpha, once.a, once.b], rel=1e-7)
    assert thrice.log_likelihood == pytest.approx(3 * once.log_likelihood, rel=1e-12)


def test_a_large_fit_does_not_depend_on_where_it_begins() -> None:
    """Above 20,000 customers a sample's fit is the start; three copies of 8,000 have to give what 8,000 give."""
    one = simulated(8000, seed=5)
    small, large = clv.fit_bg_nbd(one), clv.fit_bg_nbd(pd.concat([one] * 3))
    assert [large.r, large.alpha, large.a, large.b] == pytest.approx([small.r, small.alpha, small.a, small.b], rel=1e-7)


def test_the_same_fit_as_lifetimes(cdnow: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter

        peer = BetaGeoFitter().fit(*(cdnow[name].to_numpy(float) for name in ("frequency", "recency", "T")))
        theirs = peer.conditional_probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    ours = clv.fit_bg_nbd(cdnow)
    assert [ours.r, ours.alpha, ours.a, ours.b] == pytest.approx(
        [peer.params_[n] for n in ("r", "alpha", "a", "b")], rel=1e-3
    )
    alive = ours.probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    assert alive == pytest.approx(np.asarray(theirs), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    log=st.tuples(*[st.floats(-2, 2)] * 4),
    x=st.integers(0, 200),
    share=st.floats(0.01, 1),
    age=st.floats(1, 1000),
    t=st.floats(0, 1000),
)
def test_predictions_stay_in_bounds(log: tuple[float, ...], x: int, share: float, age: float, t: float) -> None:
    model = clv.BgNbd(*np.exp(log))
    history = (x, share * age if x else 0.0, age)
    alive = model.probability_alive(*history)
    expected = model.expected_purchases([t, t + 1], *history)
    assert 0 <= alive <= 1
    assert np.isfinite(expected).all()
    assert 0 <= expected[0] <= expected[1]
    assert expected[0] <= (model.r + x) / (model.alpha + age) * t * (1 + 1e-9)


# Lifetime value ------------------------------------------------------------------------------------------------------

SPEND = clv.GammaGamma(p=6.25, q=3.74, v=15.44)


def test_lifetime_value_from_first_principles() -> None:
    value = FHL.lifetime_value(SPEND, 2, 30.43, 38.86, 22.35, months=3, annual_discount_rate=0.1, margin=0.5, unit="W")
    ends = [0] + [month * 365.25 / 12 / 7 for month in (1, 2, 3)]
    bought = np.diff([closed_form(FHL, t, 2, 30.43, 38.86) for t in ends])
    mean = 6.25 * (15.44 + 2 * 22.35) / (6.25 * 2 + 3.74 - 1)
    expected = 0.5 * mean * sum(b / 1.1 ** (month / 12) for month, b in zip((1, 2, 3), bought, strict=True))
    assert value == pytest.approx(expected, rel=1e-9)


def test_values_and_their_intervals(cdnow: pd.DataFrame, fit: clv.BgNbd) -> None:
    spend = clv.fit_gamma_gamma(cdnow[cdnow["monetary_value"] > 0])
    values = clv.value_customers(cdnow, fit, spend, unit="W", margin=0.3, draws=200, seed=2)
    table = values.table
    direct = fit.lifetime_value(
        spend, cdnow["frequency"], cdnow["recency"], cdnow["T"], cdnow["monetary_value"], margin=0.3, unit="W"
    )
    assert table["lifetime_value"].to_numpy() == pytest.approx(direct)
    assert values.total == pytest.approx(table["lifetime_value"].sum())
    assert ((table["lower"] <= table["lifetime_value"]) & (table["lifetime_value"] <= table["upper"])).all()
    assert values.lower < values.total < values.upper
    assert (table["outcome_lower"] <= table["outcome_upper"]).all()
    assert values.outcome_lower < values.lower < values.upper < values.outcome_upper
    without = clv.value_customers(cdnow, fit, spend, unit="W", margin=0.3)
    assert (without.outcome_lower, without.outcome_upper) == (None, None)
    assert (without.lower, without.upper) == (values.lower, values.upper)
    again = clv.value_customers(cdnow, fit, spend, unit="W", margin=0.3, draws=200, seed=2)
    pd.testing.assert_frame_equal(again.table, table)


def test_the_interval_of_the_total_is_that_of_drawn_parameters(cdnow: pd.DataFrame, fit: clv.BgNbd) -> None:
    """The delta method against parameters drawn from their asymptotic distribution."""
    spend = clv.fit_gamma_gamma(cdnow[cdnow["monetary_value"] > 0])
    few = cdnow.head(300)
    values = clv.value_customers(few, fit, spend, unit="W", level=0.9)
    rng = np.random.default_rng(4)
    totals = []
    for _ in range(200):
        drawn = [
            np.exp(rng.multivariate_normal(np.log(model._theta()), np.array(model.log_covariance)))
            for model in (fit, spend)
        ]
        bought, money = clv.BgNbd(*drawn[0]), clv.GammaGamma(*drawn[1])
        columns = (few[name] for name in ("frequency", "recency", "T", "monetary_value"))
        totals.append(bought.lifetime_value(money, *columns, unit="W").sum())
    assert [values.lower, values.upper] == pytest.approx(np.quantile(totals, [0.05, 0.95]), rel=0.03)


def lives(n: int, seed: int, model: clv.BgNbd, spend: clv.GammaGamma, months: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers exactly as both models say, observed for 100 to 200 days, and the money they bring after that."""
    rng = np.random.default_rng(seed)
    rate, leaving = rng.gamma(model.r, 1 / model.alpha, n) + 1e-12, rng.beta(model.a, model.b, n)
    pace, age = rng.gamma(spend.q, 1 / spend.v, n), rng.uniform(100, 200, n)
    now, frequency, recency, spent, later = np.zeros((5, n))
    alive = np.ones(n, dtype=bool)
    while alive.any():
        now = now + rng.exponential(1.0, n) / rate
        money = rng.gamma(spend.p, 1 / pace)
        seen, alive = alive & (now <= age), alive & (now <= age + months * clv.DAYS_PER_MONTH)
        frequency += seen
        recency = np.where(seen, now, recency)
        spent += money * seen
        later += money * (alive & ~seen)
        alive &= rng.random(n) > leaving
    mean = spent / np.maximum(frequency, 1)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age, "monetary_value": mean}), later


def test_the_intervals_of_value_cover() -> None:
    """In 60 companies of 200 customers from the models themselves, fitted anew each time, at a nominal 90 %."""
    model, spend = clv.BgNbd(r=0.8, alpha=20.0, a=0.8, b=3.0), clv.GammaGamma(p=4.0, q=4.0, v=60.0)
    horizon = {"months": 3, "annual_discount_rate": 0.0}
    found = []
    for seed in range(60):
        summary, later = lives(200, seed, model, spend, months=3)
        values = clv.value_customers(
            summary, clv.fit_bg_nbd(summary), clv.fit_gamma_gamma(summary), draws=200, seed=seed, **horizon
        )
        table = values.table
        columns = (summary[name] for name in ("frequency", "recency", "T", "monetary_value"))
        expected = model.lifetime_value(spend, *columns, **horizon)
        assert values.outcome_lower is not None
        assert values.outcome_upper is not None
        found.append(
            {
                "expected": table["lower"].le(expected).mul(table["upper"].ge(expected)).mean(),
                "above": (later > table["outcome_upper"]).mean(),
                "below": (later < table["outcome_lower"]).mean(),
                "expected_total": values.lower <= expected.sum() <= values.upper,
                "outcome_total": values.outcome_lower <= later.sum() <= values.outcome_upper,
            }
        )
    covered = pd.DataFrame(found).astype(float)
    fewest, most = stats.binom.interval(0.998, len(covered), 0.9)
    assert fewest <= covered["expected_total"].sum() <= most
    assert fewest <= covered["outcome_total"].sum() <= most
    # Customers of one company share its fit, so companies, not customers, are what varies.
    assert abs(covered["expected"].mean() - 0.9) < 3 * covered["expected"].sem()
    assert covered["above"].mean() == pytest.approx(0.05, abs=0.01)
    assert covered["below"].mean() <= 0.05  # most may bring nothing, and nobody brings less


# sBG -----------------------------------------------------------------------------------------------------------------


def test_sbg_curves_are_products_and_sums() -> None:
    model = clv.Sbg(alpha=0.704, beta=1.182)
    assert model.survival(5) == pytest.approx(np.prod(model.retention(np.arange(1, 6))))
    later = np.arange(0, 2_000)
    for n in (1, 4):
        still = model.survival(n + later) / model.survival(n - 1)
        assert model.residual_lifetime(n, 0.1) == pytest.approx((still / 1.1**later).sum(), rel=1e-9)


def test_sbg_likelihood_is_that_of_the_counts() -> None:
    alive = np.array([1000, 631, 468, 382, 326, 289, 262, 241])
    found = clv.fit_sbg(alive / 1000, n=1000)
    share = found.survival(np.arange(8))
    expected = -np.diff(alive) @ np.log(-np.diff(share)) + alive[-1] * np.log(share[-1])
    assert found.log_likelihood == pytest.approx(expected, rel=1e-12)
    assert found.standard_errors["alpha"] == pytest.approx(
        clv.fit_sbg(alive / 1000, n=4000).standard_errors["alpha"] * 2
    )
    with pytest.raises(ValueError, match="with n"):
        _ = clv.fit_sbg(alive / 1000).standard_errors


@pytest.mark.parametrize(
    ("survival", "says"),
    [
        ([100, 63.1, 46.8], "divide percentages by 100"),
        ([0.63, 0.47, 0.38], "must start with 1"),
        ([1, 0.5, 0.6], "rises"),
        ([1, 0.5], "at least 3"),
        ([1, np.nan, 0.5], "missing"),
        ([1, 1, 1], "nobody left"),
        ([1, 0, 0], "everybody left"),
        ([1, 0.5, 0.25, 0.125], "no best fit"),
    ],
)
def test_sbg_refuses_what_it_cannot_fit(survival: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        clv.fit_sbg(survival)


def test_sbg_of_one_cohort_is_the_same_by_size_and_by_contracts_up_for_renewal() -> None:
    alive = np.array([1000, 631, 468, 382, 326, 289, 262, 241])
    by_size, by_renewal = clv.fit_sbg(alive / 1000, n=1000), clv.fit_sbg(alive / 1000, at_risk=alive[:-1])
    pd.testing.assert_frame_equal(by_renewal.confidence_interval(), by_size.confidence_interval(), rtol=1e-8)
    assert by_renewal.log_likelihood == pytest.approx(by_size.log_likelihood, rel=1e-12)
    assert by_renewal.n_customers == 1000


def test_sbg_weighs_renewals_by_the_contracts_up_for_them() -> None:
    """300 contracts begun in twelve different periods: intervals cover, and errors are below those without weights."""
    rng = np.random.default_rng(8)
    truth = clv.Sbg(alpha=1.0, beta=4.0)
    covered, weighted, plain = [], [], []
    for _ in range(200):
        leaves, observed = rng.geometric(rng.beta(1.0, 4.0, 300)), rng.integers(1, 13, 300)
        renewal = np.arange(1, 13)[:, None]
        up = ((leaves >= renewal) & (observed >= renewal)).sum(axis=1)
        left = ((leaves == renewal) & (observed >= renewal)).sum(axis=1)
        reached = np.cumprod(up > 0).sum()
        curve = np.concatenate([[1.0], np.cumprod(1 - left[:reached] / up[:reached])])
        try:
            fit = clv.fit_sbg(curve, at_risk=up[:reached])
            plain.append(np.log(clv.fit_sbg(curve).survival(15) / truth.survival(15)))
        except clv.ConvergenceError:
            continue
        table = fit.confidence_interval(0.9)
        covered.append(((table["lower"] < [1.0, 4.0]) & (table["upper"] > [1.0, 4.0])).to_numpy())
        weighted.append(np.log(fit.survival(15) / truth.survival(15)))
    assert len(covered) > 190
    fewest, most = stats.binom.interval(0.998, len(covered), 0.9)
    assert (np.sum(covered, axis=0) >= fewest).all()
    assert (np.sum(covered, axis=0) <= most).all()
    assert np.std(weighted) < 0.9 * np.std(plain)


@pytest.mark.parametrize(
    ("at_risk", "says"),
    [
        ([100], "one number per renewal, 2, not 1"),
        ([100, np.nan], "at_risk is not a number of contracts"),
        ([100, -1], "at_risk is not a number of contracts"),
        ([100, 0], "does not fit to survival"),
    ],
)
def test_sbg_refuses_contracts_that_do_not_fit(at_risk: list[float], says: str) -> None:
    with pytest.raises(clv.DataError, match=says):
        clv.fit_sbg([1, 0.8, 0.7], at_risk=at_risk)
    with pytest.raises(ValueError, match="not both"):
        clv.fit_sbg([1, 0.8, 0.7], n=100, at_risk=[100, 40])


# Hostile input -------------------------------------------------------------------------------------------------------

GOOD = {"frequency": [0, 2, 1], "recency": [0.0, 5.0, 3.0], "T": [9.0, 9.0, 8.0]}


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("frequency", [0, 0, 0], "nobody bought twice"),
        ("frequency", [0, 2, np.nan], "frequency is missing"),
        ("frequency", [0, 2, 1.5], "not a whole number"),
        ("frequency", [0, -2, 1], "negative"),
        ("recency", [0.0, 5.0, 9.0], "recency is larger than T in 1 row.*first at row 2"),
        ("recency", [1.0, 5.0, 3.0], "above 0 though frequency is 0"),
        ("recency", [0.0, 0.0, 3.0], "is 0 though frequency"),
        ("T", [9.0, np.inf, 8.0], "T is missing"),
    ],
)
def test_a_wrong_summary_is_refused_by_name(column: str, values: list[float], says: str) -> None:
    wrong = pd.DataFrame({**GOOD, column: values})
    if column == "frequency" and not any(values):
        wrong["recency"] = 0.0
    with pytest.raises(clv.DataError, match=says):
        clv.fit_bg_nbd(wrong)


def test_too_little_to_fit_is_an_error_and_a_prior_the_remedy() -> None:
    with pytest.raises(clv.DataError, match="at least 2"):
        clv.fit_bg_nbd(pd.DataFrame({"frequency": [3], "recency": [5.0], "T": [9.0]}))
    with pytest.raises(clv.DataError, match="no column 'T'"):
        clv.fit_bg_nbd(pd.DataFrame({"frequency": [3], "recency": [5.0]}))
    # Everybody buys every tenth day and nobody leaves: nothing differs, so the likelihood has no maximum.
    alike = pd.DataFrame({"frequency": [9] * 50, "recency": [90.0] * 50, "T": [95.0] * 50})
    with pytest.raises(clv.ConvergenceError, match="prior_sd=2"):
        clv.fit_bg_nbd(alike)
    steady = clv.fit_bg_nbd(alike, prior_sd=2)
    assert steady.expected_purchases(100, 9, 90, 95) == pytest.approx(9, rel=0.15)


def test_gamma_gamma_refuses_free_and_equal_purchases() -> None:
    with pytest.raises(clv.DataError, match="needs positive spend"):
        clv.fit_gamma_gamma(pd.DataFrame({"frequency": [1, 2, 0], "monetary_value": [0.0, 3.0, 0.0]}))
    with pytest.raises(clv.DataError, match="at least 2 customers"):
        clv.fit_gamma_gamma(pd.DataFrame({"frequency": [0, 2], "monetary_value": [0.0, 3.0]}))
    with pytest.raises(clv.ConvergenceError, match="gamma-gamma"):
        clv.fit_gamma_gamma(pd.DataFrame({"frequency": [2] * 30, "monetary_value": [5.0] * 30}))
    with pytest.raises(ValueError, match="no finite mean"):
        clv.GammaGamma(p=2, q=0.9, v=5).expected_spend(0, 0)


@pytest.mark.parametrize(
    "wrong", [{"months": 0}, {"months": 1.5}, {"annual_discount_rate": -1}, {"margin": 0}, {"unit": "Y"}]
)
def test_lifetime_value_refuses_wrong_arguments(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FHL.lifetime_value(SPEND, 2, 30.43, 38.86, 22.35, **wrong)  # type: ignore[arg-type]


def test_importing_is_cheap() -> None:
    code = (
        "import sys, crkit.segments; print([m for m in ('sklearn', 'scipy', 'duckdb', 'polars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
