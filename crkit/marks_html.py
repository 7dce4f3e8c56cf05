"""What the pages of marks share: their look, and how an answer, a table and a picture are shown in them."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

from crkit.figures import Figure
from crkit.marks_results import plain

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:56rem;margin:1.5rem auto;padding:0 1rem}
h1{line-height:1.2;margin-bottom:.2rem}h2{margin-top:2rem;border-bottom:2px solid #0072B2}
h1,h2,h3,p,li,dd{overflow-wrap:anywhere}.quiet{color:#595959}.wide{overflow-x:auto}
table{border-collapse:collapse;margin:.6rem 0}caption{text-align:left;color:#595959;padding-bottom:.2rem}
th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#f0f0f0}
td.n,th.n{text-align:right;overflow-wrap:normal;font-variant-numeric:tabular-nums}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;border:1px solid #ccc;padding:.6rem;font-size:.85rem}
dt{font-weight:bold;margin-top:.5rem}dd{margin:0 0 0 1rem}img{max-width:100%;height:auto}
.l{overflow-wrap:anywhere;min-width:10rem}dd p{margin:0}
.box{border:1px solid;border-left-width:8px;padding:.4rem .8rem;margin:.8rem 0}.mark{font-size:1.3rem}
summary{cursor:pointer}a{color:#005a8d}
@media print{body{max-width:none;margin:0}h2,h3,dt{break-after:avoid}table,img,.box{break-inside:avoid}}
"""
# icon, words and colour of each status; the words say all, the colours are those of Okabe and Ito
STATUSES: dict[str, tuple[str, str, str]] = {
    "passed": ("\u2713", "Right", "#009E73"),
    "wrong": ("\u2717", "Wrong", "#D55E00"),
    "wrong in a known way": ("\u21bb", "Wrong in a known way", "#E69F00"),
    "not attempted": ("\u25cb", "Not attempted", "#8c8c8c"),
    "tampered": ("\u26a0", "Tampered with", "#CC79A7"),
    "timed out": ("\u2026", "Timed out", "#56B4E9"),
    "out of memory": ("\u25a0", "Out of memory", "#56B4E9"),
    "ungradable": ("\u2014", "Could not be graded", "#333333"),
}
_ROWS = 20  # of a table in an answer


def esc(text: object) -> str:
    """Text as it may stand in a page."""
    return html.escape(str(text))


def page(title: str, body: Iterable[str]) -> str:
    """A page that opens without a network and in which nothing can act."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{esc(title)}</title><style>{STYLE}</style></head><body><main>",
            *body,
            "</main></body></html>\n",
        ]
    )


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    right: Sequence[int] = (),
    long: Sequence[int] = (),
) -> str:
    """A table of plain text.

    Args:
        header: of its columns.
        rows: their cells.
        caption: what it shows.
        right: the columns that are set right, from 0.
        long: the columns whose words may be broken, such as paths.
    """

    def cell(tag: str, place: int, text: object) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        look = ' class="n"' if place in right else ' class="l"' if place in long else ""
        return f"<{tag}{scope}{look}>{esc(text).replace(chr(10), '<br>')}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(header))
    body = "".join(f"<tr>{''.join(cell('td', place, text) for place, text in enumerate(row))}</tr>\n" for row in rows)
    said = f"<caption>{esc(caption)}</caption>" if caption else ""
    whole = f"<table>{said}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    return f'<div class="wide">{whole}</div>'


def box(text: str, colour: str = "#E69F00") -> str:
    """A box of HTML that is not to be overlooked."""
    return f'<div class="box" style="border-color:{colour}">{text}</div>'


def picture(figure: Figure) -> str:
    """A figure inside the page, with its alt text."""
    data = base64.b64encode(figure.png()).decode()
    return f'<p><img src="data:image/png;base64,{data}" alt="{esc(figure.alt)}"></p>'


def items(lines: Iterable[str]) -> str:
    """A list of plain sentences."""
    return f"<ul>{''.join(f'<li>{esc(line)}</li>' for line in lines)}</ul>"


def answer(taken: Any) -> str:
    """An answer as it was given."""
    if taken is None:
        return "<p>None.</p>"
    value = plain(taken)
    if value is None:
        return f"<p>None that could be read. {esc(taken.get('says', ''))}</p>"
    if isinstance(value, dict) and "claim" in value:
        parts = (("Claim", value["claim"]), ("Number", _cell(value["number"])), ("Action", value["action"]))
        return f"<dl>{''.join(f'<dt>{name}</dt><dd>{esc(text)}</dd>' for name, text in parts)}</dl>"
    if isinstance(value, dict) and "results" in value:
        return (
            f"<p>A function; it was called {len(value['results'])} times on your own data and on small test tables.</p>"
        )
    if isinstance(value, dict):
        return _given_table(value)
    return f"<p>{esc(_cell(value))}</p>"


def _given_table(value: dict[str, Any]) -> str:
    rows = [
        [_cell(cell) for cell in (*key, *(cells[place] for _, cells in value["columns"]))]
        for place, key in enumerate(value["rows"])
    ]
    header = [*value["keys"], *(name for name, _ in value["columns"])]
    numeric = [
        place
        for place in range(len(header))
        if rows and all(row[place][-1:].isdigit() or not row[place] for row in rows)
    ]
    more = f"The first {_ROWS} of {len(rows)} rows." if len(rows) > _ROWS else ""
    return table(header, rows[:_ROWS], caption=more, right=numeric)


def _cell(value: object) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.10g}"
    return "" if value is None else str(value)
