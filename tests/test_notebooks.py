"""Every stored notebook: its anatomy, that it runs with other parameters and other data, and that it is fresh."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from crkit import datasets, workbook

STORED = workbook.stored()
LESSONS = [path for path in STORED if workbook.topic_of(path) != "start_here"]
REQUIRED = ("data", "seed", "n_customers", "scenario", "columns", "hub_file")
SECTIONS = ("What usually goes wrong", "On your canvas", "Use your own data", "Take-aways", "Further reading")
TAGS = {"parameters", "setup", "exercise", "lesson", "summary", "nbval-check-output"}
LONGEST_CELL = 12
PLACES = r"(?:/home/|/root/|/tmp/|/work/|/Users/|[A-Z]:\\\\|site-packages|<ipython-input|0x[0-9a-f]{6,})"
MOMENTS = r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3,}|\bWall time\b|\bCPU times\b|\bit/s\b"

every_notebook = pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [(cell.id, output) for cell in code_cells(notebook) for output in cell.outputs]


def texts(output):
    """All that a reader can read in an output."""
    found = [output["text"]] if "text" in output else []
    return found + [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]


def warnings_in(notebook):
    return [output.text for _, output in outputs(notebook) if output.get("name") == "stderr"]


def test_there_are_notebooks():
    assert {"start_here", "segments"} <= {workbook.topic_of(path) for path in STORED}


# ---------------------------------------------------------------------------------------------------------- the anatomy


@every_notebook
def test_the_first_cell_says_what_the_lesson_is(path):
    lesson = workbook.describe(path)
    assert workbook.read(path).cells[0].cell_type == "markdown"
    assert lesson.title != path.stem
    assert len(lesson.question) > 15
    assert lesson.minutes
    assert 3 <= len(lesson.objectives) <= 5


@every_notebook
def test_the_parameters_are_plain_commented_and_complete(path):
    found = workbook.parameters(workbook.read(path))
    assert set(REQUIRED) <= set(found)
    assert [name for name, parameter in found.items() if not parameter.comment] == []


@every_lesson
def test_a_lesson_has_all_its_sections(path):
    notebook = workbook.read(path)
    headings = [
        line.lstrip("# ").strip()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert [section for section in SECTIONS if not any(section in heading for heading in headings)] == []


@every_notebook
def test_the_take_aways_mirror_the_objectives(path):
    notebook = workbook.read(path)
    cell = next(cell.source for cell in notebook.cells if re.search(r"^#+ .*Take-aways", cell.source, re.MULTILINE))
    section = cell[cell.index("Take-aways") :]
    bullets = re.findall(r"^\s*(?:[-*]|\d+\.)\s", section.split("\n#")[0], re.MULTILINE)
    assert len(bullets) >= len(workbook.describe(path).objectives)


@every_notebook
def test_no_code_cell_is_empty_or_long(path):
    bad = {
        cell.id: len(cell.source.splitlines())
        for cell in code_cells(workbook.read(path))
        if not cell.source.strip() or len(cell.source.splitlines()) > LONGEST_CELL
    }
    assert bad == {}


@every_notebook
def test_tags_are_known(path):
    assert {tag for cell in workbook.read(path).cells for tag in workbook.tags(cell)} <= TAGS


@every_notebook
def test_cell_ids_are_unique(path):
    ids = [cell.id for cell in workbook.read(path).cells]
    assert len(ids) == len(set(ids))


@every_notebook
def test_every_code_cell_is_executed_in_order(path):
    counts = [cell.execution_count for cell in code_cells(workbook.read(path))]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_every_picture_has_alt_text(path):
    notebook = workbook.read(path)
    pictures = [(name, output) for name, output in outputs(notebook) if "image/png" in output.get("data", {})]
    without = [name for name, output in pictures if not output.metadata.get("image/png", {}).get("alt", "").strip()]
    for cell in notebook.cells:
        shown = [cell.source] if cell.cell_type == "markdown" else []
        shown += [text for output in cell.get("outputs", []) for text in texts(output)]
        for text in shown:
            tags = re.findall(r"<img\b[^>]*>", text)
            without += [cell.id for tag in tags if not re.search(r"\balt\s*=\s*[\"'][^\"']*\w", tag)]
            without += [cell.id] * len(re.findall(r"!\[\s*\]\(", text))
    assert without == []


@every_notebook
def test_outputs_hold_no_error_warning_path_or_time(path):
    notebook = workbook.read(path)
    assert workbook.scan(notebook) == []
    assert warnings_in(notebook) == []
    found = {
        name: match[0]
        for name, output in outputs(notebook)
        for text in texts(output)
        if (match := re.search(f"{PLACES}|{MOMENTS}", text))
    }
    assert found == {}


@every_notebook
def test_text_needs_no_network(path):
    """No TeX, which needs a script, and no picture from elsewhere: a page opens offline."""
    found = {
        cell.id: match[0]
        for cell in workbook.read(path).cells
        if cell.cell_type == "markdown"
        and (
            match := re.search(
                r"\$\$|\$[^$\n`]+\$|\\\(|\\begin\{|!\[[^\]]*\]\(http|<(?:img|script|link|iframe)\b", cell.source
            )
        )
    }
    assert found == {}


@every_notebook
def test_links_between_notebooks_lead_somewhere(path):
    linked = [
        target
        for cell in workbook.read(path).cells
        if cell.cell_type == "markdown"
        for target in re.findall(r"\]\((?!https?:|#|mailto:|attachment:)([^)#\s]+)", cell.source)
    ]
    assert [target for target in linked if not (path.parent / target).exists()] == []


# ---------------------------------------------------------------------------------------------------------- it is fresh


@every_notebook
def test_refreshing_changes_nothing_and_needs_no_more_than_a_reader_has(path, as_a_reader):
    assert workbook.check_refreshed(path) == []
    assert not as_a_reader.exists()


@every_notebook
def test_the_page_is_whole_and_needs_no_network(path):
    """Of the notebook as it is stored: what the test above shows to be what an execution gives."""
    stored = workbook.read(path)
    page = workbook.page(stored, title=workbook.describe(path).title)
    pictures = [output for _, output in outputs(stored) if "image/png" in output.get("data", {})]
    assert page.count("<img") >= len(pictures)
    assert not re.search(r"<img(?![^>]*\balt=\"[^\"]*\w)", page)
    assert "<script" not in page
    assert not re.search(r"<link\b|\bsrc=\"(?!data:)|@import|url\(['\"]?(?:https?:)?//", page)


@every_notebook
def test_nbval_finds_the_stored_notebook_valid(path, tmp_path, monkeypatch):
    """In a copy, so that the reader's own Hub beside the notebook is not touched."""
    copy = shutil.copy(path, tmp_path / path.name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "--nbval-lax", "-q", "-p", "no:cacheprovider"]
    command += ["--assert=plain", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    command += ["--nbval-cell-timeout", "300", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(rf"{len(code_cells(workbook.read(path)))} passed", done.stdout), done.stdout[-500:]


# ------------------------------------------------------------------------------------------------- it runs with others


def run(path, out, report=None, **values):
    done = workbook.run(path, out, values, report=report)
    assert done.problems == (), f"{path.stem} with {values}: {done.problems}"
    executed = workbook.read(done.notebook)
    assert warnings_in(executed) == []
    return done


@every_notebook
@pytest.mark.parametrize(
    ("scenario", "n_customers", "seed"),
    [
        ("over_automated", 2000, 1),
        ("ignored_feedback", 600, 2),
        ("impersonal", 200, 6),  # of such companies the one on which most models do not converge
    ],
)
def test_it_runs_in_each_scenario_with_other_seeds_and_sizes(path, tmp_path, scenario, n_customers, seed):
    run(path, tmp_path, scenario=scenario, n_customers=n_customers, seed=seed)


def users_contacts(path):
    """A help desk's export: other names, semicolons, decimal commas, a row without a customer, nobody named."""
    frame = datasets.load("contacts").head(1500)
    frame = frame[frame["issue_id"].notna()]
    columns = {"customer_id": "Kunde", "issue_id": "Ticket", "started_at": "Beginn", "handle_minutes": "Minuten"}
    frame = frame[[*columns, "channel", "topic", "handled_by", "resolved"]].rename(columns=columns).astype("str")
    frame["Beginn"] = pd.to_datetime(frame["Beginn"]).dt.strftime("%d.%m.%Y %H:%M")
    frame["Minuten"] = frame["Minuten"].str.replace(".", ",")
    frame.iloc[17, 0] = ""
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    return columns


def users_feedback(path):
    """A survey tool's export: a column a question, scores as text, those who did not answer, partial answers."""
    rng = np.random.default_rng(8)
    frame = datasets.load("feedback").query("kind == 'NPS'").tail(1500)
    asked = {"customer_id": "Kunde", "sent_at": "Gesendet", "answered_at": "Beantwortet", "nps": "Uns empfehlen?",
             "csat": "Wie zufrieden?", "rating_speed": "Tempo", "rating_web_site": "Seite", "comment": "Warum?",
             "segment": "Region", "replied_at": "Rückmeldung"}  # fmt: skip
    answered, happy = frame["score"].notna(), frame["score"].fillna(0).astype(int)
    words = {10: "10 - extremely likely", 0: "0 - not at all likely"}
    frame = frame.assign(
        nps=[words.get(score, f"{score}/10") if there else "" for score, there in zip(happy, answered, strict=True)],
        customer_id=frame["customer_id"].astype(str),
        csat=(happy // 2).clip(1, 5).astype("Int64").where(answered & (rng.random(len(frame)) < 0.6)),
        rating_speed=frame["rating_delivery"],
        rating_web_site=frame["rating_service"],
        segment=rng.choice(["Nord", "Süd", "West"], len(frame)),
    )[[*asked]].rename(columns=asked)
    for name in ("Gesendet", "Beantwortet", "Rückmeldung"):
        frame[name] = frame[name].dt.strftime("%d.%m.%Y %H:%M")
    frame.iloc[17, 0] = ""
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    return asked


def users_orders(path):
    """An export as shops make them: other names, semicolons, decimal commas, returns, a row without a customer."""
    rng = np.random.default_rng(5)
    customers, days = 300, 700
    first = rng.integers(0, 400, customers)
    left = first + rng.exponential(400, customers)
    gap = 1 / rng.gamma(0.9, 1 / 60, customers)  # days between two orders
    orders = [(i, first[i]) for i in range(customers)]
    for i in range(customers):
        at = first[i] + rng.exponential(gap[i])
        while at < min(left[i], days):
            orders.append((i, at))
            at += rng.exponential(gap[i])
    bought, at = (np.array(column) for column in zip(*orders, strict=True))
    at = pd.Timestamp("2023-01-05") + pd.to_timedelta(at.astype(int), unit="D")
    usual = 60 / rng.gamma(3, 1, customers)  # what each customer usually spends
    money = [f"{value:.2f}".replace(".", ",") for value in rng.gamma(4, usual[bought] / 4) + 0.5]
    money[::60] = ["-" + value for value in money[::60]]
    frame = pd.DataFrame(
        {"Kunde": 5000 + bought, "Datum": at.strftime("%d.%m.%Y"), "Betrag": money, "Filiale": "Mitte"}
    )
    frame["Kunde"] = frame["Kunde"].astype(str)
    frame.loc[17, "Kunde"] = ""
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    return {"customer_id": "Kunde", "ordered_at": "Datum", "amount_eur": "Betrag"}


def users_points(path):
    """A loyalty system's export: kinds by other names, points without signs, no expiry, overlaps, balances, a total."""
    frame = datasets.load("points").head(3000)
    columns = {"entry_id": "Nr", "customer_id": "Kunde", "booked_at": "Datum", "kind": "Art", "points": "Punkte"}
    frame = frame[list(columns)].rename(columns=columns).astype({"Art": "str", "Nr": "str", "Kunde": "str"})
    frame["Art"] = frame["Art"].map({"earn": "Gutschrift", "redeem": "Einlösung", "expire": "Verfall"}).fillna("Kulanz")
    frame["Datum"] = frame["Datum"].dt.strftime("%d.%m.%Y %H:%M")
    frame["Punkte"] = frame["Punkte"].abs()
    balance = frame.tail(20).assign(Art="Saldo", Nr=[f"S{i}" for i in range(20)])
    total = frame.tail(1).assign(Kunde="Summe", Nr="T1", Punkte=frame["Punkte"].sum())
    pd.concat([frame, frame.head(15), balance, total]).to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    return columns


USERS_FILES = {"orders": users_orders, "contacts": users_contacts, "points": users_points, "feedback": users_feedback}


@every_notebook
@pytest.mark.usefixtures("as_a_reader")
def test_it_runs_on_a_users_file_as_a_report(path, tmp_path):
    columns = USERS_FILES[workbook.describe(path).table](tmp_path / "export.csv")
    data = str(tmp_path / "export.csv")
    done = run(path, tmp_path / "out", report="export.csv", data=data, columns=columns)
    left = workbook.read(done.notebook).cells
    assert not any({"exercise", "lesson"} & set(workbook.tags(cell)) for cell in left)
    assert not any(re.search(r"\bcheck(\.\w+)?\(", cell.source) for cell in left if cell.cell_type == "code")
    page = done.page.read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert "This run" not in page
    assert "Kittiwake" not in page


@pytest.mark.parametrize(
    "path", [p for p in STORED if "cdnow" in workbook.describe(p).data], ids=lambda path: path.stem
)
def test_it_runs_on_cdnow_where_it_says_so(path, tmp_path):
    run(path, tmp_path, data="cdnow")


@every_notebook
@pytest.mark.parametrize(
    "values",
    [{"scenario": "helthy"}, {"n_customers": 3}, {"seed": -1}, {"data": "kittywake"}],
    ids=lambda values: next(iter(values)),
)
def test_a_wrong_value_is_refused_with_a_sentence(path, values):
    """The notebook hands its parameters to `open_source`, which refuses; that is quick, so no kernel is needed here."""
    defaults = {name: parameter.default for name, parameter in workbook.parameters(workbook.read(path)).items()}
    known = {name: defaults[name] for name in ("data", "seed", "n_customers", "scenario", "columns")}
    with pytest.raises(ValueError, match=str(next(iter(values.values())))):
        datasets.open_source(**{**known, **values})
    setup = "\n".join(cell.source for cell in workbook.read(path).cells if "setup" in workbook.tags(cell))
    assert "open_source(" in setup
    assert all(re.search(rf"\b{name}\b", setup) for name in known)
