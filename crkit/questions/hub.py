"""The questions of the lesson on the Hub: is every relationship in the register complete, aligned and owned?"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from crkit import hub, hub_checks
from crkit.grouping import segment_of, visible_segments
from crkit.intervals import share
from crkit.questions.core import Misconception, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from crkit.datasets import Source

NEEDS = ("contacts", "customers.account")
SEGMENT = "cafes"
DAYS = 182
TARGET = 0.85
HANDLERS = ("self", "bot", "human", "community")


@functools.lru_cache(maxsize=8)
def _log(source: Source) -> pd.DataFrame:
    """The contact log with each customer's segment."""
    members = segment_of(visible_segments(source["customers"]))
    return source["contacts"].assign(segment=source["contacts"]["customer_id"].map(members))


def _begun(log: pd.DataFrame) -> pd.DataFrame:
    return log[log["initiated_by"] == "customer"]


def _late(source: Source, segment: str = SEGMENT) -> pd.DataFrame:
    """The segment's part of the log in its last days."""
    log = _log(source)
    since: pd.Timestamp = log["started_at"].max() - pd.Timedelta(days=DAYS)
    return log[(log["started_at"] >= since) & (log["segment"] == segment)]


def _asked(source: Source) -> pd.DataFrame:
    return _begun(_late(source))


def _human(log: pd.DataFrame) -> tuple[int, int]:
    return int((log["handled_by"] == "human").sum()), len(log)


def _share(log: pd.DataFrame) -> float:
    people, cases = _human(log)
    return people / max(cases, 1)


def _whole(source: Source) -> pd.DataFrame:
    log = _begun(_log(source))
    return log[log["segment"] == SEGMENT]


# ---- 4.1 what is missing in a record


def _count(record: dict[str, Any], *, keys_only: bool = False, present: bool = False) -> int:
    missing = [name for name in hub.COMPONENTS if (name not in record if keys_only else not record.get(name))]
    return len(hub.COMPONENTS) - len(missing) if present else len(missing)


def _with_loop(_: Source) -> Callable[..., int]:
    def missing(record: dict[str, Any]) -> int:
        number = 0
        for name in hub.COMPONENTS:
            if name not in record or len(record[name]) == 0:
                number = number + 1
        return number

    return missing


def _records(_: Source) -> list[tuple[Any, ...]]:
    full = dict.fromkeys(hub.COMPONENTS, "something")
    return [
        ({},),
        (full,),
        ({"segments": ["cafes"], "channels": [], "interaction_type": ""},),
        ({**full, "owner": "Ada", "partners": []},),
        ({"id": "R9", "name": "Advice", "status": "active", "costs": ["wages"]},),
    ]


# ---- 4.2, 4.6 who deals with whom


def _handlers(source: Source, *, topic: str = "order_status") -> pd.Series:
    log = _begun(_log(source))
    log = log[(log["segment"] == "homes") & (log["topic"].astype(str).str.contains(topic))]
    return log["handled_by"].astype(str).value_counts().reindex(list(HANDLERS), fill_value=0)


def _most(source: Source) -> str:
    return str(_handlers(source).idxmax())


def _least(source: Source) -> str:
    return str(_handlers(source).idxmin())


def _table(source: Source, *, begun: bool = True, whole: bool = False) -> pd.DataFrame:
    log = _log(source)
    log = _begun(log) if begun else log
    counts = pd.crosstab(log["segment"], log["handled_by"].astype(str)).reindex(columns=list(HANDLERS), fill_value=0)
    shares = counts / counts.to_numpy().sum() if whole else counts.div(counts.sum(axis=1), axis=0)
    return shares.reset_index()


# ---- 4.4, 4.5 how sure


def _lower(source: Source) -> float:
    return share(*_human(_asked(source))).lower


def _wald(source: Source, z: float = 1.959964) -> float:
    people, cases = _human(_asked(source))
    share = people / max(cases, 1)
    return share - z * math.sqrt(share * (1 - share) / max(cases, 1))


