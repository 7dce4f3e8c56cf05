"""Grading, on real submissions in real processes, shut in."""

from __future__ import annotations

import datetime
import json
import random

import nbformat
import pytest
import teaching

from crkit import assignments, grading, handout, intake, sandbox
from crkit.cli import main
from crkit.sandbox import Sandbox

WAYS = {
    # name: the answers by question, what becomes of the four questions, and the points
    "honest": (teaching.SOLUTIONS, "passed passed passed passed", 8),
    "empty": ({}, "not_attempted not_attempted not_attempted not_attempted", 0),
    "known": ({"1": 'answer_1 = orders["amount_eur"].mean()'}, "known not_attempted not_attempted not_attempted", 1),
    "wrong": (
        {
            "1": "answer_1 = 3",
            "2": "def answer_2(orders, n):\n    return n",
            "3": "answer_3 = 'text'",
            "4": "answer_4 = 7",
        },
        "wrong wrong wrong wrong",
        0,
    ),
    "warns": (
        {**teaching.SOLUTIONS, "1": 'import warnings\nwarnings.warn("careful")\n' + teaching.SOLUTIONS["1"]},
        "passed passed passed passed",
        8,
    ),
    "crash": ({**teaching.SOLUTIONS, "1": "answer_1 = 1 / 0"}, "ungradable passed passed passed", 6),
    "exits": (
        {**teaching.SOLUTIONS, "3": "import os\nos._exit(0)\nanswer_3 = 1"},
        "passed passed ungradable passed",
        7,
    ),
    "loops": ({**teaching.SOLUTIONS, "3": "while True:\n    answer_3 = 1"}, "passed passed timed_out passed", 7),
    "loops inside": (
        {**teaching.SOLUTIONS, "2": "def answer_2(orders, n):\n    while True:\n        pass"},
        "passed timed_out passed passed",
        5,
    ),
    "hog": (
        {**teaching.SOLUTIONS, "3": "import numpy\nanswer_3 = numpy.ones(10**9).sum()"},
        "passed passed out_of_memory passed",
        7,
    ),
    "renamed": ({**teaching.SOLUTIONS, "1": "answr_1 = 3"}, "not_attempted passed passed passed", 6),
    "always equal": (
        {
            "1": "class Yes:\n    def __eq__(self, other): return True\n    def __float__(self): return 1.0\n\n"
            "answer_1 = Yes()"
        },
        "wrong not_attempted not_attempted not_attempted",
        0,
    ),
    "patched": (
        {
            "1": "import pandas as pd\nfrom crkit.questions import core\npd.DataFrame.equals = lambda *_: True\n"
            "core.judge = core.take = core.judge_taken = lambda *_: {'state': 'given', 'value': 1.0}\nanswer_1 = 5",
            "3": teaching.SOLUTIONS["3"],
        },
        "wrong not_attempted passed not_attempted",
        1,
    ),
    "reads": (
        {
            "1": f"answer_1 = len(open({str(assignments.find('segments') / 'questions.py')!r}).read())",
            "2": "text = open('../solution').read()\ndef answer_2(orders, n): return 0",
            "3": "answer_3 = len(open('/etc/passwd').read())",
        },
        "ungradable ungradable ungradable not_attempted",
        0,
    ),
    "kills": (
        {
            **teaching.SOLUTIONS,
            "2": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)\n"
            + teaching.SOLUTIONS["2"],
        },
        "passed passed passed passed",  # it may send no signals
        8,
    ),
}
CLASS = 6  # students: the first of these ways
SHORT = {"known": "wrong in a known way"}


def statuses(text):
    return [SHORT.get(word, word.replace("_", " ")) for word in text.split()]


@pytest.fixture(scope="module")
def its(tmp_path_factory):
    roster = "student,name,canvas_id\n" + "".join(
        f"s{number:03},Student {'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[number]},{1000 + number}\n" for number in range(CLASS)
    )
    return teaching.make_course(tmp_path_factory.mktemp("grading") / "course", roster)


@pytest.fixture(scope="module")
def jail(its):
    with Sandbox(its.limits) as made:
        yield made


def found_of(its, student, notebook, moment="2027-03-19T20:00:00+01:00"):
    upload = intake.Upload(
        f"{student}.ipynb", teaching.as_bytes(notebook), datetime.datetime.fromisoformat(moment), "zip"
    )
    (found,) = intake.sort([upload], its.roster, "tiny", [], None)
    return found


def graded(its, jail, student, notebook, **more):
    return grading.grade_one(its.task("tiny"), its.secret, found_of(its, student, notebook, **more), jail)


