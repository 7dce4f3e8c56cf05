"""How an answer is judged.

A `Question` is data: what is asked, what kind of answer it takes, how the right answer is computed from the reader's
own source, and the known wrong ways. `judge` compares an answer with it. An answer is first converted to plain numbers,
strings and tables, so that nothing the answer's own methods say about equality counts.
"""

from __future__ import annotations

import copy
import dataclasses
import html
import importlib
import math
import numbers
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from crkit.datasets import Source

Kind = Literal["number", "choice", "table", "function"]
Status = Literal["not attempted", "right", "wrong", "misconception", "not applicable"]
Solve = Callable[["Source"], Any]

# icon, word and colour of each status; the colours are those of Okabe and Ito and read on white and on black
_LOOK: dict[str, tuple[str, str, str]] = {
    "not attempted": ("&#9675;", "Not attempted", "#8c8c8c"),
    "right": ("&#10003;", "Right", "#009E73"),
    "wrong": ("&#10007;", "Not yet", "#D55E00"),
    "misconception": ("&#8635;", "Not yet, in a known way", "#E69F00"),
    "not applicable": ("&#8212;", "Not applicable here", "#8c8c8c"),
    "ask": ("&#9998;", "Your turn", "#0072B2"),
    "hint": ("&#9656;", "Hint", "#0072B2"),
}


@dataclass(frozen=True)
class Misconception:
    """A known wrong way to an answer.

    Attributes:
        name: a few words that identify it, for an instructor's overview.
        solve: computes the wrong answer from a source (for a function question, returns the wrong function).
        says: the sentence that helps who went this way.
    """

    name: str
    solve: Solve
    says: str


@dataclass(frozen=True)
class Question:
    """One question of an exercise.

    Attributes:
        name: its number in the notebook, such as ``"2.1"``.
        title: what it is about, in a few words.
        ask: what the student reads.
        kind: ``"number"``, ``"choice"`` (one of ``choices``), ``"table"`` (a pandas DataFrame or Series), or
            ``"function"`` (called on ``cases``).
        solve: computes the right answer from a source; for a function question, returns the right function.
        points: what a right answer earns.
        relative: how far a number may be off, as a share of the right one.
        absolute: how far a number may be off in its own unit; the larger of the two allowances counts.
        share: whether the number is a share from 0 to 1, so that 35 for 0.35 is recognised.
        choices: the answers that a choice question allows.
        keys: the columns that identify a row of a table.
        cases: the arguments on which a function question calls the answer, one tuple a call.
        returns: what the function of a function question returns.
        needs: the tables that the source must have, or columns as ``"orders.margin_eur"``.
        means: what a right answer tells about the company.
        hints: shown one at a time.
        misconceptions: known wrong ways, in the order in which they are tried.
        alternatives: other forms of the right answer that must pass (test cases).
        wrong: answers that must not pass (test cases).
    """

    name: str
    title: str
    ask: str
    kind: Kind
    solve: Solve
    points: int = 1
    relative: float = 1e-6
    absolute: float = 0.0
    share: bool = False
    choices: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    cases: Callable[[Source], Sequence[tuple[Any, ...]]] | None = None
    returns: Kind = "number"
    needs: tuple[str, ...] = ("orders",)
    means: str = ""
    hints: tuple[str, ...] = ()
    misconceptions: tuple[Misconception, ...] = ()
    alternatives: tuple[Solve, ...] = ()
    wrong: tuple[Solve, ...] = ()

    def __post_init__(self) -> None:
        checks = (
            (self.kind == "choice" and len(self.choices) < 2, "a choice needs two or more choices"),
            (self.kind == "function" and self.cases is None, "a function needs cases"),
            (
                "table" in (self.kind, self.returns if self.kind == "function" else "") and not self.keys,
                "a table needs keys",
            ),
            (self.points < 1, "points are 1 or more"),
        )
        for failed, says in checks:
            if failed:
                raise ValueError(f"question {self.name}: {says}")


@dataclass(frozen=True)
class Note:
    """A coloured box with an icon, a word and a sentence; shows itself in a notebook and as text."""

    name: str
    status: str
    message: str

    def __str__(self) -> str:
        return f"{self.name} {_LOOK[self.status][1].lower()}: {self.message}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        icon, word, colour = _LOOK[self.status]
        box = (
            f'<div role="status" class="crkit-{self.status.replace(" ", "-")}" style="border:1px solid {colour};'
            f'border-left-width:8px;padding:6px 12px;margin:4px 0;line-height:1.5">'
            f"<b>{icon} {html.escape(self.name)} {word}.</b> {html.escape(self.message)}</div>"
        )
        return {"text/plain": str(self), "text/html": box}