def _scipy_lower(source: Source) -> float:
    from scipy.stats import binomtest

    return float(binomtest(*_human(_asked(source))).proportion_ci(method="wilson").low)


def _verdict(source: Source) -> str:
    return hub.verdict(share(*_human(_asked(source))), TARGET)


def _other_verdict(source: Source) -> str:
    return {"met": "missed", "missed": "met", "cannot tell": "met"}[_verdict(source)]


# ---- 4.Q1, 4.Q2


def _largest(source: Source) -> int:
    return int(_accounts_each(source).max()) if len(_accounts_each(source)) else 0


def _accounts_each(source: Source) -> pd.Series:
    return source["customers"]["account_owner"].value_counts()


def _overdue(source: Source, days: float = 91.0, *, begun: bool = False, anybody: bool = False) -> float:
    """Share of offices with whom no person spoke in the last ``days`` days of the log."""
    log, members = _log(source), segment_of(visible_segments(source["customers"]))
    offices = members.index[members == "offices"]
    talks = log[((log["handled_by"] == "human") | anybody) & ((log["initiated_by"] == "customer") | (not begun))]
    spoken = talks.groupby("customer_id")["started_at"].max().reindex(offices)
    late = (log["started_at"].max() - spoken) > pd.Timedelta(days=days)
    return float((late | spoken.isna()).mean())


