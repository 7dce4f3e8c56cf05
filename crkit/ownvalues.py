"""One column of a reader's own file: from what exports contain to values.

Exports differ in how they write numbers and dates, and a single cell often does not say which way it is meant:
``1,234`` is a thousand or one and a bit, ``03/04/2024`` is in March or in April. So each column is judged over all its
rows: one cell that can be read in one way only decides for the others, cells that contradict each other are refused,
and where no cell decides the reader is asked. Nothing is guessed in silence.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from crkit.datasets import Field

Array = npt.NDArray[Any]

HINTS = ("day first", "month first", "decimal comma", "decimal point", "0 to 10", "1 to 5", "1 to 7")
MISSING = frozenset(
    {"", "-", "--", "?", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "(null)", "(blank)", "undefined"}
)
NO_ANSWER = MISSING | {"no answer", "not answered", "not applicable", "prefer not to say", "don't know", "skipped"}
NO_ANSWER |= {"keine angabe", "k.a.", "k. a.", "weiß nicht", "nicht beantwortet", "geen antwoord", "sans réponse"}
CODES = frozenset(
    (
        *(
            "AED",
            "ARS",
            "AUD",
            "BGN",
            "BRL",
            "CAD",
            "CHF",
            "CLP",
            "CNY",
            "COP",
            "CZK",
            "DKK",
            "EGP",
            "EUR",
            "GBP",
            "HKD",
        ),
        *(
            "HUF",
            "IDR",
            "ILS",
            "INR",
            "ISK",
            "JPY",
            "KES",
            "KRW",
            "MAD",
            "MXN",
            "MYR",
            "NGN",
            "NOK",
            "NZD",
            "PEN",
            "PHP",
        ),
        *("PKR", "PLN", "RON", "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TND", "TWD", "UAH", "USD", "VND", "ZAR"),
    )
)
SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "zł": "PLN", "Kč": "CZK"}
SIGNS |= {"$": "USD", "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "R$": "BRL", "HK$": "HKD"}
SIGNS |= {"Fr.": "CHF", "SFr.": "CHF", "Rs": "INR", "Rs.": "INR", "Ft": "HUF", "kr": "kr", "kr.": "kr"}
WHOLE = frozenset({"handled_by", "initiated_by"})
SHORT_DASHED = "--"
RETURN = "is negative: a return or refund"
SUM = re.compile(r"((grand|sub)[ -]?)?totals?|sum|(gesamt|zwischen)?summe|gesamt", re.IGNORECASE)
BALANCE = re.compile(r"((closing|current|running|new) )?balance|totals?|saldo|kontostand|punktestand|endbestand|summe")
UNITS = frozenset({"points", "point", "pts", "punkte", "punkt"})
EARLIEST = pd.Timestamp("1980-01-01")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?"
)
_CLOCK = re.compile(
    r"[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)? ?(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +)?"
_NAMED_DAY = re.compile(_WEEKDAY + r"(\d{1,2})(?:st|nd|rd|th)?[-. /]+([a-z]{3,9})\.?[-, /]+(\d{4}|\d{2})", re.I)
_NAMED_MONTH = re.compile(_WEEKDAY + r"([a-z]{3,9})\.?[- ]+(\d{1,2})(?:st|nd|rd|th)?,?[- ]+(\d{4})", re.I)
_DIGITS_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"[2-7]\d{4}(?:[.,]\d+)?")
_EPOCH = re.compile(r"\d{10}|\d{13}")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]?\d{1,3}")
_MONEY = re.compile(r"(\D*?)(\d(?:[\d.,' ]*\d)?)([.,]?)(\D*)")
_SHAPES = {
    decimal: re.compile(rf"(?:\d+|\d{{1,3}}(?:{t}\d{{2,3}})*{t}\d{{3}}|\d{{1,3}}(?:[' ]\d{{3}})+)(?:{d}\d+)?")
    for decimal, d, t in ((",", ",", r"\."), (".", r"\.", ","))
}
_SPACED = re.compile(r"\d{1,3}(?:[' ]\d{3})+(?:[.,]\d+)?")
_SCORE = re.compile(r"(\d{1,3})(?:[.,]0+)?(?:\s*(?:/|out of|of|von|van|sur)\s*(\d{1,3}))?\W*(?:[^\W\d].*)?")
_SCORE_LAST = re.compile(r"[^\W\d]\D*\W(\d{1,2})\W*")
_PRAISE = re.compile(
    r"\b(?:very|extremely|completely|sehr|äußerst)\s+"
    r"(?:likely|satisfied|happy|easy|good|wahrscheinlich|zufrieden|einfach|leicht|gut)",
    re.IGNORECASE,
)
ENOUGH_TO_JUDGE, FEW_SLIPS = 20, 0.02
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "\u2019": "'"})


class FileProblem(ValueError):  # noqa: N818  # what the reader meets is a problem with a file
    """A reader's own file cannot be used.

    Attributes:
        file: the file's name.
        column: the column of the file that the problem is in, or None.
        rows: the first rows that show it: line number and value.
        advice: what to do, without the mappings.
        columns: the mappings that may mend it, whole, the likeliest first.
        remedy: what to do, with the mappings as a notebook takes them.
        said: the message without the remedy.
    """

    def __init__(
        self,
        file: Path,
        what: str,
        *,
        remedy: str,
        column: str | None = None,
        rows: Iterable[tuple[int, object]] = (),
        columns: Iterable[Mapping[str, str]] = (),
        besides: str = "",
    ) -> None:
        self.file, self.column, self.rows, self.advice = file.name, column, tuple(rows)[:3], remedy
        self.columns = tuple(dict(mapping) for mapping in columns)
        ways = " or ".join(f"columns = {json.dumps(mapping, ensure_ascii=False)}" for mapping in self.columns)
        self.remedy = f"{remedy}: {ways}" if ways else remedy
        where = f"{file.name}, column {column!r}" if column is not None else file.name
        self.said = f"{where}: {what}{shown(self.rows)}{besides}"
        super().__init__(f"{self.said}. Remedy: {self.remedy}.")


def shown(rows: Iterable[tuple[int, object]]) -> str:
    """Rows in a message, in brackets: line number and value of each; nothing if there are none."""
    told = "; ".join(f"line {line}: {_shorten(value)}" for line, value in rows)
    return f" ({told})" if told else ""


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class Reason:
    """Why a row is set aside, in which column of the file (None: the whole row), and what to do if most rows are."""

    text: str
    column: str | None
    remedy: str


SUM_ROW = Reason("looks like a totals row", None, "leave totals out of the export")


class Values(NamedTuple):
    """What a column's distinct cells hold: values, reasons not to use them, notes, and a currency if they name one."""

    values: Array
    reasons: list[Reason | None]
    notes: tuple[str, ...] = ()
    currency: str | None = None


