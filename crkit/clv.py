"""Lifetime value: how long customers stay, how often they buy, and what they spend.

Three models, each fitted by maximum likelihood on the logarithms of its parameters, with analytic gradient and Hessian:

* **BG/NBD** (Fader, Hardie and Lee 2005) for customers who may leave without saying so. While alive, a customer buys
  at random (Poisson) at a rate of their own; after each purchase they leave with a probability of their own. Rates
  follow a gamma distribution (shape ``r``, rate ``alpha``), drop-out probabilities a beta distribution (``a``, ``b``),
  independently of each other. Nobody leaves before the first repeat purchase, so such a customer is "alive".
* **gamma-gamma** (Fader, Hardie and Lee 2005; Fader and Hardie 2013) for the money per purchase: purchases of one
  customer vary around that customer's mean (gamma, shape ``p``), means vary between customers (``q``, ``v``), and spend
  does not depend on how often somebody buys.
* **sBG**, shifted beta-geometric (Fader and Hardie 2007), for contracts: at each renewal a customer leaves with a
  probability of their own, which follows a beta distribution (``alpha``, ``beta``).

All intervals describe sampling error under the model. They do not cover that the model is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

DAYS_PER_MONTH = 365.25 / 12
PERIODS_PER_MONTH = {"D": DAYS_PER_MONTH, "W": DAYS_PER_MONTH / 7, "h": DAYS_PER_MONTH * 24}
"""How many time units of `crkit.segments.rfm_summary` make an average month."""

_LOG_LIMIT = 18.0


class DataError(ValueError):
    """The table cannot be used as it is; the message names the column and the remedy."""


class ConvergenceError(ValueError):
    """The data do not determine the model's parameters."""


# ---------------------------------------------------------------------------------------------------------------------
# Reading and checking the input
# ---------------------------------------------------------------------------------------------------------------------


def _columns(table: Any, names: tuple[str, ...]) -> list[Floats]:
    """The named columns of any data frame as arrays of floats."""
    if isinstance(table, pd.DataFrame):
        missing = [name for name in names if name not in table.columns]
        frame: Any = table
    else:
        lazy = nw.from_native(table).lazy()
        missing = [name for name in names if name not in lazy.collect_schema().names()]
        frame = None if missing else lazy.select(*names).collect()
    if missing:
        raise DataError(f"the summary has no column {missing[0]!r}; make it with crkit.segments.rfm_summary(orders)")
    return [np.asarray(frame[name].to_numpy(), dtype=np.float64) for name in names]


def _refuse(wrong: npt.NDArray[np.bool_], name: str, what: str, remedy: str) -> None:
    """Raise a `DataError` that names the column, the first rows and the remedy, if any row is wrong."""
    if wrong.any():
        rows = np.flatnonzero(wrong)
        first = ", ".join(str(i) for i in rows[:3])
        raise DataError(f"{name} {what} in {len(rows)} row(s), first at row {first} (counted from 0); {remedy}")


def _history(frequency: Any, recency: Any, T: Any) -> tuple[Floats, Floats, Floats]:  # noqa: N803  # the field's term
    """Purchase histories as three checked arrays of equal shape."""
    try:
        x, t_x, age = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (frequency, recency, T)))
    except (TypeError, ValueError) as error:
        raise DataError("frequency, recency and T must be numbers, or arrays of equal length") from error
    remake = "make the summary with crkit.segments.rfm_summary(orders)"
    for name, v in (("frequency", x), ("recency", t_x), ("T", age)):
        _refuse(~np.isfinite(v).ravel(), name, "is missing or not a finite number", remake)
        _refuse((v < 0).ravel(), name, "is negative", remake)
    _refuse((x != np.floor(x)).ravel(), "frequency", "is not a whole number", "count repeat purchase days")
    _refuse((t_x > age).ravel(), "recency", "is larger than T", "recency is the age at the last purchase, not days ago")
    _refuse(((x == 0) & (t_x > 0)).ravel(), "recency", "is above 0 though frequency is 0", remake)
    _refuse(((x > 0) & (t_x == 0)).ravel(), "recency", "is 0 though frequency is above 0", remake)
    return x, t_x, age


def _shaped(value: Floats) -> Any:
    """A float for a single value, else the array."""
    return float(value) if value.ndim == 0 else value


def _positive(**parameters: float) -> None:
    for name, value in parameters.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive number, not {value!r}")


# ---------------------------------------------------------------------------------------------------------------------
# Maximum likelihood on log-parameters
# ---------------------------------------------------------------------------------------------------------------------

Evaluation = tuple[float, Floats, Floats]
"""Log-likelihood, its gradient and its Hessian."""


class _Maximum(NamedTuple):
    theta: Floats
    log_likelihood: float
    covariance: tuple[tuple[float, ...], ...]


def _log_scale(theta: Floats, value: float, gradient: Floats, hessian: Floats) -> Evaluation:
    """Turn derivatives with respect to parameters into derivatives with respect to their logarithms."""
    first = theta * gradient
    return value, first, theta[:, None] * hessian * theta[None, :] + np.diag(first)


