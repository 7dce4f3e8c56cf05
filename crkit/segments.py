"""Who our customers are, and what each is worth.

From an order table to one row per customer (`rfm_summary`, `rfm_table`), to segments (`rfm_scores`, `cluster`), to
value (`fit_bg_nbd`, `fit_gamma_gamma`, `fit_sbg`), and to the question whether any of it holds (`agreement`,
`holdout`, `tracking`). Functions that read orders accept any data frame that Narwhals reads and compute in its engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from crkit.clv import (
    BgNbd,
    ConvergenceError,
    DataError,
    GammaGamma,
    Sbg,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_sbg,
)

__all__ = [
    "BgNbd",
    "ConvergenceError",
    "DataError",
    "GammaGamma",
    "Sbg",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_sbg",
    "rfm_summary",
]

HOURS = {"D": 24, "W": 168, "h": 1}
"""The time units of `rfm_summary`, in hours."""


# ---------------------------------------------------------------------------------------------------------------------
# From orders to one row per customer
# ---------------------------------------------------------------------------------------------------------------------


class _Orders(NamedTuple):
    """An order table that has been looked at: nothing missing, no negative money, and the end of observation known."""

    frame: nw.LazyFrame[Any]
    native: Any
    eager: bool
    customer: str
    at: str
    amount: str
    zoned: bool
    end: pd.Timestamp
    beyond: bool  # whether there are orders after the end
    unit: str


def _open(orders: Any, customer: str, at: str, amount: str, observation_end: Any, unit: str) -> _Orders:
    if unit not in HOURS:
        raise ValueError(f"unit must be one of {', '.join(HOURS)}, not {unit!r}")
    frame = nw.from_native(orders)
    eager = isinstance(frame, nw.DataFrame)
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    for argument, name in (("customer", customer), ("at", at), ("amount", amount)):
        if name not in schema:
            raise DataError(f"orders have no column {name!r}: set {argument}= to one of {', '.join(schema)}")
    if not isinstance(schema[at], (nw.Datetime, nw.Date)):
        raise DataError(f"column {at!r} holds {schema[at]}, not dates: convert it, in pandas with pd.to_datetime")
    if not schema[amount].is_numeric():
        raise DataError(f"column {amount!r} holds {schema[amount]}, not numbers: convert it, e.g. with pd.to_numeric")
    money = nw.col(amount).cast(nw.Float64)
    seen = lazy.select(
        rows=nw.len(),
        customer=nw.col(customer).is_null().sum(),
        at=nw.col(at).is_null().sum(),
        amount=(money.is_null() | ~money.is_finite()).sum(),
        negative=(money < 0).sum(),
        last=nw.col(at).max(),
    ).collect()
    found = {name: seen[name][0] for name in seen.columns}
    if not found["rows"]:
        raise DataError("orders are empty: there is nobody to summarise")
    for name, column in (("customer", customer), ("at", at), ("amount", amount)):
        if found[name]:
            missing = money.is_null() | ~money.is_finite() if name == "amount" else nw.col(column).is_null()
            where = _first_rows(frame, missing)
            raise DataError(f"column {column!r} is missing in {found[name]} row(s){where}; set them aside or fill them")
    if found["negative"]:
        where = _first_rows(frame, money < 0)
        raise DataError(
            f"column {amount!r} is negative in {found['negative']} row(s){where}; a return is not a purchase: net it "
            "against its order, or set it aside"
        )
    last = pd.Timestamp(found["last"])
    last = last if last.tz is None else last.tz_localize(None)
    end = last if observation_end is None else pd.Timestamp(observation_end)
    if pd.isna(end):
        raise ValueError("observation_end is missing: give a date, or leave it out for the last order's")
    end = (end if end.tz is None else end.tz_localize(None)).floor("h" if unit == "h" else "D")
    zoned = isinstance(schema[at], nw.Datetime) and schema[at].time_zone is not None
    return _Orders(lazy, orders, eager, customer, at, amount, zoned, end, bool(last >= end + _step(unit)), unit)


def _first_rows(frame: Any, wrong: nw.Expr) -> str:
    """The numbers of the first wrong rows of an eager frame; lazy ones have no row numbers."""
    if not isinstance(frame, nw.DataFrame):
        return ""
    rows = np.flatnonzero(frame.select(wrong=wrong)["wrong"].to_numpy())[:3]
    return f", first at row {', '.join(map(str, rows))} (counted from 0)"


def _step(unit: str) -> pd.Timedelta:
    """The length of a purchase period."""
    return pd.Timedelta(hours=1 if unit == "h" else 24)


def _period(orders: _Orders) -> nw.Expr:
    """The purchase period of an order: its day, or its hour if the unit is hours."""
    at = nw.col(orders.at)
    if orders.zoned:
        at = at.dt.replace_time_zone(None)
    return at.cast(nw.Datetime("us")).dt.truncate("1h") if orders.unit == "h" else at.cast(nw.Date)


def _by_customer(orders: _Orders) -> nw.LazyFrame[Any]:
    """Per customer: periods with a purchase, first and last of them, money in all and in the first period."""
    rows = orders.frame.select(
        nw.col(orders.customer), _period=_period(orders), _money=nw.col(orders.amount).cast(nw.Float64)
    )
    if orders.beyond:
        end = orders.end.to_pydatetime() if orders.unit == "h" else orders.end.date()
        rows = rows.filter(nw.col("_period") <= nw.lit(end))
    return (
        rows.group_by(orders.customer, "_period")
        .agg(nw.col("_money").sum())
        .group_by(orders.customer)
        .agg(
            _periods=nw.len(),
            _first=nw.col("_period").min(),
            _last=nw.col("_period").max(),
            _total=nw.col("_money").sum(),
            _first_money=nw.col("_money").first(order_by="_period"),
        )
        .with_columns(nw.col("_periods").cast(nw.Int64), nw.col("_first", "_last").cast(nw.Datetime("us")))
    )


def _by_customer_pandas(orders: _Orders) -> pd.DataFrame:
    """The same as `_by_customer` in numpy, about three times as fast as a pandas group-by."""
    table: pd.DataFrame = orders.native
    at = table[orders.at]
    if orders.zoned:
        at = at.dt.tz_localize(None)
    stamp = at.to_numpy()
    resolution = np.datetime_data(stamp.dtype)[0]
    if resolution not in ("s", "ms", "us", "ns"):
        stamp, resolution = stamp.astype("datetime64[s]"), "s"
    hours = 1 if orders.unit == "h" else 24
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[resolution]
    period = stamp.view(np.int64) // (hours * 3600 * per_second)
    money = table[orders.amount].to_numpy(dtype=np.float64)
    ids = table[orders.customer]
    if orders.beyond:
        kept = period <= int(orders.end.timestamp()) // (hours * 3600)
        period, money, ids = period[kept], money[kept], ids[kept]
    codes, customers = pd.factorize(ids, sort=True)
    n = len(customers)
    low = int(period.min()) if n else 0
    span = int(period.max()) - low + 1 if n else 1
    period -= low
    key = np.sort(codes * np.int64(span) + period)
    distinct = key[np.concatenate([[True], key[1:] != key[:-1]])] if n else key
    member, when = np.divmod(distinct, span)
    starts = np.searchsorted(member, np.arange(n))
    counts = np.diff(starts, append=len(distinct))
    first = when[starts]
    total = np.bincount(codes, weights=money, minlength=n)
    in_first = np.bincount(codes, weights=np.where(period == first[codes], money, 0.0), minlength=n)
    frame = pd.DataFrame({orders.customer: customers})
    frame["_periods"] = counts.astype(np.int64)
    frame["_first"] = (first + low) * hours
    frame["_last"] = (when[starts + counts - 1] + low) * hours
    frame["_total"] = total
    frame["_first_money"] = in_first
    return frame


def rfm_summary(
    orders: Any,
    *,
    customer: str = "customer_id",
    at: str = "ordered_at",
    amount: str = "amount_eur",
    observation_end: Any = None,
    unit: str = "D",
) -> Any:
    """Sum up each customer's purchase history, in the definitions of the "buy till you die" literature (BTYD).

    Purchases on one day count as one. With ``unit="W"`` days still make the count, and times are divided by 7, as in
    the published work on CDNOW. With ``unit="h"`` clock hours take the place of days, for goods bought several times
    a day.

    Orders after ``observation_end`` do not count, and a customer whose first order comes later has no row. An order
    of 0 is a purchase. Negative amounts (returns) are refused, because netting them needs to know which order they
    belong to.

    Args:
        orders: one row per order, in pandas, Polars, PyArrow, DuckDB or another engine that Narwhals reads. A lazy
            frame is asked one small question first (is anything missing, which date is the last), then stays lazy.
        customer: the column that names the customer.
        at: the column with date or time of the order; with a time zone, that zone's calendar counts.
        amount: the column with its money.
        observation_end: the last day (hour) that counts, a date or text such as ``"2025-12-31"``. Default: that of
            the last order.
        unit: unit of ``recency`` and ``T``: ``"D"`` days, ``"W"`` weeks, ``"h"`` hours.

    Returns:
        One row per customer, in the engine of ``orders``; pandas rows are sorted by customer.

        * the customer column, named as in ``orders``
        * ``frequency``: days (hours) with a purchase after the first one
        * ``recency``: age at the last purchase, 0 for customers without a repeat purchase
        * ``T``: age at the end of observation; age counts from the first purchase
        * ``monetary_value``: mean money per repeat purchase day, the first day excluded; 0 without a repeat purchase

    Raises:
        DataError: if a column is missing or holds the wrong type, a value is missing, money is negative, or no order is
            left before ``observation_end``.

    Source: Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2).

    Example:
        >>> orders = pd.DataFrame({
        ...     "customer_id": [1, 1, 1, 2],
        ...     "ordered_at": pd.to_datetime(["2025-01-01", "2025-01-03", "2025-01-11", "2025-01-05"]),
        ...     "amount_eur": [10.0, 20.0, 40.0, 5.0],
        ... })
        >>> print(rfm_summary(orders).to_string(index=False))
         customer_id  frequency  recency    T  monetary_value
                   1          2     10.0 10.0            30.0
                   2          0      0.0  6.0             0.0
    """
    opened = _open(orders, customer, at, amount, observation_end, unit)
    hours = HOURS[unit]
    if isinstance(orders, pd.DataFrame):
        table = _by_customer_pandas(opened)
        _require_rows(len(table), opened)
        repeats = table["_periods"] - 1
        later = table["_total"] - table["_first_money"]
        end = int(opened.end.timestamp()) // 3600
        return pd.DataFrame(
            {
                customer: table[customer],
                "frequency": repeats,
                "recency": (table["_last"] - table["_first"]) / hours,
                "T": (end - table["_first"]) / hours,
                "monetary_value": np.where(repeats > 0, later / np.maximum(repeats, 1), 0.0),
            }
        )
    repeats_ = nw.col("_periods") - 1
    end_ = nw.lit(opened.end.to_pydatetime()).cast(nw.Datetime("us"))
    summary = _by_customer(opened).select(
        nw.col(customer),
        frequency=repeats_,
        recency=(nw.col("_last") - nw.col("_first")).dt.total_minutes() / (60 * hours),
        T=(end_ - nw.col("_first")).dt.total_minutes() / (60 * hours),
        monetary_value=nw.when(repeats_ > 0)
        .then((nw.col("_total") - nw.col("_first_money")) / repeats_)
        .otherwise(nw.lit(0.0)),
    )
    if not opened.eager:
        return summary.to_native()
    done = summary.collect()
    _require_rows(len(done), opened)
    return done.to_native()


def _require_rows(rows: int, orders: _Orders) -> None:
    if not rows:
        raise DataError(f"no order is left up to observation_end {orders.end.date()}: choose a later date")
