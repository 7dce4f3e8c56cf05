"""The two questions of the first notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    import pandas as pd

    from crkit.datasets import Source


def _orders_each(source: Source) -> pd.Series:
    return source["orders"].groupby("customer_id").size()


def _twice(source: Source) -> int:
    return int((_orders_each(source) >= 2).sum())


def _by_account(source: Source) -> pd.DataFrame:
    orders = source["orders"].merge(source["customers"][["customer_id", "account"]], on="customer_id")
    return orders.groupby("account", observed=True)[source.amount].agg(["sum", "mean", "size"])


def _most_revenue(source: Source) -> Any:
    return _by_account(source)["sum"].idxmax()


def _least_revenue(source: Source) -> Any:
    return _by_account(source)["sum"].idxmin()


QUESTIONS = (
    Question(
        name="0.1",
        title="Who came back",
        ask="How many customers placed two orders or more?",
        kind="number",
        solve=_twice,
        relative=0,
        means="These are the customers whose relationship can be seen in the data; the others bought once.",
        hints=(
            "Count the orders of each customer first: orders.groupby('customer_id').size().",
            "Then count the customers with enough orders; a column of True and False can be summed.",
        ),
        misconceptions=(
            Misconception(
                "counts exactly two",
                lambda source: int((_orders_each(source) == 2).sum()),
                "These customers ordered exactly twice. Two or more includes those who ordered three times.",
            ),
            Misconception(
                "counts more than two",
                lambda source: int((_orders_each(source) > 2).sum()),
                "These customers ordered more than twice. Two or more includes those who ordered exactly twice.",
            ),
            Misconception(
                "counts all customers",
                lambda source: len(_orders_each(source)),
                "These are all customers with an order. Count only those with a second one.",
            ),
            Misconception(
                "counts orders",
                lambda source: int((_orders_each(source) - 1).sum()),
                "This counts the orders after the first one. The question is how many customers placed them.",
            ),
        ),
        alternatives=(
            lambda source: np.int64(_twice(source)),
            lambda source: float(_twice(source)),
            lambda source: source["orders"]["customer_id"].value_counts().ge(2).sum(),
        ),
        wrong=(
            lambda source: _twice(source) + 1,
            lambda source: -_twice(source),
            lambda source: str(_twice(source)),
            lambda _: float("nan"),
            lambda _: True,
        ),
    ),
    Question(
        name="0.2",
        title="Where the money comes from",
        ask="Which type of account brings most revenue in total: private or business?",
        kind="choice",
        solve=_most_revenue,
        choices=("private", "business"),
        needs=("orders", "customers.account"),
        means="The number of customers says little about where the money comes from.",
        hints=(
            "The lesson has made a table of totals, with one row for each type of account.",
            "Compare the column revenue of its two rows.",
        ),
        misconceptions=(
            Misconception(
                "most customers",
                lambda source: source["customers"]["account"].value_counts().idxmax(),
                "Most customers have this type of account, but they do not bring most revenue. Sum up the amounts.",
            ),
        ),
        alternatives=(lambda source: f" {_most_revenue(source).upper()} ",),
        wrong=(_least_revenue, lambda _: "both", lambda _: 1),
    ),
)
