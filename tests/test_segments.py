"""Segments: one row per customer in any engine, scores, clusters, and whether they hold."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crkit import segments

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

ENGINES = ["pandas", "polars", "polars lazy", "pyarrow", "duckdb"]


def to_engine(frame: pd.DataFrame, engine: str) -> Any:
    if engine == "pandas":
        return frame
    table = pl.from_pandas(frame)
    if engine == "polars":
        return table
    if engine == "polars lazy":
        return table.lazy()
    if engine == "pyarrow":
        return table.to_arrow()
    return duckdb.from_arrow(table.to_arrow())


def to_pandas(result: Any) -> pd.DataFrame:
    if isinstance(result, pl.LazyFrame):
        result = result.collect()
    if isinstance(result, duckdb.DuckDBPyRelation):
        return result.df()
    return result if isinstance(result, pd.DataFrame) else result.to_pandas()


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
