"""Simulates Kittiwake Coffee: every table of the company, and the truth that no real company sees.

The model, on one page. Time runs in days; ``Z`` is standard normal, every draw is independent unless said so.

1. *Who.* A customer belongs to one latent segment (`MODEL.segments`). Only private or business shows. Customers
   open their account, with a first order, at a uniform moment in the first three quarters of the period.
2. *Orders.* In every segment but the offices, a customer who is alive orders as a Poisson process with a rate
   from a gamma distribution (shape ``r``, rate ``alpha`` days), and after each repeat order leaves for good with a
   probability ``p`` from a beta distribution (``a``, ``b``): the assumptions of BG/NBD (Fader, Hardie and Lee
   2005), segment by segment. Offices have a contract: a delivery every 14, 21 or 28 days, and at each quarterly
   renewal they leave with a probability from a beta distribution: the assumptions of the shifted beta-geometric
   model (Fader and Hardie 2007), and so not those of BG/NBD.
3. *Money.* Order amounts are gamma with shape ``p`` and a customer's own rate from a gamma distribution (``q``,
   ``v``): gamma-gamma (Fader and Hardie 2013), independent of the buying rate.
4. *Service.* Each order raises an issue with the segment's probability; its topic decides whom it is routed to
   (easy topics to self-service and the bot, hard ones to people), and handler and topic together decide whether
   it is really resolved (`MODEL.resolves`). What fails is passed on, comes back, or is given up. The system's
   own ``resolved`` flag is also set on some contacts that solved nothing.
5. *Satisfaction.* The experience of an order is ``x = effect of its topic + effect if never resolved + effect if
   the handler is not of the type that the segment expects + 0.7 Z``.
6. *Satisfaction moves churn.* With ``u`` the rank of ``x`` among healthy experiences of the segment, the customer
   leaves if ``normal_cdf(w * normal_quantile(u) + sqrt(1 - w**2) * Z) < p`` with ``w = MODEL.churn_weight``. Under
   healthy service ``u`` is uniform, so that the chance is exactly ``p``; worse service raises it. The choice is booked
   at the order, ``dropped_at``, although the customer makes it while the issue is dealt with, in the days after.
7. *Loyalty programme.* Private customers are held out at random (one in five) or invited; the more they buy, the
   likelier they enrol. While enrolled, order amounts are higher by `MODEL.loyalty_lift`; customers who spent
   `MODEL.gold_threshold_eur` in a calendar year are gold in the next, which adds `MODEL.gold_lift`. In the last
   quarter some top up an order to reach the threshold. A euro earns a point, 100 points take 5 euros off, points
   expire after 365 days, first in first out.
8. *Messages.* From the middle of the period, a campaign every two months: among customers with consent, half at
   random receive it, half of them in a personalised variant. A message causes one extra order within ten days
   with the segment's probability, and the customer would not have ordered otherwise. Nobody leaves after such an
   order, and it does not come if the customer leaves within the ten days.
9. *Feedback.* Four dimensions (delivery, coffee, service, price) share a customer's general mood and fall with the
   issues of the last order. The score weighs them by `MODEL.drivers`. The more satisfied, the likelier an answer.
   Comments are about one or two of them, in two languages, and `comment_truth` knows which.
10. *Forum.* Members ask and answer; who answers is drawn in proportion to a Pareto-distributed helpfulness.

Scenarios change one thing from ``begins_at`` on, after 5/8 of the period. ``over_automated``: issues go to the bot,
which hardly ever passes on to a person. ``ignored_feedback``: few replies, and the delivery problem that customers
complain of grows. ``impersonal``: account owners are withdrawn and firms are handled like everybody else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TABLES = ("customers", "orders", "contacts", "feedback", "points", "messages", "posts", "truth")
SCENARIOS = ("healthy", "over_automated", "ignored_feedback", "impersonal")
TOPICS = ("order_status", "account", "delivery", "brewing", "billing", "defect")
DIMENSIONS = ("delivery", "coffee", "service", "price")
RELATIONSHIPS = (
    "self_service",
    "automated_services",
    "communities",
    "personal_assistance",
    "dedicated_personal_assistance",
)
# An account owner is a person too; in the contact log both are "human".
HANDLERS = ("self", "bot", "human", "community", "owner")
SELF, BOT, HUMAN, COMMUNITY, OWNER = range(5)

QUARTER_DAYS = 365.25 / 4
POINTS_EXPIRE_DAYS = 365
EXPERIENCE_NOISE = 0.7
_KEY = 8192.0  # days; larger than any period, so that customer * _KEY + day sorts by customer, then by day


@dataclass(frozen=True)
class Segment:
    """What is planted for one latent segment; rates are per day, money in EUR.

    ``r`` and ``alpha`` are the gamma distribution of buying rates, ``a`` and ``b`` the beta distribution of drop-out
    (per order; for contracts per quarterly renewal), ``p`` and ``q`` the gamma-gamma shapes of spend, ``accepts`` the
    handlers that fit the expected relationship, ``routing`` the weights of the `HANDLERS`.
    """

    name: str
    account: str
    expects: str
    accepts: tuple[int, ...]
    share: float
    r: float
    alpha: float
    a: float
    b: float
    mean_spend: float
    p: float
    q: float
    issue_rate: float
    routing: tuple[float, float, float, float, float]
    message_uplift: float
    personalised_uplift: float
    forum_share: float
    channels: tuple[float, float, float]  # shop, web, account manager
    contract: bool = False

    @property
    def v(self) -> float:
        """Rate of the gamma distribution of spend rates, so that the mean amount is ``mean_spend``."""
        return self.mean_spend * (self.q - 1) / self.p


@dataclass(frozen=True)
class Model:
    """Every planted parameter; see the module's docstring for what each one does."""

    segments: tuple[Segment, ...]
    topic_share: tuple[float, ...] = (0.26, 0.14, 0.20, 0.14, 0.14, 0.12)
    # rows: HANDLERS, columns: TOPICS
    ease: tuple[tuple[float, ...], ...] = (
        (2.0, 1.6, 0.5, 0.8, 0.6, 0.3),
        (2.5, 1.8, 0.6, 0.6, 0.8, 0.25),
        (0.5, 0.7, 1.4, 1.0, 1.3, 1.7),
        (0.0, 0.0, 0.0, 4.0, 0.0, 0.0),
        (0.8, 0.8, 1.2, 1.0, 1.2, 1.4),
    )
    resolves: tuple[tuple[float, ...], ...] = (
        (0.85, 0.75, 0.35, 0.60, 0.35, 0.20),
        (0.85, 0.75, 0.40, 0.50, 0.45, 0.25),
        (0.97, 0.95, 0.80, 0.85, 0.85, 0.75),
        (0.00, 0.00, 0.00, 0.85, 0.00, 0.00),
        (0.98, 0.97, 0.85, 0.90, 0.90, 0.82),
    )
    # by handler: chance that a matter which is not resolved is passed on at once, or comes back later
    escalates: tuple[float, ...] = (0.0, 0.45, 0.0, 0.0, 0.0)
    returns: tuple[float, ...] = (0.60, 0.50, 0.60, 0.50, 0.80)
    falsely_resolved: tuple[float, ...] = (0.35, 0.50, 0.08, 0.30, 0.05)
    topic_effect: tuple[float, ...] = (-0.1, -0.1, -1.2, 0.0, -0.3, -0.6)
    unresolved_effect: float = -0.8
    mismatch_effect: float = -0.4
    churn_weight: float = 0.6
    holdout_share: float = 0.2
    loyalty_lift: float = 0.10
    gold_lift: float = 0.08
    gold_threshold_eur: float = 300.0
    points_pressure: float = 0.4
    drivers: Mapping[str, float] = field(
        default_factory=lambda: {"delivery": 1.3, "coffee": 0.6, "service": 0.5, "price": 0.15}
    )
    response_slope: float = 0.55
    helper_tail: float = 1.3