class Column:
    """The cells of one column of a file, held once each however often they occur."""

    def __init__(
        self,
        file: Path,
        field: Field,
        theirs: str,
        hint: str,
        cells: Sequence[object],
        lines: Array,
        mapping: Mapping[str, str],
    ) -> None:
        self.file, self.field, self.theirs, self.hint, self.lines = file, field, theirs, hint, lines
        self.mapping = mapping
        array = np.empty(len(cells), dtype=object)
        array[:] = cells
        self.codes, unique = pd.factorize(array)
        self.unique: list[object] = list(unique)
        self.texts = [_tidy(as_text(value)) for value in self.unique]

    def rows(self, which: Iterable[bool]) -> list[tuple[int, object]]:
        """The first three rows whose cell is one of those marked in ``which`` (one mark a distinct cell)."""
        marked = np.append(np.fromiter(which, dtype=bool, count=len(self.unique)), False)
        return [(int(self.lines[row]), self.unique[self.codes[row]]) for row in np.flatnonzero(marked[self.codes])[:3]]

    def problem(self, what: str, rows: Iterable[tuple[int, object]], remedy: str, *hints: str) -> FileProblem:
        """The error that names this column, these rows, and the hints that say which way the column is meant."""
        columns = [{**self.mapping, self.field.name: f"{self.theirs}, {hint}"} for hint in hints]
        return FileProblem(self.file, what, column=self.theirs, rows=rows, remedy=remedy, columns=columns)

    def reason(self, text: str, remedy: str) -> Reason:
        """A reason to set a row aside because of this column."""
        return Reason(f"{self.theirs} {text}", self.theirs, remedy)

    def read(self, today: pd.Timestamp) -> tuple[pd.Series[Any], Array, Values]:
        """Read the column.

        Returns:
            The values, one a row; for each row the reason not to use it, or None; and what was found on the way.
        """
        kind = "string" if self.field.name.endswith("_id") else self.field.type
        found = _READERS[kind](self, today)
        blank = (
            self.reason("is empty", "fill it in, or leave such rows out of the export") if self.field.required else None
        )
        reasons = np.array([*found.reasons, blank], dtype=object)
        for i, text in enumerate(self.texts):
            if text.casefold() in MISSING:
                reasons[i] = blank
        values = pd.Series(found.values).reindex(np.append(np.arange(len(self.unique)), -1))
        return values.iloc[self.codes].reset_index(drop=True), reasons[self.codes], found


