"""A canvas as files for people: a page in PDF and SVG, slides, a sheet, and a guide of what to do next.

The page is our own drawing. Text is wrapped and shrunk until it fits, and never cut. A character that no font of this
computer has is drawn as a box, and a note on the page says how many there are; slides, sheet and Markdown always hold
all of them. Slides and sheet hold plain text: nothing in them is a formula, a link or a macro.
"""

from __future__ import annotations

import io
import itertools
import textwrap
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.patches import Rectangle

from crkit import _files, figures
from crkit import canvas as canvas_topic
from crkit.canvas import BLOCKS, TYPES, Assumption, Canvas, Entry, assumptions, checks
from crkit.typeset import LARGEST, LEADING, Fit, Fonts, drawable, fit, fonts_for, missing_note, wrap

Page = Literal["A4", "Letter"]
PAGES = {"A4": (297 / 25.4, 210 / 25.4), "Letter": (11.0, 8.5)}  # landscape, in inches
CREDIT = (
    "Business Model Canvas: Strategyzer (strategyzer.com), CC BY-SA 3.0. "
    "This drawing and its text are our own, made with crkit."
)
#: Where each block stands on a page: left, top, width and height as shares of the area.
PLACES = {
    "key_partnerships": (0.0, 0.0, 0.2, 0.72),
    "key_activities": (0.2, 0.0, 0.2, 0.36),
    "key_resources": (0.2, 0.36, 0.2, 0.36),
    "value_propositions": (0.4, 0.0, 0.2, 0.72),
    "customer_relationships": (0.6, 0.0, 0.2, 0.36),
    "channels": (0.6, 0.36, 0.2, 0.36),
    "customer_segments": (0.8, 0.0, 0.2, 0.72),
    "cost_structure": (0.0, 0.72, 0.5, 0.28),
    "revenue_streams": (0.5, 0.72, 0.5, 0.28),
}
_COLOURS = {
    **dict.fromkeys(("customer_segments", "customer_relationships", "channels"), figures.BLUE),
    "value_propositions": figures.VERMILION,
    **dict.fromkeys(("key_partnerships", "key_activities", "key_resources"), figures.GREEN),
    **dict.fromkeys(("cost_structure", "revenue_streams"), figures.INK),
}
WIDE = ("cost_structure", "revenue_streams")  # the blocks that have room for columns
MOST_COLUMNS, GAP = 3, 12.0  # points between columns
READABLE = 5.5  # points
NOTHING, KNOWS = "The checks found nothing.", "The checks read links and words; they know no markets."
ELSEWHERE = "The slides, the sheet and the Markdown guide hold them all."


# -------------------------------------------------------------------------------------------------------------- a page


