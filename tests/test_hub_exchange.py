"""The register in other programs: it comes back unchanged, and nothing in it comes alive."""

import csv
import datetime
import io
import json
import re
import shutil
import subprocess
import zipfile

import mistune
import openpyxl
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crkit import hub, hub_exchange
from crkit.hub_register import CHOICES, LISTS

KINDS = (".xlsx", ".csv", ".json", ".md", ".bmml")
NASTY = (
    "=1+1",
    "'=1+1",
    "+49 30 1234",
    "-",
    "@SUM(A1)",
    "＝1",  # noqa: RUF001 - the full-width sign is the point
    "a;=HYPERLINK(1)",
    "a\\;b; c\\\\",
    "a | b \\| c\\",
    "<script>alert(1)</script>",
    "_x0041_",
    "**bold** `code` [x](y) &amp; $x$",
    "- list",
    "# heading",
    "1. one",
    "Ünï 漢字 العربية ☕",
    "null",
    "true",
    "2026-01-31",
    "007",
    "1e5",
    "a: b",
    "<br>",
    "other_fields",
)
text = st.one_of(
    st.sampled_from(NASTY),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12
    ),
)
lines = st.lists(text, max_size=3).map("\n".join)
extra_value = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | st.floats(allow_nan=False) | text | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
extra = st.dictionaries(text.map(lambda name: f"x {name}"), extra_value, max_size=2)
number = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-10, 10**9)
metrics = st.builds(
    hub.Metric,
    name=text.map(lambda name: f"m{name}"),
    current=number,
    target=number,
    unit=text,
    better=st.sampled_from(["higher", "lower"]),
    measure=st.sampled_from(["", *hub.MEASURES]),
    extra=extra,
)
record = st.builds(
    hub.Record,
    id=st.text("RSabc=-1", min_size=1, max_size=6),
    name=text,
    value_proposition=lines,
    integration=lines,
    feedback_loop=lines,
    owner=text,
    currency=text,
    cost_per_year=st.none() | st.floats(0, 1e12) | st.integers(0, 10**9),
    metrics=st.lists(metrics, max_size=2),
    review_on=st.none() | st.dates(datetime.date(1900, 3, 1)),
    silenced=st.dictionaries(text.map(lambda name: f"c{name}"), text.map(lambda name: f"r{name}"), max_size=2),
    extra=extra,
    **{name: st.lists(text, max_size=3) for name in LISTS},
    **{name: st.sampled_from(["", *allowed]) for name, allowed in CHOICES.items()},
)
registers = st.lists(record, max_size=3, unique_by=lambda one: one.id)


@pytest.mark.parametrize("kind", [*KINDS, "hub"])
@settings(max_examples=25, deadline=None, phases=set(Phase) - {Phase.explain})  # explaining takes minutes
@given(records=registers)
def test_any_record_survives_a_round_trip(tmp_path_factory, kind, records):
    path = tmp_path_factory.mktemp("x") / f"register{kind}"
    if kind == "hub":
        assert hub.save_records(path, records).records == tuple(records)
        return
    if kind == ".md" and not records:
        return
    hub_exchange.write(path, records)
    assert hub_exchange.read(path) == tuple(records)


def nasty():
    return [
        hub.Record(
            f"R{i}", value, segments=(value, "x"), value_proposition=f"one\n{value}", owner=value, extra={"k": value}
        )
        for i, value in enumerate(NASTY)
    ]


def test_no_formula_comes_out_alive_in_a_sheet(tmp_path):
    hub_exchange.write(tmp_path / "r.xlsx", nasty())
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert kinds <= {"s", "n", "d"}
    assert all(cell.quotePrefix for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str))
    with zipfile.ZipFile(tmp_path / "r.xlsx") as packed:
        assert "<f>" not in packed.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_cell_of_a_csv_file_begins_like_a_formula_whichever_way_it_is_split(separator):
    rows = csv.reader(io.StringIO(hub_exchange.to_csv(nasty()), newline=""), delimiter=separator)
    begins = [cell.strip()[:1] for row in rows for cell in row]
    assert len(begins) > 60
    assert not set(begins) & set("=+-@＝＋－＠")  # noqa: RUF001 - the full-width signs are the point


