"""The instructor's guide: its tables add up, its names exist, its example runs, its page needs no network."""

import collections
import contextlib
import importlib
import io
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from lxml import etree

from crkit import assignments, cli, datasets, guide, handout, questions, quiz_bank, workbook
from crkit.questions.core import judge

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "exercises" / "instructor_guide.md").read_text(encoding="utf-8")
LESSONS = {workbook.topic_of(path): workbook.describe(path) for path in workbook.stored()}
BLOOM = {
    *("name", "describe", "explain", "classify", "match", "find", "compare", "estimate", "calculate", "diagnose"),
    *("choose", "decide", "judge", "justify", "evaluate", "criticise", "defend", "design"),
}


def section(title: str, text: str = TEXT) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level = re.search(rf"^(#+) {re.escape(title)}", text, re.MULTILINE)[1]
    below = text[text.index(f"{level} {title}") + len(level) :]
    following = re.search(rf"^#{{1,{len(level)}}} (?!BEGIN|END)", below, re.MULTILINE)
    return below[: following.start()] if following else below


def tables(text: str) -> list[list[dict[str, str]]]:
    """The tables of a text, as rows by column; every row must have all cells."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        header, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines())
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


@pytest.mark.parametrize(("title", "in_class"), [("One lecture", 90), ("Four weeks", 4 * 180), ("Six weeks", 6 * 180)])
def test_a_syllabus_adds_up(title, in_class):
    plan, times = tables(section(title))
    *parts, total = times
    assert total["part"] == "total"
    assert [row["part"] for row in plan] == [row["part"] for row in parts]
    for row in times:
        assert int(row["talk"]) + int(row["notebooks"]) + int(row["discussion"]) == int(row["in class"])
    for column in ("talk", "notebooks", "discussion", "in class", "outside", "weight"):
        assert sum(int(row[column]) for row in parts) == int(total[column]), column
    assert int(total["in class"]) == in_class
    assert int(total["weight"]) == 100
    assert all(bool(row["assessed by"]) == (int(row["weight"]) > 0) for row in parts)
    if title != "One lecture":
        assert {row["in class"] for row in parts} == {"180"}
    for row in plan:
        verbs = re.findall(r"\*\*(\w+)\*\*", row["objective"])
        assert verbs and set(verbs) <= BLOOM, row["objective"]
        assert row["objective"].startswith("**")
        assert row["activity"].endswith(".")


def test_what_a_syllabus_names_exists():
    syllabi = section("Syllabi")
    for name in re.findall(r"assignment `(\w+)`", syllabi):
        assert name in assignments.names()
    named = set(re.findall(r"`(\w+)`", syllabi)) - {"scenario"}
    assert named == set(LESSONS)
    text = section("What the module is for")
    minutes = sum(lesson.minutes for lesson in LESSONS.values())
    assert f"{minutes} minutes" in text
    assert f"{len(quiz_bank.load())} items" in text
    assert {"seven": 7}[re.search(r"\| (\w+) lessons", text)[1]] == len(LESSONS)


@pytest.mark.parametrize("topic", LESSONS)
def test_each_lesson_has_its_page(topic):
    lesson = section(f"`{topic}` ({LESSONS[topic].minutes} minutes)")
    parts = ["Say first", "Where they get stuck", "Debrief", "Short of time"]
    assert re.findall(r"^\*\*(.+?)\.\*\*", lesson, re.MULTILINE) == parts
    (known,) = tables(lesson)
    assert len(known) >= 3
    module = importlib.import_module(f"crkit.questions.{topic}")
    named = {each.name for question in module.QUESTIONS for each in question.misconceptions}
    assert [row["misconception"] for row in known if row["misconception"].strip("`") not in named] == []
    assert all(row["what they did"] and row["what to answer"][-1] in ".?" for row in known)
    source = workbook.read(workbook.find(topic))
    headings = "\n".join(cell.source for cell in source.cells if cell.cell_type == "markdown")
    for number in re.findall(r"[Ss]ections? (\d)", lesson):
        assert f"## {number}. " in headings, number


def test_every_lesson_that_has_questions_is_in_the_guide():
    assert set(questions.topics()) == set(LESSONS)
    assert re.findall(r"^### `(\w+)` \(", TEXT, re.MULTILINE) == list(LESSONS)


def test_rubrics_have_an_example_of_each_level():
    for table in tables(section("Rubrics")):
        levels = collections.defaultdict(list)
        for row in table:
            levels[row["criterion"]].append(int(row["points"]))
            assert row["what earns them"] and row["example"]
        assert len(levels) >= 2
        assert all(points == list(range(points[0], -1, -1)) and points[0] >= 2 for points in levels.values())
        assert len({row["example"] for row in table}) == len(table)
    assert len(tables(section("Rubrics"))) == 3


def code() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", section("An assignment of your own"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """The worked example, made as the guide says."""
    folder = tmp_path_factory.mktemp("own") / "channels_money"
    folder.mkdir()
    module, setup, *solutions, _ = code()
    (folder / "questions.py").write_text(module, encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(setup)]
    cells += [nbformat.v4.new_code_cell(text, metadata={"tags": ["answer"]}) for text in solutions]
    cells.append(nbformat.v4.new_code_cell("handin.show(globals())"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "channels_money.ipynb")
    return folder


def test_the_worked_example_is_a_fit_assignment(own, monkeypatch):
    """Its solutions get full marks from the files that a student gets, and the student's notebook has none of them."""
    assignment = assignments.load(own)
    source = handout.source_notebook(own)
    rights = set()
    for student in ("ada", "ben", "cem"):
        files = handout.tables_as_files(assignments.draw(assignment, b"a secret", student).source)
        for name, content in {**files, "questions.json": handout.forms(assignment)}.items():
            (own / name).parent.mkdir(exist_ok=True)
            (own / name).write_bytes(content)
        monkeypatch.chdir(own)
        space: dict = {}
        for cell in source.cells:
            exec(cell.source, space)
        tables = datasets.read_files({Path(name).stem: content for name, content in files.items()})
        for question in assignment.questions:
            outcome = judge(question, space[f"answer_{question.name}"], tables)
            assert (outcome.status, outcome.points) == ("right", question.points), outcome.message
        rights.add(space["answer_1"])
    assert len(rights) == 3
    bare = handout.student_notebook(source, "channels_money", "ada")
    text = "\n".join(cell.source for cell in bare.cells)
    assert [f"answer_{number} = ..." in text for number in (1, 2, 3)] == [True] * 3
    assert "SOLUTION" not in text and "idxmax" not in text