MODEL = Model(
    segments=(
        Segment(
            "home_occasional", "private", "self_service", (SELF, BOT, COMMUNITY), 0.36, 1.4, 260.0, 1.0, 4.0,
            28.0, 5.0, 8.0, 0.14, (0.45, 0.30, 0.20, 0.05, 0.0), 0.02, 0.03, 0.02, (0.35, 0.65, 0.0),
        ),
        Segment(
            "home_regular", "private", "automated_services", (SELF, BOT), 0.32, 2.5, 80.0, 0.9, 14.0,
            34.0, 6.0, 9.0, 0.12, (0.30, 0.40, 0.25, 0.05, 0.0), 0.03, 0.05, 0.08, (0.20, 0.80, 0.0),
        ),
        Segment(
            "home_enthusiast", "private", "communities", (SELF, HUMAN, COMMUNITY), 0.12, 3.0, 85.0, 0.7, 16.0,
            62.0, 5.0, 8.0, 0.10, (0.20, 0.20, 0.30, 0.30, 0.0), 0.05, 0.09, 0.60, (0.30, 0.70, 0.0),
        ),
        Segment(
            "office", "business", "personal_assistance", (HUMAN, OWNER), 0.13, 0.0, 0.0, 0.8, 7.0,
            150.0, 8.0, 7.0, 0.12, (0.10, 0.20, 0.70, 0.0, 0.0), 0.0, 0.0, 0.0, (0.0, 1.0, 0.0), True,
        ),
        Segment(
            "cafe", "business", "dedicated_personal_assistance", (OWNER,), 0.07, 5.0, 45.0, 0.6, 45.0,
            320.0, 7.0, 7.0, 0.10, (0.05, 0.10, 0.15, 0.0, 0.70), 0.0, 0.0, 0.0, (0.05, 0.35, 0.60),
        ),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Company:
    """A simulated company. Its tables are attributes (``company.orders``); ``tables`` holds them by name.

    Attributes:
        tables: the tables that were asked for, by name; `crkit.datasets` documents every column.
        seed: the seed it was made from.
        scenario: one of `SCENARIOS`.
        starts_at: first moment of the data.
        ends_at: moment at which the data stop.
        begins_at: moment at which the scenario's mistake begins; None in a healthy company.
        model: every planted parameter.
        survey_truth: what the surveys would have brought if everybody had answered; None without the table
            ``feedback``. One row a row of it: ``feedback_id``, ``score`` (that the customer had in mind) and ``chance``
            (of an answer before the data stop).
    """

    tables: Mapping[str, pd.DataFrame]
    seed: int
    scenario: str
    starts_at: pd.Timestamp
    ends_at: pd.Timestamp
    begins_at: pd.Timestamp | None
    model: Model
    survey_truth: pd.DataFrame | None = None

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in TABLES:
            if name in self.tables:
                return self.tables[name]
            raise AttributeError(
                f"this company was simulated without the table {name!r}; it has {', '.join(self.tables)}. "
                f"Name it in simulate(..., tables=...)."
            )
        raise AttributeError(f"a Company has no {name!r}; its tables are {', '.join(TABLES)}")


def simulate(
    n_customers: int = 2000,
    seed: int = 0,
    scenario: str = "healthy",
    start: str = "2024-01-01",
    months: int = 24,
    *,
    tables: Iterable[str] | None = None,
    model: Model = MODEL,
) -> Company:
    """Simulate the company.

    The same arguments give the same tables in any process. Every quantity has its own random stream, so that a
    new table or column leaves the others' numbers as they are, and in two scenarios of one seed the same customers
    place the same orders until the mistake begins.

    Args:
        n_customers: how many customers ever order; at least 1.
        seed: any integer from 0.
        scenario: one of "healthy", "over_automated", "ignored_feedback", "impersonal".
        start: first day, as an ISO date.
        months: length of the period, from 3 to 120.
        tables: names of the tables to return, to save time and memory; all of them by default.
        model: what is planted; `MODEL` by default. ``dataclasses.replace(MODEL, loyalty_lift=0.0)`` changes one thing.

    Returns:
        The company with its tables, typed and sorted by time, and its planted truth.

    Raises:
        ValueError: if an argument is out of range; the message says what is allowed.

    Example:
        >>> company = simulate(n_customers=100, tables=["customers", "orders"])
        >>> len(company.customers)
        100
    """
    wanted = _checked(n_customers, seed, scenario, start, months, tables)
    world = _World(n_customers, seed, scenario, pd.Timestamp(start), months, model)
    return world.company(wanted)


def comment_truth(comments: pd.Series[str]) -> pd.DataFrame:
    """What is planted in the comments of a simulated company, to judge a method that reads them.

    Args:
        comments: comments as they stand in ``feedback``; other texts and missing ones are allowed.

    Returns:
        One row a comment, with the same index: ``language`` ("en" or "de"), ``theme`` (one of `DIMENSIONS`), ``also``
        (the second theme, missing if there is none), ``mood`` ("negative", "mixed" or "positive"; that of the score),
        ``sarcastic`` (friendly words in a bad mood) and ``typo``. All are missing where the simulator did not write it.

    Example:
        >>> company = simulate(n_customers=100, tables=["feedback"])
        >>> comments = company.feedback["comment"].dropna()
        >>> comment_truth(comments)["theme"].isin(DIMENSIONS).all()
        np.True_
    """
    from crkit._comments import planted

    return planted().reindex(comments.to_numpy()).astype(dict.fromkeys(("sarcastic", "typo"), "boolean")).set_axis(
        comments.index
    )  # fmt: skip


def _checked(
    n_customers: int, seed: int, scenario: str, start: str, months: int, tables: Iterable[str] | None
) -> tuple[str, ...]:
    for name, value, low, high in (
        ("n_customers", n_customers, 1, 10_000_000),
        ("seed", seed, 0, 2**63),
        ("months", months, 3, 120),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario must be one of {', '.join(SCENARIOS)}, not {scenario!r}")
    try:
        day = pd.Timestamp(start)
    except (ValueError, TypeError) as error:
        raise ValueError(f"start must be an ISO date such as 2024-01-01, not {start!r}") from error
    if pd.isna(day) or day != day.normalize() or day.tz is not None:
        raise ValueError(f"start must be a day without a time, such as 2024-01-01, not {start!r}")
    wanted = TABLES if tables is None else (tables,) if isinstance(tables, str) else tuple(tables)
    unknown = [name for name in wanted if name not in TABLES]
    if unknown:
        raise ValueError(f"unknown table {unknown[0]!r}; the tables are {', '.join(TABLES)}")
    return wanted


def _logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _running_sum(values: Floats, first: Ints, counts: Ints) -> Floats:
    """Cumulative sum that starts again at each group; ``first`` is the index of each non-empty group's first row."""
    total = np.cumsum(values)
    return total - np.repeat(total[first] - values[first], counts)


def _pick(u: Floats, weights: npt.ArrayLike) -> Ints:
    """Turn uniform numbers into column indices of ``weights``: one row for all, or a row each."""
    cumulative = np.cumsum(np.atleast_2d(weights), axis=1)
    target = u * cumulative[:, -1]
    chosen = np.zeros(len(u), dtype=np.int64)
    for column in range(cumulative.shape[1] - 1):
        chosen += cumulative[:, column] <= target
    return chosen


def _enum(codes: npt.ArrayLike, categories: Iterable[str]) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(np.asarray(codes, dtype=np.int64), pd.Index(list(categories)))


def _nullable(values: npt.ArrayLike, missing: Bools) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.asarray(values, dtype=np.int64), np.asarray(missing, dtype=bool).copy())


def _names(prefix: str, numbers: Ints, missing: Bools) -> pd.Series:
    known = np.array([f"{prefix}-{i + 1:02d}" for i in range(int(numbers.max(initial=0)) + 1)], dtype=object)
    values = known[numbers]
    values[missing] = None
    return pd.Series(values, dtype="str")


@dataclass
class _Orders:
    """Orders in the order of customer and time. ``issue`` is the index of the order's issue, or -1."""

    customer: Ints
    day: Floats
    issue: Ints
    caused: Bools  # by a message
    amount: Floats = field(default_factory=lambda: np.empty(0))
    discount: Floats = field(default_factory=lambda: np.empty(0))
    order_id: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass
class _Issues:
    """One row an issue: ``topic`` and the first ``handler`` as codes, and whether it was resolved in the end."""

    customer: Ints
    day: Floats
    topic: Ints
    handler: Ints
    fixed_at: Ints  # number of the contact that resolved it (0, 1, 2); 3 if none did
    contacts: Ints  # how many contacts it took
    escalated: Bools  # from the first contact to the second
    mismatch: Bools
    order: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class _World:
    """One simulation: draws the customers, then each table from streams of its own."""

    def __init__(self, n: int, seed: int, scenario: str, start: pd.Timestamp, months: int, model: Model) -> None:
        self.n, self.seed, self.scenario, self.start, self.model = n, int(seed), scenario, start, model
        self.ends_at = start + pd.DateOffset(months=months)
        self.end = float((self.ends_at - start).days)
        self.months = months
        self.survey_truth: pd.DataFrame | None = None
        begins = start + pd.DateOffset(months=round(months * 0.625))
        self.begins_at = None if scenario == "healthy" else begins
        self.begins = np.inf if scenario == "healthy" else float((begins - start).days)
        self._draw_customers()
        self._draw_base_orders()
        self._draw_messages()
        self._merge_orders()
        self._price_orders()
        self._book_points()

    def rng(self, stream: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, zlib.crc32(stream.encode())])))

    def by_segment(self, name: str) -> Floats:
        """One planted parameter as an array over customers."""
        return np.array([getattr(s, name) for s in self.model.segments], dtype=float)[self.segment]

    def moment(self, day: Floats) -> npt.NDArray[np.datetime64]:
        """Days since the start as times between 7:00 and 21:00; the sequence within a day is kept."""
        whole = np.floor(day)
        seconds = whole * 86_400 + np.floor((7 + 14 * (day - whole)) * 3600)
        first: npt.NDArray[np.datetime64] = np.array(self.start.to_datetime64(), dtype="datetime64[s]")
        times: npt.NDArray[np.datetime64] = first + seconds.astype("timedelta64[s]")
        return times

    def moment_or_none(self, day: Floats) -> npt.NDArray[np.datetime64]:
        """As `moment`, with NaT where ``day`` is not a number or not before the end of the data."""
        missing = ~(day < self.end)
        result = self.moment(np.where(missing, 0.0, day))
        result[missing] = np.datetime64("NaT")
        return result

    def date_or_none(self, day: Floats) -> npt.NDArray[np.datetime64]:
        return self.moment_or_none(day).astype("datetime64[D]").astype("datetime64[s]")

    # -- customers -----------------------------------------------------------------------------------------------

    def _draw_customers(self) -> None:
        n, segments = self.n, self.model.segments
        self.segment = _pick(self.rng("segment").random(n), [s.share for s in segments])
        self.joined = self.rng("joined").random(n) * self.end * 0.75
        self.business = self.by_segment("contract") + (self.segment == len(segments) - 1) > 0
        self.contract = self.by_segment("contract") > 0
        home_or_cafe = ~self.contract
        shape, scale = np.where(home_or_cafe, self.by_segment("r"), 1.0), self.by_segment("alpha")
        rate = self.rng("rate").gamma(shape) / np.where(home_or_cafe, scale, 1.0)
        self.interval = np.array([14.0, 21.0, 28.0])[self.rng("interval").integers(0, 3, n)]
        self.rate = np.where(home_or_cafe, rate, 1 / self.interval)
        self.dropout = self.rng("dropout").beta(self.by_segment("a"), self.by_segment("b"))
        spend_rate = self.rng("spend_rate").gamma(self.by_segment("q")) / self.by_segment("v")
        self.mean_spend = self.by_segment("p") / spend_rate
        self.mood = self.rng("mood").standard_normal(n)
        self.consent = self.rng("consent").random(n) < 0.8
        self.has_owner = self.segment == len(segments) - 1
        self.owner = np.arange(n, dtype=np.int64) % max(1, round(n * 0.07 / 35))
        held_out = self.rng("loyalty_arm").random(n) < self.model.holdout_share
        self.arm = np.where(self.business, 2, np.where(held_out, 1, 0))
        keen = _logistic(0.3 + 0.8 * np.log(np.maximum(self.rate, 1e-12) / 0.02))
        enrols = (self.arm == 0) & (self.rng("enrols").random(n) < keen)
        self.enrolled = np.where(enrols, self.joined + self.rng("enrol_lag").exponential(20.0, n), np.inf)
        member = self.rng("forum_member").random(n) < self.by_segment("forum_share")
        self.helpfulness = np.where(member, 1 + self.rng("helpfulness").pareto(self.model.helper_tail, n), 0.0)
        self.age = _pick(self.rng("age").random(n), [0.34, 0.40, 0.26])
        self.german = self.rng("language").random(n) < 0.3

    # -- orders and issues -----------------------------------------------------------------------------------------

    def _draw_base_orders(self) -> None:
        """Draw arrivals as if nobody left, give each an experience, and cut at the first drop-out."""
        span = self.end - self.joined
        repeats = self.rng("arrivals").poisson(self.rate * span)
        repeats = np.where(self.contract, np.floor(span / self.interval), repeats).astype(np.int64)
        counts = repeats + 1
        first = np.cumsum(counts) - counts
        customer = np.repeat(np.arange(self.n, dtype=np.int64), counts)
        since = self._arrival_times(customer, first, counts, span)
        day = self.joined[customer] + since

        issue_rows, issues = self._draw_issues(customer, day)
        x = EXPERIENCE_NOISE * self.rng("experience").standard_normal(len(day))
        x[issue_rows] += self._experience(issues)
        if self.scenario == "impersonal":
            x -= 0.6 * (self.business[customer] & (day >= self.begins))

        leaves = self._leaves(customer, x)
        drop_day = np.full(self.n, np.inf)
        repeat = np.ones(len(day), bool)
        repeat[first] = False
        last = np.flatnonzero(leaves & repeat & ~self.contract[customer])
        np.minimum.at(drop_day, customer[last], day[last])
        self._end_contracts(drop_day, customer, day, leaves)
        self.drop_day = drop_day

        # A contract that ends stops before the next delivery; anybody else's last order is the one they left after.
        kept = np.where(self.contract[customer], day < drop_day[customer], day <= drop_day[customer])
        kept &= day < self.end
        issue_of = np.full(len(day), -1, dtype=np.int64)
        issue_of[issue_rows] = np.arange(len(issue_rows))
        self.issues = issues
        shape = self.by_segment("p")[customer]
        amount = self.rng("amount").gamma(shape) * (self.mean_spend / self.by_segment("p"))[customer]
        self.orders = _Orders(customer[kept], day[kept], issue_of[kept], np.zeros(int(kept.sum()), bool), amount[kept])

    def _arrival_times(self, customer: Ints, first: Ints, counts: Ints, span: Floats) -> Floats:
        """Days since joining of each order: 0, then order statistics of a Poisson process, or regular deliveries."""
        gaps = self.rng("gaps").standard_exponential(len(customer))
        after_last = self.rng("gap_after_last").standard_exponential(self.n)
        gaps[first] = 0.0
        passed = _running_sum(gaps, first, counts)
        whole = passed[first + counts - 1] + after_last
        since = passed * np.repeat(span / whole, counts)
        number = np.arange(len(customer)) - np.repeat(first, counts)
        jitter = np.clip(self.rng("delivery_jitter").standard_normal(len(customer)), -3, 3)
        regular = number * self.interval[customer] + jitter * (number > 0)
        times: Floats = np.where(self.contract[customer], regular, since)
        return times

    def _routing(self, segment: Ints, topic: Ints, changed: Bools) -> Floats:
        """Weights over `HANDLERS` for each issue; ``changed`` marks those after the scenario began."""
        base = np.array([s.routing for s in self.model.segments])
        ease = np.array(self.model.ease)
        weights: Floats = base[segment] * ease.T[topic]
        if self.scenario == "over_automated":
            weights[changed, BOT] *= 8
            weights[changed, HUMAN] *= 0.3
            weights[changed, OWNER] *= 0.3
        if self.scenario == "impersonal":
            business = changed & (np.array([s.account == "business" for s in self.model.segments])[segment])
            weights[business, OWNER] *= 0.05
            weights[business, BOT] += 0.3
        return weights

    def _topic_share(self, changed: Bools) -> Floats:
        """Weights over `TOPICS` for each order; they sum to more than 1 where the scenario adds issues."""
        share = np.tile(self.model.topic_share, (len(changed), 1))
        if self.scenario == "ignored_feedback":
            share[changed, TOPICS.index("delivery")] *= 4
        return share

    def _draw_issues(self, customer: Ints, day: Floats) -> tuple[Ints, _Issues]:
        segment, changed = self.segment[customer], day >= self.begins
        rate = np.array([s.issue_rate for s in self.model.segments])[segment]
        more = self._topic_share(np.array([False, True])).sum(axis=1)
        n = len(day)
        rows = np.flatnonzero(self.rng("issue").random(n) < rate * more[changed.astype(int)])
        customer, day, segment, changed = customer[rows], day[rows], segment[rows], changed[rows]
        topic = _pick(self.rng("topic").random(n)[rows], self._topic_share(changed))
        handler = _pick(self.rng("handler").random(n)[rows], self._routing(segment, topic, changed))
        resolves = np.array(self.model.resolves)
        later = np.where(handler == OWNER, OWNER, HUMAN)
        tries = np.column_stack([resolves[handler, topic], resolves[later, topic], resolves[later, topic]])
        works = self.rng("resolves").random((n, 3))[rows] < tries
        escalates, returns = np.array(self.model.escalates)[handler], np.array(self.model.returns)[handler]
        if self.scenario == "over_automated":
            escalates = np.where(changed, escalates * 0.2, escalates)
        u_on = self.rng("goes_on").random((n, 2))[rows]
        escalated = ~works[:, 0] & (u_on[:, 0] < escalates)
        second = ~works[:, 0] & (u_on[:, 0] < escalates + (1 - escalates) * returns)
        third = second & ~works[:, 1] & (u_on[:, 1] < self.model.returns[HUMAN])
        fixed_at = np.select([works[:, 0], second & works[:, 1], third & works[:, 2]], [0, 1, 2], 3)
        accepts = np.array([[h in s.accepts for h in range(len(HANDLERS))] for s in self.model.segments])
        return rows, _Issues(
            customer, day, topic, handler, fixed_at, 1 + second + third, escalated, ~accepts[segment, handler]
        )

    def _experience(self, issues: _Issues) -> Floats:
        m = self.model
        effect: Floats = np.array(m.topic_effect)[issues.topic]
        effect = effect + m.unresolved_effect * (issues.fixed_at == 3)
        effect += m.mismatch_effect * issues.mismatch
        return effect

    def healthy_experience(self, segment: int) -> tuple[Floats, Floats]:
        """The distinct experience effects of a segment under healthy service, and their probabilities."""
        m, s = self.model, self.model.segments[segment]
        resolves, effects, chances = np.array(m.resolves), [0.0], [1 - s.issue_rate]
        for t in range(len(TOPICS)):
            weights = np.array(s.routing) * np.array(m.ease)[:, t]
            for h in np.flatnonzero(weights):
                chance = s.issue_rate * m.topic_share[t] * weights[h] / weights.sum()
                later = resolves[OWNER if h == OWNER else HUMAN, t]
                goes_on = m.escalates[h] + (1 - m.escalates[h]) * m.returns[h]
                fixed = resolves[h, t] + (1 - resolves[h, t]) * goes_on * (
                    later + (1 - later) * m.returns[HUMAN] * later
                )
                effect = m.topic_effect[t] + m.mismatch_effect * (h not in s.accepts)
                effects += [effect, effect + m.unresolved_effect]
                chances += [chance * fixed, chance * (1 - fixed)]
        return np.array(effects), np.array(chances)

    def _leaves(self, customer: Ints, x: Floats) -> Bools:
        """Whether the customer leaves after each order (offices: would leave if a renewal came next)."""
        from scipy.special import ndtr, ndtri

        w = self.model.churn_weight
        grid = np.linspace(-9, 6, 6001)
        score = np.empty_like(x)
        segment = self.segment[customer]
        for s in range(len(self.model.segments)):
            effects, chances = self.healthy_experience(s)
            rank = ndtr((grid[:, None] - effects) / EXPERIENCE_NOISE) @ chances
            rows = segment == s
            score[rows] = np.interp(x[rows], grid, ndtri(np.clip(rank, 1e-15, 1 - 1e-15)))
        other = self.rng("leaves").standard_normal(len(x))
        threshold = ndtri(self.dropout)[customer]
        leaves: Bools = w * score + np.sqrt(1 - w**2) * other < threshold
        return leaves

    def _end_contracts(self, drop_day: Floats, customer: Ints, day: Floats, leaves: Bools) -> None:
        """Set the day on which a contract is not renewed: the last delivery before a renewal decides."""
        quarter = np.floor((day - self.joined[customer]) / QUARTER_DAYS)
        next_quarter = np.append(quarter[1:], -1.0)
        last_of_quarter = (np.append(customer[1:], -1) != customer) | (next_quarter != quarter)
        renewal = self.joined[customer] + (quarter + 1) * QUARTER_DAYS
        rows = np.flatnonzero(self.contract[customer] & last_of_quarter & leaves & (renewal < self.end))
        np.minimum.at(drop_day, customer[rows], renewal[rows])

    # -- messages, and the orders they cause -------------------------------------------------------------------------

    def _draw_messages(self) -> None:
        parts = []
        for i, month in enumerate(range(self.months // 2, self.months, 2)):
            at = self.start + pd.DateOffset(months=month) + pd.Timedelta(days=9)
            day = float((at - self.start).days)
            rng = self.rng(f"campaign {i}")
            u = rng.random((self.n, 6))
            rows = np.flatnonzero((self.joined < day) & self.consent & (day < self.end))
            parts.append((rows, np.full(len(rows), i), np.full(len(rows), day + 0.25), u[rows]))
        self.m_customer = np.concatenate([p[0] for p in parts])
        self.m_campaign = np.concatenate([p[1] for p in parts])
        self.m_day = np.concatenate([p[2] for p in parts])
        u = np.concatenate([p[3] for p in parts])
        self.m_treated, self.m_personal, self.m_u = u[:, 0] < 0.5, u[:, 1] < 0.5, u[:, 2:]
        uplift = np.where(self.m_personal, self.by_segment("personalised_uplift")[self.m_customer],
                          self.by_segment("message_uplift")[self.m_customer])  # fmt: skip
        alive = self.m_day < self.drop_day[self.m_customer]
        self.m_causes = self.m_treated & alive & (self.m_u[:, 0] < uplift)

    def _merge_orders(self) -> None:
        base = self.orders
        rows = np.flatnonzero(self.m_causes)
        customer = self.m_customer[rows]
        day = self.m_day[rows] + 10 * self.m_u[rows, 1]
        inside = (day < self.end) & (day < self.drop_day[customer])
        customer, day = customer[inside], day[inside]
        shape = self.by_segment("p")[customer]
        amount = self.rng("caused_amount").gamma(shape) * (self.mean_spend / self.by_segment("p"))[customer]
        none = np.full(len(customer), -1, dtype=np.int64)
        merged = _Orders(
            np.concatenate([base.customer, customer]),
            np.concatenate([base.day, day]),
            np.concatenate([base.issue, none]),
            np.concatenate([base.caused, np.ones(len(customer), bool)]),
            np.concatenate([base.amount, amount]),
        )
        by = np.argsort(merged.customer * _KEY + merged.day, kind="stable")
        self.orders = o = _Orders(*(getattr(merged, k)[by] for k in ("customer", "day", "issue", "caused", "amount")))
        _, self.first, self.counts = np.unique(o.customer, return_index=True, return_counts=True)
        self.issues.order = np.full(len(self.issues.day), -1, dtype=np.int64)
        has = np.flatnonzero(o.issue >= 0)
        self.issues.order[o.issue[has]] = has

    # -- the loyalty programme ---------------------------------------------------------------------------------------

    def _price_orders(self) -> None:
        """Apply the programme's lifts, year by year, because last year's spend decides who is gold."""
        o, m = self.orders, self.model
        at = self.moment(o.day)
        year = at.astype("datetime64[Y]").astype(int)
        late_in_year = at.astype("datetime64[M]").astype(int) % 12 >= 9
        enrolled = o.day >= self.enrolled[o.customer]
        gold = np.zeros(self.n, bool)
        for y in np.unique(year):
            tops_up = self.rng(f"tops_up {y}").random(self.n) < m.points_pressure
            rows = np.flatnonzero(year == y)
            who = o.customer[rows]
            amount = o.amount[rows] * (1 + m.loyalty_lift * enrolled[rows]) * (1 + m.gold_lift * gold[who])
            amount = np.maximum(np.round(amount, 2), 0.01)
            counted = amount * enrolled[rows]
            _, first, counts = np.unique(who, return_index=True, return_counts=True)
            before = _running_sum(counted, first, counts) - counted
            short = m.gold_threshold_eur - (before + amount)
            near = np.flatnonzero((short > 0) & (short <= 30) & enrolled[rows] & late_in_year[rows] & tops_up[who])
            near = near[np.unique(who[near], return_index=True)[1]]
            amount[near] = np.ceil((m.gold_threshold_eur - before[near]) * 100) / 100
            o.amount[rows] = amount
            year_spend = np.bincount(who, amount * enrolled[rows], minlength=self.n)
            self.gold_now, gold = gold, year_spend >= m.gold_threshold_eur - 0.005

    def _book_points(self) -> None:
        """Redeem first in, first out: within a customer, points used so far are a single running number.

        Lots expire in the sequence in which they were earned, so what expires by day ``t`` is whatever of the points
        earned by ``t - 365`` has not been used; one pass over the order number suffices.
        """
        o, n_orders = self.orders, len(self.orders.day)
        enrolled = o.day >= self.enrolled[o.customer]
        goodwill = np.zeros(n_orders)
        rows = np.flatnonzero(o.issue >= 0)
        defect = self.issues.topic[o.issue[rows]] == TOPICS.index("defect")
        given = self.rng("goodwill").random(len(self.issues.day))[o.issue[rows]] < 0.5
        goodwill[rows[defect & given & enrolled[rows]]] = 50
        # Points come from the amount before the reward, so that earning does not wait for redeeming.
        earned = np.floor(o.amount) * enrolled
        lot = earned + goodwill
        total = _running_sum(lot, self.first, self.counts)
        key = o.customer * _KEY + o.day
        old = np.searchsorted(key, key - POINTS_EXPIRE_DAYS, side="right") - 1
        same = (old >= 0) & (o.customer[np.maximum(old, 0)] == o.customer)
        old_total = np.where(same, total[np.maximum(old, 0)], 0.0)
        wants = self.rng("redeems").random(n_orders) < 0.5
        redeemed, used_after = np.zeros(n_orders), np.zeros(n_orders)
        members = np.flatnonzero(total[self.first + self.counts - 1] > 0)
        row, left = self.first[members], self.counts[members]
        used = np.zeros(len(row))
        while len(row):
            used = np.maximum(used, old_total[row])
            balance = total[row] - lot[row] - used
            reward = np.floor(np.minimum(balance, o.amount[row] * 20) / 100) * 100
            redeemed[row] = np.where(wants[row] & (reward > 0), reward, 0.0)
            used = used + redeemed[row]
            used_after[row] = used
            left = left - 1
            row, used, left = row[left > 0] + 1, used[left > 0], left[left > 0]
        # A lot's own expiry: what of it is unused after the last order before that day.
        until = np.searchsorted(key, key + POINTS_EXPIRE_DAYS, side="left") - 1
        self.expired = np.clip(total - np.maximum(total - lot, used_after[until]), 0, lot)
        self.expired *= o.day + POINTS_EXPIRE_DAYS < self.end
        self.earned, self.goodwill, self.redeemed = earned, goodwill, redeemed
        o.discount = redeemed / 20

    # -- tables --------------------------------------------------------------------------------------------------------

    def company(self, wanted: tuple[str, ...]) -> Company:
        o = self.orders
        self.by_time = np.argsort(o.day, kind="stable")
        o.order_id = np.empty(len(o.day), dtype=np.int64)
        o.order_id[self.by_time] = np.arange(1, len(o.day) + 1)
        made = {name: getattr(self, f"{name}_table")() for name in TABLES if name in wanted}
        return Company(
            {name: made[name] for name in wanted},
            self.seed, self.scenario, self.start, self.ends_at, self.begins_at, self.model, self.survey_truth,
        )  # fmt: skip

    def customers_table(self) -> pd.DataFrame:
        n, spans = self.n, self.contract & (self.drop_day < np.inf)
        seen = self.enrolled < np.minimum(self.end, self.drop_day)
        home = _pick(self.rng("acquired_through").random(n), [0.35, 0.45, 0.20])
        through = np.select([self.has_owner, self.contract], [3, 1], home)
        nobody = ~self.has_owner if self.scenario != "impersonal" else np.ones(n, bool)
        return pd.DataFrame({
            "customer_id": np.arange(1, n + 1),
            "joined_at": self.moment(self.joined),
            "account": _enum(self.business, ["private", "business"]),
            "acquired_through": _enum(through, ["shop", "web", "referral", "account_manager"]),
            "language": _enum(self.german, ["en", "de"]),
            "age_group": _enum(np.where(self.business, -1, self.age), ["18-34", "35-54", "55+"]),
            "plan": _enum(self.contract, ["none", "contract"]),
            "contract_started_at": self.date_or_none(np.where(self.contract, self.joined, np.inf)),
            "contract_ended_at": self.date_or_none(np.where(spans, self.drop_day, np.inf)),
            "account_owner": _names("owner", self.owner, nobody),
            "consent": self.consent,
            "loyalty_arm": _enum(self.arm, ["invited", "holdout", "not_eligible"]),
            "enrolled_at": self.date_or_none(np.where(seen, self.enrolled, np.inf)),
            "tier": _enum(np.where(seen, 1 + self.gold_now, 0), ["none", "member", "gold"]),
        })  # fmt: skip

    def orders_table(self) -> pd.DataFrame:
        o, rows = self.orders, self.by_time
        late = np.zeros(len(o.day), bool)
        has = o.issue >= 0
        late[has] = self.issues.topic[o.issue[has]] == TOPICS.index("delivery")
        channels = np.array([s.channels for s in self.model.segments])[self.segment[o.customer]]
        channel = _pick(self.rng("order_channel").random(len(o.day)), channels)
        channel = np.where(o.caused | (late & (channel == 0)), 1, channel)
        channel = np.where(self.contract[o.customer], 3, channel)
        category = _pick(self.rng("category").random(len(o.day)), [0.86, 0.08, 0.06])
        category = np.where(self.business[o.customer], 0, category)
        days = np.where(late, self.rng("late_days").integers(4, 10, len(o.day)),
                        self.rng("delivery_days").integers(1, 4, len(o.day)))  # fmt: skip
        taken_home = channel == 0
        share = np.where(self.business[o.customer], 0.34, 0.45)
        margin = np.round(o.amount * share - 1.5 * ~taken_home - o.discount, 2)
        frame = pd.DataFrame({
            "order_id": o.order_id,
            "customer_id": o.customer + 1,
            "ordered_at": self.moment(o.day),
            "channel": _enum(channel, ["shop", "web", "account_manager", "subscription"]),
            "category": _enum(category, ["beans", "equipment", "gift"]),
            "amount_eur": o.amount,
            "discount_eur": o.discount,
            "margin_eur": margin,
            "delivery_days": _nullable(days, taken_home),
        })  # fmt: skip
        return frame.iloc[rows].reset_index(drop=True)

    def contacts_table(self) -> pd.DataFrame:
        """Up to three contacts an issue, and the account reviews that the company begins."""
        issues, model = self.issues, self.model
        own = np.flatnonzero(issues.order >= 0)
        rng = self.rng("contact_times")
        start = issues.day[own] + rng.gamma(2.0, 1.2, len(own))
        back = rng.random((len(own), 2))
        second = start + np.where(issues.escalated[own], 0.02, 0.5 + 5.5 * back[:, 0])
        days = np.column_stack([start, second, second + 1 + 5 * back[:, 1]])
        handler = np.where(issues.handler[own] == OWNER, OWNER, HUMAN)
        handlers = np.column_stack([issues.handler[own], handler, handler])
        row, step = np.nonzero(np.arange(3) < issues.contacts[own][:, None])
        h, topic, day = handlers[row, step], issues.topic[own][row], days[row, step]
        fixed = issues.fixed_at[own][row] == step
        passed_on = issues.escalated[own][row] & (step == 0)
        recorded = self.rng("recorded").random(len(row)) < np.array(model.falsely_resolved)[h]
        channel = self._contact_channels(h)
        changed_channel = np.append(False, channel[1:] != channel[:-1]) & (step > 0)
        again = self.rng("repeated").random(len(row)) < np.where(changed_channel, 0.6, 0.2) * (step > 0)
        mismatch = issues.mismatch[own][row] & (step == 0)
        asked = (self.rng("requested").random(len(row)) < 0.15 + 0.25 * mismatch) & (h == BOT)
        who = issues.customer[own][row]
        latent = (
            4.1 + 0.5 * self.mood[who] - 1.1 * ~fixed - 0.4 * mismatch - 0.4 * again
            + 0.6 * self.rng("contact_mood").standard_normal(len(row))
        )  # fmt: skip
        order = issues.order[own][row]
        review_who, review_day = self._reviews()
        n_reviews = len(review_who)
        owned = self.has_owner[review_who]

        def both(of_issues: npt.NDArray[Any], of_reviews: npt.ArrayLike) -> npt.NDArray[Any]:
            return np.concatenate([of_issues, np.broadcast_to(of_reviews, n_reviews)])

        h = both(h, np.where(owned, OWNER, HUMAN))
        who, day, topic = both(who, review_who), both(day, review_day), both(topic, len(TOPICS))
        channel = both(channel, np.where(owned & (review_who % 3 == 0), 4, 0))
        wait = np.select([h == SELF, h == BOT, channel == 0], [0.0, 0.1, 4.0], 180.0)
        wait = np.round(wait * self.rng("wait").gamma(2.0, 0.5, len(h)), 1) * both(np.ones(len(row)), 0)
        minutes = np.array([4.0, 5.0, 9.0, 8.0, 10.0, 14.0, 25.0])[topic] * np.where(h == OWNER, 1.2, 1.0)
        minutes *= self.rng("handle_minutes").gamma(4.0, 0.25, len(h)) * ((h == HUMAN) | (h == OWNER))
        minutes = np.round(minutes, 1)
        cost = np.array([0.10, 0.45, 0.50, 0.15, 0.50])[h] + minutes * np.where(h == OWNER, 0.90, 0.60)
        agent = np.where(h == OWNER, self.owner[who], self.rng("agent").integers(0, max(6, self.n // 250), len(h)))
        agents = _names("agent", agent, h != HUMAN)
        agents[h == OWNER] = _names("owner", agent, h != OWNER)[h == OWNER]

        keep = np.flatnonzero(day < self.end)
        keep = keep[np.argsort(day[keep], kind="stable")]
        self.contact_id = np.arange(1, len(keep) + 1)
        self.contact_customer, self.contact_day = who[keep], day[keep]
        self.contact_latent = both(latent, np.nan)[keep]
        self.contact_repeated = both(again, False)[keep]
        kind, score, lag, _ = self._contact_surveys()
        unanswered = ~((kind == 1) & np.isfinite(lag))
        none = both(np.zeros(len(row), bool), True)
        return pd.DataFrame({
            "contact_id": self.contact_id,
            "customer_id": who[keep] + 1,
            "order_id": _nullable(both(self.orders.order_id[order], 0)[keep], none[keep]),
            "issue_id": _nullable(both(own[row] + 1, 0)[keep], none[keep]),
            "started_at": self.moment(day[keep]),
            "initiated_by": _enum(none[keep], ["customer", "company"]),
            "channel": _enum(channel[keep], ["phone", "email", "chat", "web", "shop", "forum"]),
            "topic": _enum(topic[keep], [*TOPICS, "account_review"]),
            "handled_by": _enum(np.where(h == OWNER, HUMAN, h)[keep], HANDLERS[:4]),
            "agent": agents.iloc[keep].reset_index(drop=True),
            "requested_person": both(asked, False)[keep],
            "repeated_story": self.contact_repeated,
            "resolved": both(fixed | (~passed_on & recorded), True)[keep],
            "escalated_to": _enum(np.where(both(passed_on, False), 0, -1)[keep], ["human"]),
            "wait_minutes": wait[keep],
            "handle_minutes": minutes[keep],
            "cost_eur": np.round(cost, 2)[keep],
            "csat": _nullable(score, unanswered),
        })  # fmt: skip

    def _contact_channels(self, handler: Ints) -> Ints:
        """Codes of phone, email, chat, web, shop, forum; where a handler can be met at all."""
        met_at = np.array([
            [0, 0, 0, 1, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0.5, 0.35, 0.1, 0, 0.05, 0],
            [0, 0, 0, 0, 0, 1],
            [0.6, 0.3, 0, 0, 0.1, 0],
        ])  # fmt: skip
        return _pick(self.rng("contact_channel").random(len(handler)), met_at[handler])

    def _reviews(self) -> tuple[Ints, Floats]:
        """Account reviews: owners see their cafes about every 45 days, somebody rings the offices every 120."""
        every = np.where(self.has_owner, 45.0, np.where(self.contract, 120.0, np.inf))
        until = np.minimum(self.end, self.drop_day + 45)
        if self.scenario == "impersonal":
            until = np.minimum(until, self.begins)
        counts = np.maximum(np.ceil((until - self.joined) / every) - 1, 0).astype(np.int64)
        who = np.repeat(np.arange(self.n, dtype=np.int64), counts)
        number = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
        jitter = self.rng("reviews").uniform(-5, 5, len(who))
        day = self.joined[who] + (number + 1) * every[who] + jitter
        return who[day < until[who]], day[day < until[who]]

    def _contact_surveys(self) -> tuple[Ints, Ints, Floats, Floats]:
        """For each contact: survey kind (0 none, 1 CSAT, 2 CES), score, days to the answer, and chance of one."""
        n = len(self.contact_id)
        u = self.rng("contact_survey").random((n, 2))
        latent = np.nan_to_num(self.contact_latent, nan=4.1)
        kind = np.where(np.isnan(self.contact_latent) | (u[:, 0] > 0.35), 0, np.where(u[:, 0] < 0.21, 1, 2))
        lag = 0.05 + self.rng("contact_answer_lag").exponential(1.2, n)
        willing = _logistic(-0.9 + 0.5 * (latent - 4.1))
        answers = (u[:, 1] < willing) & (self.contact_day + lag < self.end)
        csat = np.clip(np.round(latent), 1, 5)
        ces = np.clip(np.round(5.2 + 1.2 * (latent - 4.1) - 0.8 * self.contact_repeated), 1, 7)
        in_time = -np.expm1(-np.maximum(self.end - self.contact_day - 0.05, 0.0) / 1.2)
        lag = np.where(answers, lag, np.inf)
        return kind, np.where(kind == 1, csat, ces).astype(np.int64), lag, willing * in_time

    def feedback_table(self) -> pd.DataFrame:
        if not hasattr(self, "contact_id"):
            self.contacts_table()
        nps = self._nps()
        kind, score, lag, chance = self._contact_surveys()
        sent = np.flatnonzero(kind > 0)
        answered = self.contact_day[sent] + lag[sent]
        who = np.concatenate([nps["customer"], self.contact_customer[sent]])
        day = np.concatenate([nps["day"], self.contact_day[sent] + 0.02])
        answered = np.concatenate([nps["answered"], answered])
        kind = np.concatenate([np.zeros(len(nps["day"]), np.int64), kind[sent]])
        score = np.concatenate([nps["score"], score[sent]])
        contact = np.concatenate([np.zeros(len(nps["day"]), np.int64), self.contact_id[sent]])
        ratings = np.concatenate([nps["ratings"], np.full((len(sent), 4), -1)])
        is_nps, missing = kind == 0, ~np.isfinite(answered)
        unhappy = ~missing & np.select([is_nps, kind == 1], [score <= 6, score <= 2], score <= 3)
        happy = ~missing & np.select([is_nps, kind == 1], [score >= 9, score >= 4], score >= 6)
        theme = np.concatenate([nps["theme"], np.full(len(sent), DIMENSIONS.index("service"))])
        comment = self._comments(who, theme, np.select([unhappy, happy], [0, 2], 1), missing)

        ignored = (self.scenario == "ignored_feedback") & (day >= self.begins)
        replies = np.where(unhappy, 0.85, 0.30) * np.where(ignored, 0.3, 1.0)
        replied = self.rng("replies").random(len(day)) < replies
        usual_hours = np.select([ignored, unhappy], [160.0, 20.0], 60.0)
        hours = usual_hours * np.exp(self.rng("reply_hours").normal(0.0, 0.9, len(day)))
        replied_at = np.where(replied & ~missing, answered + hours / 24, np.inf)
        closed_at = replied_at + 4.0 * np.exp(self.rng("close_days").normal(0.0, 0.8, len(day)))
        owner = self.rng("feedback_owner").integers(0, max(6, self.n // 250), len(day))
        frame = pd.DataFrame({
            "customer_id": who + 1,
            "contact_id": _nullable(contact, is_nps),
            "kind": _enum(kind, ["NPS", "CSAT", "CES"]),
            "sent_at": self.moment(day),
            "answered_at": self.moment_or_none(answered),
            "score": _nullable(score, missing),
            **{f"rating_{d}": _nullable(ratings[:, i], missing | ~is_nps) for i, d in enumerate(DIMENSIONS)},
            "comment": comment,
            "replied_at": self.moment_or_none(replied_at),
            "closed_at": self.moment_or_none(closed_at),
            "owner": _names("agent", owner, missing | ~(unhappy | replied)),
        })  # fmt: skip
        rows = np.flatnonzero(day < self.end)
        rows = rows[np.argsort(day[rows], kind="stable")]
        frame = frame.iloc[rows].reset_index(drop=True)
        frame.insert(0, "feedback_id", np.arange(1, len(frame) + 1))
        chance = np.concatenate([nps["chance"], chance[sent]])[rows]
        self.survey_truth = frame[["feedback_id"]].assign(score=score[rows], chance=chance)
        return frame

    def _nps(self) -> dict[str, npt.NDArray[Any]]:
        """Two NPS surveys a year to every customer; the score follows the last order's issue, if it is recent."""
        per_customer = int(np.ceil(self.end / 182))
        who = np.repeat(np.arange(self.n, dtype=np.int64), per_customer)
        number = np.tile(np.arange(per_customer), self.n)
        rng = self.rng("nps_times")
        day = np.repeat(rng.uniform(30, 150, self.n), per_customer) + self.joined[who] + 182.0 * number
        day += rng.uniform(-14, 14, len(day))
        u_answer, lag = rng.random(len(day)), rng.exponential(2.0, len(day))
        noise = self.rng("nps_dimensions").standard_normal((len(day), len(DIMENSIONS)))
        last_noise = self.rng("nps_noise").standard_normal(len(day))
        sent = day < self.end
        who, day, u_answer, lag = who[sent], day[sent], u_answer[sent], lag[sent]
        d = 0.5 * self.mood[who][:, None] + 0.7 * noise[sent]
        o = self.orders
        last = np.searchsorted(o.customer * _KEY + o.day, who * _KEY + day, side="right") - 1
        issue = np.where(day - o.day[last] < 120, o.issue[last], -1)
        has = issue >= 0
        i, topic = np.maximum(issue, 0), np.full(len(issue), -1)
        if len(self.issues.topic):
            topic[has] = self.issues.topic[i[has]]
            d[:, 2] -= np.where(has, (self.issues.fixed_at[i] == 3) + 0.8 * self.issues.mismatch[i], 0.0)
        for name, column, drop in (("delivery", 0, 1.6), ("defect", 1, 1.2), ("billing", 3, 0.8)):
            d[:, column] -= drop * (topic == TOPICS.index(name))
        after = day >= self.begins
        d[:, 2] -= (0.8 * (after & self.business[who])) if self.scenario == "impersonal" else 0.0
        d[:, 2] -= (0.3 * after) if self.scenario == "ignored_feedback" else 0.0
        latent = d @ np.array([self.model.drivers[k] for k in DIMENSIONS]) + 0.6 * last_noise[sent]
        reach = np.array([-0.4, 0.0, 0.4, 0.2, 0.3])[self.segment[who]] - 1.2 * (day > self.drop_day[who])
        reach += np.where(self.business[who], 0.0, np.array([-0.3, 0.0, 0.3])[self.age[who]])
        willing = _logistic(-0.6 + self.model.response_slope * latent + reach)
        answers = (u_answer < willing) & (day + lag < self.end)
        # Price is on everybody's lips: it is mentioned more often than it matters.
        mentioned = d - np.array([0.0, 0.0, 0.0, 0.8])
        low = latent < -1.5
        return {
            "customer": who,
            "day": day,
            "answered": np.where(answers, day + lag, np.inf),
            "chance": willing * -np.expm1(-(self.end - day) / 2.0),
            "score": np.clip(np.round(7.7 + latent), 0, 10).astype(np.int64),
            "ratings": np.clip(np.round(3.9 + 0.85 * d), 1, 5).astype(np.int64),
            "theme": np.where(low, mentioned.argmin(axis=1), d.argmax(axis=1)),
        }

    def _comments(self, who: Ints, theme: Ints, mood: Ints, missing: Bools) -> pd.Series:
        """About half of those who answer write something, in their language; see `crkit._comments`."""
        from crkit._comments import LANGUAGES, MOODS, pool

        rng = self.rng("comments")
        text = np.full(len(who), None, dtype=object)
        writes = (rng.random(len(who)) < np.array([0.65, 0.35, 0.40])[mood]) & ~missing
        choice = rng.random(len(who))
        for language, in_words in enumerate(LANGUAGES):
            for m in range(len(MOODS)):
                for t in range(len(DIMENSIONS)):
                    rows = np.flatnonzero(writes & (self.german[who] == language) & (mood == m) & (theme == t))
                    known = pool(in_words, DIMENSIONS[t], MOODS[m])["comment"].to_numpy(object)
                    text[rows] = known[(choice[rows] * len(known)).astype(int)]
        return pd.Series(text, dtype="str")

    def points_table(self) -> pd.DataFrame:
        o = self.orders
        parts = []
        for code, booked, lag, expires in (
            (0, self.earned, 0.0, True),
            (1, -self.redeemed, 0.0, False),
            (2, -self.expired, float(POINTS_EXPIRE_DAYS), False),
            (3, self.goodwill, 0.0, True),
        ):
            rows = np.flatnonzero(booked)
            day = o.day[rows] + lag
            lapses = day + POINTS_EXPIRE_DAYS if expires else np.full(len(rows), np.nan)
            parts.append((o.customer[rows], day, np.full(len(rows), code), booked[rows], o.order_id[rows], lapses))
        who, day, kind, points, order, lapses = (np.concatenate(column) for column in zip(*parts, strict=True))
        # Points are redeemed on an order before that order's own points are added.
        by = np.lexsort((np.array([1, 0, 2, 3])[kind], who, day))
        lapse_at = self.moment(np.nan_to_num(lapses))
        lapse_at[np.isnan(lapses)] = np.datetime64("NaT")
        frame = pd.DataFrame({
            "customer_id": who + 1,
            "booked_at": self.moment(day),
            "kind": _enum(kind, ["earn", "redeem", "expire", "adjust"]),
            "points": points.astype(np.int64),
            "order_id": _nullable(order, np.equal(kind, 2)),
            "expires_at": lapse_at,
        }).iloc[by].reset_index(drop=True)  # fmt: skip
        frame.insert(0, "entry_id", np.arange(1, len(frame) + 1))
        return frame

    def messages_table(self) -> pd.DataFrame:
        sent = self.m_treated
        opens = sent & (self.m_u[:, 2] < np.where(self.m_personal, 0.45, 0.33))
        clicks = opens & (self.m_u[:, 3] < 0.2)
        leaves = sent & (self.rng("unsubscribes").random(len(sent)) < 0.006 + 0.02 * self.business[self.m_customer])
        hours = self.rng("opens_after").exponential(0.5, len(sent))
        months = [self.start + pd.DateOffset(months=m) for m in range(self.months // 2, self.months, 2)]
        by = np.lexsort((self.m_customer, self.m_day))
        # Cycles through the kinds, campaign by campaign.
        kind = self.m_campaign % 3
        frame = pd.DataFrame({
            "customer_id": self.m_customer + 1,
            "campaign": pd.Series(np.array([f"{m:%Y-%m}" for m in months], dtype=object)[self.m_campaign], dtype="str"),
            "kind": _enum(kind, ["newsletter", "offer", "social"]),
            "variant": _enum(self.m_personal, ["generic", "personalised"]),
            "arm": _enum(~sent, ["treatment", "control"]),
            "assigned_at": self.moment(self.m_day),
            "opened_at": self.moment_or_none(np.where(opens, self.m_day + hours, np.inf)),
            "clicked_at": self.moment_or_none(np.where(clicks, self.m_day + hours + 0.005, np.inf)),
            "unsubscribed": leaves,
            "cost_eur": np.where(sent, np.where(self.m_personal, 0.08, 0.02), 0.0),
        }).iloc[by].reset_index(drop=True)  # fmt: skip
        frame.insert(0, "message_id", np.arange(1, len(frame) + 1))
        return frame

    def posts_table(self) -> pd.DataFrame:
        members = np.flatnonzero(self.helpfulness > 0)
        rng = self.rng("posts")
        until = np.minimum(self.end, self.drop_day)[members]
        counts = rng.poisson(0.02 * (until - self.joined[members]))
        asker = np.repeat(members, counts)
        asked = self.joined[asker] + rng.random(len(asker)) * (np.repeat(until, counts) - self.joined[asker])
        idea = rng.random(len(asker)) < 0.15
        topic = _pick(rng.random(len(asker)), [0.22, 0.26, 0.18, 0.1, 0.14, 0.1])

        replies = rng.poisson(np.where(idea, 0.0, 2.2))
        thread = np.repeat(np.arange(len(asker)), replies)
        weight = np.cumsum(self.helpfulness[members])
        drawn = np.searchsorted(weight, rng.random(len(thread)) * weight[-1]) if len(members) else thread
        helper = members[drawn]
        day = asked[thread] + rng.exponential(0.4, len(thread))
        there = (self.joined[helper] < day) & (day < np.minimum(self.end, self.drop_day[helper]))
        there &= helper != asker[thread]
        thread, helper, day = thread[there], helper[there], day[there]
        first = np.unique(thread, return_index=True)[1]
        accepted = np.zeros(len(thread), bool)
        accepted[first] = rng.random(len(first)) < 0.6

        who, at = np.concatenate([asker, helper]), np.concatenate([asked, day])
        kind = np.concatenate([np.where(idea, 2, 0), np.ones(len(helper), np.int64)])
        opened_by = np.concatenate([np.arange(len(asker)), thread])
        by = np.argsort(at, kind="stable")
        number = np.empty(len(by), np.int64)
        number[by] = np.arange(1, len(by) + 1)
        return pd.DataFrame({
            "post_id": np.arange(1, len(by) + 1),
            "customer_id": who[by] + 1,
            "thread_id": number[opened_by][by],
            "posted_at": self.moment(at[by]),
            "kind": _enum(kind[by], ["question", "answer", "idea"]),
            "accepted": np.concatenate([np.zeros(len(asker), bool), accepted])[by],
            "topic": _enum(topic[opened_by][by], ["grinding", "espresso", "filter", "water", "machines", "beans"]),
            "likes": rng.poisson(1.5, len(by)),
        })  # fmt: skip

    def truth_table(self) -> pd.DataFrame:
        segments = self.model.segments
        expects = np.array([RELATIONSHIPS.index(s.expects) for s in segments])
        lift = np.where(self.enrolled < np.minimum(self.end, self.drop_day), self.model.loyalty_lift, 0.0)
        return pd.DataFrame({
            "customer_id": np.arange(1, self.n + 1),
            "segment": _enum(self.segment, [s.name for s in segments]),
            "expected_relationship": _enum(expects[self.segment], RELATIONSHIPS),
            "buying_rate": np.round(self.rate, 6),
            "dropout_probability": np.round(self.dropout, 6),
            "mean_spend_eur": np.round(self.mean_spend, 2),
            "loyalty_lift": lift,
            "message_uplift": self.by_segment("message_uplift"),
            "personalised_uplift": self.by_segment("personalised_uplift"),
            "forum_member": self.helpfulness > 0,
            "helpfulness": np.round(self.helpfulness, 3),
            "dropped_at": self.moment_or_none(self.drop_day),
            "alive_at_end": self.drop_day >= self.end,
        })  # fmt: skip
