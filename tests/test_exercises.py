"""Every assignment: what it asks, the companies it is asked of, and that its answers are judged as they should be."""

import dataclasses
import functools
import math
from collections import Counter

import nbformat
import numpy as np
import pytest

from crkit import assignments, datasets
from crkit.questions.core import Misconception, Question, judge

FOLDERS = sorted(file.parent for file in assignments.exercises_dir().glob("*/questions.py"))
NAMES = [folder.name for folder in FOLDERS]
# an assignment's tests stay in one worker, which draws and solves each company once
EACH = [pytest.param(name, marks=pytest.mark.xdist_group(f"assignment {name}")) for name in NAMES]
SECRET = b"a secret of the tests"
STUDENTS = tuple(f"student{number}" for number in range(10))
LEVELS = ("apply", "analyse", "evaluate")
KINDS = {"number", "choice", "table", "function", "decision"}


@functools.cache
def assignment(name):
    return assignments.load(assignments.exercises_dir() / name)


@functools.cache
def drawn(name, student):
    return assignments.draw(assignment(name), SECRET, student)


@functools.cache
def once(name):
    """The questions; each computes its values once for a source, since it is judged several times here."""

    def kept(solve, kind):
        return solve if kind == "function" else functools.cache(solve)

    return tuple(
        dataclasses.replace(
            question,
            solve=kept(question.solve, question.kind),
            also=question.also and functools.cache(question.also),
            cases=question.cases and functools.cache(question.cases),
            misconceptions=tuple(
                dataclasses.replace(known, solve=kept(known.solve, question.kind)) for known in question.misconceptions
            ),
        )
        for question in assignment(name).questions
    )


@functools.cache
def notebook(name):
    return nbformat.read(assignments.exercises_dir() / name / f"{name}.ipynb", as_version=4)


def tagged(name, tag):
    return [cell for cell in notebook(name).cells if tag in cell.metadata.get("tags", [])]


def marks(question, solved, source):
    return judge(question, assignments.answer_of(question, solved), source)


def test_there_are_assignments():
    assert {"segments", "relationships", "hub", "loyalty", "feedback"} <= set(NAMES)


@pytest.mark.parametrize("name", EACH)
def test_an_assignment_rises_from_apply_to_evaluate_through_every_kind_of_question(name):
    questions = assignment(name).questions
    assert 8 <= len(questions) <= 12
    assert {question.kind for question in questions} == KINDS
    levels = [LEVELS.index(question.level) for question in questions]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2}
    assert questions[-1].kind == "decision"
    assert all(question.level == "evaluate" for question in questions if question.kind == "decision")
    assert 90 <= assignment(name).minutes <= 120


@pytest.mark.parametrize("name", EACH)
def test_every_question_is_complete(name):
    for question in assignment(name).questions:
        where = f"{name}, question {question.name}"
        assert 2 <= len(question.hints) <= 3, where
        ways = {known.name: known.credit for known in question.misconceptions}
        assert 2 <= len(ways) <= 5, where
        assert all(0 <= credit <= 0.5 for credit in ways.values()), where
        assert question.alternatives, where
        assert question.wrong, where
        for text in (question.ask, question.basis, *question.hints, *(one.says for one in question.misconceptions)):
            assert text.endswith((".", "?")), f"{where}: {text}"
            assert "!" not in text, f"{where}: {text}"
        for line in question.rubric:
            worth = [level[0] for level in line.levels]
            assert len(worth) >= 3, where
            assert worth == sorted(set(worth), reverse=True), where
            assert worth[-1] == 0, where
            assert all(earns.endswith(".") and example.endswith(".") for _, earns, example in line.levels), where


