"""Reads and writes BMML, an open YAML format for business models, with a sidecar for what its schema does not admit.

BMML (https://github.com/hiasinho/bmml, version 2.0) holds the nine blocks of a canvas as lists of entries with an id, a
name and links to other entries; its schema admits no other fields. What the kit knows beyond that, such as a
relationship's type or its record in the register, goes to a sidecar beside the file: ``shop.bmml`` has
``shop.crkit.yaml``.

A file is refused, never repaired, when it is too long, not YAML, uses aliases or tags, or breaks the schema. YAML is
read as BMML's own programs do, by the rules of YAML 1.2: ``no`` and ``2024-01-15`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from crkit import _files

VERSION = "2.0"
LONGEST_FILE = 2_000_000  # bytes; a full canvas takes about 10,000, a register of a thousand records about a million
STAGES = {
    "explore": ("ideation", "discovery", "validation", "acceleration", "transfer"),
    "exploit": ("improve", "grow", "sustain", "retire", "transfer"),
}
PREFIXES = {
    "customer_segments": "cs",
    "value_propositions": "vp",
    "channels": "ch",
    "customer_relationships": "cr",
    "revenue_streams": "rs",
    "key_resources": "kr",
    "key_activities": "ka",
    "key_partnerships": "kp",
    "costs": "cost",
}
#: What an entry of each section may be linked to: the field, and the sections it names.
LINKS: dict[str, dict[str, tuple[str, ...]]] = {
    "fits": {"for": ("value_propositions", "customer_segments")},
    "channels": {"for": ("value_propositions", "customer_segments")},
    "customer_relationships": {"for": ("customer_segments",)},
    "revenue_streams": {"from": ("customer_segments",), "for": ("value_propositions",)},
    "key_resources": {"for": ("value_propositions",)},
    "key_activities": {"for": ("value_propositions",)},
    "key_partnerships": {"for": ("key_resources", "key_activities")},
    "costs": {"for": ("key_resources", "key_activities")},
}
#: Lists inside an entry: the prefix of their ids, and the field that holds their text.
INSIDE = {
    "customer_segments": {
        "jobs": ("job", "description"),
        "pains": ("pain", "description"),
        "gains": ("gain", "description"),
    },
    "value_propositions": {
        "products_services": ("ps", "name"),
        "pain_relievers": ("pr", "name"),
        "gain_creators": ("gc", "name"),
    },
}
_META = ("name", "tagline", "created", "updated", "portfolio", "stage", "derived_from")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class _Loader(yaml.SafeLoader):
    """Plain values only: no aliases, no tags, no repeated keys; scalars by the rules of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base's attribute, made anew below

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in the stubs
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not allowed", event.start_mark)
        if getattr(event, "tag", None):
            raise yaml.composer.ComposerError(None, None, f"the tag {event.tag} is not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} occurs twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Also quotes the text that would be no text by the rules of YAML 1.2, such as 1e5 and 08."""


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    for _rules in (_Loader, _Dumper):
        _rules.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), [*_first, ""])


def load_yaml(path: str | Path) -> Any:
    """Read one small YAML file that may come from anybody.

    Args:
        path: the file, in UTF-8, of 2 MB at the most.

    Returns:
        Mappings, lists and plain values. Text that looks like a date stays text.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is too long, not UTF-8, not YAML, or uses aliases, tags or a key twice. The message
            names the file and the line.
    """
    path = Path(path)
    with path.open("rb") as file:
        raw = file.read(LONGEST_FILE + 1)
    if len(raw) > LONGEST_FILE:
        limit = f"{LONGEST_FILE / 1e6:.0f} MB"
        raise ValueError(f"{path.name} is longer than {limit}, which no business model needs: it was not read")
    try:
        return yaml.load(raw.decode("utf-8-sig"), Loader=_Loader)
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not text in UTF-8: save it as UTF-8") from None
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deeply to be a canvas") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"{path.name} holds a value that cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ValueError(f"{path.name}{where}: {problem}; mend the file and read it again") from None


