"""The business model canvas: nine blocks, a library of business patterns, checks, and the riskiest assumptions.

A `Canvas` is plain frozen data; every change makes a new one. `crkit.canvas_draft` drafts one from two questions,
`checks` finds what contradicts itself, `assumptions` what to test first, `read` and `write` speak BMML, and
`crkit.canvas_export` makes files for people.

The Business Model Canvas is by Strategyzer (A. Osterwalder and Y. Pigneur, *Business Model Generation*, 2010; the
canvas itself under CC BY-SA 3.0, strategyzer.com). Patterns, texts and drawings here are our own.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from crkit import bmml, relationship_types

BLOCKS = {
    "customer_segments": "Customer segments",
    "value_propositions": "Value propositions",
    "channels": "Channels",
    "customer_relationships": "Customer relationships",
    "revenue_streams": "Revenue streams",
    "key_resources": "Key resources",
    "key_activities": "Key activities",
    "key_partnerships": "Key partnerships",
    "cost_structure": "Cost structure",
}
TYPES = {kind.id: kind.name.lower() for kind in relationship_types.types().values()}
LONGEST_NAME = 300
LONGEST_DESCRIPTION = 2000
MOST_ENTRIES = 30

_SECTION = {"cost_structure": "costs"}  # where BMML calls a block otherwise
_PREFIX = {block: bmml.PREFIXES[_SECTION.get(block, block)] for block in BLOCKS}
_LINKED: dict[str, tuple[str, ...]] = {
    "customer_segments": (),
    "value_propositions": ("customer_segments",),
    **{
        block: tuple(target for targets in bmml.LINKS[_SECTION.get(block, block)].values() for target in targets)
        for block in list(BLOCKS)[2:]
    },
}

# ------------------------------------------------------------------------------------------------------------ the model


@dataclass(frozen=True)
class Entry:
    """One note on the canvas.

    Attributes:
        id: unique on the canvas: the block's prefix and a slug, such as ``"cs-home-brewers"``.
        name: what the note says, in one line of up to 300 characters.
        links: ids of the entries in other blocks that it serves or is paid by.
        description: more words, for a segment or a value proposition.
        type: of a relationship, one of `TYPES`; empty if not said, and in the other blocks.
        origin: where it comes from: ``"pattern:<id>"``, ``"model"``, or empty if somebody wrote it.
    """

    id: str
    name: str
    links: tuple[str, ...] = ()
    description: str = ""
    type: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Canvas:
    """A business model in nine blocks.

    Attributes:
        name: of the business.
        customer_segments: who is served. The other eight blocks follow, each a tuple of entries.
        value_propositions: what helps them; linked to segments.
        channels: how it reaches them; linked to segments and propositions.
        customer_relationships: of which type the relationship is; linked to segments.
        revenue_streams: who pays for what; linked to segments and propositions.
        key_resources: what it takes; linked to propositions.
        key_activities: what has to be done; linked to propositions.
        key_partnerships: who brings what; linked to resources and activities.
        cost_structure: what it costs; linked to resources and activities.
        tagline: one sentence under the name.
        portfolio: ``"explore"`` or ``"exploit"``.
        stage: one of ``bmml.STAGES[portfolio]``.
        silenced: the reason by ``"check"`` or ``"check:id"``, for findings that are meant to be so.
        beyond: what a BMML file holds beyond the nine blocks, kept for writing it again.

    Raises:
        ValueError: if an id is malformed, used twice or linked to nothing; a text is empty, too long or holds control
            characters; a type, portfolio or stage is not one of those there are.
    """

    name: str
    customer_segments: tuple[Entry, ...] = ()
    value_propositions: tuple[Entry, ...] = ()
    channels: tuple[Entry, ...] = ()
    customer_relationships: tuple[Entry, ...] = ()
    revenue_streams: tuple[Entry, ...] = ()
    key_resources: tuple[Entry, ...] = ()
    key_activities: tuple[Entry, ...] = ()
    key_partnerships: tuple[Entry, ...] = ()
    cost_structure: tuple[Entry, ...] = ()
    tagline: str = ""
    portfolio: str = "explore"
    stage: str = "ideation"
    silenced: Mapping[str, str] = field(default_factory=dict)
    beyond: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _one_line(self.name, "the canvas's name")
        _storable(self.tagline, "the tagline")
        if self.stage not in bmml.STAGES.get(self.portfolio, ()):
            raise ValueError(
                f"{self.stage!r} is not a stage of {self.portfolio!r}; there is "
                + "; ".join(f"{name}: {', '.join(stages)}" for name, stages in bmml.STAGES.items())
            )
        ids = {block: {entry.id for entry in self[block]} for block in BLOCKS}
        seen: set[str] = set()
        for block, entry in self.entries():
            where = f"{BLOCKS[block]}, {entry.id}"
            if not re.fullmatch(rf"{_PREFIX[block]}-[a-z0-9-]+", entry.id):
                raise ValueError(f"{where}: an id here is {_PREFIX[block]}- and small letters, digits or hyphens")
            if entry.id in seen:
                raise ValueError(f"{where}: this id is used twice")
            seen.add(entry.id)
            _one_line(entry.name, where)
            _storable(entry.description, f"{where}, description")
            if entry.type and (block != "customer_relationships" or entry.type not in TYPES):
                raise ValueError(f"{where}: {entry.type!r} is not a type of relationship; there is {', '.join(TYPES)}")
            for link in entry.links:
                if not any(link in ids[target] for target in _LINKED[block]):
                    targets = " or ".join(BLOCKS[target].lower() for target in _LINKED[block]) or "nothing"
                    raise ValueError(f"{where}: it is linked to {link!r}, but may be linked to {targets} only")
        for block in BLOCKS:
            if len(self[block]) > MOST_ENTRIES:
                raise ValueError(f"{BLOCKS[block]}: a block has up to {MOST_ENTRIES} entries")

    def __getitem__(self, block: str) -> tuple[Entry, ...]:
        if block not in BLOCKS:
            raise ValueError(f"there is no block {block!r}; there is {', '.join(BLOCKS)}")
        return getattr(self, block)  # type: ignore[no-any-return]  # the fields of these names are tuples of entries

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every entry with its block, block by block."""
        for block in BLOCKS:
            for entry in self[block]:
                yield block, entry

    def find(self, wanted: str) -> tuple[str, Entry]:
        """The block and the entry with this id, or this name.

        Raises:
            ValueError: if there is none, or a name stands in several places.
        """
        found = [pair for pair in self.entries() if wanted in (pair[1].id, pair[1].name)]
        if len(found) > 1:
            ids = ", ".join(entry.id for _, entry in found)
            raise ValueError(f"{len(found)} entries are called {wanted!r}: name one by its id, {ids}")
        if not found:
            raise ValueError(f"no entry is called {wanted!r}; {self._meant(wanted, ())}")
        return found[0]

    def _meant(self, wanted: str, more: Sequence[str]) -> str:
        """What might have been meant: the names and ids that are spelt like it, or the ids that there are."""
        said = [text for _, entry in self.entries() for text in (entry.name, entry.id)] + list(more)
        by_letters = {text.casefold(): text for text in reversed(said)}
        close = difflib.get_close_matches(str(wanted).casefold(), by_letters, n=2)
        if close:
            return f"did you mean {' or '.join(repr(by_letters[one]) for one in close)}?"
        ids = [entry.id for _, entry in self.entries()]
        return f"the ids are {', '.join(ids)}" if ids else "the canvas is empty"

    def add(
        self,
        block: str,
        name: str,
        *,
        links: Sequence[str] = (),
        type: str = "",
        description: str = "",
        origin: str = "",
    ) -> Canvas:
        """A canvas with one more entry.

        Args:
            block: one of `BLOCKS`.
            name: what the note says.
            links: ids or names of the entries that it serves.
            type: for a relationship, one of `TYPES`.
            description: more words, for a segment or a value proposition.
            origin: see `Entry`.

        Returns:
            The new canvas; the id is made from the name.

        Raises:
            ValueError: if the entry does not fit; see `Canvas`.

        Example:
            >>> shop = Canvas("Shop").add("customer_segments", "Home brewers")
            >>> shop.add("customer_relationships", "Chat", links=["Home brewers"], type="personal_assistance")[
            ...     "customer_relationships"
            ... ][0].links
            ('cs-home-brewers',)
        """
        name, ids = clean(name), {entry.id for _, entry in self.entries()}
        stem = f"{_PREFIX.get(block, '')}-{_slug(name)}"
        new = next(i for i in (f"{stem}{n}" for n in ("", *(f"-{n}" for n in range(2, len(ids) + 3)))) if i not in ids)
        targets = tuple(dict.fromkeys(self.find(link)[1].id for link in links))
        entry = Entry(new, name, targets, description.strip(), type, origin)
        return self.with_block(block, (*self[block], entry))

    def change(self, wanted: str, **changes: Any) -> Canvas:
        """A canvas with other values in one entry.

        Args:
            wanted: the entry's id or name.
            **changes: ``name``, ``links`` (ids or names), ``description`` or ``type``.

        Returns:
            The new canvas; the entry keeps its id, and no longer counts as somebody else's.

        Raises:
            ValueError: if there is no such entry, or a value does not fit.
        """
        block, entry = self.find(wanted)
        unknown = set(changes) - {"name", "links", "description", "type"}
        if unknown:
            raise ValueError(f"an entry has no {min(unknown)!r} to change: it has name, links, description and type")
        if "links" in changes:
            changes["links"] = tuple(dict.fromkeys(self.find(link)[1].id for link in changes["links"]))
        if "name" in changes:
            changes["name"] = clean(changes["name"])
        mended = dataclasses.replace(entry, **changes, origin="")
        return self.with_block(block, tuple(mended if each.id == entry.id else each for each in self[block]))

    def remove(self, wanted: str) -> Canvas:
        """A canvas without one entry, and without the links to it.

        Args:
            wanted: the entry's id or name.
        """
        _, gone = self.find(wanted)
        left = {
            block: tuple(
                dataclasses.replace(entry, links=tuple(link for link in entry.links if link != gone.id))
                for entry in self[block]
                if entry.id != gone.id
            )
            for block in BLOCKS
        }
        return dataclasses.replace(self, **left)  # type: ignore[arg-type]  # the keys are the nine blocks

    def silence(self, check: str, reason: str, *, where: str = "") -> Canvas:
        """A canvas on which one check keeps quiet, because it is meant to be so.

        Args:
            check: the check's name, one of `CHECKS`.
            reason: why; it is kept with the canvas and shown with the finding.
            where: the id or name of an entry, or a block, to silence the check there only.

        Raises:
            ValueError: if there is no such check, entry or block, or no reason.
        """
        if check not in CHECKS:
            close = difflib.get_close_matches(str(check), CHECKS, n=1)
            instead = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(CHECKS)}"
            raise ValueError(f"there is no check {check!r}; {instead}")
        if not reason.strip():
            raise ValueError("a check is silenced with a reason: what do you know that it does not?")
        blocks = {text: block for block, title in BLOCKS.items() for text in (block, title)}
        there = any(where in (entry.id, entry.name) for _, entry in self.entries())
        if where and where not in blocks and not there:
            more = self._meant(where, tuple(blocks))
            raise ValueError(f"there is no entry or block {where!r} to silence the check at; {more}")
        key = f"{check}:{blocks.get(where) or self.find(where)[1].id}" if where else check
        return dataclasses.replace(self, silenced={**self.silenced, key: clean(reason)})

    def table(self) -> pd.DataFrame:
        """The canvas as a table.

        Returns:
            One row for each entry: ``block``, ``id``, ``name``, ``type`` (of a relationship, in words), and
            ``linked_to`` (the names, joined by a semicolon).
        """
        names = {entry.id: entry.name for _, entry in self.entries()}
        rows = [
            (BLOCKS[block], e.id, e.name, TYPES.get(e.type, ""), "; ".join(names[link] for link in e.links))
            for block, e in self.entries()
        ]
        return pd.DataFrame(rows, columns=["block", "id", "name", "type", "linked_to"], dtype="str")

    def with_block(self, block: str, entries: tuple[Entry, ...]) -> Canvas:
        """A canvas with one block's entries replaced."""
        return dataclasses.replace(self, **{block: entries})  # type: ignore[arg-type]  # the key is one of the nine


