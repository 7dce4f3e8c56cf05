"""The report and the form: what a reader sees of the Hub, and what they can do to it."""

import dataclasses
import datetime
import re
import shutil
import subprocess

import pandas as pd
import pytest

from crkit import cli, datasets, grouping, hub, hub_editor, hub_report, workbook

TODAY = datetime.date(2026, 1, 1)
EVIL = '<script>alert(1)</script>" onerror="x'


@pytest.fixture(scope="module")
def found():
    source = datasets.open_source(tables=("contacts", "customers"))
    return hub.evidence(source["contacts"], grouping.visible_segments(source["customers"]), source["customers"])


@pytest.fixture
def path(tmp_path):
    hub.update(tmp_path / "hub.yaml", "segments", {"Größe": ["漢字", "☕", "العربية"], EVIL: EVIL})
    hub.save_records(
        tmp_path / "hub.yaml", [*hub.draft(TODAY), hub.Record("R9", EVIL, segments=(EVIL,), owner="$x$ \\frac")]
    )
    return tmp_path / "hub.yaml"


def test_the_page_opens_without_a_network_and_nothing_in_it_acts(path, tmp_path, found):
    done = hub_report.write_report(path, tmp_path / "out", today=TODAY, evidence=found, about="Kittiwake")
    page = done.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "onerror=&quot;" in page
    assert not re.search(r"<(?:link|iframe|object|form)\b|\bsrc=\"(?!data:)|\bhref=|@import|url\(", page)
    assert "default-src 'none'" in page
    assert page.count("<img") == page.count('alt="') == 2
    for said in (*done.summary, "Your own account manager", "links missing", "漢字", "the target is 90%"):
        assert said in page
    assert "4 relationships are in the register, 3 of them active" in done.summary[0]
    again = hub_report.write_report(path, tmp_path / "two", today=TODAY, evidence=found, about="Kittiwake")
    assert again.page.read_bytes() == done.page.read_bytes()
    assert again.pdf.read_bytes() == done.pdf.read_bytes()


def test_summary_and_figure_judge_the_same_records(tmp_path, found):
    advice, offices, homes = hub.draft(TODAY)
    homes = dataclasses.replace(homes, status="planned")
    offices = dataclasses.replace(offices, silenced={"not_in_the_log": "the bot is being trained"})
    hub.save_records(tmp_path / "hub.yaml", [advice, offices, homes])
    done = hub_report.write_report(tmp_path / "hub.yaml", tmp_path, today=TODAY, evidence=found)
    assert "1 of 2 records claims another relationship than the log shows" in hub.plot_evidence(
        [advice, offices, homes], found
    ).get_suptitle().replace("\n", " ")
    assert "Of 2 active or paused records, 1 claims another relationship than the contact log shows." in done.summary[2]
    assert " 1 is silenced with a reason" in done.summary[1]
    assert "Targets met: 2; missed: 1; not to be told yet: 0." in done.summary[2]


def test_a_register_of_plans_is_reported_with_data_too(tmp_path, found):
    hub.save_records(tmp_path / "hub.yaml", [hub.Record("R1", "Advice", segments=("cafs",), status="planned")])
    done = hub_report.write_report(tmp_path / "hub.yaml", tmp_path, today=TODAY, evidence=found)
    assert "did you mean cafes?" in done.page.read_text(encoding="utf-8")
    assert "1 relationship is in the register, 0 of them active" in done.summary[0]


def test_sections_are_headed_by_words_and_what_is_empty_says_none(tmp_path):
    path = tmp_path / "hub.yaml"
    hub.update(
        path,
        "canvas_decision",
        {"open findings": [], "by_whom": None, "why": "one\ntwo", "steps": [["self_service"], {}]},
    )
    done = hub_report.write_report(path, tmp_path, today=TODAY)
    page = done.page.read_text(encoding="utf-8")
    said = "<li>open findings: none</li><li>by whom: none</li><li>why: one<br>two</li>"
    assert (
        f"<h2>Canvas decision</h2>\n<ul>{said}<li>steps: <ul><li><ul><li>self-service</li></ul></li><li>none</li>"
        in page
    )
    text = subprocess.run(["pdftotext", "-layout", done.pdf, "-"], capture_output=True, text=True, check=True).stdout
    for line in ("Canvas decision", "open findings: none", "by whom: none", "why: one", "two", "steps:", "- none"):
        assert line in [found.strip() for found in text.splitlines()]


