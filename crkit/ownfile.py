"""The reader's own file: an export from a CRM, a shop or a till, read against the schema of one of the kit's tables.

What is done with what exports contain:

- **Form.** CSV with comma, semicolon, tab or pipe, or the sheet of an Excel workbook that has the columns. UTF-8,
  UTF-16, or else Windows-1252. Lines above the header are skipped if the header is among the first 30; both are noted.
- **Columns** are found by their exact names; others are ignored. A name that is missing, there twice or mapped twice is
  refused.
- **Ids** are text: ``12345.0`` is ``12345``, leading zeros stay.
- **Numbers and dates** are judged by column, see `crkit.ownvalues`. Moments with a zone become UTC. A date after today
  is set aside, and so is one before 1980.
- **Rows** without an id, a date or an amount, with one that cannot be read, with a negative amount (a return), or with
  another number of cells than the header are set aside. So is a row that repeats an earlier one in every column:
  usually the export was joined to itself, but it can be a second, equal purchase, which only an order number in the
  file can show. So is a row whose id is ``Total``, ``Summe`` or the like: exports end in such rows. Amounts of zero
  are kept, and one row with more than half of all money is kept and noted. How much money is set aside is noted.
- If more than half of the rows would be set aside, the file is refused: then the mapping is wrong, or the export.

The file is read as a stream, and again only for the whole of the rows that are set aside.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import itertools
import operator
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from crkit.ownvalues import (
    CODES,
    HINTS,
    MISSING,
    RETURN,
    SIGNS,
    SUM_ROW,
    Array,
    Column,
    FileProblem,
    Reason,
    as_text,
)

if TYPE_CHECKING:
    from crkit.datasets import Field

Cells = Sequence[object]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
HEADER_WITHIN = 30
ENOUGH_TO_COMPARE = 20
REPEATED = Reason(
    "repeats an earlier row in every column", None, "if these are purchases of their own, export their order number too"
)
SAVE_AS = "open it in a spreadsheet and save it as .xlsx or as CSV"
SIGNATURES = {
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls), or one with a password", SAVE_AS),
    b"\x1f\x8b": ("compressed", "unpack it first"),
    b"PAR1": ("a Parquet file", "export it as CSV"),
    b"%PDF": ("a PDF", "export the figures as CSV"),
    b"<": ("a web page or XML, whatever its name says", SAVE_AS),
    b"{": ("JSON", "export it as CSV"),
    b"[{": ("JSON", "export it as CSV"),
}
LOOKS_LIKE = {
    "customer_id": "customer customernumber customerno custid client clientid user userid member memberid account "
    "accountid buyer buyerid email customeremail kunde kundennr kundennummer kundenid klant klantnummer",
    "ordered_at": "date orderdate invoicedate purchasedate createdat created transactiondate paidat timestamp datetime "
    "day datum bestelldatum rechnungsdatum kaufdatum besteldatum",
    "amount_eur": "amount total totalamount totalprice ordertotal ordervalue revenue sales price value net gross "
    "netamount grandtotal subtotal linetotal betrag umsatz gesamt gesamtbetrag summe preis bedrag totaal",
    "currency": "currency currencycode waehrung währung devise valuta moneda",
}
TOTAL = re.compile(r"(grand ?|sub ?)?totals?\b.*|sum|summe|gesamt(summe)?|totaal", re.IGNORECASE)


class FileRead(NamedTuple):
    """A reader's own file, read.

    Attributes:
        frame: the rows that can be used, in the file's order, with the kit's column names and types; ids are text.
        set_aside: the other rows: ``line`` (where the row begins in the file), ``reason``, and every column as text.
        read: how many rows the file has below its header, blank lines not counted.
        used: how many of them are in ``frame``; ``read == used + len(set_aside)``.
        notes: what was decided on the way, one sentence each.
        currency: the currency that the amounts, their header or a currency column name; else ``"currency units"``.
    """

    frame: pd.DataFrame
    set_aside: pd.DataFrame
    read: int
    used: int
    notes: tuple[str, ...]
    currency: str


class _Layout(NamedTuple):
    """How a file is to be read: as a sheet of a workbook, or as text with this encoding and delimiter."""

    path: Path
    sheet: str | None
    encoding: str
    delimiter: str
    header_line: int
    header: tuple[str, ...]

    def records(self) -> Iterator[tuple[int, Cells]]:
        """Every record below the header: the line where it begins, and its cells."""
        every = _records(self.path, self.sheet, self.encoding, self.delimiter)
        return itertools.dropwhile(lambda record: record[0] <= self.header_line, every)


def read(
    path: Path, table: str, fields: Sequence[Field], mapping: Mapping[str, str], today: str | pd.Timestamp | None
) -> FileRead:
    """Read a file against the columns of a table; see `crkit.datasets.read_file`."""
    now = pd.Timestamp.now() if today is None else pd.Timestamp(today)
    wanted = _wanted(path, table, fields, mapping)
    layout, notes = _find_layout(path, wanted)
    by_name = {field.name: field for field in fields}
    places = [layout.header.index(theirs) for theirs, _ in wanted.values()]
    currency_place = _currency_column(layout.header, places)
    cells, lines, ragged, blank = _pick(layout, [*places, *currency_place])
    if not cells and not ragged:
        raise FileProblem(path, f"it has a header on line {layout.header_line} and no rows", remedy="export it again")
    if blank:
        notes.append(f"blank lines were skipped: {blank:,}")

    if not cells:
        _refuse_if_most(layout, ragged, len(ragged))

    columns = list(zip(*cells, strict=True))
    reasons = np.full(len(cells), None, dtype=object)
    frame, currencies = {}, [_named_currency(theirs) for theirs, _ in wanted.values()]
    for (ours, (theirs, hint)), column_cells in zip(wanted.items(), columns, strict=False):
        column = Column(path, by_name[ours], theirs, hint, column_cells, lines, mapping)
        values, why, found = column.read(now)
        frame[ours] = values
        reasons = np.where(pd.isna(reasons), why, reasons)
        notes += found.notes
        currencies.insert(0, found.currency)
    for row in _repeated(layout, cells, lines, reasons):
        reasons[row] = REPEATED
    usable = pd.isna(reasons)
    if currency_place:
        currencies.insert(0, _one_currency(layout, currency_place[0], columns[-1], lines, usable))

    bad = {int(line): reason for line, reason in zip(lines[~usable], reasons[~usable], strict=True)} | ragged
    total = len(cells) + len(ragged)
    _refuse_if_most(layout, bad, total)
    currency = next((currency for currency in currencies if currency), "currency units")
    money = next((values for ours, values in frame.items() if ours.startswith("amount")), None)
    notes += _money_notes(bad, lines, money, usable, currency)
    typed = pd.DataFrame({ours: _typed(values[usable], by_name[ours]) for ours, values in frame.items()})
    return FileRead(
        frame=typed.reset_index(drop=True),
        set_aside=_originals(layout, bad),
        read=total,
        used=len(typed),
        notes=tuple(notes),
        currency=currency,
    )


def _money_notes(
    bad: Mapping[int, Reason], lines: Array, money: pd.Series[Any] | None, usable: Array, currency: str
) -> list[str]:
    """What was set aside, with its money where that can be read, and a row with more money than all others."""
    readable = pd.Series(dtype=float) if money is None else pd.Series(money.to_numpy(float), index=lines).dropna()
    notes = []
    for reason, count in Counter(bad.values()).most_common():
        theirs = readable[readable.index.isin([line for line, why in bad.items() if why == reason])]
        worth = f" ({theirs.sum():,.2f} {currency})" if len(theirs) else ""
        if reason.text.endswith(RETURN):
            what = "1 return or refund" if count == 1 else f"{count:,} returns or refunds"
            notes.append(f"{what}{worth} set aside: money here is before returns")
        else:
            advice = f"; {reason.remedy}" if reason.column is None else ""
            notes.append(f"{_rows(count)} set aside{worth}: {reason.text}{advice}")
    kept = readable[readable.index.isin(lines[usable])]
    if len(kept) >= ENOUGH_TO_COMPARE and kept.max() * 2 > kept.sum():
        notes.append(f"line {kept.idxmax()} holds {100 * kept.max() / kept.sum():.0f} % of all money: is it right?")
    return notes


def _wanted(path: Path, table: str, fields: Sequence[Field], mapping: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The columns to read: our name to their name and the hint that follows it."""
    allowed = [field.name for field in fields if field.own_file]
    if not allowed:
        raise ValueError(f"{table} is not a table that can be read from a file of your own")
    for ours in mapping:
        if ours not in allowed:
            near = difflib.get_close_matches(ours, allowed, n=1)
            meant = f", did you mean {near[0]!r}" if near else ""
            raise FileProblem(
                path,
                f"the mapping names {ours!r}, which is no column of {table}{meant}",
                remedy=f"map one of {', '.join(allowed)}",
            )
    wanted: dict[str, tuple[str, str]] = {}
    for field in fields:
        if field.own_file == "required" or field.name in mapping:
            theirs, hint = str(mapping.get(field.name, field.name)), ""
            for known in HINTS:
                if theirs.endswith(f", {known}"):
                    theirs, hint = theirs.removesuffix(f", {known}"), known
            wanted[field.name] = (_squeeze(theirs), hint)
    for theirs, count in Counter(theirs for theirs, _ in wanted.values()).items():
        if count > 1:
            ours_twice = " and ".join(ours for ours, (name, _) in wanted.items() if name == theirs)
            raise FileProblem(
                path, f"{ours_twice} are mapped to the same column", column=theirs, remedy="map each to its own"
            )
    return wanted


