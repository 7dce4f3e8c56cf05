"""The command: what it says, what it refuses, and what it leaves behind."""

import json
import os
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


def test_only_a_run_on_an_own_file_keeps_a_history(lessons, make_notebook, monkeypatch):
    settings = (
        'data = "kittiwake"  # which data\ncolumns = {}  # yours\nhistory_file = ""  # where runs are written down\n'
    )
    make_notebook(name="08_loop.ipynb", parameters=settings)
    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    given = []
    done = SimpleNamespace(problems=(), page=lessons / "loop.html", notebook=lessons / "loop.ipynb")
    monkeypatch.setattr(workbook, "run", lambda _, __, values, **___: given.append(values.get("history_file")) or done)
    own = ["-p", "data=orders.csv", *MAPS]
    for words in ([], own, [*own, "-p", "history_file=mine.csv"]):
        assert cli.main(["run", "loop", *words]) == 0
    assert given == [None, "loop_history.csv", "mine.csv"]


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
        (["run", "small", "-p", "data=orders.txt"], "there is no such file, and the data sets of small are: kittiwake"),
        (["run", "small", "-p", "data=bed.csv"], "data=bed.csv: there is no such file (did you mean 'bad.csv'?)"),
        (["run", "small", "-p", "data=kittiwak"], "did you mean 'kittiwake'?"),
        (["run", "small", "-p", "data=."], "data=. is a folder: name a file in it"),
        (["new", "small", "new.ipynb", "-p", "data=no.csv"], "there is no such file"),
        (["new", "small", "new.ipynb", "-p", "sede=7"], "Did you mean 'seed'?"),
        (["new", "small", "new.ipynb", "--map", "customer_id=Customer"], "give the file with -p data=FILE"),
        (["run", "small", "--map", "customer_id=Customer"], "give the file with -p data=FILE"),
        (["run", "small", "--map", "customer_id"], "write it as OURS=THEIRS"),
        (["run", "small", "-p", "data=bad.csv", *MAPS], "bad.csv"),
        (["run", "small", "--out", "bad.csv"], "give --out a folder"),
        (["run", "--all", "small"], "leave out the topic"),
        (["new", "small", "bad.csv"], "ends in .ipynb"),
        (["new", "smal", "new.ipynb"], "Did you mean 'small'?"),
        (["new", "small", "no/such/folder.ipynb"], "cannot be written"),
        (["check-data", "orders", "no.csv"], "no.csv: there is no such file"),
        (["check-data", "orders", "bed.csv"], "did you mean 'bad.csv'"),
        (["check-data", "orders", "."], "it is a folder. Remedy: name a file in it"),
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
    assert "08_broken.ipynb failed: cell 3 (In [3]): KeyError: 'a'\n  see report/broken.html" in capsys.readouterr().err