KITTIWAKE = "Kittiwake Coffee, a simulated company: {} customers, seed {}, scenario {}"


@pytest.mark.parametrize(
    ("sections", "options", "says"),
    [
        ({}, [], "Held against no data: its entries do not say"),
        ({"segments": {"data": "your file orders.csv: 30 rows"}}, [], "Held against no data: its entries do not say"),
        ({"company": {"data": KITTIWAKE.format("300", 4, "impersonal")}}, [], "300 customers, seed 4, scenario impers"),
        ({"company": {"data": KITTIWAKE.format("300", 4, "impersonal")}}, ["--no-data"], "as was asked for"),
        ({"a": {"data": KITTIWAKE.format("300", 4, "healthy")}, "b": {"data": "CDNOW"}}, [], "its entries do not say"),
        (
            {"a": {"data": KITTIWAKE.format("2,000", 0, "healthy")}},
            ["--customers", "200", "--seed", "3"],
            "200 customers, seed 3, scenario healthy",
        ),
        (
            {
                "register": {"data": KITTIWAKE.format("1,300", 1, "healthy")},
                "a": {"data": KITTIWAKE.format("300", 4, "healthy")},
            },
            [],
            "1,300 customers, seed 1, scenario healthy",
        ),
        ({"register": {"data": "a shop"}, "a": {"data": KITTIWAKE.format("2,000", 0, "healthy")}}, [], "do not say"),
    ],
)
def test_the_report_is_held_against_the_data_that_the_hub_is_about_and_says_which(
    tmp_path, capsys, sections, options, says
):
    path = tmp_path / "hub.yaml"
    for name, section in sections.items():
        hub.update(path, name, section)
    hub.save_records(path, hub.draft(TODAY), base=hub.load_records(path))
    assert cli.main(["hub", "report", str(path), "--out", str(tmp_path), *options]) == 0
    assert says in capsys.readouterr().out
    page = (tmp_path / "hub_report.html").read_text(encoding="utf-8")
    assert says in page
    assert ("were not held against data" in page) == ("Held against no data" in page)


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_poppler_opens_the_pdf_and_finds_every_record_in_it(path, tmp_path, found, paper):
    done = hub_report.write_report(path, tmp_path / "out", today=TODAY, evidence=found, paper=paper)
    for program in ("pdftotext", "pdfinfo"):
        assert shutil.which(program), f"this test needs {program}: apt-get install poppler-utils"
    text = subprocess.run(["pdftotext", "-layout", done.pdf, "-"], capture_output=True, text=True, check=True).stdout
    for record in hub.load_records(path).records:
        assert f"{record.id}: {record.name.split()[0]}" in text
    for said in ("Targets", "Größe", "$x$ \\frac", "Nobody", "review was due on 2025-11-22"):
        assert said in " ".join(text.split())
    info = subprocess.run(["pdfinfo", done.pdf], capture_output=True, text=True, check=True).stdout
    assert re.search({"A4": r"Page size:\s+595\.\d+ x 841\.\d+", "Letter": r"Page size:\s+612 x 792"}[paper], info)


def test_text_is_never_cut_in_the_pdf(tmp_path):
    long = "word " * 900
    hub.save_records(
        tmp_path / "hub.yaml", [hub.Record("R1", "n", integration=long + "END", value_proposition="x" * 700)]
    )
    done = hub_report.write_report(tmp_path / "hub.yaml", tmp_path, today=TODAY)
    assert "not held against data" in done.summary[2]
    text = subprocess.run(["pdftotext", done.pdf, "-"], capture_output=True, text=True, check=True).stdout
    assert text.count("word") == 900
    assert "END" in text
    assert text.count("x") >= 700