def _squeeze(name: object) -> str:
    return " ".join(as_text(name).replace("\ufeff", "").split())


def _find_layout(path: Path, wanted: Mapping[str, tuple[str, str]]) -> tuple[_Layout, list[str]]:
    """Find out how the file is to be read, by looking for the line that has the wanted column names."""
    names = {theirs for theirs, _ in wanted.values()}
    notes: list[str] = []
    sheets, encoding = _open(path)
    ways: list[tuple[str | None, str]] = [(sheet, "") for sheet in sheets] or [(None, mark) for mark in DELIMITERS]
    best: tuple[tuple[int, int], _Layout] | None = None
    problem = FileProblem(path, "it is empty", remedy="export it again, with a header and rows")
    for sheet, delimiter in ways:
        try:
            for line, cells in itertools.islice(_records(path, sheet, encoding, delimiter), HEADER_WITHIN):
                header = [_squeeze(cell) for cell in cells]
                while header and not header[-1]:
                    header.pop()
                score = (len(names & set(header)), len(header))
                if header and (best is None or score > best[0]):
                    best = score, _Layout(path, sheet, encoding, delimiter, line, tuple(header))
        except FileProblem as error:  # with the wrong delimiter, quotation marks can seem not to match
            problem = error
    if best is None:
        raise problem
    layout = best[1]
    for ours, (theirs, _) in wanted.items():
        count = layout.header.count(theirs)
        if count != 1:
            raise (
                _no_such_column(layout, ours, theirs, wanted)
                if count == 0
                else FileProblem(
                    path, f"{count} columns have this name", column=theirs, remedy="rename one of them in the file"
                )
            )
    if layout.header_line > 1:
        notes.append(f"the header is on line {layout.header_line}; what stands above it was skipped")
    if len(sheets) > 1:
        notes.append(f"read from the sheet {layout.sheet!r}, one of {len(sheets)}")
    if layout.encoding in ("cp1252", "latin-1"):
        notes.append("the file is not UTF-8 and was read as Windows-1252; if names look garbled, save it as UTF-8")
    return layout, notes