def _letters(canvas: Canvas) -> dict[str, str]:
    """A letter for each segment, to show what is linked to it."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    segments = canvas["customer_segments"]
    return {one.id: alphabet[i] if i < 26 else f"A{alphabet[i - 26]}" for i, one in enumerate(segments)}


def label(canvas: Canvas, block: str, entry: Entry) -> str:
    """What a note says on the page: its name, its type if it has one, and the letters of its segments.

    Example:
        >>> shop = Canvas("Shop").add("customer_segments", "Cafés").add("channels", "Van", links=["Cafés"])
        >>> label(shop, "channels", shop["channels"][0])
        'Van [A]'
    """
    letters = _letters(canvas)
    if block == "customer_segments":
        return f"[{letters[entry.id]}] {entry.name}"
    kind = f" ({TYPES[entry.type]})" if entry.type else ""
    marks = [letters[link] for link in entry.links if link in letters]
    all_of_many = len(marks) == len(letters) > 1
    return entry.name + kind + (" [all]" if all_of_many else f" [{' '.join(marks)}]" if marks else "")


def _labels(canvas: Canvas) -> dict[str, list[str]]:
    return {block: [label(canvas, block, entry) for entry in canvas[block]] for block in BLOCKS}


def _figure(page: Page, *, portrait: bool = False) -> tuple[figures.Figure, Any]:
    if page not in PAGES:
        raise ValueError(f"there is no page {page!r}; there is {', '.join(PAGES)}")
    width, height = PAGES[page]
    fig = figures.Figure(figsize=(height, width) if portrait else (width, height), dpi=figures.DPI, facecolor="white")
    FigureCanvasAgg(fig)
    ax = fig.add_axes((0, 0, 1, 1))
    points = [side * 72 for side in fig.get_size_inches()]
    ax.set(xlim=(0, points[0]), ylim=(points[1], 0))
    ax.axis("off")
    return fig, ax


def plot_canvas(canvas: Canvas, *, page: Page = "A4") -> figures.Figure:
    """Draw a canvas on one landscape page.

    Letters stand for segments: an entry marked ``[A C]`` serves the segments A and C.

    Args:
        canvas: the canvas.
        page: ``"A4"`` or ``"Letter"``.

    Returns:
        The figure; its alt text says what stands in each block.

    Raises:
        ValueError: if there is no such page.
    """
    return _draw(canvas, page, real_text=False)


def _draw(canvas: Canvas, page: Page, *, real_text: bool) -> figures.Figure:
    fig, ax = _figure(page)
    texts = [canvas.name, canvas.tagline, *(text for part in _labels(canvas).values() for text in part)]
    fonts = fonts_for("".join(texts))

    def shown(text: str) -> str:
        return text if real_text else drawable(text, fonts)

    def put(x: float, y: float, text: str, size: float, **look: Any) -> None:
        ax.text(x, y, text, size=size, family=list(fonts.families), va="baseline", parse_math=False, **look)

    wide, high = (float(side) * 72 for side in fig.get_size_inches())
    margin, top, foot = 24.0, 62.0, 30.0
    title = fit([shown(canvas.name)], wide - 2 * margin, 26, fonts, largest=19)
    for i, line in enumerate(title.paragraphs[0]):
        put(margin, margin + title.size * (0.9 + i * LEADING), line, title.size, weight="bold", color=figures.INK)
    if canvas.tagline:
        tagline = fit([shown(canvas.tagline)], wide - 2 * margin, 13, fonts, largest=9)
        for i, line in enumerate(tagline.paragraphs[0]):
            put(margin, 55 + tagline.size * i * LEADING, line, tagline.size, color=figures.INK)
    smallest = LARGEST
    for block, place in PLACES.items():
        left, upper = margin + place[0] * (wide - 2 * margin), top + place[1] * (high - top - foot)
        width, height = place[2] * (wide - 2 * margin), place[3] * (high - top - foot)
        colour = _COLOURS[block]
        ax.add_patch(Rectangle((left, upper), width, height, facecolor="none", edgecolor=figures.GREY, linewidth=0.8))
        ax.add_patch(Rectangle((left, upper), width, 3, facecolor=colour, edgecolor="none"))
        put(left + 6, upper + 16, BLOCKS[block], 9.5, weight="bold", color=colour)
        columns = _columns(block, [shown(text) for text in _labels(canvas)[block]], width - 12, height - 30, fonts)
        size = columns[0].size
        smallest = min(smallest, size)
        for number, column in enumerate(columns):
            x, y = left + 6 + number * (width - 12 + GAP) / len(columns), upper + 24
            for lines in column.paragraphs:
                ax.add_patch(Rectangle((x, y + 0.5 * size), 0.35 * size, 0.35 * size, facecolor=colour))
                for line in lines:
                    put(x + 0.9 * size, y + size * 0.95, line, size, color=figures.INK)
                    y += size * LEADING
                y += 0.35 * size
    notes = [CREDIT]
    notes += [f"{missing_note(texts, fonts)} {ELSEWHERE}"] if fonts.missing and not real_text else []
    notes += [f"Some text had to be set in {smallest:.1f} points: enlarge the page."] if smallest < READABLE else []
    footer = fit([" ".join(notes)], wide - 2 * margin, foot - 10, fonts, largest=6.5)
    for i, line in enumerate(footer.paragraphs[0]):
        put(margin, high - foot + 9 + i * footer.size * LEADING, line, footer.size, color="#595959")
    parts = (f"{BLOCKS[block]}: {'; '.join(texts) or 'empty'}" for block, texts in _labels(canvas).items())
    fig.alt = f"The business model canvas of {canvas.name}. " + ". ".join(parts) + "."
    return fig


def _columns(
    block: str, texts: Sequence[str], width: float, height: float, fonts: Fonts, *, largest: float = LARGEST
) -> list[Fit]:
    """The texts in one column; in a wide block in two or three, where the letters are larger so."""
    best = [fit(texts, width, height, fonts, largest=largest)]
    for count in range(2, min(MOST_COLUMNS, len(texts)) + 1) if block in WIDE else ():
        narrow = (width - (count - 1) * GAP) / count
        together = fit(texts, narrow, count * height, fonts, largest=largest)  # one column as long as all of them
        parts = _split(texts, [len(lines) * LEADING + 0.35 for lines in together.paragraphs], count)
        size = min(fit(part, narrow, height, fonts, largest=largest).size for part in parts)
        if size > best[0].size:
            best = [fit(part, narrow, height, fonts, largest=size) for part in parts]
    return best


def _split(texts: Sequence[str], heights: Sequence[float], count: int) -> list[list[str]]:
    """The texts in order, in parts of about equal height, none of them empty."""
    ends = [0.0, *itertools.accumulate(heights)]
    cuts = [0]
    for number in range(1, count):
        free = range(cuts[-1] + 1, len(texts) - count + number + 1)
        cuts.append(min(free, key=lambda cut: abs(ends[cut] - ends[-1] * number / count)))
    return [list(texts[start:end]) for start, end in itertools.pairwise([*cuts, len(texts)])]


def _svg_and_pdf() -> Any:
    return mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crkit", "pdf.fonttype": 3, "pdf.compression": 6})


def _pdf(pages: Sequence[figures.Figure], title: str) -> bytes:
    buffer = io.BytesIO()
    about = {"Title": title, "Subject": "Business model canvas", "Creator": "crkit", "CreationDate": None}
    with _svg_and_pdf(), PdfPages(buffer, metadata=about) as file:
        for page in pages:
            file.savefig(page)
    return buffer.getvalue()


def write_pdf(canvas: Canvas, path: str | Path, *, page: Page = "A4") -> Path:
    """Write the canvas as one page of PDF, in lines and letters, not as a picture.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.
        page: ``"A4"`` or ``"Letter"``.

    Returns:
        The file's path.
    """
    _files.write_bytes(Path(path), _pdf([plot_canvas(canvas, page=page)], canvas.name))
    return Path(path)


def write_svg(canvas: Canvas, path: str | Path, *, page: Page = "A4") -> Path:
    """Write the canvas as SVG. Its text stays text: whoever opens the file needs fonts for it.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.
        page: ``"A4"`` or ``"Letter"``.

    Returns:
        The file's path.
    """
    buffer = io.BytesIO()
    with _svg_and_pdf(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's program draws the text
        _draw(canvas, page, real_text=True).savefig(
            buffer, format="svg", metadata={"Date": None, "Title": canvas.name, "Creator": "crkit"}
        )
    _files.write_bytes(Path(path), buffer.getvalue())
    return Path(path)


# -------------------------------------------------------------------------------------------------------------- slides


def write_pptx(canvas: Canvas, path: str | Path) -> Path:
    """Write the canvas as a presentation: one slide of nine text boxes, then a slide for each block.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.

    Returns:
        The file's path.
    """
    from pptx import Presentation
    from pptx.util import Emu, Inches, Pt

    deck = Presentation()
    deck.slide_width, deck.slide_height = Emu(Inches(13.333)), Emu(Inches(7.5))
    deck.core_properties.title, deck.core_properties.author = canvas.name, ""
    fonts = fonts_for("".join(text for part in _labels(canvas).values() for text in part))
    labels = {block: [drawable(text, fonts) for text in part] for block, part in _labels(canvas).items()}
    slide = _slide(deck, canvas.name, fonts, height=0.55)
    for block, (left, upper, width, height) in PLACES.items():
        box = (0.3 + left * 12.733, 0.75 + upper * 6.4, width * 12.733, height * 6.4)
        columns = _columns(block, labels[block], box[2] * 72 - 14, box[3] * 72 - 34, fonts, largest=12)
        shape = _box(slide, box, BLOCKS[block], _labels(canvas)[block], columns[0].size, _COLOURS[block])
        if len(columns) > 1:
            body = shape.text_frame._txBody.bodyPr  # python-pptx has no name for columns
            body.set("numCol", str(len(columns)))
            body.set("spcCol", str(Pt(GAP)))
    _box(slide, (0.3, 7.17, 12.7, 0.3), "", [CREDIT], 7, None)
    for block, title in BLOCKS.items():
        slide = _slide(deck, title, fonts, height=0.9)
        texts = [
            f"{text}: {entry.description}" if entry.description and entry.description not in text else text
            for text, entry in zip(_labels(canvas)[block], canvas[block], strict=True)
        ]
        drawn = [drawable(text, fonts) for text in texts]
        size = fit(drawn, 12.3 * 72 - 14, 5.8 * 72, fonts, largest=22).size
        _box(slide, (0.5, 1.2, 12.3, 5.9), "", texts or ["(empty)"], size, None)
    buffer = io.BytesIO()
    deck.save(buffer)
    _files.write_bytes(Path(path), buffer.getvalue())
    return Path(path)


def _slide(deck: Any, title: str, fonts: Fonts, *, height: float) -> Any:
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    slide = deck.slides.add_slide(deck.slide_layouts[5])  # a title only
    shape = slide.shapes.title
    shape.left, shape.top, shape.width, shape.height = Inches(0.3), Inches(0.15), Inches(12.7), Inches(height)
    shape.text_frame.text = title
    shape.text_frame.word_wrap = True
    paragraph = shape.text_frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.LEFT
    size = fit([drawable(title, fonts)], 12.4 * 72, height * 72 - 8, fonts, largest=24).size
    paragraph.runs[0].font.size, paragraph.runs[0].font.bold = Pt(round(size, 1)), True
    return slide


def _box(slide: Any, place: Sequence[float], title: str, texts: Sequence[str], size: float, colour: str | None) -> Any:
    from pptx.dml.color import RGBColor
    from pptx.enum.text import MSO_AUTO_SIZE
    from pptx.util import Inches, Pt

    make: Any = RGBColor  # untyped in python-pptx
    ink = make(*bytes.fromhex(colour.lstrip("#"))) if colour else None
    shape = slide.shapes.add_textbox(*(Inches(value) for value in place))
    shape.name = title or "Text"
    frame = shape.text_frame
    frame.word_wrap = True
    frame.auto_size = MSO_AUTO_SIZE.NONE
    if ink:
        shape.line.color.rgb, shape.line.width = ink, Pt(1)
    lines = ([(title, True)] if title else []) + [(text, False) for text in texts]
    for number, (text, is_title) in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        run = paragraph.add_run()
        run.text = text if is_title or len(texts) == 1 else f"• {text}"
        run.font.size, run.font.bold = Pt(11 if is_title else max(round(size, 1), 1)), is_title
        paragraph.space_after = Pt(0.3 * size)
        if is_title and ink:
            run.font.color.rgb = ink
    return shape


# --------------------------------------------------------------------------------------------------------------- sheet

_SHEET = {  # block: first column, last column, part of the sheet
    "key_partnerships": (1, 2, "tall"),
    "key_activities": (3, 4, "upper"),
    "key_resources": (3, 4, "lower"),
    "value_propositions": (5, 6, "tall"),
    "customer_relationships": (7, 8, "upper"),
    "channels": (7, 8, "lower"),
    "customer_segments": (9, 10, "tall"),
    "cost_structure": (1, 5, "bottom"),
    "revenue_streams": (6, 10, "bottom"),
}


def write_xlsx(canvas: Canvas, path: str | Path) -> Path:
    """Write the canvas as a workbook: the canvas, a note a cell; all entries as a table; and what the checks found.

    Every cell is text, marked so that a program never reads it as a formula, whatever it begins with.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.

    Returns:
        The file's path.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Canvas"
    _sheet_canvas(sheet, canvas)
    frame = canvas.table()
    described = [entry.description for _, entry in canvas.entries()]
    rows = [[*row, text] for row, text in zip(frame.itertuples(index=False), described, strict=True)]
    _sheet_table(book.create_sheet("Entries"), [*frame.columns, "description"], rows, (24, 30, 50, 28, 50, 60))
    found = [[one.check, one.where, one.sentence, one.silenced] for one in checks(canvas)]
    found = found or [["(none)", "", f"{NOTHING} {KNOWS}", ""]]
    _sheet_table(
        book.create_sheet("Checks"), ["check", "where", "sentence", "silenced because"], found, (28, 30, 70, 40)
    )
    buffer = io.BytesIO()
    book.save(buffer)
    _files.write_bytes(Path(path), buffer.getvalue())
    return Path(path)