@pytest.mark.parametrize("way", WAYS)
def test_what_becomes_of_a_submission(its, jail, way):
    answers, expected, points = WAYS[way]
    result = graded(its, jail, "s001", teaching.submission(its, "s001", answers))
    questions = result["questions"]
    assert [question["status"] for question in questions] == statuses(expected), [q["message"] for q in questions]
    assert sum(question["points"] for question in questions) == points
    assert all(question["message"] for question in questions)
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result, allow_nan=False))
    if way == "renamed":
        assert "It has answr_1: if that is meant, it has to be named answer_1." in questions[0]["message"]
    if way == "known":
        assert (questions[0]["misconception"], questions[0]["points"]) == ("mean", 1)
    if way == "crash":
        assert "ZeroDivisionError" in questions[0]["message"]
    if way == "wrong":
        assert questions[0]["hint"] == "Add up one column."
    assert questions[0]["right"]["value"] == pytest.approx(
        handout.own_source(_assignment(its), its.secret, "s001")["orders"]["amount_eur"].sum()
    )


def _assignment(its):
    return assignments.load(its.task("tiny").folder)


def test_deleted_copied_and_reordered_cells(its, jail):
    notebook = teaching.submission(its, "s001")
    setup, *rest = [cell for cell in notebook.cells if cell.cell_type == "code"]
    blank = [c for c in teaching.submission(its, "s001", {}).cells if c.cell_type == "code"][1:]
    for cell in blank:
        cell.id += "-copy"
    notebook.cells = [setup, *reversed(rest), *blank, nbformat.v4.new_raw_cell("answer_1 = 5")]
    notebook.metadata = {}
    assert [q["status"] for q in graded(its, jail, "s001", notebook)["questions"]] == ["passed"] * 4
    notebook.cells = [setup, rest[3], rest[0]]
    got = [q["status"] for q in graded(its, jail, "s001", notebook)["questions"]]
    assert got == ["passed", "not attempted", "not attempted", "passed"]


def test_a_neighbours_answer_is_wrong_and_can_be_seen(its, jail):
    theirs = float(handout.own_source(_assignment(its), its.secret, "s002")["orders"]["amount_eur"].sum())
    notebook = teaching.submission(its, "s002", {"1": f"answer_1 = {theirs!r}"})
    result = graded(its, jail, "s002", notebook)
    assert result["questions"][0]["status"] == "passed"
    found = found_of(its, "s002", notebook)
    result = grading.grade_one(its.task("tiny"), its.secret, found._replace(student=its.roster[1]), jail)
    assert result["questions"][0]["status"] == "wrong"
    assert result["made_for"] == "s002"
    assert result["questions"][0]["answer"]["value"] == pytest.approx(theirs)


def test_late_work_is_told_as_it_is(its, jail):
    notebook = teaching.submission(its, "s001")
    for moment, expected in (
        ("2027-03-20T00:14:00+01:00", (0, 0.0)),
        ("2027-03-19T23:14:30+00:00", (1, 10.0)),
        ("2027-03-21T09:00:00+01:00", (2, 20.0)),
    ):
        result = graded(its, jail, "s001", notebook, moment=moment)
        assert (result["days_late"], result["late_percent"]) == expected
        assert sum(question["points"] for question in result["questions"]) == 8


def class_zip(its, folder, order, moment=(2027, 3, 19, 20, 0, 0)):
    files = {}
    for number, student in enumerate(its.roster):
        answers = list(WAYS.values())[number][0]
        if list(WAYS)[number] not in ("honest", "empty", "known", "wrong", "crash"):
            answers = teaching.SOLUTIONS
        name = student.name.split()[1].lower() + "student"
        files[f"{name}_{student.canvas_id}_{5000 + number}_tiny.ipynb"] = teaching.as_bytes(
            teaching.submission(its, student.student, answers)
        )
    files["notes.pdf"] = b"%PDF"
    names = sorted(files)
    random.Random(order).shuffle(names)
    return teaching.make_zip(folder / "all.zip", {name: files[name] for name in names}, moment)


def as_bytes(out):
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()}