def _no_such_column(layout: _Layout, ours: str, theirs: str, wanted: Mapping[str, tuple[str, str]]) -> FileProblem:
    known = [name for name in dict.fromkeys(layout.header) if name]
    shown = ", ".join(repr(name) for name in known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    taken = {name for name, _ in wanted.values()}
    mapping = {name: f"{mapped}, {hint}" if hint else mapped for name, (mapped, hint) in wanted.items()}
    found = False
    for name, (mapped, hint) in wanted.items():
        if mapped not in known and (guess := _guess(name, mapped, [other for other in known if other not in taken])):
            mapping[name] = f"{guess}, {hint}" if hint else guess
            found = True
            taken.add(guess)
    what = f"there is no such column for {ours}; its columns are {shown}"
    return FileProblem(
        layout.path,
        what,
        column=theirs,
        rows=_first_rows(layout),
        remedy="perhaps map them so" if found else f"map {ours} to one of them",
        columns=[{name: mapped for name, mapped in mapping.items() if name != mapped}] if found else (),
    )


def _first_rows(layout: _Layout) -> list[tuple[int, str]]:
    return [(line, " | ".join(map(as_text, cells))) for line, cells in itertools.islice(layout.records(), 2)]


def _guess(ours: str, theirs: str, known: Sequence[str]) -> str | None:
    """The file's column that is most like the one that was looked for."""
    plain = {re.sub(r"[\W_]", "", name).casefold(): name for name in reversed(known)}
    likely = [re.sub(r"[\W_]", "", theirs).casefold(), ours.replace("_", ""), *LOOKS_LIKE.get(ours, "").split()]
    for name in likely:
        if name in plain:
            return plain[name]
    for name in likely[:2]:
        if near := difflib.get_close_matches(name, plain, n=1, cutoff=0.75):
            return plain[near[0]]
    return None


def _open(path: Path) -> tuple[list[str], str]:
    """The names of the sheets if the file is a workbook, else its encoding; a FileProblem if it is neither."""
    if path.is_dir():
        raise FileProblem(path, "it is a folder", remedy="name a file in it")
    if not path.exists():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*")], n=1)
        remedy = (
            f"did you mean {near[0]!r}?" if near else f"check the name and the folder, {path.parent.name or 'this one'}"
        )
        raise FileProblem(path, "there is no such file", remedy=remedy.rstrip("?"))
    with path.open("rb") as stream:
        head = stream.read(65536)
        if not head.strip():
            raise FileProblem(path, "it is empty", remedy="export it again, with a header and rows")
        if zipfile.is_zipfile(path):
            return _sheets(path), ""
        for signature, (what, remedy) in SIGNATURES.items():
            if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(signature):
                raise FileProblem(path, f"it is {what}", remedy=remedy)
        encoding = "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif b"\0" in head:
            even, odd = head[::2].count(0), head[1::2].count(0)
            encoding = "utf-16-le" if odd > even else "utf-16-be"
            if max(even, odd) < len(head) / 5 or min(even, odd) > len(head) / 100:
                raise FileProblem(path, "it is not text", remedy="export it as CSV or as .xlsx")
    if _decodes(path, encoding):
        return [], encoding
    if encoding != "utf-8-sig":
        raise FileProblem(path, "its text is damaged (UTF-16)", remedy="export it again as UTF-8")
    if sum(byte < 9 for byte in head) > len(head) / 100:
        raise FileProblem(path, "it is not text", remedy="export it as CSV or as .xlsx")
    return [], "cp1252" if _decodes(path, "cp1252") else "latin-1"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    import openpyxl

    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that it does not read
        with closing(openpyxl.load_workbook(stream, read_only=True, data_only=True)) as book:
            yield book


def _sheets(path: Path) -> list[str]:
    try:
        with _workbook(path) as book:
            return [sheet.title for sheet in book.worksheets]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        raise FileProblem(
            path, "it is packed (zip), and no Excel workbook", remedy=f"unpack it, or {SAVE_AS}"
        ) from None


def _records(path: Path, sheet: str | None, encoding: str, delimiter: str) -> Iterator[tuple[int, Cells]]:
    """Every record of the file: the line where it begins, and its cells."""
    if sheet is not None:
        with _workbook(path) as book:
            book[sheet].reset_dimensions()
            yield from enumerate(book[sheet].iter_rows(values_only=True), start=1)
        return
    with path.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=delimiter != "\t")
        before = 0
        try:
            for cells in reader:
                yield before + 1, cells
                before = reader.line_num
        except csv.Error:
            raise _open_quote(path, before + 1) from None