def _tidy(text: str) -> str:
    return (text if text.isascii() else text.translate(_SPACES)).strip()


def as_text(value: object) -> str:
    """A cell as text: a whole number without a decimal point, a moment in ISO form, an empty cell as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _text(column: Column, _: pd.Timestamp) -> Values:
    texts = column.texts
    notes: tuple[str, ...] = ()
    reasons: list[Reason | None] = [None] * len(texts)
    if column.field.name.endswith("_id"):
        if not any(re.fullmatch(r"\d+\.\d*[1-9]\d*", text) for text in texts):
            texts = [re.sub(r"^(\d+)\.0+$", r"\1", text) for text in texts]
        remedy = "format the column as text or as a number without decimals, and export again"
        cut = column.reason("is in scientific notation, so its last digits are lost", remedy)
        reasons = [
            cut if _SCIENTIFIC.fullmatch(text) else SUM_ROW if SUM.fullmatch(text.rstrip(" :")) else None
            for text in texts
        ]
    elif column.field.enum:
        allowed = ", ".join(column.field.enum)
        other = column.reason(f"is none of {allowed}", f"rename the values to {allowed}")
        balance = column.reason("names a balance, not a booking", "leave balances out of the export")
        known = {plain_words(value): value for value in column.field.enum} | dict(column.field.also)
        texts = [known.get(plain_words(text), text) for text in texts]
        notes = _renamed(column, texts)
        told = [balance if column.field.also and BALANCE.fullmatch(plain_words(text)) else other for text in texts]
        reasons = [None if text in column.field.enum else why for text, why in zip(texts, told, strict=True)]
        if column.field.name in WHOLE:
            _refuse_unknown(column, texts)
    values = np.array([None if text.casefold() in MISSING else text for text in texts], dtype=object)
    return Values(values, reasons, notes)


def plain_words(text: str) -> str:
    """A value of a list in plain words, as ``POINTS_EARNED`` is ``earned``."""
    words = [word for word in re.split(r"[\W_]+", text.casefold()) if word not in UNITS]
    return " ".join(word for word in words if word)


def _renamed(column: Column, meant: Sequence[str]) -> tuple[str, ...]:
    """A note of the words that were taken for values of ours, if there are any."""
    pairs = zip(column.texts, meant, strict=True)
    changed = [f"{text!r} is read as {value}" for text, value in pairs if text.casefold() != value.casefold()]
    return (f"{column.theirs}: {', '.join(changed)}",) if changed else ()


def _refuse_unknown(column: Column, texts: Sequence[str]) -> None:
    """Refuse a column that holds other words than ours; empty cells set a row aside."""
    unknown = [text not in column.field.enum and text.casefold() not in MISSING for text in texts]
    if any(unknown):
        words = [repr(word) for word, other in zip(column.texts, unknown, strict=True) if other]
        more = f" and {len(words) - 5} more" if len(words) > 5 else ""
        allowed = ", ".join(column.field.enum)
        say = "; a person is human, whoever it is" if "human" in column.field.enum else ""
        raise column.problem(
            f"it holds {', '.join(words[:5])}{more}, and can only say {allowed}; "
            "without these contacts it would seem that nobody came back",
            column.rows(unknown),
            f"rename the values to {allowed}{say}",
        )


def _boolean(column: Column, _: pd.Timestamp) -> Values:
    known = dict.fromkeys(("true", "yes", "y", "1", "t", "ja", "oui", "x"), True)
    known |= dict.fromkeys(("false", "no", "n", "0", "f", "nein", "non"), False)
    neither = column.reason("is neither true nor false", "write true or false")
    found = [known.get(text.casefold()) for text in column.texts]
    return Values(np.array(found, dtype=object), [neither if value is None else None for value in found])


class _Money(NamedTuple):
    """A number as written: its digits with their separators, its sign, its currency, and the decimal sign it proves."""

    digits: str
    negative: bool
    currency: str
    decimal: str  # "," or ".", "either" if it can be read both ways, "" if it has no separator


def _money(text: str) -> _Money | None:
    inner = text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text
    match = _MONEY.fullmatch(inner)
    if match is None:
        return None
    before, digits, trailing, after = match.groups()
    if before[-1:] in (".", ",") and not before[:-1].strip(" +-"):
        before, digits = before[:-1], "0" + before[-1] + digits
    if trailing:
        after = after.lstrip("-")  # 12,- is twelve
    around = before + after
    currency = around.strip(" +-") if not (before.strip(" +-") and after.strip(" +-")) else "two signs"
    if currency and (currency := SIGNS.get(currency, currency.upper())) not in CODES | set(SIGNS.values()):
        return None
    minus = around.count("-") + (inner is not text)
    if minus > 1 or (trailing and any(mark in digits for mark in ".,")):
        return None
    decimal = _decimal(digits)
    if decimal in _SHAPES and not _SHAPES[decimal].fullmatch(digits):
        return None
    return _Money(digits, minus == 1, currency, decimal)


def _decimal(digits: str) -> str:
    """The decimal sign that a number proves by the way it is written."""
    marks = [mark for mark in digits if mark in ".,"]
    if not marks:
        return ""
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1:
        return "." if marks[0] == "," else ","
    if _SPACED.fullmatch(digits):
        return marks[0]
    whole, fraction = re.split("[.,]", digits)
    return "either" if len(fraction) == 3 and len(whole) <= 3 and whole[0] != "0" else marks[0]


def _to_number(digits: str, decimal: str) -> float:
    """The value of a number written with this decimal sign; nan if it cannot be written so."""
    if not _SHAPES[decimal].fullmatch(digits):
        return math.nan
    thousands = "." if decimal == "," else ","
    return float(digits.replace(thousands, "").replace("'", "").replace(" ", "").replace(decimal, "."))


def _number(column: Column, _: pd.Timestamp) -> Values:
    typed = [isinstance(value, int | float) and not isinstance(value, bool) for value in column.unique]
    pairs = zip(typed, column.texts, strict=True)
    money = [None if number or _SCIENTIFIC.fullmatch(text) else _money(text) for number, text in pairs]
    signs = [found.decimal if found else "" for found in money]
    decimal, notes = _decide_decimal(column, signs)

    currencies = sorted({found.currency for found in money if found and found.currency})
    if len(currencies) > 1:
        firsts = [row for c in currencies for row in column.rows(bool(m and m.currency == c) for m in money)[:1]]
        raise column.problem(
            f"the amounts are in more than one currency, {' and '.join(currencies)}",
            firsts,
            "convert them to one currency, or export one file for each",
        )
    wrong = column.reason("is not a number", "correct these cells, or map another column")
    values = np.full(len(money), np.nan)
    for i, found in enumerate(money):
        if found:
            values[i] = _to_number(found.digits, decimal) * (-1 if found.negative else 1)
        elif typed[i] or _SCIENTIFIC.fullmatch(column.texts[i]):
            values[i] = float(column.texts[i].replace(",", "."))
    values[~np.isfinite(values)] = np.nan
    reasons: list[Reason | None] = [wrong if math.isnan(value) else None for value in values]
    return Values(values, _limits(column, values, reasons), notes, currencies[0] if currencies else None)


def _score(column: Column, _: pd.Timestamp) -> Values:
    """A survey's answers on a scale: ``9``, ``9/10``, ``10 - extremely likely``, ``n/a``; another scale is refused."""
    low, high = column.field.minimum, column.field.maximum
    assert isinstance(low, int) and isinstance(high, int)
    found = [_SCORE.fullmatch(text) for text in column.texts]
    last = [_SCORE_LAST.fullmatch(text) for text in column.texts]
    values = np.array([float((a or b or [0, "nan"])[1]) for a, b in zip(found, last, strict=True)])
    silent = np.array([text.casefold() in NO_ANSWER for text in column.texts], dtype=bool)
    each = np.bincount(column.codes[column.codes >= 0], minlength=len(values))
    remedy = f"map a question that is asked from {low} to {high}, or leave this one out"

    of = np.array([int(match[2]) if match and match[2] else high for match in found])
    if (of != high).any():
        raise column.problem(f"it counts to {of[of != high][0]}, not to {high}", column.rows(of != high), remedy)
    backwards = (values == low) & np.array([bool(_PRAISE.search(text)) for text in column.texts], dtype=bool)
    if backwards.any():
        turn = f"turn it round ({low + high} minus the score), or leave this question out"
        raise column.problem(f"its best answer is {low}, and here the best is {high}", column.rows(backwards), turn)
    outside = (values < low) | (values > high)
    alone = column.field.name != "score"  # which holds scores of several kinds, and so of several scales
    if alone and (what := other_scale(np.repeat(values, each), low, high, column.hint)):
        other = outside if outside.any() else values == np.nanmax(values)
        hints = () if outside.any() else (f"{low} to {high}",)
        raise column.problem(what, column.rows(other), remedy if outside.any() else f"{remedy}; or if it is", *hints)
    worded = [text for text, value in zip(column.texts, values, strict=True) if value == value and not text.isdigit()]
    notes = (f"{column.theirs} holds scores as text, such as {worded[0]!r}: their number is read",) if worded else ()
    wrong = column.reason("is not a score", "export the scores as numbers, or map another column")
    slip = column.reason(f"is not from {low} to {high}", "correct these cells, or map another column")
    reasons = [
        None if quiet else wrong if math.isnan(value) else slip if out else None
        for quiet, value, out in zip(silent, values, outside, strict=True)
    ]
    return Values(np.where(silent, np.nan, values), reasons, notes)


