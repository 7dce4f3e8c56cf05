"""The register of relationships: what a record holds, what it is linked to, and how it stands in the Hub's file.

A record describes one relationship with one or more segments. It lives in the section ``register`` of the reader's Hub
file: ``format`` (a number) and ``records`` (a list). Fields that a newer version wrote, in a record or beside the
records, are kept as they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import difflib
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from crkit import figures, hub_file, relationship_types

SECTION = "register"
FORMAT = 1
MOST_RECORDS = 1000
LONGEST_TEXT = 8000

TYPES = tuple(relationship_types.types())
PURPOSES = ("acquire", "retain", "grow")
STAGES = ("acquisition", "onboarding", "growth", "retention", "advocacy")
STATUSES = ("draft", "planned", "active", "paused", "retired")
# how often somebody or something at the company turns to the customer, in days
FREQUENCIES: Mapping[str, float] = {
    "daily": 1,
    "weekly": 7,
    "every two weeks": 14,
    "monthly": 365.25 / 12,
    "every two months": 365.25 / 6,
    "quarterly": 365.25 / 4,
    "twice a year": 365.25 / 2,
    "yearly": 365.25,
    "on demand": math.inf,
}
BETTER = ("higher", "lower")
# what a metric can be held against in the contact log, see `crkit.hub_checks.evidence`
MEASURES: Mapping[str, str] = {
    "self_share": "share of the customers' contacts that self-service dealt with",
    "bot_share": "share of the customers' contacts that the bot dealt with",
    "human_share": "share of the customers' contacts that a person dealt with",
    "community_share": "share of the customers' contacts that the community dealt with",
    "resolved_share": "share of matters recorded as resolved at the last contact about them",
    "satisfied_share": "share of answers on satisfaction with a contact that are 4 or 5 of 5",
    "owner_share": "share of customers with a named person who looks after them",
}

# the ten related components: the other eight canvas blocks, the interaction type, and the strategic objective
COMPONENTS: Mapping[str, str] = {
    "segments": "customer segments",
    "value_proposition": "value propositions",
    "channels": "channels",
    "revenue_streams": "revenue streams",
    "resources": "key resources",
    "activities": "key activities",
    "partners": "key partners",
    "costs": "cost structure",
    "interaction_type": "interaction type",
    "objectives": "strategic objective",
}


@dataclass(frozen=True)
class Metric:
    """One number that a relationship is judged by.

    Attributes:
        name: what is measured, in words.
        current: where it stands, or None.
        target: where it should be, or None.
        unit: of both, for example ``share`` or ``days``.
        better: ``higher`` or ``lower``.
        measure: the name in `MEASURES` that computes it from the contact log, or an empty string.
        extra: fields that this version does not know, kept as they are.
    """

    name: str
    current: float | None = None
    target: float | None = None
    unit: str = ""
    better: str = "higher"
    measure: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = "a metric"
        _put(self, "name", _text(self.name, where, "name", lines=False))
        if not self.name:
            raise ValueError("a metric needs a name")
        where = f"metric {self.name!r}"
        _put(self, "unit", _text(self.unit, where, "unit", lines=False))
        for name in ("current", "target"):
            _put(self, name, _number(getattr(self, name), where, name))
        _put(self, "better", _one_of(self.better or "higher", BETTER, where, "better"))
        _put(self, "measure", _one_of(self.measure, tuple(MEASURES), where, "measure"))
        _put(self, "extra", hub_file.plain(self.extra, where))


@dataclass(frozen=True)
class Record:
    """One relationship in the register.

    Text is trimmed; in a list, empty and repeated entries are left out. An empty value means *not said yet*.

    Attributes:
        id: short and unique in the register, for example ``R1``.
        name: what people call it.
        interaction_type: the type chosen, one of `TYPES`.
        segments: which customer segments it is for.
        value_proposition: what they get.
        channels: where it takes place.
        purpose: one of `PURPOSES`.
        stage: of the customer's life with the company, one of `STAGES`.
        objectives: the strategic objectives that it serves.
        expected_type: the type that the segment expects.
        established_type: the type that exists now.
        owner: the person who answers for it.
        resources: key resources that it takes.
        activities: key activities that it takes.
        partners: key partners that it takes.
        revenue_streams: the revenue streams that it feeds.
        costs: the entries of the cost structure that it adds to.
        cost_per_year: what it costs in a year.
        currency: of the cost.
        frequency: how often the company turns to the customer, one of `FREQUENCIES`.
        integration: how it fits the rest of the model, in a sentence.
        metrics: what it is judged by.
        feedback_loop: how customers say what they think of it, and who answers.
        status: one of `STATUSES`.
        assumptions: what must be true for it to work.
        review_on: the day of the next review.
        silenced: the checks that were switched off for this record, each with the reason.
        extra: fields that this version does not know, kept as they are.

    Raises:
        ValueError: if a value cannot be what it should be; the message names the record, the field and what is allowed.

    Example:
        >>> record = Record("R1", "Own barista advice", interaction_type="dedicated_personal_assistance")
        >>> record.status, record.segments
        ('draft', ())
        >>> Record("R1", "Advice", purpose="please")
        Traceback (most recent call last):
            ...
        ValueError: record R1: purpose is 'please'; allowed: acquire, retain, grow
    """

    id: str
    name: str
    interaction_type: str = ""
    segments: tuple[str, ...] = ()
    value_proposition: str = ""
    channels: tuple[str, ...] = ()
    purpose: str = ""
    stage: str = ""
    objectives: tuple[str, ...] = ()
    expected_type: str = ""
    established_type: str = ""
    owner: str = ""
    resources: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    revenue_streams: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    cost_per_year: float | None = None
    currency: str = "EUR"
    frequency: str = ""
    integration: str = ""
    metrics: tuple[Metric, ...] = ()
    feedback_loop: str = ""
    status: str = "draft"
    assumptions: tuple[str, ...] = ()
    review_on: datetime.date | None = None
    silenced: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _put(self, "id", _text(self.id, "a record", "id", lines=False))
        if not self.id or len(self.id) > 40:
            raise ValueError(f"a record needs an id of 1 to 40 characters, such as R1; got {self.id!r}")
        where = f"record {self.id}"
        for name in LISTS:
            _put(self, name, _texts(getattr(self, name), where, name))
        for name in TEXTS:
            _put(self, name, _text(getattr(self, name), where, name, lines=name in LONG_TEXTS))
        for name, allowed in CHOICES.items():
            _put(self, name, _one_of(getattr(self, name), allowed, where, name))
        _put(self, "status", self.status or "draft")
        _put(self, "currency", self.currency or "EUR")
        _put(self, "cost_per_year", _number(self.cost_per_year, where, "cost_per_year", least=0))
        _put(self, "review_on", _day(self.review_on, where))
        _put(self, "metrics", _metrics(self.metrics, where))
        _put(self, "silenced", _silenced(self.silenced, where))
        _put(self, "extra", hub_file.plain(self.extra, where))
        known = [name for name in self.extra if name in FIELDS]
        if known:
            raise ValueError(f"{where}: {known[0]} is a field of its own, and cannot stand among the extra ones")


LISTS = (
    "segments",
    "channels",
    "objectives",
    "resources",
    "activities",
    "partners",
    "revenue_streams",
    "costs",
    "assumptions",
)
LONG_TEXTS = ("value_proposition", "integration", "feedback_loop")
TEXTS = ("name", "owner", "currency", *LONG_TEXTS)
CHOICES: Mapping[str, tuple[str, ...]] = {
    "interaction_type": TYPES,
    "expected_type": TYPES,
    "established_type": TYPES,
    "purpose": PURPOSES,
    "stage": STAGES,
    "frequency": tuple(FREQUENCIES),
    "status": STATUSES,
}
FIELDS = tuple(one.name for one in dataclasses.fields(Record) if one.name != "extra")
METRIC_FIELDS = tuple(one.name for one in dataclasses.fields(Metric) if one.name != "extra")


def label(name: str) -> str:
    """A field's or a choice's name for people: ``self_service`` becomes ``self-service``.

    Example:
        >>> label("self_service"), label("dedicated_personal_assistance"), label("review_on")
        ('self-service', 'dedicated personal assistance', 'review on')
    """
    special = {"self_service": "self-service", "co_creation": "co-creation", "id": "ID"}
    return special.get(name, name.replace("_", " "))


# ------------------------------------------------------------------------------------------------------ plain values


def _put(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)  # frozen for everybody but its own construction


def clean(value: str, *, lines: bool = True) -> str:
    r"""Text as the register keeps it: trimmed, line ends of one kind, without characters that cannot be seen.

    Args:
        value: the text.
        lines: whether it may have several lines; otherwise they become one.

    Raises:
        ValueError: if it holds a control character, or is too long.

    Example:
        >>> clean(" two\r\nlines "), clean("two\nlines", lines=False)
        ('two\nlines', 'two lines')
    """
    kept = "\n".join(line.strip() for line in value.replace("\t", " ").splitlines()).strip()
    if not lines:
        kept = " ".join(kept.split())
    bad = next((c for c in kept if c != "\n" and (unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff")), "")
    if bad:
        raise ValueError(f"it holds the character U+{ord(bad):04X}, which is not text")
    if len(kept) > LONGEST_TEXT:
        raise ValueError(f"it has {len(kept):,} characters; {LONGEST_TEXT:,} are allowed")
    return kept


def _text(value: object, where: str, name: str, *, lines: bool = True) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{where}: {name} must be text, not {type(value).__name__}")
    try:
        return clean(str(value), lines=lines)
    except ValueError as error:
        raise ValueError(f"{where}: {name}: {error}") from None


def _texts(value: object, where: str, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Sequence):
        raise ValueError(f"{where}: {name} must be a list of texts, not {type(value).__name__}")
    if len(value) > 100:
        raise ValueError(f"{where}: {name} has {len(value)} entries; 100 are allowed")
    found = dict.fromkeys(_text(item, where, name, lines=False) for item in value)
    return tuple(item for item in found if item)


def _one_of(value: object, allowed: tuple[str, ...], where: str, name: str) -> str:
    found = _text(value, where, name, lines=False)
    simple = {_simple(choice): choice for choice in allowed}
    if not found or _simple(found) in simple:
        return simple.get(_simple(found), "")
    near = difflib.get_close_matches(_simple(found), simple, n=1)
    hint = f" (did you mean {simple[near[0]]}?)" if near else ""
    raise ValueError(f"{where}: {name} is {found!r}; allowed: {', '.join(allowed)}{hint}")


def _simple(choice: str) -> str:
    return " ".join(choice.replace("_", " ").replace("-", " ").casefold().split())


def _number(value: object, where: str, name: str, least: float = -math.inf) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < least:
        floor = "" if least == -math.inf else f" of {least:g} or more"
        raise ValueError(f"{where}: {name} is {value!r}; a number{floor} is needed, written like 1200.5")
    return number + 0.0  # no minus zero


def _day(value: object, where: str) -> datetime.date | None:
    if value is None or value == "":
        return None
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if isinstance(value, datetime.datetime):
        value = value.date()
    if isinstance(value, str):
        text = value.strip()
        with contextlib.suppress(ValueError):
            value = datetime.date.fromisoformat(text[:10] if text[10:11] in ("T", " ") else text)
    if not isinstance(value, datetime.date):
        raise ValueError(f"{where}: review_on is {value!r}; a day is needed, written like 2026-01-31")
    return value


def _metrics(value: object, where: str) -> tuple[Metric, ...]:
    if value is None:
        return ()
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{where}: metrics must be a list, each with name, current, target and unit")
    found = []
    for item in value:
        try:
            found.append(item if isinstance(item, Metric) else _metric_from(item))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return tuple(found)


def _metric_from(value: object) -> Metric:
    if not isinstance(value, Mapping) or "name" not in value:
        raise ValueError("a metric needs a name, and may have current, target, unit, better and measure")
    known = {name: value[name] for name in METRIC_FIELDS if name in value}
    return Metric(**known, extra={name: inner for name, inner in value.items() if name not in METRIC_FIELDS})


def _silenced(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: silenced must say a reason for each check, as in no_owner: the search is on")
    found = {
        _text(k, where, "silenced", lines=False): _text(v, where, "silenced", lines=False) for k, v in value.items()
    }
    without = [name or "an unnamed check" for name, reason in found.items() if not name or not reason]
    if without:
        raise ValueError(f"{where}: {without[0]} is silenced without a reason: say why, or let it speak")
    return found


# --------------------------------------------------------------------------------------------------- to and from a file


def as_mapping(record: Record) -> dict[str, Any]:
    """The record as plain values, in the order of its fields; what is not said yet is left out.

    Example:
        >>> as_mapping(Record("R1", "Advice", segments=("homes",)))
        {'id': 'R1', 'name': 'Advice', 'segments': ['homes'], 'currency': 'EUR', 'status': 'draft'}
    """
    plain: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(record, name)
        if name == "metrics":
            value = [
                {part: getattr(one, part) for part in METRIC_FIELDS if getattr(one, part) not in (None, "")} | one.extra
                for one in value
            ]
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        if value or value == 0 or name in ("id", "name"):
            plain[name] = value
    return plain | dict(record.extra)


def from_mapping(values: Mapping[str, Any]) -> Record:
    """A record from plain values; fields that this version does not know go into ``extra``.

    Raises:
        ValueError: if the values are not those of a record.

    Example:
        >>> from_mapping({"id": "R1", "name": "Advice", "mood": "sunny"}).extra
        {'mood': 'sunny'}
    """
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise ValueError("a record must be a mapping of fields, such as id: R1")
    known = {name: values[name] for name in FIELDS if name in values}
    known.setdefault("id", "")
    known.setdefault("name", "")
    for name in ("currency", "status"):
        if name in known and known[name] is None:
            del known[name]
    return Record(**known, extra={name: value for name, value in values.items() if name not in FIELDS})


def unique(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records, if each id occurs once.

    Raises:
        ValueError: if two have the same id, or there are too many.
    """
    found: dict[str, Record] = {}
    for record in records:
        if record.id in found:
            raise ValueError(
                f"two records have the id {record.id}: {found[record.id].name!r} and {record.name!r}; give one another"
            )
        found[record.id] = record
    if len(found) > MOST_RECORDS:
        raise ValueError(f"{len(found):,} records; a register holds {MOST_RECORDS:,} at the most")
    return tuple(found.values())


