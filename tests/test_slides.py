"""Slides: made from the stored lessons, complete in one file, and readable."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from lab import chromium
from playwright.sync_api import sync_playwright

from crkit import slides, workbook

ROOT = Path(__file__).resolve().parent.parent
LESSONS = workbook.stored()
TYPES = {"slide", "subslide", "fragment", "notes", "skip", "-"}


def tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_cell_of_a_lesson_says_what_becomes_of_it(path):
    notebook = workbook.read(path)
    marks = [slides.slide_type(cell) for cell in notebook.cells]
    assert all("slideshow" in cell.metadata for cell in notebook.cells)
    assert set(marks) <= TYPES
    assert marks[0] == "slide"
    shown = [cell for cell, mark in zip(notebook.cells, marks, strict=True) if mark not in {"notes", "skip"}]
    assert 7 <= len(shown) <= 50
    assert any("## Take-aways" in cell.source for cell in shown)
    assert not any({"parameters", "setup"} & set(workbook.tags(cell)) for cell in shown)
    assert not any(cell.source.startswith(("check", "answer")) for cell in shown)
    pictured = [
        cell for cell in notebook.cells if any("image/png" in out.get("data", {}) for out in cell.get("outputs", []))
    ]
    assert all(cell in shown for cell in pictured)


def test_a_deck_is_one_file_that_asks_nobody_for_anything(tmp_path):
    file = slides.write("canvas", tmp_path / "talks")
    assert file == tmp_path / "talks" / "canvas_slides.html"
    page = file.read_text(encoding="utf-8")
    body = page[page.index('<div class="reveal">') : page.index("<script>")]
    assert not re.search(r"""(src|href)=["'](?!data:)""", body)
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert not re.search(r"@import|url\((?!data:)", page[: page.index("<script>")])
    assert body.count("<section") == body.count("</section>") > 20
    pictures = re.findall(r"<img [^>]*>", body)
    assert len(pictures) >= 5
    assert all(re.search(r'alt="[^"]{20,}', picture) for picture in pictures)
    assert '<aside class="notes">' in body
    assert "draft" in body
    assert "import" not in body, "code is shown"
    slides.write("canvas", tmp_path / "talks")
    assert file.read_text(encoding="utf-8") == page


def test_reveal_comes_with_its_licence():
    folder = Path(slides.__file__).parent / "_reveal"
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text(encoding="utf-8")
    version = re.search(r"reveal.js (5[.0-9]+) ", slides.__doc__)[1]
    assert f'"{version}"' in (folder / "reveal.js").read_text(encoding="utf-8")


def test_a_notebook_without_slides_and_an_unknown_lesson_are_refused(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A")])
    with pytest.raises(ValueError, match=r"no cell begins a slide: set slideshow\.slide_type"):
        slides.deck(notebook, "A")
    with pytest.raises(ValueError, match="segmants"):
        slides.write("segmants", tmp_path)


def test_refreshing_keeps_the_marks():
    notebook = workbook.read(LESSONS[0])
    marks = [slides.slide_type(cell) for cell in notebook.cells]
    assert [slides.slide_type(cell) for cell in workbook.normalise(notebook).cells] == marks


def test_the_first_draft_of_marks_is_nearly_what_the_lessons_have():
    """The tool that marks a new lesson; the stored lessons differ from it only where a table is too wide."""
    mark = tool("mark_slides")
    cell = nbformat.v4.new_markdown_cell
    assert mark.kind(cell("## 1. Who?\n\nText"), "") == "slide"
    assert mark.kind(cell("**Predict first.** How many?"), "") == "subslide"
    assert mark.kind(cell("Some text."), "## 1. Who?") == "notes"
    assert mark.kind(cell("Why?"), "## What usually goes wrong") == "subslide"
    assert mark.kind(cell("## Further reading"), "") == "skip"


@pytest.mark.browser
def test_every_slide_fits_and_can_be_read(tmp_path):
    look = tool("check_slides")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=look.FLAGS)
        assert list(look.problems(browser, slides.write("start_here", tmp_path))) == []
        cells = [
            nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}})
            for text in (
                "word " * 2000,
                "<p style='white-space: nowrap'>" + "word " * 100 + "</p>",
                "<small style='font-size: 12px'>word</small>",
                "&nbsp;",
                "<img alt='x' src='https://example.org/x.png'>",
            )
        ]
        bad = tmp_path / "bad.html"
        bad.write_text(slides.deck(nbformat.v4.new_notebook(cells=cells), "Bad"), encoding="utf-8")
        found = list(look.problems(browser, bad))
        browser.close()
    assert len(found) == 5
    for line, says in zip(
        found, ("it needs", "it needs", "written at 12 px", "it is empty", "example.org"), strict=True
    ):
        assert says in line
