"""A small assignment and a small course, for the tests of handing out and grading."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat

from crkit import course, handout
from crkit.course import Course

QUESTIONS = """
from crkit.assignments import Assignment, Plant
from crkit.questions.core import Criterion, Misconception, Question


def by_channel(source):
    return source["orders"].groupby("channel", observed=True)["amount_eur"].sum().reset_index()


def top(orders, n):
    return float(orders["amount_eur"].nlargest(n).sum())


ASSIGNMENT = Assignment(
    name="tiny",
    title="What do orders bring?",
    minutes=5,
    questions=(
        Question(
            name="1", title="Revenue", ask="What did all orders bring, in EUR?", kind="number", points=2, relative=1e-4,
            solve=lambda source: float(source["orders"]["amount_eur"].sum()), basis="amount_eur of all orders",
            hints=("Add up one column.",),
            misconceptions=(
                Misconception("mean", lambda source: float(source["orders"]["amount_eur"].mean()), "That is a mean.",
                              credit=0.5),
            ),
        ),
        Question(
            name="2", title="Largest orders", ask="Write answer_2(orders, n).", kind="function", points=3,
            relative=1e-6, solve=lambda source: top, basis="amount_eur of the n largest orders",
            cases=lambda source: [(source["orders"].head(40), n) for n in (1, 5)],
        ),
        Question(
            name="3", title="By channel", ask="Revenue by channel.", kind="table", keys=("channel",), solve=by_channel,
            basis="amount_eur of orders by channel", relative=1e-4,
        ),
        Question(
            name="4", title="What to do", ask="How many orders a customer, and what follows?", kind="decision",
            solve=lambda source: len(source["orders"]) / source["orders"]["customer_id"].nunique(), relative=1e-4,
            basis="rows of orders, and customers in it", points=2,
            rubric=(Criterion("the action can be done", ((2, "names who and when", "Ada calls on Monday."),
                                                         (0, "names neither", "Something must be done."))),),
        ),
    ),
    tables=("orders",),
    plant=lambda rng: Plant(rng.choice(["healthy", "impersonal"])),
    unfit=lambda company: ["too few orders"] if len(company.orders) < 300 else [],
    difficulty=lambda company: {"orders": float(len(company.orders))},
    n_customers=60,
)
"""
SOLUTIONS = {
    "1": 'answer_1 = orders["amount_eur"].sum()',
    "2": 'def answer_2(orders, n):\n    return orders["amount_eur"].nlargest(n).sum()',
    "3": 'answer_3 = orders.groupby("channel", observed=True)["amount_eur"].sum()',
    "4": 'answer_4 = {\n    "claim": "They come back.",\n    "number": len(orders) / orders["customer_id"].nunique(),\n'
    '    "action": "Ada calls on Monday.",\n}',
}
SETUP = 'from crkit import datasets\n\norders = datasets.read_folder("data")["orders"]'
HAND_IN = "from crkit.handin import show\n\nshow(globals())"


def make_assignment(folder: Path) -> Path:
    """Write the assignment ``tiny`` into a folder; gives its own folder."""
    own = folder / "tiny"
    own.mkdir(parents=True)
    (own / "questions.py").write_text(QUESTIONS, encoding="utf-8")
    cells = [
        nbformat.v4.new_markdown_cell("# Assignment: tiny\n\nSee [the lesson](../notebooks/02.ipynb).", id="c0"),
        nbformat.v4.new_code_cell(SETUP, id="c1", metadata={"tags": ["setup"]}),
    ]
    for name, text in SOLUTIONS.items():
        head, _, body = text.partition("\n")
        if head.startswith("def"):
            marked = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        else:
            marked = f"### BEGIN SOLUTION\n{text}\n### END SOLUTION"
        cells.append(nbformat.v4.new_markdown_cell(f"### Question {name}", id=f"q{name}"))
        cells.append(nbformat.v4.new_code_cell(marked, id=f"a{name}", metadata={"tags": ["answer"]}))
    cells.append(nbformat.v4.new_code_cell(HAND_IN, id="last", metadata={"tags": ["handin"]}))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), own / "tiny.ipynb")
    return own


def make_course(folder: Path, roster: str, toml: str = "") -> Course:
    """A course with the assignment ``tiny``, due on 19 March 2027 at 23:59 in Berlin."""
    course.init(folder)
    make_assignment(folder / "exercises")
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    (folder / "course.toml").write_text(
        f'name = "Course"\ntime_zone = "Europe/Berlin"\nsecret = "{"5e" * 32}"\n'
        '[late]\nrule = "percent"\npercent_a_day = 10\ngrace_minutes = 15\n'
        "[limits]\ncell_seconds = 2\nseconds = 15\nmemory_mb = 400\n"
        f'[assignments.tiny]\ndue = 2027-03-19T23:59:00\nfolder = "exercises/tiny"\n{toml}',
        encoding="utf-8",
    )
    return course.read(folder)


def submission(its: Course, student: str, answers: Mapping[str, str] = SOLUTIONS) -> nbformat.NotebookNode:
    """A student's notebook with these answers, by question; a question without one stays as it was handed out."""
    source = handout.source_notebook(its.task("tiny").folder)
    notebook = handout.student_notebook(source, "tiny", student)
    for cell in notebook.cells:
        if cell.id.startswith("a") and cell.id[1:] in answers:
            cell.source = answers[cell.id[1:]]
    return notebook


def as_bytes(notebook: nbformat.NotebookNode) -> bytes:
    return nbformat.writes(notebook).encode()


def make_zip(file: Path, files: Mapping[str, bytes], moment: tuple[int, int, int, int, int, int]) -> Path:
    """A zip as an LMS gives it, every file of one moment."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, moment), content)
    return file


def results(out: Path) -> dict[str, dict[str, dict[str, object]]]:
    """The questions of each result in a folder, by student and name."""
    found = {}
    for file in (out / "results").glob("*.json"):
        result = json.loads(file.read_text(encoding="utf-8"))
        found[result["student"]] = {question["name"]: question for question in result["questions"]}
    return found
