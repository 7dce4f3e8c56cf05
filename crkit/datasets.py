"""The tables of the workbook, and the reader's own files, against one schema.

``datasets/datapackage.json`` (a Frictionless Data Package) describes every table once: each column's type, unit,
meaning and limits. Loading, validation, the data dictionary, the docstring of `load` and the reading of a reader's own
file are all made from it.
"""

from __future__ import annotations

import difflib
import functools
import io
import json
import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from crkit import ownfile, ownsurvey
from crkit.ownfile import FileRead
from crkit.ownvalues import FileProblem

if TYPE_CHECKING:
    from crkit.company import Company

__all__ = [
    "Field",
    "FileProblem",
    "FileRead",
    "Source",
    "data_dictionary",
    "data_dir",
    "describe",
    "fields",
    "load",
    "open_source",
    "path_of",
    "read_file",
    "read_files",
    "read_folder",
    "survey_questions",
    "table_names",
    "validate",
]

FEWEST_CUSTOMERS = 50


class Field(NamedTuple):
    """One column of a table, as the schema describes it.

    Attributes:
        name: the column's name.
        type: ``integer``, ``number``, ``string``, ``boolean``, ``date`` or ``datetime``; in a reader's own survey also
            ``score``, a whole number that may be written as ``9/10`` or ``10 - extremely likely``.
        description: what it means.
        unit: its unit, or an empty string.
        required: whether every row has a value.
        unique: whether no value occurs twice.
        enum: the values it may take, in their order; empty if any.
        minimum: the least value allowed, if there is one (a date as text).
        maximum: the greatest value allowed, if there is one (a date as text).
        own_file: ``required`` or ``optional`` in a reader's own file; an empty string if it is not read there.
        also: other words that a reader's own file may have for the values in ``enum``, and the value that each means.
    """

    name: str
    type: str
    description: str
    unit: str
    required: bool
    unique: bool
    enum: tuple[str, ...]
    minimum: float | str | None
    maximum: float | str | None
    own_file: str
    also: Mapping[str, str]


def data_dir() -> Path:
    """The folder that holds the tables: ``datasets/`` of a checkout, or the copy inside an installed crkit.

    Raises:
        FileNotFoundError: if neither is there, which means that crkit was installed incompletely.
    """
    here = Path(__file__).parent
    for folder in (here.parent / "datasets", here / "_data" / "datasets"):
        if (folder / "datapackage.json").is_file():
            return folder
    raise FileNotFoundError(
        f"crkit's datasets are missing beside {here}: install crkit again, or run it from a checkout"
    )


@functools.cache
def _resources() -> dict[str, dict[str, Any]]:
    package = json.loads((data_dir() / "datapackage.json").read_text(encoding="utf-8"))
    return {resource["name"]: resource for resource in package["resources"]}


def table_names() -> tuple[str, ...]:
    """The names that `load` knows.

    Example:
        >>> "orders" in table_names(), "cdnow" in table_names()
        (True, True)
    """
    return tuple(_resources())


def _resource(name: str) -> dict[str, Any]:
    try:
        return _resources()[name]
    except KeyError:
        raise ValueError(f"there is no table {name!r}{_closest(name, table_names())}") from None