@dataclass(frozen=True)
class Outcome(Note):
    """What became of one answer.

    Attributes:
        name: of the question.
        status: ``"not attempted"``, ``"right"``, ``"wrong"``, ``"misconception"`` (wrong in a known way) or ``"not
            applicable"`` (the source lacks what the question needs).
        message: one or two sentences for the student.
        points: earned.
        out_of: points that the question is worth.
        misconception: the name of the known wrong way, or None.
    """

    status: Status
    points: int = 0
    out_of: int = 1
    misconception: str | None = None


class _RefusedError(Exception):
    """An answer cannot be read as what the question takes; the message says why."""


class Checker:
    """Checks answers to one topic's questions against one source; made by `checker`."""

    def __init__(self, topic: str, questions: Sequence[Question], source: Source) -> None:
        self.topic = topic
        self.questions = {question.name: question for question in questions}
        # a shallow copy is independent (copy-on-write): what the reader does to a table later changes nothing here
        self._source = dataclasses.replace(source, tables={k: v.copy(deep=False) for k, v in source.tables.items()})
        self._hinted: dict[str, int] = {}

    def __call__(self, name: str, answer: Any) -> Outcome:
        """Judge an answer; ``...`` and None mean not attempted."""
        return judge(self._question(name), answer, self._source)

    def ask(self, name: str) -> Note:
        """What a question asks."""
        question = self._question(name)
        return Note(name, "ask", f"{question.title}. {question.ask}")

    def hint(self, name: str) -> Note:
        """The next hint to a question; after the last one it says that there are no more."""
        hints = self._question(name).hints
        number = self._hinted.get(name, 0)
        if number >= len(hints):
            return Note(name, "hint", "There are no more hints.")
        self._hinted[name] = number + 1
        return Note(name, "hint", f"({number + 1} of {len(hints)}) {hints[number]}")

    def _question(self, name: str) -> Question:
        if name not in self.questions:
            raise ValueError(f"{self.topic} has no question {name!r}; it has {', '.join(self.questions)}")
        return self.questions[name]


def topics() -> list[str]:
    """The topics that have questions, as words: every module beside this one.

    Example:
        >>> "segments" in topics()
        True
    """
    package = importlib.import_module("crkit.questions")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "core")


def checker(topic: str, source: Source) -> Checker:
    """A checker for the questions of one topic.

    Args:
        topic: the topic's word, such as ``"segments"``.
        source: the reader's data, from which the right answers are computed.

    Returns:
        A function-like object: ``check("2.1", answer)`` judges an answer, ``check.ask("2.1")`` shows what is asked, and
        ``check.hint("2.1")`` gives one hint at a time.

    Raises:
        ValueError: if the topic has no questions.
    """
    if topic not in topics():
        raise ValueError(f"there are no questions on {topic!r}; there are some on {', '.join(topics())}")
    return Checker(topic, importlib.import_module(f"crkit.questions.{topic}").QUESTIONS, source)


def judge(question: Question, answer: Any, source: Source) -> Outcome:
    """Judge one answer against the right one, computed from the source.

    Args:
        question: what was asked.
        answer: what the student gave; ``...`` or None if nothing.
        source: the student's data.

    Returns:
        The outcome. If a known wrong way gives the right value on this data, the answer is right.
    """

    def outcome(status: Status, message: str, misconception: str | None = None) -> Outcome:
        earned = question.points if status == "right" else 0
        return Outcome(question.name, status, message, earned, question.points, misconception)

    lacking = _lacking(question, source)
    if lacking:
        return outcome("not applicable", f"This question needs {lacking}, which {source.name} does not have.")
    if answer is ... or answer is None:
        return outcome("not attempted", "Replace the three dots with your answer, run that cell, then this one again.")
    try:
        right = _expected(question, question.solve, source)
    except ValueError as error:
        return outcome("not applicable", f"This question has no answer on this data: {error}")
    try:
        given = _given(question, answer, source)
    except _RefusedError as refused:
        return outcome("wrong", str(refused))
    if given is None:
        return outcome("not attempted", "Your function returns nothing yet.")
    difference = _difference(question, given, right)
    if difference is None:
        return outcome("right", question.means or "That is the value computed from this data.")
    for known in question.misconceptions:
        try:
            looks_like = _expected(question, known.solve, source)
        except ValueError:
            continue
        if _difference(question, given, looks_like) is None:
            return outcome("misconception", known.says, known.name)
    if question.share and _number_differs(question, given / 100, right) is None:
        says = "This is a percentage. The question asks for a share between 0 and 1: divide by 100."
        return outcome("misconception", says, "percent")
    return outcome("wrong", f'{difference} check.hint("{question.name}") helps.')


def _lacking(question: Question, source: Source) -> str | None:
    for need in question.needs:
        table, _, column = need.partition(".")
        if table not in source.tables:
            return f"the table {table!r}"
        if column and column not in source.tables[table].columns:
            return f"the column {column!r} of {table!r}"
    return None


