"""The purchase models against published numbers, numerical integration and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crkit import clv, segments

FHL = clv.BgNbd(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)


def cdnow_orders() -> pd.DataFrame:
    from crkit import datasets

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
    rows = []
    for _ in range(n):
        rate, p, age = rng.gamma(r, 1 / alpha), rng.beta(a, b), rng.uniform(50, 100)
        t, x, last = 0.0, 0, 0.0
        while True:
            t += rng.exponential(1 / rate) if rate > 0 else np.inf
            if t > age:
                break
            x, last = x + 1, t
            if rng.random() < p:
                break
        rows.append((x, last, age))
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"])


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
