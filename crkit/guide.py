"""The instructor's guide as a web page: one file that needs no network."""

from __future__ import annotations

import html
import re
from pathlib import Path

from crkit import _files, assignments

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 17px/1.55 system-ui, sans-serif; color: #222; background: #fff; }}
main {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
h1, h2, h3 {{ line-height: 1.25; color: #0b3c5d; }}
h2 {{ margin-top: 2.5em; border-bottom: 2px solid #0b3c5d; }}
h3 {{ margin-top: 2em; }}
a {{ color: #0b5394; }}
nav ul {{ list-style: none; padding-left: 1.2em; }}
nav > ul {{ padding-left: 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1em 0; font-size: 0.92em; }}
th, td {{ border: 1px solid #bbb; padding: 0.35em 0.6em; text-align: left; vertical-align: top; }}
th {{ background: #eef3f7; }}
code {{ font-size: 0.9em; background: #f3f3f3; }}
pre {{ background: #f3f3f3; padding: 0.8em 1em; overflow-x: auto; line-height: 1.4; }}
pre code {{ background: none; }}
@media print {{ nav {{ display: none; }} h2 {{ break-before: page; }} table, pre {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
_HEADING = re.compile(r"<h([23])[^>]*>(.*?)</h\1>", re.DOTALL)


def page(text: str) -> str:
    r"""Make a web page of Markdown: a table of contents, headings that can be linked to, tables, code.

    Args:
        text: Markdown that begins with a heading of the first level.

    Returns:
        The page. It loads nothing.

    Example:
        >>> made = page("# Guide\n\n## What for?\n\nFor teaching.")
        >>> '<h2 id="what-for">What for?</h2>' in made, '<a href="#what-for">What for?</a>' in made
        (True, True)
    """
    from nbconvert.filters import markdown2html

    entries: list[tuple[int, str, str]] = []

    def heading(found: re.Match[str]) -> str:
        level, inner = found[1], re.sub(r'<a class="anchor-link".*?</a>', "", found[2])
        words = re.sub(r"[^a-z0-9]+", "-", html.unescape(re.sub(r"<[^>]+>", "", inner)).lower()).strip("-")
        taken = [name for _, name, _ in entries]
        name = words if words not in taken else f"{words}-{taken.count(words) + 1}"
        entries.append((int(level), name, inner))
        return f'<h{level} id="{name}">{inner}</h{level}>'

    body = _HEADING.sub(heading, str(markdown2html(text)))
    body = re.sub(r'(<h1[^>]*>.*?)<a class="anchor-link".*?</a>', r"\1", body, count=1)
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    title = text.splitlines()[0].lstrip("# ")
    first, end, rest = body.partition("</h1>")
    return _PAGE.format(title=html.escape(title), body=f"{first}{end}\n{_contents(entries)}{rest}")


def _contents(entries: list[tuple[int, str, str]]) -> str:
    chapters: list[list[str]] = []
    for level, name, inner in entries:
        link = f'<a href="#{name}">{inner}</a>'
        if level == 2 or not chapters:
            chapters.append([link])
        else:
            chapters[-1].append(link)
    parts = []
    for link, *below in chapters:
        inside = f"<ul>{''.join(f'<li>{each}</li>' for each in below)}</ul>" if below else ""
        parts.append(f"<li>{link}{inside}</li>")
    return f'<nav aria-label="Contents"><ul>{"".join(parts)}</ul></nav>\n'


def write(out: str | Path) -> Path:
    """Write the guide into a folder as ``instructor_guide.html``.

    Args:
        out: the folder; made if missing.

    Returns:
        The file.

    Raises:
        FileNotFoundError: in an install without ``exercises/``.
        OSError: if the folder cannot be written.
    """
    text = (assignments.exercises_dir() / "instructor_guide.md").read_text(encoding="utf-8")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "instructor_guide.html"
    _files.write_text(file, page(text))
    return file