@pytest.mark.parametrize("name", EACH)
def test_the_notebook_asks_every_question_with_its_points(name):
    cells = notebook(name).cells
    answers = tagged(name, "answer")
    questions = assignment(name).questions
    assert len(answers) == len(questions)
    for question, cell in zip(questions, answers, strict=True):
        by_person = sum(line.levels[0][0] for line in question.rubric)
        points = f"{question.points}{f' + {by_person}' if by_person else ''}"
        worth = f"{points} point{'' if points == '1' else 's'}"
        asked = cells[cells.index(cell) - 1]
        assert asked.cell_type == "markdown"
        assert asked.source.startswith(f"### Question {question.name} ({worth}, {question.level})\n")
        assert question.title in asked.source
        assert question.ask in asked.source
        assert cell.source.count("### BEGIN SOLUTION") == cell.source.count("### END SOLUTION") == 1
        assert f"answer_{question.name}" in cell.source
        assert question.kind != "function" or cell.source.startswith(f"def answer_{question.name}(")
    first = cells[0].source
    machine = sum(question.points for question in questions)
    person = sum(line.levels[0][0] for question in questions for line in question.rubric)
    assert assignment(name).title in first
    assert f"{assignment(name).minutes} minutes" in first
    assert f"{len(questions)} questions, {machine + person} points: {machine} are" in first
    assert f"by a program and {person} by a person" in first
    assert 'datasets.read_folder("data")' in tagged(name, "setup")[0].source
    assert cells[-1].source == "from crkit.handin import show\n\nshow(globals())"


@pytest.mark.parametrize("name", EACH)
def test_the_notebook_is_stored_without_outputs_and_names(name):
    for number, cell in enumerate(notebook(name).cells):
        assert cell.id == f"c{number}"
        assert cell.cell_type == "markdown" or not (cell.outputs or cell.execution_count)


@pytest.mark.parametrize("name", EACH)
def test_no_code_cell_is_empty_or_long(name):
    """As in the lessons: a student reads these cells, and an instructor the solutions."""
    lines = {cell.id: len(cell.source.splitlines()) for cell in notebook(name).cells if cell.cell_type == "code"}
    assert {where: count for where, count in lines.items() if not 1 <= count <= 12} == {}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("student", STUDENTS)
def test_the_solutions_of_the_notebook_get_full_marks(name, student, monkeypatch):
    source = drawn(name, student).source
    before = {table: frame.copy() for table, frame in source.tables.items()}
    monkeypatch.setattr(datasets, "read_folder", lambda folder: {"data": source}[folder], raising=False)
    ran = {}
    for cell in notebook(name).cells:
        if cell.cell_type == "code" and "handin" not in cell.metadata.get("tags", []):
            exec(cell.source, ran)
    for table, frame in before.items():
        assert frame.equals(source[table]), f"the notebook changes {table}"
    for question in once(name):
        outcome = judge(question, ran[f"answer_{question.name}"], source)
        assert (outcome.status, outcome.points) == ("right", question.points), outcome


@pytest.mark.parametrize("name", EACH)
def test_every_known_wrong_way_gets_the_marks_that_it_should(name):
    differs = Counter()
    for student in STUDENTS[:5]:
        source = drawn(name, student).source
        for question in once(name):
            if question.kind == "function" and student not in STUDENTS[:2]:
                continue  # its cases are nearly the same for everybody
            credit = {known.name: known.credit for known in question.misconceptions}
            for known in question.misconceptions:
                outcome = marks(question, known.solve(source), source)
                if outcome.status == "right":  # a choice may be right for a wrong reason
                    assert question.kind == "choice", f"{student}: {known.name} passes question {question.name}"
                    continue
                differs[question.name, known.name] += 1
                assert outcome.status == "misconception", f"{student}, {known.name}: {outcome}"
                told = outcome.misconception.split(" or ")  # several, where they cannot be told apart
                assert known.name in told, f"{student}: {outcome}"
                assert len(told) == 1 or question.kind == "choice", f"{student}: {outcome}"
                earns = max(credit[way] for way in told) * question.points
                assert math.isclose(outcome.points, earns, abs_tol=1e-9), f"{student}: {outcome}"
    for question in assignment(name).questions:
        for known in question.misconceptions:
            assert differs[question.name, known.name], f"question {question.name}: {known.name} is never wrong"