def _open_quote(path: Path, line: int) -> FileProblem:
    return FileProblem(
        path,
        f"a quotation mark on line {line} opens a cell that does not end where it should",
        rows=[],
        remedy=f"close or remove it on line {line}, or export the file again",
    )


def _currency_column(header: Sequence[str], taken: Sequence[int]) -> list[int]:
    names = LOOKS_LIKE["currency"].split()
    found = [i for i, name in enumerate(header) if re.sub(r"[\W_]", "", name).casefold() in names]
    return [i for i in found if i not in taken][:1]


def _named_currency(theirs: str) -> str | None:
    """The currency that a column's name carries, as in ``Total (EUR)``."""
    words = [SIGNS.get(word, word.upper()) for word in re.split(r"[\s()\[\]_/-]+", theirs)]
    return next((word for word in words if word in CODES), None)


def _one_currency(layout: _Layout, place: int, cells: Cells, lines: Array, usable: Array) -> str | None:
    texts = np.array([as_text(cell).strip().upper() for cell in cells], dtype=object)
    told = usable & np.array([text.casefold() not in MISSING for text in texts], dtype=bool)
    found = sorted(set(texts[told]))
    if len(found) > 1:
        firsts = [int(np.flatnonzero(told & (texts == name))[0]) for name in found]
        raise FileProblem(
            layout.path,
            f"the amounts are in more than one currency, {', '.join(found[:5])}",
            column=layout.header[place],
            rows=[(int(lines[row]), cells[row]) for row in firsts],
            remedy="convert them to one currency, or export one file for each",
        )
    return SIGNS.get(found[0], found[0]) if found else None


