"""Mark the cells of lessons as slides, by what they are; a mark that is there already stays.

    python tools/mark_slides.py notebooks/02_segments.ipynb

For a new lesson this is the first draft: change it in JupyterLab's property inspector, then run check_slides.py.
"""

import sys
from pathlib import Path

from crkit import workbook

LONGEST = 650  # characters of text that fit a slide
ROWS = 9  # of a table that fits
BEGINS = ("# ", "## What usually goes wrong", "## Take-aways", "## What is ", "## Who is ")
SLIDES_BELOW = ("**Predict first", "**Only the explorer can tell", "**What it means")


def kind(cell, section: str) -> str:
    """What becomes of a cell in a section."""
    mistake = section.startswith("## What usually goes wrong")
    if cell.cell_type == "markdown":
        first = cell.source.splitlines()[0]
        if first.startswith(BEGINS) or first[:4] in {f"## {number}" for number in range(1, 10)}:
            return "slide"
        if first.startswith(SLIDES_BELOW):
            return "subslide" if len(cell.source) <= LONGEST else "skip"
        if first.startswith("#") or "exercise" in workbook.tags(cell):
            return "skip"
        return "subslide" if mistake and len(cell.source) <= LONGEST else "notes"
    if set(workbook.tags(cell)) & {"setup", "parameters", "exercise"}:
        return "skip"
    shown = [output.get("data", {}) for output in cell.outputs]
    if any("image/png" in data for data in shown):
        return "subslide"
    rows = sum(data.get("text/html", "").count("<tr") for data in shown)
    if rows > ROWS + 1 or not shown:
        return "skip"
    return "-" if mistake else "subslide" if rows else "skip"


def main(names: list[str]) -> None:
    """Mark the notebooks that are named, or all."""
    for path in map(Path, names) if names else workbook.stored():
        notebook = workbook.read(path)
        section = ""
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and cell.source.startswith("## "):
                section = cell.source.splitlines()[0]
            cell.metadata.setdefault("slideshow", {"slide_type": kind(cell, section)})
        path.write_text(workbook._dumps(notebook), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