def soffice(folder, source, target):
    program = shutil.which("soffice")
    assert program, "this test needs LibreOffice: apt-get install libreoffice-calc-nogui"
    command = [program, f"-env:UserInstallation=file://{folder / 'profile'}", "--headless", "--convert-to", target]
    done = subprocess.run([*command, "--outdir", str(folder / "out"), str(source)], capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_libreoffice_opens_the_sheet_and_finds_the_same_text_in_it(tmp_path):
    records = nasty()
    hub_exchange.write(tmp_path / "r.xlsx", records)
    out = soffice(tmp_path, tmp_path / "r.xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1")
    rows = list(csv.DictReader(io.StringIO((out / "r.csv").read_text(encoding="utf-8"), newline="")))
    assert [row["name"] for row in rows] == [one.name for one in records]
    assert [row["value proposition"] for row in rows] == [one.value_proposition for one in records]
    # LibreOffice itself writes _x0041_ in a form that means A, to Excel as to us
    kept = [one for one in records if one.name != "_x0041_"]
    hub_exchange.write(tmp_path / "r.xlsx", kept)
    back = soffice(tmp_path, tmp_path / "r.xlsx", "xlsx:Calc MS Excel 2007 XML")
    assert hub_exchange.read(back / "r.xlsx") == tuple(kept)


def test_markdown_becomes_a_page_without_html_of_the_records():
    page = mistune.html(hub_exchange.to_markdown(nasty()))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<strong>bold" not in page
    assert page.count("<h2>") == len(NASTY)


def test_bmml_holds_what_its_schema_allows_and_the_rest_stands_beside(tmp_path):
    records = [hub.Record("R1", "Advice", segments=("Cafés", "Cafes"), channels=("Web",), owner="Ada", partners=("X",))]
    main, beside = hub_exchange.write(tmp_path / "model.bmml", records, title="Kittiwake")
    document = yaml.safe_load(main.read_text(encoding="utf-8"))
    assert document["meta"] == {"name": "Kittiwake", "portfolio": "exploit", "stage": "improve"}
    assert document["customer_segments"] == [{"id": "cs-cafes", "name": "Cafés"}, {"id": "cs-cafes-2", "name": "Cafes"}]
    assert document["customer_relationships"] == [
        {"id": "cr-r1", "name": "Advice", "for": {"customer_segments": ["cs-cafes", "cs-cafes-2"]}}
    ]
    assert set(document) == {
        "version",
        "meta",
        "customer_segments",
        "channels",
        "key_partnerships",
        "customer_relationships",
    }
    assert "Ada" not in main.read_text(encoding="utf-8")
    main.write_text(main.read_text(encoding="utf-8").replace("Advice", "Better advice"), encoding="utf-8")
    assert hub_exchange.read(main)[0] == hub.replace(records, hub_exchange.read(main)[0])[0]
    assert (hub_exchange.read(main)[0].name, hub_exchange.read(main)[0].owner) == ("Better advice", "Ada")
    beside.unlink()
    (plain,) = hub_exchange.read(main)
    assert (plain.id, plain.name, plain.segments, plain.owner) == ("cr-r1", "Better advice", ("Cafés", "Cafes"), "")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.csv", "name\nx\n", "one of them must be id"),
        ("r.csv", "id,name,name\nR1,a,b\n", "two columns are called name"),
        ("r.csv", "id,name\nR1,a\nR1,b\n", "two records have the id R1: 'a' and 'b'"),
        ("r.csv", "id,name\nR1\n", "row 2 has 1 cells"),
        ("r.csv", "id,purpose\nR1,joy\n", "row 2: record R1: purpose is 'joy'"),
        ("r.csv", "", "it is empty"),
        ("r.csv", b"\xff\xfe\x00", "not text in UTF-8"),
        ("r.csv", 'id,name\nR1,"a"b\n', "it is not CSV"),
        ("r.json", "{", "it is not JSON (line 1)"),
        ("r.json", '{"records": 3}', "no list of records"),
        ("r.json", '[{"id": "A", "id": "B"}]', "'id' is named twice"),
        ("r.json", '[{"id": "A", "cost_per_year": NaN}]', "NaN is no number"),
        ("r.json", "[" * 100_000, "nested too deeply"),
        ("r.json", '[{"id": "A", "name": "x"}, {"id": "A", "name": "y"}]', "two records have the id A"),
        ("r.md", "- **name**: x\n", "before the first record"),
        ("r.md", "# only a title\n", "it holds no record"),
        ("r.md", "## R1\n\n- **owner**: a\n- **owner**: b\n", "owner is said twice"),
        ("r.md", "## R1\n\nsome prose\n", "neither a record"),
        ("r.bmml", "a: &a [*a]\n", "aliases are not allowed"),
        ("r.bmml", "customer_relationships: {a: 1}\n", "r.bmml is not valid BMML: version"),
        ("r.bmml", "x: !!python/object/apply:os.system [ls]\n", "is not allowed"),
        ("r.xlsx", "not a zip", "not an Excel workbook"),
        ("r.docx", "x", "a register can be .xlsx, .csv, .json, .md or .bmml, not .docx"),
    ],
)
def test_bad_files_are_refused_with_a_sentence(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(says)):
        hub_exchange.read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_50_mb_is_refused(tmp_path, kind):
    with (tmp_path / f"r{kind}").open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(ValueError, match="has 50 MB"):
        hub_exchange.read(tmp_path / f"r{kind}")


