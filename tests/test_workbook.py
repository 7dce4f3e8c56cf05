"""The runner: what it refuses, what it finds in an executed notebook, and that refreshing is stable."""

import datetime
import html
import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from crkit import workbook
from tests.conftest import PARAMETERS, PICTURE


class Resources(html.parser.HTMLParser):
    """Everything that a page would fetch, and every picture without alt text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.without_alt: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.scripts += tag == "script"
        for name in ("src", "srcset", "data", "poster") + (("href",) if tag == "link" else ()):
            if (value := values.get(name)) and not value.startswith("data:"):
                self.fetched.append(f"{tag} {name}={value}")
        if tag == "img" and not (values.get("alt") or "").strip():
            self.without_alt.append(str(values)[:80])


def resources(text: str) -> Resources:
    found = Resources()
    found.feed(text)
    styles = "".join(re.findall(r"<style.*?</style>", text, flags=re.DOTALL))
    found.fetched += re.findall(r"@import[^;]*|url\(\s*['\"]?(?:https?:|//)[^)]*", styles)
    return found


# ------------------------------------------------------------------------------------------------------- what is read


def test_a_lesson_describes_itself(make_notebook):
    lesson = workbook.describe(make_notebook(name="07_small.ipynb"))
    assert (lesson.topic, lesson.title, lesson.minutes) == ("small", "Small things", 5)
    assert lesson.question == "How small can a lesson be?"
    assert lesson.objectives == ("count to three,", "draw a dot,", "stop.")
    assert (lesson.data, lesson.table) == (("kittiwake",), "orders")


def test_an_unknown_topic_lists_the_topics(monkeypatch, tmp_path):
    for name in ("00_start_here", "02_segments"):
        (tmp_path / f"{name}.ipynb").touch()
    monkeypatch.setattr(workbook, "folder", lambda: tmp_path)
    assert workbook.find("segments") == workbook.find("02_segments.ipynb") == tmp_path / "02_segments.ipynb"
    with pytest.raises(
        ValueError, match=r"'segmants'\. Did you mean 'segments'\? The topics are: start_here, segments"
    ):
        workbook.find("segmants")


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"cells": [{"cell_type": "odd", "source": ""}]}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "odd.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"odd\.ipynb is not a Jupyter notebook"):
        workbook.read(path)


def test_parameters_are_read_with_their_comments(make_notebook):
    found = workbook.parameters(workbook.read(make_notebook()))
    assert list(found) == ["data", "seed", "columns", "hub_file"]
    assert found["seed"] == ("seed", 0, "the company's number")


@pytest.mark.parametrize(
    ("source", "says"),
    [("seed = 1 + n", "not a plain literal"), ("import os", "name = literal"), ("a, b = 1, 2", "name =")],
)
def test_a_parameters_cell_that_computes_is_refused(make_notebook, source, says):
    with pytest.raises(ValueError, match=says):
        workbook.parameters(workbook.read(make_notebook(parameters=source)))


# -------------------------------------------------------------------------------------------------- parameters checked

DEFAULTS = "n = 5  # how many\nx = 0.5\nname = 'a'\non = True\nsteps = [1]\nmap = {}\nany = None\npair = (1, 2)"


@pytest.fixture
def lesson(make_notebook):
    return workbook.read(make_notebook(parameters=DEFAULTS))


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("n", 7, 7),
        ("x", 2, 2),
        ("name", Path("a/b.csv"), "a/b.csv"),
        ("name", datetime.date(2025, 1, 31), "2025-01-31"),
        ("steps", (1, 2), [1, 2]),
        ("pair", (3, 4), [3, 4]),
        ("map", {"a": "b"}, {"a": "b"}),
        ("map", None, None),
        ("any", [1, "x", None], [1, "x", None]),
        ("on", False, False),
    ],
)
def test_values_that_fit_are_taken(lesson, name, value, taken):
    assert workbook.check_parameters(lesson, {name: value}) == {name: taken}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("m", 1, r"no parameter 'm'.*The parameters are: n, x, name"),
        ("n", "7", r"n = '7' is text; the notebook needs a whole number \(how many\)"),
        ("n", True, "is True or False"),
        ("n", 1.5, "is a number"),
        ("n", None, "is nothing"),
        ("on", 1, "needs True or False"),
        ("name", 3, "needs text"),
        ("steps", {"a": 1}, "needs a list"),
        ("any", np.int64(3), "not int64"),
        ("any", {1: "a"}, "must be text"),
        ("any", {1, 2}, "not set"),
    ],
)
def test_wrong_names_and_values_are_refused_with_a_sentence(lesson, name, value, says):
    with pytest.raises(ValueError, match=says):
        workbook.check_parameters(lesson, {name: value})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "7", 7),
        ("name", "7", "7"),
        ("name", "'quoted'", "quoted"),
        ("on", "false", False),
        ("on", "False", False),
        ("map", '{"a": "b"}', {"a": "b"}),
        ("steps", "[1, 2]", [1, 2]),
        ("n", "seven", "seven"),
        ("unknown", "2", 2),
    ],
)
def test_what_is_typed_is_read_as_the_parameter_takes_it(lesson, name, text, value):
    assert workbook.parse_value(lesson, name, text) == value


# ------------------------------------------------------------------------------------------------------------- scanning

TRACEBACK = "Traceback (most recent call last):\n  File \"x\"\nKeyError: 'a'"


def executed(outputs=(), state=None):
    cell = nbformat.v4.new_code_cell("1", execution_count=1, outputs=[nbformat.from_dict(o) for o in outputs])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    if state:
        widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"m": {"model_name": "M", "state": state}}}}
        notebook.metadata["widgets"] = nbformat.from_dict(widgets)
    return notebook


@pytest.mark.parametrize(
    ("outputs", "state", "found"),
    [
        (
            [{"output_type": "error", "ename": "KeyError", "evalue": "'a'\nb", "traceback": []}],
            None,
            "cell 1 (In [1]): KeyError: 'a'",
        ),
        ([{"output_type": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": []}], None, "KeyboardInt"),
        ([{"output_type": "stream", "name": "stderr", "text": TRACEBACK}], None, "cell 1 (In [1]): KeyError: 'a'"),
        (
            [{"output_type": "display_data", "data": {"text/html": f"<pre>{TRACEBACK}</pre>"}, "metadata": {}}],
            None,
            "KeyE",
        ),
        (
            [],
            {"outputs": [{"output_type": "error", "ename": "ValueError", "evalue": "no"}]},
            "widget M: ValueError: no",
        ),
        ([], {"outputs": [{"output_type": "stream", "name": "stderr", "text": TRACEBACK}]}, "widget M: KeyError"),
        ([], {"value": f"<pre>{TRACEBACK}</pre>"}, "widget M: KeyError"),
    ],
)
def test_errors_are_found_in_outputs_and_in_widget_state(outputs, state, found):
    problems = workbook.scan(executed(outputs, state))
    assert len(problems) == 1
    assert found in problems[0]


def test_a_good_notebook_has_no_problems():
    outputs = [{"output_type": "stream", "name": "stdout", "text": "an Error is a word"}]
    assert workbook.scan(executed(outputs, {"outputs": outputs, "value": "fine", "max": 3})) == []


BROKEN_WIDGET = """import ipywidgets
out = ipywidgets.Output()
slider = ipywidgets.IntSlider()
slider.observe(out.capture()(lambda change: 1 / 0), "value")
slider.value = 3
ipywidgets.VBox([slider, out])"""


def test_a_broken_widget_callback_fails_a_run(make_notebook, tmp_path):
    done = workbook.run(make_notebook(BROKEN_WIDGET), tmp_path / "out")
    assert any("ZeroDivisionError" in problem for problem in done.problems)


# -------------------------------------------------------------------------------------------------------------- running


def test_a_run_gives_a_notebook_and_a_page_that_needs_no_network(make_notebook, tmp_path):
    path = make_notebook(
        PICTURE, "import ipywidgets\nipywidgets.IntSlider()", "open('made.txt', 'w').close()\nseed * 2"
    )
    done = workbook.run(path, tmp_path / "out", {"seed": 21}, name="report")
    assert done.problems == ()
    assert (done.notebook, done.page) == (tmp_path / "out/report.ipynb", tmp_path / "out/report.html")
    assert (tmp_path / "out/made.txt").exists()
    assert workbook.read(done.notebook).cells[-1].outputs[0].data["text/plain"] == "42"
    assert str(tmp_path) not in done.notebook.read_text(encoding="utf-8")
    page = done.page.read_text(encoding="utf-8")
    found = resources(page)
    assert (found.fetched, found.without_alt, found.scripts) == ([], [], 0)
    assert 'alt="A line upwards."' in page
    assert "<title>Small things</title>" in page


def test_a_failing_cell_is_a_problem_and_the_page_shows_it(make_notebook, tmp_path):
    done = workbook.run(make_notebook("1", "raise ValueError('no such thing')", "2"), tmp_path / "out")
    assert done.problems == ("cell 4 (In [3]): ValueError: no such thing",)
    assert "no such thing" in done.page.read_text(encoding="utf-8")


def test_a_kernel_that_dies_is_a_problem(make_notebook, tmp_path):
    done = workbook.run(make_notebook("import os\nos._exit(3)"), tmp_path / "out")
    assert len(done.problems) == 1
    assert "died" in done.problems[0].lower()


def test_braces_and_spaces_in_a_path_do_no_harm(make_notebook, tmp_path):
    done = workbook.run(make_notebook("seed", name="a {b} c.ipynb"), tmp_path / "out {d} e", {"seed": 3})
    assert done.problems == ()
    assert done.page.exists()


def test_exercises_are_left_out_of_a_report(make_notebook, tmp_path):
    path = make_notebook(("raise SystemError", "exercise"), "seed")
    done = workbook.run(path, tmp_path / "out", exercises=False)
    assert done.problems == ()
    assert "SystemError" not in done.page.read_text(encoding="utf-8")
    assert "count to three" in done.page.read_text(encoding="utf-8")


def test_a_report_is_no_lesson(make_notebook, tmp_path):
    path = make_notebook(
        ("raise SystemError('exercise')", "exercise"),
        ("raise SystemError('lesson')", "lesson"),
        "print('the', 'body')",
        "print('read', data)",
        ("print('the', 'summary')", "summary"),
    )
    file = tmp_path / "some where" / "a & `b`.csv"
    done = workbook.run(path, tmp_path / "out", {"data": str(file)}, exercises=False, report=file.name)
    assert done.problems == ()
    page = done.page.read_text(encoding="utf-8")
    assert "<title>Small things: a &amp; `b`.csv</title>" in page
    assert str(tmp_path) not in page and "some where" not in page
    shown = re.sub(r"<style.*?</style>|<head.*?</head>", "", page, flags=re.DOTALL)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())
    order = [
        "Small things",
        "How small can a lesson be?",
        "Report on a & `b`.csv",
        "the summary",
        "the body",
        "read a & `b`",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    for gone in ("count to three", "5 minutes", "print", "SystemError", "seed =", "In [", "Out["):
        assert gone not in text, gone

    cells = workbook.read(done.notebook).cells
    assert "print('the', 'summary')" in cells[-1].source
    assert cells[-1].outputs[0].text == "the summary\n"


def test_a_template_keeps_the_heading_the_question_and_the_order(make_notebook):
    path = make_notebook(("1", "lesson"), ("2", "summary"), ("3", "exercise"), "4")
    bare = workbook.template(workbook.read(path))
    assert [cell.source for cell in bare.cells] == [
        "# Small things\n\n**How small can a lesson be?**",
        PARAMETERS.rstrip("\n"),
        "2",
        "4",
    ]


def test_a_template_gets_the_readers_values(make_notebook):
    written = 'n: int = 5  # how many\nname = "ä"; x = 0.5\nmap = {\n    "a": 1,\n}  # ours to yours\nany = None\n'
    notebook = workbook.read(make_notebook(parameters=written))
    values = {"n": 7, "map": {"ours": 'th"eirs, ü'}, "any": [1, "b", None], "x": 2.5, "name": "\\"}
    cell = workbook.template(notebook, values).cells[1]
    assert cell.source.splitlines() == [
        "n: int = 7  # how many",
        'name = "\\\\"; x = 2.5',
        'map = {"ours": "th\\"eirs, ü"}  # ours to yours',
        'any = [1, "b", None]',
    ]
    with pytest.raises(ValueError, match="no parameter 'm'"):
        workbook.template(notebook, {"m": 1})


@pytest.mark.parametrize("report", [None, "orders.csv"])
def test_the_page_of_a_run_that_failed_begins_with_why(make_notebook, tmp_path, report):
    cell = "def deep():\n    raise ValueError(f'no <such> {data} ' + 'x' * 900)\ndeep()"
    path = make_notebook("print('half')", cell, "2")
    done = workbook.run(path, tmp_path / "out", {"data": str(tmp_path / "orders.csv")}, report=report)
    assert done.problems[0].startswith(f"cell {4 + bool(report)} (In [4]): ValueError: no <such>")
    page = done.page.read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    box = page[page.index('<div role="alert"') :].partition("</div>")[0]
    assert page.index('<div role="alert"') < page.index("Small things</h1>" if report is None else "Report on")
    assert "This run stopped, and this page is not complete." in box
    assert "(In [4]): ValueError: no &lt;such&gt; orders.csv" in box
    assert len(box) < 700
    assert ("Traceback" in page) == (report is None)


def test_the_page_of_a_run_that_went_well_has_no_such_box(make_notebook, tmp_path):
    assert "not complete" not in workbook.run(make_notebook("1"), tmp_path / "out").page.read_text(encoding="utf-8")


def test_many_run_side_by_side_and_one_failure_does_not_stop_the_others(make_notebook, tmp_path):
    paths = [
        make_notebook("open(hub_file, 'w').close()", name="01_a.ipynb"),
        make_notebook("1 / 0", name="02_b.ipynb"),
        make_notebook("seed", name="03_c.ipynb", parameters=None),
    ]
    told = []
    results = workbook.run_all(paths, tmp_path / "out", jobs=2, told=told.append)
    assert [done.source for done in results] == paths
    assert [bool(done.problems) for done in results] == [False, True, True]
    assert len(told) == 3
    assert (tmp_path / "out/01_a_hub.yaml").exists()
    index = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert index.count("How small can a lesson be?") == 3
    assert "cell 3 (In [3]): ZeroDivisionError: division by zero" in index
    assert resources(index).fetched == []
    for link in re.findall(r'href="([^"]+)"', index):
        assert (tmp_path / "out" / link).exists()


def test_an_interrupt_ends_the_kernels_too(make_notebook, tmp_path):
    path = make_notebook(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)", name="01_slow.ipynb"
    )
    code = f"""if __name__ == "__main__":
    import pathlib
    from crkit import cli, workbook
    workbook.stored = lambda: [pathlib.Path({str(path)!r})]
    raise SystemExit(cli.main(["run", "--all", "--out", {str(tmp_path / "out")!r}]))
