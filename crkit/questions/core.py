"""How an answer is judged.

A `Question` is data: what is asked, what kind of answer it takes, how the right answer is computed from the reader's
own source, and the known wrong ways. `judge` compares an answer with it. An answer is first converted to plain numbers,
strings and tables, so that nothing the answer's own methods say about equality counts.

Where the answer comes from a process that must not know the solution, the two steps are apart: `take` turns the answer
into JSON there, and `judge_taken` judges that here, trusting none of it.
"""

from __future__ import annotations

import copy
import dataclasses
import html
import importlib
import json
import math
import numbers
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from crkit.datasets import Source

Kind = Literal["number", "choice", "table", "function", "decision"]
Level = Literal["apply", "analyse", "evaluate"]
Status = Literal["not attempted", "right", "wrong", "misconception", "not applicable", "tampered"]
Solve = Callable[["Source"], Any]

MOST_TEXT = 10_000  # characters of a text in a taken answer
MOST_CELLS = 20_000  # of a table in a taken answer
MOST_CASES = 200  # of a function question

_LONGEST_SENTENCE = 2_000  # characters of what a taken answer says about itself
_SHOWN = 8  # rows of a function's test table
_DOTS = "Replace the three dots with your answer."
_NONE = (
    "Your answer is None. A function that changes something in place returns nothing, and neither does print: give the "
    "value itself, for instance without inplace=True."
)
_NO_RESULT = "Your function returns nothing yet."
_NO_DECISION = "The decision is empty: give its 'claim', its 'number' and its 'action'."
_DECISION = ("claim", "number", "action")
# icon, word and colour of each status; the colours are those of Okabe and Ito and read on white and on black
_LOOK: dict[str, tuple[str, str, str]] = {
    "not attempted": ("&#9675;", "Not attempted", "#8c8c8c"),
    "right": ("&#10003;", "Right", "#009E73"),
    "wrong": ("&#10007;", "Not yet", "#D55E00"),
    "misconception": ("&#8635;", "Not yet, in a known way", "#E69F00"),
    "not applicable": ("&#8212;", "Not applicable here", "#8c8c8c"),
    "tampered": ("&#9888;", "Tampered with", "#CC79A7"),
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
        credit: the share of the question's points that it earns, from 0 to below 1.
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


class Form(NamedTuple):
    """What is needed to read an answer, and nothing of what it should be.

    Attributes:
        name: of the question.
        kind: what kind of answer it takes.
        choices: the answers that a choice question allows.
        keys: the columns that identify a row of a table.
        returns: what the function of a function question returns.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    returns: Kind = "number"


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
        solve: computes the right answer from a source; for a function question, returns the right function, and for a
            decision its number.
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

    @property
    def form(self) -> Form:
        """What `take` needs to read an answer."""
        return Form(self.name, self.kind, self.choices, self.keys, self.returns)


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
        status: ``"not attempted"``, ``"right"``, ``"wrong"``, ``"misconception"`` (wrong in a known way), ``"not
            applicable"`` (the source lacks what the question needs) or ``"tampered"`` (no answer that `take` gives).
        message: one or two sentences for the student.
        points: earned: all, none, or the credit of the known wrong way (the largest, if several cannot be told apart).
        out_of: points that the question is worth.
        misconception: the name of the known wrong way, or None; several that cannot be told apart, joined by "or".
    """

    status: Status
    points: float = 0
    out_of: int = 1
    misconception: str | None = None


class _RefusedError(Exception):
    """An answer cannot be read as what the question takes; the message says why."""


class _TamperedError(Exception):
    """What claims to be a taken answer is not what `take` gives; the message says in what."""


class _Read(NamedTuple):
    """An answer as it was read: what it says, or why there is none."""

    state: Literal["none", "refused", "given"]
    value: Any = None
    says: str = ""


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
    lacking = _lacking(question, source)
    if lacking:
        return lacking
    try:
        read = _read(question.form, answer, lambda: _cases(question, source))
    except ValueError as error:
        return _no_answer(question, error)
    outcome = _outcome(question, read, source)
    if answer is ...:
        says = "Replace the three dots with your answer, run that cell, then this one again."
        return dataclasses.replace(outcome, message=says)
    if outcome.status == "wrong" and read.state == "given":
        return dataclasses.replace(outcome, message=f'{outcome.message} check.hint("{question.name}") helps.')
    return outcome


def take(form: Form, answer: Any, cases: Sequence[Sequence[Any]] = ()) -> dict[str, Any]:
    """Turn an answer into plain data that can go through JSON.

    It runs in the process that made the answer, beside code that may want to deceive it. It goes by the real types of
    values and never asks them whether they are equal to anything; what it gives is still no more than a claim, which
    `judge_taken` checks.

    Args:
        form: of the question.
        answer: what the student gave; ``...`` or None if nothing.
        cases: the arguments on which a function question calls the answer, one sequence a call.

    Returns:
        One of ``{"state": "none", "says": why}``, ``{"state": "refused", "says": sentence}`` and ``{"state": "given",
        "value": plain}``. Plain is, by the kind of question: a float; one of the choices; ``{"keys": [names], "rows":
        [[cells]], "columns": [[name, [cells]], ...]}`` with floats, strings and None as cells; ``{"results": [plain,
        ...]}`` of a function; ``{"claim": text, "number": float, "action": text}``. Where only the number of a decision
        cannot be read, it is None, and ``"says"`` stands beside ``"value"``.

    Example:
        >>> take(Form("1", "number"), "12")
        {'state': 'refused', 'says': "'12' is text; give the number itself, without quotes."}
    """
    read = _read(form, answer, lambda: cases)
    if read.state == "given":
        try:
            says = {"says": _sentence(read.says)} if read.says else {}
            return {"state": "given", "value": _written(form, form.kind, read.value), **says}
        except _RefusedError as refused:
            read = _Read("refused", says=str(refused))
    return {"state": read.state, "says": _sentence(read.says)}


def judge_taken(question: Question, taken: Any, source: Source) -> Outcome:
    """Judge what `take` gave, or what claims to be that.

    Args:
        question: what was asked.
        taken: from a process that is not trusted.
        source: the student's data.

    Returns:
        The outcome. Anything that `take` does not give is ``"tampered"``: a wrong type, a part too many, a number that
        is not finite, a text or a table above the limits, a number of results that is not the number of cases.
    """
    lacking = _lacking(question, source)
    if lacking:
        return lacking
    try:
        read = _untaken(question.form, taken)
        if question.kind == "function" and read.state == "given":
            _fits(len(read.value) == len(_cases(question, source)), "its number of results")
    except _TamperedError as tampered:
        says = f"What came out of the notebook is not an answer to this question: {tampered} does not fit."
        return Outcome(question.name, "tampered", says, 0, question.points)
    except ValueError as error:
        return _no_answer(question, error)
    return _outcome(question, read, source)


def _no_answer(question: Question, error: ValueError) -> Outcome:
    says = f"This question has no answer on this data: {error}"
    return Outcome(question.name, "not applicable", says, 0, question.points)


def _outcome(question: Question, read: _Read, source: Source) -> Outcome:
    def outcome(status: Status, message: str, misconception: str | None = None, share: float = 0) -> Outcome:
        earned = question.points * share
        whole = int(earned) if earned == int(earned) else earned
        return Outcome(question.name, status, message, whole, question.points, misconception)

    if read.state == "none" and read.says != _NO_RESULT:
        return outcome("not attempted", read.says)
    try:
        right = _expected(question, question.solve(source), source)
        rights = [right, *(_expected(question, other, source) for other in (question.also or _no_others)(source))]
    except ValueError as error:
        return _no_answer(question, error)
    if read.state == "none":
        return outcome("not attempted", read.says)
    given = read.value["number"] if question.kind == "decision" and read.state == "given" else read.value
    if given is None:
        return outcome("wrong", read.says)
    if any(_difference(question, given, one) is None for one in rights):
        return outcome("right", question.means or "That is the value computed from this data.", share=1)
    known = _recognised(question, given, right, source)
    if known:
        ways = {each.name: each.says for each in known}
        credit = max(each.credit for each in known)
        return outcome("misconception", " Or: ".join(ways.values()), " or ".join(ways), credit)
    if question.share and any(_difference(question, _hundredth(given), one) is None for one in rights):
        says = "This is a percentage. The question asks for a share, 0.35 for 35 %: divide by 100."
        return outcome("misconception", says, "percent")
    difference = _difference(question, given, right, _cases(question, source))
    return outcome("wrong", f"{difference} {question.reminder}" if question.reminder else str(difference))


def _no_others(_: Source) -> Sequence[Any]:
    return ()


def _recognised(question: Question, given: Any, right: Any, source: Source) -> list[Misconception]:
    """The known wrong ways that give this answer: several if they cannot be told apart.

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
    return [known for known in found if known.column == found[0].column]


def _only(column: str, tables: Any) -> Any:
    return [_only(column, table) for table in tables] if isinstance(tables, list) else {column: tables[column]}


def _hundredth(given: Any) -> Any:
    """A percentage as a share, in a number, in the cells of a table, and in a function's results."""
    if isinstance(given, float):
        return given / 100
    if isinstance(given, dict):
        return {name: _hundredth(value) for name, value in given.items()}
    return [_hundredth(value) for value in given] if isinstance(given, list) else given


def _lacking(question: Question, source: Source) -> Outcome | None:
    for need in question.needs:
        table, _, column = need.partition(".")
        if table not in source.tables:
            lacking = f"the table {table!r}"
        elif column and column not in source.tables[table].columns:
            lacking = f"the column {column!r} of {table!r}"
        else:
            continue
        says = f"This question needs {lacking}, which {source.name} does not have."
        return Outcome(question.name, "not applicable", says, 0, question.points)
    return None


def _expected(question: Question, solved: Any, source: Source) -> Any:
    """An answer of the question's own in the plain form in which answers are compared."""
    try:
        if question.kind == "function":
            return [_plain(question.form, question.returns, solved(*args)) for args in _cases(question, source)]
        return _plain(question.form, question.kind, solved)
    except _RefusedError as refused:
        raise ValueError(str(refused)) from refused


def _read(form: Form, answer: Any, cases: Callable[[], Sequence[Sequence[Any]]]) -> _Read:
    """An answer in the plain form in which answers are compared. Only ``cases`` may raise."""
    if answer is ...:
        return _Read("none", says=_DOTS)
    if answer is None:
        return _Read("none", says=_NONE)
    arguments = cases() if form.kind == "function" else ()
    try:
        if form.kind == "function":
            return _call(form, answer, arguments)
        if form.kind == "decision":
            return _decide(answer)
        return _Read("given", _plain(form, form.kind, answer))
    except _RefusedError as refused:
        return _Read("refused", says=str(refused))
    except Exception as error:
        return _Read("refused", says=f"This answer cannot be read as a {form.kind}: {_error(error)}")


def _error(error: BaseException) -> str:
    """An error's name and message; the name alone if the message raises another."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _call(form: Form, function: Any, cases: Sequence[Sequence[Any]]) -> _Read:
    if not callable(function):
        raise _RefusedError("This question takes a function: give its name, without calling it.")
    results: list[Any] = []
    for number, before in enumerate(cases, start=1):
        args = copy.deepcopy(tuple(before))
        try:
            result = function(*args)
        except (Exception, SystemExit) as error:
            raise _RefusedError(f"Your function raised {_error(error)}, on test case {number}.") from error
        if not _unchanged(before, args):
            raise _RefusedError("Your function changes the table it is given. Work on a copy, or return a new table.")
        if result is None or result is ...:
            results.append(None)
            continue
        try:
            results.append(_plain(form, form.returns, result))
        except _RefusedError as refused:
            raise _RefusedError(f"On test case {number} the function's result does not fit. {refused}") from refused
        except Exception as error:
            raise _RefusedError(f"On test case {number} the result cannot be read: {_error(error)}") from error
    if all(result is None for result in results):
        return _Read("none", says=_NO_RESULT)
    if any(result is None for result in results):
        raise _RefusedError("Your function returns nothing in some cases.")
    return _Read("given", results)


def _decide(answer: Any) -> _Read:
    if not _is(answer, dict):
        raise _RefusedError(f"A decision is a dict with 'claim', 'number' and 'action'; this is {_a(answer)}.")
    parts = {name: dict.get(answer, name) for name in _DECISION}
    empty = {name for name, part in parts.items() if part is None or part is ... or (_is(part, str) and not part)}
    if len(empty) == len(parts):
        return _Read("none", says=_NO_DECISION)
    value: dict[str, Any] = {}
    for name in ("claim", "action"):
        if name not in empty and not _is(parts[name], str):
            raise _RefusedError(f"The {name} of a decision is text, in quotes; this is {_a(parts[name])}.")
        value[name] = "" if name in empty else str.__str__(parts[name])
    if "number" in empty:
        return _Read("given", value | {"number": None}, "The decision has no number yet.")
    try:
        return _Read("given", value | {"number": _plain_number(parts["number"])})
    except _RefusedError as refused:
        return _Read("given", value | {"number": None}, f"The number of the decision cannot be read. {refused}")


def _cases(question: Question, source: Source) -> list[tuple[Any, ...]]:
    return [] if question.cases is None else [copy.deepcopy(tuple(args)) for args in question.cases(source)]


def _unchanged(before: Sequence[Any], after: Sequence[Any]) -> bool:
    return all(
        b.equals(a) if isinstance(b, pd.DataFrame | pd.Series) else type(a) is type(b) and repr(a) == repr(b)
        for b, a in zip(before, after, strict=True)
    )


def _plain(form: Form, kind: Kind, answer: Any) -> Any:
    if kind in ("number", "decision"):
        return _plain_number(answer)
    if kind == "choice":
        return _plain_choice(answer, form.choices)
    return _plain_table(answer, form.keys)


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


# ---- a taken answer: plain data that can go through JSON, and back


def _sentence(text: str) -> str:
    text = _encodable(text)
    return text if len(text) <= _LONGEST_SENTENCE else f"{text[: _LONGEST_SENTENCE - 4]} ..."


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise _RefusedError(f"A text of the answer has {len(text):,} characters; {MOST_TEXT:,} are the most.")
    return _encodable(text)


def _written(form: Form, kind: Kind, value: Any) -> Any:
    if kind == "function":
        return {"results": [_written(form, form.returns, result) for result in value]}
    if kind == "decision":
        return {name: _text(part) if isinstance(part, str) else part for name, part in value.items()}
    return _written_table(form.keys, value) if kind == "table" else value


def _written_table(keys: tuple[str, ...], table: Table) -> dict[str, Any]:
    rows = list(next(iter(table.values()), ()))
    cells = len(rows) * (len(keys) + len(table))
    if cells > MOST_CELLS:
        raise _RefusedError(f"The table has {cells:,} cells; {MOST_CELLS:,} are the most. Give only what is asked for.")
    return {
        "keys": list(keys),
        "rows": [list(map(_written_cell, row)) for row in rows],
        "columns": [[_text(name), list(map(_written_cell, values.values()))] for name, values in table.items()],
    }


def _written_cell(cell: float | str | None) -> float | str | None:
    if isinstance(cell, float) and not math.isfinite(cell):
        raise _RefusedError("A cell of the table is infinite: look for a division by zero.")
    return _text(cell) if isinstance(cell, str) else cell


def taken_from_json(form: Form, text: str) -> dict[str, Any]:
    """A taken answer from JSON that anybody may have written.

    Raises:
        ValueError: if it is not JSON, holds NaN or an infinity, or is not what `take` gives for such a question.

    Example:
        >>> taken_from_json(Form("1", "number"), '{"state": "given", "value": 2.5}')
        {'state': 'given', 'value': 2.5}
    """
    try:
        taken = json.loads(text)
    except RecursionError:
        raise ValueError("its depth does not fit") from None
    try:
        _untaken(form, taken)
    except _TamperedError as tampered:
        raise ValueError(f"{tampered} does not fit") from None
    return cast(dict[str, Any], taken)


def _fits(condition: bool, what: str) -> None:
    if not condition:
        raise _TamperedError(what)


def _untaken(form: Form, taken: Any) -> _Read:
    """What was taken, if it is what `take` gives."""
    _fits(type(taken) is dict, "its type")
    state = taken.get("state")
    if state != "given":
        _fits(state in ("none", "refused") and taken.keys() == {"state", "says"}, "its state")
        says = _untaken_text(taken["says"], _LONGEST_SENTENCE)
        _fits(state == "refused" or says in (_DOTS, _NONE, _NO_RESULT, _NO_DECISION), "its sentence")
        return _Read(state, says=says)
    unread = form.kind == "decision" and "says" in taken
    _fits(taken.keys() == ({"state", "value", "says"} if unread else {"state", "value"}), "its parts")
    value = _untaken_value(form, form.kind, taken["value"])
    if form.kind == "decision":
        _fits((value["number"] is None) == unread, "its number")
    return _Read("given", value, _untaken_text(taken["says"], _LONGEST_SENTENCE) if unread else "")


def _untaken_value(form: Form, kind: Kind, value: Any) -> Any:
    if kind == "number":
        return _untaken_number(value)
    if kind == "choice":
        _fits(type(value) is str and value in form.choices, "its choice")
        return value
    if kind == "table":
        return _untaken_table(form.keys, value)
    _fits(type(value) is dict, "the type of its value")
    if kind == "function":
        _fits(value.keys() == {"results"} and type(value["results"]) is list, "its results")
        _fits(len(value["results"]) <= MOST_CASES, "its number of results")
        return [_untaken_value(form, form.returns, result) for result in value["results"]]
    _fits(value.keys() == set(_DECISION), "its parts")
    number = None if value["number"] is None else _untaken_number(value["number"])
    return {
        "claim": _untaken_text(value["claim"]),
        "number": number,
        "action": _untaken_text(value["action"]),
    }


def _untaken_number(value: Any) -> float:
    _fits(type(value) is float and math.isfinite(value), "its number")
    return float(value)


def _untaken_text(value: Any, most: int = MOST_TEXT) -> str:
    _fits(type(value) is str and len(value) <= most and _encodable(value) == value, "its text")
    return str(value)


def _untaken_cell(value: Any) -> float | str | None:
    if value is None:
        return None
    return _untaken_text(value) if type(value) is str else _untaken_number(value)


def _untaken_table(keys: tuple[str, ...], value: Any) -> Table:
    _fits(type(value) is dict and value.keys() == {"keys", "rows", "columns"}, "its table")
    rows, columns = value["rows"], value["columns"]
    _fits(value["keys"] == list(keys) and type(rows) is list and type(columns) is list, "its table")
    _fits(len(rows) * (len(keys) + len(columns)) <= MOST_CELLS and len(columns) <= MOST_CELLS, "the size of its table")
    _fits(all(type(row) is list and len(row) == len(keys) for row in rows), "its rows")
    named = [tuple(map(_untaken_cell, row)) for row in rows]
    _fits(len(set(map(_folded, named))) == len(named), "its rows")
    table: Table = {}
    for column in columns:
        _fits(type(column) is list and len(column) == 2, "its columns")
        name, cells = _untaken_text(column[0]), column[1]
        _fits(name not in table and type(cells) is list and len(cells) == len(named), "its columns")
        table[name] = dict(zip(named, map(_untaken_cell, cells), strict=True))
    return table


# ---- the cases of a function question, for a process that runs the function elsewhere


def cases_to_json(cases: Sequence[Sequence[Any]]) -> list[Any]:
    """Cases as plain data that can go through JSON; `cases_from_json` makes them again.

    Args:
        cases: lists of arguments: tables, Series, moments, numbers, texts, truth values, None, and lists and dicts of
            these.

    Raises:
        ValueError: if there are more than `MOST_CASES`, or one holds something else.

    Example:
        >>> cases_from_json(cases_to_json([(1.5, ["a"])]))
        [(1.5, ['a'])]
    """
    if len(cases) > MOST_CASES:
        raise ValueError(f"a function question has {len(cases)} cases; {MOST_CASES} are the most")
    return [list(map(_case_to_json, case)) for case in cases]


def cases_from_json(cases: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The cases that `cases_to_json` wrote."""
    return [tuple(map(_case_from_json, case)) for case in cases]


def _case_to_json(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return {"number": repr(float(value))}
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, list):
        return list(map(_case_to_json, value))
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: _case_to_json(inner) for name, inner in value.items()}}
    if isinstance(value, pd.Timestamp):
        return {"moment": _column_to_json(pd.Series([value]))}
    if isinstance(value, pd.Series):
        name, frame = value.name, value.to_frame(name="value")
        if not (name is None or isinstance(name, str)):
            raise ValueError(f"a case holds a Series named {name!r}; a name is text")
        return {"series": _frame_to_json(frame), "name": name}
    if isinstance(value, pd.DataFrame):
        return {"frame": _frame_to_json(value)}
    raise ValueError(f"a case holds {_a(value)}; give tables, Series, moments, numbers, texts, lists or dicts")


