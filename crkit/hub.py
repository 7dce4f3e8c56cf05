"""The reader's own Customer Relationship Hub: one YAML file that grows from notebook to notebook.

The file is a mapping of sections, one or more per lesson. It is written for people: it can be read, printed and
edited by hand, and what a notebook does not know it leaves as it is.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crkit import _files

HEADING = "# Customer Relationship Hub: made with crkit, yours to edit.\n"


def read(path: str | Path) -> dict[str, Any]:
    """Read the Hub.

    Args:
        path: the YAML file; it need not exist yet.

    Returns:
        The sections by name, in the order of the file; empty if there is no file, or nothing in it.

    Raises:
        ValueError: if the file is not YAML, or not a mapping of sections; nothing is changed.

    Example:
        >>> read("no_such_hub.yaml")
        {}
    """
    return _parse(Path(path), _text(Path(path)))


def update(path: str | Path, section: str, value: object) -> str:
    """Set one section of the Hub and leave the rest of the file as it is.

    Args:
        path: the YAML file; it is made if it does not exist.
        section: the section's name, for example ``"segments"``.
        value: plain values only: text, numbers, dates, true or false, lists and mappings of these. NumPy and
            pandas scalars are taken as plain numbers. If both the old and the new section are mappings, fields
            of the old one that the new one does not name are kept.

    Returns:
        The section as it now stands in the file, as YAML text, for showing.

    Raises:
        ValueError: if the file is not a mapping of sections, or the value is not made of plain values; the file
            is left as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(update(Path(folder) / "hub.yaml", "segments", {"home": {"served by": "self-service"}}), end="")
        segments:
          home:
            served by: self-service
    """
    path = Path(path)
    if not isinstance(section, str) or not section.strip():
        raise ValueError(f"a section of the Hub needs a name; got {section!r}")
    text = _text(path)
    sections = _parse(path, text)
    old, new = sections.get(section), _plain(value, section)
    if isinstance(old, dict) and isinstance(new, dict):
        new = {**old, **new}
    shown = _dump({section: new})
    if section in sections and _dump({section: old}) == shown:
        return shown
    _files.write_text(path, _replace(text, sections, section, shown, new))
    return shown


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not a text file in UTF-8: save it as UTF-8, or name another Hub file"
        ) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        sections = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ValueError(f"{path.name} is not valid YAML{where}: mend it, or name another Hub file") from error
    if sections is None:
        return {}
    if not isinstance(sections, dict):
        raise ValueError(f"{path.name} does not hold sections (name: ...): it is no Hub file, and was left as it was")
    return sections


def _plain(value: object, where: str) -> Any:
    """Copy a value as what YAML's safe dumper can write and read again, or say where that fails."""
    if isinstance(value, Mapping):
        copy = {}
        for key, inner in value.items():
            key = _plain(key, where)
            if isinstance(key, (list, dict)):
                raise ValueError(f"{where}: a field's name must be plain text or a number, not {key!r}")
            copy[key] = _plain(inner, f"{where} / {key}")
        return copy
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{where} / {i + 1}") for i, inner in enumerate(value)]
    if hasattr(value, "to_pydatetime"):  # a pandas Timestamp
        value = value.to_pydatetime()
    elif hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a NumPy scalar
        value = value.item()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)  # a plain one: subclasses such as NumPy's str_ are not for YAML
    if isinstance(value, datetime.date):
        return value
    if value is None:
        return None
    raise ValueError(f"{where}: the Hub keeps text, numbers, dates, lists and mappings, not {type(value).__name__}")


class _Dumper(yaml.SafeDumper):
    """Writes each list item indented under its field, and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - the base's signature
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base's signature
        return True


def _dump(section: dict[str, Any]) -> str:
    return str(yaml.dump(section, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _replace(text: str, sections: dict[str, Any], section: str, shown: str, new: object) -> str:
    """Put one section's text in its place; comments and layout of the others stay.

    Where the file's layout does not allow that (a flow mapping, anchors across sections), the file is written anew
    from its content.
    """
    wanted = {**sections, section: new}
    lines = text.splitlines(keepends=True)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not sections:
        candidate = (text or HEADING).rstrip("\n") + "\n\n" + shown
    elif section not in sections:
        candidate = text.rstrip("\n") + "\n\n" + shown
    else:
        assert isinstance(node, yaml.MappingNode)
        start, end = next((k.start_mark.line, _last_line(v)) for k, v in node.value if k.value == section)
        candidate = "".join([*lines[:start], shown, *lines[end:]])
    try:
        if _dump(yaml.safe_load(candidate)) == _dump(wanted):
            return candidate
    except yaml.YAMLError:
        pass
    return HEADING + "\n" + _dump(wanted)


def _last_line(node: yaml.Node) -> int:
    """The line after the last one that belongs to a node's own content, comments after it not counted."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    mark = node.end_mark
    return int(mark.line if mark.column == 0 else mark.line + 1)
