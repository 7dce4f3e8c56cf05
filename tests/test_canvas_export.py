"""The files of a canvas, opened by other programs than the ones that wrote them: LibreOffice and poppler."""

import csv
import io
import re
import shutil
import subprocess
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from crkit import canvas, canvas_draft, canvas_export, figures, typeset

pytestmark = pytest.mark.xdist_group("canvas files")  # LibreOffice makes them once, in one worker

LONG = "a note that somebody wrote late at night and that nobody may cut, with its last word being " + "ornithology"
EVIL = '=HYPERLINK("http://evil.example","x")'
SIGNS = "Größe <b>&amp; $x_1$ 100% \\alpha"
FOREIGN = "咖啡爱好者 قهوة ☕🦜 ﬁn"


def full():
    """A canvas with everything that breaks files: long, foreign, and hostile texts, in great number."""
    made = canvas.Canvas(f"{SIGNS} {FOREIGN}", tagline="=1+1")
    for name in ("Öffentliche Büchereien", FOREIGN, EVIL, "@SUM(A1)", "-2+3", "+1", "\u202eright to left"):
        made = made.add("customer_segments", name, description=f"{name} {LONG}")
    for block in list(canvas.BLOCKS)[1:]:
        for number in range(30 if block == "cost_structure" else 6):
            links = ["Öffentliche Büchereien"] if "customer_segments" in canvas._LINKED[block] else []
            kind = "self_service" if block == "customer_relationships" else ""
            text = f"{number} {LONG} {'W' * 70 if number == 2 else ''}{EVIL if number == 3 else ''}"
            made = made.add(block, text, links=links, type=kind)
    return made


def run(*command):
    assert shutil.which(command[0]), (
        f"{command[0]} is missing: apt-get install libreoffice-impress libreoffice-calc poppler-utils"
    )
    return subprocess.run(command, check=True, capture_output=True, timeout=300).stdout.decode("utf-8", "replace")


def squeezed(text):
    return re.sub(r"\s+", "", text)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A usual draft and the full canvas, with what LibreOffice makes of slides and sheets."""
    folder = tmp_path_factory.mktemp("canvas")
    drafted = canvas_draft.draft("Trusted cleaners for the home are hard to find", "working parents", name="Clean")
    canvas_export.write_all(drafted.canvas, folder / "usual", origin=drafted.message)
    canvas_export.write_all(full(), folder / "full", page="Letter")
    for name in ("usual", "full"):
        profile = f"-env:UserInstallation=file://{folder}/profile"
        for kind, source in (("pptx", "canvas.pptx"), ("xlsx", "canvas.xlsx")):
            made = ["--convert-to", "pdf", "--outdir", str(folder / name / kind), str(folder / name / source)]
            run("soffice", profile, "--headless", *made)
    sheets = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    run(
        "soffice",
        profile,
        "--headless",
        "--convert-to",
        sheets,
        "--outdir",
        str(folder / "csv"),
        str(folder / "full/canvas.xlsx"),
    )
    return folder


@pytest.mark.parametrize(("name", "size"), [("usual", "841.89 x 595.276"), ("full", "792 x 612")])
def test_the_canvas_is_one_page_of_the_right_size(files, name, size):
    about = run("pdfinfo", str(files / name / "canvas.pdf"))
    assert re.search(r"Pages:\s+1\b", about)
    assert size in about
    assert "CreationDate" not in about


def test_every_word_is_on_the_page(files):
    """Nothing is cut: poppler finds each entry's letters, in their order, on the page and in the guide."""
    drafted = canvas.read(files / "usual" / "canvas.bmml")
    for name in ("canvas.pdf", "guide.pdf"):
        text = squeezed(run("pdftotext", "-raw", str(files / "usual" / name), "-"))
        missing = [e.name for b, e in drafted.entries() if squeezed(canvas_export.label(drafted, b, e)) not in text]
        assert missing == [], name
    text = squeezed(run("pdftotext", "-raw", str(files / "full" / "canvas.pdf"), "-"))
    assert text.count("ornithology") == sum("ornithology" in e.name for _, e in full().entries())


def inside(page, box):
    left, top, right, bottom = box
    return page[round(top) : round(bottom), round(left) : round(right)]