QUESTIONS = (
    Question(
        name="4.1",
        title="What a record lacks",
        ask=(
            "Write a function that takes one record as a mapping and returns how many of the ten related components "
            "(the keys of hub.COMPONENTS) it lacks. A component is lacking if it is not there, or there and empty."
        ),
        kind="function",
        cases=_records,
        solve=lambda _: _count,
        points=2,
        needs=(),
        means="A link that is missing is a question that nobody has asked yet.",
        hints=(
            "Go through hub.COMPONENTS, and look each name up in the record.",
            "record.get(name) is None where there is nothing; None, empty text and an empty list all count as false.",
        ),
        misconceptions=(
            Misconception(
                "an empty list is there",
                lambda _: lambda record: _count(record, keys_only=True),
                "This counts a component as linked when its field is there and empty. Nothing is linked then.",
            ),
            Misconception(
                "counts the links",
                lambda _: lambda record: _count(record, present=True),
                "These are the links that are there. Those that are lacking were asked for.",
            ),
            Misconception(
                "counts every field",
                lambda _: lambda record: 10 - sum(1 for value in record.values() if value),
                "A record has other fields too, such as id and owner. Look only at the ten components.",
            ),
        ),
        alternatives=(_with_loop,),
        wrong=(lambda _: lambda _record: 0, lambda _: lambda record: str(_count(record)), lambda _: 10),
    ),
    Question(
        name="4.2",
        title="Who answers where an order is",
        ask=(
            "Who deals with most of the contacts that the homes begin to ask where an order is (topic order_status): "
            "self, bot, human or community?"
        ),
        kind="choice",
        choices=HANDLERS,
        solve=_most,
        needs=NEEDS,
        means="One segment meets more than one relationship: it depends on the matter. A record may say which.",
        hints=(
            "Keep the contacts of the homes that the customer began, and of these the ones on that topic.",
            "Count handled_by with value_counts().",
        ),
        misconceptions=(
            Misconception(
                "as the register says",
                lambda _: "self",
                "The register says so. Count what the log says.",
            ),
            Misconception(
                "every topic",
                lambda source: str(_handlers(source, topic="").idxmax()),
                "So it is over all topics, as in the figure. Keep the topic order_status.",
            ),
        ),
        alternatives=(lambda source: _most(source).upper(),),
        wrong=(_least, lambda _: "nobody", lambda _: 1),
    ),
    Question(
        name="4.3",
        title="The promise to the cafes, lately",
        ask=(
            f"Which share of the contacts that cafes began in the last {DAYS} days of the contact log did a person "
            "deal with? Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=1e-4,
        solve=lambda source: _share(_asked(source)),
        needs=NEEDS,
        means="Dedicated personal assistance is promised: every contact below 100 % met something else.",
        hints=(
            "initiated_by says who began the contact; the table segments says whose it is.",
            "The end is the last started_at of the whole log. The mean of a column of True and False is a share.",
        ),
        misconceptions=(
            Misconception(
                "the company's own calls too",
                lambda source: _share(_late(source)),
                "This counts the account reviews too, which the company began. They say what it plans, not what a "
                "customer in need meets.",
            ),
            Misconception(
                "all customers",
                lambda source: _share(pd.concat([_begun(_late(source, one)) for one in ("cafes", "offices", "homes")])),
                "This is the share over all customers. Keep the cafes.",
            ),
            Misconception(
                "the whole log",
                lambda source: _share(_whole(source)),
                "This is the share over the whole log, as in the figure. Keep its last days: they say how it is now.",
            ),
        ),
        alternatives=(
            lambda source: pd.Series([_share(_asked(source))]),
            lambda source: (
                _asked(source)["handled_by"].astype(str).value_counts(normalize=True).reindex(list(HANDLERS))["human"]
            ),
        ),
        wrong=(lambda source: 1 - _share(_asked(source)) + 0.01, lambda _: 1.0),
    ),
    Question(
        name="4.4",
        title="How sure is it",
        ask=(
            "What is the lower end of the 95 % interval, after Wilson, of the share in question 4.3: the contacts that "
            f"cafes began in the last {DAYS} days, and that a person dealt with? intervals.share takes the number of "
            "contacts that a person dealt with and the number of all. Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=2e-5,
        solve=_lower,
        needs=NEEDS,
        means="With other contacts of the same kind, the share would be hardly ever below this.",
        hints=(
            "Count first: how many contacts did the cafes begin in those days, and with how many of them did a person "
            "deal?",
            "intervals.share(people, cases) gives an interval with the parts share, lower, upper and cases.",
        ),
        misconceptions=(
            Misconception(
                "upper end",
                lambda source: share(*_human(_asked(source))).upper,
                "This is the upper end. The lower one is asked for.",
            ),
            Misconception(
                "normal approximation",
                _wald,
                "This is the textbook interval, share minus 1.96 standard errors. It is too optimistic near 0 and 1, "
                "and with few cases; use the one of Wilson.",
            ),
            Misconception(
                "with the company's own calls",
                lambda source: share(*_human(_late(source))).lower,
                "This counts the contacts too that the company began. Leave them out, as in 4.3.",
            ),
            Misconception(
                "the whole log",
                lambda source: share(*_human(_whole(source))).lower,
                "This is for the whole log. Keep its last days, as in 4.3: there are fewer cases, and less is sure.",
            ),
        ),
        alternatives=(_scipy_lower,),
        wrong=(lambda source: _share(_asked(source)), lambda source: _lower(source) - 0.01),
    ),
    Question(
        name="4.5",
        title="Is the target met",
        ask=(
            f"The sales director proposes a lower target for the cafes: a person deals with {TARGET:.0%} of the "
            f"contacts that they begin. By the last {DAYS} days, as in 4.3 and 4.4: is it met, is it missed, or can "
            "nobody tell? Answer 'met', 'missed' or 'cannot tell'. It is met if all of the 95 % interval is at or "
            "above the target, missed if all of it is below; with fewer than "
            f"{hub_checks.FEW_CONTACTS} contacts nobody can tell."
        ),
        kind="choice",
        choices=("met", "missed", "cannot tell"),
        solve=_verdict,
        needs=NEEDS,
        means="A target without an interval is met or missed by luck as soon as the cases are few.",
        hints=(
            "Compare both ends of the interval with the target.",
            "hub.verdict does it for one interval and one target.",
        ),
        misconceptions=(
            Misconception(
                "as the record says",
                lambda _: "met",
                "The record says that it stands above the target. Hold the interval from the log against it.",
            ),
            Misconception(
                "by the share alone",
                lambda source: "met" if _share(_asked(source)) >= TARGET else "missed",
                "This compares the share alone with the target. On which side of it are both ends of the interval?",
            ),
        ),
        alternatives=(lambda source: f" {_verdict(source).title()} ",),
        wrong=(_other_verdict, lambda _: "nearly", lambda _: True),
    ),
    Question(
        name="4.6",
        title="Who really deals with whom",
        ask=(
            "Make a table with one row for each segment and the columns self, bot, human and community: which share of "
            "the contacts that the segment's customers began did each deal with?"
        ),
        kind="table",
        share=True,
        keys=("segment",),
        relative=0,
        absolute=1e-4,
        points=2,
        solve=_table,
        needs=NEEDS,
        means="One row is what one kind of customer meets. Hold each against what the register says of it.",
        hints=(
            "pandas.crosstab counts two columns against each other, and normalize= makes shares of the counts.",
            "Each row must add up to one: normalize='index'.",
        ),
        misconceptions=(
            Misconception(
                "shares of the whole",
                lambda source: _table(source, whole=True),
                "These are shares of all contacts together. Each segment's row must add up to one.",
            ),
            Misconception(
                "the company's own calls too",
                lambda source: _table(source, begun=False),
                "This counts what the company began as well. Keep the contacts that the customer began.",
            ),
        ),
        alternatives=(
            lambda source: _table(source).set_index("segment"),
            lambda source: _table(source).iloc[::-1][["community", "human", "bot", "self", "segment"]],
        ),
        wrong=(lambda source: _table(source).head(1), lambda source: _table(source).drop(columns="bot"), lambda _: 1),
    ),
    Question(
        name="4.Q1",
        title="How many accounts has one manager",
        ask="How many customers does the account owner with the most customers look after?",
        kind="number",
        relative=0,
        solve=_largest,
        needs=("customers.account_owner",),
        means="A named person with too many names is nobody's person. It belongs into the record, as a metric.",
        hints=(
            "account_owner is empty where nobody looks after the customer.",
            "value_counts() counts each owner's customers; the largest comes first.",
        ),
        misconceptions=(
            Misconception(
                "counts the owners",
                lambda source: len(_accounts_each(source)),
                "This is the number of account owners. The customers of one of them were asked for.",
            ),
            Misconception(
                "all owned customers",
                lambda source: int(_accounts_each(source).sum()),
                "These are the customers of all account owners together. Count them owner by owner.",
            ),
            Misconception(
                "the mean",
                lambda source: float(_accounts_each(source).mean()),
                "This is the mean over the account owners. The one with the most customers was asked for.",
            ),
        ),
        alternatives=(
            lambda source: source["customers"].groupby("account_owner").size().max() if _largest(source) else 0.0,
        ),
        wrong=(lambda source: _largest(source) + 1, lambda _: -1),
    ),
    Question(
        name="4.Q2",
        title="Whom nobody spoke with",
        ask=(
            "The record promises the offices a talk every quarter. With which share of the offices did no person speak "
            "in the last 91 days of the contact log? Offices with whom nobody ever spoke count too. Who began the "
            "contact does not matter. Give a share between 0 and 1."
        ),
        kind="number",
        share=True,
        relative=0,
        absolute=1e-4,
        points=2,
        solve=_overdue,
        needs=NEEDS,
        means="Some of these have left, and some are about to: the record should say who rings them up.",
        hints=(
            "The end is the last started_at of the whole log, not of the offices.",
            "Take each office's last contact with handled_by human, and reindex by all offices: the others have none.",
        ),
        misconceptions=(
            Misconception(
                "without the company's own calls",
                lambda source: _overdue(source, begun=True),
                "This leaves out the talks that the company began. They keep the promise too: count them.",
            ),
            Misconception(
                "spoken with",
                lambda source: 1 - _overdue(source),
                "Turned round: this is the share with whom somebody did speak.",
            ),
            Misconception(
                "whoever dealt with it",
                lambda source: _overdue(source, anybody=True),
                "This counts every contact as a talk, with the bot and self-service too. Keep those that a person "
                "dealt with.",
            ),
        ),
        alternatives=(lambda source: float(round(_overdue(source), 6)),),
        wrong=(lambda source: _overdue(source) + 0.01, lambda _: 2.0),
    ),
)