def _expected(question: Question, solve: Solve, source: Source) -> Any:
    """What ``solve`` gives, in the plain form in which answers are compared."""
    solved = solve(source)
    try:
        if question.kind == "function":
            return [_plain(question, question.returns, solved(*args)) for args in _cases(question, source)]
        return _plain(question, question.kind, solved)
    except _RefusedError as refused:
        raise ValueError(str(refused)) from refused


def _given(question: Question, answer: Any, source: Source) -> Any:
    """The student's answer in plain form; None for a function that returns nothing."""
    if question.kind == "function":
        return _call(question, answer, source)
    try:
        return _plain(question, question.kind, answer)
    except _RefusedError:
        raise
    except Exception as error:
        raise _RefusedError(
            f"This answer cannot be read as a {question.kind}: {type(error).__name__}: {error}"
        ) from error


def _call(question: Question, function: Any, source: Source) -> list[Any] | None:
    if not callable(function):
        raise _RefusedError("This question takes a function: give its name, without calling it.")
    results: list[Any] = []
    for number, args in enumerate(_cases(question, source), start=1):
        before = copy.deepcopy(args)
        try:
            result = function(*args)
        except (Exception, SystemExit) as error:
            raise _RefusedError(
                f"Your function raised {type(error).__name__}: {error}, on test case {number}."
            ) from error
        if not _unchanged(before, args):
            raise _RefusedError("Your function changes the table it is given. Work on a copy, or return a new table.")
        if result is None or result is ...:
            results.append(None)
            continue
        try:
            results.append(_plain(question, question.returns, result))
        except _RefusedError as refused:
            raise _RefusedError(f"On test case {number} the function's result does not fit. {refused}") from refused
        except Exception as error:
            raise _RefusedError(
                f"On test case {number} the result cannot be read: {type(error).__name__}: {error}"
            ) from error
    if all(result is None for result in results):
        return None
    if any(result is None for result in results):
        raise _RefusedError("Your function returns nothing in some cases.")
    return results


def _cases(question: Question, source: Source) -> list[tuple[Any, ...]]:
    assert question.cases is not None
    return [copy.deepcopy(tuple(args)) for args in question.cases(source)]