def _cell(sheet: Any, row: int, column: int, text: str, **look: Any) -> Any:
    from openpyxl.styles import Alignment, Font

    cell = sheet.cell(row, column)
    cell.value = text
    cell.data_type = "s"  # text, even if it begins with an equals sign
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    cell.font = Font(name="Arial", **look)
    cell.quotePrefix = True
    return cell


def _sheet_table(sheet: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for column, (head, width) in enumerate(zip(heads, widths, strict=True), start=1):
        _cell(sheet, 1, column, head, bold=True)
        sheet.column_dimensions[sheet.cell(1, column).column_letter].width = width
        for row, values in enumerate(rows, start=2):
            _cell(sheet, row, column, values[column - 1])
    for row, values in enumerate(rows, start=2):
        tallest = max(_height(text, width) for text, width in zip(values, widths, strict=True))
        sheet.row_dimensions[row].height = min(tallest, 400.0)
    sheet.freeze_panes = "A2"
    sheet.page_setup.orientation = "landscape"
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0


def _sheet_canvas(sheet: Any, canvas: Canvas) -> None:
    from openpyxl.styles import Border, PatternFill, Side

    labels = _labels(canvas)
    upper = max(len(labels["key_activities"]), len(labels["customer_relationships"]), 1) + 1
    lower = max(len(labels["key_resources"]), len(labels["channels"]), 1) + 1
    tall = max(len(labels[block]) + 1 for block, place in _SHEET.items() if place[2] == "tall")
    lower = max(lower, tall - upper)
    starts = {"tall": 3, "upper": 3, "lower": 3 + upper, "bottom": 3 + upper + lower}
    bottom = max(len(labels["cost_structure"]), len(labels["revenue_streams"]), 1) + 1
    ends = {
        "tall": 2 + upper + lower,
        "upper": 2 + upper,
        "lower": 2 + upper + lower,
        "bottom": starts["bottom"] + bottom - 1,
    }
    for column in "ABCDEFGHIJ":
        sheet.column_dimensions[column].width = 15
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=10)
    _cell(sheet, 1, 1, canvas.name, bold=True, size=16)
    sheet.merge_cells(start_row=2, end_row=2, start_column=1, end_column=10)
    _cell(sheet, 2, 1, canvas.tagline)
    line = Side(style="thin", color="808080")
    heights: dict[int, float] = {1: 24.0, 2: _height(canvas.tagline, 150)}
    for block, (first, last, part) in _SHEET.items():
        colour = _COLOURS[block].lstrip("#").upper()
        for number in range(starts[part], ends[part] + 1):
            head = number == starts[part]
            index = number - starts[part] - 1
            text = BLOCKS[block] if head else labels[block][index] if index < len(labels[block]) else ""
            sheet.merge_cells(start_row=number, end_row=number, start_column=first, end_column=last)
            cell = _cell(sheet, number, first, text, bold=head, color="FFFFFF" if head else "000000")
            heights[number] = max(heights.get(number, 15.0), _height(text, 15 * (last - first + 1)))
            if head:
                cell.fill = PatternFill("solid", fgColor=colour)
            for at in range(first, last + 1):
                sheet.cell(number, at).border = Border(
                    left=line if at == first else None,
                    right=line if at == last else None,
                    top=line if head else None,
                    bottom=line if number == ends[part] else None,
                )
    sheet.merge_cells(start_row=ends["bottom"] + 1, end_row=ends["bottom"] + 1, start_column=1, end_column=10)
    _cell(sheet, ends["bottom"] + 1, 1, CREDIT, size=8)
    for number, height in heights.items():
        sheet.row_dimensions[number].height = min(height, 400.0)  # Excel allows 409
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _height(text: str, characters: float) -> float:
    """The height of a row in points; wide characters count double."""
    wide = "".join("mm" if unicodedata.east_asian_width(c) in "WF" or ord(c) > 0xFFFF else c for c in text)
    return 4 + 13.5 * max(1, len(textwrap.wrap(wide, max(4, int(characters * 0.92)))))