"""
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    note = tmp_path / "out/pid"
    deadline = time.monotonic() + 60
    try:
        while not (note.exists() and note.read_text(encoding="utf-8")) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        kernel = int(note.read_text(encoding="utf-8"))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 130, said
    assert "Interrupted" in said
    assert "Traceback" not in said
    while Path(f"/proc/{kernel}").exists() and time.monotonic() < deadline + 30:
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


# ----------------------------------------------------------------------------------------------------------- refreshing

CELLS = (
    PICTURE,
    "print('a')\nprint('b', flush=True)\nprint('c')",
    "import ipywidgets\nipywidgets.IntSlider()",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
)


def test_refreshing_twice_changes_nothing(make_notebook):
    path = make_notebook(*CELLS)
    assert workbook.refresh(path)
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert not workbook.refresh(path)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before

    stored = json.loads(path.read_text(encoding="utf-8"))
    assert before[1].endswith(b"}\n")
    assert [cell["id"] for cell in stored["cells"]] == [f"c{i}" for i in range(6)]
    assert [cell["execution_count"] for cell in stored["cells"] if cell["cell_type"] == "code"] == [1, 2, 3, 4, 5]
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    assert "version" not in stored["metadata"]["language_info"]
    assert len(stored["cells"][3]["outputs"]) == 1
    assert "widget-view" not in before[1].decode()
    assert stored["cells"][2]["outputs"][0]["metadata"]["image/png"]["alt"] == "A line upwards."


@pytest.mark.parametrize("edit", ["output", "source", "metadata"])
def test_a_notebook_that_is_not_fresh_is_noticed(make_notebook, edit):
    path = make_notebook("seed")
    assert workbook.refresh(path)
    if edit == "output":
        assert workbook.check_refreshed(path) == []
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if edit == "output":
        notebook["cells"][-1]["outputs"][0]["data"]["text/plain"] = ["1"]
    elif edit == "source":
        notebook["cells"][-1]["source"] = ["seed + 1"]
    else:
        notebook["metadata"]["papermill"] = {"duration": 3}
    path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
    assert workbook.check_refreshed(path) != []


@pytest.mark.parametrize("cell", ["1 / 0", BROKEN_WIDGET])
def test_a_notebook_with_a_failing_cell_is_left_as_it_was(make_notebook, cell):
    path = make_notebook("1", cell)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"small\.ipynb was left as it was: .*ZeroDivisionError"):
        workbook.refresh(path)
    assert path.read_bytes() == before


def test_refreshing_leaves_the_readers_own_hub_alone(make_notebook, tmp_path):
    (tmp_path / "my_hub.yaml").write_text("mine: 1\n", encoding="utf-8")
    workbook.refresh(make_notebook("from crkit import hub\nprint(hub.update(hub_file, 'a', 1))"))
    assert (tmp_path / "my_hub.yaml").read_text(encoding="utf-8") == "mine: 1\n"


def test_a_cell_without_an_id_gets_the_same_one_each_time(tmp_path):
    path = tmp_path / "old.ipynb"
    cell = {"cell_type": "markdown", "metadata": {}, "source": ["a"]}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), encoding="utf-8")
    workbook.refresh(path)
    assert workbook.read(path).cells[0].id == "cell-000"