@dataclass(frozen=True)
class Register:
    """The records of a Hub file, as they stood when it was read.

    Attributes:
        records: in the order of the file.
        was: the section as it stood in the file: what `save_records` compares with, so that nobody's edit is lost.
    """

    records: tuple[Record, ...]
    was: Any = field(default=None, repr=False)

    def __getitem__(self, key: str) -> Record:
        for record in self.records:
            if record.id == key:
                return record
        raise KeyError(f"there is no record {key!r}; there are {', '.join(r.id for r in self.records) or 'none'}")


class Difference(NamedTuple):
    """One field that another window changed, or that you and it changed.

    Attributes:
        record: the record's id.
        field: its name; ``(record)`` if one side made or removed the whole record.
        before: what you both began with.
        theirs: what the file says now.
        yours: what you wanted to save.
    """

    record: str
    field: str
    before: str
    theirs: str
    yours: str


class ConflictError(ValueError):
    """The file's register is another one than ``base``, which may have been left out; nothing was written.

    Attributes:
        differences: what differs, field by field.
        theirs: the register as it stands in the file now.
    """

    def __init__(self, name: str, differences: tuple[Difference, ...], theirs: Register) -> None:
        self.differences = differences
        self.theirs = theirs
        lines = [
            f"  {d.record} / {label(d.field)}: it was {d.before or 'empty'}, "
            f"the file now says {d.theirs or 'nothing'}, you have {d.yours or 'nothing'}"
            for d in differences
        ]
        said = "\n".join(lines) or "  a part of the section that is not a record"
        super().__init__(
            f"{name} holds another register than the one that you began with, so nothing was saved: either it was "
            f"changed in another window, or base= (the register as you read it) was left out. What differs:\n{said}\n"
            "Read it again and make your change there; or save with base=error.theirs, which overwrites theirs."
        )


