"""Assignments: what a class is asked, and a company of each student's own.

An assignment is a folder: ``questions.py`` holds an `Assignment` named ``ASSIGNMENT``, and ``<name>.ipynb`` is the
source notebook, with solutions. It is no part of the installed package: what a student installs knows no solution.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from crkit import company
from crkit.company import MODEL, Company, Model
from crkit.datasets import Source
from crkit.questions.core import Question, judge

MOST_DRAWS = 200


class Plant(NamedTuple):
    """What is planted in one student's company.

    Attributes:
        scenario: one of `company.SCENARIOS`.
        model: every planted parameter.
    """

    scenario: str = "healthy"
    model: Model = MODEL


@dataclass(frozen=True)
class Assignment:
    """One assignment: its questions and the companies that they are asked of.

    Attributes:
        name: a word; that of its folder and of its notebook.
        title: the question that it answers, in one sentence.
        minutes: how long it takes a student.
        questions: named ``"1"``, ``"2"`` and so on; the answer to question 3 is the variable or function ``answer_3``.
        tables: which tables of the company a student gets.
        plant: draws what is planted from a generator of the student's own.
        unfit: why a company cannot be asked about (too few customers in a group, two causes tied), one phrase each;
            empty if it can. It sees the tables and the ``truth``.
        difficulty: a few figures of a company by name, whose spread over the class an instructor sees.
        n_customers: how many customers each company has.
        extra: further tables by name, such as a register with planted faults, each made from the company and the
            student's generator. A student gets them beside ``tables``.
    """

    name: str
    title: str
    minutes: int
    questions: tuple[Question, ...]
    tables: tuple[str, ...]
    plant: Callable[[np.random.Generator], Plant]
    unfit: Callable[[Company], Sequence[str]]
    difficulty: Callable[[Company], Mapping[str, float]]
    n_customers: int = 2000
    extra: Mapping[str, Callable[[Company, np.random.Generator], pd.DataFrame]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [question.name for question in self.questions]
        if names != [str(number) for number in range(1, len(names) + 1)]:
            raise ValueError(f"assignment {self.name}: its questions are named {', '.join(names)}, and not 1, 2, 3 ...")
        for question in self.questions:
            if not question.basis:
                raise ValueError(f"assignment {self.name}, question {question.name}: basis is empty")


class Drawn(NamedTuple):
    """One student's company.

    Attributes:
        source: the tables that the student gets.
        company: the same company with its ``truth``.
        draw: how many companies were drawn before it and were unfit.
        unfit: why, one line for each of them.
    """

    source: Source
    company: Company
    draw: int
    unfit: tuple[str, ...]


def exercises_dir() -> Path:
    """The folder ``exercises/`` of the checkout.

    Raises:
        FileNotFoundError: in an install without it.
    """
    folder = Path(__file__).parent.parent / "exercises"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there are no assignments beside {Path(__file__).parent}: work from a checkout of crkit"
        )
    return folder


def names() -> list[str]:
    """The assignments of the checkout, in alphabetical order."""
    return sorted(file.parent.name for file in exercises_dir().glob("*/questions.py"))


def find(name: str) -> Path:
    """The folder of an assignment of the checkout.

    Raises:
        ValueError: if there is none of that name; the message lists those there are.
    """
    if name not in names():
        raise ValueError(f"there is no assignment {name!r}; there are {', '.join(names())}")
    return exercises_dir() / name


def load(folder: Path) -> Assignment:
    """The assignment in a folder.

    Raises:
        ValueError: if the folder holds none.
    """
    return _load(Path(folder).resolve())


@functools.cache
def _load(folder: Path) -> Assignment:
    file = folder / "questions.py"
    if not file.is_file():
        raise ValueError(f"{folder} is no assignment: it has no questions.py")
    spec = importlib.util.spec_from_file_location(f"crkit_assignment_{folder.name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assignment = getattr(module, "ASSIGNMENT", None)
    if not isinstance(assignment, Assignment):
        raise ValueError(f"{file} names no ASSIGNMENT")
    if assignment.name != folder.name:
        raise ValueError(f"{file}: the assignment is named {assignment.name!r}, and its folder {folder.name!r}")
    return assignment


def draw(assignment: Assignment, secret: bytes, student: str) -> Drawn:
    """A student's own company: the first fit one of a sequence that only who knows the secret can draw.

    Args:
        assignment: what is asked.
        secret: the course's secret; a company's seed is an HMAC-SHA256 of assignment, student and the draw's number.
        student: the student's identifier.

    Returns:
        The same company in every process.

    Raises:
        ValueError: if no company of `MOST_DRAWS` is fit: the assignment's conditions are too strict.
    """
    reasons: list[str] = []
    for number in range(MOST_DRAWS):
        told = f"{assignment.name}\n{student}\n{number}".encode()
        digest = hmac.new(secret, told, hashlib.sha256).digest()
        made = company_of(assignment, int.from_bytes(digest[:8]) >> 1, int.from_bytes(digest[8:]))
        why = assignment.unfit(made)
        if not why:
            return Drawn(source_of(assignment, made.tables), made, number, tuple(reasons))
        reasons.append("; ".join(why))
    raise ValueError(f"{assignment.name}: none of {MOST_DRAWS} companies is fit for {student}; the last: {reasons[-1]}")


def company_of(assignment: Assignment, seed: int, plant_seed: int) -> Company:
    """A company with what an assignment plants in it, fit or not.

    Args:
        assignment: what is asked.
        seed: of the company.
        plant_seed: of what is planted.

    Returns:
        The company with the assignment's tables, the ``truth`` and the extra ones.
    """
    rng = np.random.default_rng(plant_seed)
    plant = assignment.plant(rng)
    tables = [*assignment.tables, "truth"]
    made = company.simulate(assignment.n_customers, seed, plant.scenario, tables=tables, model=plant.model)
    extra = {name: make(made, rng) for name, make in assignment.extra.items()}
    return dataclasses.replace(made, tables={**made.tables, **extra})


def coinciding(questions: Sequence[Question], source: Source) -> list[str]:
    """Where a known wrong way gives the right answer, so that the question cannot tell who understood.

    Args:
        questions: of an assignment.
        source: a company's tables.

    Returns:
        One phrase for each such way, empty if there is none. A choice has few values: it is named only if all of its
        wrong ways lead to the right one. A function is called on cases of the question's own choice, so it is left out.
    """
    found = []
    for question in (question for question in questions if question.kind != "function"):
        once = dataclasses.replace(question, solve=functools.cache(question.solve), misconceptions=())
        same = [
            known.name
            for known in question.misconceptions
            if judge(once, answer_of(question, known.solve(source)), source).status == "right"
        ]
        if question.kind != "choice" or len(same) == len(question.misconceptions):
            found += [f"question {question.name}: {name} gives the right answer" for name in same]
    return found


def answer_of(question: Question, solved: Any) -> Any:
    """What a student would hand in who computed this: for a decision, the number with some words around it."""
    if question.kind == "decision":
        return {"claim": "see the number", "number": solved, "action": "see the claim"}
    return solved


def source_of(assignment: Assignment, tables: Mapping[str, Any]) -> Source:
    """The tables of a company as its student has them."""
    return Source(
        name="your company",
        description=f"a simulated company of {assignment.n_customers:,} customers",
        tables={name: tables[name] for name in (*assignment.tables, *assignment.extra)},
        simulated=True,
    )
