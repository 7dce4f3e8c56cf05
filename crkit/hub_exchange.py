"""The register in other programs: .xlsx, .csv, JSON, Markdown, and BMML with a file beside it.

What is written here reads back as the same records. A text is never written so that a spreadsheet could take it for a
formula, and a file that is read is not trusted: it may be too large, hold live formulas, or name an id twice.

BMML allows a relationship an id, a name and its segments, and nothing else; so everything else stands in the file
beside it, see `crkit.bmml`.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crkit import _files, bmml, hub_file
from crkit.hub_register import (
    FIELDS,
    LISTS,
    METRIC_FIELDS,
    TYPES,
    Record,
    as_mapping,
    from_mapping,
    label,
    unique,
)

LARGEST_BYTES = 10_000_000
LARGEST_UNZIPPED = 60_000_000
LONGEST_CELL = 32_767
COLUMNS = (*FIELDS, "other_fields")
_TRIGGER = "=+\\-@＝＋－＠"  # noqa: RUF001 - spreadsheets take the full-width signs for formulas too
_LIVE = re.compile(rf"((?:^|[;,\n|])\s*)('*)(?=[{_TRIGGER}])")
_TAMED = re.compile(rf"((?:^|[;,\n|])\s*)'('*)(?=[{_TRIGGER}])")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~&$])")
_UNMARKDOWN = re.compile(r"\\([\\`*_\[\]<>#|~&$])")


def write(path: str | Path, records: Iterable[Record], *, title: str = "Customer relationships") -> tuple[Path, ...]:
    """Write the register into a file; its name's ending says which kind.

    Args:
        path: ending in ``.xlsx``, ``.csv``, ``.json``, ``.md`` or ``.bmml``.
        records: of the register.
        title: of the page or the business model, where the format has one.

    Returns:
        The files written: one, or two for BMML.

    Raises:
        ValueError: if the ending is another one, or two records have the same id.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write(Path(folder) / "register.csv", [Record("R1", "=1+1")])
        ...     read(Path(folder) / "register.csv")[0].name
        '=1+1'
    """
    path, records = Path(path), unique(records)
    kind = _kind(path)
    if kind == ".xlsx":
        _write_xlsx(path, records)
    elif kind == ".bmml":
        _write_bmml(path, records, title)
        return path, bmml.sidecar(path)
    else:
        texts: dict[str, Callable[[], str]] = {
            ".csv": lambda: to_csv(records),
            ".json": lambda: to_json(records),
            ".md": lambda: to_markdown(records, title=title),
        }
        _files.write_text(path, texts[kind]())
    return (path,)


def read(path: str | Path) -> tuple[Record, ...]:
    """Read a register that `write` wrote, or one that somebody made by hand in the same form.

    Args:
        path: ending in ``.xlsx``, ``.csv``, ``.json``, ``.md`` or ``.bmml``.

    Returns:
        The records, in the order of the file.

    Raises:
        ValueError: if the file is too large, not of its kind, holds live formulas, or a record cannot be read; the
            message names the file and the place.
        FileNotFoundError: if there is no such file.
    """
    path = Path(path)
    kind = _kind(path)
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise ValueError(
            f"{path.name} has {size / 1e6:,.0f} MB; a register has {LARGEST_BYTES / 1e6:.0f} MB at the most"
        )
    if kind == ".bmml":
        return _read_bmml(path)
    try:
        if kind == ".xlsx":
            return _read_xlsx(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError("it is not text in UTF-8: save it as UTF-8") from error
        reading: dict[str, Callable[[str], tuple[Record, ...]]] = {
            ".csv": from_csv,
            ".json": from_json,
            ".md": from_markdown,
        }
        return reading[kind](text)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _kind(path: Path) -> str:
    kind = {".markdown": ".md", ".yaml": ".bmml", ".yml": ".bmml"}.get(path.suffix.lower(), path.suffix.lower())
    if kind not in (".xlsx", ".csv", ".json", ".md", ".bmml"):
        raise ValueError(
            f"{path.name}: a register can be .xlsx, .csv, .json, .md or .bmml, not {path.suffix or 'nameless'}"
        )
    return kind


# ---------------------------------------------------------------------------------------------------------- cells


def _cells(record: Record) -> dict[str, str | float | datetime.date | None]:
    """The record as one row of a sheet: a list has one entry a line, a metric's parts stand between bars.

    A semicolon separates entries too, as people write them; where it is part of one, a backslash stands before it.
    """
    row: dict[str, str | float | datetime.date | None] = {}
    for name in FIELDS:
        value = getattr(record, name)
        if name == "metrics":
            value = "\n".join(metric_line(one) for one in as_mapping(record).get("metrics", []))
        elif name == "silenced":
            value = "\n".join(f"{key}: {reason}" for key, reason in silenced_items(value))
        elif isinstance(value, tuple):
            value = "\n".join(entry.replace("\\", "\\\\").replace(";", "\\;") for entry in value)
        row[name] = value
    row["other_fields"] = hub_file.dump(dict(record.extra)).strip() if record.extra else ""
    return row


def metric_line(metric: Mapping[str, Any]) -> str:
    """A metric as one line: name | current | target | unit | better | measure, and other fields as JSON at the end.

    Example:
        >>> metric_line({"name": "churn", "target": 0.05, "unit": "share", "better": "lower"})
        'churn | | 0.05 | share | lower'
    """
    parts = [metric.get(name) for name in METRIC_FIELDS]
    extra = {name: value for name, value in metric.items() if name not in METRIC_FIELDS}
    said = ["" if part is None else _number_text(part) if isinstance(part, float) else str(part) for part in parts]
    if extra:
        said.append(yaml_line(extra))
    while len(said) > 1 and not said[-1]:
        said.pop()
    return " | ".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in said).replace("|  |", "| |")


def yaml_line(value: Any) -> str:
    """Plain values as YAML on one line."""
    import yaml

    text = yaml.dump(value, Dumper=hub_file.Dumper, default_flow_style=True, allow_unicode=False, width=10**9)
    return str(text).strip()


def parse_metric(line: str) -> dict[str, Any]:
    """Read what `metric_line` wrote.

    Raises:
        ValueError: if there are more parts than a metric has.
    """
    parts = [
        part.strip().replace("\\|", "|").replace("\0", "\\")
        for part in re.split(r"(?<!\\)\|", line.replace("\\\\", "\0"))
    ]
    metric: dict[str, Any] = {}
    for name, part in zip(METRIC_FIELDS, parts, strict=False):
        if part:
            metric[name] = part
    more = parts[len(METRIC_FIELDS) :]
    if len(more) > 1:
        raise ValueError(f"metric {line!r} has too many parts: name | current | target | unit | better | measure")
    if more and more[0]:
        metric |= hub_file.parse("the metric", more[0])
    return metric


def silenced_items(silenced: Mapping[str, str]) -> list[tuple[str, str]]:
    """The silenced checks with their reasons, a colon in a check's name written so that it reads back."""
    return [(name.replace("\\", "\\\\").replace(":", "\\:"), reason) for name, reason in silenced.items()]


