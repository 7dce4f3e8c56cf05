"""An assignment as a source notebook for nbgrader, with one company for the whole class.

nbgrader hands the same notebook to everybody and judges it in the student's own process, so neither a company of one's
own nor grading shut in can be had there. Its hidden tests hold the right answers, never the way to them.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbformat import NotebookNode

from crkit import _files, assignments, handin, handout
from crkit.course import Course, Task
from crkit.datasets import Source
from crkit.questions.core import Outcome, Question, cases_from_json, cases_to_json, judge, take

CLASS = "the whole class"  # stands where a student stands, for the company that all share


def write(course: Course, task: Task, out: Path) -> list[Path]:
    """Write ``source/<assignment>/`` as nbgrader wants it.

    Args:
        course: its secret decides on the company.
        task: the assignment.
        out: nbgrader's course folder; made if missing.

    Returns:
        The files made: the notebook, the tables, and what `crkit.handin` needs.
    """
    assignment = assignments.load(task.folder)
    source = handout.own_source(assignment, course.secret, CLASS)
    notebook = source_notebook(handout.source_notebook(task.folder), assignment.questions, source)
    files = {
        f"{task.name}.ipynb": (nbformat.writes(notebook) + "\n").encode(),
        handin.FILE: handout.forms(assignment),
        **handout.tables_as_files(source),
    }
    made = []
    for name, content in files.items():
        made.append(out / "source" / task.name / name)
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        _files.write_bytes(made[-1], content)
    return made


def source_notebook(notebook: NotebookNode, questions: Sequence[Question], source: Source) -> NotebookNode:
    """The source notebook with nbgrader's metadata and hidden tests.

    Args:
        notebook: the assignment's source notebook.
        questions: of the assignment.
        source: the tables of the class's company.

    Returns:
        Its answer cells are nbgrader's solution cells; after each stands a test cell with the question's points. The
        reasoning of a decision is the answer cell's own, marked by hand.
    """
    asked = {question.name: question for question in questions}
    made = copy.deepcopy(notebook)
    cells: list[NotebookNode] = []
    for cell in made.cells:
        text = handout.LINK.sub(r"\1", cell.source) if cell.cell_type == "markdown" else cell.source
        cell.source = text
        cells.append(cell)
        if "answer" not in cell.metadata.get("tags", []):
            cell.metadata["nbgrader"] = _told(cell.id, cell.cell_type, locked=True)
            continue
        question = asked[handout.answered(cell.source)]
        rubric = sum(criterion.levels[0][0] for criterion in question.rubric)
        cell.metadata["nbgrader"] = _told(f"answer-{question.name}", "code", solution=True, points=rubric)
        test = nbformat.v4.new_code_cell(_hidden(question, source), id=f"test-{question.name}")
        test.metadata["nbgrader"] = _told(test.id, "code", locked=True, points=question.points)
        cells.append(test)
    made.cells = cells
    made.metadata.pop("crkit", None)
    return made


def _told(name: str, kind: str, *, solution: bool = False, locked: bool = False, points: int = 0) -> dict[str, Any]:
    told = {"grade_id": name, "solution": solution, "locked": locked, "grade": bool(points), "schema_version": 3}
    return {**told, "cell_type": kind, "task": False, **({"points": points} if points else {})}


def _hidden(question: Question, source: Source) -> str:
    cases = [] if question.cases is None else question.cases(source)
    rights = [question.solve(source), *(question.also(source) if question.also else ())]
    taken = [take(question.form, assignments.answer_of(question, right), cases)["value"] for right in rights]
    key = {
        "form": question.form._asdict(),
        "relative": question.relative,
        "absolute": question.absolute,
        "share": question.share,
        "cases": cases_to_json(cases),
        "right": taken,
    }
    return (
        f"### BEGIN HIDDEN TESTS\nfrom crkit.nbgrader_form import check\n\n"
        f"check({json.dumps(key, ensure_ascii=False)!r}, answer_{question.name})\n### END HIDDEN TESTS"
    )


def check(key: str, answer: Any) -> None:
    """Hold an answer against the right ones; what a hidden test calls.

    Raises:
        AssertionError: if the answer is not right; with the sentence for the student.
    """
    outcome = _judged(json.loads(key), answer)
    if outcome.status != "right":
        raise AssertionError(f"Question {outcome}")


def _judged(key: Mapping[str, Any], answer: Any) -> Outcome:
    form = key["form"]
    kind = form["kind"]
    if kind == "decision":  # its words are marked by hand
        kind, answer = "number", answer.get("number") if type(answer) is dict else answer
    cases = cases_from_json(key["cases"])
    rights = [_as_answer(form, value) for value in key["right"]]
    question = Question(
        name=form["name"],
        title="",
        ask="",
        kind=kind,
        solve=lambda _: rights[0],
        also=lambda _: rights[1:],
        relative=key["relative"],
        absolute=key["absolute"],
        share=key["share"],
        choices=tuple(form["choices"]),
        keys=tuple(form["keys"]),
        cases=(lambda _: cases) if kind == "function" else None,
        returns=form["returns"],
        needs=(),
    )
    return judge(question, answer, Source(name="these data", description="", tables={}))


def _as_answer(form: Mapping[str, Any], value: Any) -> Any:
    """What `take` would turn into this value."""
    if form["kind"] == "function":
        results = itertools.cycle([_plain(form["returns"], result) for result in value["results"]])
        replay: Callable[..., Any] = lambda *_: next(results)  # noqa: E731
        return replay
    return _plain(form["kind"], value)


def _plain(kind: str, value: Any) -> Any:
    if kind == "table":
        rows = pd.DataFrame(value["rows"], columns=value["keys"])
        return rows.assign(**{name: pd.Series(cells, dtype=object) for name, cells in value["columns"]})
    return value["number"] if kind == "decision" else value
