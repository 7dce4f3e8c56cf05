"""The form for nbgrader, with nbgrader's own commands."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
import teaching

from crkit import assignments, handout, nbgrader_form

pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's own libraries


@pytest.fixture
def its(tmp_path):
    return teaching.make_course(tmp_path / "course", "student,name\ns001,Ada Lovelace\n")


def test_nbgrader_generates_validates_and_grades_it(its, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # it starts alembic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbgrader.apps import NbGraderAPI
        from nbgrader.validator import Validator
        from traitlets.config import Config

    folder = tmp_path / "nbgrader"
    nbgrader_form.write(its, its.task("tiny"), folder)
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.NbGrader.logfile = ""
    api = NbGraderAPI(config=config)
    done = api.generate_assignment("tiny", create=True)
    assert done["success"], done.get("error", done.get("log"))
    release = folder / "release" / "tiny"
    text = (release / "tiny.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    assert "check(" not in text
    assert sorted(file.name for file in release.rglob("*") if file.is_file()) == [
        "orders.csv",
        "questions.json",
        "tiny.ipynb",
    ]
    nothing = Validator().validate(str(release / "tiny.ipynb"))
    assert nothing.get("failed")

    file = folder / "submitted" / "ada" / "tiny" / "tiny.ipynb"
    shutil.copytree(release, file.parent)
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.id.startswith("a"):
            cell.source = teaching.SOLUTIONS[cell.id[1:]]
    nbformat.write(notebook, file)
    assert not Validator().validate(str(file)).get("failed")
    right = file.read_text(encoding="utf-8")
    assert "answer_3 = orders" in right
    file.write_text(right.replace("answer_3 = orders", "answer_3 = 2 * orders"), encoding="utf-8")
    done = api.autograde("tiny", "ada", create=True)
    assert done["success"], done.get("error", done.get("log"))
    with api.gradebook as gradebook:
        scores = {each.student.id: (each.score, each.max_score) for each in gradebook.assignment_submissions("tiny")}
    assert scores == {"ada": (7.0, 10.0)}  # question 3 is wrong, and 2 points are given by hand


@pytest.mark.parametrize("name", assignments.names())
def test_each_assignments_hidden_tests_pass_on_its_own_solutions(its, name, tmp_path, monkeypatch):
    """As nbgrader runs them, in one process: right answers pass, none and the wrong ones do not."""
    task = its.task("tiny")._replace(name=name, folder=assignments.find(name))
    made = nbgrader_form.write(its, task, tmp_path / "nbgrader")
    notebook = nbformat.read(made[0], as_version=4)
    nbformat.validate(notebook)
    monkeypatch.chdir(made[0].parent)
    space: dict[str, object] = {}
    points = 0
    for cell in notebook.cells:
        if cell.cell_type != "code" or "show(globals())" in cell.source:
            continue
        exec(cell.source, space)
        if cell.id.startswith("test-"):
            points += cell.metadata["nbgrader"]["points"]
            with pytest.raises(AssertionError):
                exec(cell.source, {**space, f"answer_{cell.id[5:]}": ...})
    assert points == sum(question.points for question in assignments.load(task.folder).questions)
    released = handout.student_notebook(handout.source_notebook(task.folder), name, "s001")
    assert {cell.id for cell in released.cells} <= {cell.id for cell in notebook.cells}