def other_scale(scores: Array, low: int, high: int, hint: str = "") -> str:
    """What shows that answers were given on another scale than from ``low`` to ``high``; empty if nothing does."""
    answers = scores[~np.isnan(scores)]
    outside = answers[(answers < low) | (answers > high)]
    if len(outside) > max(2, FEW_SLIPS * len(answers)) or (hint and hint != f"{low} to {high}"):
        stated = f"is said to be on a scale from {hint}" if hint else f"holds scores such as {outside[0]:g}"
        return f"it {stated}, and here the scale is from {low} to {high}"
    if not hint and high > 5 and len(answers) >= ENOUGH_TO_JUDGE and answers.max() <= 5:
        return f"no score of {len(answers):,} is above {answers.max():g}, so the scale hardly goes to {high}"
    return ""


def _decide_decimal(column: Column, signs: list[str]) -> tuple[str, tuple[str, ...]]:
    if column.hint in ("decimal comma", "decimal point"):
        return "," if column.hint == "decimal comma" else ".", ()
    comma, point = "," in signs, "." in signs
    if comma and point:
        firsts = [row for sign in ",." for row in column.rows(s == sign for s in signs)[:1]]
        raise column.problem(
            "some numbers have a decimal comma and others a decimal point",
            firsts,
            "write them in one way, or say which is right and have the others set aside",
            "decimal comma",
            "decimal point",
        )
    if "either" not in signs or comma or point:
        grouped = "either" in signs and f"{column.theirs}: the decimal sign is {',' if comma else '.'}"
        return "," if comma else ".", (grouped,) if grouped else ()
    raise column.problem(
        "every number with a separator can be read as thousands or as a decimal",
        column.rows(sign == "either" for sign in signs),
        "say which it is",
        "decimal comma",
        "decimal point",
    )