def parse_silenced(text: str) -> dict[str, str]:
    """Read lines of ``check: reason``."""
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        parts = re.split(r"(?<!\\):", line.replace("\\\\", "\0"), maxsplit=1)
        name = parts[0].replace("\\:", ":").replace("\0", "\\").strip()
        found[name] = parts[1].replace("\0", "\\\\").strip() if len(parts) > 1 else ""
    return found


def parse_list(text: str) -> list[str]:
    r"""Read the entries of a cell, separated by line breaks or semicolons.

    Example:
        >>> parse_list("homes; offices\nbars\\; pubs")
        ['homes', 'offices', 'bars; pubs']
    """
    held = text.replace("\\\\", "\0").replace("\\;", "\1")
    entries = [entry.replace("\0", "\\").replace("\1", ";").strip() for entry in re.split(r"[;\n\r]", held)]
    return [entry for entry in entries if entry]


def _number_text(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _from_cells(row: Mapping[str, Any], place: str) -> Record:
    values: dict[str, Any] = {}
    try:
        for name, cell in row.items():
            if cell is None or cell == "":
                continue
            if name == "metrics":
                values[name] = [parse_metric(line) for line in str(cell).splitlines() if line.strip()]
            elif name == "silenced":
                values[name] = parse_silenced(str(cell))
            elif name == "other_fields":
                values |= hub_file.parse("other_fields", str(cell))
            elif name in LISTS:
                values[name] = parse_list(str(cell))
            else:
                values[name] = cell
        return from_mapping(values)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _column(heading: object) -> str:
    """The field that a column's heading names, as we write it or as a person would."""
    text = " ".join(str(heading or "").replace("_", " ").casefold().split())
    known = {label(name).casefold(): name for name in COLUMNS} | {name.replace("_", " "): name for name in COLUMNS}
    return known.get(text, str(heading or "").strip())


def _checked_columns(headings: Sequence[object]) -> list[str]:
    columns = [_column(heading) for heading in headings]
    if "id" not in columns:
        raise ValueError("the first row must name the columns, and one of them must be id")
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice:
        raise ValueError(f"two columns are called {twice}: keep one of them")
    return columns


# --------------------------------------------------------------------------------------------------------------- csv


def tame(text: str) -> str:
    """Text that no spreadsheet takes for a formula, whichever separator it splits at; `untame` brings it back.

    An apostrophe goes before each sign that could begin a formula at the start of a cell, or after a separator.

    Example:
        >>> tame("=1+1"), untame(tame("=1+1")), tame("a;=b")
        ("'=1+1", '=1+1', "a;'=b")
    """
    return _LIVE.sub(r"\1'\2", text)


def untame(text: str) -> str:
    """Take back what `tame` did."""
    return _TAMED.sub(r"\1\2", text)


def to_csv(records: Iterable[Record]) -> str:
    """The records as CSV text: one row each, every cell quoted, texts that could be formulas made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for record in records:
        cells = _cells(record)
        writer.writerow(
            [tame(v) if isinstance(v, str) else "" if v is None else _plain_cell(v) for v in cells.values()]
        )
    return out.getvalue()


def _plain_cell(value: float | datetime.date) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else _number_text(float(value))


def from_csv(text: str) -> tuple[Record, ...]:
    """Read records from CSV text, with commas or semicolons."""
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(f"it is not CSV: {error}") from error
    if not rows:
        raise ValueError("it is empty: the first row must name the columns")
    columns = _checked_columns(rows[0])
    records = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} cells, the first row {len(columns)}")
        records.append(_from_cells({k: untame(v) for k, v in zip(columns, row, strict=True) if k}, f"row {number}"))
    return unique(records)


# -------------------------------------------------------------------------------------------------------------- xlsx


def _write_xlsx(path: Path, records: Sequence[Record]) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    from crkit.hub_register import CHOICES

    book = Workbook()
    sheet = book.active
    sheet.title = "Register"
    rows: list[list[Any]] = [list(COLUMNS), *([cells[name] for name in COLUMNS] for cells in map(_cells, records))]
    for i, row in enumerate(rows, start=1):
        for j, value in enumerate(row, start=1):
            if value is None or value == "":
                continue
            if isinstance(value, float) and float(f"{value:.15g}") != value:
                value = repr(value)  # a sheet keeps 15 digits
            cell = sheet.cell(i, j)
            if isinstance(value, str):
                text = label(value) if i == 1 else _escaped(value)
                if len(text) > LONGEST_CELL:
                    raise ValueError(
                        f"record {row[0]}: {label(COLUMNS[j - 1])} has {len(text):,} characters, and a cell of a sheet "
                        f"holds {LONGEST_CELL:,}: write .csv or .json"
                    )
                cell.value = text
                cell.data_type = "s"  # openpyxl would take text that begins with = for a formula
                cell.quotePrefix = True  # and Excel would, once somebody edits it
            else:
                cell.value = value
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for j, name in enumerate(COLUMNS, start=1):
        head = sheet.cell(1, j)
        head.font, head.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="333333")
        sheet.column_dimensions[get_column_letter(j)].width = 34 if name in (*LISTS, "metrics", "integration") else 22
        if name in CHOICES:
            allowed = DataValidation(type="list", formula1=f'"{",".join(CHOICES[name])}"', allow_blank=True)
            sheet.add_data_validation(allowed)
            allowed.add(f"{get_column_letter(j)}2:{get_column_letter(j)}{len(rows) + 200}")
    sheet.freeze_panes = "C2"
    out = io.BytesIO()
    book.save(out)
    _files.write_bytes(path, out.getvalue())


def _escaped(text: str) -> str:
    """Excel reads _x0041_ in a text as a character; its own way to say that it is meant literally."""
    return re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)


def _unescaped(text: str) -> str:
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _read_xlsx(path: Path) -> tuple[Record, ...]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as packed:
            unzipped = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile as error:
        raise ValueError("it is not an Excel workbook (.xlsx)") from error
    if unzipped > LARGEST_UNZIPPED:
        raise ValueError(f"it unpacks to {unzipped / 1e6:,.0f} MB: refused")
    try:
        book = load_workbook(path, data_only=False)
    except Exception as error:
        raise ValueError(f"it cannot be read as an Excel workbook: {type(error).__name__}") from error
    sheet = book["Register"] if "Register" in book.sheetnames else book.worksheets[0]
    if sheet.max_row > 20_000 or sheet.max_column > 500:
        raise ValueError(f"the sheet has {sheet.max_row:,} rows and {sheet.max_column:,} columns: that is no register")
    live = next((cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"), None)
    if live:
        raise ValueError(f"cell {live} holds a formula: put its value there, as text or a number")
    rows = list(sheet.iter_rows(values_only=True))
    if not rows:
        raise ValueError("the sheet is empty: its first row must name the columns")
    columns = _checked_columns(rows[0])
    records = []
    for number, row in enumerate(rows[1:], start=2):
        if all(value is None or str(value).strip() == "" for value in row):
            continue
        cells = {
            name: _unescaped(value) if isinstance(value, str) else value
            for name, value in zip(columns, row, strict=True)
            if name
        }
        records.append(_from_cells(cells, f"row {number}"))
    return unique(records)


# -------------------------------------------------------------------------------------------------------------- json


def to_json(records: Iterable[Record]) -> str:
    """The records as JSON text; days are written as 2026-01-31, and other values that JSON lacks as YAML text."""
    plain = [_jsonable(as_mapping(record)) for record in records]
    return json.dumps({"register": 1, "records": plain}, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in values.items() if name in FIELDS}
    extra = {name: value for name, value in values.items() if name not in FIELDS}
    if isinstance(known.get("review_on"), datetime.date):
        known["review_on"] = known["review_on"].isoformat()
    plain_metrics = []
    for metric in known.get("metrics", []):
        more = {name: value for name, value in metric.items() if name not in METRIC_FIELDS}
        kept = {name: value for name, value in metric.items() if name in METRIC_FIELDS}
        plain_metrics.append(kept | ({"other_fields": yaml_line(more)} if more else {}))
    if plain_metrics:
        known["metrics"] = plain_metrics
    return known | ({"other_fields": yaml_line(extra)} if extra else {})


def _whole_json(values: Any) -> Any:
    """Put the other fields, written as YAML because JSON has no dates and no numbers as names, back in their place."""
    if not isinstance(values, dict):
        raise ValueError("a record must be a mapping of fields")
    if "other_fields" in values:
        values = dict(values)
        more = values.pop("other_fields")
        values |= hub_file.parse("other_fields", str(more))
    return values


def from_json(text: str) -> tuple[Record, ...]:
    """Read records from JSON text."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"a field {twice!r} is named twice: keep one of them")
        return dict(pairs)

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number that a register can hold")

    try:
        document = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON (line {error.lineno}): {error.msg}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be a register") from error
    records = document.get("records") if isinstance(document, dict) else document
    if not isinstance(records, list):
        raise ValueError("it holds no list of records")
    found = []
    for item in records:
        found.append(_from_json(item))
    return unique(found)


def _from_json(item: Any) -> Record:
    values = _whole_json(item)
    if isinstance(values.get("metrics"), list):
        values = {**values, "metrics": [_whole_json(one) for one in values["metrics"]]}
    return from_mapping(values)


# ---------------------------------------------------------------------------------------------------------- markdown


def _to_md(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", "<br>")


def _from_md(text: str) -> str:
    return _UNMARKDOWN.sub(r"\1", text.replace("<br>", "\n"))


def to_markdown(records: Iterable[Record], *, title: str = "Customer relationships") -> str:
    """The records as a Markdown page: a heading a record, a bullet a field; no HTML in it comes alive."""
    lines = [f"# {_to_md(title)}", ""]
    for record in records:
        cells = _cells(record)
        lines += [f"## {_to_md(record.id)}", ""]
        for name in COLUMNS[1:]:
            value = cells[name]
            if value is None or (value == "" and name != "name"):
                continue
            if name in (*LISTS, "metrics", "silenced"):
                lines += [f"- **{label(name)}**:", *(f"  - {_to_md(line)}" for line in str(value).split("\n"))]
            else:
                text = _to_md(value) if isinstance(value, str) else _plain_cell(value)
                lines.append(f"- **{label(name)}**: {text}".rstrip())
        lines.append("")
    return "\n".join(lines)


def from_markdown(text: str) -> tuple[Record, ...]:
    """Read records from a Markdown page of the form that `to_markdown` writes."""
    rows: list[dict[str, str]] = []
    name = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("## "):
            rows.append({"id": _from_md(line[3:].strip())})
            name = ""
        elif found := re.match(r"[-*] \*\*([^*]+)\*\*:(.*)$", line):
            if not rows:
                raise ValueError(f"line {number}: a field before the first record; a record begins with ## and its id")
            name = _column(found[1])
            if name in rows[-1]:
                raise ValueError(f"line {number}: {label(name)} is said twice")
            rows[-1][name] = _from_md(found[2].strip())
        elif (found := re.match(r"\s+[-*] (.*)$", line)) and name:
            before = rows[-1][name]
            rows[-1][name] = f"{before}\n{_from_md(found[1].strip())}" if before else _from_md(found[1].strip())
        elif line.strip() and not line.startswith("# ") and rows:
            raise ValueError(f"line {number}: {line.strip()[:40]!r} is neither a record (##) nor a field (- **name**:)")
    if not rows:
        raise ValueError("it holds no record; a record begins with ## and its id")
    return unique(_from_cells(row, f"record {row['id']}") for row in rows)


# -------------------------------------------------------------------------------------------------------------- bmml


def _slug(prefix: str, name: str, taken: dict[str, str]) -> str:
    """An id that BMML allows: lower case letters, digits and hyphens, another one for each name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "item"
    used = set(taken.values())
    number, identity = 1, f"{prefix}-{stem}"
    while identity in used:
        number += 1
        identity = f"{prefix}-{stem}-{number}"
    taken[name] = identity
    return identity


# which section of BMML holds what a record names
_SECTIONS = {
    "segments": "customer_segments",
    "value_proposition": "value_propositions",
    "channels": "channels",
    "revenue_streams": "revenue_streams",
    "resources": "key_resources",
    "activities": "key_activities",
    "partners": "key_partnerships",
    "costs": "costs",
}


def _write_bmml(path: Path, records: Sequence[Record], title: str) -> None:
    document: dict[str, Any] = {
        "version": bmml.VERSION,
        "meta": {"name": title, "portfolio": "exploit", "stage": "improve"},
    }
    ids: dict[str, dict[str, str]] = {}
    for field, section in _SECTIONS.items():
        taken = ids.setdefault(field, {})
        for record in records:
            value = getattr(record, field)
            for name in value if isinstance(value, tuple) else filter(None, (value,)):
                if name not in taken:
                    _slug(bmml.PREFIXES[section], name, taken)
        if taken:
            document[section] = [{"id": identity, "name": name} for name, identity in taken.items()]
    relationships, taken = [], {}
    for record in records:
        entry: dict[str, Any] = {"id": _slug("cr", record.id, taken), "name": record.name or record.id}
        if record.segments:
            entry["for"] = {"customer_segments": [ids["segments"][name] for name in record.segments]}
        relationships.append(entry)
    if relationships:
        document["customer_relationships"] = relationships
    bmml.write(path, document)
    bmml.write_sidecar(path, {"register": [{"bmml": taken[one.id], **_jsonable(as_mapping(one))} for one in records]})


def _read_bmml(path: Path) -> tuple[Record, ...]:
    """The relationships of a model, with their records from the file beside it.

    A name that was changed in the model is taken from there. Without a record, a relationship has a name, segments,
    and the type if the name says it.
    """
    document = bmml.read(path)
    beside = bmml.read_sidecar(path).get("register", [])
    if not isinstance(beside, list) or not all(isinstance(item, Mapping) for item in beside):
        raise ValueError(f"{bmml.sidecar(path).name}: register must be a list of records; mend it, or delete it")
    full = {str(item.get("bmml")): {name: value for name, value in item.items() if name != "bmml"} for item in beside}
    names = {one["id"]: one["name"] for one in document.get("customer_segments", [])}
    records = []
    for one in document.get("customer_relationships", []):
        identity, name = one["id"], one["name"]
        if identity in full:
            kept = _from_json(full[identity])
            records.append(kept if name in (kept.name, kept.id) else dataclasses.replace(kept, name=name))
            continue
        chosen = next((kind for kind in TYPES if label(kind) in name.casefold() or kind in name.casefold()), "")
        wanted = one.get("for", {}).get("customer_segments", [])
        records.append(Record(identity, name, interaction_type=chosen, segments=tuple(names[key] for key in wanted)))
    return unique(records)
