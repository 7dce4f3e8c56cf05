"""The data frames of the engines in which the kit's functions compute."""

from typing import Any

import duckdb
import pandas as pd
import polars as pl

ENGINES = ["pandas", "polars", "polars lazy", "pyarrow", "duckdb"]


def to_engine(frame: pd.DataFrame, engine: str) -> Any:
    """The same table as a frame of one of `ENGINES`."""
    if engine == "pandas":
        return frame
    table = pl.from_pandas(frame)
    if engine == "polars":
        return table
    if engine == "polars lazy":
        return table.lazy()
    return table.to_arrow() if engine == "pyarrow" else duckdb.from_arrow(table.to_arrow())


def to_pandas(result: Any) -> pd.DataFrame:
    """A frame of any engine as pandas."""
    if isinstance(result, pl.LazyFrame):
        result = result.collect()
    if isinstance(result, duckdb.DuckDBPyRelation):
        return result.df()
    return result if isinstance(result, pd.DataFrame) else result.to_pandas()
