"""Checks on the register: on the records alone, and against what the contact log says.

Every check has a name. Who has a reason to live with a finding silences the check for that record, with the reason
beside it: the finding stays in the table, marked as silenced. A finding from data rests on an interval (Wilson 1927),
or on a count of all customers; where the data cannot tell, and below `FEW_CONTACTS` cases, no finding is made.
"""

from __future__ import annotations

import datetime
import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from crkit import figures, relationship_types
from crkit.company import HANDLERS
from crkit.grouping import segment_of
from crkit.hub_register import FIELDS, FREQUENCIES, METRIC_FIELDS, Record, label, linked
from crkit.intervals import Share, share

FEW_CONTACTS = 30
JUDGED = ("active", "paused")  # only these say that something exists
HANDLED_BY = tuple(handler for handler in HANDLERS if handler != "owner")  # in the log an owner is a person too
# which handler in the log stands for which type; co-creation leaves no trace there
HANDLER_OF = {
    kind.id: "human" if kind.handled_by == "owner" else kind.handled_by
    for kind in relationship_types.types().values()
    if kind.handled_by
}
HANDLER_NAMES = {"self": "self-service", "bot": "the bot", "human": "people", "community": "the community"}
OPENING_STAGES = ("acquisition", "onboarding")


class Check(NamedTuple):
    """What a check looks for.

    Attributes:
        name: by which it is silenced.
        kind: ``complete``, ``aligned``, ``owned``, ``measured``, ``contradiction``, ``review``, ``text`` or ``data``.
        asks: the question that it puts to a record.
    """

    name: str
    kind: str
    asks: str


CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check("no_name", "complete", "Does it have a name?"),
        Check("no_segment", "complete", "Is it said whom it is for?"),
        Check("no_value_proposition", "complete", "Is it said what they get?"),
        Check("no_channel", "complete", "Is it said where it takes place?"),
        Check("no_type", "complete", "Is a type chosen?"),
        Check("no_expected_type", "complete", "Is it said what the segment expects?"),
        Check("no_established_type", "complete", "Is it said what exists now?"),
        Check("no_purpose", "complete", "Does it acquire, retain or grow?"),
        Check("no_stage", "complete", "Is it said in which stage of the customer's life it works?"),
        Check("no_resource", "complete", "Is it said what it takes?"),
        Check("no_activity", "complete", "Is it said what the company must do for it?"),
        Check("no_partner", "complete", "Is it said on which partners it depends?"),
        Check("no_revenue_stream", "complete", "Is it said which revenue stream it feeds?"),
        Check("no_cost_entry", "complete", "Is it said to which costs it adds?"),
        Check("no_cost", "complete", "Is it said what it costs in a year?"),
        Check("no_frequency", "complete", "Is it said how often the company turns to the customer?"),
        Check("no_objective", "aligned", "Does it serve a strategic objective?"),
        Check("not_as_expected", "aligned", "Is the type chosen the one that the segment expects?"),
        Check("not_as_chosen", "aligned", "Does an active relationship exist as it was chosen?"),
        Check("no_owner", "owned", "Does one person answer for it?"),
        Check("several_owners", "owned", "Is it one person, and not a committee?"),
        Check("no_metric", "measured", "Is it judged by a number?"),
        Check("metric_without_target", "measured", "Does every metric have a target?"),
        Check("metric_without_current", "measured", "Is it known where every metric stands?"),
        Check("metric_without_unit", "measured", "Does every metric have a unit?"),
        Check("no_feedback_loop", "measured", "Can customers say what they think of it, and does somebody answer?"),
        Check("stage_against_purpose", "contradiction", "Do stage and purpose agree?"),
        Check("channel_against_type", "contradiction", "Can the type be lived in these channels?"),
        Check("cost_against_type", "contradiction", "Can the type be had at this cost?"),
        Check("two_types_for_a_segment", "contradiction", "Is one segment promised one thing at each stage?"),
        Check("retired_but_counted", "contradiction", "Does what is retired cost nothing?"),
        Check("no_review", "review", "Is the next review fixed?"),
        Check("review_overdue", "review", "Is the review still to come?"),
        Check("html_in_text", "text", "Is the text free of HTML?"),
        Check("unknown_field", "text", "Is every field one that is read, and none of them misspelt?"),
        Check("unknown_check", "text", "Does every check that is silenced exist?"),
        Check("segment_not_in_data", "data", "Do the data know the segment?"),
        Check("few_contacts", "data", f"Are there {FEW_CONTACTS} contacts or more to judge by?"),
        Check("not_in_the_log", "data", "Does the log show the type that is said to exist?"),
        Check("no_named_person", "data", "Do most of its customers have a named person, if it is dedicated?"),
        Check("seldom_spoken_with", "data", "Does a person turn to them as often as promised?"),
        Check("target_missed", "data", "Is the target met?"),
        Check("current_is_off", "data", "Does the metric stand where the record says?"),
    )
}
COLUMNS = ("record", "kind", "check", "says", "silenced")