def _limits(column: Column, values: Array, reasons: list[Reason | None]) -> list[Reason | None]:
    field = column.field
    if field.type == "integer":
        broken = column.reason("is not a whole number", "map a column of whole numbers")
        reasons = [reason or (broken if value % 1 else None) for value, reason in zip(values, reasons, strict=True)]
    if isinstance(field.minimum, int | float):
        low = column.reason(f"is below {field.minimum}", "correct these cells, or map another column")
        if field.name.startswith("amount"):
            low = column.reason(RETURN, "if the export writes sales as negative amounts, turn their sign around")
        reasons = [low if value < field.minimum else reason for value, reason in zip(values, reasons, strict=True)]
    if isinstance(field.maximum, int | float):
        high = column.reason(f"is above {field.maximum}", "correct these cells, or map another column")
        reasons = [high if value > field.maximum else reason for value, reason in zip(values, reasons, strict=True)]
    return reasons


class _Day(NamedTuple):
    """A date as written: two numbers whose order may be open (``mark`` is what stands between them), and the year."""

    year: int
    first: int
    second: int
    mark: str  # "" if first is the month


class _Time(NamedTuple):
    """A time of day as written."""

    seconds: int  # since midnight; -1 if it is no time of day
    offset: float  # minutes east of UTC; nan if it carries no zone


