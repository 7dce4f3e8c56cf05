"""The file of the reader's Hub: sections are read, replaced and undone; no write loses what somebody else wrote.

Every write is one step under a lock, and the text before it goes into a folder beside the file: the history of
``my_hub.yaml`` is ``my_hub.yaml.history/``, one numbered copy a change.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from crkit import _files

HEADING = "# Customer Relationship Hub: made with crkit, yours to edit.\n"
LARGEST_BYTES = 2_000_000  # a Hub of some thousand records; more is no file that a person keeps
MOST_VALUES = 200_000  # with every alias written out, so that a few lines cannot stand for billions of values
DEEPEST = 40
KEPT = 100  # states in the history
WAIT_S = 10.0  # for another window to finish writing


class HubBusyError(ValueError):
    """Another window holds the file for longer than a write takes."""


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
    return parse(Path(path).name, text_of(path))


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
    if not isinstance(section, str) or not section.strip():
        raise ValueError(f"a section of the Hub needs a name; got {section!r}")
    path, new = Path(path), plain(value, section)
    shown = [""]

    def change(text: str) -> str:
        old = parse(path.name, text).get(section)
        now = {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new
        shown[0] = dump({section: now})
        return with_section(path.name, text, section, now)

    write(path, change)
    return shown[0]


def write(path: str | Path, change: Callable[[str], str]) -> bool:
    """Change the file's text in one step: under a lock, with the text before kept in the history.

    Args:
        path: the file; it is made if it does not exist.
        change: takes the text that the file has now, and returns the new one. What it raises leaves the file as it is.

    Returns:
        Whether the text changed.

    Raises:
        HubBusyError: if another window keeps the file locked.
        OSError: if the file or its history cannot be written.
    """
    path = Path(path)
    with _locked(path):
        before = text_of(path)
        after = change(before)
        if after == before:
            return False
        _check_size(path.name, len(after.encode("utf-8")))
        _push(history(path), "", before)
        for state in _states(history(path), "undone-"):
            state.unlink(missing_ok=True)
        _files.write_text(path, after)
        return True


def history(path: str | Path) -> Path:
    """The folder beside the file that holds its earlier states.

    Example:
        >>> history("work/my_hub.yaml").as_posix()
        'work/my_hub.yaml.history'
    """
    real = Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)
    return real.with_name(real.name + ".history")


def undo(path: str | Path) -> str | None:
    """Take back the last change of the file, whoever made it through the kit; `redo` brings it back.

    Args:
        path: the Hub's file.

    Returns:
        The text that the file has now, or None if there is nothing left to undo. Edits made by hand since the last
        change are undone with it, and come back with it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "hub.yaml"
        ...     _ = update(file, "segments", {"homes": 1}), update(file, "segments", {"homes": 2})
        ...     _ = undo(file)
        ...     read(file)
        {'segments': {'homes': 1}}
    """
    return _step(Path(path), "", "undone-")


def redo(path: str | Path) -> str | None:
    """Bring back what `undo` took back last, or return None if a later change has replaced it.

    Args:
        path: the Hub's file.

    Returns:
        The text that the file has now, or None if there is nothing to bring back.
    """
    return _step(Path(path), "undone-", "")


def _step(path: Path, source: str, target: str) -> str | None:
    with _locked(path):
        states = _states(history(path), source)
        if not states:
            return None
        text = states[-1].read_text(encoding="utf-8")
        _push(history(path), target, text_of(path))
        _files.write_text(path, text)
        states[-1].unlink()
        return text


def _states(folder: Path, prefix: str) -> list[Path]:
    """The numbered states, oldest first."""
    found = [(state.stem.removeprefix(prefix), state) for state in folder.glob(f"{prefix}*.yaml")]
    return [state for number, state in sorted((int(n), state) for n, state in found if n.isdecimal())]


def _push(folder: Path, prefix: str, text: str) -> None:
    states = _states(folder, prefix)
    number = int(states[-1].stem.removeprefix(prefix)) + 1 if states else 1
    folder.mkdir(exist_ok=True)
    _files.write_text(folder / f"{prefix}{number:04d}.yaml", text)
    for state in states[: max(0, len(states) + 1 - KEPT)]:
        state.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file against other windows on this machine; the system lets go if the process ends."""
    name = hashlib.sha256(os.path.realpath(path).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    user = os.getuid() if hasattr(os, "getuid") else 0
    lock = Path(tempfile.gettempdir()) / f"crkit-{user}-{name}.lock"
    with lock.open("a+b") as handle:
        deadline = time.monotonic() + WAIT_S
        while not _try_lock(handle.fileno()):
            if time.monotonic() > deadline:
                raise HubBusyError(f"{path.name} is being written by another window: try again in a moment")
            time.sleep(0.02)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_BYTES:
        raise ValueError(
            f"{name} has {size / 1e6:,.1f} MB; a Hub has {LARGEST_BYTES / 1e6:.0f} MB at the most: name another file"
        )


def text_of(path: str | Path) -> str:
    """The file's text; empty if there is no file.

    Raises:
        ValueError: if it is too large, or not UTF-8.
    """
    path = Path(path)
    try:
        _check_size(path.name, path.stat().st_size)
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not a text file in UTF-8: save it as UTF-8, or name another Hub file"
        ) from error