def clean(text: str) -> str:
    """A text on one line, its white space collapsed."""
    return " ".join(str(text).split())


def _one_line(text: Any, where: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{where}: a name is text, and not empty")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"{where}: a name has up to {LONGEST_NAME} characters; this one has {len(text)}")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError(f"{where}: a name is one line without control characters")
    _storable(text, where)


def _storable(text: Any, where: str) -> None:
    """Refuse what no file of text can hold: control characters, halves of surrogate pairs, and what is no character."""
    if not isinstance(text, str) or len(text) > LONGEST_DESCRIPTION:
        raise ValueError(f"{where}: this is text of up to {LONGEST_DESCRIPTION} characters")
    for character in text:
        kind, code = unicodedata.category(character), ord(character)
        if (
            (kind == "Cc" and character not in "\n\t")
            or kind == "Cs"
            or code & 0xFFFE == 0xFFFE
            or 0xFDD0 <= code <= 0xFDEF
        ):
            raise ValueError(f"{where}: U+{code:04X} cannot be stored in a file of text")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:6])[:40].strip("-") or "entry"


# ---------------------------------------------------------------------------------------------------- plain JSON values


def from_plain(data: Any, *, name: str, origin: str = "") -> Canvas:
    """Make a canvas from the nine blocks as plain values: the form of the pattern library and of a model's answer.

    Args:
        data: a mapping of the nine blocks, each a list of entries: ``name``; ``for``, a list of segments' names, in
            value propositions, channels, relationships and revenue streams; ``type``, in relationships.
        name: of the canvas.
        origin: noted at every entry.

    Returns:
        The canvas.

    Raises:
        ValueError: if a block is missing or too much, an entry has another field, or a value does not fit.

    Example:
        >>> blocks = {block: [{"name": "one"}] for block in BLOCKS}
        >>> from_plain(blocks, name="Shop")["channels"][0].id
        'ch-one'
        >>> from_plain({}, name="Shop")
        Traceback (most recent call last):
            ...
        ValueError: the block customer_segments is missing
    """
    if not isinstance(data, Mapping):
        raise ValueError("the canvas is not a mapping of the nine blocks")
    for block in BLOCKS:
        if block not in data:
            raise ValueError(f"the block {block} is missing")
    extra = [key for key in data if key not in BLOCKS]
    if extra:
        raise ValueError(f"{clean(extra[0])[:40]!r} is not a block")
    canvas = Canvas(name)
    for block in BLOCKS:
        entries = data[block]
        if not isinstance(entries, list) or not entries:
            raise ValueError(f"{block}: must be a list of one entry or more")
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"{block}: a block has up to {MOST_ENTRIES} entries")
        for entry in entries:
            canvas = _add_plain(canvas, block, entry, origin)
    return canvas