# --------------------------------------------------------------------------------------------------------------- guide

Part = tuple[Literal["title", "heading", "text", "item"], str]


def guide(canvas: Canvas, *, origin: str = "") -> list[Part]:
    """What to do next with a canvas, as headings, paragraphs and items.

    Args:
        canvas: the canvas.
        origin: how it came about, such as the message of a draft.

    Returns:
        The guide: the three riskiest assumptions with a test for each, what the checks found, and all entries.
    """
    parts: list[Part] = [("title", f"What to do next: {canvas.name}")]
    if origin:
        parts.append(("text", origin))
    parts += [("heading", "The three riskiest assumptions")]
    risky = assumptions(canvas)
    if risky:
        parts += [("text", "Test the first one first. Write down the result that you expect before you look.")]
        for number, one in enumerate(risky, start=1):
            parts += _told(number, one)
    else:
        parts += [("text", "The canvas is empty: there is nothing to test yet.")]
    parts.append(("heading", "What the checks found"))
    found = checks(canvas)
    still = [one for one in found if not one.silenced]
    parts += [("item", f"{one.sentence} (check {one.check})") for one in still]
    parts += [] if still else [("text", f"Nothing is open. {KNOWS}")]
    parts += [("item", f"Silenced: {one.sentence} Reason: {one.silenced}") for one in found if one.silenced]
    parts.append(("heading", "Afterwards"))
    parts.append(("text", "Change the canvas, note what you learned and when, and test the next assumption."))
    for block, title in BLOCKS.items():
        parts.append(("heading", title))
        for entry in canvas[block]:
            more = f": {entry.description}" if entry.description and entry.description not in entry.name else ""
            parts.append(("item", label(canvas, block, entry) + more))
        if not canvas[block]:
            parts.append(("text", "(empty)"))
    parts.append(("text", CREDIT))
    return parts