def _unchanged(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return all(
        b.equals(a) if isinstance(b, pd.DataFrame | pd.Series) else type(a) is type(b) and repr(a) == repr(b)
        for b, a in zip(before, after, strict=True)
    )


def _plain(question: Question, kind: Kind, answer: Any) -> Any:
    if kind == "number":
        return _plain_number(answer)
    if kind == "choice":
        return _plain_choice(answer, question.choices)
    return _plain_table(answer, question.keys)


def _is(value: Any, *types: type) -> bool:
    """Like isinstance, but by the real type: an object cannot claim another with ``__class__``."""
    return issubclass(type(value), types)


def _single(answer: Any) -> Any:
    """The one value inside a Series, array or frame of size 1; other values as they are."""
    if _is(answer, pd.Series, pd.DataFrame, pd.Index, np.ndarray):
        values = np.asarray(answer).ravel()
        if values.size != 1:
            raise _RefusedError(f"One value is asked for; this is {_a(answer)} of {values.size} values.")
        return values[0]
    return answer


def _plain_number(answer: Any) -> float:
    answer = _single(answer)
    if _is(answer, bool, np.bool_):
        raise _RefusedError(f"{answer} is a truth value; a number is asked for.")
    if _is(answer, str):
        raise _RefusedError(f"{str.__repr__(answer)} is text; give the number itself, without quotes.")
    if _is(answer, pd.Timedelta, np.timedelta64):
        raise _RefusedError("This is a time difference; give its number of days, with .days.")
    if answer is pd.NA or answer is pd.NaT:
        raise _RefusedError("This is a missing value, not a number.")
    if not _is(answer, int, float, np.integer, np.floating, Decimal) and not issubclass(type(answer), numbers.Rational):
        hint = " Call it to get its result." if callable(answer) else ""
        if issubclass(type(answer), tuple) and hasattr(type(answer), "_fields"):
            hint = f" It holds {', '.join(type(answer)._fields)}: take the one that is asked for, with a dot."
        raise _RefusedError(f"A number is asked for; this is {_a(answer)}.{hint}")
    value = float(answer)
    if not math.isfinite(value):
        raise _RefusedError(
            f"{value} is not a number that can be compared: look for missing values or a division by zero."
        )
    return value


def _a(answer: Any) -> str:
    name = type(answer).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _key(text: str) -> str:
    return " ".join(str.split(str.casefold(text).replace("_", " ")))


def _plain_choice(answer: Any, choices: tuple[str, ...]) -> str:
    answer = _single(answer)
    listed = ", ".join(repr(choice) for choice in choices)
    if not _is(answer, str):
        raise _RefusedError(f"Give one of {listed}, in quotes; this is {_a(answer)}.")
    for choice in choices:
        if _key(choice) == _key(answer):
            return choice
    raise _RefusedError(f"{str.__repr__(answer)} is not one of the choices: {listed}.")


def _cell(value: Any) -> float | str | None:
    """One cell of a table as a plain float, string or None."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if _is(value, str):
        return str.__str__(value)
    if _is(value, bool, np.bool_):
        return str(bool(value))
    if _is(value, pd.Timestamp, pd.Period, pd.Timedelta, pd.Interval):
        return str(value)
    if _is(value, int, float, np.integer, np.floating, Decimal):
        number = float(value)
        return None if math.isnan(number) else number
    raise _RefusedError(f"A cell of the table holds {_a(value)}, which cannot be compared.")


Table = dict[str, dict[tuple[Any, ...], float | str | None]]


def _plain_table(answer: Any, keys: tuple[str, ...]) -> Table:
    """A table as plain values by column, then by the row's key."""
    if _is(answer, pd.Series):
        answer = answer.to_frame(name="" if answer.name is None else answer.name)
    elif _is(answer, Mapping) or (_is(answer, list) and answer and all(_is(row, dict) for row in answer)):
        answer = pd.DataFrame(answer)
    if not _is(answer, pd.DataFrame):
        raise _RefusedError(f"A table is asked for, a pandas DataFrame or Series; this is {_a(answer)}.")
    missing = [key for key in keys if key not in answer.columns]
    if missing:
        names = list(answer.index.names)
        if names == [None] * len(missing):
            answer = answer.set_axis(answer.index.set_names(missing), axis=0)
        elif not set(missing) <= set(names):
            has = ", ".join(map(str, answer.columns))
            raise _RefusedError(
                f"There is no column or index {missing[0]!r} to tell the rows apart; the columns are {has}."
            )
        answer = answer.reset_index(missing)
    if not answer.columns.is_unique:
        raise _RefusedError("Two columns of the table have the same name.")
    rows = list(zip(*([_cell(value) for value in answer[key].array] for key in keys), strict=True))
    if len(set(rows)) < len(rows):
        raise _RefusedError(f"Rows repeat: there should be one row for each {' and '.join(keys)}.")
    return {
        str(column): dict(zip(rows, (_cell(value) for value in answer[column].array), strict=True))
        for column in answer.columns
        if column not in keys
    }


def _difference(question: Question, given: Any, right: Any) -> str | None:
    """None if the answer is the right one, else a sentence that says where it differs but not from what."""
    kind = question.kind
    if kind == "function":
        for number, (one, other) in enumerate(zip(given, right, strict=True), start=1):
            differs = _values_differ(question, question.returns, one, other)
            if differs is not None:
                return f"Your function gives another result on test case {number} of {len(right)}. {differs}"
        return None
    return _values_differ(question, kind, given, right)


def _values_differ(question: Question, kind: Kind, given: Any, right: Any) -> str | None:
    if kind == "number":
        return _number_differs(question, given, right)
    if kind == "choice":
        return None if given == right else f"It is not {given!r}."
    return _table_differs(question, given, right)


def _number_differs(question: Question, given: float, right: float) -> str | None:
    if abs(given - right) <= max(question.relative * abs(right), question.absolute):
        return None
    return f"{given:.6g} is not the value."


def _table_differs(question: Question, given: Table, right: Table) -> str | None:
    if len(right) == 1 and len(given) == 1:  # one column of values: its name does not matter
        given = dict(zip(right, given.values(), strict=True))
    for column, values in right.items():
        if column not in given:
            return f"There is no column {column!r}; there is {', '.join(given) or 'none beside the key'}."
        cells = given[column]
        missing, extra = values.keys() - cells.keys(), cells.keys() - values.keys()
        if missing or extra:
            rows = f"{len(missing)} row(s) are missing and {len(extra)} should not be there"
            return f"The rows are not the expected ones: {rows}{_row(question, missing or extra)}."
        off = [key for key, value in values.items() if not _cells_match(question, cells[key], value)]
        if off:
            return f"Column {column!r} differs in {len(off)} of {len(values)} rows{_row(question, off)}."
    return None


def _row(question: Question, keys: Any) -> str:
    first = min(keys, key=repr)
    shown = (f"{int(k)}" if isinstance(k, float) and k.is_integer() else repr(k) for k in first)
    return ", such as " + ", ".join(f"{name} {key}" for name, key in zip(question.keys, shown, strict=True))


def _cells_match(question: Question, given: float | str | None, right: float | str | None) -> bool:
    if isinstance(given, float) and isinstance(right, float):
        return _number_differs(question, given, right) is None
    return given == right
