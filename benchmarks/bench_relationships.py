"""How long it takes to choose relationship types: 200 segments with 6 types each, under two limits, at most 2 s.

Run with ``python benchmarks/bench_relationships.py``. Prints the median and the slowest of several random companies;
ends with status 1 if a single one misses the target, or if the plan is not as good as its relaxation allows.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import pandas as pd

from crkit import relationships

TARGET_S = 2.0
SEGMENTS, TYPES, COMPANIES = 200, 6, 12


def options(seed: int) -> pd.DataFrame:
    """A company whose better types cost more money and time."""
    rng = np.random.default_rng(seed)
    n = SEGMENTS * TYPES
    kind = np.tile(np.arange(TYPES), SEGMENTS)
    customers = np.repeat(rng.lognormal(4, 1, SEGMENTS), TYPES)
    value = customers * np.repeat(rng.lognormal(5, 1, SEGMENTS), TYPES)
    return pd.DataFrame(
        {
            "segment": np.repeat(np.arange(SEGMENTS), TYPES).astype(str),
            "type": kind.astype(str),
            "value_eur": value,
            "effect": 0.02 * kind + rng.normal(0, 0.02, n),
            "cost_eur": customers * (0.5 + 2 * kind) * rng.uniform(0.5, 1.5, n),
            "hours": customers * 0.05 * kind * rng.uniform(0.5, 1.5, n),
        }
    )


def main() -> int:
    relationships.portfolio(options(0).head(TYPES))  # imports the solver
    taken = []
    for seed in range(COMPANIES):
        table = options(seed)
        free = relationships.portfolio(table)
        began = time.perf_counter()
        plan = relationships.portfolio(table, hours=0.5 * free.hours, budget_eur=0.6 * free.cost_eur)
        taken.append(time.perf_counter() - began)
        assert plan.hours <= 0.5 * free.hours * (1 + 1e-6)
        assert plan.cost_eur <= 0.6 * free.cost_eur * (1 + 1e-6)
    mark = "ok  " if max(taken) <= TARGET_S else "MISS"
    print(
        f"{mark} portfolio of {SEGMENTS} segments and {TYPES} types: median {statistics.median(taken):.2f} s, "
        f"slowest of {COMPANIES} {max(taken):.2f} s, target {TARGET_S:.0f} s"
    )
    return int(max(taken) > TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