def test_the_command_writes_the_report_and_refuses_with_a_sentence(path, tmp_path, capsys):
    out = tmp_path / "report"
    assert cli.main(["hub", "report", str(path), "--out", str(out), "--no-data", "--today", "2026-01-01"]) == 0
    assert {file.name for file in out.iterdir()} == {"hub_report.html", "hub_report.pdf"}
    assert "relationships are in the register" in capsys.readouterr().out
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    for arguments, says in (
        (["none.yaml"], "there is no Hub none.yaml"),
        ([str(tmp_path / "bad.yaml"), "--no-data"], "not valid YAML"),
        ([str(tmp_path / "empty.yaml"), "--no-data"], "holds nothing yet"),
        ([str(path), "--today", "soon"], "soon"),
        ([str(path), "--scenario", "helthy"], "helthy"),
    ):
        assert cli.main(["hub", "report", *arguments, "--out", str(out)]) == 2
        assert says in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------ the form


def test_the_form_shows_a_record_and_saves_it_unchanged(path):
    before = hub.load_records(path).records
    editor = hub_editor.edit(path, today=TODAY)
    for record in before:
        editor.open(record.id)
        assert editor.record() == record
        assert editor.save()
    assert hub.load_records(path).records == before


def test_the_form_checks_while_one_types_saves_undoes_and_removes(path, found):
    editor = hub_editor.edit(path, today=TODAY, evidence=found)
    editor.open("R2")
    assert "several_owners" in editor._findings.value
    assert "not_in_the_log" in editor._findings.value
    editor.fields["owner"].value = "Mira Lind"
    assert "several_owners" not in editor._findings.value
    assert editor.save()
    assert hub.load_records(path)["R2"].owner == "Mira Lind"
    editor.undo()
    assert hub.load_records(path)["R2"].owner == "the service team" == editor.fields["owner"].value
    editor.redo()
    assert editor.fields["owner"].value == "Mira Lind"
    editor.remove()
    assert "R2" not in [record.id for record in hub.load_records(path).records]
    editor.undo()
    assert hub.load_records(path)["R2"].owner == "Mira Lind"
    editor.fields["cost_per_year"].value = "a lot"
    assert "This cannot be saved yet" in editor._findings.value
    assert not editor.save()
    assert "cost_per_year is" in editor.message


def test_the_form_makes_new_records_and_refuses_a_second_one_with_an_id(path):
    editor = hub_editor.edit(path, today=TODAY)
    editor.open(hub_editor.NEW)
    assert editor.fields["id"].value == "R4"
    editor.fields["name"].value = "New"
    assert editor.save()
    editor.open(hub_editor.NEW)
    editor.fields["id"].value = "R4"
    assert not editor.save()
    assert "there is a record R4 already" in editor.message
    assert hub.load_records(path)["R4"].name == "New"


def test_the_form_shows_what_differs_instead_of_overwriting(path):
    editor = hub_editor.edit(path, today=TODAY)
    theirs = hub.load_records(path)
    changed = dataclasses.replace(theirs["R1"], owner="Grace")
    hub.save_records(path, hub.replace(theirs.records, changed), base=theirs)
    editor.open("R1")
    editor.fields["owner"].value = "Linus"
    assert not editor.save()
    assert "the file now says 'Grace', you have 'Linus'" in editor.message
    assert hub.load_records(path)["R1"].owner == "Grace"


def test_html_in_a_record_does_not_act_in_the_form(path):
    editor = hub_editor.edit(path, today=TODAY)
    editor.open("R9")
    editor.save()
    shown = [editor._findings.value, editor._said.value, editor._repr_mimebundle_()["text/html"]]
    assert not any("<script" in text for text in shown)
    assert "html_in_text" in shown[0]


def test_the_lesson_and_the_report_count_the_same_findings_as_open(tmp_path, found, capsys):
    """What the lesson writes into the Hub has as many findings there as the lesson says."""
    cells = {cell.id: cell.source for cell in workbook.read(workbook.find("hub")).cells}
    names = {"hub": hub, "pd": pd, "dataclasses": dataclasses, "datetime": datetime, "today": TODAY, "found": found}
    names |= {"records": hub.draft(TODAY), "alone": hub.check_register(hub.draft(TODAY), today=TODAY)}
    for name in ("mend", "mended-health"):
        exec(cells[name], names)
    told = re.search(r"now (\d+) are open", capsys.readouterr().out)
    hub.save_records(tmp_path / "hub.yaml", names["mended"])
    done = hub_report.write_report(tmp_path / "hub.yaml", tmp_path, today=TODAY, evidence=found)
    assert f"{told[1]} findings are open" in done.summary[1]