def _pick(layout: _Layout, places: Sequence[int]) -> tuple[list[Any], Array, dict[int, Reason], int]:
    """Read the wanted cells of every row.

    Returns:
        The cells of each row that fits the header, their lines, the rows that do not fit by line, and the blank lines.
    """
    width, in_workbook = len(layout.header), layout.sheet is not None
    pick = operator.itemgetter(*places)
    cells, lines, ragged, blank = [], [], {}, 0
    last = layout.header_line
    for last, row in layout.records():
        if len(row) != width:
            if not any(row):
                blank += 1
                continue
            if in_workbook and len(row) < width:
                row = [*row, *[None] * (width - len(row))]
            elif len(row) < width or any(row[width:]):
                ragged[last] = _ragged(layout, last, row)
                continue
        picked = pick(row)
        if not any(picked) and not any(as_text(cell).strip() for cell in row):
            blank += 1
            continue
        cells.append(picked)
        lines.append(last)
    if not in_workbook:
        _check_last(layout, last)
    return cells, np.array(lines, dtype=np.int64), ragged, blank


def _ragged(layout: _Layout, line: int, row: Cells) -> Reason:
    if any("\n" in str(cell) or "\r" in str(cell) for cell in row) and layout.sheet is None:
        raise _open_quote(layout.path, line)
    remedy = "export it again with quotation marks, or with another delimiter: one inside a cell splits it"
    return Reason(f"has {len(row)} cells where the header has {len(layout.header)}", None, remedy)