def test_the_worked_example_is_tried_as_the_guide_says(own, monkeypatch):
    monkeypatch.chdir(own.parent)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code()[-1], {})
    lines = said.getvalue().splitlines()
    assert len(lines) == 15
    assert collections.Counter(line[4:] for line in lines) == {
        "1 mean over customers 1 of 2": 5,
        "2 most orders 0 of 1": 5,
        "3 revenue, not margin 1 of 2": 5,
    }


def test_the_commands_are_ones_that_there_are():
    lines = re.findall(r"^    (crkit .+)$|`(crkit [a-z]+ [^`]+)`", TEXT, re.MULTILINE)
    commands = [shlex.split(one or other)[1:] for one, other in lines]
    assert {words[0] for words in commands} == {"course", "assign", "grade", "quiz", "slides", "new"}
    for words in commands:
        cli.parser().parse_args(words)
    for words in commands:
        named = {Path(word).name for word in words} & {*assignments.names(), *LESSONS, "channels_money", "mycourse"}
        assert named, words
    for file in set(re.findall(r"`(\w+\.(?:lock|yml|ipynb|md))`|-r (\w+\.lock)", TEXT)):
        name = "".join(file)
        made_for_students = {"my_hub.yaml", "marking.ipynb", "my_segments.ipynb"}
        assert name in made_for_students or (ROOT / name).is_file(), name


def test_the_web_page_has_all_of_the_guide_and_needs_no_network(tmp_path, capsys):
    assert cli.main(["guide", "--out", str(tmp_path / "out")]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", page)
    root = etree.fromstring(page, etree.HTMLParser())
    ids = [node.get("id") for node in root.iter("h2", "h3")]
    assert len(set(ids)) == len(ids) == len(re.findall(r"^##+ (?!BEGIN|END)", TEXT, re.MULTILINE))
    linked = [node.get("href")[1:] for node in root.find(".//nav").iter("a")]
    assert linked == ids
    assert len(root.findall(".//table")) == len(tables(TEXT))
    assert [node.get("href") for node in root.iter("a") if not node.get("href").startswith("#")] == [
        "https://mybinder.org"
    ]
    assert "".join(root.find(".//pre").itertext()).strip()
    assert page == guide.write(tmp_path / "out").read_text(encoding="utf-8")
