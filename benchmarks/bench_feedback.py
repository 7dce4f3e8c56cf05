"""How long it takes to bootstrap a score: 100,000 answers, 1,000 draws, at most a second.

Run with ``python benchmarks/bench_feedback.py``. The plain ways are timed in the same run: numpy draws each answer
anew, and pandas draws each customer anew and looks up the answers. Prints medians; ends with status 1 if the target is
missed, if our way is not at least ten times as fast as the plain one, or if the two give other standard errors.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from crkit import feedback as fb

TARGET_S = 1.0
FASTER = 10.0
ANSWERS, DRAWS, RUNS = 100_000, 1_000, 5


def answers() -> pd.DataFrame:
    """Customers who answer once to four times, in a mood of their own."""
    rng = np.random.default_rng(0)
    who = np.sort(rng.integers(0, int(ANSWERS / 1.6), ANSWERS))
    mood = rng.standard_normal(who.max() + 1)[who]
    score = np.clip(np.round(8 + mood + rng.standard_normal(ANSWERS)), 0, 10).astype(int)
    return pd.DataFrame({"customer_id": who, "score": score})


def ours(table: pd.DataFrame, draws: int) -> float:
    return float(fb.bootstrap(fb.scores(table), draws=draws)["se"][0])


def plain_numpy(table: pd.DataFrame, draws: int) -> float:
    """Every answer drawn anew, as if each were another customer's."""
    rng = np.random.default_rng(1)
    score = table["score"].to_numpy()
    found = []
    for _ in range(draws):
        drawn = score[rng.integers(0, len(score), len(score))]
        found.append(100 * ((drawn >= 9).mean() - (drawn <= 6).mean()))
    return float(np.std(found, ddof=1))


def plain_pandas(table: pd.DataFrame, draws: int) -> float:
    """Every customer drawn anew, with all answers."""
    rows = table.groupby("customer_id").indices
    ids = np.array(list(rows))
    rng = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        at = np.concatenate([rows[i] for i in ids[rng.integers(0, len(ids), len(ids))]])
        drawn = table["score"].iloc[at]
        found.append(100 * ((drawn >= 9).mean() - (drawn <= 6).mean()))
    return float(np.std(found, ddof=1))


def timed(work: Callable[..., float], *given: Any, runs: int = RUNS) -> tuple[float, float]:
    """Median seconds, and the result."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        found = work(*given)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), found


def main() -> int:
    table = answers()
    ours(table, 10)
    failed = False
    cases: list[tuple[str, pd.DataFrame, Callable[..., float], int]] = [
        ("answers, against numpy", table.drop(columns="customer_id"), plain_numpy, 200),
        ("customers with their answers, against pandas", table, plain_pandas, 20),
    ]
    for name, given, plain, few in cases:
        seconds, se = timed(ours, given, DRAWS)
        slow, other = timed(plain, given, few, runs=1)
        slow *= DRAWS / few
        # the error of an error from so many draws is 1 / sqrt(2 draws)
        agree = abs(se / other - 1) < 4 / np.sqrt(2 * few)
        good = seconds <= TARGET_S and slow / seconds >= FASTER and agree
        failed |= not good
        print(
            f"{'ok  ' if good else 'MISS'} {ANSWERS:,} answers, {DRAWS:,} draws of {name}: {seconds:.3f} s against "
            f"{slow:.1f} s ({slow / seconds:.0f} times; the plain way timed with {few} draws), standard error {se:.4f} "
            f"against {other:.4f}, target {TARGET_S:.0f} s"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