def _check_last(layout: _Layout, line: int) -> None:
    """Refuse a file whose last record is a cell that is never closed: it may have swallowed rows."""
    with layout.path.open(encoding=layout.encoding, newline="", errors="replace") as stream:
        rest = list(itertools.islice(stream, line - 1, None))
    if len(rest) > 1:
        strict = csv.reader(rest, delimiter=layout.delimiter, skipinitialspace=layout.delimiter != "\t", strict=True)
        try:
            list(strict)
        except csv.Error:
            raise _open_quote(layout.path, line) from None


def _repeated(layout: _Layout, cells: Sequence[Any], lines: Array, reasons: Array) -> list[int]:
    """The rows without a reason that repeat an earlier such row in every column of the file."""
    usable = np.flatnonzero(pd.isna(reasons))
    seen = Counter(cells[row] for row in usable.tolist())
    if len(seen) == len(usable):
        return []
    candidates = {int(lines[row]): row for row in usable.tolist() if seen[cells[row]] > 1}
    earlier: set[tuple[object, ...]] = set()
    repeated = []
    for line, whole in layout.records():
        if line in candidates:
            key = tuple(whole)
            if key in earlier:
                repeated.append(candidates[line])
            earlier.add(key)
    return repeated


def _refuse_if_most(layout: _Layout, bad: Mapping[int, Reason], total: int) -> None:
    if len(bad) * 2 <= total:
        return
    reason, count = Counter(bad.values()).most_common(1)[0]
    lines = sorted(line for line, why in bad.items() if why == reason)[:3]
    whole = {line: row for line, row in layout.records() if line in lines}
    place = None if reason.column is None else layout.header.index(reason.column)
    shown = [
        (line, whole[line][place] if place is not None else layout.delimiter.join(map(str, whole[line])))
        for line in lines
    ]
    raise FileProblem(
        layout.path,
        f"{len(bad):,} of {_rows(total)} cannot be used; in {count:,} of them {_clause(reason)}",
        column=reason.column,
        rows=shown,
        remedy=reason.remedy,
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _clause(reason: Reason) -> str:
    return reason.text if reason.column else f"the row {reason.text}"


def _originals(layout: _Layout, bad: Mapping[int, Reason]) -> pd.DataFrame:
    """The rows set aside, whole and as text, with their line and reason."""
    rows = {line: _trim(row, len(layout.header)) for line, row in layout.records() if line in bad} if bad else {}
    names = ["line", "reason"]
    for i in range(max([len(layout.header), *map(len, rows.values())])):
        name = layout.header[i] if i < len(layout.header) and layout.header[i] else f"column {i + 1}"
        names.append(
            next(n for n in itertools.chain([name], (f"{name}.{k}" for k in itertools.count(2))) if n not in names)
        )
    full = [[line, _reason(bad[line], row), *row, *[""] * (len(names) - 2 - len(row))] for line, row in rows.items()]
    return pd.DataFrame(full, columns=names).astype(dict.fromkeys(names[1:], "str") | {"line": "int64"})


def _trim(row: Cells, width: int) -> list[str]:
    """A row as text, without the empty cells that stand beyond the header."""
    texts = [as_text(cell) for cell in row]
    while len(texts) > width and not texts[-1]:
        texts.pop()
    return texts


def _reason(reason: Reason, row: Sequence[str]) -> str:
    first = next((cell.strip() for cell in row if cell.strip()), "")
    return f"{reason.text}; it looks like a total" if reason != SUM_ROW and TOTAL.fullmatch(first) else reason.text


def _typed(values: pd.Series[Any], field: Field) -> pd.Series[Any]:
    kinds = {"integer": "Int64", "number": "float64", "string": "str", "boolean": "boolean"}
    dtype: Any = kinds.get(field.type, "datetime64[s]")
    if field.enum:
        dtype = pd.CategoricalDtype(list(field.enum))
    elif field.name.endswith("_id"):
        dtype = "str"
    elif field.required:
        dtype = {"Int64": "int64", "boolean": "bool"}.get(dtype, dtype)
    return values.astype(dtype)