def test_no_text_leaves_its_block(files, tmp_path):
    """Seen in the picture: words lie within their block, and the margins are white."""
    boxes = run("pdftotext", "-bbox", str(files / "full" / "canvas.pdf"), "-")
    width, height = (float(x) for x in re.search(r'<page width="([\d.]+)" height="([\d.]+)"', boxes).groups())
    words = re.findall(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">', boxes)
    assert len(words) > 500
    for word in words:
        left, top, right, bottom = map(float, word)
        assert left >= 23
        assert right <= width - 23
        assert top >= 3  # the font's box; the picture below tells about the ink
        assert bottom <= height - 3
    edges = [24 + share * (width - 48) for share in (0.2, 0.4, 0.6, 0.8)]
    upper = [tuple(map(float, word)) for word in words if 66 < float(word[1]) < 62 + 0.70 * (height - 92)]
    crossing = [one for one in upper for edge in edges if one[0] < edge - 1 and one[2] > edge + 1]
    assert crossing == []
    run("pdftoppm", "-r", "72", "-png", str(files / "full" / "canvas.pdf"), str(tmp_path / "page"))
    page = np.asarray(Image.open(next(tmp_path.glob("page*.png"))).convert("L"))
    assert inside(page, (0, 0, 20, height)).min() == 255
    assert inside(page, (0, 0, width, 15)).min() == 255
    assert inside(page, (width - 20, 0, width, height)).min() == 255
    assert (inside(page, (30, 80, width - 30, height - 40)) < 128).mean() > 0.01


def test_a_missing_character_is_a_box_with_a_note(monkeypatch):
    lonely = canvas.Canvas("Shop").add("customer_segments", "咖啡 and tea")
    monkeypatch.setattr(typeset.font_manager.fontManager, "ttflist", [])
    fonts = typeset.fonts_for("咖啡 and tea")
    assert fonts == (("DejaVu Sans",), frozenset("咖啡"))
    drawn = " ".join(text.get_text() for text in canvas_export.plot_canvas(lonely).axes[0].texts)
    assert "▢▢ and tea" in drawn
    assert "2 in all: Chinese" in drawn
    nothing_missing = canvas_export.plot_canvas(canvas.Canvas("Größe")).axes[0].texts
    assert "▢" not in " ".join(text.get_text() for text in nothing_missing)


def test_a_font_that_has_the_character_is_found():
    """DejaVu Sans Mono stands in for a font of another script: any font of the computer counts."""
    only = frozenset({ord("咖")})
    entry = next(
        font
        for font in typeset.font_manager.fontManager.ttflist
        if (font.name, font.style) == ("DejaVu Serif", "normal")
    )
    real = typeset._covered
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typeset, "_covered", lambda file: only if file == entry.fname else real(file))
        fonts = typeset.fonts_for("咖x")
    assert fonts == (("DejaVu Sans", "DejaVu Serif"), frozenset())