def _case_from_json(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_case_from_json, value))
    if not isinstance(value, dict):
        return value
    if "number" in value:
        return float(value["number"])
    if "dict" in value:
        return {name: _case_from_json(inner) for name, inner in value["dict"].items()}
    if "moment" in value:
        return _column_from_json(value["moment"]).iloc[0]
    if "series" in value:
        return _frame_from_json(value["series"])["value"].rename(value["name"])
    return _frame_from_json(value["frame"])


def _frame_to_json(frame: pd.DataFrame) -> dict[str, Any]:
    if not (all(isinstance(name, str) for name in frame.columns) and frame.columns.is_unique):
        raise ValueError("a table of a case needs columns with different names, each a text")
    if isinstance(frame.index, pd.MultiIndex):
        raise ValueError("a table of a case has several levels of row names; use reset_index")
    counted = isinstance(frame.index, pd.RangeIndex)
    index = frame.index
    return {
        "columns": [[name, _column_to_json(frame[name])] for name in frame.columns],
        "range": [index.start, index.stop, index.step] if isinstance(index, pd.RangeIndex) else None,
        "index": None if counted else _column_to_json(index.to_series()),
        "name": index.name,
    }


def _frame_from_json(plain: dict[str, Any]) -> pd.DataFrame:
    index = pd.Index(_column_from_json(plain["index"])) if plain["range"] is None else pd.RangeIndex(*plain["range"])
    columns = {name: _column_from_json(column).set_axis(index) for name, column in plain["columns"]}
    return pd.DataFrame(columns, index=index).rename_axis(plain["name"])


