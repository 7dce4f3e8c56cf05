"""What becomes of a submission in the sandbox, on real processes: honest ones and broken ones.

Hostile ones are in `test_sandbox_hostile`. Without bubblewrap these tests fail.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crkit import datasets
from crkit.questions.core import Form, Question, cases_to_json, judge_taken
from crkit.sandbox import Limits, Sandbox, Work, available

FORMS = (
    Form("1", "number"),
    Form("2", "table", keys=("customer_id",)),
    Form("3", "function"),
    Form("4", "choice", choices=("loyal", "at risk")),
    Form("5", "decision"),
)
ORDERS = b"customer_id,amount_eur\n1,10.0\n1,20.0\n2,5.0\n"
SETUP = "import pandas as pd\norders = pd.read_csv('data/orders.csv')"
CASES = {"3": cases_to_json([(1.0,), (2.5,)])}


@pytest.fixture(scope="module")
def jail():
    with Sandbox(Limits(cell_seconds=2, seconds=20, memory_mb=300, processes=12, scratch_mb=8)) as made:
        yield made


def run(jail, *cells):
    return jail.run(Work(cells, {"data/orders.csv": ORDERS}, FORMS, CASES))


def statuses(finished):
    return [cell.status for cell in finished.cells]


def given(finished):
    return {name: taken["value"] for name, taken in finished.taken.items() if taken["state"] == "given"}


HONEST = (
    SETUP,
    "answer_1 = orders['amount_eur'].sum()",
    "answer_2 = orders.groupby('customer_id')['amount_eur'].sum()",
    "def answer_3(x):\n    return 2 * x",
    "answer_4 = 'at risk'",
    "answer_5 = {'claim': 'C.', 'number': 35, 'action': 'A.'}",
    "print(answer_1)",
)
ANSWERS = {
    "1": 35.0,
    "2": {"keys": ["customer_id"], "rows": [[1.0], [2.0]], "columns": [["amount_eur", [30.0, 5.0]]]},
    "3": {"results": [2.0, 5.0]},
    "4": "at risk",
    "5": {"claim": "C.", "number": 35.0, "action": "A."},
}


def test_bubblewrap_is_here():
    assert available() is None


def test_an_honest_notebook(jail):
    finished = run(jail, *HONEST)
    assert (finished.status, finished.message) == ("ran", "")
    assert statuses(finished) == ["ran"] * len(HONEST)
    assert given(finished) == ANSWERS
    assert finished.taken_in == {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
    assert finished.names == ("orders", "answer_1", "answer_2", "answer_3", "answer_4", "answer_5")
    assert all(cell.seconds > 0 for cell in finished.cells)


def test_the_same_work_gives_the_same_answers(jail):
    random = "import numpy as np, random\nanswer_1 = np.random.rand() + random.random() + len(str({'a', 'b'}))"
    first, second = run(jail, random), run(jail, random)
    assert given(first).keys() == {"1"}
    assert first.taken == second.taken


def test_warnings_cost_nothing(jail):
    finished = run(jail, SETUP, "import warnings\nwarnings.warn('careful')\nanswer_1 = 1")
    assert (statuses(finished), given(finished)) == (["ran", "ran"], {"1": 1.0})


def test_copied_deleted_and_reordered_cells(jail):
    assert given(run(jail, *HONEST, *HONEST)) == ANSWERS
    without = run(jail, *HONEST[:1], *HONEST[2:])
    assert given(without) == {name: value for name, value in ANSWERS.items() if name != "1"}
    assert statuses(without)[-1] == "error"  # prints answer_1
    reordered = run(jail, *HONEST[1:], HONEST[0])
    assert given(reordered).keys() == {"3", "4", "5"}
    assert reordered.cells[0].message == "NameError: name 'orders' is not defined (line 1)"
    assert given(run(jail, "answer_1 = 1", "answer_1 = 2"))["1"] == 2.0


def test_a_renamed_answer_is_named(jail):
    finished = run(jail, "answer_one = 3", "Answer_1 = 4\n_private = 5")
    assert (finished.taken, finished.names) == ({}, ("answer_one", "Answer_1"))


def test_a_function_may_use_what_a_later_cell_defines(jail):
    finished = run(jail, "def answer_3(x):\n    return twice(x)", "def twice(x):\n    return 2 * x")
    assert (given(finished), finished.taken_in) == ({"3": {"results": [2.0, 5.0]}}, {"3": 1})


def test_an_answer_that_is_changed_in_place_is_taken_as_it_is_at_the_end(jail):
    table = "answer_2 = pd.DataFrame({'customer_id': [1], 'n': [1]})"
    finished = run(jail, SETUP, table, "answer_2['n'] = 7", "answer_2['n'] = 8\nimport os\nos._exit(0)")
    assert given(finished)["2"]["columns"] == [["n", [7.0]]]


def test_what_was_not_attempted_says_so(jail):
    finished = run(jail, "answer_1 = ...", "def answer_3(x):\n    ...", "answer_4 = None")
    assert {name: taken["state"] for name, taken in finished.taken.items()} == {"1": "none", "3": "none", "4": "none"}


def test_what_only_ipython_reads_costs_nothing(jail):
    cells = ["%matplotlib inline\n!ls\n?len", "files = !ls\n%time answer_1 = 1", "%%time\nanswer_4 = 'loyal'"]
    cells += ["import asyncio\nawait asyncio.sleep(0)\ndisplay(get_ipython())", "%%bash\nexit 1"]
    cells += ["from IPython.display import display, HTML\ndisplay(HTML('<b>'))", "answer_1 ="]
    finished = run(jail, *cells)
    assert statuses(finished) == ["ran"] * 6 + ["error"]
    assert finished.cells[-1].message.startswith("SyntaxError")
    assert given(finished) == {"1": 1.0, "4": "loyal"}


def test_figures_and_crkit_work(jail):
    finished = run(
        jail,
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png')",
        "from crkit import datasets, relationships, loyalty, feedback_scores, hub\nimport sklearn.cluster",
        "answer_1 = len(datasets.table_names())",
    )
    assert [cell.message for cell in finished.cells] == [""] * 3
    assert given(finished)["1"] > 5


@pytest.mark.parametrize(
    ("broken", "status", "says"),
    [
        ("1 / 0", "error", "ZeroDivisionError: division by zero (line 3)"),
        ("import sys\nsys.exit(1)", "error", "SystemExit: 1 (line 4)"),
        ("import os\nos._exit(3)", "ended the process", "exit code 3"),
        ("import ctypes\nctypes.string_at(0)", "ended the process", "signal 11 (SIGSEGV)"),
        ("while True:\n    pass", "timed out", "more than 2 seconds"),
    ],
)
def test_a_broken_cell_loses_only_what_depends_on_it(jail, broken, status, says):
    cells = "answer_1 = 1", f"kept = 1\nanswer_4 = 'loyal'\n{broken}", "answer_1 += 1", "answer_1 += kept"
    finished = run(jail, *cells)
    kept = status == "error"  # what the cell did before an exception stays
    assert (finished.status, statuses(finished)) == ("ran", ["ran", status, "ran", "ran" if kept else "error"])
    assert says in finished.cells[1].message
    assert given(finished) == ({"1": 3.0, "4": "loyal"} if kept else {"1": 2.0})


def test_an_answer_that_cannot_be_read_in_time_costs_only_itself(jail):
    sleeps = "import time\nanswer_1 = 1\ndef answer_3(x):\n    time.sleep(60)"
    finished = run(jail, sleeps, "answer_4 = 'loyal'")
    assert finished.taken["3"] == {"state": "refused", "says": "Reading this answer took more than 2 seconds."}
    assert given(finished) == {"1": 1.0, "4": "loyal"}
    exits = "import os\nanswer_2 = {'customer_id': [1], 'n': [2]}\ndef answer_3(x):\n    os._exit(0)"
    finished = run(jail, f"{exits}\nanswer_5 = {{'claim': 'C'}}")
    assert finished.taken["3"]["says"] == "Reading this answer ended the process."
    assert given(finished).keys() == {"2", "5"}


def test_the_whole_notebook_has_its_time(jail, monkeypatch):
    monkeypatch.setattr(jail, "limits", jail.limits._replace(cell_seconds=20, seconds=1))
    finished = run(jail, "answer_1 = 1", "while True:\n    pass", "answer_1 = 2")
    assert (finished.status, statuses(finished)) == ("timed out", ["ran", "timed out", "not run"])
    assert given(finished) == {"1": 1.0}


def test_what_is_taken_is_judged_outside(jail):
    source = datasets.Source("a shop", "a shop", {"orders": pd.DataFrame({"amount_eur": [30.0, 5.0]})})
    total = Question("1", "T", "T?", "number", lambda source: source["orders"]["amount_eur"].sum())
    assert judge_taken(total, run(jail, HONEST[0], HONEST[1]).taken["1"], source).status == "right"
    assert judge_taken(total, run(jail, "answer_1 = 34").taken["1"], source).status == "wrong"


def test_a_file_outside_the_scratch_folder_is_refused(jail):
    for name in ("/etc/x", "../x", "a/../../x"):
        with pytest.raises(ValueError, match="no path inside the scratch folder"):
            jail.run(Work((), {name: b""}))


def test_a_sandbox_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setenv("PATH", "")
    available.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="cannot be shut in: there is no bubblewrap"), Sandbox():
            pass
    finally:
        available.cache_clear()


def test_without_namespaces_inside_each_submission_has_a_bubblewrap_of_its_own():
    jail = Sandbox(Limits(cell_seconds=5, seconds=20, scratch_mb=1))
    jail._once = True  # as where the kernel or AppArmor allows no namespaces inside bubblewrap
    too_much = "with open('big', 'wb') as file:\n    for _ in range(4):\n        file.write(bytes(500_000))"
    with jail:
        finished = run(jail, *HONEST, "import os\nos._exit(0)", too_much, "open('/etc/passwd')")
        assert jail._process is None
    assert given(finished) == ANSWERS
    assert statuses(finished)[-3:] == ["ended the process", "error", "error"]


def test_not_shut_in_gives_the_same_answers_to_who_is_told_so():
    with Sandbox(Limits(cell_seconds=2, seconds=20), shut_in=False) as jail:
        left = "import subprocess\nleft = subprocess.Popen(['sleep', '60'])\nanswer_1 = left.pid"
        finished = run(jail, *HONEST, left)
    process = given(finished)["1"]
    assert (finished.status, given(finished)) == ("ran", ANSWERS | {"1": process})
    assert not Path(f"/proc/{process:.0f}").exists()