def load_records(path: str | Path) -> Register:
    """Read the register from the Hub's file.

    Args:
        path: the Hub's YAML file; it need not exist yet.

    Returns:
        A `Register`; without records if there are none.

    Raises:
        ValueError: if the file or a record in it cannot be read; the message says which and why.

    Example:
        >>> load_records("no_such_hub.yaml").records
        ()
    """
    section = hub_file.read(path).get(SECTION)
    try:
        return Register(_records_of(section), section)
    except ValueError as error:
        raise ValueError(f"{Path(path).name}, section {SECTION}: {error}") from error


def _records_of(section: Any) -> tuple[Record, ...]:
    if section is None:
        return ()
    if isinstance(section, Mapping) and isinstance(section.get("records") or [], list):
        return unique(from_mapping(item) for item in section.get("records") or [])
    raise ValueError("it must hold records, as a list under records:")


def save_records(path: str | Path, records: Iterable[Record], *, base: Register | None = None) -> Register:
    """Write the register into the Hub's file, unless another window changed it in the meantime.

    The change can be taken back with `crkit.hub.undo`.

    Args:
        path: the Hub's YAML file.
        records: all records of the register, in their order.
        base: the register as you read it with `load_records`, from which your records come; None if you begin anew.

    Returns:
        The register as it now stands in the file.

    Raises:
        ConflictError: if the file's register is another one than ``base``; it says what differs; nothing is written.
        ValueError: if two records have the same id, or the file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "hub.yaml"
        ...     first = save_records(file, [Record("R1", "Advice")])
        ...     mine = save_records(file, [*first.records, Record("R2", "Forum")], base=first)
        ...     len(load_records(file).records)
        2
    """
    path, wanted = Path(path), unique(records)
    was = base.was if base else None
    new = hub_file.plain({"format": FORMAT, "records": [as_mapping(record) for record in wanted]}, SECTION)

    def change(text: str) -> str:
        now = hub_file.parse(path.name, text).get(SECTION)
        if hub_file.dump({SECTION: now}) != hub_file.dump({SECTION: was}):
            theirs = Register(_records_of(now), now)
            before = base.records if base else ()
            raise ConflictError(path.name, _differences(before, theirs.records, wanted), theirs)
        kept = {**now, **new, "format": max(FORMAT, _whole(now.get("format")))} if isinstance(now, dict) else new
        return hub_file.with_section(path.name, text, SECTION, kept)

    hub_file.write(path, change)
    return load_records(path)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _differences(before: Iterable[Record], theirs: Iterable[Record], yours: Iterable[Record]) -> tuple[Difference, ...]:
    """What the other side changed, and what of it you have otherwise."""
    sides = [{record.id: as_mapping(record) for record in side} for side in (before, theirs, yours)]
    found = []
    for key in dict.fromkeys(key for side in sides for key in side):
        was, them, you = (side.get(key) for side in sides)
        if them in (you, was):
            continue
        if them is None or you is None:
            said = [f"{side.get('name')!r}" if side else "" for side in (was, them, you)]
            found.append(Difference(key, "(record)", *said))
            continue
        for name in dict.fromkeys([*them, *you]):
            old = (was or {}).get(name)
            if them.get(name) not in (old, you.get(name)):
                found.append(Difference(key, name, *(_say(v) for v in (old, them.get(name), you.get(name)))))
    return tuple(found)


