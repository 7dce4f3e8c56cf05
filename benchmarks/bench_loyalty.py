"""How long the books of 1 and 10 million entries take, how much memory, and how that compares with plain pandas.

Run with ``python benchmarks/bench_loyalty.py``; give a number of entries to end with another than 10 million. Each
figure is from a process of its own on one thread: seconds of the processor, so that a busy machine does not count, and
peak memory of the whole process (``resource``), the ledger included. The plain pandas way is a loop over the groups of
customers with a queue each, on a slice that it can finish.
Ends with status 1 if 10 times the entries take more than 15 times as long, or the loop is not slower.
"""

from __future__ import annotations

import os

# Threads are counted when a library is imported, so this has to come first: hence the late imports.
# ruff: noqa: E402
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[_name] = "1"

import json
import resource
import subprocess
import sys
import time
from collections import deque
from typing import Any

import numpy as np
import pandas as pd

from crkit import loyalty

SLICE = 200_000
GROWTH = 15.0
WAYS = {
    "keep_books": "keep_books, pandas: lots, uses, balances",
    "untidy": "keep_books, one customer in ten through the queue",
    "pandas": "balances, pandas",
    "polars": "balances, Polars",
    "duckdb": "balances, DuckDB",
    "loop": "plain pandas: groupby and a queue a customer",
}


def entries(n: int, *, untidy: float = 0.0) -> pd.DataFrame:
    """A ledger of three years: 20 entries a customer, of which 12 earn; points last a year."""
    rng = np.random.default_rng(0)
    n_customers = max(n // 20, 1)
    customer = rng.integers(0, n_customers, n)
    day = np.sort(rng.integers(0, 1096, n))
    earns = rng.random(n) < 0.6
    points = np.where(earns, rng.integers(10, 120, n), 0)
    # nobody takes more than a third of what they earned so far
    by = np.argsort(customer, kind="stable")
    total = np.cumsum(points[by])
    first = np.searchsorted(customer[by], customer[by])
    so_far = np.empty(n, dtype=np.int64)
    so_far[by] = total - np.concatenate([[0], total])[first]
    year = np.empty(n, dtype=np.int64)
    key = customer[by] * 4096 + day[by]
    old = np.concatenate([[0], total])[np.searchsorted(key, key - 330, side="left").clip(min=first)]
    year[by] = total - old
    points = np.where(earns, points, -(np.minimum(so_far, year) // 12))
    moment = np.datetime64("2023-01-01", "s") + day.astype("timedelta64[D]")
    last = np.where(earns, moment + np.timedelta64(365, "D"), np.datetime64("NaT"))
    if untidy:
        early = earns & (customer < untidy * n_customers) & (rng.random(n) < 0.2)
        last = np.where(early, moment + np.timedelta64(30, "D"), last)
    kind = pd.Categorical.from_codes(np.where(earns, 0, 1), ["earn", "redeem"])
    return pd.DataFrame(
        {
            "entry_id": np.arange(n),
            "customer_id": customer,
            "booked_at": moment,
            "kind": kind,
            "points": points,
            "expires_at": last.astype("datetime64[s]"),
        }
    )


def loop(table: pd.DataFrame) -> int:
    """What one would write first: a queue of lots for each customer."""
    held = 0
    end = table["booked_at"].max()
    for _, own in table.sort_values(["booked_at", "points"], ascending=[True, False]).groupby("customer_id"):
        queue: deque[list[Any]] = deque()
        for row in own.itertuples():
            while queue and queue[0][0] < row.booked_at:
                queue.popleft()
            if row.points > 0:
                queue.append([row.expires_at, row.points])
            left = -min(row.points, 0)
            while left and queue:
                part = min(left, queue[0][1])
                queue[0][1] -= part
                left -= part
                if not queue[0][1]:
                    queue.popleft()
        held += sum(points for last, points in queue if last > end)
    return held


def measured(way: str, n: int) -> dict[str, float]:
    """Seconds, peak memory and the points that are held, of one way in this process."""
    table: Any = entries(n, untidy=0.1 if way == "untidy" else 0.0)
    if way in ("polars", "duckdb"):
        import polars as pl

        table = pl.from_pandas(table.assign(kind=table["kind"].astype("str")))
    if way == "duckdb":
        import duckdb

        connection = duckdb.connect()
        connection.execute("set threads = 1")
        connection.register("ledger", table)
        connection.execute("create table entries as select * from ledger")
        table = connection.table("entries")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    if way == "loop":
        held = loop(table)
    elif way in ("keep_books", "untidy"):
        held = loyalty.keep_books(table, expiry="derived").outstanding
    else:
        held = int(loyalty.balances(table, expiry="derived")["balance"].sum())
    taken = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": taken, "before_mb": before / 1024, "peak_mb": peak / 1024, "held": held}


def in_a_process(way: str, n: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", way, str(n)], check=True, capture_output=True, text=True, env=os.environ
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> int:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2], int(sys.argv[3]))))
        return 0
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    missed = False
    per_entry = {}
    for way, what in WAYS.items():
        sizes = (SLICE,) if way == "loop" else (SLICE, most // 10, most)
        found = {n: in_a_process(way, n) for n in sizes}
        for n, one in found.items():
            print(
                f"     {what:<50} {n:>10,} entries: {one['seconds']:7.2f} s, peak {one['peak_mb']:6,.0f} MB "
                f"(with the ledger alone {one['before_mb']:6,.0f}), {one['held']:,.0f} points held"
            )
        per_entry[way] = found[SLICE]["seconds"], found[SLICE]["held"]
        if way != "loop":
            growth = found[most]["seconds"] / found[most // 10]["seconds"]
            missed |= growth > GROWTH
            print(
                f"{'ok  ' if growth <= GROWTH else 'MISS'} {what:<50} 10 times the entries: {growth:.1f} times as long"
            )
    for way in ("keep_books", "pandas", "polars", "duckdb"):
        ratio = per_entry["loop"][0] / per_entry[way][0]
        same = per_entry["loop"][1] == per_entry[way][1]
        missed |= ratio <= 1 or not same
        mark = "ok  " if ratio > 1 and same else "MISS"
        print(
            f"{mark} {WAYS[way]:<50} {ratio:6.1f} times as fast as the loop on {SLICE:,} entries, same points: {same}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