def _add_plain(canvas: Canvas, block: str, entry: Any, origin: str) -> Canvas:
    linked = "customer_segments" in _LINKED[block]
    known = {"name", *(("for",) if linked else ()), *(("type",) if block == "customer_relationships" else ())}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ValueError(f"{block}: an entry is a mapping with a name")
    if set(entry) - known:
        raise ValueError(f"{block}: an entry has {', '.join(sorted(known))} only")
    kind, targets = entry.get("type", ""), entry.get("for", [])
    if not isinstance(kind, str) or not isinstance(targets, list):
        raise ValueError(f"{block}: type is text, and for is a list of segments' names")
    segments = {segment.name: segment.id for segment in canvas["customer_segments"]}
    if not all(isinstance(target, str) and clean(target) in segments for target in targets):
        raise ValueError(f"{block}: for names something that is not among the customer_segments")
    links = [segments[clean(target)] for target in targets]
    return canvas.add(block, entry["name"], links=links, type=kind, origin=origin)


# -------------------------------------------------------------------------------------------------------- the patterns


class Pattern(NamedTuple):
    """One business pattern of the library.

    Attributes:
        id: a word.
        name: in plain words.
        sector: ``"consumer"``, ``"business"``, ``"public"`` or ``"non-profit"``: who is mainly served.
        problem: the kind of problem it solves, in the words of people who have it.
        audience: for whom.
        hinge: the block on which it usually breaks.
        why: how.
        blocks: typical entries of the nine blocks, in the form of `from_plain`.
    """

    id: str
    name: str
    sector: str
    problem: str
    audience: str
    hinge: str
    why: str
    blocks: dict[str, list[dict[str, Any]]]