def _maximise(
    evaluate: Callable[[Floats], Evaluation],
    start: Floats,
    size: float,
    model: str,
    hint: str,
    prior_sd: float | None = None,
    near: Floats | None = None,
) -> _Maximum:
    """Maximise a log-likelihood over log-parameters by Newton's method with line search.

    Where the function is not concave, directions of negative curvature are followed uphill (the eigenvalues' absolute
    values take their place). It stops when the next step promises less than 1e-16 per customer.

    Args:
        evaluate: gives log-likelihood, gradient and Hessian with respect to the log-parameters.
        start: the log-parameters to begin with.
        size: what the log-likelihood is divided by (the number of customers), so that tolerances mean the same.
        model: its name, for the error.
        hint: what the reader can do when the data do not determine the parameters.
        prior_sd: standard deviation of a normal prior around the start; None for pure likelihood.
        near: log-parameters to begin with instead of ``start``, if some are known to be close.
    """
    if prior_sd is not None:
        _positive(prior_sd=prior_sd)
    precision = 0.0 if prior_sd is None else 1 / prior_sd**2

    def downhill(z: Floats) -> Evaluation:
        value, gradient, hessian = evaluate(z)
        away = z - start
        return (
            (precision * float(away @ away) / 2 - value) / size,
            (precision * away - gradient) / size,
            (precision * np.eye(len(z)) - hessian) / size,
        )

    z = start if near is None else near
    value, gradient, hessian = downhill(z)
    settled = False
    for _ in range(200):
        curvature, axes = np.linalg.eigh(hessian)
        slope = axes.T @ gradient
        moves = -slope / np.maximum(np.abs(curvature), 1e-12)
        promise = float(-slope @ moves) / 2
        settled = promise < 1e-16 and curvature[0] > 1e-9
        if settled or np.abs(z - start).max() > _LOG_LIMIT:
            break
        step = axes @ moves
        step *= min(1.0, 3.0 / float(np.linalg.norm(step)))
        for _ in range(40):
            trial = downhill(z + step)
            if trial[0] <= value + 1e-4 * float(gradient @ step) + 1e-10 * (1 + abs(value)):  # the last is rounding
                break
            step = step / 2
        z, (value, gradient, hessian) = z + step, trial
    if not settled:
        at_end = ", ".join(f"{theta:.3g}" for theta in np.exp(z))
        raise ConvergenceError(
            f"the {model} model has no best fit for these data: the likelihood keeps rising as parameters run away "
            f"(last values {at_end}). {hint}{'' if model == 'sBG' else ' Or steady the fit with prior_sd=2.'}"
        )
    covariance = np.linalg.inv(hessian * size)
    penalty = precision * float((z - start) @ (z - start)) / 2
    return _Maximum(np.exp(z), penalty - value * size, tuple(tuple(map(float, row)) for row in covariance))