def test_a_workbook_that_unpacks_to_too_much_and_one_with_live_formulas_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", bytes(70_000_000))
    with pytest.raises(ValueError, match="it unpacks to 70 MB"):
        hub_exchange.read(tmp_path / "bomb.xlsx")
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append(["R1", "=1+1"])
    book.save(tmp_path / "live.xlsx")
    with pytest.raises(ValueError, match=r"live\.xlsx: cell B2 holds a formula"):
        hub_exchange.read(tmp_path / "live.xlsx")


def test_a_cell_longer_than_a_sheet_holds_is_refused_and_not_cut(tmp_path):
    long = hub.Record("R1", "x", assumptions=tuple(f"{i} " + "x" * 7000 for i in range(6)))
    with pytest.raises(ValueError, match="record R1: assumptions has 42,0"):
        hub_exchange.write(tmp_path / "r.xlsx", [long])
    assert not (tmp_path / "r.xlsx").exists()


def test_a_sheet_as_a_person_makes_it_is_read(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["ID", "Name", "Interaction type", "Segments", "Review on", "Cost per year", "Metrics", "Mood"])
    metric = "human share | 0.7 | 0.9 | share"
    book.active.append([1, "Advice", "Self-service", "homes\noffices", datetime.datetime(2026, 1, 31), 1200, metric, 3])
    book.active.append([None, " "])
    book.save(tmp_path / "r.xlsx")
    (one,) = hub_exchange.read(tmp_path / "r.xlsx")
    assert (one.id, one.interaction_type, one.segments) == ("1", "self_service", ("homes", "offices"))
    assert (one.review_on, one.cost_per_year) == (datetime.date(2026, 1, 31), 1200.0)
    assert one.metrics == (hub.Metric("human share", 0.7, 0.9, "share"),)
    assert one.extra == {"Mood": 3}


@pytest.mark.parametrize("kind", [".csv", ".xlsx", ".md"])
def test_a_list_in_a_cell_may_have_semicolons_and_one_with_commas_is_one_entry(tmp_path, kind):
    path = tmp_path / f"r{kind}"
    if kind == ".xlsx":
        book = openpyxl.Workbook()
        book.active.append(["id", "segments", "Partners"])
        book.active.append(["R1", "homes; offices;", "beans, milk"])
        book.save(path)
    elif kind == ".csv":
        path.write_text('id,segments,partners\nR1,homes; offices;,"beans, milk"\n', encoding="utf-8")
    else:
        path.write_text("## R1\n\n- **segments**: homes; offices;\n- **partners**: beans, milk\n", encoding="utf-8")
    (one,) = hub_exchange.read(path)
    assert (one.segments, one.partners) == (("homes", "offices"), ("beans, milk",))


def test_json_is_plain_json():
    document = json.loads(hub_exchange.to_json([hub.Record("R1", "é", review_on="2026-01-31", extra={"k": 1})]))
    assert document["records"][0]["review_on"] == "2026-01-31"
