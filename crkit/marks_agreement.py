"""Where two submissions agree in a way that is rare by chance: reasons to look, and never a proof.

Every student has a company of their own, so most right answers differ between students. Numbers are compared to six
significant digits, and only numbers that carry so many: no small integers, no simple fractions, no choices. The results
of a function are left out, since a function is run on each student's own data whoever wrote it; its code is compared.
"""

from __future__ import annotations

import ast
import itertools
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from crkit.marks_results import Marked, plain

DIGITS = 6
LONG_CODE = 60  # nodes of a syntax tree; a line such as answer_1 = float(orders["x"].median()) has 14
_SIMPLEST, _LARGEST = 50, 1000  # a simple fraction has a denominator and a numerator up to these
_IN_COMMON = 0.5  # share of a table's telling numbers
_MOST_CODE = 20_000  # characters

NEIGHBOUR, VALUE, CODE, MADE_FOR = (
    "the right answer of another's company",
    "the same unusual number",
    "the same unusual code",
    "a notebook made for somebody else",
)
KINDS = (NEIGHBOUR, VALUE, CODE, MADE_FOR)


class Reason(NamedTuple):
    """One agreement of two submissions.

    Attributes:
        kind: one of `KINDS`.
        question: the question's number; empty if it is about the whole notebook.
        says: what agrees, in a sentence.
    """

    kind: str
    question: str
    says: str


class Pair(NamedTuple):
    """Two students whose submissions agree somewhere.

    Attributes:
        one: a student.
        other: another one; for a notebook made for somebody who is not on the roster, the name in it.
        reasons: sorted by kind and question.
    """

    one: str
    other: str
    reasons: tuple[Reason, ...]


class Agreement(NamedTuple):
    """What agrees in a class, and how rare that is.

    Attributes:
        pairs: those with most reasons first.
        compared: how many pairs of students there are.
        by_kind: how many of them agree in each way.
        alike_by_chance: how many times a telling number is right for two students at once, of all pairs and questions.
        questions_compared: how many pairs times questions that is of.
        most: what more students than this share is taken as common, and not listed.
    """

    pairs: tuple[Pair, ...]
    compared: int
    by_kind: Mapping[str, int]
    alike_by_chance: int
    questions_compared: int
    most: int


def telling(value: float) -> bool:
    """Whether two who have this number are unlikely to have it by chance: six digits, and no simple fraction.

    Example:
        >>> [telling(value) for value in (1498.1521070219715, 222.1, 12.0, 250_000.0, 1 / 3, 0.537037)]
        [True, False, False, False, False, True]
    """
    digits = f"{abs(value):.11e}".partition("e")[0].replace(".", "").rstrip("0")
    near = Fraction(value).limit_denominator(_SIMPLEST)
    simple = abs(near.numerator) <= _LARGEST and f"{float(near):.{DIGITS - 1}e}" == f"{value:.{DIGITS - 1}e}"
    return len(digits) >= DIGITS and not simple


def numbers(answer: Any) -> frozenset[str]:
    """The telling numbers of an answer in plain values, to six digits."""
    return frozenset(f"{value:.{DIGITS - 1}e}" for value in _values(answer) if telling(value))


def _values(answer: Any) -> Iterator[float]:
    """The numbers of a number, a decision or a table; of a choice and of a function's results there are none."""
    if isinstance(answer, float | int) and not isinstance(answer, bool):
        yield float(answer)
    elif isinstance(answer, dict) and "number" in answer:
        yield from _values(answer["number"])
    elif isinstance(answer, dict) and "columns" in answer:
        for _, cells in answer["columns"]:
            for cell in cells:
                yield from _values(cell)