def test_neither_order_nor_jobs_change_a_mark_and_what_was_stopped_goes_on(its, tmp_path, monkeypatch):
    task = its.task("tiny")
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    first = list(grading.grade(its, task, class_zip(its, tmp_path / "a", 1), tmp_path / "one", jobs=2))
    assert len(first) == len(its.roster)
    assert not any(each.again for each in first)
    begun = grading.grade(its, task, class_zip(its, tmp_path / "b", 2), tmp_path / "two", jobs=1)
    for _ in range(4):
        next(begun)
    begun.close()
    runs = []
    real = Sandbox.run
    monkeypatch.setattr(Sandbox, "run", lambda self, work: (runs.append(1), real(self, work))[1])
    went_on = list(grading.grade(its, task, tmp_path / "b" / "all.zip", tmp_path / "two", jobs=1))
    assert sum(each.again for each in went_on) == 4
    assert len(runs) == len(its.roster) - 4
    assert as_bytes(tmp_path / "one") == as_bytes(tmp_path / "two")
    assert {each.student: each.points for each in first} == {each.student: each.points for each in went_on}
    files = json.loads((tmp_path / "one" / "files.json").read_text(encoding="utf-8"))
    assert [each["became"] for each in files].count("graded") == len(its.roster)
    assert [each["became"] for each in files if each["file"].endswith(".pdf")] == ["no notebook"]
    # another file of one student: that one is graded again, and a student who handed in nothing any more is left out
    its_zip = tmp_path / "b" / "all.zip"
    only = teaching.make_zip(
        its_zip, {"s000.ipynb": teaching.as_bytes(teaching.submission(its, "s000", {}))}, (2027, 3, 19, 20, 0, 0)
    )
    (again,) = grading.grade(its, task, only, tmp_path / "two", jobs=1)
    assert (again.student, again.points, again.again) == ("s000", 0, False)
    assert [file.stem for file in (tmp_path / "two" / "results").glob("*.json")] == ["s000"]


def test_the_command_writes_grades_feedback_and_the_class_page(its, tmp_path, capsys):
    class_zip(its, tmp_path, 3)
    command = [
        "grade",
        str(tmp_path / "all.zip"),
        "--course",
        str(its.folder),
        "--out",
        str(tmp_path / "out"),
        "--jobs",
        "1",
    ]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"{len(its.roster)} of {len(its.roster)} students graded" in said
    assert "criteria are still to be marked by a person, and count 0 points until then" in said
    for name in (
        "grades.csv",
        "grades_canvas.csv",
        "grades_moodle.csv",
        "class.html",
        "marking.ipynb",
        "feedback/s000.html",
    ):
        assert (tmp_path / "out" / name).is_file(), name
    assert main(command) == 0
    assert f"{len(its.roster)} of them before" in capsys.readouterr().out
    page = tmp_path / "out" / "feedback" / "s000.html"
    notebook = tmp_path / "s000.ipynb"
    notebook.write_bytes(teaching.as_bytes(teaching.submission(its, "s000")))
    assert main(["receipt", str(page), str(notebook)]) == 0
    notebook.write_bytes(notebook.read_bytes() + b"\n")
    assert main(["receipt", str(page), str(notebook)]) == 1
    nbformat.read(tmp_path / "out" / "marking.ipynb", as_version=4)


def test_a_wrong_folder_changes_nothing_and_who_is_lost_is_named(its, tmp_path, capsys):
    out = tmp_path / "out"

    def grade(given):
        return main(["grade", str(given), "--course", str(its.folder), "--out", str(out), "--jobs", "1"])

    for student in ("s000", "s001"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{student}.ipynb").write_bytes(teaching.as_bytes(teaching.submission(its, student)))
    assert grade(tmp_path / "in") == 0
    before = as_bytes(out)
    (tmp_path / "pdf").mkdir()
    (tmp_path / "pdf" / "s000.pdf").write_bytes(b"%PDF")
    (its.folder / "handout").mkdir(exist_ok=True)
    for given, says in (
        (tmp_path / "submissoins", "there is no"),
        (tmp_path / "pdf", "so nothing was changed; for example s000.pdf: It is .pdf"),
        (its.folder / "handout", "that is what you handed out"),
    ):
        assert grade(given) == 2
        assert says in capsys.readouterr().err
        assert as_bytes(out) == before
    (tmp_path / "in" / "s001.ipynb").unlink()
    assert grade(tmp_path / "in") == 0
    assert "LOST: 1 had a result before and have none now, their files are gone: s001" in capsys.readouterr().out


def test_without_a_sandbox_nothing_is_run_unless_told_so_in_words(its, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda: "there is no bubblewrap here")
    notebook = tmp_path / "s000.ipynb"
    notebook.write_bytes(teaching.as_bytes(teaching.submission(its, "s000")))
    command = ["grade", str(notebook), "--course", str(its.folder), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "nothing was run: there is no bubblewrap here" in said
    assert "--run-without-sandbox" in said
    assert not (tmp_path / "out").exists()
    assert main([*command, "--run-without-sandbox"]) == 0
    assert teaching.results(tmp_path / "out")["s000"]["1"]["status"] == "passed"