def _told(number: int, one: Assumption) -> list[Part]:
    return [
        ("heading", f"{number}. {BLOCKS[one.block]}: {one.claim}"),
        ("item", f"Why it is risky: {one.why}"),
        ("item", f"Test: {one.test}"),
        ("item", f"With whom: {one.who}."),
        ("item", f"What would change your mind: {one.change}."),
    ]


def write_guide_markdown(canvas: Canvas, path: str | Path, *, origin: str = "") -> Path:
    """Write the guide as Markdown; characters that mean something there are escaped.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.
        origin: how the canvas came about.

    Returns:
        The file's path.
    """
    marks = {"title": "# ", "heading": "## ", "text": "", "item": "- "}
    lines: list[str] = []
    before = ""
    for kind, text in guide(canvas, origin=origin):
        if not (kind == before == "item"):
            lines.append("")
        lines.append(marks[kind] + _escaped(text))
        before = kind
    _files.write_text(Path(path), "\n".join(lines[1:]) + "\n")
    return Path(path)


def _escaped(text: str) -> str:
    line = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#~$" else "&amp;" if c == "&" else c for c in line)


def write_guide_pdf(canvas: Canvas, path: str | Path, *, page: Page = "A4", origin: str = "") -> Path:
    """Write the guide as pages of PDF.

    Args:
        canvas: the canvas.
        path: the file; an existing one is replaced.
        page: ``"A4"`` or ``"Letter"``, upright.
        origin: how the canvas came about.

    Returns:
        The file's path.
    """
    parts = guide(canvas, origin=origin)
    fonts = fonts_for("".join(text for _, text in parts))
    if fonts.missing:
        parts.append(("text", f"{missing_note([text for _, text in parts], fonts)} {ELSEWHERE}"))
    sizes = {"title": 18.0, "heading": 11.5, "text": 9.5, "item": 9.5}
    _figure(page)  # refuses a page that there is not
    width = PAGES[page][1] * 72 - 108
    pages: list[figures.Figure] = []
    ax, y, bottom = None, 0.0, 0.0
    for kind, text in parts:
        size, bold = sizes[kind], kind in ("title", "heading")
        indent = 12.0 if kind == "item" else 0.0
        lines = wrap(drawable(text, fonts), width - indent, size, fonts, bold=bold)
        keep = size * LEADING * (min(len(lines), 2) + (3 if kind == "heading" else 0))
        y += 0.9 * size if kind == "heading" else 0.3 * size
        for number, line in enumerate(lines):
            if ax is None or y + (keep if number == 0 else size * LEADING) > bottom:
                fig, ax = _figure(page, portrait=True)
                pages.append(fig)
                y, bottom = 60.0, float(fig.get_size_inches()[1]) * 72 - 54
                ax.text(54, bottom + 24, f"{len(pages)}", size=8, color="#595959")
            look = {"weight": "bold" if bold else "normal", "color": figures.INK, "family": list(fonts.families)}
            if kind == "item" and number == 0:
                ax.text(54, y + size, "•", size=size, color=figures.BLUE, parse_math=False)
            ax.text(54 + indent, y + size, line, size=size, parse_math=False, **look)
            y += size * LEADING
    _files.write_bytes(Path(path), _pdf(pages, f"What to do next: {canvas.name}"))
    return Path(path)


