"""Which type of relationship fits which segment, and at what cost.

From a contact log to what customers really get (`contact_mix`, `last_spoken`, `expected_against_actual`), to whether it
helped them (`containment`, `compare_handlers`, `handoffs`), to what it costs (`cost_to_serve`, `profit_by_customer`,
`whale_curve`), and to a choice (`service_options`, `portfolio`, `explain_portfolio`, `automation_curve`). The six types
stand in `crkit.relationship_types`. Functions that read a contact log accept any data frame that Narwhals reads and
aggregate in its engine.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.ticker import FuncFormatter

from crkit import figures, relationship_types
from crkit.company import HANDLERS, MODEL, TOPICS, Model
from crkit.grouping import segment_of, visible_segments
from crkit.intervals import Interval, difference, weighted_share, wilson

__all__ = [
    "RATES",
    "Automation",
    "Comparison",
    "Explanation",
    "InfeasibleError",
    "Plan",
    "Rates",
    "Whale",
    "automation_curve",
    "compare_handlers",
    "contact_mix",
    "contact_outcomes",
    "containment",
    "cost_to_serve",
    "expected_against_actual",
    "explain_portfolio",
    "handoffs",
    "last_spoken",
    "matters",
    "planted",
    "plot_automation",
    "plot_comparison",
    "plot_containment",
    "plot_mix",
    "plot_portfolio",
    "plot_types",
    "plot_whale",
    "portfolio",
    "profit_by_customer",
    "resampled_options",
    "segment_table",
    "service_balance",
    "service_by_type",
    "service_options",
    "upkeep_in_log",
    "visible_segments",
    "whale_curve",
]

Floats = npt.NDArray[np.float64]

WINDOW_DAYS = 7.0
"""A customer who comes back on the same matter within these days was not helped."""
LEAST = 30
"""Fewer cases than this are marked as small."""
_PROVEN = 300  # options up to which the best plan is proven
_FINENESS = 1e6  # of the objective, so that the tolerances of the solver are a trillionth of its largest difference
_DAYS_A_YEAR = 365.25
_SHORT = {kind.id: kind.name for kind in relationship_types.types().values()}
_TYPE_OF = {kind.handled_by: kind.id for kind in relationship_types.types().values() if kind.handled_by}
_HANDLER_OF = {kind: handler for handler, kind in _TYPE_OF.items()}


class Rates(NamedTuple):
    """What a minute of work and a use of each tool cost, for time-driven costing (Kaplan and Anderson 2004).

    Attributes:
        minute_eur: a minute of somebody on duty: yearly cost divided by the minutes really worked.
        owner_minute_eur: a minute of an account owner.
        tool_eur: each contact's share of the tool, by handler.
    """

    minute_eur: float = 0.60
    owner_minute_eur: float = 0.90
    tool_eur: Mapping[str, float] = {"self": 0.10, "bot": 0.45, "human": 0.50, "community": 0.15}


RATES = Rates()


# ---------------------------------------------------------------------------------------------------------------------
# Opening a contact log, and the segments that a company can see
# ---------------------------------------------------------------------------------------------------------------------


def _open(contacts: Any, *needed: str) -> nw.LazyFrame[Any]:
    """The contact log as a lazy frame, after a look at its columns."""
    frame: nw.LazyFrame[Any] = nw.from_native(contacts).lazy()
    schema = frame.collect_schema()
    lacking = [name for name in needed if name not in schema]
    if lacking:
        raise ValueError(f"the contact log has no column {lacking[0]!r}; it has {', '.join(schema)}")
    if "started_at" in needed and not isinstance(schema["started_at"], nw.Datetime):
        raise ValueError(
            f"column 'started_at' holds {schema['started_at']}, not moments: convert it, in pandas with pd.to_datetime"
        )
    named = ("handled_by", "agent", "topic", "escalated_to", "channel", "initiated_by")
    texts = [name for name in named if name in schema]
    return frame.with_columns(nw.col(*texts).cast(nw.String)) if texts else frame


def _says_passed_on(contacts: Any) -> bool:
    return "escalated_to" in nw.from_native(contacts).lazy().collect_schema()


def _by_company() -> nw.Expr:
    """Contacts that the company began."""
    return (nw.col("initiated_by") == "company").fill_null(False)


def _pandas(frame: nw.LazyFrame[Any]) -> pd.DataFrame:
    return frame.collect().to_pandas().reset_index(drop=True)


def _last_moment(frame: nw.LazyFrame[Any]) -> pd.Timestamp:
    last = frame.select(nw.col("started_at").max()).collect()["started_at"][0]
    if pd.isna(last):
        raise ValueError("the contact log is empty: there is nothing to look at")
    return pd.Timestamp(last)


def _owners(customers: pd.DataFrame | None) -> pd.Series:
    """The named owner of each account that has one."""
    if customers is None or "account_owner" not in customers:
        return pd.Series(dtype="str")
    owned = customers.dropna(subset=["account_owner"])
    return owned.set_index("customer_id")["account_owner"].astype(str)


def _handler(table: pd.DataFrame, customers: pd.DataFrame | None) -> pd.Series:
    """Who handled it, with ``owner`` where the person is the one named for this account."""
    owners = _owners(customers)
    handler = table["handled_by"].astype(object)
    if owners.empty or "agent" not in table:
        return handler
    named = table["customer_id"].map(owners)
    return handler.where(~((handler == "human") & named.notna() & (table["agent"] == named)), "owner")


def _share(table: pd.DataFrame, count: str, of: str, name: str, level: float) -> pd.DataFrame:
    """Add a share with its Wilson interval, as three columns."""
    n = table[of].to_numpy(dtype=np.float64)
    table[name] = table[count].to_numpy(dtype=np.float64) / np.where(n > 0, n, np.nan)
    table[f"{name}_lower"], table[f"{name}_upper"] = wilson(table[count], table[of], level)
    return table


# ---------------------------------------------------------------------------------------------------------------------
# Which relationship each segment really gets
# ---------------------------------------------------------------------------------------------------------------------


def contact_mix(
    contacts: Any,
    segments: pd.DataFrame,
    *,
    customers: pd.DataFrame | None = None,
    least: int = LEAST,
    level: float = 0.95,
) -> pd.DataFrame:
    """The share of each type of relationship in the contacts that the customers of each segment began.

    What the company began, such as an account review, says what it planned, not what a customer met with a question
    of its own. The intervals take contacts as independent of each other.

    Args:
        contacts: one row a contact with ``customer_id`` and ``handled_by``; ``agent`` if it is known, and
            ``initiated_by`` (without it, every contact counts). Any engine.
        segments: one row a customer, with ``customer_id`` and ``segment``.
        customers: with ``account_owner``, to tell a named owner from somebody on duty.
        least: segments with fewer contacts are marked.
        level: of the intervals.

    Returns:
        One row per segment and type, zeros included:

        * ``segment``, ``type``
        * ``contacts``: of this type; ``of``: of the segment in all
        * ``share`` with ``share_lower`` and ``share_upper`` (Wilson 1927); the shares of a segment sum to 1
        * ``small``: whether the segment has fewer than ``least`` contacts

    Raises:
        ValueError: if a column is missing, or no contact belongs to a segment.

    Example:
        >>> log = pd.DataFrame({"customer_id": [1, 1, 2, 2], "handled_by": ["bot", "human", "bot", "bot"]})
        >>> groups = pd.DataFrame({"customer_id": [1, 2], "segment": ["a", "b"]})
        >>> mix = contact_mix(log, groups).set_index(["segment", "type"])["share"]
        >>> mix["a", "automated_services"].item(), mix["b", "automated_services"].item()
        (0.5, 1.0)
    """
    frame = _open(contacts, "customer_id", "handled_by")
    if "initiated_by" in frame.collect_schema():
        frame = frame.filter(~_by_company())
    keys = [name for name in ("customer_id", "handled_by", "agent") if name in frame.collect_schema()]
    # an engine may drop groups whose key is missing, and a bot has no agent
    known = frame.with_columns(nw.col("agent").fill_null("")) if "agent" in keys else frame
    counted = _pandas(known.group_by(keys).agg(contacts=nw.len()))
    counted["type"] = _handler(counted, customers).map(_TYPE_OF)
    if counted["type"].isna().any():
        unknown = counted.loc[counted["type"].isna(), "handled_by"].iloc[0]
        raise ValueError(f"column 'handled_by' holds {unknown!r}; known are self, bot, human and community")
    counted["segment"] = counted["customer_id"].map(segment_of(segments))
    sums = counted.dropna(subset=["segment"]).groupby(["segment", "type"])["contacts"].sum()
    if sums.empty:
        raise ValueError("no contact belongs to a customer of these segments: do the customer numbers agree?")
    every = pd.MultiIndex.from_product([sorted(sums.index.unique(0)), list(_HANDLER_OF)], names=["segment", "type"])
    table = sums.reindex(every, fill_value=0).astype("int64").reset_index()
    table["of"] = table.groupby("segment")["contacts"].transform("sum")
    table = _share(table, "contacts", "of", "share", level)
    table["small"] = table["of"] < least
    return table


def last_spoken(contacts: Any, *, as_of: Any = None) -> pd.DataFrame:
    """When a person last spoke with each customer.

    Args:
        contacts: one row a contact with ``customer_id``, ``handled_by``, ``started_at``. Any engine.
        as_of: from when to count back; default: the last contact of the log.

    Returns:
        One row a customer to whom a person has spoken: ``customer_id``, ``spoken_at``, ``days``. Customers who are
        not in it were never spoken to.

    Example:
        >>> log = pd.DataFrame({"customer_id": [1, 1], "handled_by": ["human", "bot"],
        ...     "started_at": pd.to_datetime(["2025-01-01", "2025-01-31"])})
        >>> last_spoken(log)["days"].tolist()
        [30.0]
    """
    frame = _open(contacts, "customer_id", "handled_by", "started_at")
    end = _last_moment(frame) if as_of is None else pd.Timestamp(as_of)
    spoken = frame.filter(nw.col("handled_by") == "human").group_by("customer_id")
    table = _pandas(spoken.agg(spoken_at=nw.col("started_at").max())).sort_values("customer_id", ignore_index=True)
    table["days"] = (end - table["spoken_at"]).dt.total_seconds() / 86_400
    return table


def expected_against_actual(
    contacts: Any,
    segments: pd.DataFrame,
    expected: Mapping[str, str],
    *,
    customers: pd.DataFrame | None = None,
    as_of: Any = None,
    least: int = LEAST,
    level: float = 0.95,
) -> pd.DataFrame:
    """For each segment: the type it expects, the type it gets most, and how personal it is.

    Args:
        contacts: the contact log, in any engine.
        segments: one row a customer, with ``customer_id`` and ``segment``.
        expected: the type that each segment expects, by segment; ids or names of `crkit.relationship_types`.
        customers: with ``account_owner``, to know who has a named owner.
        as_of: from when to count days back; default: the last contact of the log.
        least: segments with fewer contacts are marked.
        level: of the intervals.

    Returns:
        One row a segment that has contacts:

        * ``segment``, ``customers``, ``contacts`` (that customers began, as in `contact_mix`), ``small``
        * ``expected``, ``actual``: types; ``actual`` is the most frequent one in its contacts
        * ``agrees``: whether the two are the same
        * ``fits``: the share of contacts handled in a way that meets the expectation (``met_by`` of the type), with
          ``fits_lower`` and ``fits_upper``
        * ``named_owner``: the share of customers with a named owner; NaN if nobody says
        * ``days``: median days since a person last spoke with them, whoever began it, over those to whom one ever did
        * ``never``: the share of customers to whom no person ever spoke
    """
    mix = contact_mix(contacts, segments, customers=customers, least=least, level=level)
    spoken = last_spoken(contacts, as_of=as_of).set_index("customer_id")["days"]
    of = segment_of(segments)
    rows = []
    for segment, part in mix.groupby("segment"):
        if segment not in expected:
            raise ValueError(f"nothing is expected of segment {segment!r}: add it to expected")
        kind = relationship_types.types()[relationship_types.known(expected[str(segment)])]
        members = of.index[of == segment]
        meets = part["type"].map(_HANDLER_OF).isin(kind.met_by)
        if kind.handled_by is None:
            meets = part["type"].eq(kind.id)
        days = spoken.reindex(members)
        owned = members.isin(_owners(customers).index).mean() if customers is not None else np.nan
        actual = part["type"].iloc[int(part["contacts"].to_numpy().argmax())]
        rows.append(
            {
                "segment": segment,
                "customers": len(members),
                "contacts": int(part["of"].iloc[0]),
                "small": bool(part["small"].iloc[0]),
                "expected": kind.id,
                "actual": actual,
                "agrees": kind.id == actual,
                "_meets": int(part.loc[meets, "contacts"].sum()),
                "named_owner": owned,
                "days": days.median(),
                "never": days.isna().mean(),
            }
        )
    table = _share(pd.DataFrame(rows), "_meets", "contacts", "fits", level).drop(columns="_meets")
    order = ["segment", "customers", "contacts", "small", "expected", "actual", "agrees", "fits", "fits_lower"]
    return table[[*order, "fits_upper", "named_owner", "days", "never"]]


# ---------------------------------------------------------------------------------------------------------------------
# Whether it helped
# ---------------------------------------------------------------------------------------------------------------------


def contact_outcomes(contacts: Any, *, window_days: float = WINDOW_DAYS) -> Any:
    """What became of each contact about a matter of the customer's.

    Contacts without an ``issue_id``, such as account reviews, are no matters and left out.

    Args:
        contacts: one row a contact with ``customer_id``, ``issue_id``, ``started_at``, ``topic``, ``handled_by`` and
            ``resolved``; ``escalated_to`` if it is known (without it, no contact counts as passed on). Any engine.
        window_days: a customer who comes back on the same matter within these days was not helped.

    Returns:
        One row a contact, in the engine of ``contacts``:

        * ``customer_id``, ``issue_id``, ``started_at``, ``topic``, ``handled_by``
        * ``first``: whether it began the matter
        * ``contained``: not passed on; the usual, raw measure, which also counts those who gave up
        * ``recorded``: what the system recorded as resolved
        * ``came_back``: whether another contact on the matter followed within the window
        * ``verified``: contained, recorded as resolved, and nobody came back
        * ``settled``: whether the log goes on long enough to tell

    Raises:
        ValueError: if a column is missing or holds the wrong type, the log is empty, or the window is not positive.
    """
    return _outcomes(contacts, window_days).to_native()


def _outcomes(contacts: Any, window_days: float) -> Any:
    if not window_days > 0:
        raise ValueError(f"window_days must be above 0, not {window_days!r}")
    needed = ("customer_id", "issue_id", "started_at", "topic", "handled_by", "resolved")
    frame = _open(contacts, *needed)
    end = _last_moment(frame) - pd.Timedelta(days=window_days)
    passed_on = ~nw.col("escalated_to").is_null() if "escalated_to" in frame.collect_schema() else nw.lit(False)
    about = frame.filter(~nw.col("issue_id").is_null()).select(
        *needed[:5], contained=~passed_on, recorded=nw.col("resolved")
    )
    key = ["issue_id", "started_at"]
    later = about.select("issue_id", _next=nw.col("started_at"))
    pairs = about.select(*key).join(later, on="issue_id", how="inner").filter(nw.col("_next") > nw.col("started_at"))
    following = pairs.group_by(key).agg(nw.col("_next").min())
    begun = about.group_by("issue_id").agg(_begun=nw.col("started_at").min())
    minutes = (nw.col("_next") - nw.col("started_at")).dt.total_minutes()
    came_back = ~nw.col("_next").is_null() & (minutes <= window_days * 1440).fill_null(False)
    joined = about.join(following, on=key, how="left").join(begun, on="issue_id", how="left")
    table = joined.select(
        *needed[:5],
        "contained",
        "recorded",
        first=nw.col("started_at") == nw.col("_begun"),
        came_back=came_back,
        settled=nw.col("started_at") <= nw.lit(end.to_pydatetime()),
    ).with_columns(verified=nw.col("contained") & nw.col("recorded") & ~nw.col("came_back"))
    return table.collect() if isinstance(nw.from_native(contacts), nw.DataFrame) else table


def containment(
    contacts: Any,
    *,
    by: Sequence[str] = ("handled_by",),
    window_days: float = WINDOW_DAYS,
    least: int = LEAST,
    level: float = 0.95,
) -> pd.DataFrame:
    """Raw against verified containment.

    Contacts too recent to tell are not counted. Contacts of one customer are taken as independent of each other,
    so that the intervals are a little too short where few customers make many contacts.

    Args:
        contacts: the contact log, as `contact_outcomes` takes it. Any engine.
        by: columns of `contact_outcomes` to group by, for instance ``("handled_by", "topic")``.
        window_days: a customer who comes back on the same matter within these days was not helped.
        least: groups with fewer contacts are marked.
        level: of the intervals.

    Returns:
        One row a group: its columns, ``contacts``, the shares ``contained``, ``recorded`` and ``verified`` (see
        `contact_outcomes`), each with ``_lower`` and ``_upper`` (Wilson 1927), and ``small``. Without ``escalated_to``
        the log does not say who was passed on: ``contained`` is NaN, and the others count nobody as passed on.
    """
    table = nw.from_native(_outcomes(contacts, window_days).lazy())
    measures = ("contained", "recorded", "verified")
    # "recorded" is what a dashboard shows: kept by the handler and closed as resolved
    kept = table.filter(nw.col("settled")).with_columns(recorded=nw.col("contained") & nw.col("recorded"))
    flags = kept.select(*by, **{f"_{name}": nw.col(name).cast(nw.Int64) for name in measures})
    counts = [nw.col(f"_{name}").sum() for name in measures]
    found = _pandas(flags.group_by(list(by)).agg(*counts, contacts=nw.len()))
    found = found.sort_values(list(by), ignore_index=True)
    for name in measures:
        found = _share(found, f"_{name}", "contacts", name, level)
    found["small"] = found["contacts"] < least
    if not _says_passed_on(contacts):
        found[["contained", "contained_lower", "contained_upper"]] = np.nan
    return found.drop(columns=[f"_{name}" for name in measures])


@dataclass(frozen=True)
class Comparison:
    """Two handlers compared, naively and within the kind of matter; made by `compare_handlers`.

    Attributes:
        a: the one handler.
        b: the other.
        measure: what is compared: ``contained``, ``recorded`` or ``verified``.
        table: one row a topic that both handled, with its ``weight`` among all first contacts, and for each handler
            ``n_``, ``share_``, ``lower_``, ``upper_``.
        naive_a: the share over all contacts of ``a``.
        naive_b: the same of ``b``.
        standardised_a: the share that ``a`` would have with the common mix of topics.
        standardised_b: the same of ``b``.
        naive: ``naive_a`` minus ``naive_b``.
        standardised: ``standardised_a`` minus ``standardised_b``.
        left_out: topics that only one of them handles often enough, and that no comparison can speak of.
        covered: the share of first contacts with the topics compared.
    """

    a: str
    b: str
    measure: str
    table: pd.DataFrame
    naive_a: Interval
    naive_b: Interval
    standardised_a: Interval
    standardised_b: Interval
    naive: Interval
    standardised: Interval
    left_out: tuple[str, ...]
    covered: float


def compare_handlers(
    contacts: Any,
    a: str = "bot",
    b: str = "human",
    *,
    measure: str = "verified",
    within: str = "topic",
    window_days: float = WINDOW_DAYS,
    least: int = 5,
    level: float = 0.95,
) -> Comparison:
    """Compare two handlers within the kind of matter, because one of them may get the easy cases.

    The shares of each topic are weighed with the topic's share in all first contacts, whoever handled them (direct
    standardisation). It mends differences in topic, not in difficulty within a topic.

    Args:
        contacts: the contact log, as `contact_outcomes` takes it. Any engine.
        a: a value of ``handled_by``.
        b: another one.
        measure: ``contained``, ``recorded`` or ``verified``.
        within: the column of `contact_outcomes` in whose strata they are compared.
        window_days: as for `containment`.
        least: a topic is compared if each of the two handled it at least so often.
        level: of the intervals.

    Returns:
        The comparison.

    Raises:
        ValueError: if they have no topic in common, or ``contained`` is asked of a log without ``escalated_to``.

    Source: Newcombe (1998) and Zou and Donner (2008) for the intervals.
    """
    if measure not in ("contained", "recorded", "verified"):
        raise ValueError(f"measure must be contained, recorded or verified, not {measure!r}")
    if measure == "contained" and not _says_passed_on(contacts):
        raise ValueError("the log has no escalated_to, so nobody knows what was contained: compare verified")
    cells = containment(contacts, by=("handled_by", within), window_days=window_days, level=level)
    outcomes = nw.from_native(_outcomes(contacts, window_days).lazy())
    weights = _pandas(outcomes.filter(nw.col("first")).group_by(within).agg(n=nw.len())).set_index(within)["n"]
    sides = []
    for handler in (a, b):
        own = cells[cells["handled_by"] == handler].set_index(within)
        if own.empty:
            raise ValueError(f"nothing was handled by {handler!r}; there are {', '.join(cells['handled_by'].unique())}")
        sides.append(own)
    common = [t for t in weights.index if all(t in s.index and s.loc[t, "contacts"] >= least for s in sides)]
    if not common:
        raise ValueError(f"{a} and {b} have no {within} in common that each handled {least} times or more")
    naive: list[Interval] = []
    standardised: list[Interval] = []
    columns: dict[str, Any] = {}
    for handler, side in zip((a, b), sides, strict=True):
        hits = (side[measure] * side["contacts"]).round()
        n = float(side["contacts"].sum())
        naive.append(Interval(float(hits.sum()) / n, *(float(end) for end in wilson(hits.sum(), n, level))))
        part = side.loc[common]
        standardised.append(weighted_share(hits.loc[common], part["contacts"], weights.loc[common], level))
        columns |= {
            f"n_{handler}": part["contacts"],
            f"share_{handler}": part[measure],
            f"lower_{handler}": part[f"{measure}_lower"],
            f"upper_{handler}": part[f"{measure}_upper"],
        }
    weight = weights.loc[common] / weights.loc[common].sum()
    return Comparison(
        a,
        b,
        measure,
        pd.DataFrame({"weight": weight, **columns}).rename_axis(within).reset_index(),
        naive[0],
        naive[1],
        standardised[0],
        standardised[1],
        difference(naive[0], naive[1]),
        difference(standardised[0], standardised[1]),
        tuple(str(t) for t in weights.index if t not in common),
        float(weights.loc[common].sum() / weights.sum()),
    )


def planted(model: Model = MODEL) -> pd.DataFrame:
    """What the simulator planted: how often each handler really resolves each kind of matter.

    ``verified`` stays above ``resolves``: somebody who gave up while the system recorded success looks helped.

    Args:
        model: the planted parameters.

    Returns:
        One row per handler and topic that occurs: ``handled_by`` (with ``owner`` apart), ``topic``, ``resolves``,
        what a large enough log of a healthy company would show as ``contained`` and ``verified``, and ``solved``: how
        many matters that begin there are really solved in the end, by a person on the second or third contact too.
    """
    rows = []
    for (h, handler), (t, topic) in itertools.product(enumerate(HANDLERS), enumerate(TOPICS)):
        p = model.resolves[h][t]
        if p > 0:
            stuck = (1 - p) * (1 - model.escalates[h])
            quiet = stuck * (1 - model.returns[h]) * model.falsely_resolved[h]
            then = HANDLERS.index("owner" if handler == "owner" else "human")
            q = model.resolves[then][t]
            goes_on = (1 - p) * (model.escalates[h] + (1 - model.escalates[h]) * model.returns[h])
            solved = p + goes_on * (q + (1 - q) * model.returns[HANDLERS.index("human")] * q)
            rows.append((handler, topic, p, 1 - (1 - p) * model.escalates[h], p + quiet, solved))
    return pd.DataFrame(rows, columns=["handled_by", "topic", "resolves", "contained", "verified", "solved"])


def handoffs(
    contacts: Any, *, window_days: float = WINDOW_DAYS, least: int = LEAST, level: float = 0.95
) -> pd.DataFrame:
    """What it took a customer to get from a machine to a person.

    Args:
        contacts: the contact log with ``customer_id``, ``issue_id``, ``started_at``, ``handled_by``; used if known:
            ``escalated_to``, ``repeated_story``, ``channel``, ``wait_minutes``. Any engine.
        window_days: how soon the person must follow for it to be one handoff.
        least: kinds with fewer handoffs are marked.
        level: of the intervals.

    Returns:
        One row a kind of handoff, ``passed on`` (by the machine) or ``came back`` (the customer began again); without
        ``escalated_to`` nobody can tell them apart, and there is one row for both:

        * ``kind``, ``handoffs``, ``small``
        * ``hours``: median hours between the two contacts; ``wait``: mean minutes of waiting for the person
        * ``repeated``: the share who had to tell the story again, with ``repeated_lower`` and ``repeated_upper``
        * ``switched``: the share who had to change the channel, likewise

        What the log does not hold is NaN.
    """
    frame = _open(contacts, "issue_id", "started_at", "handled_by")
    optional = ("escalated_to", "repeated_story", "channel", "wait_minutes")
    has = [name for name in optional if name in frame.collect_schema()]
    about = frame.filter(~nw.col("issue_id").is_null())
    several = about.group_by("issue_id").agg(_n=nw.len()).filter(nw.col("_n") > 1)
    wanted = about.join(several, on="issue_id", how="inner").select("issue_id", "started_at", "handled_by", *has)
    steps = _pandas(wanted).sort_values(["issue_id", "started_at"], kind="stable")
    after = steps.groupby("issue_id").shift(-1)
    machine = steps["handled_by"].isin(["self", "bot", "community"]) & (after["handled_by"] == "human")
    gap = (after["started_at"] - steps["started_at"]).dt.total_seconds() / 3600
    kinds = {"passed on or came back": pd.Series(True, index=steps.index)}
    if "escalated_to" in has:
        passed = steps["escalated_to"].notna()
        kinds = {"passed on": passed, "came back": ~passed}
    rows: list[dict[str, Any]] = []
    for kind, chosen in kinds.items():
        rows_of = steps.index[machine & chosen & (gap <= 24 * window_days)]
        row: dict[str, Any] = {"kind": kind, "handoffs": len(rows_of), "small": len(rows_of) < least}
        row["hours"] = gap[rows_of].median() if len(rows_of) else np.nan
        row["wait"] = after.loc[rows_of, "wait_minutes"].astype(float).mean() if "wait_minutes" in has else np.nan
        counts = {}
        if "repeated_story" in has:
            counts["repeated"] = after.loc[rows_of, "repeated_story"].astype(bool).sum()
        if "channel" in has:
            counts["switched"] = (after.loc[rows_of, "channel"] != steps.loc[rows_of, "channel"]).sum()
        for name in ("repeated", "switched"):
            known = name in counts and len(rows_of) > 0
            low, high = wilson(counts[name], len(rows_of), level) if known else (np.nan, np.nan)
            row[name] = counts[name] / len(rows_of) if known else np.nan
            row[f"{name}_lower"], row[f"{name}_upper"] = float(low), float(high)
        rows.append(row)
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------------------------------------------------
# What it costs
# ---------------------------------------------------------------------------------------------------------------------


def _cost(frame: nw.LazyFrame[Any], customers: pd.DataFrame | None, rates: Rates | None) -> nw.Expr:
    """The cost of a contact: as the log says, or time-driven from minutes and rates."""
    schema = frame.collect_schema()
    if rates is None and "cost_eur" in schema:
        return nw.col("cost_eur").cast(nw.Float64)
    if "handle_minutes" not in schema:
        raise ValueError(f"the contact log has neither cost_eur nor handle_minutes; it has {', '.join(schema)}")
    rates = RATES if rates is None else rates
    per_minute = nw.lit(rates.minute_eur)
    owners = sorted(set(_owners(customers)))
    if owners and "agent" in schema:
        per_minute = nw.when(nw.col("agent").is_in(owners)).then(rates.owner_minute_eur).otherwise(rates.minute_eur)
    tool = nw.lit(0.0)
    for handler, price in rates.tool_eur.items():
        tool = nw.when(nw.col("handled_by") == handler).then(price).otherwise(tool)
    return nw.col("handle_minutes").cast(nw.Float64) * per_minute + tool


def matters(
    contacts: Any,
    *,
    customers: pd.DataFrame | None = None,
    rates: Rates | None = None,
    window_days: float = WINDOW_DAYS,
) -> pd.DataFrame:
    """One row a matter: where it began, what it took in all, and whether it was solved in the end.

    Args:
        contacts: the contact log with ``customer_id``, ``issue_id``, ``started_at``, ``topic``, ``handled_by``,
            ``resolved``, and ``cost_eur`` or ``handle_minutes``. Any engine.
        customers: with ``account_owner``, to tell a named owner from somebody on duty.
        rates: what minutes and tools cost; default: ``cost_eur`` of the log, or `RATES` if it has none.
        window_days: a matter that began later than this before the end of the log is not settled yet. (To wait from
            its last contact on would drop the slow matters.)

    Returns:
        One row an issue: ``issue_id``, ``customer_id``, ``topic``, ``first`` (who handled the first contact, with
        ``owner`` for the account's named owner), ``last`` (who handled the last one), ``contacts``, ``minutes``,
        ``cost_eur``, ``started_at``, ``solved`` (the last contact was recorded as resolved) and ``settled``.
    """
    needed = ("customer_id", "issue_id", "started_at", "topic", "handled_by", "resolved")
    frame = _open(contacts, *needed)
    end = _last_moment(frame)
    schema = frame.collect_schema()
    minutes = nw.col("handle_minutes").cast(nw.Float64) if "handle_minutes" in schema else nw.lit(0.0)
    agent = nw.col("agent") if "agent" in schema else nw.lit("")
    about = frame.filter(~nw.col("issue_id").is_null()).select(
        *needed[:5],
        _resolved=nw.col("resolved").cast(nw.Int64),
        _agent=agent.fill_null(""),
        _minutes=minutes,
        _cost=_cost(frame, customers, rates),
    )
    sums = about.group_by("issue_id").agg(
        contacts=nw.len(),
        minutes=nw.col("_minutes").sum(),
        cost_eur=nw.col("_cost").sum(),
        begun_at=nw.col("started_at").min(),
        ended_at=nw.col("started_at").max(),
    )
    each = about.join(sums.select("issue_id", "begun_at", "ended_at"), on="issue_id", how="inner")
    firsts = each.filter(nw.col("started_at") == nw.col("begun_at"))
    # contacts at one moment: take the smallest by name, so that every engine takes the same
    first_of = {name: nw.col(name).min() for name in ("customer_id", "topic", "handled_by", "_agent")}
    first = firsts.group_by("issue_id").agg(**first_of)
    lasts = each.filter(nw.col("started_at") == nw.col("ended_at")).group_by("issue_id")
    last = lasts.agg(solved=nw.col("_resolved").min(), last=nw.col("handled_by").min())
    table = _pandas(sums.join(first, on="issue_id", how="inner").join(last, on="issue_id", how="inner"))
    table = table.rename(columns={"_agent": "agent", "begun_at": "started_at"}).sort_values("issue_id")
    table["first"] = _handler(table, customers)
    table["solved"] = table["solved"].astype(bool)
    table["settled"] = table["started_at"] <= end - pd.Timedelta(days=window_days)
    wanted = ["issue_id", "customer_id", "topic", "first", "last", "contacts", "minutes", "cost_eur", "started_at"]
    return table[[*wanted, "solved", "settled"]].reset_index(drop=True)


def cost_to_serve(
    contacts: Any,
    *,
    customers: pd.DataFrame | None = None,
    rates: Rates | None = None,
    within: Sequence[str] = (),
    window_days: float = WINDOW_DAYS,
    false_flags: float = 0.0,
    least: int = LEAST,
    level: float = 0.95,
) -> pd.DataFrame:
    """What it costs to serve a contact, a matter with all that follows, and a resolution.

    A cheap contact that solves nothing sends the customer elsewhere. So a matter carries the cost of every contact
    it took, and counts where it *began*.

    Args:
        contacts: the contact log, as `matters` takes it. Any engine.
        customers: with ``account_owner``, to tell a named owner from somebody on duty.
        rates: what minutes and tools cost; default: ``cost_eur`` of the log, or `RATES` if it has none.
        within: further columns of `matters` to group by, such as ``["topic"]``.
        window_days: matters younger than this are not counted.
        false_flags: the share of a machine's failures that it records as solved. Each failure that a machine did
            record, as the last one to handle the matter, then stands for ``1 / (1 - false_flags)`` of them.
        least: groups with fewer matters are marked.
        level: of the interval.

    Returns:
        One row a handler with which matters began:

        * ``first`` and the columns of ``within``
        * ``matters``, ``contacts_per_matter``, ``minutes_per_matter``, ``cost_per_matter``
        * ``cost_per_contact``: the cost of all these contacts divided by their number
        * ``solved``: the share solved in the end, with ``solved_lower`` and ``solved_upper``
        * ``cost_per_resolution``: cost divided by matters solved; infinite if none was
        * ``small``
    """
    done = matters(contacts, customers=customers, rates=rates, window_days=window_days)
    done = done[done["settled"]]
    if done.empty:
        raise ValueError("no matter is old enough to tell how it ended: the log is shorter than the window")
    return _served(done, within, false_flags, least, level)


def _failures(settled: pd.DataFrame, false_flags: float) -> pd.Series:
    """How many failures each settled matter stands for: 0 where it was solved, more than 1 where flags are false."""
    if not 0 <= false_flags < 1:
        raise ValueError(f"false_flags is a share from 0 to below 1, not {false_flags!r}")
    machine = settled["last"] != "human"
    return (~settled["solved"]) * np.where(machine, 1 / (1 - false_flags), 1.0)


def _served(
    settled: pd.DataFrame, within: Sequence[str], false_flags: float, least: int = LEAST, level: float = 0.95
) -> pd.DataFrame:
    table = settled.assign(_failed=_failures(settled, false_flags))
    table = table.groupby(["first", *within], as_index=False).agg(
        matters=("issue_id", "size"),
        _contacts=("contacts", "sum"),
        _minutes=("minutes", "sum"),
        _cost=("cost_eur", "sum"),
        _solved=("solved", "sum"),
        _failed=("_failed", "sum"),
    )
    n, recorded = table["matters"].to_numpy(dtype=np.float64), table["_solved"].to_numpy(dtype=np.float64)
    for name in ("contacts", "minutes", "cost"):
        table[f"{name}_per_matter"] = table[f"_{name}"] / n
    table["cost_per_contact"] = table["_cost"] / table["_contacts"]
    solved = np.maximum(n - table["_failed"].to_numpy(), 0.0)
    table["solved"] = solved / n
    # the interval of the recorded share, stretched as the failures are
    stretch = np.where(recorded < n, table["_failed"] / np.maximum(n - recorded, 1.0), 1.0)
    for name, end in zip(("solved_lower", "solved_upper"), wilson(recorded, n, level), strict=True):
        table[name] = np.clip(1 - stretch * (1 - end), 0.0, 1.0)
    table["cost_per_resolution"] = np.where(solved > 0, table["_cost"] / np.where(solved > 0, solved, 1.0), np.inf)
    table["small"] = table["matters"] < least
    return table.drop(columns=["_contacts", "_minutes", "_cost", "_solved", "_failed"])


def profit_by_customer(
    orders: Any,
    contacts: Any,
    *,
    customers: pd.DataFrame | None = None,
    margin: str = "margin_eur",
    rates: Rates | None = None,
) -> pd.DataFrame:
    """What each customer brought, less what it cost to serve.

    Args:
        orders: one row an order with ``customer_id`` and the margin. Any engine.
        contacts: the contact log with ``customer_id`` and ``cost_eur`` or ``handle_minutes``. Any engine.
        customers: with ``account_owner``, if owners' minutes have a rate of their own.
        margin: the column of ``orders`` with the contribution of the order.
        rates: as for `matters`.

    Returns:
        One row a customer who ordered or made contact, the most profitable first: ``customer_id``, ``orders``,
        ``margin_eur``, ``contacts``, ``cost_eur``, ``profit_eur``.
    """
    bought = nw.from_native(orders).lazy()
    schema = bought.collect_schema()
    lacking = [name for name in ("customer_id", margin) if name not in schema]
    if lacking:
        raise ValueError(f"orders have no column {lacking[0]!r}; they have {', '.join(schema)}")
    money = bought.select("customer_id", margin_eur=nw.col(margin).cast(nw.Float64))
    brought = _pandas(money.group_by("customer_id").agg(nw.col("margin_eur").sum(), orders=nw.len()))
    frame = _open(contacts, "customer_id", "handled_by")
    priced = frame.select("customer_id", _cost=_cost(frame, customers, rates))
    cost = _pandas(priced.group_by("customer_id").agg(contacts=nw.len(), cost_eur=nw.col("_cost").sum()))
    table = brought.merge(cost, on="customer_id", how="outer").fillna(
        {"orders": 0, "margin_eur": 0.0, "contacts": 0, "cost_eur": 0.0}
    )
    table = table.astype({"orders": "int64", "contacts": "int64"})
    table["profit_eur"] = table["margin_eur"] - table["cost_eur"]
    return table.sort_values(["profit_eur", "customer_id"], ascending=[False, True], ignore_index=True)


class Whale(NamedTuple):
    """The cumulative profit of customers, the most profitable first (Kaplan and Narayanan 2001).

    Attributes:
        table: ``share_of_customers`` and ``profit_eur`` (cumulative), from 0.
        total_eur: the profit of all together.
        peak_eur: the profit of those who bring one.
        peak_at: the share of customers who bring one.
        losers: how many customers cost more than they bring.
        lost_eur: what these cost, a number of at least 0.
    """

    table: pd.DataFrame
    total_eur: float
    peak_eur: float
    peak_at: float
    losers: int
    lost_eur: float


def whale_curve(profits: Any) -> Whale:
    """Cumulate customers' profits, the largest first.

    Args:
        profits: one number a customer, in any order.

    Returns:
        The curve, which rises above the total wherever some customers cost more than they bring.

    Raises:
        ValueError: if there are none, or one is missing.

    Example:
        >>> whale_curve([5, -2, 1]).peak_eur, whale_curve([5, -2, 1]).total_eur
        (6.0, 4.0)
    """
    values = np.sort(np.asarray(profits, dtype=np.float64))[::-1]
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("a whale curve needs one finite number a customer")
    running = np.concatenate([[0.0], np.cumsum(values)])
    winners, losers = values[values > 0], values[values < 0]
    return Whale(
        pd.DataFrame({"share_of_customers": np.arange(len(running)) / len(values), "profit_eur": running}),
        float(values.sum()),
        float(winners.sum()),
        len(winners) / len(values),
        len(losers),
        float(-losers.sum()) if len(losers) else 0.0,
    )


def service_balance(
    profits: pd.DataFrame,
    matters: pd.DataFrame,
    *,
    too_dear: float = 0.3,
    best: float = 0.2,
    recent_days: float | None = 90,
) -> pd.DataFrame:
    """Who gets more service than they carry, and which of the best customers were left with a problem.

    Args:
        profits: made by `profit_by_customer`.
        matters: made by `matters`.
        too_dear: a customer whose cost to serve exceeds this share of the margin is over-served.
        best: the share of customers, by margin, among whom an unsolved matter means under-served.
        recent_days: only matters that began in the last so many days count as unsolved, because an old list names
            people who have long left; None counts all.

    Returns:
        ``profits`` with ``cost_share`` (cost divided by margin; infinite without a margin), ``unsolved`` (settled
        matters whose last contact is not recorded as resolved) and ``balance``: ``under-served``, ``over-served`` or
        ``in balance``. A customer who would be both is under-served.
    """
    open_still = matters["settled"] & ~matters["solved"]
    if recent_days is not None:
        open_still &= matters["started_at"] >= matters["started_at"].max() - pd.Timedelta(days=recent_days)
    ended = matters[open_still].groupby("customer_id").size()
    margin, cost = profits["margin_eur"].to_numpy(), profits["cost_eur"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(margin > 0, cost / margin, np.where(cost > 0, np.inf, 0.0))
    unsolved = profits["customer_id"].map(ended).fillna(0).astype("int64")
    top = profits["margin_eur"].rank(ascending=False, method="first") <= round(best * len(profits))
    balance = np.select([(unsolved > 0) & top, share > too_dear], ["under-served", "over-served"], "in balance")
    return profits.assign(cost_share=share, unsolved=unsolved, balance=balance)


# ---------------------------------------------------------------------------------------------------------------------
# Choosing
# ---------------------------------------------------------------------------------------------------------------------


def segment_table(
    segments: pd.DataFrame,
    contacts: Any,
    orders: pd.DataFrame | None = None,
    *,
    margin: str = "margin_eur",
    value_eur: float | None = None,
) -> pd.DataFrame:
    """What each segment is worth and how often it needs help, per customer and year.

    Args:
        segments: one row a customer, with ``customer_id`` and ``segment``.
        contacts: the contact log with ``customer_id``, ``issue_id``, ``started_at``. Any engine.
        orders: with ``customer_id``, ``ordered_at`` and the margin; a customer's years begin with the first order.
        margin: the column of ``orders`` with the contribution of an order.
        value_eur: the yearly margin of a customer where no orders are given.

    Returns:
        One row a segment: ``segment``, ``customers``, ``years`` (of all its customers together), ``value_eur`` and
        ``matters`` (each per customer and year).
    """
    return _by_segment(_worth(segments, contacts, orders, margin=margin, value_eur=value_eur))


def _worth(
    segments: pd.DataFrame, contacts: Any, orders: pd.DataFrame | None, *, margin: str, value_eur: float | None
) -> pd.DataFrame:
    """Segment, years, margin and matters of each customer, with the customer's number as the index."""
    frame = _open(contacts, "customer_id", "issue_id", "started_at")
    asked = _pandas(
        frame.filter(~nw.col("issue_id").is_null())
        .select("customer_id", "issue_id")
        .unique()
        .group_by("customer_id")
        .agg(n=nw.len())
    ).set_index("customer_id")["n"]
    table = pd.DataFrame({"segment": segment_of(segments)})
    ids = table.index.to_series()
    if orders is not None:
        each = orders.groupby("customer_id").agg(since=("ordered_at", "min"), worth=(margin, "sum"))
        years = (orders["ordered_at"].max() - each["since"]).dt.total_seconds() / (86_400 * _DAYS_A_YEAR)
        table["years"] = ids.map(years).fillna(0.0).clip(lower=1 / 12)
        table["worth"] = ids.map(each["worth"]).fillna(0.0)
    elif value_eur is not None:
        ends = frame.select(low=nw.col("started_at").min(), high=nw.col("started_at").max()).collect()
        span = (pd.Timestamp(ends["high"][0]) - pd.Timestamp(ends["low"][0])).total_seconds()
        table["years"] = max(span / (86_400 * _DAYS_A_YEAR), 1 / 12)
        table["worth"] = value_eur * table["years"]
    else:
        raise ValueError("give orders, or value_eur as an assumption")
    table["asked"] = ids.map(asked).fillna(0)
    return table


def _by_segment(worth: pd.DataFrame) -> pd.DataFrame:
    sums = worth.groupby("segment").agg(
        customers=("years", "size"), years=("years", "sum"), worth=("worth", "sum"), asked=("asked", "sum")
    )
    sums["value_eur"], sums["matters"] = sums["worth"] / sums["years"], sums["asked"] / sums["years"]
    return sums.drop(columns=["worth", "asked"]).reset_index()


def upkeep_in_log(
    contacts: Any, segments: pd.DataFrame, orders: pd.DataFrame | None = None, *, customers: pd.DataFrame | None = None
) -> dict[str, tuple[float, float]]:
    """What the contacts that the company begins take, such as account reviews, where the log tells who began one.

    Args:
        contacts: the contact log with ``initiated_by`` and ``handle_minutes``; without one of them it says nothing.
        segments: one row a customer, with ``customer_id`` and ``segment``.
        orders: to know for how long each has been a customer; without them, for as long as the log.
        customers: with ``account_owner``, to tell a named owner from somebody on duty.

    Returns:
        By type, for each year of a customer who got such a contact: ``(EUR for tools, minutes of people)``, as
        `service_options` takes it. Types of which the log holds none are missing.
    """
    frame = _open(contacts, "customer_id", "handled_by")
    if not {"initiated_by", "handle_minutes"} <= set(frame.collect_schema()):
        return {}
    keys = [name for name in ("customer_id", "handled_by", "agent") if name in frame.collect_schema()]
    begun = frame.filter(_by_company()).select(*keys, minutes=nw.col("handle_minutes").cast(nw.Float64))
    visits = _pandas(begun)
    visits["first"] = _handler(visits, customers)
    years = _worth(segments, contacts, orders, margin="customer_id", value_eur=0.0)["years"]
    found = {}
    for handler, part in visits[visits["customer_id"].isin(years.index)].groupby("first"):
        of = years[part["customer_id"].unique()].sum()
        tool = RATES.tool_eur["human" if handler == "owner" else str(handler)]
        found[_TYPE_OF[str(handler)]] = (float(len(part) * tool / of), float(part["minutes"].sum() / of))
    return found


_INSTEAD = {"owner": "human", "community": "self", "self": "bot", "bot": "self", "human": "owner"}


def service_by_type(cells: pd.DataFrame, *, least: int = 5) -> pd.DataFrame:
    """What a matter takes under each type of relationship, with one common mix of topics.

    Where a type has too few matters of a topic, the nearest other handler stands in: somebody on duty for an owner,
    self-service for a community, and so on; the whole of it for co-creation, which a contact log does not show.

    Args:
        cells: made by `cost_to_serve` with ``within=["topic"]``.
        least: matters that a cell needs to speak for itself.

    Returns:
        One row a type: ``type``, ``cost_per_matter``, ``minutes_per_matter``, ``solved``, and ``own``: the share of
        the mix that the type's own matters speak for.
    """
    measures = ["cost_per_matter", "minutes_per_matter", "solved"]
    weights = (cells.groupby("topic")["matters"].sum() / cells["matters"].sum()).to_dict()
    every = dict(zip(weights, cells.groupby("topic")[measures].mean().to_numpy(), strict=True))
    enough = cells[cells["matters"] >= least]
    by = dict(zip(zip(enough["first"], enough["topic"], strict=True), enough[measures].to_numpy(), strict=True))
    rows = []
    for kind in relationship_types.types().values():
        wanted = kind.handled_by or "self"
        found = {t: by.get((wanted, t), by.get((_INSTEAD[wanted], t), every[t])) for t in weights}
        mixed = np.sum([weight * found[t] for t, weight in weights.items()], axis=0)
        own = sum(weight for t, weight in weights.items() if (kind.handled_by, t) in by)
        rows.append({"type": kind.id, **dict(zip(measures, mixed.tolist(), strict=True)), "own": float(own)})
    return pd.DataFrame(rows)


def service_options(
    segments: pd.DataFrame,
    service: pd.DataFrame,
    expected: Mapping[str, str],
    *,
    effect: tuple[float, float, float] = (0.0, 0.06, 0.12),
    partly: float = 0.5,
    loss: float = 0.05,
    upkeep: Mapping[str, tuple[float, float]] | None = None,
    rates: Rates = RATES,
) -> pd.DataFrame:
    """Every segment with every type: what it would keep, cost, and take of people's time in a year.

    The retention effect is an assumption until an experiment has measured it. It is the share of a customer's yearly
    margin that the company keeps by giving this type instead of one that does not fit, less what unsolved matters lose.

    Args:
        segments: made by `segment_table`, with ``segment``, ``customers``, ``value_eur``, ``matters``.
        service: made by `service_by_type`.
        expected: the type that each segment expects.
        effect: what a type that meets the expectation keeps: lower end, middle, upper end.
        partly: how much of that a type keeps which is not the expected one but meets it (``met_by``).
        loss: the share of a customer's yearly margin that an unsolved matter loses.
        upkeep: by type, what every customer costs each year besides matters: ``(EUR, minutes of people)``. The minutes
            take hours, and are paid.
        rates: what a minute of upkeep costs; an owner's for dedicated personal assistance.

    Returns:
        One row per segment and type: ``segment``, ``type``, ``fits`` (1, ``partly`` or 0), ``value_eur`` (of the whole
        segment), ``effect_low``, ``effect``, ``effect_high``, ``cost_eur``, ``hours``.
    """
    low, middle, high = effect
    if not low <= middle <= high:
        raise ValueError(f"effect must be given as lower end, middle and upper end, not {effect!r}")
    upkeep = {} if upkeep is None else {relationship_types.known(k): v for k, v in upkeep.items()}
    rows = []
    for part in segments.to_dict("records"):
        if part["segment"] not in expected:
            raise ValueError(f"nothing is expected of segment {part['segment']!r}: add it to expected")
        wish = relationship_types.types()[relationship_types.known(expected[part["segment"]])]
        for offer in service.to_dict("records"):
            fits = 1.0 if offer["type"] == wish.id else partly * (_HANDLER_OF.get(offer["type"]) in wish.met_by)
            unsolved = loss * part["matters"] * (1 - offer["solved"])
            euros, minutes = upkeep.get(offer["type"], (0.0, 0.0))
            euros += minutes * (rates.owner_minute_eur if offer["type"] == _TYPE_OF["owner"] else rates.minute_eur)
            row = {"segment": part["segment"], "type": offer["type"], "fits": fits}
            row["value_eur"] = part["customers"] * part["value_eur"]
            for name, gain in (("effect_low", low), ("effect", middle), ("effect_high", high)):
                row[name] = fits * gain - unsolved
            row["cost_eur"] = part["customers"] * (part["matters"] * offer["cost_per_matter"] + euros)
            row["hours"] = part["customers"] * (part["matters"] * offer["minutes_per_matter"] + minutes) / 60
            rows.append(row)
    return pd.DataFrame(rows)


def resampled_options(
    segments: pd.DataFrame,
    matters: pd.DataFrame,
    contacts: Any,
    orders: pd.DataFrame | None,
    expected: Mapping[str, str],
    *,
    times: int = 25,
    margin: str = "margin_eur",
    value_eur: float | None = None,
    false_flags: float = 0.0,
    seed: int = 0,
    **assumed: Any,
) -> Iterator[pd.DataFrame]:
    """The options that other customers of the same kind would have given, to see what chance does to a plan.

    Args:
        segments: one row a customer, with ``customer_id`` and ``segment``. Each segment keeps its size.
        matters: made by `matters`.
        contacts: as for `segment_table`.
        orders: as for `segment_table`.
        expected: the type that each segment expects.
        times: how often customers are drawn anew, with replacement.
        margin: as for `segment_table`.
        value_eur: as for `segment_table`.
        false_flags: as for `cost_to_serve`.
        seed: of the draws.
        **assumed: ``effect``, ``partly``, ``loss``, ``upkeep``, ``rates`` of `service_options`.

    Yields:
        Options, as `service_options` makes them.
    """
    worth = _worth(segments, contacts, orders, margin=margin, value_eur=value_eur)
    done = matters[matters["settled"] & matters["customer_id"].isin(worth.index)]
    places = list(worth.groupby("segment").indices.values())
    rng = np.random.default_rng(seed)
    for _ in range(times):
        drawn = np.concatenate([rng.choice(place, len(place)) for place in places])
        often = pd.Series(np.bincount(drawn, minlength=len(worth)), index=worth.index)
        again = done.loc[done.index.repeat(done["customer_id"].map(often))]
        service = service_by_type(_served(again, ["topic"], false_flags))
        yield service_options(_by_segment(worth.iloc[drawn]), service, expected, **assumed)


class InfeasibleError(ValueError):
    """No plan keeps to the limits.

    Attributes:
        limits: the limits that cannot be kept: ``hours``, ``budget_eur``, or both where only both together fail.
    """

    def __init__(self, message: str, limits: tuple[str, ...]) -> None:
        super().__init__(message)
        self.limits = limits


@dataclass(frozen=True)
class Plan:
    """One type for each segment; made by `portfolio`.

    Attributes:
        table: one row a segment: ``segment``, ``type``, ``margin_eur``, ``cost_eur``, ``hours``.
        margin_eur: what it is expected to earn in a year: value times retention effect, less cost to serve.
        cost_eur: what it costs.
        hours: what it takes of people's time.
        within_eur: how much more the best plan could earn at most; next to 0 if this one is proven to be the best.
    """

    table: pd.DataFrame
    margin_eur: float
    cost_eur: float
    hours: float
    within_eur: float = 0.0

    @property
    def types(self) -> dict[str, str]:
        """The type of each segment."""
        return dict(zip(self.table["segment"], self.table["type"], strict=True))


def portfolio(
    options: pd.DataFrame,
    *,
    hours: float | None = None,
    budget_eur: float | None = None,
    effect: str = "effect",
    without: Sequence[Plan] = (),
) -> Plan:
    """Choose one type for each segment so that the expected yearly margin is as large as possible.

    Args:
        options: one row per segment and type that may be chosen, with ``segment``, ``type``, ``value_eur``,
            ``cost_eur``, ``hours`` and the column of the effect, as `service_options` makes it. Without its row, a
            choice is forbidden.
        hours: people's hours in a year; None for no limit.
        budget_eur: for a year; None for no limit.
        effect: the column with the retention effect.
        without: plans that are not to be chosen again.

    Returns:
        The best plan, proven to be the best up to 300 options (to a trillionth of the largest difference between two
        types of a segment). Beyond, the search stops as soon as a plan is proven to be within 0.01 % of what the
        limits cost, because the proof of the rest takes longer than finding it.

    Raises:
        InfeasibleError: (a ValueError) if no plan keeps to the limits; the message names those that fail.
        ValueError: if a column is missing, a number is, or a row occurs twice.

    Source: a multiple-choice knapsack problem, as a mixed-integer programme (HiGHS; Huangfu and Hall 2018).

    Example:
        >>> table = pd.DataFrame({"segment": ["a", "a"], "type": ["self_service", "personal_assistance"],
        ...     "value_eur": 1000.0, "effect": [0.0, 0.1], "cost_eur": [5.0, 60.0], "hours": [0.0, 2.0]})
        >>> portfolio(table).types, portfolio(table, hours=1).types
        ({'a': 'personal_assistance'}, {'a': 'self_service'})
    """
    table, margin = _checked_options(options, effect)
    limits = {"hours": hours, "budget_eur": budget_eur}
    solved = _solve(table, margin, limits, [_chosen(table, plan) for plan in without])
    if solved is None:
        raise _infeasible(table, limits, bool(without))
    chosen, gap = solved
    picked = table[chosen]
    result = picked[["segment", "type"]].assign(
        margin_eur=margin[chosen], cost_eur=picked["cost_eur"], hours=picked["hours"]
    )
    return Plan(
        result.reset_index(drop=True),
        float(margin[chosen].sum()),
        float(picked["cost_eur"].sum()),
        float(picked["hours"].sum()),
        gap,
    )


def _checked_options(options: pd.DataFrame, effect: str) -> tuple[pd.DataFrame, Floats]:
    numbers = ["value_eur", "cost_eur", "hours", effect]
    lacking = [name for name in ("segment", "type", *numbers) if name not in options]
    if lacking:
        raise ValueError(f"options have no column {lacking[0]!r}; make them with service_options")
    if options.empty:
        raise ValueError("there are no options to choose from")
    if options.duplicated(["segment", "type"]).any():
        twice = options[options.duplicated(["segment", "type"])].iloc[0]
        raise ValueError(f"{twice['segment']!r} with {twice['type']!r} is in options twice")
    values = options[numbers].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all() or (values[:, 1:3] < 0).any():
        raise ValueError("options need finite numbers, and costs and hours of at least 0")
    return options.reset_index(drop=True), values[:, 0] * values[:, 3] - values[:, 1]


def _chosen(table: pd.DataFrame, plan: Plan) -> npt.NDArray[np.bool_]:
    """Which options a plan takes."""
    taken = plan.types
    return np.array([taken.get(s) == t for s, t in zip(table["segment"], table["type"], strict=True)], dtype=np.bool_)


def _solve(
    table: pd.DataFrame, gain: Floats, limits: Mapping[str, float | None], excluded: Iterable[npt.NDArray[np.bool_]]
) -> tuple[npt.NDArray[np.bool_], float] | None:
    """The best choice as a mask over the options, and what it may lack; None if there is none."""
    from scipy import optimize, sparse

    codes, names = pd.factorize(table["segment"])
    n = len(table)
    one_each = sparse.csr_array((np.ones(n), (codes, np.arange(n))), shape=(len(names), n))
    constraints = [optimize.LinearConstraint(one_each, 1, 1)]
    for name, limit in limits.items():
        if limit is not None:
            if not limit >= 0:
                return None
            needs = table["hours" if name == "hours" else "cost_eur"].to_numpy(dtype=np.float64)
            # scaled to 1, because the solver's tolerance is absolute
            size = max(float(limit), float(needs.max()), 1e-12)
            constraints.append(optimize.LinearConstraint(needs[None, :] / size, -np.inf, limit / size * (1 + 1e-12)))
    for mask in excluded:
        constraints.append(optimize.LinearConstraint(mask.astype(float)[None, :], -np.inf, mask.sum() - 1))
    # what each choice lacks of the best in its segment, in units so small that the solver's tolerance is below them
    lacks = pd.Series(gain).groupby(codes).transform("max").to_numpy() - gain
    unit = max(float(lacks.max()), 1e-9) / _FINENESS
    found = optimize.milp(
        lacks / unit,
        integrality=np.ones(n),
        bounds=optimize.Bounds(0, 1),
        constraints=constraints,
        options={"mip_rel_gap": 0.0 if n <= _PROVEN else 1e-4},
    )
    if found.status == 2:
        return None
    if found.status != 0:
        raise RuntimeError(f"the solver stopped without a proven best plan: {found.message}")
    return found.x > 0.5, max(float(found.fun - found.mip_dual_bound), 0.0) * unit


def _infeasible(table: pd.DataFrame, limits: Mapping[str, float | None], others_excluded: bool) -> InfeasibleError:
    words = {"hours": ("hours", "h of people's time"), "budget_eur": ("cost_eur", "EUR")}
    failed, says = [], []
    for name, limit in limits.items():
        column, unit = words[name]
        least = float(table.groupby("segment")[column].min().sum())
        if limit is not None and least > limit:
            failed.append(name)
            says.append(f"{name} is {limit:,.0f} and even the plan with the least needs {least:,.0f} {unit}")
    if not failed and all(limit is not None for limit in limits.values()) and not others_excluded:
        cheapest = _solve(table, -table["cost_eur"].to_numpy(dtype=float), {"hours": limits["hours"]}, [])
        assert cheapest is not None
        needs = float(table.loc[cheapest[0], "cost_eur"].sum())
        failed = ["hours", "budget_eur"]
        says.append(
            f"each limit can be kept alone, but not both: within {limits['hours']:,.0f} h the cheapest plan costs "
            f"{needs:,.0f} EUR, and budget_eur is {limits['budget_eur']:,.0f}"
        )
    if not failed:
        says.append("every plan within the limits has been excluded")
    return InfeasibleError("no plan keeps to the limits: " + "; ".join(says), tuple(failed))


@dataclass(frozen=True)
class Explanation:
    """Why a plan is the best, and how firmly; made by `explain_portfolio`.

    Attributes:
        plan: the best plan.
        binding: the limits without which a better plan could be chosen: each by itself, or both where only lifting
            both helps.
        agent_eur: what one more agent would add to the yearly margin. The minutes that ``with_agent`` takes are paid in
            it; the rest of the agent's hours is not.
        with_agent: the plan with that agent.
        budget_eur: what a budget larger by a tenth would add to the yearly margin.
        second: the second-best plan; None if there is no other.
        gap_eur: how much less that earns, at least 0.
        within_eur: how far ``agent_eur``, ``budget_eur`` and ``gap_eur`` may be off, because a plan of many options is
            only found to within so much (`Plan.within_eur`).
        low: the best plan at the lower end of the retention effect.
        high: the best plan at the upper end.
        regret_low_eur: at the lower end, what holding on to ``plan`` would cost against ``low``.
        regret_high_eur: at the upper end, what holding on to ``plan`` would cost against ``high``.
        table: one row a segment: its type in ``plan``, ``second``, ``low``, ``high`` and ``with_agent``, and
            ``stable``: whether the type is the same in ``plan``, ``low`` and ``high``: stable against the effect, and
            nothing else. With resamples also ``kept``: the share of them in which the best plan has the same type.
        earns_eur: what ``plan`` earns, with the interval over the resamples; without any, it is of no length.
    """

    plan: Plan
    binding: tuple[str, ...]
    agent_eur: float
    with_agent: Plan
    budget_eur: float
    second: Plan | None
    gap_eur: float
    within_eur: float
    low: Plan
    high: Plan
    regret_low_eur: float
    regret_high_eur: float
    table: pd.DataFrame
    earns_eur: Interval


def explain_portfolio(
    options: pd.DataFrame,
    *,
    hours: float | None = None,
    budget_eur: float | None = None,
    hours_per_agent: float = 1400.0,
    resamples: Iterable[pd.DataFrame] = (),
    level: float = 0.95,
) -> Explanation:
    """Solve, and solve again with something changed: limits, one more agent, the second-best plan, other effects.

    Args:
        options: as for `portfolio`, with ``effect_low`` and ``effect_high`` as well.
        hours: people's hours in a year; None for no limit.
        budget_eur: for a year; None for no limit.
        hours_per_agent: what one agent works in a year.
        resamples: made by `resampled_options`, to see what chance does to the plan.
        level: of the interval on what the plan earns.

    Returns:
        The explanation. An integer programme has no shadow prices, so every worth is a difference of two solutions.

    Raises:
        InfeasibleError: (a ValueError) as for `portfolio`.
    """
    limits: dict[str, Any] = {"hours": hours, "budget_eur": budget_eur}
    plan = portfolio(options, **limits)

    def better(**changed: float | None) -> Plan:
        return portfolio(options, **{**limits, **changed})

    def gain(other: Plan) -> float:
        return max(other.margin_eur - plan.margin_eur, 0.0)

    worth_noting = 1e-6 * max(abs(plan.margin_eur), 1.0)
    binding = tuple(
        name for name, limit in limits.items() if limit is not None and gain(better(**{name: None})) > worth_noting
    )
    given = tuple(name for name, limit in limits.items() if limit is not None)
    if not binding and len(given) > 1 and gain(better(**dict.fromkeys(given))) > worth_noting:
        binding = given  # each alone would do: only both together make room
    with_agent = plan if hours is None else better(hours=hours + hours_per_agent)
    richer = plan if budget_eur is None else better(budget_eur=1.1 * budget_eur)
    try:
        second = portfolio(options, **limits, without=[plan])
    except InfeasibleError:
        second = None
    ends = {end: portfolio(options, **limits, effect=f"effect_{end}") for end in ("low", "high")}
    regrets = {}
    for end, best in ends.items():
        table, margin = _checked_options(options, f"effect_{end}")
        regrets[end] = max(best.margin_eur - float(margin[_chosen(table, plan)].sum()), 0.0)
    table = pd.DataFrame({"segment": plan.table["segment"], "plan": plan.table["type"]})
    others = {"second": second, **ends, "with_agent": with_agent}
    for name, other in others.items():
        table[name] = table["segment"].map(other.types) if other is not None else None
    table["stable"] = (table["plan"] == table["low"]) & (table["plan"] == table["high"])
    kept, earned = _under_chance(plan, limits, resamples)
    if earned:
        table["kept"] = table["segment"].map(kept)
    ends_of = np.quantile(earned or [plan.margin_eur], [(1 - level) / 2, (1 + level) / 2])
    lacking = max(other.within_eur for other in (with_agent, richer, second or plan))
    return Explanation(
        plan,
        binding,
        gain(with_agent),
        with_agent,
        gain(richer),
        second,
        max(plan.margin_eur - second.margin_eur, 0.0) if second is not None else float("nan"),
        plan.within_eur + lacking,
        ends["low"],
        ends["high"],
        regrets["low"],
        regrets["high"],
        table,
        Interval(plan.margin_eur, float(ends_of[0]), float(ends_of[1])),
    )


def _under_chance(
    plan: Plan, limits: Mapping[str, Any], resamples: Iterable[pd.DataFrame]
) -> tuple[dict[str, float], list[float]]:
    """How often each segment would get its type again, and what the plan would earn each time."""
    kept, earned = dict.fromkeys(plan.types, 0), []
    for options in resamples:
        table, margin = _checked_options(options, "effect")
        earned.append(float(margin[_chosen(table, plan)].sum()))
        try:
            types = portfolio(options, **limits).types
        except InfeasibleError:  # these customers need more than the limits allow: no type is kept
            continue
        for segment, kind in plan.types.items():
            kept[segment] += types.get(segment) == kind
    return {segment: n / max(len(earned), 1) for segment, n in kept.items()}, earned


class Automation(NamedTuple):
    """How cost, resolution and value at risk move with the share of matters that begin with a machine.

    Attributes:
        table: one row a share: ``share``, ``cost`` (to serve a matter with all that follows), ``solved`` (the
            share solved in the end), ``at_risk`` (value lost through matters that are not), ``total`` (cost and
            at_risk); all but the shares in EUR a matter. It ends where the topics that can be judged end.
        order: one row a topic, the one that gains most first: ``topic``, ``weight``, ``saves`` (cost saved a matter),
            ``risks`` (value put at risk a matter), ``gain`` with ``gain_lower`` and ``gain_upper``.
        best: the share up to which every further matter gains; 0 if none does.
        break_even: the share at which all gains are used up again: 0 if there are none, infinite if they last.
        today: the share that begins with the machine now, of those that begin with either.
        machine: the handler that is compared.
        person: the one it replaces.
        too_few: topics with too few matters to tell, which stay with the person.
    """

    table: pd.DataFrame
    order: pd.DataFrame
    best: Interval
    break_even: Interval
    today: float
    machine: str
    person: str
    too_few: tuple[str, ...]

    def __str__(self) -> str:
        def said(found: Interval) -> str:
            shares = [_percent(share) if share <= 1 else "never" for share in found]
            return f"{shares[0]} ({shares[1]} to {shares[2]})"

        last, sooner = "the gains do not run out", self.break_even.lower
        if self.break_even.estimate <= 1:
            last = f"all gains gone at {said(self.break_even)}"
        elif sooner <= 1:
            last += f", though by chance they may at {_percent(sooner)}" if sooner > 0 else ", if there are any"
        sure = f"best share {said(self.best)}, {last}"
        if not self.too_few:
            return sure
        return f"{sure}; too few matters to tell, and so left with the {self.person}: {_listed(self.too_few)}"


def automation_curve(
    matters: pd.DataFrame,
    *,
    value_eur: float,
    loss: float,
    false_flags: float = 0.0,
    machine: str = "bot",
    person: str = "human",
    least: int = LEAST,
    steps: int = 100,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Automation:
    """Automate the topics that gain most first, and watch where further automation begins to lose.

    Args:
        matters: made by `matters`; those that are not settled do not count.
        value_eur: what the customer behind a matter is worth.
        loss: the share of that which an unsolved matter loses, for instance the added chance that the customer leaves.
        false_flags: the share of a machine's failures that it records as solved, as for `cost_to_serve`. At 0 the flag
            is believed, and the machine looks better than it is.
        machine: the handler that takes over.
        person: the handler that it replaces.
        least: matters that each of the two needs in a topic; a topic with fewer stays with the person.
        steps: how finely the share is cut.
        resamples: how often customers are drawn anew for the intervals, which say what chance alone does: they hold
            the value, the loss and the share of false flags to be known.
        level: of the intervals.
        seed: of the draws.

    Returns:
        The curve over the topics that the person handles.

    Raises:
        ValueError: if they have no topic in common, or a share is none.

    Source: Efron and Tibshirani (1993), An introduction to the bootstrap: percentile intervals, customers drawn whole.
    """
    done = matters[matters["settled"] & matters["first"].isin([machine, person])]
    count = pd.crosstab(done["topic"], done["first"]).reindex(columns=[machine, person], fill_value=0)
    count = count[count[person] > 0]
    enough = count.index[(count >= least).all(axis=1)]
    if enough.empty:
        raise ValueError(f"{machine} and {person} have no topic in common that each began {least} times or more")
    # sums by customer, handler and topic, so that drawing customers anew is one product of matrices
    topics = [*enough, *count.index.difference(enough)]
    done = done[done["topic"].isin(topics)]
    who, customers = pd.factorize(done["customer_id"])
    cell = (done["first"] == person).to_numpy() * len(topics) + done["topic"].map(topics.index).to_numpy(dtype=np.int64)
    sums = np.zeros((3, len(customers), 2 * len(topics)))
    amounts = (np.ones(len(done)), done["cost_eur"].to_numpy(), _failures(done, false_flags).to_numpy())
    for of, amount in zip(sums, amounts, strict=True):
        np.add.at(of, (who, cell), amount)
    # today's weights of the topics are kept: the draws ask how well the handlers are known
    weight = count.loc[topics].sum(axis=1).to_numpy(dtype=np.float64)
    weight /= weight.sum()

    def topic_means(draws: Floats) -> tuple[Floats, Floats]:
        """Cost and share solved, by draw, handler and topic."""
        n, cost, failed = (np.reshape(draws @ of, (len(draws), 2, len(topics))) for of in sums)
        return cost / np.maximum(n, 1), 1 - np.clip(failed / np.maximum(n, 1), 0, 1)

    def gains(cost: Floats, solved: Floats) -> tuple[Floats, Floats]:
        return cost[:, 1] - cost[:, 0], value_eur * loss * (solved[:, 1] - solved[:, 0])

    cost, solved = topic_means(np.ones((1, len(customers))))
    saves, risks = (found[0, : len(enough)] for found in gains(cost, solved))
    drawn = np.random.default_rng(seed).multinomial(
        len(customers), np.full(len(customers), 1 / len(customers)), resamples
    )
    again = [found[:, : len(enough)] for found in gains(*topic_means(drawn.astype(np.float64)))]
    gain, moved = saves - risks, again[0] - again[1]
    ends = [(1 - level) / 2, (1 + level) / 2]
    order = pd.DataFrame(
        {"topic": enough, "weight": weight[: len(enough)], "saves": saves, "risks": risks, "gain": gain}
    )
    order["gain_lower"], order["gain_upper"] = np.quantile(moved, ends, axis=0)
    turns = np.array([_turns(row, order["weight"].to_numpy()) for row in (gain, *moved)])
    # an interval of shares may end at "never", which is infinite: no value between two draws exists there
    low, high = np.quantile(turns[1:], ends, axis=0, method="inverted_cdf")
    best, break_even = (Interval(*(float(v) for v in found)) for found in zip(turns[0], low, high, strict=True))

    order = order.sort_values("gain", ascending=False, kind="stable")
    at = order.index.to_numpy()
    order = order.reset_index(drop=True)
    reached = np.concatenate([[0.0], np.cumsum(order["weight"])])
    shares = np.unique(np.concatenate([np.linspace(0, reached[-1], steps + 1), reached]))

    def along(by_topic: Floats) -> Floats:
        """The mean over matters when the first so many of them begin with the machine."""
        change = np.concatenate([[0.0], np.cumsum(weight[at] * (by_topic[0, 0] - by_topic[0, 1])[at])])
        return np.asarray(weight @ by_topic[0, 1] + np.interp(shares, reached, change), dtype=np.float64)

    table = pd.DataFrame({"share": shares, "cost": along(cost), "solved": along(solved)})
    table["at_risk"] = value_eur * loss * (1 - table["solved"])
    table["total"] = table["cost"] + table["at_risk"]
    today = float(count[machine].sum() / count.to_numpy().sum())
    return Automation(table, order, best, break_even, today, machine, person, tuple(topics[len(enough) :]))


def _turns(gain: Floats, weight: Floats) -> tuple[float, float]:
    """The best share and the break-even share, if the topics that gain most go first."""
    first = np.argsort(-gain, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weight[first])])
    gained = np.concatenate([[0.0], np.cumsum((weight * gain)[first])])
    top = int((gain > 0).sum())
    # the gain is concave: after the best share it can come back to 0 once
    beyond = np.flatnonzero(gained[top:] <= 0)
    if top == 0 or not len(beyond):
        return float(reached[top]), 0.0 if top == 0 else float("inf")
    i = top + int(beyond[0])
    return float(reached[top]), float(np.interp(0.0, [-gained[i - 1], -gained[i]], [reached[i - 1], reached[i]]))