_NO_DAY, _NO_TIME, _MIDNIGHT = _Day(0, 0, 0, ""), _Time(-1, math.nan), _Time(0, math.nan)


def _time(text: str) -> _Time:
    if not text:
        return _MIDNIGHT
    match = _CLOCK.match(text)
    if match is None:
        return _NO_TIME
    hour, minute, second, half, zone = match.groups()
    hours = int(hour) % 12 + 12 * (half in ("p", "P")) if half else int(hour)
    if hours > 23 or int(minute) > 59 or int(second or 0) > 59 or (half and not 1 <= int(hour) <= 12):
        return _NO_TIME
    offset = math.nan
    if zone:
        digits = zone.lstrip("+-").replace(":", "").ljust(4, "0")
        minutes = 0 if zone[0] not in "+-" else int(digits[:2]) * 60 + int(digits[2:])
        offset = -minutes if zone[0] == "-" else minutes
    return _Time(hours * 3600 + int(minute) * 60 + int(second or 0), offset)


def _year(text: str) -> int:
    """A year of four digits, or of two (1969 to 2068, as POSIX has it)."""
    return int(text) if len(text) == 4 else int(text) + (2000 if int(text) < 69 else 1900)


def _month(name: str) -> int:
    name = name.lower()
    return _MONTHS.index(name[:3]) + 1 if _MONTH.fullmatch(name) else 0


def _day(text: str) -> _Day:
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day = match.groups()
        return _Day(int(year), int(month), int(day), mark="")
    if match := _YEAR_LAST.fullmatch(text):
        first, mark, second, year = match.groups()
        mark = SHORT_DASHED if mark == "-" and len(year) == 2 else mark
        return _Day(_year(year), int(first), int(second), mark=mark)
    if match := _NAMED_DAY.fullmatch(text):
        day, name, year = match.groups()
        return _Day(_year(year), _month(name), int(day), mark="")
    if match := _NAMED_MONTH.fullmatch(text):
        name, day, year = match.groups()
        return _Day(_year(year), _month(name), int(day), mark="")
    if match := _DIGITS_DATE.fullmatch(text):
        year, month, day = match.groups()
        return _Day(int(year), int(month), int(day), mark="")
    return _NO_DAY


def _split(text: str) -> tuple[str, str]:
    """A moment's date, and what follows it."""
    colon = text.find(":")
    cut = len(text) if colon < 0 else len(text[:colon].rstrip("0123456789").rstrip("T ,"))
    return text[:cut], text[cut:]


def _each(read: Callable[[str], tuple[Any, ...]], texts: Sequence[str]) -> list[Array]:
    """What ``read`` makes of each text, one array for each part of it; equal texts are read once."""
    codes, unique = pd.factorize(np.array(texts, dtype=object))
    return [np.array(part)[codes] for part in zip(*map(read, unique), strict=True)]