def _column_to_json(column: pd.Series[Any]) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = column.cat.codes.tolist()
        categories = _column_to_json(dtype.categories.to_series())
        return {"dtype": "category", "values": codes, "categories": categories, "ordered": bool(dtype.ordered)}
    if dtype.kind in "mM":
        return {"dtype": str(dtype), "values": column.array.asi8.tolist()}
    values = [None if value is None or value is pd.NA else value for value in column.astype(object).tolist()]
    if dtype.kind == "f":
        values = [None if value is None else repr(float(value)) for value in values]
    elif str(dtype) == "str":
        values = [value if isinstance(value, str) else None for value in values]
    elif str(dtype) == "object":
        values = list(map(_case_to_json, values))
    elif not all(value is None or type(value) in (bool, int) for value in values):
        raise ValueError(f"the column {column.name!r} of a case is of type {dtype}, which cannot be written")
    return {"dtype": str(dtype), "values": values}


def _column_from_json(plain: dict[str, Any]) -> pd.Series[Any]:
    dtype, values = plain["dtype"], plain["values"]
    if dtype == "category":
        categories = pd.Index(_column_from_json(plain["categories"]))
        return pd.Series(pd.Categorical.from_codes(values, categories, ordered=plain["ordered"]))
    kind, _, zone = dtype.partition(", ")
    if dtype.startswith(("datetime64", "timedelta64")):
        made: pd.Series[Any] = pd.Series(np.array(values, dtype="int64").view(f"{kind.rstrip(']')}]"))
        if zone:
            return made.dt.tz_localize("UTC").dt.tz_convert(zone.rstrip("]"))  # type: ignore[no-any-return]
        return made
    if dtype.casefold().startswith("float"):
        values = [None if value is None else float(value) for value in values]
    if dtype == "object":
        values = list(map(_case_from_json, values))
    plain_column: pd.Series[Any] = pd.Series(values, dtype=dtype)
    return plain_column


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
    if kind in ("number", "decision"):
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
