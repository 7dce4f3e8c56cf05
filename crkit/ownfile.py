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
  file can show. Where the order number is mapped, the mapped columns are compared as they are read (``18,41`` repeats
  ``18,41 €``), else all are compared as text. So is a row whose id is ``Total``, ``Summe`` or the like: exports end in
  such rows. Another row that is set aside is noted as a total if it begins so, or has the sum of the other amounts.
  Amounts of zero are kept and noted, and so is one row with half of all money. How much money is set aside is noted.
- **Values of a list** must be ours, except where the kit only tells them apart: topics, channels and whom a
  contact was passed on to are the reader's own words. A log in which somebody unknown handled or began a contact is
  refused: without that row it would say that nobody came back.
- **Amounts** are totals of a row. Prices of one piece, beside quantities that are not all 1, are read and noted.
- **A points ledger** has oddities of its own, see `crkit.ownpoints`.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from crkit import ownpoints
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
    shown,
)

if TYPE_CHECKING:
    from crkit.datasets import Field

Cells = Sequence[object]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
HEADER_WITHIN = 30
ENOUGH_TO_COMPARE = 20
FEWEST_SUMMED = 3
LINE_TOTAL = "line_total"
LIKE_A_TOTAL = "it looks like a total"
NEARLY = 0.01
REPEATED = Reason(
    "repeats an earlier row in every column",
    None,
    "if these are purchases of their own, export their order number too, and map order_id",
)
REPEATED_ROW = Reason(REPEATED.text, None, "if these are rows of their own, export what tells them apart")
REPEATED_ORDER = Reason(
    REPEATED.text, None, "if these are lines of their own in one order, export the number of the line too"
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
OWN_WORDS = {"contacts": {"topic", "channel", "escalated_to"}}
LOOKS_LIKE = {
    "issue_id": "issue issuenumber ticket ticketid ticketnumber case caseid casenumber matter thread threadid "
    "conversation conversationid vorgang vorgangsnummer ticketnummer",
    "started_at": "started start opened openedat createdat created date datetime timestamp beginn begonnen datum",
    "topic": "subject category reason contactreason tag issuetype thema betreff kategorie",
    "handled_by": "handler handledby handledas agenttype assignee bearbeiter bearbeitetvon",
    "resolved": "solved issolved isresolved closed fixed gelöst geloest erledigt",
    "handle_minutes": "minutes handletime handlingtime handlingminutes handletimeminutes minuten bearbeitungszeit",
    "customer_id": "customer customernumber customerno custid client clientid user userid member memberid account "
    "accountid buyer buyerid email customeremail kunde kundennr kundennummer kundenid klant klantnummer",
    "ordered_at": "date orderdate invoicedate purchasedate createdat created transactiondate paidat timestamp datetime "
    "day datum bestelldatum rechnungsdatum kaufdatum besteldatum",
    "amount_eur": "amount total totalamount totalprice ordertotal ordervalue revenue sales price value net gross "
    "netamount grossamount orderamount invoiceamount lineamount grandtotal subtotal linetotal netsales grosssales "
    "betrag gesamtbetrag bruttobetrag nettobetrag rechnungsbetrag bestellbetrag zahlbetrag endbetrag umsatz "
    "bruttoumsatz nettoumsatz bestellwert auftragswert warenwert rechnungssumme bestellsumme gesamtsumme gesamtpreis "
    "gesamt summe preis bedrag totaal",
    "entry_id": "entry entrynumber entryno transaction transactionid bookingid booking number no nr id buchung "
    "buchungsnummer belegnummer",
    "booked_at": "booked bookingdate postedat posted transactiondate entrydate date createdat created timestamp day "
    "datetime datum buchungsdatum buchungstag",
    "kind": "type entrytype transactiontype movement movementtype activity event art typ buchungsart vorgang",
    "points": "pts pointsamount pointsdelta delta quantity amount value miles punkte anzahl menge",
    "expires_at": "expiry expirydate expirationdate expires expireson validuntil validto verfall verfallsdatum "
    "ablaufdatum gültigbis gueltigbis",
    "currency": "currency currencycode waehrung währung devise valuta moneda",
}
TOTAL = re.compile(r"(grand ?|sub ?)?totals?\b.*|sum|summe|gesamt(summe)?|totaal", re.IGNORECASE)
QUANTITY = re.compile(
    r".*(quantity|qty|menge|anzahl|stückzahl|stueckzahl|aantal)|(quantity|qty).*|.*units(sold|ordered)?|stück|pcs"
)
PRICE = re.compile(r"(?!.*(total|line|order|sum|gesamt|ext|paid)).*(price|preis|prijs).*")
DATA = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*|[^\w]*\d+[.,]\d+\W*[A-Z]{0,3}")


class FileRead(NamedTuple):
    """A reader's own file, read.

    Attributes:
        frame: the rows that can be used, in the file's order, with the kit's column names and types; ids are text.
        set_aside: the other rows: ``line`` (where the row begins in the file), ``reason``, and every column as text.
        read: how many rows the file has below its header, blank lines not counted.
        used: how many of them are in ``frame``, a survey's as one row an answer; ``read == used + len(set_aside)``.
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
    path: Path,
    table: str,
    fields: Sequence[Field],
    mapping: Mapping[str, str],
    today: str | pd.Timestamp | None,
    across: Callable[[Mapping[str, pd.Series[Any]]], Array] | None = None,
) -> FileRead:
    """Read a file against the columns of a table; see `crkit.datasets.read_file`.

    ``across`` may give each row a reason (or None) that only several of its columns together show.
    """
    now = pd.Timestamp.now() if today is None else pd.Timestamp(today)
    wanted = _wanted(path, table, fields, mapping)
    layout, notes = _find_layout(path, wanted)
    if table == "points":  # these two decide what the books are, so their own names need no mapping either
        own = [name for name in ("entry_id", "expires_at") if name not in wanted and layout.header.count(name) == 1]
        wanted |= {name: (name, "") for name in own}
    free = OWN_WORDS.get(table, set())
    by_name = {field.name: field._replace(enum=()) if field.name in free else field for field in fields}
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
    if across:
        reasons = np.where(pd.isna(reasons), across(frame), reasons)
    numbered = table == "orders" and "order_id" in frame
    if table == "points" and "entry_id" in frame:
        for row, reason in ownpoints.repeated_numbers(frame["entry_id"], _keys(frame), reasons).items():
            reasons[row] = reason
    of_table = {"orders": REPEATED_ORDER if numbered else REPEATED, "points": ownpoints.REPEATED}
    repeated = of_table.get(table, REPEATED_ROW)
    for row in _repeated(layout, _keys(frame) if numbered else cells, places if numbered else (), lines, reasons):
        reasons[row] = repeated
    usable = pd.isna(reasons)
    if currency_place:
        currencies.insert(0, _one_currency(layout, currency_place[0], columns[-1], lines, usable))

    bad = {int(line): reason for line, reason in zip(lines[~usable], reasons[~usable], strict=True)} | ragged
    total = len(cells) + len(ragged)
    _refuse_if_most(layout, bad, total)
    currency = next((currency for currency in currencies if currency), "currency units")
    whole = {line: _trim(row, len(layout.header)) for line, row in layout.records() if line in bad} if bad else {}
    if amount := next((ours for ours in frame if ours.startswith("amount")), None):
        money = pd.Series(frame[amount].to_numpy(float), index=lines)
        bad |= _totals(bad, whole, money, money[usable].sum())
        notes = [*_price_notes(layout, wanted[amount][0], lines[usable]), *notes]
        notes += [*_aside_notes(bad, money, currency), *_kept_notes(money[usable], frame.get("order_id"), usable)]
    else:
        notes += _aside_notes(bad, pd.Series(dtype=float), currency)
    if table == "points":
        kind, points, found_notes = ownpoints.with_signs(
            frame["kind"][usable], frame["points"][usable], wanted["points"][0]
        )
        frame["kind"], frame["points"] = kind.reindex(range(len(usable))), points.reindex(range(len(usable)))
        notes += found_notes
    typed = pd.DataFrame({ours: _typed(values[usable], by_name[ours]) for ours, values in frame.items()})
    if table == "points" and "entry_id" not in frame:
        typed.insert(0, "entry_id", lines[usable])
        notes.append("the entries have no number: each takes that of its line")
    return FileRead(
        frame=typed.reset_index(drop=True),
        set_aside=_originals(layout, bad, whole),
        read=total,
        used=len(typed),
        notes=tuple(notes),
        currency=currency,
    )


def _totals(
    bad: Mapping[int, Reason], whole: Mapping[int, Sequence[str]], money: pd.Series[Any], used: float
) -> dict[int, Reason]:
    """The rows set aside that look like totals, by how they begin or by the sum that they hold, with their reason."""
    found, every = {}, money.sum()
    for line, reason in bad.items():
        amount = money.get(line, np.nan)
        sums = (used, every - amount) if len(money) > FEWEST_SUMMED else ()
        first = next((cell.strip() for cell in whole[line] if cell.strip()), "")
        if reason != SUM_ROW and (
            TOTAL.fullmatch(first.rstrip(" :")) or any(abs(amount - total) < NEARLY * amount for total in sums)
        ):
            found[line] = Reason(f"{reason.text}; {LIKE_A_TOTAL}", None, SUM_ROW.remedy)
    return found


def _aside_notes(bad: Mapping[int, Reason], money: pd.Series[Any], currency: str) -> list[str]:
    """What was set aside, with its money where that can be read."""
    readable = money.dropna()
    notes = []
    for reason, count in Counter(bad.values()).most_common():
        which = [line for line, why in bad.items() if why == reason]
        theirs = readable[readable.index.isin(which)]
        worth = f" ({theirs.sum():,.2f} {currency})" if len(theirs) else ""
        if reason.text.endswith(RETURN):
            what = "1 return or refund" if count == 1 else f"{count:,} returns or refunds"
            notes.append(f"{what}{worth} set aside: money here is before returns")
        elif reason.text.endswith(LIKE_A_TOTAL) and count == 1:
            notes.append(f"line {which[0]} looks like a total row{worth} and is set aside; {reason.remedy}")
        else:
            advice = f"; {reason.remedy}" if reason.column is None else ""
            notes.append(f"{_rows(count)} set aside{worth}: {reason.text}{advice}")
    return notes


def _kept_notes(money: pd.Series[Any], orders: pd.Series[Any] | None, usable: Array) -> list[str]:
    """A row with half of all money, and purchases of nothing: of orders, if their numbers are known, else of rows."""
    notes = []
    if len(money) >= ENOUGH_TO_COMPARE and money.max() * (2 + NEARLY) > money.sum():
        notes.append(f"line {money.idxmax()} holds {100 * money.max() / money.sum():.0f} % of all money: is it right?")
    one, more = ("row", "rows") if orders is None else ("order", "orders")
    zero = int(((money if orders is None else money.groupby(orders[usable].to_numpy()).sum()) == 0).sum())
    if zero:
        told = f"1 {one} has the amount 0, and counts as a purchase"
        notes.append(told if zero == 1 else f"{zero:,} {more} have the amount 0, and count as purchases")
    return notes


class _Pieces(NamedTuple):
    """A column of prices of one piece, and the column of quantities beside it, which is not 1 throughout."""

    price: str
    quantity: str
    negative: frozenset[int]  # the lines whose quantity is negative
    advice: str


def _pieces(layout: _Layout, price: str) -> _Pieces | None:
    """What the amounts would have to be multiplied by, if a column looks like prices of one piece."""
    place = next((i for i, name in enumerate(layout.header) if QUANTITY.fullmatch(_plain(name))), None)
    if place is None or not PRICE.fullmatch(_plain(price)):
        return None
    other, negative = False, set()
    for line, row in layout.records():
        text = as_text(row[place]).strip() if place < len(row) else ""
        if re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
            other |= float(text.replace(",", ".")) != 1
            if text.startswith("-"):
                negative.add(line)
    if not other:
        return None
    from openpyxl.utils import get_column_letter

    quantity, first = layout.header[place], layout.header_line + 1
    product = "*".join(f"{get_column_letter(i + 1)}{first}" for i in (place, layout.header.index(price)))
    advice = f'in pandas orders["{LINE_TOTAL}"] = orders["{quantity}"] * orders["{price}"], in a spreadsheet ={product}'
    return _Pieces(price, quantity, frozenset(negative), f"make a column of line totals: {advice}")


def _price_notes(layout: _Layout, amount: str, used: Array) -> list[str]:
    pieces = _pieces(layout, amount)
    if pieces is None:
        return []
    returned = ""
    if count := int(np.isin(used, list(pieces.negative)).sum()):
        purchases = "(a cancellation) counts as a purchase" if count == 1 else "(cancellations) count as purchases"
        returned = f", and {_rows(count)} with a negative {pieces.quantity} {purchases}"
    return [
        f"{amount} looks like the price of one piece, and {pieces.quantity} is not always 1: the amounts here are not "
        f"what was paid{returned}; {pieces.advice}, and map that"
    ]


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


def _plain(name: str) -> str:
    """A column's name without case, signs and currency, as ``Total (EUR)`` is ``total``."""
    words = [word for word in re.split(r"[\W_]+", name) if word.upper() not in CODES]
    return "".join(words).casefold()


def _squeeze(name: object) -> str:
    return " ".join(as_text(name).replace("\ufeff", "").split())


def header(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a file, on the line that looks most as if it had these names."""
    layout, _ = _best_layout(path, {name: (name, "") for name in names})
    return layout.header


def _best_layout(path: Path, wanted: Mapping[str, tuple[str, str]]) -> tuple[_Layout, int]:
    """How the file is to be read, by the line that has the wanted column names, and how many sheets it has."""
    names = {theirs for theirs, _ in wanted.values()}
    sheets, encoding = _open(path)
    ways: list[tuple[str | None, str]] = [(sheet, "") for sheet in sheets] or [(None, mark) for mark in DELIMITERS]
    alike = {_plain(name) for ours in wanted for name in (ours, *LOOKS_LIKE.get(ours, "").split())}
    best: tuple[tuple[int, ...], _Layout] | None = None
    problem = FileProblem(path, "it is empty", remedy="export it again, with a header and rows")
    for sheet, delimiter in ways:
        scores: list[tuple[tuple[int, ...], int, list[str]]] = []
        try:
            for line, cells in itertools.islice(_records(path, sheet, encoding, delimiter), HEADER_WITHIN):
                header = [_squeeze(cell) for cell in cells]
                while header and not header[-1]:
                    header.pop()
                words = sum(any(map(str.isalpha, cell)) for cell in header)
                likely = len(alike & {_plain(cell) for cell in header})
                scores.append(((len(names & set(header)), likely, words), line, header))
        except FileProblem as error:  # with the wrong delimiter, quotation marks can seem not to match
            problem = error
        scores = [scored for scored in scores if scored[2]]
        if scores:
            score, line, header = max(scores, key=operator.itemgetter(0))  # the first of those that are equally good
            if best is None or (*score, len(header)) > best[0]:
                best = (*score, len(header)), _Layout(path, sheet, encoding, delimiter, line, tuple(header))
    if best is None:
        raise problem
    return best[1], len(sheets)


def _find_layout(path: Path, wanted: Mapping[str, tuple[str, str]]) -> tuple[_Layout, list[str]]:
    """How the file is to be read, held to have every wanted column once, with what is to be said of it."""
    layout, sheets = _best_layout(path, wanted)
    notes = []
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
    if sheets > 1:
        notes.append(f"read from the sheet {layout.sheet!r}, one of {sheets}")
    if layout.encoding in ("cp1252", "latin-1"):
        notes.append("the file is not UTF-8 and was read as Windows-1252; if names look garbled, save it as UTF-8")
    return layout, notes


def _no_such_column(layout: _Layout, ours: str, theirs: str, wanted: Mapping[str, tuple[str, str]]) -> FileProblem:
    known = [name for name in dict.fromkeys(layout.header) if name]
    listed = ", ".join(repr(name) for name in known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    if any(DATA.fullmatch(name) for name in known):
        raise FileProblem(
            layout.path,
            f"line {layout.header_line} looks like data, not like a header: {listed}",
            remedy="write the names of the columns into a line above it",
        )
    taken = {name for name, _ in wanted.values()}
    mapping = {name: f"{mapped}, {hint}" if hint else mapped for name, (mapped, hint) in wanted.items()}
    pieces = next(filter(None, (_pieces(layout, name) for name in known)), None)
    found, first, others = False, "", []
    for name, (mapped, hint) in wanted.items():
        if mapped in known:
            continue
        if name != ours:
            others.append(f"{name} ({mapped!r})" if name != mapped else name)
        free = [other for other in known if other not in taken]
        priced = pieces if name.startswith("amount") else None
        guess = _guess(name, mapped, [other for other in free if not (priced and PRICE.fullmatch(_plain(other)))])
        if guess is None and priced:
            first = f"{priced.price} looks like the price of one piece, so first {priced.advice}; then "
            guess = LINE_TOTAL
        if guess:
            mapping[name] = f"{guess}, {hint}" if hint else guess
            found = True
            taken.add(guess)
    besides = f", and none for {', '.join(others)}" if others else ""
    columns = f"the columns on line {layout.header_line}" if layout.header_line > 1 else "its columns"
    return FileProblem(
        layout.path,
        f"there is no such column for {ours}{besides}; {columns} are {listed}",
        column=theirs,
        rows=_first_rows(layout),
        remedy=f"{first or 'perhaps '}map them so" if found else f"map {'each' if others else ours} to one of them",
        columns=[{name: mapped for name, mapped in mapping.items() if name != mapped}] if found else (),
    )


def _first_rows(layout: _Layout) -> list[tuple[int, str]]:
    return [(line, " | ".join(map(as_text, cells))) for line, cells in itertools.islice(layout.records(), 2)]


def _guess(ours: str, theirs: str, known: Sequence[str]) -> str | None:
    """The file's column that is most like the one that was looked for."""
    plain = {_plain(name): name for name in reversed(known)}
    likely = [_plain(theirs), _plain(ours), *LOOKS_LIKE.get(ours, "").split()]
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
    found = [i for i, name in enumerate(header) if _plain(name) in names]
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


def _keys(frame: Mapping[str, pd.Series[Any]]) -> list[tuple[int, ...]]:
    """What was read in each row, as one number a column that is the same for the same value."""
    return list(zip(*(pd.factorize(values)[0].tolist() for values in frame.values()), strict=True))


def _repeated(layout: _Layout, keys: Sequence[Any], places: Sequence[int], lines: Array, reasons: Array) -> list[int]:
    """The rows without a reason that repeat an earlier such row, in their key and in every column not in ``places``."""
    usable = np.flatnonzero(pd.isna(reasons))
    seen = Counter(keys[row] for row in usable.tolist())
    if len(seen) == len(usable):
        return []
    candidates = {int(lines[row]): row for row in usable.tolist() if seen[keys[row]] > 1}
    earlier: set[tuple[object, ...]] = set()
    repeated = []
    for line, whole in layout.records():
        if line in candidates:
            key = (keys[candidates[line]], *(cell for i, cell in enumerate(whole) if i not in places))
            if key in earlier:
                repeated.append(candidates[line])
            earlier.add(key)
    return repeated


def _refuse_if_most(layout: _Layout, bad: Mapping[int, Reason], total: int) -> None:
    if len(bad) * 2 <= total:
        return
    firsts = {reason: sorted(line for line, why in bad.items() if why == reason)[:3] for reason in set(bad.values())}
    needed = set(itertools.chain.from_iterable(firsts.values()))
    whole = {line: row for line, row in layout.records() if line in needed}

    def cells(reason: Reason) -> list[tuple[int, object]]:
        place = None if reason.column is None else layout.header.index(reason.column)
        return [
            (line, layout.delimiter.join(map(str, whole[line])) if place is None else whole[line][place])
            for line in firsts[reason]
        ]

    (reason, count), *others = Counter(bad.values()).most_common()
    raise FileProblem(
        layout.path,
        f"{len(bad):,} of {_rows(total)} cannot be used; in {count:,} of them {_clause(reason)}",
        column=reason.column,
        rows=cells(reason),
        besides="".join(f"; in {n:,} {_clause(other)}{shown(cells(other))}" for other, n in others),
        remedy=reason.remedy,
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _clause(reason: Reason) -> str:
    return reason.text if reason.column else f"the row {reason.text}"


def _originals(layout: _Layout, bad: Mapping[int, Reason], rows: Mapping[int, Sequence[str]]) -> pd.DataFrame:
    """The rows set aside, whole and as text, with their line and reason."""
    names = ["line", "reason"]
    for i in range(max([len(layout.header), *map(len, rows.values())])):
        name = layout.header[i] if i < len(layout.header) and layout.header[i] else f"column {i + 1}"
        names.append(
            next(n for n in itertools.chain([name], (f"{name}.{k}" for k in itertools.count(2))) if n not in names)
        )
    full = [[line, bad[line].text, *row, *[""] * (len(names) - 2 - len(row))] for line, row in rows.items()]
    return pd.DataFrame(full, columns=names).astype(dict.fromkeys(names[1:], "str") | {"line": "int64"})


def _trim(row: Cells, width: int) -> list[str]:
    """A row as text, without the empty cells that stand beyond the header."""
    texts = [as_text(cell) for cell in row]
    while len(texts) > width and not texts[-1]:
        texts.pop()
    return texts


def _typed(values: pd.Series[Any], field: Field) -> pd.Series[Any]:
    kinds = {"integer": "Int64", "score": "Int64", "number": "float64", "string": "str", "boolean": "boolean"}
    dtype: Any = kinds.get(field.type, "datetime64[s]")
    if field.enum:
        dtype = pd.CategoricalDtype(list(field.enum))
    elif field.name.endswith("_id"):
        dtype = "str"
    elif field.required:
        dtype = {"Int64": "int64", "boolean": "bool"}.get(dtype, dtype)
    return values.astype(dtype)