@dataclass(frozen=True)
class _Fit:
    """What the three fits share: standard errors and intervals from the observed information."""

    @property
    def _names(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _theta(self) -> Floats:
        return np.array([getattr(self, name) for name in self._names])

    def _covariance(self) -> Floats:
        covariance = getattr(self, "log_covariance")  # noqa: B009  # a field of each subclass
        if covariance is None:
            raise ValueError(
                "standard errors need a fit to data (for sBG: with n, the size of the cohort, or with at_risk)"
            )
        return np.array(covariance)

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors of the parameters, by name.

        They come from the observed information of the log-parameters, brought to the natural scale by the delta method.
        """
        errors = self._theta() * np.sqrt(np.diag(self._covariance()))
        return pd.Series(errors, index=list(self._names), name="standard_error")

    def confidence_interval(self, level: float = 0.95) -> pd.DataFrame:
        """Estimates with Wald intervals, which are symmetric for the log-parameters and so never cross zero.

        Args:
            level: the intervals' coverage in large samples.

        Returns:
            One row per parameter: ``estimate``, ``standard_error``, ``lower``, ``upper``.
        """
        z = _normal_quantile(level)
        theta = self._theta()
        spread = np.exp(z * np.sqrt(np.diag(self._covariance())))
        return pd.DataFrame(
            {
                "estimate": theta,
                "standard_error": self.standard_errors.to_numpy(),
                "lower": theta / spread,
                "upper": theta * spread,
            },
            index=pd.Index(self._names, name="parameter"),
        )


def _normal_quantile(level: float) -> float:
    from scipy import special

    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level!r}")
    return float(special.ndtri((1 + level) / 2))


# ---------------------------------------------------------------------------------------------------------------------
# BG/NBD: purchases of customers who may leave in silence
# ---------------------------------------------------------------------------------------------------------------------


def _beta_nodes(a: float, b: float, n: int) -> tuple[Floats, Floats]:
    """Gauss-Jacobi nodes and weights for the mean of a function under a beta(a, b) distribution (Golub and Welsch)."""
    from scipy import linalg

    k = np.arange(1, n, dtype=np.float64)
    s = a + b - 2
    diagonal = np.empty(n)
    diagonal[0] = a / (a + b)
    diagonal[1:] = 0.5 + 0.5 * (a - b) * s / ((2 * k + s) * (2 * k + s + 2))
    square = np.empty(n - 1)
    square[0] = a * b / ((a + b) ** 2 * (a + b + 1))
    k = k[1:]
    square[1:] = k * (k + a - 1) * (k + b - 1) * (k + s) / ((2 * k + s) ** 2 * ((2 * k + s) ** 2 - 1))
    nodes, vectors = linalg.eigh_tridiagonal(diagonal, np.sqrt(square))
    return np.clip(nodes, 0.0, 1.0), vectors[0] ** 2


def _node_count(tau: float) -> int:
    """How many nodes make the error of `_purchases_while_alive` about 1e-13.

    The integrand's only singularity lies at -1/tau; the distance to it sets the speed of convergence.
    """
    z = 1 + 2 / max(tau, 1e-12)
    return int(min(6 + math.ceil(16 / math.log(z + math.sqrt(z * z - 1))), 1500))


def _purchases_while_alive(shape: Floats, scaled: Floats, a: float, b: Floats) -> Floats:
    """Expected purchases of somebody now alive, with rate gamma(shape, 1) per scaled time and drop-out beta(a, b).

    For a known drop-out probability p the expectation is (1 - (1 + p * time) ** -shape) / p. Its mean over p is taken
    by Gauss-Jacobi quadrature, which unlike the closed form with a hypergeometric function has no singular
    parameters (a = 1, or a + b + x = 1) and loses no digits to cancellation.
    """
    result = np.zeros_like(scaled)
    groups, member = np.unique(np.stack([shape, b]), axis=1, return_inverse=True)
    order = np.argsort(member, kind="stable")
    ends = np.cumsum(np.bincount(member, minlength=groups.shape[1]))
    for (shape_, b_), rows in zip(groups.T, np.split(order, ends[:-1]), strict=True):
        tau = scaled[rows]
        p, weight = _beta_nodes(a, b_, _node_count(float(tau.max())))
        block = max(1, 2_000_000 // len(p))
        for i in range(0, len(rows), block):
            exponent = -shape_ * np.log1p(tau[i : i + block, None] * p)
            with np.errstate(divide="ignore", invalid="ignore"):
                value = np.where(p > 0, -np.expm1(exponent) / p, shape_ * tau[i : i + block, None])
            result[rows[i : i + block]] = value @ weight
    return result


@dataclass(frozen=True)
class BgNbd(_Fit):
    """A BG/NBD model, fitted by `fit_bg_nbd` or made from four parameters.

    Times are in the unit of the summary it was fitted to: days, unless `crkit.segments.rfm_summary` was told otherwise.

    Attributes:
        r: shape of the gamma distribution of buying rates.
        alpha: its rate, in time units; the mean buying rate while alive is ``r / alpha``.
        a: first parameter of the beta distribution of drop-out probabilities.
        b: its second parameter; the mean drop-out probability after a purchase is ``a / (a + b)``.
        log_likelihood: at the maximum; None if the model was not fitted.
        n_customers: how many customers it was fitted to.
        log_covariance: covariance of the logarithms of r, alpha, a, b.

    Example:
        >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(model.expected_purchases(39, frequency=2, recency=30.43, T=38.86), 3)
        1.226
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float | None = None
    n_customers: int | None = None
    log_covariance: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        _positive(r=self.r, alpha=self.alpha, a=self.a, b=self.b)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("r", "alpha", "a", "b")

    def probability_alive(self, frequency: Any, recency: Any, T: Any) -> Any:  # noqa: N803  # the field's term
        """The probability that a customer is still alive at age T, given the purchases so far.

        Args:
            frequency: repeat purchase days, a number or an array.
            recency: age at the last purchase.
            T: age at the end of observation.

        Returns:
            A float or an array. It is 1 for customers without a repeat purchase: the model's assumption, not evidence.

        Raises:
            DataError: if a value is missing, negative, or recency exceeds T.
        """
        from scipy import special

        x, t_x, age = _history(frequency, recency, T)
        return _shaped(np.where(x > 0, special.expit(-self._log_odds_gone(x, t_x, age)), 1.0))

    def _log_odds_gone(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        left = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        return np.asarray(left + (self.r + x) * np.log1p((age - t_x) / (self.alpha + t_x)))

    def expected_purchases(self, t: Any, frequency: Any, recency: Any, T: Any) -> Any:  # noqa: N803  # the field's term
        """How many purchases to expect in the next t time units, given the purchases so far.

        Args:
            t: length of the period to come, in the summary's unit; a number or an array.
            frequency: repeat purchase days.
            recency: age at the last purchase.
            T: age at the end of observation.

        Returns:
            A float or an array: Fader, Hardie and Lee (2005), equation 10.

        Raises:
            DataError: if a value is missing, negative, or recency exceeds T.

        Example:
            >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
            >>> model.expected_purchases(39, [0, 2], [0, 30.43], [38.86, 38.86]).round(3)
            array([0.195, 1.226])
        """
        from scipy import special

        x, t_x, age = _history(frequency, recency, T)
        t, x, t_x, age = np.broadcast_arrays(_durations(t), x, t_x, age)
        alive = np.where(x > 0, special.expit(-self._log_odds_gone(x, t_x, age)), 1.0)
        flat = x.ravel()
        scaled = (t / (self.alpha + age)).ravel()
        while_alive = _purchases_while_alive(self.r + flat, scaled, self.a, self.b + flat)
        return _shaped(alive * while_alive.reshape(x.shape))

    def expected_repeat_purchases(self, t: Any) -> Any:
        """How many repeat purchases to expect of a new customer by age t.

        Args:
            t: age in the summary's unit, a number or an array.

        Returns:
            A float or an array: Fader, Hardie and Lee (2005), equation 9.

        Example:
            >>> round(BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426).expected_repeat_purchases(39), 3)
            1.197
        """
        age = _durations(t)
        flat = age.ravel()
        shape = np.full_like(flat, self.r)
        value = _purchases_while_alive(shape, flat / self.alpha, self.a, np.full_like(flat, self.b))
        return _shaped(value.reshape(age.shape))

    def purchase_distribution(self, t: Any, most: int) -> Floats:
        """How likely 0, 1, ..., ``most`` repeat purchases are for a new customer by age t.

        Args:
            t: age in the summary's unit, a number or an array.
            most: the largest count.

        Returns:
            An array with ``most + 1`` columns, one row per age (no rows axis for a single age): Fader, Hardie and Lee
            (2005), equation 8.
        """
        from scipy import special

        age = _durations(t)[..., None]
        n = np.arange(most + 1, dtype=np.float64)
        share = age / (self.alpha + age)
        log_bought = (
            special.gammaln(self.r + n) - special.gammaln(self.r) - special.gammaln(n + 1)
            + self.r * np.log1p(-share) + special.xlogy(n, share)
        )  # fmt: skip
        stayed = special.betaln(self.a, self.b + n) - special.betaln(self.a, self.b)
        later = np.maximum(n, 1)
        left = special.betaln(self.a + 1, self.b + later - 1) - special.betaln(self.a, self.b)
        reached = special.betainc(later, self.r, share)
        return np.asarray(np.exp(stayed + log_bought) + np.where(n > 0, np.exp(left) * reached, 0.0))

    def lifetime_value(
        self,
        spend: GammaGamma,
        frequency: Any,
        recency: Any,
        T: Any,  # noqa: N803  # the field's term
        monetary_value: Any,
        *,
        months: int = 12,
        annual_discount_rate: float = 0.1,
        margin: float = 1.0,
        unit: str = "D",
    ) -> Any:
        """The expected discounted margin of each customer over the coming months.

        Purchases expected in each month are valued at the customer's expected spend times the margin, and discounted
        from the end of the month. A month is 365.25 / 12 days. It is the value still to come: past orders do not count.

        Args:
            spend: the fitted gamma-gamma model.
            frequency: repeat purchase days.
            recency: age at the last purchase.
            T: age at the end of observation.
            monetary_value: mean money per repeat purchase day.
            months: the horizon, a whole number of months.
            annual_discount_rate: 0.1 means that money in a year is worth 1 / 1.1 of money now.
            margin: the share of spend that is margin.
            unit: the time unit of recency and T, as given to `crkit.segments.rfm_summary`: ``"D"``, ``"W"`` or ``"h"``.

        Returns:
            A float or an array, in the currency of ``monetary_value``.

        Raises:
            DataError: if a value is missing or impossible.
            ValueError: if months, rate, margin or unit are.
        """
        purchases = self.discounted_purchases(
            frequency, recency, T, months=months, annual_discount_rate=annual_discount_rate, unit=unit
        )
        if not (math.isfinite(margin) and margin > 0):
            raise ValueError(f"margin must be a positive share of spend, such as 0.4, not {margin!r}")
        return margin * purchases * spend.expected_spend(frequency, monetary_value)

    def draw_purchases(
        self,
        t: float,
        frequency: Any,
        recency: Any,
        T: Any,  # noqa: N803  # the field's term
        *,
        draws: int = 1000,
        seed: int = 0,
    ) -> npt.NDArray[np.int64]:
        """What could happen: random numbers of purchases in the next t time units.

        `expected_purchases` is the mean of these; their spread is what one customer's future really holds, and no
        amount of data narrows it. The parameters are taken as known.

        Args:
            t: length of the period to come, in the summary's unit.
            frequency: repeat purchase days.
            recency: age at the last purchase.
            T: age at the end of observation.
            draws: how many futures.
            seed: of the random numbers.

        Returns:
            One row per customer, one column per future.
        """
        from scipy import special

        x, t_x, age = (np.atleast_1d(v)[:, None] for v in _history(frequency, recency, T))
        length = float(_durations(t))
        rng = np.random.default_rng(seed)
        shape = (len(x), draws)
        alive = rng.random(shape) < np.where(x > 0, special.expit(-self._log_odds_gone(x, t_x, age)), 1.0)
        rate = rng.gamma(self.r + x, 1 / (self.alpha + age), shape)
        leaving = np.maximum(rng.beta(self.a, self.b + x, shape), 1e-12)
        # A customer makes as many purchases as chance brings, but none after the one that makes them leave.
        return np.asarray(alive * np.minimum(rng.poisson(rate * length), rng.geometric(leaving)))

    def discounted_purchases(
        self,
        frequency: Any,
        recency: Any,
        T: Any,  # noqa: N803  # the field's term
        *,
        months: int = 12,
        annual_discount_rate: float = 0.1,
        unit: str = "D",
    ) -> Any:
        """Expected purchases in the coming months, each discounted from the end of its month; see `lifetime_value`."""
        if unit not in PERIODS_PER_MONTH:
            raise ValueError(f"unit must be one of {', '.join(PERIODS_PER_MONTH)}, not {unit!r}")
        if isinstance(months, bool) or int(months) != months or months < 1:
            raise ValueError(f"months must be a whole number of at least 1, not {months!r}")
        if not (math.isfinite(annual_discount_rate) and annual_discount_rate >= 0):
            raise ValueError(f"annual_discount_rate must be a share such as 0.1, not {annual_discount_rate!r}")
        x, t_x, age = _history(frequency, recency, T)
        month = np.arange(1, int(months) + 1)
        ends = month * PERIODS_PER_MONTH[unit]
        discount = (1 + annual_discount_rate) ** (-month / 12)
        cumulative = self.expected_purchases(ends, x[..., None], t_x[..., None], age[..., None])
        return _shaped(np.asarray(np.diff(cumulative, prepend=0.0, axis=-1) @ discount))


def _durations(t: Any) -> Floats:
    values = np.asarray(t, dtype=np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("t must be a length of time: finite and not negative")
    return values


class _Collapsed(NamedTuple):
    """Equal purchase histories counted once, with the values on which special functions are needed."""

    counts: Floats  # distinct frequencies
    customers: Floats  # how many customers have each
    ages: Floats  # distinct T
    at_age: Floats  # how many customers have each
    bought_by: Floats  # their repeat purchases
    lasts: Floats  # distinct recency
    weight: Floats  # of each distinct history with a repeat purchase
    which: npt.NDArray[np.intp]  # of each such history, an index into counts
    age: npt.NDArray[np.intp]  # into ages
    last: npt.NDArray[np.intp]  # into lasts


def _collapse(x: Floats, t_x: Floats, age: Floats) -> _Collapsed:
    counts, i = np.unique(x, return_inverse=True)
    lasts, j = np.unique(t_x, return_inverse=True)
    ages, k = np.unique(age, return_inverse=True)
    key = ((i * len(lasts) + j) * len(ages) + k)[x > 0]
    distinct, weight = np.unique(key, return_counts=True)
    rest, age_ = np.divmod(distinct, len(ages))
    count, last = np.divmod(rest, len(lasts))
    customers, at_age = np.bincount(i).astype(np.float64), np.bincount(k).astype(np.float64)
    bought_by = np.bincount(k, weights=x).astype(np.float64)
    weights = weight.astype(np.float64)
    return _Collapsed(counts, customers, ages, at_age, bought_by, lasts, weights, count, age_, last)


def _bg_nbd(z: Floats, data: _Collapsed) -> Evaluation:
    """The BG/NBD log-likelihood with its derivatives, all with respect to the log-parameters."""
    from scipy.special import digamma, gammaln, zeta

    theta = np.exp(z)
    r, alpha, a, b = theta
    x, w = data.counts, data.customers
    n = w.sum()
    value = float(
        w @ (gammaln(r + x) - gammaln(r) + r * z[1])
        + w @ (gammaln(a + b) - gammaln(b) + gammaln(b + x) - gammaln(a + b + x))
    )
    both, two = digamma(a + b) - digamma(a + b + x), zeta(2, a + b) - zeta(2, a + b + x)  # zeta(2, v) is trigamma
    g = np.array(
        [
            w @ (digamma(r + x) - digamma(r) + z[1]),
            n * r / alpha,
            w @ both,
            w @ (both + digamma(b + x) - digamma(b)),
        ]
    )
    h = np.zeros((4, 4))
    h[0, 0] = w @ (zeta(2, r + x) - zeta(2, r))
    h[0, 1] = n / alpha
    h[1, 1] = -n * r / alpha**2
    h[2, 2] = h[2, 3] = w @ two
    h[3, 3] = w @ (two + zeta(2, b + x) - zeta(2, b))

    # Each history adds log(alive + gone) = log_alive + log(1 + exp(u)); first log_alive = -(r + x) log(alpha + T).
    log_age, inverse_age = np.log(alpha + data.ages), 1 / (alpha + data.ages)
    shapes = r * data.at_age + data.bought_by
    value -= float(shapes @ log_age)
    g[0] -= data.at_age @ log_age
    g[1] -= shapes @ inverse_age
    h[0, 1] -= data.at_age @ inverse_age
    h[1, 1] += shapes @ inverse_age**2

    # Then the log-odds u of having left; without a repeat purchase they are minus infinity.
    log_last, inverse_last = np.log(alpha + data.lasts), 1 / (alpha + data.lasts)
    stays = b + np.maximum(x, 1) - 1
    shape = (r + x)[data.which]
    by_r = log_age[data.age] - log_last[data.last]
    change = inverse_age[data.age] - inverse_last[data.last]
    by_alpha = shape * change
    by_b = (-1 / stays)[data.which]
    u = (z[2] - np.log(stays))[data.which] + shape * by_r
    small = np.exp(-np.abs(u))
    value += float(data.weight @ (np.maximum(u, 0) + np.log1p(small)))
    gone = np.where(u > 0, 1.0, small) / (1 + small)
    wg = data.weight * gone
    v = wg * (1 - gone)
    g += [wg @ by_r, wg @ by_alpha, wg.sum() / a, wg @ by_b]
    vr, va, vb = v * by_r, v * by_alpha, v * by_b
    h[0] += [vr @ by_r, vr @ by_alpha + wg @ change, vr.sum() / a, vr @ by_b]
    squares = inverse_last[data.last] + inverse_age[data.age]
    h[1, 1:] += [va @ by_alpha - (wg * by_alpha) @ squares, va.sum() / a, va @ by_b]
    h[2, 2:] += [(v.sum() - wg.sum()) / a**2, vb.sum() / a]
    h[3, 3] += vb @ by_b + (wg * by_b) @ by_b
    h = np.triu(h) + np.triu(h, 1).T
    return _log_scale(theta, value, g, h)


def fit_bg_nbd(summary: Any, *, prior_sd: float | None = None) -> BgNbd:
    """Fit the BG/NBD model of Fader, Hardie and Lee (2005) by maximum likelihood.

    Args:
        summary: one row per customer with ``frequency``, ``recency`` and ``T``, as `crkit.segments.rfm_summary` makes
            it, in any data frame. All times in one unit.
        prior_sd: None for maximum likelihood, as published. A number puts a normal prior with this standard deviation
            on the logarithm of each parameter, around r = 1, alpha = longest T / mean frequency, a = 1, b = 3; 2 is
            weak (a factor of 50 up or down). Small data sets can need it; with it, standard errors are those of the
            posterior's curvature.

    Returns:
        The fitted model. Equal histories are counted once with their weight, which changes speed and nothing else.

    Raises:
        DataError: if a column or value is missing or impossible, or nobody bought twice.
        ConvergenceError: if the likelihood has no maximum, as happens with few customers, or when customers hardly
            differ in buying rate or in drop-out.

    Example:
        >>> import pandas as pd
        >>> summary = pd.DataFrame({
        ...     "frequency": [0, 0, 0, 1, 1, 2, 3, 6, 9, 0, 4, 2],
        ...     "recency": [0, 0, 0, 5, 20, 16, 30, 28, 37, 0, 11, 8],
        ...     "T": [38, 30, 39, 38, 35, 36, 37, 39, 38, 33, 36, 38],
        ... })
        >>> fit_bg_nbd(summary).n_customers
        12
    """
    x, t_x, age = _history(*_columns(summary, ("frequency", "recency", "T")))
    if len(x) < 2:
        raise DataError(f"the BG/NBD model describes how customers differ; it needs at least 2 of them, not {len(x)}")
    if not x.any():
        raise DataError("frequency is 0 in every row: nobody bought twice, so neither rates nor drop-out can be seen")
    scale = float(age.max())
    start = np.log([1.0, scale / max(float(x.mean()), 0.1), 1.0, 3.0])
    data = _collapse(x, t_x, age)
    hint = (
        "Use more customers or a longer period. If a is tiny, the data show no drop-out; if a and b are huge, "
        "customers do not differ in it; if r and alpha are huge, they do not differ in buying rate."
    )
    near = None
    if len(x) > 20_000:  # a small sample's fit is a good place to begin, and cheap
        some = slice(None, None, len(x) // 4000)
        sample = _collapse(x[some], t_x[some], age[some])
        with suppress(ConvergenceError):
            found = _maximise(lambda z: _bg_nbd(z, sample), start, len(x[some]), "BG/NBD", hint, prior_sd)
            near = np.log(found.theta)
    best = _maximise(lambda z: _bg_nbd(z, data), start, len(x), "BG/NBD", hint, prior_sd, near)
    r, alpha, a, b = map(float, best.theta)
    return BgNbd(r, alpha, a, b, best.log_likelihood, len(x), best.covariance)


# ---------------------------------------------------------------------------------------------------------------------
# Gamma-gamma: money per purchase
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GammaGamma(_Fit):
    """A gamma-gamma model of money per purchase, fitted by `fit_gamma_gamma` or made from three parameters.

    Attributes:
        p: shape of one customer's purchases around their own mean.
        q: shape of the distribution between customers.
        v: its scale, in money; the mean over customers is ``p * v / (q - 1)`` if q exceeds 1.
        log_likelihood: at the maximum; None if the model was not fitted.
        n_customers: how many customers it was fitted to (those with a repeat purchase).
        log_covariance: covariance of the logarithms of p, q, v.

    Example:
        >>> round(GammaGamma(p=6.25, q=3.74, v=15.44).expected_spend(frequency=1, monetary_value=22.35), 2)
        26.27
    """

    p: float
    q: float
    v: float
    log_likelihood: float | None = None
    n_customers: int | None = None
    log_covariance: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        _positive(p=self.p, q=self.q, v=self.v)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("p", "q", "v")

    @property
    def mean_spend(self) -> float:
        """The mean over customers of their mean spend per purchase.

        Raises:
            ValueError: if q is at most 1, because then the distribution's tail is so heavy that it has no mean.
        """
        if self.q <= 1:
            raise ValueError(f"q is {self.q:.3g}; at 1 or below, spend has no finite mean over customers")
        return self.p * self.v / (self.q - 1)

    def expected_spend(self, frequency: Any, monetary_value: Any) -> Any:
        """A customer's expected spend per purchase, given the repeat purchases so far.

        It is a weighted mean of the customer's own mean and the mean over customers; the more purchases, the more the
        own mean counts. Customers without a repeat purchase get the mean over customers.

        Args:
            frequency: repeat purchase days, a number or an array.
            monetary_value: their mean money.

        Returns:
            A float or an array: Fader and Hardie (2013), equation 5.

        Raises:
            DataError: if a value is missing or impossible.
            ValueError: if the mean over customers is needed and does not exist (q at most 1).
        """
        x, m = _spend(frequency, monetary_value)
        own = x > 0
        safe = np.where(own, x, 1.0)
        shrunk = self.p * (self.v + safe * m) / (self.p * safe + self.q - 1)
        _refuse((own & (self.p * safe + self.q <= 1)).ravel(), "p and q", "leave the mean infinite", "use more data")
        return _shaped(shrunk if own.all() else np.where(own, shrunk, self.mean_spend))


def _spend(frequency: Any, monetary_value: Any) -> tuple[Floats, Floats]:
    x, m = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (frequency, monetary_value)))
    remake = "make the summary with crkit.segments.rfm_summary(orders)"
    for name, v in (("frequency", x), ("monetary_value", m)):
        _refuse(~np.isfinite(v).ravel(), name, "is missing or not a finite number", remake)
        _refuse((v < 0).ravel(), name, "is negative", "net or set aside returns before the summary")
    return x, m


def _gamma_gamma(z: Floats, x: Floats, m: Floats, counts: Floats, member: npt.NDArray[np.intp]) -> Evaluation:
    """The gamma-gamma log-likelihood with its derivatives, all with respect to the log-parameters."""
    from scipy.special import digamma, gammaln, polygamma

    theta = np.exp(z)
    p, q, v = theta
    n = len(x)
    px = p * counts
    customers = np.bincount(member).astype(np.float64)
    total = v + x * m
    log_total = np.log(total)
    shape = p * x + q
    value = float(
        customers @ (gammaln(px + q) - gammaln(px)) + n * (q * z[2] - gammaln(q))
        + p * (x @ np.log(x * m)) - np.log(m).sum() - shape @ log_total
    )  # fmt: skip
    all_, own = digamma(px + q), digamma(px)
    weighted = customers * counts
    g = np.array(
        [
            weighted @ (all_ - own) + x @ (np.log(x * m) - log_total),
            customers @ all_ - n * digamma(q) + n * z[2] - log_total.sum(),
            n * q / v - (shape / total).sum(),
        ]
    )
    all_, own = polygamma(1, px + q), polygamma(1, px)
    pq = weighted @ all_
    pv = -(x / total).sum()
    qv = n / v - (1 / total).sum()
    h = np.array(
        [
            [(weighted * counts) @ (all_ - own), pq, pv],
            [pq, customers @ all_ - n * polygamma(1, q), qv],
            [pv, qv, -n * q / v**2 + (shape / total**2).sum()],
        ]
    )
    return _log_scale(theta, value, g, h)


def fit_gamma_gamma(summary: Any, *, prior_sd: float | None = None) -> GammaGamma:
    """Fit the gamma-gamma model of spend by maximum likelihood.

    Only customers with a repeat purchase count. The model assumes that spend does not depend on frequency: look at
    their correlation first.

    Args:
        summary: one row per customer with ``frequency`` and ``monetary_value``, in any data frame.
        prior_sd: None for maximum likelihood, as published. A number puts a normal prior with this standard deviation
            on the logarithm of each parameter, around p = 2, q = 3, v = mean monetary_value; 2 is weak (a factor of 50
            up or down). Small data sets can need it; with it, standard errors are those of the posterior's curvature.

    Returns:
        The fitted model.

    Raises:
        DataError: if a column or value is missing or impossible, nobody bought twice, or a mean spend is 0.
        ConvergenceError: if the likelihood has no maximum, as when all customers spend the same.
    """
    x, m = _spend(*_columns(summary, ("frequency", "monetary_value")))
    _refuse(
        (x > 0) & (m == 0),
        "monetary_value",
        "is 0 though frequency is above 0",
        "the model needs positive spend: leave these customers out, summary[summary.monetary_value > 0]",
    )
    x, m = x[x > 0], m[x > 0]
    if len(x) < 2:
        raise DataError(f"the gamma-gamma model needs at least 2 customers with a repeat purchase, not {len(x)}")
    counts, member = np.unique(x, return_inverse=True)
    mean = float(m.mean())
    best = _maximise(
        lambda z: _gamma_gamma(z, x, m / mean, counts, member),
        np.log([2.0, 3.0, 1.0]),
        len(x),
        "gamma-gamma",
        "Use more customers; if p or q is huge, customers or their purchases hardly differ in money.",
        prior_sd,
    )
    p, q, v = map(float, best.theta)
    return GammaGamma(p, q, v * mean, best.log_likelihood - len(x) * math.log(mean), len(x), best.covariance)


# ---------------------------------------------------------------------------------------------------------------------
# sBG: contracts
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sbg(_Fit):
    """A shifted beta-geometric model of contracts, fitted by `fit_sbg` or made from two parameters.

    Attributes:
        alpha: first parameter of the beta distribution of the probability to leave at a renewal.
        beta: its second parameter; at the first renewal a share ``alpha / (alpha + beta)`` leaves.
        log_likelihood: at the maximum: of all customers if n or at_risk was given, else per customer; None if not
            fitted.
        n_customers: how many customers there were at the start (up for the first renewal), if given.
        log_covariance: covariance of the logarithms of alpha and beta; None without n or at_risk.

    Example:
        >>> Sbg(alpha=0.704, beta=1.182).survival([0, 1, 2]).round(3)
        array([1.   , 0.627, 0.474])
    """

    alpha: float
    beta: float
    log_likelihood: float | None = None
    n_customers: int | None = None
    log_covariance: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        _positive(alpha=self.alpha, beta=self.beta)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("alpha", "beta")

    def survival(self, renewals: Any) -> Any:
        """The expected share still subscribed after this many renewals (0 gives 1)."""
        from scipy import special

        t = _durations(renewals)
        return _shaped(np.exp(special.betaln(self.alpha, self.beta + t) - special.betaln(self.alpha, self.beta)))

    def retention(self, renewal: Any) -> Any:
        """The expected share of those up for their ``renewal``-th renewal (1 is the first) who stay.

        In this model it always rises with tenure, as those likely to leave have left and nobody's own probability
        changes. That it rises is thus an assumption, whatever the data.
        """
        t = _durations(renewal)
        if (t < 1).any():
            raise ValueError("renewal counts from 1")
        return _shaped((self.beta + t - 1) / (self.alpha + self.beta + t - 1))

    def residual_lifetime(self, renewals: Any, discount_rate: float) -> Any:
        """Discounted expected residual lifetime (DERL), in contract periods, of somebody about to renew.

        The customer has renewed ``renewals - 1`` times and stands just before renewal number ``renewals``, so the first
        payment counted is that renewal, if it comes, undiscounted: Fader and Hardie (2010), equation 6.

        Args:
            renewals: number of the renewal to come, from 1.
            discount_rate: per contract period, above 0.

        Returns:
            A float or an array.
        """
        from scipy import special

        n = _durations(renewals)
        if (n < 1).any():
            raise ValueError("renewals counts from 1")
        if not (math.isfinite(discount_rate) and discount_rate > 0):
            raise ValueError(f"discount_rate must be a positive share such as 0.1, not {discount_rate!r}")
        c = self.alpha + self.beta + n
        series = special.hyp2f1(1.0, self.beta + n, c, 1 / (1 + discount_rate))
        return _shaped((self.beta + n - 1) / (c - 1) * series)


def _sbg(z: Floats, left: Floats, stayed: Floats) -> Evaluation:
    """The sBG log-likelihood of who left and stayed at each renewal, with derivatives by the log-parameters."""
    alpha, beta = theta = np.exp(z)
    at_risk = left + stayed
    t = np.arange(len(left), dtype=np.float64)
    stay, total = beta + t, alpha + beta + t
    # At each renewal: of those still there, a share alpha / total leaves and stay / total stays.
    value = float(left.sum() * z[0] + stayed @ np.log(stay) - at_risk @ np.log(total))
    both = at_risk @ (1 / total)
    g = np.array([left.sum() / alpha - both, stayed @ (1 / stay) - both])
    both = at_risk @ (1 / total**2)
    h = np.array([[both - left.sum() / alpha**2, both], [both, both - stayed @ (1 / stay**2)]])
    return _log_scale(theta, value, g, h)


def fit_sbg(survival: Any, n: int | None = None, *, at_risk: Any = None) -> Sbg:
    """Fit the shifted beta-geometric model of Fader and Hardie (2007) to a survival curve.

    If one cohort was followed throughout, ``survival`` is enough, and ``n`` gives standard errors. If contracts began
    at different times, few have come to the late renewals: a Kaplan-Meier curve is fitted with ``at_risk``, so that
    each renewal counts by how many contracts were up for it.

    Args:
        survival: the share still subscribed at each renewal, starting with 1 (everybody, before the first).
        n: how many customers the cohort had; needed for standard errors, without effect on the estimates.
        at_risk: how many contracts were up for each renewal, one number per renewal, instead of ``n``.

    Returns:
        The fitted model.

    Raises:
        DataError: if the curve does not start with 1, rises, leaves 0 to 1, or is too short, or if ``at_risk`` does
            not fit to it.
        ValueError: if ``n`` is not a size, or both ``n`` and ``at_risk`` are given.
        ConvergenceError: if no drop-out, or none beyond pure chance, can be seen.

    Example:
        >>> fit = fit_sbg([1, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241])
        >>> round(fit.alpha, 4), round(fit.beta, 4)
        (0.7041, 1.182)
        >>> fit_sbg([1, 0.8, 0.7], at_risk=[100, 40]).n_customers
        100
    """
    alive = np.asarray(survival, dtype=np.float64)
    if alive.ndim != 1 or len(alive) < 3:
        raise DataError("survival must be a list of at least 3 shares: 1, then the share left after each renewal")
    _refuse(~np.isfinite(alive), "survival", "is missing or not a finite number", "give one share per renewal")
    if alive[0] != 1:
        remedy = "divide percentages by 100" if alive[0] == 100 else "put 1 before the share after the first renewal"
        raise DataError(f"survival must start with 1, not {alive[0]:g}: {remedy}")
    _refuse((alive < 0) | (alive > 1), "survival", "is not a share from 0 to 1", "divide percentages by 100")
    _refuse(np.diff(alive, prepend=1.0) > 0, "survival", "rises", "it counts the first cohort only, without newcomers")
    if n is not None and (isinstance(n, bool) or int(n) != n or n < 1):
        raise ValueError(f"n must be the number of customers in the cohort, not {n!r}")
    if n is not None and at_risk is not None:
        raise ValueError("give n, for one cohort, or at_risk, for contracts that began at different times, not both")
    up = alive[:-1] * float(n or 1) if at_risk is None else _up_for_renewal(at_risk, alive)
    stayed = up * np.divide(alive[1:], alive[:-1], out=np.zeros_like(up), where=alive[:-1] > 0)
    left = up - stayed
    if not (left.any() and stayed.any()):
        what = "everybody left at the first renewal" if left.any() else "nobody left"
        raise ConvergenceError(f"{what}: the sBG model needs some who stay and some who leave")
    best = _maximise(
        lambda z: _sbg(z, left, stayed),
        np.zeros(2),
        float(up.max()),
        "sBG",
        "If alpha and beta are huge, retention does not rise with tenure, and a constant share is all there is to see.",
    )
    alpha, beta = map(float, best.theta)
    customers = n if at_risk is None else round(up[0])
    return Sbg(alpha, beta, best.log_likelihood, customers, best.covariance if customers else None)


def _up_for_renewal(at_risk: Any, alive: Floats) -> Floats:
    """How many contracts were up for each renewal, checked against the survival curve."""
    up = np.asarray(at_risk, dtype=np.float64)
    if up.shape != (len(alive) - 1,):
        raise DataError(f"at_risk must have one number per renewal, {len(alive) - 1}, not {up.size}")
    _refuse(~np.isfinite(up) | (up < 0), "at_risk", "is not a number of contracts", "count those up for each renewal")
    remedy = "leave out renewals that nobody has reached, and what follows when everybody has left"
    _refuse((up > 0) != (alive[:-1] > 0), "at_risk", "does not fit to survival", remedy)
    return up


# ---------------------------------------------------------------------------------------------------------------------
# Value of all customers, with its uncertainty
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Values:
    """Each customer's lifetime value and the total, with intervals; made by `value_customers`.

    Attributes:
        table: one row per customer of the summary, in its order; see `value_customers`.
        total: the sum of all expected values.
        lower: lower end of the total's interval.
        upper: its upper end.
        level: the intervals' coverage.
        months: the horizon.
        outcome_lower: lower end of what all customers together may really bring; None without draws.
        outcome_upper: its upper end.
    """

    table: pd.DataFrame
    total: float
    lower: float
    upper: float
    level: float
    months: int
    outcome_lower: float | None = None
    outcome_upper: float | None = None


def value_customers(
    summary: Any,
    purchases: BgNbd,
    spend: GammaGamma,
    *,
    months: int = 12,
    annual_discount_rate: float = 0.1,
    margin: float = 1.0,
    unit: str = "D",
    level: float = 0.9,
    draws: int = 0,
    seed: int = 0,
) -> Values:
    """Value every customer over the coming months, and say how sure that is.

    Two kinds of uncertainty are kept apart. ``lower`` and ``upper`` bound the *expected* value: they come from the
    standard errors of both models (delta method on the logarithm of value; as spend is assumed not to depend on
    frequency, the two models' errors are independent) and shrink as customers are added. ``outcome_lower`` and
    ``outcome_upper`` bound what the customer may really bring, with the parameters taken as known: whether they are
    alive, how often they buy and what they spend; they do not shrink. For the total, what customers may bring and the
    error of the parameters are of similar size, so its outcome interval holds both. None covers a wrong model.

    Args:
        summary: one row per customer with ``frequency``, ``recency``, ``T`` and ``monetary_value``, in any data frame.
        purchases: the fitted BG/NBD model.
        spend: the fitted gamma-gamma model.
        months: the horizon, a whole number of months.
        annual_discount_rate: 0.1 means that money in a year is worth 1 / 1.1 of money now.
        margin: the share of spend that is margin.
        unit: the time unit of the summary: ``"D"``, ``"W"`` or ``"h"``.
        level: coverage of all intervals.
        draws: random futures per customer for the outcome intervals; 0 leaves them out.
        seed: of the random futures.

    Returns:
        The values. Columns of the table:

        * ``probability_alive``, ``expected_purchases`` (in the horizon, not discounted), ``expected_spend`` (per
          purchase)
        * ``lifetime_value``: expected discounted margin, with ``lower`` and ``upper``
        * ``outcome_lower``, ``outcome_upper``: if draws were asked for; so too for the total

    Raises:
        DataError: if a column or value is missing or impossible.
        ValueError: if a model was not fitted to data, or an argument is impossible.
    """
    from scipy import special

    x, t_x, age, m = _columns(summary, ("frequency", "recency", "T", "monetary_value"))
    z = _normal_quantile(level)

    def bought(model: BgNbd) -> Floats:
        found = model.discounted_purchases(
            x, t_x, age, months=months, annual_discount_rate=annual_discount_rate, unit=unit
        )
        return np.asarray(found)

    discounted, per_purchase = bought(purchases), np.asarray(spend.expected_spend(x, m))
    value = purchases.lifetime_value(
        spend, x, t_x, age, m, months=months, annual_discount_rate=annual_discount_rate, margin=margin, unit=unit
    )
    # Relative change of value with each log-parameter: first of purchases, then of spend.
    slopes = np.concatenate(
        [
            _relative_slopes(purchases, bought, discounted),
            _relative_slopes(spend, lambda model: np.asarray(model.expected_spend(x, m)), per_purchase),
        ]
    )
    covariance = np.zeros((7, 7))
    covariance[:4, :4], covariance[4:, 4:] = purchases._covariance(), spend._covariance()
    error = np.sqrt(np.einsum("in,ij,jn->n", slopes, covariance, slopes))
    total = float(value.sum())
    of_total = slopes @ value / max(total, 1e-300)
    total_error = float(np.sqrt(of_total @ covariance @ of_total))
    horizon = months * PERIODS_PER_MONTH[unit]
    expected = np.asarray(purchases.expected_purchases(horizon, x, t_x, age))
    table = pd.DataFrame(
        {
            "probability_alive": purchases.probability_alive(x, t_x, age),
            "expected_purchases": expected,
            "expected_spend": per_purchase,
            "lifetime_value": value,
            "lower": value * np.exp(-z * error),
            "upper": value * np.exp(z * error),
        }
    )
    factor = math.exp(z * total_error)
    values = Values(table, total, total / factor, total * factor, level, months)
    if not draws:
        return values
    per_unit = margin * discounted / np.maximum(expected, 1e-300)
    ends, totals = _outcomes(purchases, spend, horizon, (x, t_x, age, m), per_unit, level, draws, seed)
    table["outcome_lower"], table["outcome_upper"] = ends
    # Each drawn total under a hundred equally likely errors of the parameters, which move all customers together.
    errors = np.exp(total_error * special.ndtri((np.arange(100) + 0.5) / 100))
    lower, upper = np.quantile(np.outer(totals, errors), [(1 - level) / 2, (1 + level) / 2])
    return replace(values, outcome_lower=float(lower), outcome_upper=float(upper))


def _relative_slopes(model: Any, result: Callable[[Any], Floats], value: Floats) -> Floats:
    """Derivative of log(result) with respect to each log-parameter, by central differences."""
    step = 1e-4
    rows = []
    for name in model._names:
        theta = getattr(model, name)
        up = result(replace(model, **{name: theta * math.exp(step)}))
        down = result(replace(model, **{name: theta * math.exp(-step)}))
        rows.append((up - down) / (2 * step * np.maximum(value, 1e-300)))
    return np.stack(rows)


def _outcomes(
    purchases: BgNbd,
    spend: GammaGamma,
    horizon: float,
    history: tuple[Floats, Floats, Floats, Floats],
    per_unit: Floats,
    level: float,
    draws: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Lower and upper quantile of each customer's random margin, and the total margin of each draw.

    Discounting is that of the customer's mean purchase.
    """
    rng = np.random.default_rng([seed, 1])
    ends, totals = np.empty((2, len(per_unit))), np.zeros(draws)
    block = max(1, 2_000_000 // draws)
    for i in range(0, len(per_unit), block):
        rows = slice(i, i + block)
        x, t_x, age, m = (v[rows] for v in history)
        count = purchases.draw_purchases(horizon, x, t_x, age, draws=draws, seed=seed + i)
        rate = rng.gamma(spend.p * x + spend.q, 1 / (spend.v + x * m), (draws, len(x))).T
        money = rng.gamma(np.maximum(spend.p * count, 1e-300)) / rate * (count > 0) * per_unit[rows, None]
        ends[:, rows] = np.quantile(money, [(1 - level) / 2, (1 + level) / 2], axis=1)
        totals += money.sum(axis=0)
    return ends, totals
