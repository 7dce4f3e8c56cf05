"""The six types of customer relationship: one file for text, widgets and checks (``relationship_types.json``)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd


class Example(NamedTuple):
    """A company in which a type can be seen.

    Attributes:
        who: the company.
        what: what it does.
        source: where that was published.
        year: when.
        confidence: ``read`` (we read that source), ``quoted`` (we read a page that quotes it), or ``known`` (widely
            published, not read again for this edition).
    """

    who: str
    what: str
    source: str
    year: int
    confidence: str


class RelationshipType(NamedTuple):
    """One of the six types of Osterwalder and Pigneur (2010), in our words.

    Attributes:
        id: its word in data and files.
        name: its name.
        definition: what it is.
        duration: where it is found from 0 (a single transaction) to 1 (meant to last).
        motivations: what it mainly serves: ``acquire``, ``retain``, ``grow``.
        needs: what it takes.
        costs: what it costs, and how the cost grows.
        handled_by: who handles its contacts in a contact log (``self``, ``bot``, ``human``, ``owner``, ``community``);
            None where a contact log does not show it.
        met_by: which handlers give what somebody who expects this type expects; our judgement.
        watch: what usually goes wrong.
        examples: two real companies.
    """

    id: str
    name: str
    definition: str
    duration: tuple[float, float]
    motivations: tuple[str, ...]
    needs: str
    costs: str
    handled_by: str | None
    met_by: tuple[str, ...]
    watch: str
    examples: tuple[Example, ...]


@functools.cache
def types() -> dict[str, RelationshipType]:
    """The six types by id, in their usual order.

    Example:
        >>> list(types())[:2]
        ['personal_assistance', 'dedicated_personal_assistance']
    """
    read = json.loads(Path(__file__).with_name("relationship_types.json").read_text(encoding="utf-8"))
    return {
        one["id"]: RelationshipType(
            **{
                **one,
                "duration": tuple(one["duration"]),
                "motivations": tuple(one["motivations"]),
                "met_by": tuple(one["met_by"]),
                "examples": tuple(Example(**example) for example in one["examples"]),
            }
        )
        for one in read["types"]
    }


def known(word: str) -> str:
    """The id of a type, from its id or its name; upper and lower case, spaces and hyphens do not matter.

    Raises:
        ValueError: if it is none of the six; the message lists them.

    Example:
        >>> known("Co-creation")
        'co_creation'
    """
    wanted = str(word).strip().casefold().replace("-", "_").replace(" ", "_")
    if wanted not in types():
        raise ValueError(f"{word!r} is no type of relationship; there are {', '.join(types())}")
    return wanted


def table() -> pd.DataFrame:
    """The six types as a table.

    Returns:
        One row a type, with ``type``, ``definition``, ``serves`` (its motivations), ``needs``, ``costs``.
    """
    rows = [(t.name, t.definition, ", ".join(t.motivations), t.needs, t.costs) for t in types().values()]
    return pd.DataFrame(rows, columns=["type", "definition", "serves", "needs", "costs"])


def examples() -> pd.DataFrame:
    """The examples as a table.

    Returns:
        One row an example, with ``type``, ``who``, ``what``, ``source``, ``year``, ``confidence``.
    """
    rows = [(t.name, *example) for t in types().values() for example in t.examples]
    return pd.DataFrame(rows, columns=["type", *Example._fields])
