"""The command: what it says, what it refuses, and what it leaves behind."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from crkit import cli, datasets, workbook

ORDERS = "CustomerID;Date;Total\n" + "".join(
    f"{100 + i % 40};{1 + i % 28:02d}.{1 + i % 12:02d}.2024;{10 + i},50\n" for i in range(120)
)
MAPS = ["--map", "customer_id=CustomerID", "--map", "ordered_at=Date", "--map", "amount_eur=Total"]


@pytest.fixture
def lessons(make_notebook, tmp_path, monkeypatch):
    """One stored lesson, ``small``, that writes down what it was given; the tests run in an empty folder."""
    seen = "import json, pathlib\npathlib.Path('seen.json').write_text(json.dumps([data, seed, columns, hub_file]))"
    make_notebook(seen, ("raise SystemError('an exercise')", "exercise"), name="07_small.ipynb")
    monkeypatch.setattr(workbook, "folder", lambda: tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def seen(folder):

    return json.loads((folder / "seen.json").read_text(encoding="utf-8"))


def test_a_lesson_runs_as_a_report(lessons, capsys):
    assert cli.main(["run", "small", "-p", "seed=7", "--out", "report"]) == 0
    assert seen(lessons / "report") == ["kittiwake", 7, {}, "my_hub.yaml"]
    assert sorted(path.name for path in (lessons / "report").iterdir()) == ["seen.json", "small.html", "small.ipynb"]
    assert "report/small.html" in capsys.readouterr().out


def test_an_own_file_is_read_first_and_rows_set_aside_are_kept(lessons, capsys):
    (lessons / "orders.csv").write_text(ORDERS + "100;30.02.2024;5,00\n", encoding="utf-8")
    assert cli.main(["run", "small", "-p", "data=orders.csv", *MAPS]) == 0
    said = capsys.readouterr().out
    assert "orders.csv: 121 rows read = 120 used + 1 set aside" in said
    aside = pd.read_csv(lessons / "report/set_aside.csv")
    assert aside["line"].tolist() == [122]
    assert aside["reason"].str.contains("date").all()
    data, _, columns, _ = seen(lessons / "report")
    assert data == str(lessons / "orders.csv")
    assert columns == {"customer_id": "CustomerID", "ordered_at": "Date", "amount_eur": "Total"}

    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    assert cli.main(["run", "small", "-p", "data=orders.csv", *MAPS]) == 0
    assert not (lessons / "report/set_aside.csv").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "name a topic"),
        (["run", "smal"], "Did you mean 'small'? The topics are: small"),
        (["run", "small", "-p", "sede=7"], "Did you mean 'seed'? The parameters are: data, seed"),
        (["run", "small", "-p", "seed=seven"], "the notebook needs a whole number (the company's number)"),
        (["run", "small", "-p", "seed"], "write it as NAME=VALUE"),
        (["run", "small", "-p", "seed=1", "-p", "seed=2"], "names seed twice"),
        (["run", "small", "-p", "data=no.csv"], "there is no such file, and the data sets of small are: kittiwake"),
        (["run", "small", "--map", "customer_id=Customer"], "give the file with -p data=FILE"),
        (["run", "small", "--map", "customer_id"], "write it as OURS=THEIRS"),
        (["run", "small", "-p", "data=bad.csv", *MAPS], "bad.csv"),
        (["run", "small", "--out", "bad.csv"], "give --out a folder"),
        (["run", "--all", "small"], "leave out the topic"),
        (["new", "small", "bad.csv"], "ends in .ipynb"),
        (["new", "smal", "new.ipynb"], "Did you mean 'small'?"),
        (["new", "small", "no/such/folder.ipynb"], "cannot be written"),
        (["check-data", "orders", "no.csv"], "there is no file no.csv"),
        (["check-data", "ordres", "bad.csv"], "orders"),
        (["check-data", "orders", "bad.csv"], "bad.csv"),
        (["refresh", "smal"], "Did you mean 'small'?"),
    ],
)
def test_what_is_not_possible_is_refused_with_a_sentence(lessons, capsys, words, says):
    (lessons / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert cli.main(words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"crkit {words[0]}: ")
    assert says in printed.err
    assert printed.out == ""
    assert [path.name for path in lessons.iterdir()] == ["bad.csv"]


@pytest.mark.usefixtures("lessons")
def test_a_failing_notebook_gives_status_1_and_names_file_cell_and_error(make_notebook, capsys):
    make_notebook("{}['a']", name="08_broken.ipynb")
    assert cli.main(["run", "broken"]) == 1
    assert "08_broken.ipynb failed: cell 3: KeyError: 'a'\n  see report/broken.html" in capsys.readouterr().err


def test_all_stored_notebooks_run_with_an_index(lessons, make_notebook, capsys):
    (lessons.parent / "07_small.ipynb").unlink()
    make_notebook("seed", name="08_good.ipynb")
    make_notebook("1 / 0", name="09_broken.ipynb")
    assert cli.main(["run", "--all", "--out", "build", "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"08_good: ran well, \d+ s", said)
    assert "09_broken.ipynb failed: cell 3: ZeroDivisionError: division by zero" in said
    assert "1 of 2 notebooks ran well: build/index.html" in said


def test_a_new_notebook_has_no_exercises_and_overwrites_nothing(lessons, capsys):
    assert cli.main(["new", "small", "mine.ipynb"]) == 0
    made = workbook.read(lessons / "mine.ipynb")
    assert len(made.cells) == 3
    assert all(not cell.get("outputs") for cell in made.cells)
    (lessons / "mine.ipynb").write_text("my work", encoding="utf-8")
    assert cli.main(["new", "small", "mine.ipynb"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (lessons / "mine.ipynb").read_text(encoding="utf-8") == "my work"


def test_check_data_shows_counts_refused_rows_and_how_to_go_on(lessons, capsys):
    (lessons / "my orders.csv").write_text(ORDERS + "100;30.02.2024;5,00\n", encoding="utf-8")
    assert cli.main(["check-data", "orders", "my orders.csv", *MAPS]) == 0
    said = capsys.readouterr().out
    assert "my orders.csv: 121 rows read = 120 used + 1 set aside" in said
    assert re.search(r"line 122: .*date", said)
    go_on = shlex.split(said.strip().splitlines()[-1])
    assert go_on[:3] == ["crkit", "run", "segments"]
    options = cli.parser().parse_args(go_on[1:])
    assert options.parameter == ["data=my orders.csv"]
    assert options.map == MAPS[1::2]
    assert [path.name for path in lessons.iterdir()] == ["my orders.csv"]


def test_notes_on_how_a_file_was_read_are_shown(lessons, capsys, monkeypatch):
    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    frame = pd.DataFrame({"customer_id": ["1"]})
    result = SimpleNamespace(frame=frame, set_aside=frame.iloc[:0], read=1, used=1, notes=("Dates: day first.",))
    monkeypatch.setattr(datasets, "read_file", lambda *_, **__: result)
    assert cli.main(["check-data", "orders", "orders.csv"]) == 0
    assert "  Dates: day first.\n" in capsys.readouterr().out


@pytest.mark.usefixtures("lessons")
def test_refresh_leaves_a_failing_notebook_and_goes_on(make_notebook, capsys):
    path = make_notebook("seed", name="08_good.ipynb")
    assert cli.main(["refresh"]) == 1
    printed = capsys.readouterr()
    assert "07_small.ipynb was left as it was: cell 4: SystemError: an exercise" in printed.err
    assert "08_good.ipynb: refreshed" in printed.out
    assert cli.main(["refresh", str(path)]) == 0
    assert "08_good.ipynb: as it was" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["run"], ["new"], ["check-data"], ["refresh"]])
def test_help_says_what_each_command_does(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 300


def test_help_is_quick_and_both_ways_of_calling_are_one():
    heavy = "import sys; from crkit import cli; cli.parser(); print({'numpy', 'pandas', 'nbformat'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    said = [
        subprocess.run([*call, "--version"], capture_output=True, text=True, check=True).stdout
        for call in ([sys.executable, "-m", "crkit"], [str(Path(sys.executable).with_name("crkit"))])
    ]
    assert said[0] == said[1]