@pytest.mark.parametrize("name", EACH)
def test_other_forms_of_right_answers_pass_and_wrong_ones_do_not(name):
    for student in STUDENTS[:3]:
        source = drawn(name, student).source
        for question in once(name):
            for number, alternative in enumerate(question.alternatives):
                outcome = marks(question, alternative(source), source)
                assert outcome.status == "right", f"{student}, alternative {number}: {outcome}"
            for other in (question.also or (lambda _: ()))(source):
                assert marks(question, other, source).status == "right"
            for number, wrong in enumerate(question.wrong):
                outcome = marks(question, wrong(source), source)
                assert outcome.status in ("wrong", "misconception"), f"{student}, wrong answer {number}: {outcome}"
                assert outcome.points < question.points


@pytest.mark.parametrize("name", EACH)
def test_a_draw_is_the_same_again_and_another_secret_gives_another_company(name):
    student = min(STUDENTS, key=lambda one: drawn(name, one).draw)
    first, again = drawn(name, student), assignments.draw(assignment(name), SECRET, student)
    other = assignments.draw(assignment(name), b"another secret", student)
    assert (first.draw, first.unfit) == (again.draw, again.unfit)
    assert first.company.seed == again.company.seed != other.company.seed
    for table, frame in first.source.tables.items():
        assert frame.equals(again.source[table])
        assert not frame.equals(other.source[table])
    assert set(first.source.tables) == {*assignment(name).tables, *assignment(name).extra}
    assert "truth" not in first.source
    assert first.source.company is None


@pytest.mark.parametrize("name", EACH)
def test_students_get_different_companies_of_which_a_third_or_more_are_fit(name):
    each = [drawn(name, student) for student in STUDENTS]
    assert len({one.company.seed for one in each}) == len(each)
    assert len({one.company.scenario for one in each}) > 1
    assert len({repr(one.company.model) for one in each}) > 1
    numbers = [question for question in assignment(name).questions if question.kind in ("number", "decision")]
    for question in numbers:
        answers = {question.solve(one.source) for one in each}
        assert len(answers) >= 5, f"question {question.name} has the same answer for most students"
    assert sum(one.draw + 1 for one in each) <= 3 * len(each)
    plants = [assignment(name).plant(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert plants[0] == plants[1] != plants[2]


@pytest.mark.parametrize("name", EACH)
def test_the_difficulty_of_a_company_is_a_few_numbers(name):
    each = [assignment(name).difficulty(drawn(name, student).company) for student in STUDENTS[:3]]
    assert 2 <= len(each[0]) <= 4
    for figures in each:
        assert list(figures) == list(each[0])
        assert all(type(value) is float and math.isfinite(value) for value in figures.values())


@pytest.mark.parametrize("name", EACH)
def test_a_company_with_too_few_customers_is_refused(name):
    few = dataclasses.replace(assignment(name), n_customers=100)
    assert few.unfit(assignments.company_of(few, 1, 1))


def test_a_wrong_way_that_gives_the_right_answer_is_named():
    number = Question("1", "t", "a", "number", lambda _: 1.0, needs=())
    same = Misconception("as well", lambda _: 1.0, "s")
    other = Misconception("not", lambda _: 2.0, "s")
    choice = dataclasses.replace(number, name="2", kind="choice", choices=("a", "b"), solve=lambda _: "a")
    right, wrong = (dataclasses.replace(same, solve=lambda _, value=value: value) for value in "ab")
    source = datasets.Source(name="a shop", description="a shop", tables={})
    questions = (
        dataclasses.replace(number, misconceptions=(same, other)),
        dataclasses.replace(choice, misconceptions=(right, wrong)),
        dataclasses.replace(choice, name="3", misconceptions=(right,)),
    )
    assert assignments.coinciding(questions, source) == [
        "question 1: as well gives the right answer",
        "question 3: as well gives the right answer",
    ]