def problems(document: Any) -> list[str]:
    """What is wrong with a BMML document, by the schema of version 2.0 and by its links.

    Args:
        document: what a file holds, as mappings, lists and plain values.

    Returns:
        One sentence for each problem, with the place; empty if there is none.

    Example:
        >>> problems({"version": "2.0", "meta": {"name": "Shop", "portfolio": "explore", "stage": "grow"}})
        ['meta.stage: grow is not a stage of explore (ideation, discovery, validation, acceleration, transfer)']
    """
    return list(_problems(document))


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, Mapping):
        yield "the document is not a mapping: it needs version and meta"
        return
    sections = (*PREFIXES, "fits")
    yield from _unknown(document, ("version", "meta", *sections), "")
    if document.get("version") != VERSION:
        extra = ' (in quotes: version: "2.0")' if document.get("version") == 2.0 else ""
        yield f'version: must be "{VERSION}"{extra}, not {document.get("version")!r}'
    yield from _meta_problems(document.get("meta"))
    ids: dict[str, str] = {}
    for section in sections:
        entries = document.get(section, [])
        if not isinstance(entries, list):
            yield f"{section}: must be a list"
            continue
        for number, entry in enumerate(entries):
            where = f"{section}[{number}]"
            if not isinstance(entry, Mapping):
                yield f"{where}: must be a mapping with id and name"
                continue
            yield from _entry_problems(section, entry, where, ids)
    yield from _link_problems(document, ids)


def _unknown(mapping: Mapping[Any, Any], known: tuple[str, ...], where: str) -> Iterator[str]:
    for key in mapping:
        if key not in known:
            yield f"{where}{key}: BMML has no such field here; it has {', '.join(known)}"


def _meta_problems(meta: Any) -> Iterator[str]:
    if not isinstance(meta, Mapping):
        yield "meta: must be a mapping with name, portfolio and stage"
        return
    yield from _unknown(meta, _META, "meta.")
    for key in _META:
        if key in meta and not isinstance(meta[key], str):
            yield f"meta.{key}: must be text"
    for key in ("created", "updated"):
        if isinstance(meta.get(key), str) and not _DAY.fullmatch(meta[key]):
            yield f"meta.{key}: must be a date such as 2024-01-31"
    if "name" not in meta:
        yield "meta.name: is missing"
    portfolio, stage = meta.get("portfolio"), meta.get("stage")
    if not isinstance(portfolio, str) or portfolio not in STAGES:
        yield "meta.portfolio: must be explore or exploit"
    elif stage not in STAGES[portfolio]:
        yield f"meta.stage: {stage} is not a stage of {portfolio} ({', '.join(STAGES[portfolio])})"


def _id_problems(value: Any, prefix: str, where: str, ids: dict[str, str]) -> Iterator[str]:
    if not isinstance(value, str) or not re.fullmatch(rf"{prefix}-[a-z0-9-]+", value):
        yield f"{where}.id: must be {prefix}- and small letters, digits or hyphens, not {str(value)[:40]!r}"
    elif value in ids:
        yield f"{where}.id: {value} is also the id of {ids[value]}"
    else:
        ids[value] = where


def _entry_problems(section: str, entry: Mapping[str, Any], where: str, ids: dict[str, str]) -> Iterator[str]:
    inside, links = INSIDE.get(section, {}), LINKS.get(section, {})
    texts = () if section == "fits" else ("name", "description") if inside else ("name",)
    extra = ("mappings",) if section == "fits" else ()
    yield from _unknown(entry, ("id", *texts, *links, *inside, *extra), f"{where}.")
    yield from _id_problems(entry.get("id"), PREFIXES.get(section, "fit"), where, ids)
    if section != "fits" and not isinstance(entry.get("name"), str):
        yield f"{where}.name: must be text"
    if not isinstance(entry.get("description", ""), str):
        yield f"{where}.description: must be text"
    for name, (prefix, text) in inside.items():
        items = entry.get(name, [])
        if not isinstance(items, list):
            yield f"{where}.{name}: must be a list"
            continue
        for number, item in enumerate(items):
            here = f"{where}.{name}[{number}]"
            if not isinstance(item, Mapping) or not isinstance(item.get(text), str):
                yield f"{here}: must be a mapping with id and {text}"
                continue
            yield from _unknown(item, ("id", text), f"{here}.")
            yield from _id_problems(item.get("id"), prefix, here, ids)
    mappings = entry.get("mappings", [])
    if section == "fits" and not (
        isinstance(mappings, list)
        and all(isinstance(p, list) and len(p) == 2 and all(isinstance(x, str) for x in p) for p in mappings)
    ):
        yield f"{where}.mappings: must be a list of pairs of ids"


