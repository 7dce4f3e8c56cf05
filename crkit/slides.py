"""Slides of a lesson, made from the stored notebook: one HTML file that needs no network and no kernel.

A cell becomes a slide by its metadata ``slideshow.slide_type``, which JupyterLab's property inspector sets and
nbconvert reads: ``slide`` begins a slide, ``subslide`` one below it, ``fragment`` a part that comes with the next key,
``notes`` what only the speaker sees (key S), and ``skip`` is left out. A cell with ``-`` goes on with the slide before.
Code is never shown: its output is.

The file holds reveal.js 5.2.1 (MIT licence, in ``_reveal/``), since nbconvert itself would load it from a network.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from crkit import _files, workbook

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDTH, HEIGHT = 1280, 720  # of a slide, in pixels
SMALLEST_PX = 20  # of any text on a slide: 15 points on a sheet that is 960 by 540 points
_REVEAL = Path(__file__).parent / "_reveal"

_STYLE = """
.reveal { font: 28px/1.33 "DejaVu Sans", Verdana, system-ui, sans-serif; color: #1a1a1a; }
body { background: #fff; }
.reveal .slides { text-align: left; }
.reveal .slides section { padding: 18px 44px; box-sizing: border-box; height: 720px; }
.reveal .slides > section.stack { padding: 0; }
.reveal h1 { font-size: 60px; line-height: 1.15; margin: 0.4em 0 0.3em; }
.reveal h2 { font-size: 40px; line-height: 1.15; margin: 0 0 0.5em; color: #0b3c5d; }
.reveal h3 { font-size: 36px; margin: 0 0 0.5em; }
.reveal p, .reveal ul, .reveal ol, .reveal details { margin: 0 0 0.7em; }
.reveal li { margin: 0 0 0.3em; }
.reveal code { font: 24px/1.3 "DejaVu Sans Mono", monospace; background: #f0f0f0; }
.reveal img { display: block; width: 100%; height: 660px; object-fit: contain; margin: 0; }
.reveal section:has(pre) img { height: 520px; }
.reveal section:has(table) img { height: 400px; }
.reveal pre { font: inherit; white-space: pre-wrap; margin: 0; }
.reveal table { border-collapse: collapse; font-size: 22px; line-height: 1.25; margin: 0 0 0.6em; }
.reveal th, .reveal td { padding: 5px 12px; border-bottom: 1px solid #999; text-align: left; vertical-align: top; }
.reveal summary { color: #0b3c5d; font-weight: bold; cursor: pointer; }
.reveal .slide-number { font-size: 20px; background: none; color: #444; }
.reveal .jp-OutputPrompt, .reveal .jp-InputPrompt { display: none; }
"""

_TEMPLATE = """
{%- extends 'base.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ nb.metadata.title | escape_html }}</title>
<style>{{ resources.crkit.reveal_css }}</style>
<style>{{ resources.crkit.style }}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{%- endblock -%}
{%- block data_png scoped -%}
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
 alt="{{ (output | get_metadata('alt', 'image/png') or output.data.get('text/plain', '')) | escape_html_keep_quotes }}">
{%- endblock -%}
{%- block footer -%}
</div></div>
<script>{{ resources.crkit.reveal_js }}</script>
<script>{{ resources.crkit.notes_js }}</script>
<script>
Reveal.initialize({
  width: {{ resources.crkit.width }}, height: {{ resources.crkit.height }}, margin: 0, center: false, hash: true,
  transition: "none", navigationMode: "linear", controls: false, slideNumber: "c/t", plugins: [RevealNotes]
});
</script>
</body>
</html>
{%- endblock -%}
"""


def slide_type(cell: NotebookNode) -> str:
    """What becomes of a cell: ``"slide"``, ``"subslide"``, ``"fragment"``, ``"notes"``, ``"skip"`` or ``"-"``."""
    return str(cell.metadata.get("slideshow", {}).get("slide_type", "-"))


def deck(notebook: NotebookNode, title: str) -> str:
    """The slides of an executed notebook.

    Args:
        notebook: with its outputs, and the slide types in the metadata of its cells.
        title: of the page.

    Returns:
        One HTML page with everything in it.

    Raises:
        ValueError: if no cell begins a slide.
    """
    from nbconvert import SlidesExporter

    if not any(slide_type(cell) == "slide" for cell in notebook.cells):
        raise ValueError("no cell begins a slide: set slideshow.slide_type in the metadata of some")
    notebook.metadata["title"] = title
    exporter = SlidesExporter(raw_template=_TEMPLATE)
    exporter.exclude_anchor_links = exporter.exclude_input = True
    parts = {name.replace(".", "_"): (_REVEAL / name).read_text(encoding="utf-8") for name in _PARTS}
    own = {"style": _STYLE, "width": WIDTH, "height": HEIGHT, **parts}
    page, _ = exporter.from_notebook_node(notebook, resources={"crkit": own})
    # a link to another notebook leads nowhere from a file of slides
    return re.sub(r'<a href="[^":]+\.ipynb[^"]*">(.*?)</a>', r"\1", str(page))


_PARTS = ("reveal.css", "reveal.js", "notes.js")


def write(topic: str, out: str | Path) -> Path:
    """Write the slides of a lesson into a folder.

    Args:
        topic: the lesson's word, such as ``"segments"``.
        out: the folder; made if missing.

    Returns:
        The file, ``<topic>_slides.html``.

    Raises:
        ValueError: if there is no such lesson, or none of its cells begins a slide.
        OSError: if the folder cannot be written.
    """
    source = workbook.find(topic)
    page = deck(workbook.read(source), workbook.describe(source).title)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{workbook.topic_of(source)}_slides.html"
    _files.write_text(file, page)
    return file