@functools.cache
def patterns() -> tuple[Pattern, ...]:
    """The library of business patterns.

    Example:
        >>> len(patterns()) >= 30
        True
    """
    stored = json.loads((Path(__file__).parent / "patterns.json").read_text(encoding="utf-8"))
    return tuple(
        Pattern(
            **{key: one[key] for key in ("id", "name", "sector", "problem", "audience", "blocks")},
            hinge=one["hinge"]["block"],
            why=one["hinge"]["why"],
        )
        for one in stored
    )


def example() -> Canvas:
    """The canvas of Kittiwake Coffee as its founders first wrote it, with mistakes that `checks` finds.

    Example:
        >>> sorted({finding.check for finding in checks(example())})
        ['orphan_segment', 'type_against_costs', 'unused_channel', 'vague_words']
    """
    home, office, cafe = "Home brewers", "Offices with a coffee corner", "Independent cafés"
    blocks: dict[str, list[dict[str, Any]]] = {
        "customer_segments": [{"name": home}, {"name": office}, {"name": cafe}],
        "value_propositions": [
            {"name": "Best quality coffee", "for": [home, office]},
            {"name": "Beans that arrive before the last ones are gone", "for": [office]},
        ],
        "channels": [
            {"name": "Shop at the roastery", "for": [home, cafe]},
            {"name": "Web store", "for": [home, office, cafe]},
            {"name": "Account managers", "for": [office, cafe]},
            {"name": "Trade fairs"},
        ],
        "customer_relationships": [
            {"name": "Named account manager", "for": [office, cafe], "type": "dedicated_personal_assistance"},
            {"name": "Chatbot", "for": [home, office, cafe], "type": "automated_services"},
            {"name": "Forum of home brewers", "for": [home], "type": "communities"},
        ],
        "revenue_streams": [
            {"name": "Sale of beans", "for": [home, cafe]},
            {"name": "Delivery contracts", "for": [office]},
        ],
        "key_resources": [{"name": "Roastery"}, {"name": "Contact history"}],
        "key_activities": [{"name": "Buying and roasting"}, {"name": "Answering customers"}],
        "key_partnerships": [{"name": "Coffee growers"}, {"name": "Parcel service"}],
        "cost_structure": [{"name": "Green coffee"}, {"name": "Web store software"}, {"name": "Rent and energy"}],
    }
    return from_plain(blocks, name="Kittiwake Coffee")


