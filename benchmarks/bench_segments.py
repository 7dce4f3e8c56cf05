"""How fast purchase histories and the BG/NBD fit are, against their peers in the same run.

Run with ``python benchmarks/bench_segments.py``. Everything runs on one thread; each figure is the median of several
runs, taken in turns so that a busy moment hits all alike. Ends with status 1 if a target is missed.
"""

from __future__ import annotations

import os

# Threads are counted when a library is imported, so this has to come first: hence the late imports.
# ruff: noqa: E402
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[_name] = "1"

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from crkit import clv, datasets, segments

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import summary_data_from_transaction_data

END = "2025-12-31"
QUERY = """
    select customer_id,
           count(*) - 1 as frequency,
           (max(day) - min(day))::double as recency,
           (date '2025-12-31' - min(day))::double as T,
           case when count(*) > 1 then (sum(money) - arg_min(money, day)) / (count(*) - 1) else 0 end as monetary_value
    from (select customer_id, ordered_at::date as day, sum(amount_eur) as money from orders group by all)
    group by customer_id
"""


class Target(NamedTuple):
    """A ratio that has to be reached."""

    what: str
    ours: float
    peer: float
    at_least: float  # how many times as fast as the peer

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer."""
        return self.peer / self.ours

    def line(self) -> str:
        """One line of the report."""
        mark = "ok  " if self.ratio >= self.at_least else "MISS"
        return (
            f"{mark} {self.what:<58} {1000 * self.ours:8.1f} ms against {1000 * self.peer:8.1f} ms: "
            f"{self.ratio:6.2f} times as fast, target {self.at_least:.2f}"
        )


def medians(runs: int, *functions: Callable[[], Any]) -> list[float]:
    """Median seconds of each function, run in turns."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(runs):
        for function, taken in zip(functions, times, strict=True):
            began = time.perf_counter()
            function()
            taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in times]


def orders(rows: int = 1_000_000, customers: int = 100_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 730 * 86_400, rows)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, customers, rows),
            "ordered_at": np.datetime64("2024-01-01T00:00:00") + seconds.astype("timedelta64[s]"),
            "amount_eur": rng.gamma(2.0, 10.0, rows).round(2),
        }
    )


def population(n: int = 100_000) -> pd.DataFrame:
    """Customers who buy and leave as BG/NBD says, joined over one year and observed for two, in days."""
    rng = np.random.default_rng(1)
    age = rng.integers(365, 730, n).astype(float)
    rate, leaving = rng.gamma(0.6, 1 / 30.0, n), rng.beta(0.8, 6.0, n)
    now, frequency, recency, alive = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, dtype=bool)
    while alive.any():
        now = now + rng.exponential(1.0, n) / rate
        bought = alive & (now <= age)
        day = np.ceil(now)
        frequency += bought & (day > recency) & (day <= age)
        recency = np.where(bought & (day <= age), day, recency)
        alive = bought & (rng.random(n) > leaving)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age})


def arrow(relation: duckdb.DuckDBPyRelation) -> Any:
    return relation.to_arrow_table()


def summaries(runs: int) -> list[Target]:
    frame = orders()
    polars = pl.from_pandas(frame)
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.register("frame", frame)

    def in_lifetimes() -> Any:
        return summary_data_from_transaction_data(
            frame, "customer_id", "ordered_at", "amount_eur", observation_period_end=END
        )

    def in_pandas() -> Any:
        return segments.rfm_summary(frame, observation_end=END)

    def duckdb_on_pandas() -> Any:
        return connection.sql(QUERY.replace("from orders", "from frame")).df()

    ours, plain = medians(runs, in_pandas, duckdb_on_pandas)
    slow, ours_again = medians(3, in_lifetimes, in_pandas)
    targets = [
        Target("rfm_summary, pandas, against lifetimes", ours_again, slow, 5),
        Target("rfm_summary, pandas, against DuckDB on the same frame", ours, plain, 1 / 2),
    ]

    connection.execute("create table orders as select * from polars")
    relation = connection.table("orders")
    ours, hand = medians(
        runs,
        lambda: arrow(segments.rfm_summary(relation, observation_end=END)),
        lambda: arrow(connection.sql(QUERY)),
    )
    targets.append(Target("rfm_summary, DuckDB, against a hand-written query", ours, hand, 1 / 1.5))

    def polars_by_hand() -> Any:
        days = polars.lazy().group_by("customer_id", pl.col("ordered_at").dt.date().alias("day"))
        later = pl.col("amount_eur").sum() - pl.col("amount_eur").sort_by("day").first()
        customers = days.agg(pl.col("amount_eur").sum()).group_by("customer_id")
        repeats, first = pl.len().cast(pl.Int64) - 1, pl.col("day").min()
        return customers.agg(
            frequency=repeats,
            recency=(pl.col("day").max() - first).dt.total_days().cast(pl.Float64),
            T=(pl.date(2025, 12, 31) - first).dt.total_days().cast(pl.Float64),
            monetary_value=pl.when(repeats > 0).then(later / repeats).otherwise(0.0),
        ).collect()

    ours, hand = medians(runs, lambda: segments.rfm_summary(polars, observation_end=END), polars_by_hand)
    targets.append(Target("rfm_summary, Polars, against a hand-written query", ours, hand, 1 / 1.5))
    return targets


def fits(runs: int) -> list[Target]:
    cdnow = segments.rfm_summary(
        datasets.load("cdnow"), amount="amount_usd", observation_end="1997-09-30", unit="W"
    )  # fmt: skip
    targets = []
    for what, summary, at_least in (("CDNOW", cdnow, 10), ("100,000 customers", population(), 15)):
        columns = [summary[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T")]
        mine, theirs = [], []

        def in_lifetimes(columns: list[Any] = columns, kept: list[Any] = theirs) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kept.append(BetaGeoFitter().fit(*columns))

        def in_crkit(summary: pd.DataFrame = summary, kept: list[Any] = mine) -> None:
            kept.append(segments.fit_bg_nbd(summary))

        ours, slow = medians(runs, in_crkit, in_lifetimes)
        reached = mine[-1].log_likelihood
        found = theirs[-1].params_
        at = np.log([found[name] for name in ("r", "alpha", "a", "b")])
        peer = clv._bg_nbd(at, clv._collapse(*columns))[0]
        print(f"     log-likelihood on {what}: {reached:.3f}, lifetimes {peer:.3f}")
        if reached < peer - 1e-3:
            raise SystemExit(f"the fit on {what} is worse than that of lifetimes")
        targets.append(Target(f"fit_bg_nbd, {what}, against lifetimes", ours, slow, at_least))
    return targets


def main() -> int:
    targets = fits(5) + summaries(5)
    for target in targets:
        print(target.line())
    return int(any(target.ratio < target.at_least for target in targets))


if __name__ == "__main__":
    sys.exit(main())