def code_of(source: str) -> str:
    """Code without what is easily changed: names given in it, layout, comments, quotes. Empty if it is short.

    Example:
        >>> code_of("answer_1 = 2  # short")
        ''
    """
    if len(source) > _MOST_CODE:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            if sum(1 for _ in ast.walk(tree)) < LONG_CODE:
                return ""
            return ast.dump(_Renamed(tree).visit(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


class _Renamed(ast.NodeTransformer):
    """Numbers the names that the code itself gives, in the order in which they come."""

    def __init__(self, tree: ast.AST) -> None:
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        self._own = own
        self._numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self._numbers.setdefault(name, f"_{len(self._numbers)}") if name in self._own else name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._number(node.arg), None)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._number(node.name)
        return self.generic_visit(node)


def agreement(marked: Sequence[Marked]) -> Agreement:
    """Find where submissions agree.

    Args:
        marked: a class's work, in any order.

    Returns:
        The same for the same work in any order.
    """
    students = sorted(marked, key=lambda one: one.student.student)
    most = max(3, -(-len(students) // 10))
    found: dict[tuple[str, str], set[Reason]] = defaultdict(set)

    def add(one: str, other: str, reason: Reason) -> None:
        found[min(one, other), max(one, other)].add(reason)

    chance = compared = 0
    for name in [part.name for part in students[0].parts] if students else []:
        answers = [_Answer(one.student.student, _told(one, name)) for one in students]
        for a, b in itertools.combinations(answers, 2):
            compared += bool(a.right and b.right)
            chance += bool(a.right & b.right)
        for one, other, reason in (*_neighbours(answers, name, most), *_codes(answers, name, most)):
            add(one, other, reason)
        for one, other, reason in _same_numbers(answers, name, most):
            there = found[min(one, other), max(one, other)]
            if not any((known.kind, known.question) == (NEIGHBOUR, name) for known in there):
                add(one, other, reason)
    for each in students:
        own, made_for = each.student.student, each.told.get("made_for")
        if made_for and made_for != own:
            says = f"{own} handed in the notebook that was made for {made_for}."
            add(own, str(made_for), Reason(MADE_FOR, "", says))
    pairs = [Pair(one, other, tuple(sorted(reasons, key=_order))) for (one, other), reasons in found.items()]
    return Agreement(
        pairs=tuple(sorted(pairs, key=lambda pair: (-len(pair.reasons), pair.one, pair.other))),
        compared=len(students) * (len(students) - 1) // 2,
        by_kind={kind: sum(any(r.kind == kind for r in pair.reasons) for pair in pairs) for kind in KINDS},
        alike_by_chance=chance,
        questions_compared=compared,
        most=most,
    )


def _told(marked: Marked, name: str) -> Mapping[str, Any]:
    return next(part.told for part in marked.parts if part.name == name)


def _order(reason: Reason) -> tuple[int, int, str]:
    return KINDS.index(reason.kind), int(reason.question or 0), reason.says


class _Answer:
    """One answer to one question as it is compared."""

    def __init__(self, student: str, told: Mapping[str, Any]) -> None:
        self.student, self.passed = student, told["status"] == "passed"
        self.explained = told["status"] == "wrong in a known way"
        self.given = numbers(plain(told.get("answer")))
        self.right = numbers(plain(told.get("right")))
        self.odd = self.given - self.right
        self.code = code_of(told.get("code") or "")


def _in_common(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The numbers that both hold, if they are a good part of either."""
    both = one & other
    return both if both and len(both) >= _IN_COMMON * min(len(one), len(other)) else frozenset()


def _such_as(numbers: frozenset[str]) -> str:
    return f"{min(map(float, numbers)):.{DIGITS}g}"


Found = Iterator[tuple[str, str, Reason]]


def _neighbours(answers: Sequence[_Answer], name: str, most: int) -> Found:
    holders: dict[str, int] = defaultdict(int)
    for one in answers:
        for number in one.right:
            holders[number] += 1
    for one in answers:
        rare = frozenset(number for number in one.odd if holders[number] <= most)
        for other in answers if rare and not one.passed else ():
            both = _in_common(rare, other.right - one.right) if other is not one else frozenset()
            if both:
                says = (
                    f"{one.student} gave {_such_as(both)}, which is wrong here and right for {other.student}'s company."
                )
                yield one.student, other.student, Reason(NEIGHBOUR, name, says)


def _same_numbers(answers: Sequence[_Answer], name: str, most: int) -> Found:
    givers: dict[str, int] = defaultdict(int)
    for one in answers:
        for number in one.given:
            givers[number] += 1
    for one, other in itertools.combinations([one for one in answers if one.odd], 2):
        if (one.passed or one.explained) and (other.passed or other.explained):
            continue
        both = _in_common(one.odd, other.odd)
        if both and all(givers[number] <= most for number in both):
            wrong = " and ".join(each.student for each in (one, other) if not each.passed)
            says = f"Both gave {_such_as(both)}, which is wrong for {wrong}, and no known way leads both there."
            yield one.student, other.student, Reason(VALUE, name, says)


def _codes(answers: Sequence[_Answer], name: str, most: int) -> Found:
    by_code: dict[str, list[str]] = defaultdict(list)
    for one in answers:
        if one.code:
            by_code[one.code].append(one.student)
    for students in by_code.values():
        if 2 <= len(students) <= most:
            says = f"The code of the answer is the same but for names and layout; {len(students)} have it."
            for first, second in itertools.combinations(students, 2):
                yield first, second, Reason(CODE, name, says)