def _date(column: Column, today: pd.Timestamp) -> Values:
    n = len(column.unique)
    if n == 0:
        return Values(np.zeros(0, "datetime64[s]"), [])
    stamps = np.full(n, np.datetime64("NaT"), "datetime64[s]")
    serials, epochs, days, clocks = np.zeros(n, bool), np.zeros(n, bool), [""] * n, [""] * n
    for i, (value, text) in enumerate(zip(column.unique, column.texts, strict=True)):
        if isinstance(value, datetime.date):
            stamps[i] = np.datetime64(value).astype("datetime64[s]")
        elif ":" not in text and _SERIAL.fullmatch(text):
            past = round(float(text.replace(",", ".")) * 86400)
            stamps[i], serials[i] = np.datetime64("1899-12-30", "s") + np.timedelta64(past, "s"), True
        elif ":" not in text and _EPOCH.fullmatch(text):
            stamps[i], epochs[i] = np.datetime64(int(text[:10]), "s"), True
        else:
            days[i], clocks[i] = _split(text)
    year, first, second, marks = _each(_day, days)
    seconds, offsets = _each(_time, clocks)
    day_first, notes = _decide_order(column, first, second, marks)
    swap = (marks != "") & day_first
    month, day = np.where(swap, second, first), np.where(swap, first, second)

    known = (year > 0) & (seconds >= 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months: Array = (np.where(known, year, 1970) - 1970) * 12 + np.where(known, month, 1) - 1
    midnights: Array = months.astype("datetime64[M]").astype("datetime64[D]") + np.where(known, day, 1) - 1
    known = known & (midnights.astype("datetime64[M]").astype(int) == months)
    since_midnight = seconds - 60 * np.nan_to_num(offsets).astype(int)
    stamps[known] = (midnights.astype("datetime64[s]") + since_midnight)[known]

    zoned = known & ~np.isnan(offsets)
    if zoned.any():
        notes.append(
            f"{column.theirs} carries time zones: converted to UTC, and moments without a zone are taken as UTC"
        )
    if serials.any():
        notes.append(f"{column.theirs} holds day numbers as Excel counts them: read as dates")
    if epochs.any():
        notes.append(f"{column.theirs} holds seconds since 1970 (Unix time): read as moments in UTC")

    export = "export dates as 2024-01-31, or map another column"
    wrong = column.reason("is not a date", export)
    early = column.reason(f"is before {EARLIEST.year}, a placeholder rather than a date", export)
    late = column.reason("is in the future", "correct the dates, or the clock of this computer")
    tomorrow = np.datetime64(today.normalize() + pd.Timedelta(days=1), "s")
    reasons: list[Reason | None] = [None] * len(stamps)
    tests = (
        (np.isnat(stamps), wrong),
        (stamps < np.datetime64(EARLIEST, "s"), early),
        ((stamps >= tomorrow) & column.field.required, late),
    )
    for which, reason in tests:
        for i in which.nonzero()[0].tolist():
            reasons[i] = reason
    if column.field.type == "date":
        stamps = stamps.astype("datetime64[D]").astype("datetime64[s]")
    return Values(stamps, reasons, tuple(notes))


def _decide_order(column: Column, first: Array, second: Array, marks: Array) -> tuple[bool, list[str]]:
    """Whether the day stands before the month where the year comes last."""
    if column.hint in ("day first", "month first"):
        return column.hint == "day first", []
    if (short := marks == SHORT_DASHED).any():
        raise column.problem(
            "dates of three short numbers do not say which is the year",
            column.rows(short),
            "export the year with four digits, or, if it comes last, say which comes first",
            "day first",
            "month first",
        )
    written = (marks != "") & (first >= 1) & (second >= 1)
    days, months = written & (first > 12) & (second <= 12), written & (second > 12) & (first <= 12)
    open_ = written & (first <= 12) & (second <= 12) & (first != second)
    if days.any() and months.any():
        raise column.problem(
            "some dates have the day first and others the month",
            column.rows(days)[:1] + column.rows(months)[:1],
            "write them in one way, or say which is right and have the others set aside",
            "day first",
            "month first",
        )
    if open_.any() and not days.any() and not months.any():
        if (marks[open_] == ".").all():
            return True, [f"{column.theirs} is read day first, as dates with full stops are written"]
        raise column.problem(
            "every date can be read with the day first or with the month first",
            column.rows(open_),
            "say which it is",
            "day first",
            "month first",
        )
    if not open_.any():
        return bool(days.any()), []
    order, proof = ("day", days) if days.any() else ("month", months)
    line, value = column.rows(proof)[0]
    return order == "day", [f"{column.theirs} is read {order} first, as line {line} proves: {value!r}"]


_READERS: dict[str, Callable[[Column, pd.Timestamp], Values]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "score": _score,
    "date": _date,
    "datetime": _date,
}