def test_all_stored_notebooks_run_with_an_index(lessons, make_notebook, capsys):
    (lessons.parent / "07_small.ipynb").unlink()
    make_notebook("seed", name="08_good.ipynb")
    make_notebook("1 / 0", name="09_broken.ipynb")
    assert cli.main(["run", "--all", "--out", "build", "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"08_good: ran well, \d+ s", said)
    assert "09_broken.ipynb failed: cell 3 (In [3]): ZeroDivisionError: division by zero" in said
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
    days = {(100 + i % 40, i % 28, i % 12) for i in range(120)}
    assert len(days) == 120
    assert "customers: 40, of whom 40 came back on another day" in said
    assert "rows: 120, from 2024-01-01 to 2024-12-28" in said
    assert "amounts: from 10.50 to 129.50 a row, in all 8,400.00 currency units" in said
    go_on = shlex.split(said.strip().splitlines()[-1])
    assert go_on[:3] == ["crkit", "run", "segments"]
    options = cli.parser().parse_args(go_on[1:])
    assert options.parameter == ["data=my orders.csv", "margin=0.4"]
    assert options.map == MAPS[1::2]
    assert [path.name for path in lessons.iterdir()] == ["my orders.csv"]


def test_rows_are_orders_only_if_the_order_number_says_so(lessons, capsys):
    lines = "No;" + ORDERS.replace("\n", "\nB-1;", 2).replace("\n1", "\nB-2;1")
    (lessons / "orders.csv").write_text(lines, encoding="utf-8")
    assert cli.main(["check-data", "orders", "orders.csv", *MAPS]) == 0
    assert "  rows: 120, from" in capsys.readouterr().out
    assert cli.main(["check-data", "orders", "orders.csv", *MAPS, "--map", "order_id=No"]) == 0
    assert "  orders: 120 rows in 2 orders, from 2024-01-01 to 2024-12-28\n" in capsys.readouterr().out


def test_prices_of_a_piece_are_said_before_a_run_and_how_to_mend_them(lessons, capsys):
    lines = "Quantity;" + ORDERS.replace("Total", "UnitPrice").replace("\n1", "\n3;1")
    (lessons / "orders.csv").write_text(lines, encoding="utf-8")
    maps = [word.replace("Total", "UnitPrice") for word in MAPS]
    for command in (["check-data", "orders", "orders.csv"], ["run", "small", "-p", "data=orders.csv"]):
        assert cli.main([*command, *maps]) == 0
        first_note = capsys.readouterr().out.splitlines()[1]
        assert "UnitPrice looks like the price of one piece" in first_note and "=A2*D2" in first_note
    assert cli.main(["check-data", "orders", "orders.csv", *maps[:4], "--map", "amount_eur=Quantity*UnitPrice"]) == 2
    told = capsys.readouterr().err
    assert "=A2*D2" in told and told.rstrip().endswith("--map amount_eur=line_total")


def test_notes_on_how_a_file_was_read_are_shown(lessons, capsys, monkeypatch):
    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    frame = pd.DataFrame({"customer_id": ["1"]})
    result = SimpleNamespace(frame=frame, set_aside=frame.iloc[:0], read=1, used=1, notes=("Dates: day first.",))
    monkeypatch.setattr(datasets, "read_file", lambda *_, **__: result)
    assert cli.main(["check-data", "messages", "orders.csv"]) == 0
    said = capsys.readouterr().out
    assert "orders.csv: 1 row read = 1 used + 0 set aside\n  Dates: day first.\n" in said
    assert "To go on" not in said


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["check-data", "orders", "my orders.csv"], []),
        (
            ["run", "small", "-p", "seed=3", "-p", "data=my orders.csv", "--out", "here"],
            ["seed=3", "data=my orders.csv"],
        ),
    ],
)
def test_a_remedy_is_a_command_that_can_be_pasted(lessons, capsys, words, kept):
    (lessons / "my orders.csv").write_text(
        "Kunden Nr;Datum;Umsatz\n" + ORDERS.partition("\n")[2].replace("28.", "12.")[:300].rpartition("\n")[0]
    )
    assert cli.main([*words, "--map", "ordered_at=Datum"]) == 2
    said = capsys.readouterr().err
    assert "Remedy: perhaps map them so:\n  crkit " in said
    pasted = shlex.split(said.strip().splitlines()[-1])[1:]
    options = cli.parser().parse_args(pasted)
    assert options.command == words[0]
    assert options.map == ["customer_id=Kunden Nr", "ordered_at=Datum", "amount_eur=Umsatz"]
    assert getattr(options, "parameter", []) == kept
    assert getattr(options, "out", "here") == "here"
    assert cli.main(pasted) == 0


def test_where_two_readings_are_possible_both_commands_are_given(lessons, capsys):
    (lessons / "orders.csv").write_text(
        "CustomerID;Date;Total\n1;05/01/2024;1,50\n2;06/02/2024;2,50\n", encoding="utf-8"
    )
    assert cli.main(["check-data", "orders", "orders.csv", *MAPS]) == 2
    said = capsys.readouterr().err
    commands = [shlex.split(line) for line in said.splitlines() if line.startswith("  crkit ")]
    assert ["ordered_at=Date, day first" in command for command in commands] == [True, False]
    assert ["ordered_at=Date, month first" in command for command in commands] == [False, True]
    assert cli.main(commands[0][1:]) == 0


