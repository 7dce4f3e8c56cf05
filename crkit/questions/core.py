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

Kind = Literal["number", "choice", "table", "function", "decision"]
Level = Literal["apply", "analyse", "evaluate"]
Status = Literal["not attempted", "right", "wrong", "misconception", "not applicable"]
Solve = Callable[["Source"], Any]

_SHOWN = 8  # rows of a function's test table
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
        column: the column of a table in which it shows, whatever the other columns hold; empty for the whole answer.
        credit: the share of the question's points that it earns in an assignment, from 0 to below 1.
    """

    name: str
    solve: Solve
    says: str
    column: str = ""
    credit: float = 0.0


@dataclass(frozen=True)
class Criterion:
    """One line of the rubric by which a person marks the reasoning of a decision.

    Attributes:
        name: what is looked at, in a few words.
        levels: from the best to the worst: the points, what earns them, and an example of such an answer.
    """

    name: str
    levels: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Question:
    """One question of an exercise.

    Attributes:
        name: its number in the notebook, such as ``"2.1"``.
        title: what it is about, in a few words.
        ask: what the student reads.
        kind: ``"number"``, ``"choice"`` (one of ``choices``), ``"table"`` (a pandas DataFrame or Series),
            ``"function"`` (called on ``cases``), or ``"decision"`` (a dict: the texts ``claim`` and ``action``, and the
            ``number`` that carries them; the number is judged here, the texts by ``rubric``).
        solve: computes the right answer from a source; for a function question, returns the right function.
        points: what a right answer earns, without those of the rubric.
        relative: how far a number may be off, as a share of the right one.
        absolute: how far a number may be off in its own unit; the larger of the two allowances counts.
        share: whether the numbers are shares or an index from 0 to 1: two decimals are enough, and 35 for 0.35 is
            recognised.
        choices: the answers that a choice question allows.
        keys: the columns that identify a row of a table.
        cases: the arguments on which a function question calls the answer, one tuple a call.
        returns: what the function of a function question returns.
        needs: the tables that the source must have, or columns as ``"orders.margin_eur"``.
        means: what a right answer tells about the company.
        hints: shown one at a time.
        reminder: a sentence that goes with every wrong answer that is not recognised.
        also: computes answers that are as right as that of ``solve``: other readings of the question, and ties.
        misconceptions: known wrong ways; one that shows in several readings may come several times by one name.
        alternatives: other forms of the right answer that must pass (test cases).
        wrong: answers that must not pass (test cases).
        level: what it asks of a student in an assignment (Bloom): ``"apply"``, ``"analyse"`` or ``"evaluate"``.
        basis: what it should have been computed from, as a student reads it after marking: tables, columns, rows.
        rubric: of a decision, how its reasoning is marked.
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
    reminder: str = ""
    also: Callable[[Source], Sequence[Any]] | None = None
    misconceptions: tuple[Misconception, ...] = ()
    alternatives: tuple[Solve, ...] = ()
    wrong: tuple[Solve, ...] = ()
    level: Level = "apply"
    basis: str = ""
    rubric: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        checks = (
            (self.kind == "choice" and len(self.choices) < 2, "a choice needs two or more choices"),
            (self.kind == "function" and self.cases is None, "a function needs cases"),
            (
                "table" in (self.kind, self.returns if self.kind == "function" else "") and not self.keys,
                "a table needs keys",
            ),
            (self.points < 1, "points are 1 or more"),
            (bool(self.rubric) != (self.kind == "decision"), "a decision needs a rubric, and nothing else has one"),
            (
                not all(0 <= known.credit < 1 for known in self.misconceptions),
                "the credit of a misconception is 0 or more and below 1",
            ),
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
            f"<b>{icon} {html.escape(self.name)} {word}.</b> "
            f"{html.escape(self.message).replace(chr(10), '<br>')}</div>"
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
        misconception: the name of the known wrong way, or None; several that cannot be told apart, joined by "or".
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
        precision = " Two decimals are enough." if question.share else ""
        return Note(name, "ask", f"{question.title}. {question.ask}{precision}")

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
    if answer is ...:
        return outcome("not attempted", "Replace the three dots with your answer, run that cell, then this one again.")
    if answer is None:
        return outcome(
            "not attempted",
            "Your answer is None. A function that changes something in place returns nothing, and neither does print: "
            "give the value itself, for instance without inplace=True.",
        )
    try:
        right = _expected(question, question.solve(source), source)
        rights = [right, *(_expected(question, other, source) for other in (question.also or _no_others)(source))]
    except ValueError as error:
        return outcome("not applicable", f"This question has no answer on this data: {error}")
    try:
        given = _given(question, answer, source)
    except _RefusedError as refused:
        return outcome("wrong", str(refused))
    if given is None:
        return outcome("not attempted", "Your function returns nothing yet.")
    if any(_difference(question, given, one) is None for one in rights):
        return outcome("right", question.means or "That is the value computed from this data.")
    known = _recognised(question, given, right, source)
    if known:
        return outcome("misconception", " Or: ".join(known.values()), " or ".join(known))
    if question.share and any(_difference(question, _hundredth(given), one) is None for one in rights):
        says = "This is a percentage. The question asks for a share, 0.35 for 35 %: divide by 100."
        return outcome("misconception", says, "percent")
    difference = _difference(question, given, right, _cases(question, source))
    reminder = f" {question.reminder}" if question.reminder else ""
    return outcome("wrong", f'{difference}{reminder} check.hint("{question.name}") helps.')


def _no_others(_: Source) -> Sequence[Any]:
    return ()


def _recognised(question: Question, given: Any, right: Any, source: Source) -> dict[str, str]:
    """The known wrong ways, name and sentence, that give this answer: several if they cannot be told apart.

    They are compared more closely than the right answer, so that a value of another origin is not taken for one.
    """
    closely = dataclasses.replace(
        question, relative=min(question.relative, 1e-4), absolute=min(question.absolute, 1e-4), share=True
    )
    found: list[Misconception] = []
    for known in question.misconceptions:
        try:
            wrong = _expected(question, known.solve(source), source)
        except ValueError:
            continue
        if known.column:
            wrong = _only(known.column, wrong)
            if _difference(question, given, _only(known.column, right)) is None:
                continue
        if _difference(closely, given, wrong) is None:
            found.append(known)
    return {known.name: known.says for known in found if known.column == found[0].column}


def _only(column: str, tables: Any) -> Any:
    return [_only(column, table) for table in tables] if isinstance(tables, list) else {column: tables[column]}


def _hundredth(given: Any) -> Any:
    """A percentage as a share, in a number, in the cells of a table, and in a function's results."""
    if isinstance(given, float):
        return given / 100
    if isinstance(given, dict):
        return {name: _hundredth(value) for name, value in given.items()}
    return [_hundredth(value) for value in given] if isinstance(given, list) else given


def _lacking(question: Question, source: Source) -> str | None:
    for need in question.needs:
        table, _, column = need.partition(".")
        if table not in source.tables:
            return f"the table {table!r}"
        if column and column not in source.tables[table].columns:
            return f"the column {column!r} of {table!r}"
    return None


def _expected(question: Question, solved: Any, source: Source) -> Any:
    """An answer of the question's own in the plain form in which answers are compared."""
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
    return [] if question.cases is None else [copy.deepcopy(tuple(args)) for args in question.cases(source)]


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
    if _is(answer, Mapping) and len(keys) == 1 and all(map(pd.api.types.is_scalar, answer.values())):
        answer = pd.DataFrame([answer]) if keys[0] in answer else pd.Series(answer).rename_axis(keys[0])
    if _is(answer, pd.Series):
        answer = answer.to_frame(name="" if answer.name is None else answer.name)
    elif _is(answer, Mapping) or (_is(answer, list) and answer and all(_is(row, dict) for row in answer)):
        answer = pd.DataFrame(answer)
    if not _is(answer, pd.DataFrame):
        raise _RefusedError(f"A table is asked for, a pandas DataFrame or Series; this is {_a(answer)}.")
    missing = [key for key in keys if key not in answer.columns]
    if missing:
        index = answer.index
        if not set(missing) <= set(index.names):
            counted = index.name is None and index.equals(pd.RangeIndex(len(index)))
            if index.nlevels != len(missing) or counted:
                has = ", ".join(map(str, answer.columns))
                raise _RefusedError(
                    f"There is no column or index {missing[0]!r} to tell the rows apart; the columns are {has}."
                )
            answer = answer.set_axis(index.set_names(missing), axis=0)
        answer = answer.reset_index(missing)
    if not answer.columns.is_unique:
        raise _RefusedError("Two columns of the table have the same name.")
    rows = list(zip(*([_cell(value) for value in answer[key].array] for key in keys), strict=True))
    if len(set(map(_folded, rows))) < len(rows):
        raise _RefusedError(f"Rows repeat: there should be one row for each {' and '.join(keys)}.")
    return {
        str(column): dict(zip(rows, (_cell(value) for value in answer[column].array), strict=True))
        for column in answer.columns
        if column not in keys
    }


def _difference(question: Question, given: Any, right: Any, cases: Sequence[tuple[Any, ...]] = ()) -> str | None:
    """None if the answer is the right one, else a sentence that says where it differs.

    It gives the expected value only for the ``cases`` of a function, which are there to find the mistake with.
    """
    if question.kind != "function":
        return _values_differ(question, question.kind, given, right)
    for number, (one, other) in enumerate(zip(given, right, strict=True), start=1):
        case = cases[number - 1] if cases else ()
        differs = _values_differ(question, question.returns, one, other, case)
        if differs is not None:
            return f"Your function gives another result on test case {number} of {len(right)}. {differs}"
    return None


def _values_differ(question: Question, kind: Kind, given: Any, right: Any, case: tuple[Any, ...] = ()) -> str | None:
    if kind == "number":
        return _number_differs(question, given, right)
    if kind == "choice":
        return None if given == right else f"It is not {given!r}."
    return _table_differs(question, given, right, case)


def _number_differs(question: Question, given: float, right: float) -> str | None:
    allowed = max(question.relative * abs(right), question.absolute)
    if abs(given - right) <= allowed or (question.share and _rounds_to(given, right, allowed)):
        return None
    return f"{given:.6g} is not the value."


def _rounds_to(given: float, right: float, allowed: float) -> bool:
    """Whether a number is a right one rounded to two decimals, to three digits, or less coarsely; never to 0 or 1."""
    fewest = max(0, 2 - math.floor(math.log10(max(abs(right), 1))))
    return given not in (0, 1) and any(
        abs(given - round(given, places)) < 1e-7 and abs(given - right) <= allowed + 0.5 * 10**-places + 1e-7
        for places in range(fewest, 7)
    )


def _folded(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_key(part) if isinstance(part, str) else part for part in key)


def _table_differs(question: Question, given: Table, right: Table, case: tuple[Any, ...] = ()) -> str | None:
    if len(right) == 1 and len(given) == 1:  # one column of values: its name does not matter
        given = dict(zip(right, given.values(), strict=True))
    for column, values in right.items():
        if column not in given:
            return f"There is no column {column!r}; there is {', '.join(given) or 'none beside the key'}."
        cells = {_folded(key): (key, value) for key, value in given[column].items()}
        wanted = {_folded(key): key for key in values}
        missing = [key for folded, key in wanted.items() if folded not in cells]
        extra = [key for folded, (key, _) in cells.items() if folded not in wanted]
        if missing or extra:
            return (
                f"The rows are not the expected ones: {len(missing)} row(s) are missing{_row(question, missing)}, and "
                f"{len(extra)} should not be there{_row(question, extra)}.{_text_keys(question, missing, extra)}"
            )
        off = [key for folded, key in wanted.items() if not _cells_match(question, cells[folded][1], values[key])]
        if off:
            first = min(off, key=repr)
            returned = cells[_folded(first)][1]
            if isinstance(returned, str) and isinstance(values[first], float):
                holds = "durations; .dt.days gives whole days" if " days" in returned else "text; give numbers"
                return f"Column {column!r} holds {holds}."
            says = f"Column {column!r} differs in {len(off)} of {len(values)} rows{_row(question, off)}"
            return f"{says}{_worked(question.keys, first, case, returned, values[first])}"
    return None


def _row(question: Question, keys: Sequence[tuple[Any, ...]]) -> str:
    return f", such as {_named(question, min(keys, key=repr))}" if keys else ""


def _named(question: Question, key: tuple[Any, ...]) -> str:
    shown = (f"{part:.15g}" if isinstance(part, float) else repr(part) for part in key)
    return ", ".join(f"{name} {part}" for name, part in zip(question.keys, shown, strict=True))


def _text_keys(question: Question, missing: Sequence[tuple[Any, ...]], extra: Sequence[tuple[Any, ...]]) -> str:
    for name, wanted, given in zip(question.keys, (missing or [()])[0], (extra or [()])[0], strict=False):
        if isinstance(wanted, float) and isinstance(given, str):
            return f" Your {name} is text; it should be a number."
    return ""


def _worked(keys: tuple[str, ...], key: tuple[Any, ...], case: tuple[Any, ...], returned: Any, wanted: Any) -> str:
    """What a function returned for one row of its result, and the rows of its table that this comes from."""
    table = case[0] if case else None
    if not isinstance(table, pd.DataFrame) or not set(keys) <= set(table.columns):
        return "."
    own = table[[_folded(tuple(map(_cell, row))) == _folded(key) for row in table[list(keys)].itertuples(index=False)]]
    counted = f"The first {_SHOWN} of its {len(own)} rows" if len(own) > _SHOWN else "Its rows"
    others = f" (called with {', '.join(map(str, case[1:]))})" if case[1:] else ""
    value, right = ("nothing" if v is None else f"{v:.6g}" if isinstance(v, float) else v for v in (returned, wanted))
    return (
        f": yours is {value}, and {right} is expected. {counted} in the test table{others}:\n"
        f"{own.head(_SHOWN).to_csv(index=False)}"
    )


def _cells_match(question: Question, given: float | str | None, right: float | str | None) -> bool:
    if isinstance(given, float) and isinstance(right, float):
        return _number_differs(question, given, right) is None
    return given == right