def _closest(name: object, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    return (f"; did you mean {near[0]!r}?" if near else ".") + f" Known: {', '.join(known)}"


@functools.cache
def fields(name: str) -> tuple[Field, ...]:
    """The columns of a table, in their order.

    Args:
        name: one of `table_names`.

    Raises:
        ValueError: if there is no such table; the message lists those there are.

    Example:
        >>> [field.name for field in fields("cdnow")]
        ['customer_id', 'ordered_at', 'units', 'amount_usd']
    """
    return _as_fields(_resource(name)["schema"]["fields"])


@functools.cache
def survey_questions() -> tuple[Field, ...]:
    """The columns that a reader's own survey may have beside those of ``feedback``: one for each question.

    Example:
        >>> [field.name for field in survey_questions()]
        ['nps', 'csat', 'ces', 'segment', 'channel']
    """
    return _as_fields(_resource("feedback")["survey"])


def _as_fields(columns: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    found = []
    for column in columns:
        limits = column.get("constraints", {})
        found.append(
            Field(
                name=column["name"],
                type=column["type"],
                description=column["description"],
                unit=column.get("unit", ""),
                required=limits.get("required", False),
                unique=limits.get("unique", False),
                enum=tuple(limits.get("enum", ())),
                minimum=limits.get("minimum"),
                maximum=limits.get("maximum"),
                own_file=column.get("own_file", ""),
                also={word: value for value, words in column.get("also", {}).items() for word in words},
            )
        )
    return tuple(found)


def path_of(name: str) -> str:
    """Where a table's file lies below `data_dir`."""
    return str(_resource(name)["path"])


def _dtype(column: Field) -> Any:
    if column.enum:
        return pd.CategoricalDtype(list(column.enum))
    return {
        "integer": "int64" if column.required else "Int64",
        "number": "float64",
        "string": "str",
        "boolean": "bool" if column.required else "boolean",
        "date": "datetime64[s]",
        "datetime": "datetime64[s]",
    }[column.type]


def load(name: str) -> pd.DataFrame:
    """Load one stored table, with the types its schema gives."""
    return _read_csv(data_dir() / path_of(name), fields(name))


def _read_csv(file: Path | io.BytesIO, columns: Sequence[Field]) -> pd.DataFrame:
    moments = [column.name for column in columns if column.type in ("date", "datetime")]
    frame = pd.read_csv(
        file,
        dtype={column.name: "str" if column.name in moments else _dtype(column) for column in columns},
        keep_default_na=False,
        na_values=[""],
        encoding="utf-8",
    )
    for moment in moments:
        frame[moment] = pd.to_datetime(frame[moment], format="ISO8601").astype("datetime64[s]")
    return frame


def read_folder(folder: str | Path) -> Source:
    """Read the tables that an assignment came with.

    Args:
        folder: with one CSV file for each table, such as ``orders.csv``, as the kit writes them. A file that is named
            like no table of the kit's is read as pandas reads it.

    Returns:
        A `Source` with these tables.

    Raises:
        FileNotFoundError: if the folder is missing or holds no CSV file; the message says what to do.
    """
    files = sorted(Path(folder).glob("*.csv"))
    if not files:
        raise FileNotFoundError(
            f"there is no table in {Path(folder)}: keep the notebook beside the folder data/ that it came with, "
            "and start JupyterLab there"
        )
    return read_files({file.stem: file.read_bytes() for file in files})


def read_files(files: Mapping[str, bytes]) -> Source:
    """As `read_folder`, from the files' content by the tables' names."""
    tables = {
        name: _read_csv(io.BytesIO(files[name]), fields(name))
        if name in table_names()
        else pd.read_csv(io.BytesIO(files[name]))
        for name in sorted(files)
    }
    return Source(
        name="your company", description=f"a simulated company: {', '.join(tables)}", tables=tables, simulated=True
    )


def _load_doc() -> str:
    lines = [
        "Load one stored table, with the types its schema gives.",
        "",
        "Text with a fixed list of values comes as a category, whole numbers as int64 (Int64 where some are missing),",
        "dates and moments as datetime64[s].",
        "",
        "Args:",
        f"    name: one of {', '.join(table_names())}.",
        "",
        "Returns:",
        "    The table. Its columns (`describe` gives them as a table):",
    ]
    for name, resource in _resources().items():
        lines += ["", f"    {name}: {resource['description']}"]
        lines += [
            f"        {column.name} ({column.unit or column.type}): {column.description}." for column in fields(name)
        ]
    lines += [
        "",
        "Raises:",
        "    ValueError: if there is no such table; the message lists those there are.",
        "",
        "Example:",
        '    >>> load("cdnow").shape',
        "    (6919, 4)",
    ]
    return "\n".join(lines)


load.__doc__ = _load_doc()


def describe(name: str) -> pd.DataFrame:
    """Describe the columns of a table.

    Args:
        name: one of `table_names`.

    Returns:
        One row a column, with ``column``, ``type``, ``unit``, ``values`` (those it may take, if they are listed) and
        ``meaning``.

    Raises:
        ValueError: if there is no such table.

    Example:
        >>> describe("cdnow").loc[3, ["column", "unit"]].tolist()
        ['amount_usd', 'USD']
    """
    rows = [(c.name, c.type, c.unit, ", ".join(c.enum), c.description) for c in fields(name)]
    return pd.DataFrame(rows, columns=["column", "type", "unit", "values", "meaning"])


def validate(frame: pd.DataFrame, table: str, others: Mapping[str, pd.DataFrame] | None = None) -> list[str]:
    """Check a frame against the schema of a table.

    Args:
        frame: the frame to check.
        table: one of `table_names`.
        others: the tables that its foreign keys point to, by name; a key whose table is not given is not checked.

    Returns:
        What is wrong, one sentence each; empty if nothing is.

    Raises:
        ValueError: if there is no such table.

    Example:
        >>> validate(load("cdnow"), "cdnow")
        []
        >>> validate(load("cdnow").assign(units=-1), "cdnow")
        ['cdnow.units: 6919 values are below 1']
    """
    columns = fields(table)
    wrong = []
    expected = [column.name for column in columns]
    if list(frame.columns) != expected:
        wrong.append(f"{table}: the columns are {list(frame.columns)}, and should be {expected}")
    for column in (c for c in columns if c.name in frame.columns):
        values, where = frame[column.name], f"{table}.{column.name}"
        if values.dtype != _dtype(column):
            wrong.append(f"{where}: the type is {values.dtype}, and should be {_dtype(column)}")
            continue
        if column.required and (missing := int(values.isna().sum())):
            wrong.append(f"{where}: {missing} values are missing")
        if column.unique and (twice := int(values.dropna().duplicated().sum())):
            wrong.append(f"{where}: {twice} values occur again")
        if column.type == "date" and (clocks := int((values.dropna() != values.dropna().dt.normalize()).sum())):
            wrong.append(f"{where}: {clocks} dates carry a time of day")
        for limit, side in ((column.minimum, "below"), (column.maximum, "above")):
            if limit is not None:
                bound: Any = pd.Timestamp(limit) if isinstance(limit, str) else limit
                outside = int(((values < bound) if side == "below" else (values > bound)).sum())
                if outside:
                    wrong.append(f"{where}: {outside} values are {side} {limit}")
    for key in _resource(table)["schema"].get("foreignKeys", []):
        (own,), target = key["fields"], key["reference"]
        if others and target["resource"] in others and own in frame.columns:
            known = others[target["resource"]][target["fields"][0]]
            if lost := int((~frame[own].dropna().isin(known)).sum()):
                wrong.append(f"{table}.{own}: {lost} values are not in {target['resource']}.{target['fields'][0]}")
    return wrong


def data_dictionary() -> str:
    """The data dictionary, ``datasets/README.md``, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        "Made from `datapackage.json` by `tools/make_datasets.py`; edit the former, run the latter.",
        "`crkit.datasets.load(name)` returns a table with these types. Dates and moments are local and without a zone.",
        "",
        "The simulated company is no real company, and its people are no real people. What we made is under",
        "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); for real data see *Use* below each table.",
    ]
    for name, resource in _resources().items():
        lines += [
            "",
            f"## {name}",
            "",
            f"**{resource['title']}.** {resource['description']}",
            f"File: `{path_of(name)}`.",
        ]
        if keys := resource["schema"].get("primaryKey"):
            lines.append(f"Key: `{'`, `'.join(keys)}`.")
        for key in resource["schema"].get("foreignKeys", []):
            target = key["reference"]
            lines.append(f"`{key['fields'][0]}` points to `{target['resource']}.{target['fields'][0]}`.")
        lines += ["", "| column | type | unit | may be empty | meaning |", "|---|---|---|---|---|"]
        for c in fields(name):
            values = f". One of: {', '.join(f'`{value}`' for value in c.enum)}" if c.enum else ""
            lines.append(
                f"| `{c.name}` | {c.type} | {c.unit} | {'no' if c.required else 'yes'} | {c.description}{values} |"
            )
        if name == "feedback":
            lines += ["", "In a file of your own each question may have a column, instead of `kind` and `score`:", ""]
            lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
            lines += [f"| `{c.name}` | {c.type} | {c.unit} | {c.description} |" for c in survey_questions()]
        if sources := resource.get("sources"):
            lines += ["", "Sources:", ""]
            lines += [f"- {s['title']}" + (f", <{s['path']}>" if "path" in s else "") for s in sources]
        if use := resource.get("use"):
            lines += ["", f"Use: {use}"]
    return "\n".join(lines) + "\n"


def read_file(
    path: str | Path,
    table: str = "orders",
    *,
    columns: Mapping[str, str] | None = None,
    today: str | pd.Timestamp | None = None,
) -> FileRead:
    r"""Read a reader's own export (CSV, text or Excel) as one of the kit's tables.

    The delimiter, the character set, the header line, the decimal sign and the order of day and month are found from
    the file. What cannot be decided is refused with a sentence that says how to decide it; a row that cannot be used
    is set aside with its reason. Nothing is dropped in silence. `crkit.ownfile` says how each oddity is treated.

    Args:
        path: the file: ``.csv``, ``.tsv``, ``.txt`` or ``.xlsx``.
        table: which table it is, usually ``"orders"``.
        columns: the kit's name of a column to the file's name of it, for those that differ, as in
            ``{"customer_id": "CustomerID"}``. After the file's name may follow, where the file itself leaves it open,
            ``", day first"``, ``", month first"``, ``", decimal comma"`` or ``", decimal point"``.
        today: the last moment that is not in the future; now, if not given.

    Returns:
        A `FileRead`: the frame, the rows set aside, the counts (always ``read == used + len(set_aside)``) and notes. A
        survey with one column a question becomes one row an answer, see `crkit.ownsurvey`.

    Raises:
        FileProblem: if the file, its columns or too many of its rows cannot be used; the message names the file, the
            column, the first rows and the remedy.
        ValueError: if there is no such table.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = pathlib.Path(folder.name, "orders.csv")
        >>> _ = file.write_text("Customer;Date;Total\n007;31.01.2024;1.234,50\n007;30.02.2024;2,00\n")
        >>> result = read_file(file, columns={"customer_id": "Customer", "ordered_at": "Date", "amount_eur": "Total"})
        >>> result.frame["amount_eur"].tolist(), result.set_aside[["line", "reason"]].values.tolist()
        ([1234.5], [[3, 'Date is not a date']])
        >>> folder.cleanup()
    """
    if table == "feedback":
        return ownsurvey.read(Path(path), fields(table), survey_questions(), columns or {}, today)
    return ownfile.read(Path(path), table, fields(table), columns or {}, today)


@dataclass(frozen=True, eq=False)
class Source:
    """The data that a notebook works on.

    Attributes:
        name: ``"kittiwake"``, ``"cdnow"``, or the name of the reader's own file.
        description: one line that says which data the reader is looking at.
        tables: the tables, by name.
        amount: the column of ``orders`` that holds the money.
        currency: its currency.
        simulated: whether a simulator made it.
        company: the simulated company, if it was simulated just now rather than read from the stored files.
        set_aside: the rows of the reader's own file that could not be used, with ``line`` and ``reason``.
        read: how many rows the reader's own file has.
        notes: what was decided while reading the reader's own file, one sentence each.
    """

    name: str
    description: str
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    amount: str = "amount_eur"
    currency: str = "EUR"
    simulated: bool = False
    company: Company | None = field(default=None, repr=False)
    set_aside: pd.DataFrame | None = field(default=None, repr=False)
    read: int | None = None
    notes: tuple[str, ...] = ()

    def __getitem__(self, table: str) -> pd.DataFrame:
        """The table of that name.

        Raises:
            KeyError: if this source does not have it; the message names those it has.
        """
        if table not in self.tables:
            raise KeyError(f"{self.name} has no table {table!r}; it has {', '.join(self.tables)}")
        return self.tables[table]

    def __contains__(self, table: object) -> bool:
        return table in self.tables

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)


def open_source(
    data: str | Path = "kittiwake",
    *,
    seed: int = 0,
    n_customers: int = 2000,
    scenario: str = "healthy",
    tables: Sequence[str] = ("orders",),
    columns: Mapping[str, str] | None = None,
    own: str = "orders",
) -> Source:
    """Open the data that a notebook works on, from the notebook's parameters.

    Args:
        data: ``"kittiwake"`` (the simulated company), ``"cdnow"`` (real purchases), or the path of a file of your own.
        seed: which Kittiwake, a whole number from 0.
        n_customers: how many customers Kittiwake has, from 50.
        scenario: what happens to Kittiwake: ``healthy``, ``over_automated``, ``ignored_feedback`` or ``impersonal``.
        tables: which tables of Kittiwake to open. CDNOW has ``orders`` only, a file of your own the one table it is.
        columns: for the reader's own file: the kit's name of a column to the file's name of it (see `read_file`).
        own: which table the reader's own file is.

    Returns:
        A `Source`. The default company is read from the stored files, any other is simulated.

    Raises:
        ValueError: if a parameter has a value that is not allowed; the message lists those that are.
        FileProblem: (a ValueError) if the reader's own file cannot be used.

    Example:
        >>> source = open_source("cdnow")
        >>> source.description
        'CDNOW, real data: 6,919 purchases of 2,357 customers, January 1997 to June 1998'
        >>> "truth" in source
        False
    """
    from crkit import company

    _whole("seed", seed, 0)
    _whole("n_customers", n_customers, FEWEST_CUSTOMERS)
    if scenario not in company.SCENARIOS:
        raise ValueError(f"scenario is {scenario!r}{_closest(scenario, tuple(company.SCENARIOS))}")
    kittiwake = tuple(name for name in table_names() if path_of(name).startswith("kittiwake/"))
    for table in tables:
        if table not in kittiwake:
            raise ValueError(f"tables names {table!r}{_closest(table, kittiwake)}")
    if columns and data in ("kittiwake", "cdnow"):
        raise ValueError(f"columns is for a file of your own, and data is {data!r}: leave columns empty")

    if data == "kittiwake":
        made = None
        if (seed, n_customers, scenario) != (0, 2000, "healthy"):
            made = company.simulate(n_customers=n_customers, seed=seed, scenario=scenario, tables=tuple(tables))
        about = f"{n_customers:,} customers, seed {seed}, scenario {scenario}"
        return Source(
            name="kittiwake",
            description=f"Kittiwake Coffee, a simulated company: {about}",
            tables={table: load(table) if made is None else made.tables[table] for table in tables},
            simulated=True,
            company=made,
        )
    if data == "cdnow":
        orders = load("cdnow")
        about = f"{len(orders):,} purchases of {orders['customer_id'].nunique():,} customers"
        return Source(
            name="cdnow",
            description=f"CDNOW, real data: {about}, January 1997 to June 1998",
            tables={"orders": orders},
            amount="amount_usd",
            currency="USD",
        )
    if not isinstance(data, str | Path) or not (Path(data).exists() or Path(data).suffix):
        raise ValueError(f"data is {data!r}{_closest(data, ('kittiwake', 'cdnow'))}, or the path of a file of your own")
    result = read_file(data, own, columns=columns)
    rows = "1 row" if result.read == 1 else f"{result.read:,} rows"
    counts = f"{rows} read = {result.used:,} used + {len(result.set_aside):,} set aside"
    return Source(
        name=Path(data).name,
        description=f"your file {Path(data).name}: {counts}",
        tables={own: result.frame},
        currency=result.currency,
        set_aside=result.set_aside,
        read=result.read,
        notes=result.notes,
    )


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")