# ---------------------------------------------------------------------------------------------- on the register alone

_MISSING = {
    "no_name": ("name", "It has no name."),
    "no_segment": ("segments", "It is for nobody: name the segment."),
    "no_value_proposition": ("value_proposition", "It does not say what the customer gets."),
    "no_channel": ("channels", "It takes place nowhere: name a channel."),
    "no_type": ("interaction_type", "No type is chosen."),
    "no_expected_type": ("expected_type", "Nobody has said which type the segment expects."),
    "no_established_type": ("established_type", "Nobody has said which type exists now."),
    "no_purpose": ("purpose", "It does not say whether it acquires, retains or grows."),
    "no_stage": ("stage", "It does not say in which stage of the customer's life it works."),
    "no_resource": ("resources", "It seems to take no resource."),
    "no_activity": ("activities", "It does not say what the company must do."),
    "no_partner": ("partners", "It names no partner; if there is none, silence this with that reason."),
    "no_revenue_stream": ("revenue_streams", "It feeds no revenue stream."),
    "no_cost_entry": ("costs", "It adds to no entry of the cost structure."),
    "no_frequency": ("frequency", "It does not say how often the company turns to the customer."),
    "no_objective": ("objectives", "It serves no strategic objective: why have it?"),
    "no_owner": ("owner", "Nobody answers for it."),
    "no_metric": ("metrics", "Nothing says whether it works: give it a metric."),
    "no_feedback_loop": ("feedback_loop", "Customers cannot say what they think of it, or nobody answers."),
}
_TAG = re.compile(r"<\s*/?\s*[a-zA-Z!?][^>]*>?|&(?:#\w+|[a-zA-Z]+);|javascript:", re.IGNORECASE)
_REMOTE_ONLY = {"web", "web store", "website", "app", "forum", "chatbot", "self-service portal", "faq"}


def check_register(records: Iterable[Record], *, today: datetime.date) -> pd.DataFrame:
    """Check the records alone: complete, aligned, owned, measured, free of contradictions, reviewed.

    Args:
        records: of the register.
        today: the day that reviews are compared with.

    Returns:
        One row a finding, in the order of the records: ``record`` (its id), ``kind``, ``check`` (a name of `CHECKS`),
        ``says`` (a sentence) and ``silenced`` (the reason, or an empty string).

    Example:
        >>> found = check_register([Record("R1", "Advice", review_on="2025-01-31")], today=datetime.date(2025, 3, 1))
        >>> found.loc[found["check"] == "review_overdue", "says"].item()
        'The review was due on 2025-01-31, 29 days ago.'
    """
    records = list(records)
    return _table(records, (lambda record: _alone(record, records, today),))


