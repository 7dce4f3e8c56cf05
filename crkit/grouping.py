"""The groups of customers that a company can see without any model."""

from __future__ import annotations

import numpy as np
import pandas as pd


def visible_segments(
    customers: pd.DataFrame, orders: pd.DataFrame | None = None, posts: pd.DataFrame | None = None, *, often: float = 60
) -> pd.DataFrame:
    """Group customers by what a company can see of them, without the planted truth.

    Firms with a contract are offices and the others cafes; homes are split by whether they write in the forum and, if
    not, by how often they order.

    Args:
        customers: one row a customer, with ``customer_id``, ``account``, ``plan``.
        orders: to tell frequent from rare; without them homes are one group.
        posts: to find who is in the forum.
        often: mean days between orders, counted over the whole time as a customer, up to which somebody orders often.

    Returns:
        One row a customer, in the order of ``customers``: ``customer_id``, ``segment``.
    """
    firm = (customers["account"] == "business").to_numpy()
    contract = (customers["plan"] == "contract").to_numpy()
    ids = customers["customer_id"]
    homes = np.full(len(customers), "homes", dtype=object)
    if orders is not None and len(orders):
        seen = orders.groupby("customer_id")["ordered_at"].agg(["min", "size"])
        days = (orders["ordered_at"].max() - seen["min"]).dt.total_seconds() / 86_400
        # a newcomer's first order says little about the pace: count a month at least
        gap = (days.clip(lower=30) / seen["size"]).reindex(ids).to_numpy()
        homes = np.where(gap <= often, "homes, often", "homes, rarely").astype(object)
    if posts is not None:
        homes[ids.isin(posts["customer_id"]).to_numpy()] = "homes in the forum"
    segment = np.where(firm & contract, "offices", np.where(firm, "cafes", homes))
    return pd.DataFrame({"customer_id": ids.to_numpy(), "segment": segment})


def segment_of(segments: pd.DataFrame) -> pd.Series:
    """The segment of each customer, with the customer's number as the index.

    Args:
        segments: one row a customer, with ``customer_id`` and ``segment``, such as `visible_segments` gives.

    Raises:
        ValueError: if a column is missing, or a customer is in it twice.
    """
    lacking = [name for name in ("customer_id", "segment") if name not in segments]
    if lacking:
        raise ValueError(f"segments have no column {lacking[0]!r}: give one row a customer, customer_id and segment")
    if segments["customer_id"].duplicated().any():
        twice = segments.loc[segments["customer_id"].duplicated(), "customer_id"].iloc[0]
        raise ValueError(f"customer {twice} is in segments twice: give one row a customer")
    return segments.set_index("customer_id")["segment"].astype(object)
