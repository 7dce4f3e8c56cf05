"""Hands an assignment out: one zip for each student, with the tables of that student's own company."""

from __future__ import annotations

import concurrent.futures
import copy
import html
import io
import json
import multiprocessing
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import nbformat
import pandas as pd
from nbformat import NotebookNode

from crkit import _files, assignments, datasets, handin
from crkit.assignments import Assignment
from crkit.course import Course, Student, Task
from crkit.datasets import Source
from crkit.questions.core import Question

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_SOLUTION = re.compile(rf"^([ \t]*){BEGIN}\n.*?^[ \t]*{END}$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same zip whenever it is made


Given = TypeVar("Given")
Made = TypeVar("Made")


class Handed(NamedTuple):
    """One student's zip.

    Attributes:
        student: whose it is.
        zip: its path.
        scenario: what happens to the company.
        unfit: why the companies drawn before it were not taken, one phrase each.
        difficulty: the assignment's figures of it.
    """

    student: str
    zip: Path
    scenario: str
    unfit: tuple[str, ...]
    difficulty: Mapping[str, float]


def tables_as_files(source: Source) -> dict[str, bytes]:
    """The tables as the CSV files that a student gets, by path."""
    return {
        f"data/{name}.csv": table.to_csv(index=False, lineterminator="\n").encode()
        for name, table in source.tables.items()
    }


def own_source(assignment: Assignment, secret: bytes, student: str) -> Source:
    """The tables exactly as the student reads them: what answers are judged on."""
    files = tables_as_files(assignments.draw(assignment, secret, student).source)
    return datasets.read_files({Path(name).stem: content for name, content in files.items()})


def forms(assignment: Assignment) -> bytes:
    """What `crkit.handin` needs to know of the questions, and nothing of what is right."""
    asked = [
        {"form": question.form._asdict(), "title": question.title, "points": points_of(question)}
        for question in assignment.questions
    ]
    return json.dumps(asked, indent=1, ensure_ascii=False).encode()


def points_of(question: Question) -> str:
    """The points of a question as a student reads them: those of a program, and those of a person."""
    rubric = sum(criterion.levels[0][0] for criterion in question.rubric)
    return f"{question.points} + {rubric}" if rubric else str(question.points)


def columns(source: Source) -> str:
    """What the columns of the tables mean; those of tables that the kit does not describe by name alone."""
    lines = []
    for name, table in source.tables.items():
        known = {f.name: f for f in datasets.fields(name)} if name in datasets.table_names() else {}
        lines += [f"{name}.csv", ""]
        for column in table.columns:
            one = known.get(column)
            unit = f" ({one.unit})" if one and one.unit else ""
            values = f" One of: {', '.join(one.enum)}." if one and one.enum else ""
            lines.append(f"  {column}{unit}{f': {one.description}.' if one else ''}{values}")
        lines.append("")
    return "\n".join(lines)


def source_notebook(folder: Path) -> NotebookNode:
    """The source notebook of an assignment, with its solutions.

    Raises:
        ValueError: if it is missing or no notebook.
    """
    file = folder / f"{folder.name}.ipynb"
    try:
        return cast(NotebookNode, nbformat.read(file, as_version=4))
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise ValueError(f"{file} cannot be read as a notebook: {error}") from error


def student_notebook(source: NotebookNode, name: str, student: str, mark: str = "") -> NotebookNode:
    """The notebook that a student gets: the source without its solutions.

    Args:
        source: of the assignment.
        name: of the assignment.
        student: whose it is; stands in the notebook's metadata.
        mark: of the course; stands there as well.

    Raises:
        ValueError: if a cell with a solution names no answer, or a mark is left over.
    """
    cells = []
    for cell in source.cells:
        text = _without_solution(cell.source) if cell.cell_type == "code" else LINK.sub(r"\1", cell.source)
        if BEGIN in text or END in text:
            raise ValueError(f"cell {cell.get('id', '?')}: {BEGIN} and {END} do not stand in pairs")
        made = copy.deepcopy(cell)
        made.source = text
        if cell.cell_type == "code":
            made.outputs, made.execution_count = [], None
        cells.append(made)
    made = cast(NotebookNode, nbformat.v4.new_notebook(cells=cells))
    made.metadata.update(
        kernelspec={"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
        crkit={"assignment": name, "student": student, "course": mark},
    )
    return made


def answered(text: str) -> str:
    """The name of the question that a cell answers.

    Raises:
        ValueError: if it answers none.
    """
    answers = re.findall(r"^(?:def )?answer_(\d+)\b(?= *(?:=|\())", text, re.MULTILINE)
    if not answers:
        raise ValueError(f"a cell answers no question: {text[:80]!r}")
    return str(answers[-1])


def _without_solution(text: str) -> str:
    def placeholder(found: re.Match[str]) -> str:
        return f"{found[1]}..." if found[1] else f"answer_{answered(found[0])} = ..."

    return _SOLUTION.sub(placeholder, text)


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """A zip of these files in one folder; the same bytes whenever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(f"{folder}/{name}", _LONG_AGO)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()


def hand_out(course: Course, task: Task, out: Path, *, jobs: int = 0) -> Iterator[Handed]:
    """Make a zip for each student of the roster, and the report on the spread.

    Args:
        course: whose students get it.
        task: the assignment.
        out: the folder for ``<student>_<assignment>.zip``, ``handout.csv`` for a mail merge, ``spread.csv`` and
            ``spread.html``; made if missing. Handing out again makes the same files.
        jobs: how many at a time; 0 is one a processor.

    Yields:
        Each zip as it is made, in the order of the roster; the report is there when all are.

    Raises:
        ValueError: if the assignment cannot be handed out.
    """
    source_notebook(task.folder)
    out.mkdir(parents=True, exist_ok=True)
    work = [(course, task, student, out) for student in course.roster]
    done: list[Handed] = []
    for handed in in_processes(_hand_to, work, jobs):
        done.append(handed)
        yield handed
    report(course, task, done, out)
    merged = pd.DataFrame(course.roster)[["student", "name", "email"]].assign(zip=[each.zip.name for each in done])
    _files.write_text(out / "handout.csv", merged.to_csv(index=False, lineterminator="\n"))


def in_processes(function: Callable[[Given], Made], work: Sequence[Given], jobs: int) -> Iterator[Made]:
    """The results of a function of one argument, in order; in processes of its own if there are several jobs."""
    jobs = min(jobs or os.cpu_count() or 1, len(work))
    if jobs <= 1:
        yield from map(function, work)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context) as pool:
        yield from pool.map(function, work)


def _hand_to(work: tuple[Course, Task, Student, Path]) -> Handed:
    course, task, student, out = work
    assignment = assignments.load(task.folder)
    drawn = assignments.draw(assignment, course.secret, student.student)
    notebook = student_notebook(source_notebook(task.folder), task.name, student.student, course.mark)
    files = tables_as_files(drawn.source) | {
        f"{task.name}.ipynb": (nbformat.writes(notebook) + "\n").encode(),
        handin.FILE: forms(assignment),
        "COLUMNS.txt": columns(drawn.source).encode(),
        "READ_ME.txt": _READ_ME.format(name=task.name, title=assignment.title).encode(),
    }
    path = out / f"{student.student}_{task.name}.zip"
    _files.write_bytes(path, pack(task.name, files))
    return Handed(
        student.student, path, drawn.company.scenario, drawn.unfit, dict(assignment.difficulty(drawn.company))
    )


def report(course: Course, task: Task, handed: Sequence[Handed], out: Path) -> None:
    """Write how alike the companies of a class are: ``spread.csv`` and ``spread.html``, for the instructor alone."""
    table = pd.DataFrame(
        [{"student": each.student, "drawn": len(each.unfit) + 1, **each.difficulty} for each in handed]
    )
    _files.write_text(out / "spread.csv", table.to_csv(index=False, lineterminator="\n"))
    figures = list(handed[0].difficulty)
    spread = table[figures].describe().T[["min", "25%", "50%", "75%", "max"]]
    far = [
        f"{student}: {name} is {value:.3g}; the middle half of the class has {middle['25%']:.3g} to {middle['75%']:.3g}"
        for name, middle in spread.assign(reach=1.5 * (spread["75%"] - spread["25%"])).iterrows()
        for student, value in zip(table["student"], table[str(name)], strict=True)
        if not middle["25%"] - middle["reach"] <= value <= middle["75%"] + middle["reach"]
    ]
    scenarios = pd.Series([each.scenario for each in handed]).value_counts().sort_index()
    reasons = pd.Series([why for each in handed for why in each.unfit], dtype="str").value_counts()
    parts = [
        f"<h1>{html.escape(course.name)}: {html.escape(task.name)}</h1>",
        f"<p>{len(handed)} companies. For the instructor alone: it says what is planted.</p>",
        "<h2>How alike they are</h2>",
        spread.map(lambda value: f"{value:.3g}").to_html(border=0),
        "<p>None is far from the middle half of the class.</p>"
        if not far
        else "<p>Far from the middle half:</p><ul>"
        + "".join(f"<li>{html.escape(each)}</li>" for each in far)
        + "</ul>",
        "<h2>What happens to them</h2>",
        scenarios.rename("companies").to_frame().to_html(border=0),
        f"<h2>Drawn and not taken: {int(table['drawn'].sum()) - len(table)}</h2>",
        reasons.rename("companies").to_frame().to_html(border=0) if len(reasons) else "<p>Each first draw was fit.</p>",
        "<h2>Each company</h2>",
        table.to_html(border=0, index=False, float_format=lambda value: f"{value:.3g}"),
    ]
    _files.write_text(out / "spread.html", _PAGE.format(title=html.escape(f"{task.name}: spread"), body="".join(parts)))


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse}}td,th{{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:right}}
th:first-child,td:first-child{{text-align:left}}</style></head><body>{body}</body></html>
"""

_READ_ME = """\
{title}

1. Keep these files together in one folder.
2. Open {name}.ipynb in JupyterLab, in a Python where crkit is installed. The workbook's "make lab" has both: copy this
   folder into its notebooks/ folder, and open it there.
3. Work through it from top to bottom, then restart the kernel and run all cells. The last cell shows what is read.
4. Hand in {name}.ipynb alone, where your course collects it.

COLUMNS.txt says what the columns of the tables mean. The company in data/ is yours alone: nobody else in the class has
it. It is simulated, and so are its people.
"""