def _link_problems(document: Mapping[str, Any], ids: Mapping[str, str]) -> Iterator[str]:
    for section, fields in LINKS.items():
        entries = document.get(section, [])
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not isinstance(entry, Mapping):
                continue
            for field, targets in fields.items():
                where = f"{section}[{number}].{field}"
                linked = entry.get(field, {})
                if not isinstance(linked, Mapping):
                    yield f"{where}: must be a mapping of {' and '.join(targets)}"
                    continue
                yield from _unknown(linked, targets, f"{where}.")
                for target in targets:
                    named = linked.get(target, [])
                    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
                        yield f"{where}.{target}: must be a list of ids"
                        continue
                    if section == "fits" and not named:
                        yield f"{where}.{target}: must name at least one"
                    for one in named:
                        if not ids.get(one, "").startswith(f"{target}["):
                            yield f"{where}.{target}: there is no {one!r} among the {target}"


def read(path: str | Path) -> dict[str, Any]:
    """Read a BMML file and check it.

    Args:
        path: the ``.bmml`` file.

    Returns:
        The document, valid by the schema.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no valid BMML 2.0; the message lists the first problems with their places.
    """
    document = load_yaml(path)
    _require(document, Path(path).name)
    return dict(document)


def _require(document: Any, name: str) -> None:
    found = problems(document)
    if found:
        old = isinstance(document, Mapping) and document.get("version") in ("1.0", 1.0)
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        hint = ' It says version 1.0: run "bmml migrate" on it first.' if old else ""
        raise ValueError(f"{name} is not valid BMML: {'; '.join(found[:5])}{more}.{hint}")


def write(path: str | Path, document: Mapping[str, Any]) -> None:
    """Write a document as a BMML file, if it is valid, in one step.

    Args:
        path: the ``.bmml`` file; an existing one is replaced.
        document: version, meta and the sections.

    Raises:
        ValueError: if the document breaks the schema; nothing is written.
    """
    _require(document, "the canvas")
    _files.write_text(Path(path), _dump(document))


def sidecar(path: str | Path) -> Path:
    """The sidecar's path of a BMML file.

    Example:
        >>> sidecar("shop.bmml").name
        'shop.crkit.yaml'
    """
    return Path(path).with_suffix(".crkit.yaml")


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """What the sidecar of a BMML file holds; empty if there is none.

    Args:
        path: the ``.bmml`` file.

    Raises:
        ValueError: if the sidecar is there but is no mapping in plain YAML.
    """
    beside = sidecar(path)
    if not beside.exists():
        return {}
    found = load_yaml(beside)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{beside.name} is not a mapping of fields: mend it, or delete it")
    return dict(found)


def write_sidecar(path: str | Path, values: Mapping[str, Any]) -> None:
    """Write the sidecar of a BMML file; an empty mapping removes an existing one.

    Args:
        path: the ``.bmml`` file.
        values: plain values by section; they replace what is there.
    """
    beside = sidecar(path)
    if values:
        _files.write_text(beside, f"# What crkit adds to {Path(path).name}.\n{_dump(values)}")
    else:
        beside.unlink(missing_ok=True)


def _dump(values: Mapping[str, Any]) -> str:
    return str(yaml.dump(_plain(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _plain(value: Any) -> Any:
    """A copy in which no list occurs twice, so that the file has no aliases."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