# ------------------------------------------------------------------------------------------------------- all at once


def write_all(canvas: Canvas, folder: str | Path, *, page: Page = "A4", origin: str = "") -> dict[str, Path]:
    """Write every file into a folder, which is made if it does not exist.

    Args:
        canvas: the canvas.
        folder: existing files of the same names are replaced.
        page: ``"A4"`` or ``"Letter"``, for the PDFs and the SVG.
        origin: how the canvas came about, for the guide.

    Returns:
        The path of each file by its name: ``canvas.pdf``, ``canvas.svg``, ``canvas.pptx``, ``canvas.xlsx``,
        ``guide.pdf``, ``guide.md``, and ``canvas.bmml`` (with its sidecar).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    canvas_topic.write(canvas, folder / "canvas.bmml")
    written = (
        write_pdf(canvas, folder / "canvas.pdf", page=page),
        write_svg(canvas, folder / "canvas.svg", page=page),
        write_pptx(canvas, folder / "canvas.pptx"),
        write_xlsx(canvas, folder / "canvas.xlsx"),
        write_guide_pdf(canvas, folder / "guide.pdf", page=page, origin=origin),
        write_guide_markdown(canvas, folder / "guide.md", origin=origin),
        folder / "canvas.bmml",
    )
    return {path.name: path for path in written}