# ---------------------------------------------------------------------------------------------------------------------
# Figures
# ---------------------------------------------------------------------------------------------------------------------


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _euros(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def plot_types() -> figures.Figure:
    """The six types on the axis of duration, with what each mainly serves."""
    kinds = list(relationship_types.types().values())
    fig, (ax,) = figures.new(size=(8.5, 3.6))
    for i, kind in enumerate(reversed(kinds)):
        low, high = kind.duration
        ax.barh(i, high - low, left=low, height=0.55, **figures.bar(len(kinds) - 1 - i))
        ax.annotate(
            ", ".join(kind.motivations), (high, i), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=9, color=figures.INK,
        )  # fmt: skip
    ax.set_yticks(range(len(kinds)), [kind.name for kind in reversed(kinds)])
    ax.set_xticks([0, 0.5, 1], ["one transaction", "some time", "meant to last"])
    ax.set(xlim=(0, 1.28))
    longest = [kind.name.lower() for kind in kinds if kind.duration[1] >= 1]
    spans = "; ".join(f"{k.name} from {k.duration[0]:.1f} to {k.duration[1]:.1f}" for k in kinds)
    return figures.finish(
        fig,
        title=f"Only {len(longest)} of the {len(kinds)} types are built to last",
        alt=f"Where each type lies between a single transaction (0) and a lasting relationship (1): {spans}. Those "
        f"that reach the end are {_listed(longest)}.",
    )


def plot_mix(mix: pd.DataFrame, expected: Mapping[str, str] | None = None) -> figures.Figure:
    """The types in each segment's contacts, with the expected one marked.

    Args:
        mix: made by `contact_mix`.
        expected: the type that each segment expects.
    """
    wide = mix.pivot_table(index="segment", columns="type", values="share", observed=True)[list(_HANDLER_OF)]
    of = mix.groupby("segment")["of"].first()
    small = mix.groupby("segment")["small"].first()
    wide = wide.iloc[::-1]
    fig, (ax,) = figures.new(size=(9.5, 1.9 + 0.55 * len(wide)))
    wishes = {} if expected is None else dict(expected)
    left = np.zeros(len(wide))
    at = np.arange(len(wide))
    for i, kind in enumerate(wide.columns):
        share = wide[kind].to_numpy()
        ax.barh(at, 100 * share, left=100 * left, height=0.6, label=_SHORT[kind], **figures.bar(i))
        wanted = [relationship_types.known(wishes.get(str(segment), kind)) == kind for segment in wide.index]
        for y in np.flatnonzero(wanted) if wishes else ():
            if share[y] > 0.02:
                ax.plot(100 * (left[y] + share[y] / 2), y, marker="*", markersize=13, color="white",
                        markeredgecolor=figures.INK, linestyle="none")  # fmt: skip
        left += share
    names = [f"{name} ({of[name]:,}{', small' if small[name] else ''})" for name in wide.index]
    ax.set_yticks(at, names)
    ax.set(xlabel="share of contacts, %", xlim=(0, 100))
    ax.legend(frameon=False, fontsize=9, labelcolor=figures.INK, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    if expected is None:
        top = mix.loc[mix.groupby("segment")["contacts"].idxmax(), "type"].value_counts()
        title = f"{_SHORT[top.index[0]]} comes first in {top.iloc[0]} of {len(wide)} segments"
    else:
        most = dict(zip(wide.index.astype(str), wide.idxmax(axis=1), strict=True))
        agrees = sum(relationship_types.known(wishes[s]) == t for s, t in most.items() if s in wishes)
        title = f"In {agrees} of {len(wide)} segments the most frequent type is the one expected (starred)"
    said = []
    for segment, shares in zip(wide.index[::-1], wide.to_numpy()[::-1], strict=True):
        named = zip(wide.columns, shares, strict=True)
        said.append(f"{segment}: " + ", ".join(f"{_SHORT[str(t)].lower()} {_percent(v)}" for t, v in named if v > 0))
    return figures.finish(fig, title=title, alt=f"Shares of the types in each segment's contacts. {'; '.join(said)}.")


def plot_containment(table: pd.DataFrame) -> figures.Figure:
    """Raw, recorded and verified containment of each handler, with intervals.

    Args:
        table: made by `containment`, by one column.
    """
    by = table.columns[0]
    fig, (ax,) = figures.new(size=(8.5, 4.0))
    at = np.arange(len(table))
    said, drawn = [], False
    for i, (name, words) in enumerate(
        (
            ("contained", "not passed on (raw)"),
            ("recorded", "and closed as resolved"),
            ("verified", "and nobody came back"),
        )
    ):
        share = table[name].to_numpy()
        if np.isnan(share).all():
            continue
        spread = np.abs(np.stack([share - table[f"{name}_lower"], table[f"{name}_upper"] - share]))
        style = {**figures.line(i), "linestyle": "none", "markersize": 8}
        ax.errorbar(
            at + 0.18 * (i - 1),
            100 * share,
            yerr=100 * spread,
            capsize=3,
            label=words if drawn else words.removeprefix("and "),
            **style,
        )
        drawn = True
    first, words = (
        ("contained", "contained") if table["contained"].notna().any() else ("recorded", "closed as resolved")
    )
    for name, *shares in table[[by, "contained", "recorded", "verified"]].to_numpy().tolist():
        said.append(f"{name}: {', '.join('not known' if np.isnan(share) else _percent(share) for share in shares)}")
    mark = [f"{name}\n{n:,} contacts{', small' if s else ''}" for name, n, s in
            zip(table[by], table["contacts"], table["small"], strict=True)]  # fmt: skip
    ax.set_xticks(at, mark)
    ax.set(ylabel="share of contacts, %, 95 % interval", ylim=(0, 105), xlim=(-0.6, len(table) - 0.4))
    figures.legend(ax, loc="lower left")
    worst = table.iloc[int((table[first] - table["verified"]).to_numpy().argmax())]
    title = (
        f"{str(worst[by]).capitalize()}: {_percent(float(worst[first]))} {words}, "
        f"{_percent(float(worst['verified']))} verified"
    )
    return figures.finish(
        fig, title=title, alt=f"Contained, closed as resolved, and verified, by {by}. {'; '.join(said)}."
    )


def plot_comparison(naive: Comparison, fair: Comparison | None = None) -> figures.Figure:
    """Two handlers topic by topic, and what is left of their difference in each way of comparing.

    Args:
        naive: made by `compare_handlers`; its overall difference is shown first.
        fair: the comparison whose topics are shown, and both differences of which make the title; default: the same.
    """
    fair = naive if fair is None else fair
    table = fair.table.sort_values(f"share_{fair.b}")
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    at = np.arange(len(table))
    for i, handler in enumerate((fair.a, fair.b)):
        share = table[f"share_{handler}"].to_numpy()
        spread = np.abs(np.stack([share - table[f"lower_{handler}"], table[f"upper_{handler}"] - share]))
        style = {**figures.line(i), "linestyle": "none"}
        left.errorbar(100 * share, at + 0.12 * (1 - 2 * i), xerr=100 * spread, capsize=3, label=handler, **style)
    left.set_yticks(
        at, [f"{topic} ({100 * w:.0f} %)" for topic, w in zip(table.iloc[:, 0], table["weight"], strict=True)]
    )
    left.set(xlabel=f"{fair.measure}, %", xlim=(0, 102), ylim=(-0.5, len(table) + 0.2))
    figures.legend(left, loc="upper left", ncols=2)
    ways = [
        (f"{naive.measure}, as it comes", naive.naive),
        (f"{fair.measure}, as it comes", fair.naive),
        (f"{fair.measure}, within topic", fair.standardised),
    ]
    ways = ways[1:] if naive is fair else ways
    for i, (_, gap) in enumerate(ways):
        spread = np.array([[gap.estimate - gap.lower], [gap.upper - gap.estimate]])
        right.errorbar(
            [100 * gap.estimate], [-i], xerr=100 * spread, capsize=4, **{**figures.line(i), "linestyle": "none"}
        )
        right.annotate(
            f"{100 * gap.estimate:+.0f}", (100 * gap.estimate, -i), xytext=(0, 8), textcoords="offset points",
            ha="center", fontsize=10, color=figures.INK,
        )  # fmt: skip
    right.axvline(0, color=figures.GREY, linewidth=1)
    right.set_yticks([-i for i in range(len(ways))], [name for name, _ in ways])
    right.set(xlabel=f"{fair.a} minus {fair.b}, points", ylim=(-len(ways) + 0.4, 0.7))
    title = (
        f"{fair.a.capitalize()} against {fair.b}, {fair.measure}: {100 * fair.naive.estimate:+.0f} points as it comes, "
        f"{100 * fair.standardised.estimate:+.0f} within topic"
    )
    topics = "; ".join(
        f"{row[table.columns[0]]}: {_percent(row[f'share_{fair.a}'])} against {_percent(row[f'share_{fair.b}'])}"
        for _, row in table.iterrows()
    )
    return figures.finish(fig, title=title, alt=f"{title}. By topic, {fair.measure}, {topics}.")


def plot_whale(whale: Whale, *, currency: str = "EUR") -> figures.Figure:
    """The cumulative profit of customers, the most profitable first.

    Args:
        whale: made by `whale_curve`.
        currency: of the profits.
    """
    fig, (ax,) = figures.new(size=(8, 4.2))
    x, y = 100 * whale.table["share_of_customers"], whale.table["profit_eur"]
    ax.plot(x, y, **{**figures.line(0), "marker": ""})
    ax.axhline(whale.total_eur, color=figures.GREY, linestyle="--", linewidth=1.2)
    ax.plot([100 * whale.peak_at], [whale.peak_eur], marker="o", color=figures.VERMILION)
    ax.annotate(
        f"{whale.losers:,} customers beyond this point\ncost {whale.lost_eur:,.0f} {currency} more than they bring",
        (100 * whale.peak_at, whale.peak_eur), xytext=(-12, -46), textcoords="offset points", ha="right",
        fontsize=10, color=figures.INK,
    )  # fmt: skip
    ax.set(xlabel="customers, most profitable first, %", ylabel=f"cumulative profit, {currency}", xlim=(0, 102))
    _euros(ax.yaxis)
    half = 0.5 * whale.total_eur
    top = float(np.interp(half, y, x)) if whale.total_eur > 0 else float("nan")
    title = (
        f"Half of the profit comes from {top:.0f} % of the customers; {whale.losers:,} cost more than they bring"
        if np.isfinite(top)
        else f"Serving costs more than it brings: {whale.total_eur:,.0f} {currency} in all"
    )
    return figures.finish(
        fig,
        title=title,
        alt=f"Cumulative profit, most profitable customers first. It peaks at {whale.peak_eur:,.0f} {currency} with "
        f"{_percent(whale.peak_at)} of customers and ends at {whale.total_eur:,.0f}. {title}.",
    )


def plot_portfolio(options: pd.DataFrame, explanation: Explanation, *, given: str = "") -> figures.Figure:
    """What each type would earn in each segment, with the chosen one ringed.

    Args:
        options: those that the plan was chosen from.
        explanation: made by `explain_portfolio`.
        given: what the plan was made for, to stand before the finding in the title.
    """
    table, margin = _checked_options(options, "effect")
    segments = list(explanation.plan.table["segment"])[:12]
    kinds = [kind for kind in _SHORT if kind in set(table["type"])]
    fig, (ax,) = figures.new(size=(9.5, 2.2 + 0.62 * len(segments)))
    best = max(float(np.abs(margin).max()), 1e-9)
    for y, segment in enumerate(reversed(segments)):
        rows = table.index[table["segment"] == segment]
        for row in rows:
            i = kinds.index(table.loc[row, "type"])
            style = {**figures.line(i), "linestyle": "none", "markersize": 7}
            ax.plot([margin[row]], [y], label=_SHORT[kinds[i]] if y == 0 else None, **style)
        taken = rows[table.loc[rows, "type"] == explanation.plan.types[segment]][0]
        ax.plot([margin[taken]], [y], marker="o", markersize=16, markerfacecolor="none", markeredgecolor=figures.INK)
    ax.axvline(0, color=figures.GREY, linewidth=1)
    ax.set_yticks(range(len(segments)), list(reversed(segments)))
    ax.set(
        xlabel="value kept less cost to serve, EUR a year (axis logarithmic away from 0)",
        ylim=(-0.6, len(segments) - 0.4),
    )
    low, high, even = 1.4 * min(margin.min(), 0) - 0.02 * best, 1.4 * best, max(best / 50, 1.0)
    ax.set_xscale("symlog", linthresh=even)
    powers = 10.0 ** np.arange(np.ceil(np.log10(even)), np.ceil(np.log10(max(high, -low))))
    ax.set(xlim=(low, high), xticks=[x for x in (*-powers, 0, *powers) if low <= x <= high])
    _euros(ax.xaxis)
    ax.tick_params(axis="x", labelrotation=30)
    ax.legend(frameon=False, fontsize=9, labelcolor=figures.INK, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    held = {"hours": "people's hours", "budget_eur": "the budget"}
    bound = _listed([held[name] for name in explanation.binding]) if explanation.binding else "nothing"
    begins = f"{given}: the" if given else "The"
    kept = explanation.plan.margin_eur
    more = "keeps {:,.0f} EUR a year more than it costs" if kept >= 0 else "costs {:,.0f} EUR a year more than it keeps"
    title = f"{begins} best plan {more.format(abs(kept))}, limited by {bound}"
    chosen = "; ".join(f"{s}: {_SHORT[explanation.plan.types[s]].lower()}" for s in segments)
    return figures.finish(fig, title=title, alt=f"{title}. Chosen: {chosen}.")


def plot_automation(curve: Automation, *, at: float | None = None) -> figures.Figure:
    """Cost, value at risk and resolution by the share of matters that begin with a machine.

    Args:
        curve: made by `automation_curve`.
        at: a share to mark on the curves.
    """
    table = curve.table
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    x = 100 * table["share"]
    for i, (name, words) in enumerate((("cost", "cost to serve"), ("at_risk", "value at risk"), ("total", "both"))):
        left.plot(x, table[name], label=words, **{**figures.line(i), "marker": ""})
    right.plot(x, 100 * table["solved"], **{**figures.line(0), "marker": ""})
    if at is not None:
        at = min(at, float(table["share"].max()))
        for ax, name, times in ((left, "cost", 1), (left, "at_risk", 1), (left, "total", 1), (right, "solved", 100)):
            height = times * float(np.interp(at, table["share"], table[name]))
            ax.plot([100 * at], [height], marker="o", markersize=9, color=figures.INK, zorder=5)
    marks = [("best share", curve.best.estimate, figures.GREEN, "-"), ("today", curve.today, figures.GREY, ":")]
    if 0 < curve.break_even.estimate <= 1:
        marks.append(("break-even", curve.break_even.estimate, figures.VERMILION, "--"))
    for ax in (left, right):
        ax.axvspan(100 * curve.best.lower, 100 * curve.best.upper, color=figures.GREEN, alpha=0.12, linewidth=0)
        for word, share, colour, style in marks:
            ax.axvline(100 * share, color=colour, linestyle=style, linewidth=1.4, label=word if ax is right else None)
        ax.set(xlabel=f"matters that begin with the {curve.machine}, %", xlim=(0, 100))
    left.set(ylabel="EUR a matter", ylim=(0, 1.25 * float(table["total"].max())))
    right.set(ylabel="solved in the end, %", ylim=(min(80.0, 100 * float(table["solved"].min()) - 2), 101))
    figures.legend(left, loc="upper right", ncols=3)
    figures.legend(right, loc="lower left")
    best = curve.best
    if best.lower > 0 or best.upper == 0:
        title = f"Automate up to {_percent(best.estimate)}" if best.estimate > 0 else "Automate nothing"
        title += f"; from {_percent(best.lower)} to {_percent(best.upper)} may be best"
    else:
        title = f"{_percent(best.lower)} to {_percent(best.upper)} may be best; the log cannot tell more"
    first, last = table.iloc[0], table.iloc[-1]
    return figures.finish(
        fig,
        title=title,
        alt=f"{title}. With 95 % intervals: {curve}. From none to {_percent(last['share'])} with the {curve.machine}, "
        f"cost to serve goes from {first['cost']:.2f} to {last['cost']:.2f} "
        f"EUR a matter, value at risk from {first['at_risk']:.2f} to {last['at_risk']:.2f}, and the share solved from "
        f"{_percent(first['solved'])} to {_percent(last['solved'])}. Today {_percent(curve.today)} begin with the "
        f"{curve.machine}.",
    )
