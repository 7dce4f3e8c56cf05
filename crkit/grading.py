"""Grades an assignment: runs each submission shut in, judges its answers outside, and writes what came of it.

A submission is run on the tables of its own student's company, made anew from the course's secret, whatever lay beside
the notebook. What comes out of the sandbox are answers; they are judged here, by questions that the sandbox never held.
"""

from __future__ import annotations

import atexit
import difflib
import functools
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from crkit import _files, assignments, handin, handout, intake, sandbox
from crkit.course import Course, Task
from crkit.datasets import Source
from crkit.intake import Sorted
from crkit.questions.core import Question, cases_to_json, judge_taken, take
from crkit.sandbox import Finished, Limits, Sandbox, Work

_JUDGED = {
    "right": "passed",
    "wrong": "wrong",
    "misconception": "wrong in a known way",
    "not attempted": "not attempted",
    "tampered": "tampered",
    "not applicable": "ungradable",
}
# what happened to the cell that should have given an answer: the answer's status
_STOPPED = {
    "timed out": "timed out",
    "out of memory": "out of memory",
    "tampered": "tampered",
    "killed its parent": "tampered",
}
# what the sandbox says of an answer that could not be read: its status
_UNREAD = {
    "Reading this answer took more than": "timed out",
    "Reading this answer took more memory": "out of memory",
    "Reading this answer ended the process": "ungradable",
}


class Graded(NamedTuple):
    """One submission, graded.

    Attributes:
        student: whose it is.
        points: that the machine gave, before the late rule.
        out_of: that it could give.
        again: whether an earlier, interrupted or repeated, grading had done it.
    """

    student: str
    points: float
    out_of: int
    again: bool


class _Job(NamedTuple):
    """What a process needs to grade one submission."""

    task: Task
    secret: bytes
    limits: Limits
    shut_in: bool
    found: Sorted
    file: Path  # of the result


def grade(
    course: Course, task: Task, given: Path, out: Path, *, jobs: int = 0, shut_in: bool = True
) -> Iterator[Graded]:
    """Grade what was handed in.

    Results of the same file under the same assignment, course and program are kept, so that an interrupted grading goes
    on where it stopped. The marks do not depend on the order of the files, on the machine or on ``jobs``.

    Args:
        course: whose students they are.
        task: the assignment.
        given: the folder, zip or file of the submissions.
        out: the folder for the results; made if missing.
        jobs: how many at a time; 0 is one a processor.
        shut_in: False runs the students' code with the rights of who runs this. See `crkit.sandbox`.

    Yields:
        Each submission as it is done. When all are, `crkit.marks.write` makes grades and pages from ``out``.

    Raises:
        RuntimeError: if code cannot be shut in here.
        ValueError: if the submissions cannot be taken in.
    """
    if shut_in and (why := sandbox.available()):
        raise RuntimeError(f"submissions cannot be shut in here, so nothing was run: {why}")
    handed = course.folder / "handout"
    if Path(given).resolve().is_relative_to(handed.resolve()):
        raise ValueError(f"{given} is in {handed}: that is what you handed out; name what was handed in")
    others = sorted({*course.tasks, *assignments.names()} - {task.name})
    closes_at = None if task.due is None else task.due + task.late.grace
    found = intake.sort(intake.collect(given, course.zone), course.roster, task.name, others, closes_at, course.mark)
    if not any(each.became == "graded" for each in found):
        first = found[0]
        raise ValueError(
            f"none of the {len(found)} file(s) in {given} can be graded, so nothing was changed; "
            f"for example {first.upload.name}: {first.why}"
        )
    results = out / "results"
    results.mkdir(parents=True, exist_ok=True)
    _files.write_text(out / "files.json", intake.as_json(found))
    jobs_left = []
    for each in found:
        if each.became != "graded" or each.student is None:
            continue
        job = _Job(task, course.secret, course.limits, shut_in, each, results / f"{each.student.student}.json")
        kept = _kept(job)
        if kept is None:
            jobs_left.append(job)
        else:
            yield _graded(kept, again=True)
    graded = {each.student.student for each in found if each.became == "graded" and each.student}
    for file in results.glob("*.json"):
        if file.stem not in graded:
            file.unlink()
    for result in handout.in_processes(_grade_and_keep, jobs_left, jobs):
        yield _graded(result, again=False)
    _files.write_text(out / "marking.ipynb", _marking_notebook(task.name))


def _graded(result: dict[str, Any], *, again: bool) -> Graded:
    questions = result["questions"]
    return Graded(result["student"], sum(q["points"] for q in questions), sum(q["out_of"] for q in questions), again)