def parse(name: str, text: str) -> dict[str, Any]:
    """Read YAML text as sections, without trusting it.

    Args:
        name: of the file, for messages.
        text: its content.

    Returns:
        The sections by name.

    Raises:
        ValueError: if it is not YAML, holds a tag of another language, names a field twice, repeats itself through
            aliases beyond all measure, or is not a mapping.

    Example:
        >>> parse("hub.yaml", "crm: {owner: Ada}")
        {'crm': {'owner': 'Ada'}}
    """
    _check_size(name, len(text.encode("utf-8", "surrogatepass")))
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            _check_nodes(name, node)
        sections = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ValueError(f"{name} is not valid YAML{where}: mend it, or name another Hub file") from error
    except RecursionError as error:
        raise ValueError(f"{name} is nested too deeply to be a Hub: name another file") from error
    if sections is None:
        return {}
    if not isinstance(sections, dict):
        raise ValueError(f"{name} does not hold sections (name: ...): it is no Hub file, and was left as it was")
    return sections


def _check_nodes(name: str, root: yaml.Node) -> None:
    """Refuse what would grow beyond measure, contain itself, or hide a field behind another of the same name."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if id(node) in sizes:
            if sizes[id(node)] == 0:
                raise ValueError(f"{name} holds a value that contains itself: it is no Hub file")
            return sizes[id(node)]
        if depth > DEEPEST:
            raise ValueError(f"{name} is nested more than {DEEPEST} deep: it is no Hub file")
        sizes[id(node)], total = 0, 1
        if isinstance(node, yaml.MappingNode):
            names: set[tuple[str, str]] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in names:
                        line = key.start_mark.line + 1
                        raise ValueError(f"{name} names {key.value!r} twice (line {line}): keep one of them")
                    names.add((key.tag, key.value))
                total += size(key, depth + 1) + size(value, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            total += sum(size(item, depth + 1) for item in node.value)
        if total > MOST_VALUES:
            raise ValueError(f"{name} stands for more than {MOST_VALUES:,} values (aliases count each time): refused")
        sizes[id(node)] = total
        return total

    size(root, 0)


def plain(value: object, where: str) -> Any:
    """Copy a value as what YAML's safe dumper can write and read again, or say where that fails.

    Args:
        value: text, numbers, dates, true or false, lists and mappings of these; NumPy and pandas scalars too.
        where: the section or field, for messages.

    Raises:
        ValueError: if it is made of something else.
    """
    if isinstance(value, Mapping):
        copy = {}
        for key, inner in value.items():
            key = plain(key, where)
            if isinstance(key, (list, dict)):
                raise ValueError(f"{where}: a field's name must be plain text or a number, not {key!r}")
            copy[key] = plain(inner, f"{where} / {key}")
        return copy
    if isinstance(value, (list, tuple)):
        return [plain(inner, f"{where} / {i + 1}") for i, inner in enumerate(value)]
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


class Dumper(yaml.SafeDumper):
    """Writes each list item indented under its field, and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, D102 - the base's
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002, D102 - the base's
        return True


def dump(section: dict[str, Any]) -> str:
    """The section as YAML text, in the order of its fields."""
    return str(yaml.dump(section, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))


def with_section(name: str, text: str, section: str, value: Any) -> str:
    """The file's text with one section set, and the rest as it is; the same text if nothing changes.

    Args:
        name: of the file, for messages.
        text: its content.
        section: the section's name.
        value: plain values, see `plain`.
    """
    sections, shown = parse(name, text), dump({section: value})
    if section in sections and dump({section: sections[section]}) == shown:
        return text
    return _replace(text, sections, section, shown, value)


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
        if dump(parse("", candidate)) == dump(wanted):
            return candidate
    except ValueError:
        pass
    return HEADING + "\n" + dump(wanted)


def _last_line(node: yaml.Node) -> int:
    """The line after the last one that belongs to a node's own content, comments after it not counted."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_line(node.value[-1])
    mark = node.end_mark
    return int(mark.line if mark.column == 0 else mark.line + 1)