# ---------------------------------------------------------------------------------------------------------- the checks


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: its name, one of `CHECKS`.
        where: the id of the entry, or the name of the block.
        sentence: what contradicts what.
        silenced: the reason why it is meant to be so, or an empty string.
    """

    check: str
    where: str
    sentence: str
    silenced: str = ""


#: Each check's name, and what it looks for.
CHECKS = {
    "empty_block": "a block left empty",
    "orphan_segment": "a segment that no value proposition is for",
    "segment_without_relationship": "a segment with which no relationship is planned",
    "proposition_for_nobody": "a value proposition that is for no segment",
    "relationship_without_segment": "a relationship that is with no segment",
    "unused_channel": "a channel that leads to no segment",
    "vague_words": "words that exclude nothing",
    "type_against_costs": "a type of relationship that the costs do not pay for",
}
_VAGUE = (
    r"every(?:one|body)|any(?:one|body)|all (?:people|customers|companies|consumers)|the general public|"
    r"(?:best|high(?:est)?|top|superior|premium|excellent|great) (?:quality|service|experience|value)|world[- ]class|"
    r"innovative|cutting[- ]edge|state[- ]of[- ]the[- ]art|user[- ]friendly|one[- ]stop[- ]shop|unique solutions?|"
    r"synerg(?:y|ies)|holistic|seamless|solutions? for all|various|etc|and so on|social media"
)
#: What the costs should name for each type: what to say, and words in which it is usually said.
_PAYS = {
    "personal": (
        "people who talk with customers",
        r"wage|salar|staff|payroll|personnel|people|team|employee|agent|adviser|advisor|hour|labou?r|coach|trainer|"
        r"teacher|manager|fee[s]? of|freelancer|service|support|guide|guiding|worker|moderator",
    ),
    "technical": (
        "the tool that serves customers",
        r"software|platform|system|app\b|tool|web|hosting|cloud|server|technolog|technical|\bit\b|online|digital|develop|"
        r"data|portal|machine|licen[cs]e",
    ),
}
_NEEDS = {
    "personal_assistance": "personal",
    "dedicated_personal_assistance": "personal",
    "self_service": "technical",
    "automated_services": "technical",
}


def checks(canvas: Canvas) -> tuple[Finding, ...]:
    """Look for what contradicts itself on a canvas.

    The checks read links, types and words; they do not know whether the business is a good one. Vague words and costs
    are looked for in English.

    Args:
        canvas: the canvas.

    Returns:
        What was found, in the order of `CHECKS`; findings silenced by `Canvas.silence` come with the reason.

    Example:
        >>> [finding.check for finding in checks(Canvas("Shop").add("customer_segments", "Everyone"))][-3:]
        ['orphan_segment', 'segment_without_relationship', 'vague_words']
    """
    found = sorted(_findings(canvas), key=lambda finding: list(CHECKS).index(finding.check))
    reasons = canvas.silenced
    return tuple(
        finding._replace(silenced=reasons.get(f"{finding.check}:{finding.where}", reasons.get(finding.check, "")))
        for finding in found
    )


def _findings(canvas: Canvas) -> Iterator[Finding]:
    for block, title in BLOCKS.items():
        if not canvas[block]:
            yield Finding("empty_block", block, f"The block {title.lower()} is empty.")
    served = {link for entry in canvas["value_propositions"] for link in entry.links}
    related = {link for entry in canvas["customer_relationships"] for link in entry.links}
    for segment in canvas["customer_segments"]:
        if segment.id not in served:
            yield Finding("orphan_segment", segment.id, f"No value proposition is for «{segment.name}».")
        if segment.id not in related:
            yield Finding(
                "segment_without_relationship", segment.id, f"No relationship with «{segment.name}» is planned."
            )
    for block, check, says in (
        ("value_propositions", "proposition_for_nobody", "is for no segment: who would miss it?"),
        ("customer_relationships", "relationship_without_segment", "is with no segment: with whom is it?"),
        ("channels", "unused_channel", "leads to no segment: who comes through it?"),
    ):
        segments = {segment.id for segment in canvas["customer_segments"]}
        for entry in canvas[block]:
            if not segments & set(entry.links):
                yield Finding(check, entry.id, f"«{entry.name}» {says}")
    for _, entry in canvas.entries():
        match = re.search(rf"\b(?:{_VAGUE})\b", entry.name, re.IGNORECASE)
        if match:
            yield Finding(
                "vague_words", entry.id, f"«{entry.name}»: «{match[0]}» excludes nothing. Who or what is it not?"
            )
    yield from _against_costs(canvas)


def _against_costs(canvas: Canvas) -> Iterator[Finding]:
    costs = " | ".join(entry.name for entry in canvas["cost_structure"])
    if not costs:
        return  # an empty block is found already
    for entry in canvas["customer_relationships"]:
        what, said = _PAYS.get(_NEEDS.get(entry.type, ""), ("", ""))
        if what and not re.search(rf"\b(?:{said})", costs, re.IGNORECASE):
            yield Finding(
                "type_against_costs",
                entry.id,
                f"«{entry.name}» is {TYPES[entry.type]}, but the costs name nothing for {what}.",
            )


# ----------------------------------------------------------------------------------------------------- the assumptions


class Assumption(NamedTuple):
    """What must be true for the canvas to hold, and how to find out.

    Attributes:
        block: where it stands.
        claim: what is assumed.
        why: why it is risky.
        test: how to test it cheaply.
        who: with whom.
        change: what result would change your mind.
    """

    block: str
    claim: str
    why: str
    test: str
    who: str
    change: str


_USUAL = {  # how deep a business falls if the block is wrong, and how cheap it is to look
    "customer_segments": 5.0,
    "value_propositions": 4.5,
    "revenue_streams": 4.0,
    "customer_relationships": 3.0,
    "channels": 2.5,
    "key_partnerships": 2.0,
    "cost_structure": 2.0,
    "key_resources": 1.5,
    "key_activities": 1.0,
}
_TEMPLATES = {
    "customer_segments": (
        "«{segment}» have the problem, often enough to look for help.",
        "Ask each what they did the last time it happened, and what that cost. Do not mention your idea.",
        "10 people of «{segment}» whom you do not know",
        "fewer than 6 name the problem by themselves, or none has paid, in money or time, to be rid of it",
    ),
    "value_propositions": (
        "«{entry}» is better than what «{segment}» do today.",
        "Do it by hand for a few of them, for two weeks, as if the product existed; then stop.",
        "5 of «{segment}» who have the problem now",
        "fewer than 3 ask you to go on when you stop",
    ),
    "revenue_streams": (
        "«{segment}» pay for it: «{entry}».",
        "Ask for money before it exists: a pre-order or a deposit at the full price, which you pay back.",
        "20 of «{segment}», half at this price and half at one a third higher",
        "fewer than 2 in 20 pay, or nobody pays the higher price, and your sums only work out with that",
    ),
    "customer_relationships": (
        "«{segment}» accept the relationship «{entry}»{kind}, and it costs what you think.",
        "Offer two ways side by side for a month, and count contacts, minutes, and who comes back on the same matter.",
        "30 contacts of «{segment}» in each way, drawn at random",
        "more than a third come back on the same matter, or ask for a person where none is planned",
    ),
    "channels": (
        "«{entry}» reaches «{segment}» for less than a customer is worth.",
        "Spend a small fixed sum on this channel alone, with its own link or code, for two weeks.",
        "the first 100 of «{segment}» that it brings",
        "one new customer costs more than the margin of the first year",
    ),
    "key_partnerships": (
        "«{entry}» do their part, because they gain from it.",
        "Ask for a signed letter of intent that names what each side gives and gets.",
        "two candidates for each partner",
        "nobody signs within a month, or only against exclusive rights",
    ),
    "cost_structure": (
        "«{entry}» stays as low as planned when you grow.",
        "Work out the cost of one unit at 10, 100 and 1,000 customers, with a written offer for the largest item.",
        "two suppliers, and somebody who ran such a business",
        "one unit at 100 customers costs more than it brings",
    ),
    "key_resources": (
        "«{entry}» can be had, and held.",
        "Try to get it: place the advertisement, ask for the licence, talk to the landlord.",
        "the three most likely sources",
        "it takes more than three months or a quarter of the first year's budget",
    ),
    "key_activities": (
        "You can do «{entry}» at the quality that is promised.",
        "Do it ten times in a row, measure time and errors, and let somebody outside judge.",
        "three people who know the trade",
        "more than one in ten would have to be done again",
    ),
}


def assumptions(canvas: Canvas, *, most: int = 3) -> tuple[Assumption, ...]:
    """The riskiest assumptions of a canvas, one to a block.

    A block's risk is a plain sum that you may quarrel with: how much usually hangs on it (from 5 for segments to 1
    for activities), 3 more if the pattern that the canvas draws on usually breaks there, 1 for each finding of `checks`
    in it (2 at the most), and 1 if nobody has changed the draft's entries.

    Args:
        canvas: the canvas; empty blocks are left out.
        most: how many.

    Returns:
        The assumptions, the riskiest first, each with a test, with whom, and what would change your mind. An empty
        canvas assumes nothing.
    """
    filled = [block for block in BLOCKS if canvas[block]]
    drawn = {entry.origin.removeprefix("pattern:") for _, entry in canvas.entries() if entry.origin}
    count = {one: sum(e.origin == f"pattern:{one}" for _, e in canvas.entries()) for one in drawn}
    main = next((one for one in patterns() if count and one.id == max(count, key=lambda key: count[key])), None)
    open_findings = [finding for finding in checks(canvas) if not finding.silenced]
    scored = []
    for block in filled:
        ids = {entry.id for entry in canvas[block]}
        failed = [finding for finding in open_findings if finding.where in ids]
        reasons = []
        score = _USUAL[block] + min(len(failed), 2)
        if main is not None and main.hinge == block:
            score += 3
            reasons.append(main.why)
        if all(entry.origin for entry in canvas[block]):
            score += 1
            reasons.append("Every entry of this block is the draft's; nobody has looked at it yet.")
        reasons += [finding.sentence for finding in failed[:2]]
        if not reasons:
            reasons.append("Much hangs on this block, and nothing on the canvas proves it.")
        scored.append((score, block, " ".join(reasons)))
    scored.sort(key=lambda one: -one[0])
    return tuple(_assumption(canvas, block, why) for _, block, why in scored[:most])


def _assumption(canvas: Canvas, block: str, why: str) -> Assumption:
    segments = {entry.id: entry.name for entry in canvas["customer_segments"]}
    entry = max(canvas[block], key=lambda one: (bool(one.description), bool(one.links)))
    linked = [segments[link] for link in entry.links if link in segments]
    first = next((one.name for one in canvas["customer_segments"] if one.description), None)
    segment = entry.name if block == "customer_segments" else (linked or [first or "your customers"])[0]
    kind = f" ({TYPES[entry.type]})" if entry.type else ""
    claim, test, who, change = (part.format(entry=entry.name, segment=segment, kind=kind) for part in _TEMPLATES[block])
    return Assumption(block, claim, why, test, who, change)


# ---------------------------------------------------------------------------------------------------------------- BMML


def to_bmml(canvas: Canvas) -> dict[str, Any]:
    """The canvas as a BMML document (without what the sidecar holds).

    Args:
        canvas: the canvas.

    Returns:
        A document that `bmml.problems` finds nothing wrong with. A link of a value proposition to a segment is a *fit*.
    """
    beyond = canvas.beyond
    meta: dict[str, Any] = {**beyond.get("meta", {}), "name": canvas.name}
    meta |= {"tagline": canvas.tagline} if canvas.tagline else {}
    meta |= {"portfolio": canvas.portfolio, "stage": canvas.stage}
    document: dict[str, Any] = {"version": bmml.VERSION, "meta": meta}
    for block in BLOCKS:
        section = _SECTION.get(block, block)
        if canvas[block]:
            document[section] = [_to_section(canvas, block, entry) for entry in canvas[block]]
    fits = _to_fits(canvas)
    if fits:
        document["fits"] = fits
    return document


def _to_section(canvas: Canvas, block: str, entry: Entry) -> dict[str, Any]:
    section = _SECTION.get(block, block)
    row: dict[str, Any] = {"id": entry.id, "name": entry.name}
    if entry.description and section in bmml.INSIDE:
        row["description"] = entry.description
    row |= canvas.beyond.get("inside", {}).get(entry.id, {})
    for name, targets in bmml.LINKS.get(section, {}).items():
        linked = {t: [link for link in entry.links if link.startswith(f"{bmml.PREFIXES[t]}-")] for t in targets}
        linked = {target: links for target, links in linked.items() if links}
        if linked:
            row[name] = linked
    return row


def _to_fits(canvas: Canvas) -> list[dict[str, Any]]:
    """The fits that were read, as far as their links still stand, and one for each proposition with other links."""
    links = {(entry.id, link) for entry in canvas["value_propositions"] for link in entry.links}
    rows, told = [], set()
    for fit in canvas.beyond.get("fits", []):
        ends = fit["for"]
        pairs = {(vp, cs) for vp in ends["value_propositions"] for cs in ends["customer_segments"]}
        if pairs <= links:
            rows.append(fit)
            told |= pairs
    ids = {row["id"] for row in rows}
    for entry in canvas["value_propositions"]:
        left = [link for link in entry.links if (entry.id, link) not in told]
        if left:
            stem = f"fit-{entry.id.removeprefix('vp-')}"
            new = next(i for i in (stem, *(f"{stem}-{n}" for n in range(2, len(ids) + 3))) if i not in ids)
            ids.add(new)
            rows.append({"id": new, "for": {"value_propositions": [entry.id], "customer_segments": left}})
    return rows


def from_bmml(document: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Canvas:
    """Make a canvas from a BMML document and what its sidecar holds.

    Args:
        document: a valid document, as `bmml.read` gives it.
        extra: the sidecar's values; entries that it names and the document lacks are ignored.

    Returns:
        The canvas. Jobs, pains, gains, value maps and mappings are kept in ``beyond``, to be written again.

    Raises:
        ValueError: if a text does not fit on a canvas (longer than 300 characters, say).
    """
    extra = extra or {}
    types = _mapping(extra, "types")
    origins = _mapping(extra, "origins")
    linked: dict[str, list[str]] = {}
    for fit in document.get("fits", []):
        for proposition in fit["for"]["value_propositions"]:
            linked.setdefault(proposition, []).extend(fit["for"]["customer_segments"])
    blocks: dict[str, tuple[Entry, ...]] = {}
    inside: dict[str, dict[str, Any]] = {}
    for block in BLOCKS:
        section = _SECTION.get(block, block)
        entries = []
        for row in document.get(section, []):
            links = list(linked.get(row["id"], ())) if block == "value_propositions" else []
            for name, targets in bmml.LINKS.get(section, {}).items():
                links += [link for target in targets for link in row.get(name, {}).get(target, [])]
            kept = {name: row[name] for name in bmml.INSIDE.get(section, {}) if name in row}
            if kept:
                inside[row["id"]] = kept
            entries.append(
                Entry(
                    row["id"],
                    clean(row["name"]),
                    tuple(dict.fromkeys(links)),
                    row.get("description", ""),
                    str(types.get(row["id"], "")) if block == "customer_relationships" else "",
                    str(origins.get(row["id"], "")),
                )
            )
        blocks[block] = tuple(entries)
    meta = document["meta"]
    beyond: dict[str, Any] = {}
    other = {key: meta[key] for key in ("created", "updated", "derived_from") if key in meta}
    mapped = [fit for fit in document.get("fits", []) if fit.get("mappings")]
    unknown = {key: value for key, value in extra.items() if key not in ("types", "origins", "silenced")}
    for key, value in (("meta", other), ("inside", inside), ("fits", mapped), ("sidecar", unknown)):
        if value:
            beyond[key] = value
    return Canvas(
        clean(meta["name"]),
        **blocks,
        tagline=meta.get("tagline", ""),
        portfolio=meta["portfolio"],
        stage=meta["stage"],
        silenced={str(key): str(value) for key, value in _mapping(extra, "silenced").items()},
        beyond=beyond,
    )


def _mapping(extra: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = extra.get(key, {})
    if not isinstance(value, Mapping):
        raise ValueError(f"the sidecar's {key} is not a mapping: mend it, or delete it")
    return value


def write(canvas: Canvas, path: str | Path) -> None:
    """Write a canvas as BMML, and what BMML does not admit to the sidecar beside it.

    Relationship types, where entries come from, and silenced checks go to ``<name>.crkit.yaml``. Each of the two files
    is written in one step.

    Args:
        canvas: the canvas.
        path: the ``.bmml`` file; an existing one is replaced.
    """
    document = to_bmml(canvas)
    extra: dict[str, Any] = dict(canvas.beyond.get("sidecar", {}))
    extra["types"] = {entry.id: entry.type for _, entry in canvas.entries() if entry.type}
    extra["origins"] = {entry.id: entry.origin for _, entry in canvas.entries() if entry.origin}
    extra["silenced"] = dict(canvas.silenced)
    bmml.write(path, document)
    bmml.write_sidecar(path, {key: value for key, value in extra.items() if value})


def read(path: str | Path) -> Canvas:
    """Read a canvas from a BMML file and, if there is one, its sidecar.

    Args:
        path: the ``.bmml`` file.

    Raises:
        FileNotFoundError: if there is no such file; the message says where it was looked for.
        ValueError: if a file is too long, not plain YAML, or no valid BMML 2.0; the message names the place.
    """
    path = Path(path)
    if not path.is_file():
        near = sorted(one.name for one in path.parent.glob("*.bmml"))
        there = f"there is {', '.join(near[:5])}" if near else "there is no .bmml file at all"
        raise FileNotFoundError(
            f"there is no file {path.name} in {path.parent.resolve()}: {there}. Check the name and the folder; "
            "canvas.write makes such a file"
        )
    return from_bmml(bmml.read(path), bmml.read_sidecar(path))