def _table(records: Sequence[Record], looks: Sequence[Callable[[Record], Iterable[tuple[str, str]]]]) -> pd.DataFrame:
    rows = [
        (record.id, CHECKS[name].kind, name, says, record.silenced.get(name, ""))
        for record in records
        for look in looks
        for name, says in look(record)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")


def _alone(record: Record, records: Sequence[Record], today: datetime.date) -> Iterator[tuple[str, str]]:
    yield from ((name, says) for name, (attribute, says) in _MISSING.items() if not getattr(record, attribute))
    if record.cost_per_year is None:
        yield "no_cost", "It does not say what it costs in a year."
    yield from _aligned(record)
    if re.search(r"[,;/&]|\band\b|\bund\b|\bteam\b|\beverybody\b|\beveryone\b|\ball\b", record.owner, re.IGNORECASE):
        yield "several_owners", f"{record.owner!r} is not one person: who is asked when it fails?"
    for part in ("target", "current", "unit"):
        without = [metric.name for metric in record.metrics if getattr(metric, part) in (None, "")]
        if without:
            yield f"metric_without_{part}", f"Without a {part}: {', '.join(without)}."
    yield from _contradictions(record, records)
    if record.status != "retired":
        if record.review_on is None:
            yield "no_review", "No day is fixed for the next review."
        elif record.review_on < today:
            days = (today - record.review_on).days
            yield "review_overdue", f"The review was due on {record.review_on}, {days:,} days ago."
    tagged = [label(name) for name, text in _all_text(record) if _TAG.search(text)]
    if tagged:
        where = ", ".join(dict.fromkeys(tagged))
        yield "html_in_text", f"There is HTML in {where}; it is shown as plain text and never run."
    yield from _misspelt(record)


def _misspelt(record: Record) -> Iterator[tuple[str, str]]:
    """Names that are nearly one of ours; another field is the reader's own, and nobody minds it."""
    names = [(name, _near(name, FIELDS)) for name in record.extra]
    names += [(name, _near(name, METRIC_FIELDS)) for metric in record.metrics for name in metric.extra]
    meant = [f"{name!r} (did you mean {near}?)" for name, near in names if near]
    if meant:
        yield "unknown_field", f"It is kept, and not read: {', '.join(meant)}."
    unknown = [_asked(name, CHECKS) for name in record.silenced if name not in CHECKS]
    if unknown:
        yield "unknown_check", f"There is no check {', '.join(unknown)}, so nothing is silenced by it."


def _near(name: str, known: Iterable[str]) -> str:
    """The known name that a misspelt one is close to, or an empty string."""
    plain = {one.casefold().replace("_", " "): one for one in known}
    close = difflib.get_close_matches(name.casefold().replace("_", " ").strip(), plain, n=1, cutoff=0.75)
    return plain[close[0]] if close else ""


def _asked(name: str, known: Iterable[str]) -> str:
    near = _near(name, known)
    return f"{name!r} (did you mean {near}?)" if near else repr(name)


def _aligned(record: Record) -> Iterator[tuple[str, str]]:
    chosen, expected, exists = record.interaction_type, record.expected_type, record.established_type
    if chosen and expected and chosen != expected:
        yield "not_as_expected", f"The segment expects {label(expected)}, and {label(chosen)} is chosen."
    if record.status == "active" and chosen and exists and chosen != exists:
        yield "not_as_chosen", f"{label(chosen).capitalize()} is chosen, and {label(exists)} is what exists."


def _contradictions(record: Record, records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    opening = record.stage in OPENING_STAGES
    if record.purpose and record.stage and (record.purpose == "acquire") != opening:
        yield "stage_against_purpose", f"It is to {record.purpose}, in the stage {record.stage}: one of them is wrong."
    personal = record.interaction_type in ("personal_assistance", "dedicated_personal_assistance")
    channels = {channel.casefold() for channel in record.channels}
    if personal and channels and channels <= _REMOTE_ONLY:
        yield (
            "channel_against_type",
            f"{label(record.interaction_type).capitalize()} needs a channel with a person in it; "
            f"there is {', '.join(record.channels)}.",
        )
    if personal and record.cost_per_year == 0:
        yield "cost_against_type", f"{label(record.interaction_type).capitalize()} at no cost: whose time is it?"
    if record.status == "retired" and record.cost_per_year:
        yield "retired_but_counted", f"It is retired and still costs {record.cost_per_year:,.0f} {record.currency}."
    if record.status == "active" and record.interaction_type:
        for other in records:
            same = set(record.segments) & set(other.segments)
            clash = other.interaction_type and other.interaction_type != record.interaction_type
            if other.id != record.id and other.status == "active" and other.stage == record.stage and same and clash:
                yield (
                    "two_types_for_a_segment",
                    f"{', '.join(sorted(same))}: {other.id} promises {label(other.interaction_type)} at this stage.",
                )


def _all_text(record: Record) -> Iterator[tuple[str, str]]:
    for name in ("id", "name", "owner", "currency", "value_proposition", "integration", "feedback_loop"):
        yield name, getattr(record, name)
    for name in ("segments", "channels", "objectives", "resources", "activities", "partners", "revenue_streams"):
        yield from ((name, text) for text in getattr(record, name))
    for name in ("costs", "assumptions"):
        yield from ((name, text) for text in getattr(record, name))
    for metric in record.metrics:
        yield from (("metrics", metric.name), ("metrics", metric.unit))
    for name, reason in record.silenced.items():
        yield from (("silenced", name), ("silenced", reason))


def health(records: Sequence[Record], findings: pd.DataFrame) -> pd.DataFrame:
    """How each record stands, kind by kind: the number of findings that are not silenced.

    Args:
        records: of the register.
        findings: of `check_register`, `check_data`, or both together (``pandas.concat``).

    Returns:
        One row a record, with its id as the index: ``name``, one column for each kind of check, and ``in all``.
    """
    kinds = list(dict.fromkeys(check.kind for check in CHECKS.values()))
    open_ones = findings[findings["silenced"] == ""]
    counts = pd.crosstab(open_ones["record"], open_ones["kind"]).reindex(
        index=[record.id for record in records], columns=kinds, fill_value=0
    )
    counts["in all"] = counts.sum(axis=1)
    counts.insert(0, "name", [record.name for record in records])
    return counts.rename_axis(index="id", columns=None)


# ------------------------------------------------------------------------------------------------- against the data


class Evidence(NamedTuple):
    """What the contact log says about the segments.

    Attributes:
        table: one row a segment and measure: ``segment``, ``measure`` (of `MEASURES`), ``share``, ``lower``, ``upper``
            (95 %, Wilson) and ``cases``. ``owner_share`` counts all customers, so both ends are the share itself.
        pauses: the median number of days since a person last spoke with a customer who can have been spoken with, by
            segment; never spoken with counts from the first contact in the log.
        segments: the number of customers by segment.
    """

    table: pd.DataFrame
    pauses: Mapping[str, float]
    segments: Mapping[str, int]

    def get(self, segments: Iterable[str], measure: str) -> Share:
        """The share over several segments together.

        Args:
            segments: their names; those that the data do not know are left out.
            measure: one of `MEASURES`.
        """
        rows = self.table[self.table["segment"].isin(list(segments)) & (self.table["measure"] == measure)]
        return _seen_share(measure, round(float((rows["share"] * rows["cases"]).sum())), int(rows["cases"].sum()))


class Count(Share):
    """A share of all that there are, and not of a sample: its interval is the share itself."""

    def __str__(self) -> str:
        return f"{self.share:.0%} (all {self.cases:,} counted)"


def _seen_share(measure: str, successes: int, cases: int) -> Share:
    if measure == "owner_share" and cases:
        return Count(*(successes / cases,) * 3, cases)
    return share(successes, cases)


def evidence(
    contacts: pd.DataFrame,
    segments: pd.DataFrame,
    customers: pd.DataFrame | None = None,
    *,
    since: datetime.date | pd.Timestamp | None = None,
) -> Evidence:
    """Count what the contact log says about each segment.

    Shares of handlers and of matters resolved rest on contacts that the *customer* began: what the company begins says
    what it plans, not what a customer meets. A matter (``issue_id``) counts as resolved if its last contact in the log
    is recorded as resolved; every earlier contact on it was not the end of it, whatever was recorded then.

    Args:
        contacts: the table ``contacts``.
        segments: one row a customer, with ``customer_id`` and ``segment``, such as
            `crkit.grouping.visible_segments` gives.
        customers: the table ``customers``, for named account owners; without it ``owner_share`` has no cases.
        since: only contacts from this day on; all by default.

    Returns:
        An `Evidence`.

    Raises:
        ValueError: if a column is missing or a customer has two segments; the message says which.
    """
    needed = ("customer_id", "started_at", "handled_by", "initiated_by", "issue_id", "resolved", "csat")
    lacking = [name for name in needed if name not in contacts.columns]
    if lacking:
        raise ValueError(f"the contact log lacks the column {lacking[0]!r}; needed are {', '.join(needed)}")
    members = segment_of(segments)
    log = contacts.assign(segment=contacts["customer_id"].map(members))
    log = log[log["segment"].notna()]
    end = log["started_at"].max()
    if since is not None:
        log = log[log["started_at"] >= pd.Timestamp(since)]
    begun = log[log["initiated_by"] == "customer"]
    last = (
        begun[begun["issue_id"].notna()]
        .sort_values("started_at", kind="stable")
        .drop_duplicates("issue_id", keep="last")
    )
    answered = log[log["csat"].notna()]
    sizes = {str(name): int(count) for name, count in members.value_counts(sort=False).sort_index().items()}
    owned: Any = None
    if customers is not None and "account_owner" in customers.columns:
        owned = customers.set_index("customer_id")["account_owner"].notna()
    rows, pauses = [], {}
    for name in sizes:
        own = begun.loc[begun["segment"] == name, "handled_by"].astype(str)
        counts = {f"{handler}_share": ((own == handler).sum(), len(own)) for handler in HANDLED_BY}
        solved = last.loc[last["segment"] == name, "resolved"]
        counts["resolved_share"] = (int(solved.astype(bool).sum()), len(solved))
        scores = answered.loc[answered["segment"] == name, "csat"]
        counts["satisfied_share"] = (int((scores >= 4).sum()), len(scores))
        people = members.index[members == name]
        known = owned.reindex(people).fillna(False) if owned is not None else pd.Series(dtype=bool)
        counts["owner_share"] = (int(known.sum()), len(known))
        rows += [(name, measure, *_seen_share(measure, k, n)) for measure, (k, n) in counts.items()]
        pauses[name] = _pause(log[log["segment"] == name], end)
    table = pd.DataFrame(rows, columns=["segment", "measure", "share", "lower", "upper", "cases"])
    return Evidence(table, pauses, sizes)


def _pause(log: pd.DataFrame, end: Any) -> float:
    """Median days since a person last spoke with a customer of this part of the log."""
    spoken = log[log["handled_by"] == "human"].groupby("customer_id")["started_at"].max()
    first = log.groupby("customer_id")["started_at"].min()
    days = (end - spoken.reindex(first.index).fillna(first)).dt.total_seconds() / 86400
    return float(days.median()) if len(days) else math.nan


def targets(records: Iterable[Record], found: Evidence) -> pd.DataFrame:
    """Whether each metric that the contact log can judge meets its target, for active and paused records.

    Args:
        records: of the register.
        found: from `evidence`.

    Returns:
        One row a metric that names a ``measure``: ``record``, ``metric``, ``current`` (as the record says), ``target``,
        ``share`` (as the log says), ``lower``, ``upper``, ``cases``, ``verdict`` (see `verdict`), and ``why`` it cannot
        be told, if it cannot.
    """
    rows = []
    for record in _judged(records):
        for metric in record.metrics:
            if not metric.measure or metric.target is None:
                continue
            seen = found.get(record.segments, metric.measure)
            told = verdict(seen, metric.target, metric.better)
            why = "too few cases" if _few(seen) else "the interval holds the target"
            rows.append(
                (
                    record.id,
                    metric.name,
                    metric.current,
                    metric.target,
                    *seen,
                    told,
                    why if told == "cannot tell" else "",
                )
            )
    columns = ["record", "metric", "current", "target", "share", "lower", "upper", "cases", "verdict", "why"]
    return pd.DataFrame(rows, columns=columns).astype({"current": float, "target": float, "share": float})


def verdict(seen: Share, target: float, better: str = "higher") -> str:
    """Whether a share meets a target: ``met``, ``missed``, or ``cannot tell``.

    It is met if all of the interval is on the good side of the target, and missed if all of it is on the other. While
    the interval holds the target, and for a sample of fewer than `FEW_CONTACTS` cases, nobody can tell.

    Args:
        seen: the share with its interval.
        target: as a share from 0 to 1.
        better: ``higher`` or ``lower``.

    Example:
        >>> verdict(share(70, 100), 0.9), verdict(share(70, 100), 0.75), verdict(share(7, 100), 0.2, "lower")
        ('missed', 'cannot tell', 'met')
    """
    if _few(seen):
        return "cannot tell"
    if better == "higher":
        return "met" if seen.lower >= target else "missed" if seen.upper < target else "cannot tell"
    return "met" if seen.upper <= target else "missed" if seen.lower > target else "cannot tell"


def _few(seen: Share) -> bool:
    return seen.cases < FEW_CONTACTS and not isinstance(seen, Count)


def _judged(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.status in JUDGED]


def check_data(records: Iterable[Record], found: Evidence) -> pd.DataFrame:
    """Hold the records against the contact log.

    A segment that the data do not know is a finding for every record. For the rest, drafts, plans and retired records
    are not held against the log: they do not say that something exists.

    Args:
        records: of the register.
        found: from `evidence`.

    Returns:
        One row a finding, as `check_register` gives them.
    """
    return _table(list(records), (lambda record: _seen(record, found),))


def _seen(record: Record, found: Evidence) -> Iterator[tuple[str, str]]:
    known = [name for name in record.segments if name in found.segments]
    unknown = [name for name in record.segments if name not in found.segments]
    if unknown:
        said = ", ".join(_meant(name, found.segments) for name in unknown)
        yield "segment_not_in_data", f"The data know no segment {said}; they know {', '.join(found.segments)}."
    if not known or record.status not in JUDGED:
        return
    cases = found.get(known, "human_share").cases
    if cases < FEW_CONTACTS:
        count = f"{cases} contact{'' if cases == 1 else 's'}"
        yield "few_contacts", f"The log has {count} that these customers began: too few to judge by."
    else:
        yield from _type_in_log(record, known, found)
        yield from _talks(record, known, found)
    if record.established_type == "dedicated_personal_assistance":
        named = found.get(known, "owner_share")
        if named.cases and named.upper < 0.5:
            yield "no_named_person", f"Dedicated, but only {named} of the customers have a named person."
    for metric in record.metrics:
        if not metric.measure:
            continue
        seen = found.get(known, metric.measure)
        if metric.target is not None and verdict(seen, metric.target, metric.better) == "missed":
            yield "target_missed", f"{metric.name}: the target is {metric.target:.0%}, the data say {seen}."
        stands = metric.current
        rounded = 0.005  # a record is written in whole per cent
        if stands is not None and not _few(seen) and not seen.lower - rounded <= stands <= seen.upper + rounded:
            yield "current_is_off", f"{metric.name}: the record says {stands:.0%}, the data say {seen}."


def _meant(name: str, known: Iterable[str]) -> str:
    """An unknown segment, with those that were probably meant: several if they stand in one entry."""
    parts = [_near(part, known) for part in re.split(r"[;,/&|]", name)]
    if len(parts) > 1 and all(parts):
        return f"{name!r} (did you mean {' and '.join(parts)}? Each is an entry of its own)"
    return _asked(name, known)


def _talks(record: Record, known: Sequence[str], found: Evidence) -> Iterator[tuple[str, str]]:
    promised = FREQUENCIES.get(record.frequency, math.inf)
    pause = max((found.pauses[name] for name in known if not math.isnan(found.pauses[name])), default=0.0)
    personal = HANDLER_OF.get(record.established_type) == "human"
    if personal and math.isfinite(promised) and pause > 2 * promised:
        yield (
            "seldom_spoken_with",
            f"Promised {record.frequency}; half of the customers have not spoken with a person for {pause:,.0f} days.",
        )


def _type_in_log(record: Record, known: Sequence[str], found: Evidence) -> Iterator[tuple[str, str]]:
    handler = HANDLER_OF.get(record.established_type)
    if handler is None:
        return
    shares = {name: found.get(known, f"{name}_share") for name in HANDLED_BY}
    most = max(shares, key=lambda name: shares[name].share)
    if most != handler and shares[most].lower > shares[handler].upper:
        yield (
            "not_in_the_log",
            f"The record says {label(record.established_type)}; in the log {HANDLER_NAMES[most]} dealt with "
            f"{shares[most]}, and {HANDLER_NAMES[handler]} with {shares[handler].share:.0%}.",
        )


def plot_evidence(records: Sequence[Record], found: Evidence) -> figures.Figure:
    """Draw who really deals with each record's customers, with the handler that the record claims marked.

    Args:
        records: of the register; the active and paused ones whose segments the data know are drawn.
        found: from `evidence`.

    Returns:
        A figure with one bar a record, in four parts.

    Raises:
        ValueError: if the data know no segment of any record that is active or paused.
    """
    rows = []
    for record in _judged(records):
        known = [name for name in record.segments if name in found.segments]
        shares = {name: found.get(known, f"{name}_share") for name in HANDLED_BY}
        if known and shares["human"].cases:
            rows.append((record, shares))
    if not rows:
        raise ValueError("the data know no segment of an active or paused record: name them alike")
    fig, (ax,) = figures.new(size=(8.6, 1.6 + 0.55 * len(rows)))
    said, off = [], 0
    for y, (record, shares) in enumerate(rows):
        left, claimed = 0.0, HANDLER_OF.get(record.established_type)
        for i, name in enumerate(HANDLED_BY):
            width = shares[name].share
            ax.barh(y, width, left=left, height=0.6, label=HANDLER_NAMES[name] if y == 0 else None, **figures.bar(i))
            if name == claimed and width > 0.02:
                ax.plot(left + width / 2, y, marker="*", markersize=15, color="white", markeredgecolor=figures.INK)
            left += width
        off += any(check == "not_in_the_log" for check, _ in _seen(record, found))
        parts = ", ".join(f"{HANDLER_NAMES[name]} {seen.share:.0%}" for name, seen in shares.items())
        said.append(f"{record.id} says {label(record.established_type) or 'nothing'}: {parts}")
    ax.set_yticks(
        range(len(rows)), [f"{record.id}: {label(record.established_type) or 'not said'}" for record, _ in rows]
    )
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel="share of the contacts that these customers began")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figures.legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    title = f"{off} of {len(rows)} records {'claims' if off == 1 else 'claim'} another relationship than the log shows"
    return figures.finish(
        fig, title=title, alt=f"Bars of who dealt with contacts; a star marks the claim. {'. '.join(said)}."
    )


def coverage(records: Iterable[Record]) -> float:
    """The share of the ten related components that are linked, over all records: how *full* a register is.

    Example:
        >>> coverage([Record("R1", "Advice", segments=("homes",))])
        0.1
    """
    found = [bool(entries) for record in records for entries in linked(record).values()]
    return sum(found) / len(found) if found else 0.0