@functools.cache
def _program(folder: Path) -> str:
    """A digest of all that marks depend on: the assignment and this package."""
    files = [*sorted(folder.glob("*.py")), *sorted(Path(__file__).parent.rglob("*.py"))]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _key(job: _Job) -> str:
    found = job.found
    parts = (
        _program(job.task.folder),
        intake.sha256(found.upload.content),
        intake.sha256(job.secret),
        found._replace(upload=found.upload._replace(content=b""), cells=()),
        job.task,
        job.limits,
        job.shut_in,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _kept(job: _Job) -> dict[str, Any] | None:
    """The result of an earlier grading of the same file under the same conditions."""
    try:
        result = json.loads(job.file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("key") == _key(job) else None


def _grade_and_keep(job: _Job) -> dict[str, Any]:
    result = {"key": _key(job), **grade_one(job.task, job.secret, job.found, _jail(job.limits, job.shut_in))}
    _files.write_text(job.file, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


@functools.cache
def _jail(limits: Limits, shut_in: bool) -> Sandbox:
    """One sandbox for all that a process grades."""
    jail = Sandbox(limits, shut_in=shut_in).__enter__()
    atexit.register(jail.__exit__, None, None, None)
    return jail


def grade_one(task: Task, secret: bytes, found: Sorted, jail: Sandbox) -> dict[str, Any]:
    """Run one submission and judge it.

    Args:
        task: the assignment.
        secret: the course's.
        found: the submission; its student is known.
        jail: where it is run.

    Returns:
        The result as it is kept in ``results/<student>.json``.
    """
    assert found.student is not None
    assignment, student = assignments.load(task.folder), found.student.student
    source = handout.own_source(assignment, secret, student)
    cases = {q.name: q.cases(source) for q in assignment.questions if q.cases is not None}
    finished = jail.run(
        Work(
            cells=found.cells,
            files={**handout.tables_as_files(source), handin.FILE: handout.forms(assignment)},
            forms=tuple(question.form for question in assignment.questions),
            cases={name: cases_to_json(each) for name, each in cases.items()},
        )
    )
    days, percent = task.late.applied(found.upload.submitted_at, task.due)
    return {
        "assignment": task.name,
        "student": student,
        "file": found.upload.name,
        "sha256": intake.sha256(found.upload.content),
        "submitted_at": found.upload.submitted_at.isoformat() if found.upload.submitted_at else None,
        "time_from": found.upload.time_from,
        "due": task.due.isoformat() if task.due else None,
        "late_rule": task.late._asdict(),
        "days_late": days,
        "late_percent": percent,
        "participant": found.participant,
        "made_for": found.made_for,
        "run": {"status": finished.status, "message": finished.message},
        "questions": [
            _question(question, source, found.cells, finished, cases.get(question.name, ()))
            for question in assignment.questions
        ],
    }


def _question(
    question: Question, source: Source, cells: tuple[str, ...], finished: Finished, cases: Any
) -> dict[str, Any]:
    """One question's part of a result."""
    taken = finished.taken.get(question.name)
    if taken is None:
        status, message = _untaken(question.name, cells, finished)
        points, misconception, code = 0.0, None, ""
    else:
        outcome = judge_taken(question, taken, source)
        status, message = (
            _JUDGED[outcome.status],
            outcome.message.removesuffix(f' check.hint("{question.name}") helps.'),
        )
        points, misconception, code = outcome.points, outcome.misconception, cells[finished.taken_in[question.name]]
        if taken["state"] == "refused":
            status = next((each for says, each in _UNREAD.items() if taken["says"].startswith(says)), status)
    return {
        "name": question.name,
        "title": question.title,
        "kind": question.kind,
        "level": question.level,
        "status": status,
        "points": points,
        "out_of": question.points,
        "message": message,
        "misconception": misconception,
        "basis": question.basis,
        "hint": question.hints[0] if status == "wrong" and question.hints else "",
        "answer": taken,
        "right": take(question.form, assignments.answer_of(question, question.solve(source)), cases),
        "code": code,
        "rubric": [
            {"criterion": line.name, "levels": [list(level) for level in line.levels]} for line in question.rubric
        ],
    }


def _untaken(name: str, cells: tuple[str, ...], finished: Finished) -> tuple[str, str]:
    """The status of a question whose answer never came out, and a sentence on why."""
    variable = f"answer_{name}"
    gives = [
        place for place, text in enumerate(cells) if re.search(rf"\b{variable}\b *(?:=(?!=)|\(.*\) *(?:->.*)?:)", text)
    ]
    if finished.status == "failed":
        return "ungradable", f"The notebook could not be run: {finished.message}"
    if not gives:
        near = difflib.get_close_matches(variable, set(finished.names) - {variable}, n=1, cutoff=0.75)
        known = near and not re.fullmatch(r"answer_\d+", near[0])
        meant = f" It has {near[0]}: if that is meant, it has to be named {variable}." if known else ""
        return "not attempted", f"The notebook has no {variable}.{meant}"
    cell = finished.cells[gives[-1]]
    if cell.status in _STOPPED:
        return _STOPPED[cell.status], f"The cell that gives {variable} was ended. {cell.message}"
    if cell.status == "not run":
        stopped = _STOPPED.get(finished.status, "ungradable")
        return stopped, f"The cell that gives {variable} was not run any more. {finished.message}"
    if cell.status == "ran":
        return "not attempted", f"The cell that should give {variable} ran, and gave none."
    return "ungradable", f"The cell that should give {variable} stopped: {cell.message or cell.status}"


def _marking_notebook(name: str) -> str:
    """The notebook in which a person marks what a program cannot."""
    told = (
        f"# Marking: {name}\n\nThe cell below shows one decision after the other, without the student's name. Choose a "
        "level for each criterion; it is saved at once, into the same results. At the end make the grades anew."
    )
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(told, id="marking"),
            nbformat.v4.new_code_cell('from crkit.marking import form\n\nform(".")', id="form"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}},
    )
    return str(nbformat.writes(notebook)) + "\n"