def _say(value: object) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return repr(text if len(text) <= 80 else text[:77] + "...")


# ---------------------------------------------------------------------------------------------------------- the links


def linked(record: Record) -> dict[str, tuple[str, ...]]:
    """What a record is linked to, for each of the ten related components.

    Returns:
        The component's name in `COMPONENTS` to its entries; an empty tuple where the link is missing.

    Example:
        >>> [name for name, entries in linked(Record("R1", "Advice", segments=("homes",))).items() if entries]
        ['segments']
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in COMPONENTS:
        value = getattr(record, name)
        if name == "interaction_type":
            value = label(value)
        found[name] = value if isinstance(value, tuple) else (value,) if value else ()
    return found


def links(records: Iterable[Record]) -> pd.DataFrame:
    """What each record is linked to and what is missing, as a table.

    Args:
        records: of the register.

    Returns:
        One row a record, with its id as the index: ``name``, one column for each of the ten components of `COMPONENTS`
        (the entries as text, empty where missing), and ``missing`` (how many of the ten).

    Example:
        >>> table = links([Record("R1", "Advice", segments=("homes", "offices"))])
        >>> table.loc["R1", "segments"], int(table.loc["R1", "missing"])
        ('homes, offices', 9)
    """
    rows = []
    for record in records:
        found = linked(record)
        said = {name: ", ".join(entries) for name, entries in found.items()}
        rows.append({"id": record.id, "name": record.name, **said, "missing": sum(not e for e in found.values())})
    return pd.DataFrame(rows, columns=["id", "name", *COMPONENTS, "missing"]).set_index("id")


def _short(text: str, most: int) -> str:
    text = text.replace("$", "\\$")
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def plot_links(records: Sequence[Record]) -> figures.Figure:
    """Draw what every record is linked to: a dot where a link is there, a cross where it is missing.

    Args:
        records: of the register; the first 30 are drawn.

    Returns:
        A figure with one row a record and one column for each of the ten components.

    Raises:
        ValueError: if there are no records.
    """
    if not records:
        raise ValueError("there are no records to draw: make one first")
    shown = list(records)[:30]
    found = [linked(record) for record in shown]
    fig, (ax,) = figures.new(size=(8.6, 1.9 + 0.34 * len(shown)))
    for there, style in (
        (True, {"marker": "o", "color": figures.BLUE}),
        (False, {"marker": "x", "color": figures.VERMILION}),
    ):
        points = [
            (x, y) for y, entry in enumerate(found) for x, name in enumerate(COMPONENTS) if bool(entry[name]) is there
        ]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        ax.scatter(xs, ys, s=70, label="linked" if there else "missing", **style)
    ax.set_xticks(range(len(COMPONENTS)), list(COMPONENTS.values()), rotation=35, ha="right")
    ax.set_yticks(range(len(shown)), [_short(f"{record.id}  {record.name}", 34) for record in shown])
    ax.set(xlim=(-0.6, len(COMPONENTS) - 0.4), ylim=(len(shown) - 0.4, -0.6))
    figures.legend(ax, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    gaps = {COMPONENTS[name]: sum(not entry[name] for entry in found) for name in COMPONENTS}
    missing, most = sum(gaps.values()), max(gaps, key=lambda name: gaps[name])
    verb = "is" if missing == 1 else "are"
    title = f"{missing} of {10 * len(shown)} links {verb} missing, most often the {most}"
    if not missing:
        title = f"All {10 * len(shown)} links are there"
    said = "; ".join(
        f"{record.id} lacks {', '.join(COMPONENTS[n] for n, e in entry.items() if not e) or 'nothing'}"
        for record, entry in zip(shown, found, strict=True)
    )
    return figures.finish(fig, title=title, alt=f"A grid of records and their ten related components. {said}.")


def plot_record(record: Record) -> figures.Figure:
    """Draw one record in the middle of its ten related components, the missing ones with a dashed line.

    Args:
        record: of the register.

    Returns:
        A figure.
    """
    import textwrap

    found = linked(record)
    fig, (ax,) = figures.new(size=(8.6, 5.4))
    ax.set_axis_off()
    ax.set(xlim=(-1.55, 1.55), ylim=(-1.12, 1.12))
    for i, (name, entries) in enumerate(found.items()):
        angle = math.pi / 2 - 2 * math.pi * i / len(found)
        x, y = 1.18 * math.cos(angle), 0.95 * math.sin(angle)
        colour = figures.BLUE if entries else figures.VERMILION
        ax.plot([0, x], [0, y], color=colour, linestyle="-" if entries else "--", linewidth=1.4, zorder=1)
        said = textwrap.fill(_short(", ".join(entries), 52), 24) if entries else "missing"
        ax.text(
            x,
            y,
            f"{COMPONENTS[name].upper()}\n{said}",
            ha="center",
            va="center",
            fontsize=8.5,
            color=figures.INK,
            zorder=2,
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": "white",
                "edgecolor": colour,
                "linestyle": "-" if entries else "--",
            },
        )
    middle = textwrap.fill(_short(record.name or record.id, 60), 22)
    box = {"boxstyle": "round,pad=0.6", "facecolor": figures.INK, "edgecolor": figures.INK}
    ax.text(0, 0, middle, ha="center", va="center", fontsize=10.5, fontweight="bold", color="white", bbox=box, zorder=3)
    lacks = [COMPONENTS[name] for name, entries in found.items() if not entries]
    title = f"{record.id} is linked to {10 - len(lacks)} of its 10 related components"
    has = "; ".join(f"{COMPONENTS[name]}: {', '.join(entries)}" for name, entries in found.items() if entries)
    alt = f"{record.name or record.id} in the middle. {has or 'No links'}. Missing: {', '.join(lacks) or 'nothing'}."
    return figures.finish(fig, title=_short(title, 90), alt=alt)


def replace(records: Iterable[Record], record: Record) -> tuple[Record, ...]:
    """The records with this one in the place of the one with the same id, or at the end.

    Example:
        >>> [r.name for r in replace([Record("R1", "old"), Record("R2", "other")], Record("R1", "new"))]
        ['new', 'other']
    """
    found = {one.id: one for one in records}
    found[record.id] = record
    return tuple(found.values())