@pytest.mark.parametrize(
    ("called", "on_path", "says"),
    [
        (".venv/bin/crkit", None, ".venv/bin/crkit"),
        ("/opt/bin/crkit", "/opt/bin/crkit", "crkit"),
        ("/x/crkit/__main__.py", "/opt/bin/crkit", f"{sys.executable} -m crkit"),
        ("/x/pytest", None, "crkit"),
    ],
)
@pytest.mark.usefixtures("lessons")
def test_a_command_to_paste_is_called_as_this_one_was(monkeypatch, called, on_path, says):
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(cli.shutil, "which", lambda _: on_path)
    assert cli._command(["new", "a b"]) == f"{says} new 'a b'"


@pytest.fixture
def too_few(monkeypatch):
    """The topic ``small``, and the one that check-data names, need ten customers."""

    def require_enough(orders):
        if orders["customer_id"].nunique() < 10:
            raise ValueError("ten customers are needed")

    for topic in ("small", cli.REPORTS["orders"]):
        monkeypatch.setitem(sys.modules, f"crkit.{topic}", SimpleNamespace(require_enough=require_enough))


@pytest.mark.usefixtures("too_few")
def test_too_few_customers_are_refused_before_anything_is_run(lessons, capsys):
    few = "".join(ORDERS.splitlines(keepends=True)[:8])
    (lessons / "orders.csv").write_text(few, encoding="utf-8")
    assert cli.main(["run", "small", "-p", "data=orders.csv", *MAPS]) == 2
    printed = capsys.readouterr()
    assert printed.err == "crkit run: orders.csv: ten customers are needed\n"
    assert not (lessons / "report").exists()
    assert cli.main(["check-data", "orders", "orders.csv", *MAPS]) == 0
    said = capsys.readouterr().out
    assert "Too little for crkit run segments: ten customers are needed" in said
    assert "To go on" not in said

    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    assert cli.main(["run", "small", "-p", "data=orders.csv", *MAPS]) == 0
    assert cli.main(["check-data", "orders", "orders.csv", *MAPS]) == 0
    assert "To go on" in capsys.readouterr().out


def test_a_run_says_that_it_takes_a_while_and_how_to_go_on(lessons, capsys):
    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    assert cli.main(["run", "small", "-p", "data=orders.csv", "-p", "seed=2", *MAPS]) == 0
    said = capsys.readouterr().out
    assert "Running small into report: this takes a minute or two\n" in said
    assert cli.main(shlex.split(said.strip().splitlines()[-1])[1:]) == 0
    made = workbook.parameters(workbook.read(lessons / "my_small.ipynb"))
    assert (made["data"].default, made["seed"].default) == ("orders.csv", 2)
    assert made["columns"].default == {"customer_id": "CustomerID", "ordered_at": "Date", "amount_eur": "Total"}
    assert made["data"].comment == "which data"


def test_a_new_notebook_elsewhere_finds_the_file(lessons):
    (lessons / "orders.csv").write_text(ORDERS, encoding="utf-8")
    (lessons / "mine").mkdir()
    assert cli.main(["new", "small", "mine/own.ipynb", "-p", "data=orders.csv"]) == 0
    assert workbook.parameters(workbook.read(lessons / "mine/own.ipynb"))["data"].default == "../orders.csv"


def test_a_reader_who_has_seen_enough_ends_the_command_quietly(tmp_path):
    rows = "".join(f"{i};01.02.2024;soon\n{i};01.02.2024;3,50\n" for i in range(200))
    (tmp_path / "orders.csv").write_text(f"CustomerID;Date;Total\n{rows}", encoding="utf-8")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "crkit", "check-data", "orders", "orders.csv", *MAPS],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("lessons")
def test_refresh_leaves_a_failing_notebook_and_goes_on(make_notebook, capsys):
    path = make_notebook("seed", name="08_good.ipynb")
    assert cli.main(["refresh"]) == 1
    printed = capsys.readouterr()
    assert "07_small.ipynb was left as it was: cell 4 (In [3]): SystemError: an exercise" in printed.err
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