@pytest.mark.parametrize("name", ["usual", "full"])
def test_the_svg_is_valid_and_holds_its_text(files, name):
    root = ElementTree.parse(files / name / "canvas.svg").getroot()
    text = squeezed("".join(node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")))
    made = canvas.read(files / name / "canvas.bmml")
    for block, entry in made.entries():
        assert squeezed(typeset.drawable(canvas_export.label(made, block, entry), typeset.fonts_for(""))) in text
    assert not {node.tag.split("}")[-1] for node in root.iter()} & {"script", "image", "foreignObject"}


def test_the_slides_open_in_libreoffice_and_hold_everything(files):
    for name in ("usual", "full"):
        made = canvas.read(files / name / "canvas.bmml")
        pdf = files / name / "pptx" / "canvas.pdf"
        assert re.search(r"Pages:\s+10\b", run("pdfinfo", str(pdf)))
        text = squeezed(run("pdftotext", "-raw", str(pdf), "-"))
        assert text.count("ornithology") >= sum("ornithology" in e.name for _, e in made.entries())
        if name == "usual":
            assert [e.name for _, e in made.entries() if text.count(squeezed(e.name)) < 2] == []
    slides = zipfile.ZipFile(files / "full" / "canvas.pptx")
    every = "".join(
        slides.read(one).decode() for one in slides.namelist() if re.match(r"ppt/slides/slide\d+\.xml", one)
    )
    assert "咖啡爱好者 قهوة ☕🦜" in every
    assert "hlinkClick" not in every
    assert "<pic:" not in every


def test_slide_text_stays_in_its_boxes(files):
    """LibreOffice lays the text out with its own fonts: no word leaves the first slide."""
    boxes = run("pdftotext", "-bbox", "-l", "1", str(files / "full" / "pptx" / "canvas.pdf"), "-")
    height = float(re.search(r'<page width="[\d.]+" height="([\d.]+)"', boxes)[1])
    words = re.findall(r'yMax="([\d.-]+)">([^<]+)<', boxes)
    assert max(float(bottom) for bottom, _ in words) < height
    costs = [float(bottom) for bottom, word in words if word == "ornithology"]
    assert max(costs) < height * 7.17 / 7.5


def test_the_sheet_opens_in_libreoffice_and_nothing_in_it_is_alive(files):
    rows = list(csv.reader(io.StringIO((files / "csv" / "canvas-Entries.csv").read_text(encoding="utf-8"))))
    names = [row[2] for row in rows[1:]]
    assert names == [entry.name for _, entry in full().entries()]
    book = zipfile.ZipFile(files / "full" / "canvas.xlsx")
    sheets = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 3
    assert not any(re.search(r"<f[ >]|<hyperlink", sheet) for sheet in sheets)
    assert not any("externalLink" in name or "vba" in name for name in book.namelist())


def test_the_guide_says_what_to_test_and_what_failed(files):
    text = run("pdftotext", "-layout", str(files / "usual" / "guide.pdf"), "-")
    assert text.count("What would change your mind:") == text.count("With whom:") == 3
    assert "working parents" in text
    markdown = (files / "full" / "guide.md").read_text(encoding="utf-8")
    assert "(check orphan\\_segment)" in markdown
    assert "<b>" not in markdown
    assert "咖啡爱好者 قهوة ☕🦜" in markdown
    plain = squeezed(run("pdftotext", "-raw", str(files / "full" / "guide.pdf"), "-"))
    assert plain.count("ornithology") >= sum("ornithology" in e.name for _, e in full().entries())


def test_an_empty_canvas_makes_files_too(tmp_path):
    written = canvas_export.write_all(canvas.Canvas("Empty"), tmp_path)
    assert sorted(written) == sorted(
        ["canvas.pdf", "canvas.svg", "canvas.pptx", "canvas.xlsx", "guide.pdf", "guide.md", "canvas.bmml"]
    )
    assert "Nothing" not in (tmp_path / "guide.md").read_text(encoding="utf-8")
    assert canvas.read(written["canvas.bmml"]) == canvas.Canvas("Empty")


def test_writing_twice_gives_the_same_pages(tmp_path):
    shop = canvas.example()
    for name, write in (("a.pdf", canvas_export.write_pdf), ("a.svg", canvas_export.write_svg)):
        assert write(shop, tmp_path / name).read_bytes() == write(shop, tmp_path / f"b{name}").read_bytes()


def many_costs(number=19, length=46):
    made = canvas.example()
    for i in range(number - len(made["cost_structure"])):
        made = made.add("cost_structure", f"{'Wages and rent of the workshop in the old harbour '[:length]}{i}")
    return made


def sizes(made):
    """The size of each text that is drawn."""
    return {text.get_text(): text.get_size() for text in canvas_export.plot_canvas(made).axes[0].texts}


def test_many_costs_stand_in_columns_and_stay_readable(tmp_path):
    made = many_costs()
    drawn = sizes(made)
    assert drawn["Green coffee"] > 6
    left = {round(text.get_position()[0]) for text in canvas_export.plot_canvas(made).axes[0].texts
            if text.get_text() in {one.name for one in made["cost_structure"]}}  # fmt: skip
    assert len(left) in (2, 3)
    slide = zipfile.ZipFile(canvas_export.write_pptx(made, tmp_path / "a.pptx")).read("ppt/slides/slide1.xml").decode()
    assert re.findall(r'numCol="(\d)"', slide) == [str(len(left))]
    usual = zipfile.ZipFile(canvas_export.write_pptx(canvas.example(), tmp_path / "b.pptx"))
    assert "numCol" not in usual.read("ppt/slides/slide1.xml").decode()


@pytest.mark.parametrize("length", [1, 50, 300])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 19, 30])
def test_columns_hold_every_text_in_order_and_are_never_smaller(number, length):
    texts = [f"{'x ' * (length // 2)}{i}" for i in range(number)]
    fonts = typeset.fonts_for("x")
    columns = canvas_export._columns("cost_structure", texts, 380, 110, fonts)
    plain = [" ".join(lines) for column in columns for lines in column.paragraphs]
    assert plain == texts
    assert all(column.paragraphs for column in columns)
    assert {column.size for column in columns} == {columns[0].size}
    assert columns[0].size >= typeset.fit(texts, 380, 110, fonts).size
    assert len(canvas_export._columns("channels", texts, 380, 110, fonts)) == 1


def test_a_sheet_without_findings_says_so(tmp_path):
    from openpyxl import load_workbook

    made = canvas.from_plain(canvas.patterns()[0].blocks, name="Clean")
    sheet = load_workbook(canvas_export.write_xlsx(made, tmp_path / "a.xlsx"))["Checks"]
    assert "found nothing" in sheet["C2"].value


def test_an_unknown_page_is_refused(tmp_path):
    for write in (canvas_export.write_pdf, canvas_export.write_svg, canvas_export.write_guide_pdf):
        with pytest.raises(ValueError, match="there is A4, Letter"):
            write(canvas.example(), tmp_path / "x", page="A5")
    assert list(tmp_path.iterdir()) == []


def test_the_figure_has_alt_text_with_every_entry():
    shop = canvas.example()
    fig = canvas_export.plot_canvas(shop)
    assert isinstance(fig, figures.Figure)
    assert all(entry.name in fig.alt for _, entry in shop.entries())
