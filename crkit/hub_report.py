"""The Hub as a page to hand in: HTML that opens without a network, and PDF.

Nothing of the reader's text can act in the page: it is escaped, and the page forbids scripts and everything from
elsewhere. The PDF is drawn with Matplotlib, see `crkit.typeset`.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import html
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from crkit import _files, figures, hub_file
from crkit.hub_checks import (
    JUDGED,
    Count,
    Evidence,
    check_data,
    check_register,
    coverage,
    health,
    plot_evidence,
    targets,
)
from crkit.hub_register import COMPONENTS, SECTION, TYPES, Record, as_mapping, label, linked, load_records, plot_links
from crkit.intervals import Share
from crkit.typeset import Fonts, drawable, fonts_for, missing_note, wrap

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#333;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{margin-top:2.2rem;border-bottom:2px solid #0072B2}h3{margin-top:1.8rem}
h1,h2,h3,li{overflow-wrap:anywhere}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.6rem 0}
th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top}
.fields td+td{overflow-wrap:anywhere}
th{background:#f0f0f0}img{max-width:100%}.gap{color:#a33f00;font-weight:bold}
.quiet{color:#666}@media print{h3,table,img{break-inside:avoid}}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PAGE_SIZE = {"A4": (8.27, 11.69), "Letter": (8.5, 11.0)}


class Report(NamedTuple):
    """The files that `write_report` made, and what they say first.

    Attributes:
        page: the HTML page.
        pdf: the PDF.
        summary: three sentences for who reads no further.
    """

    page: Path
    pdf: Path
    summary: tuple[str, ...]


def kittiwake_of(hub: str | Path) -> dict[str, Any] | None:
    """Which Kittiwake a Hub is about, as its own ``data:`` lines say.

    The line of the register decides; without one, those of the other sections do, if they all say the same.

    Args:
        hub: the reader's Hub file.

    Returns:
        ``n_customers``, ``seed`` and ``scenario`` for `crkit.datasets.open_source`; None if the Hub does not say that
        it is about one Kittiwake.

    Raises:
        ValueError: if the Hub cannot be read.
    """
    sections = hub_file.read(hub)
    said = {name: str(one["data"]) for name, one in sections.items() if isinstance(one, Mapping) and one.get("data")}
    lines = {said[SECTION]} if SECTION in said else set(said.values())
    about = _KITTIWAKE.fullmatch(lines.pop()) if len(lines) == 1 else None
    if not about:
        return None
    return {"n_customers": int(about[1].replace(",", "")), "seed": int(about[2]), "scenario": about[3]}


_KITTIWAKE = re.compile(r"Kittiwake Coffee, a simulated company: ([\d,]+) customers, seed (\d+), scenario (\w+)")


def write_report(
    hub: str | Path,
    out: str | Path,
    *,
    today: datetime.date,
    evidence: Evidence | None = None,
    about: str = "",
    paper: str = "A4",
) -> Report:
    """Write the Hub as ``hub_report.html`` and ``hub_report.pdf``.

    Args:
        hub: the reader's Hub file.
        out: the folder to write into; it is made.
        today: the day of the report, which reviews are compared with.
        evidence: what the contact log says, from `crkit.hub_checks.evidence`; without it the report says that the
            records were not held against data.
        about: one line that says which data these are.
        paper: ``A4`` or ``Letter``.

    Returns:
        A `Report`.

    Raises:
        ValueError: if the Hub cannot be read, or holds nothing.
    """
    if paper not in PAGE_SIZE:
        raise ValueError(f"paper is {paper!r}; allowed: {', '.join(PAGE_SIZE)}")
    sections, register = hub_file.read(hub), load_records(hub)
    if not sections:
        raise ValueError(f"{Path(hub).name} holds nothing yet: fill it in the notebooks, or name another Hub file")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    content = _Content(register.records, sections, today, evidence, about)
    page, pdf = folder / "hub_report.html", folder / "hub_report.pdf"
    _files.write_text(page, content.page())
    _files.write_bytes(pdf, content.pdf(PAGE_SIZE[paper]))
    return Report(page, pdf, content.summary)


class _Content:
    def __init__(
        self,
        records: Sequence[Record],
        sections: Mapping[str, Any],
        today: datetime.date,
        found: Evidence | None,
        about: str,
    ) -> None:
        self.records, self.today, self.found, self.about = records, today, found, about
        self.sections = {name: value for name, value in sections.items() if name != SECTION}
        parts = [check_register(records, today=today)] + ([check_data(records, found)] if found else [])
        self.findings = pd.concat(parts, ignore_index=True)
        self.targets = targets(records, found) if found else pd.DataFrame()
        self.summary = self._summary()

    def _summary(self) -> tuple[str, ...]:
        active = sum(record.status == "active" for record in self.records)
        open_ones = self.findings[self.findings["silenced"] == ""]
        clean = [r.id for r in self.records if r.id not in set(open_ones["record"])]
        silenced = len(self.findings) - len(open_ones)
        said = [
            f"{_are(len(self.records), 'relationship')} in the register, {active} of them active; "
            f"{coverage(self.records):.0%} of their links to the business model are made.",
            f"{_are(len(open_ones), 'finding')} open, {silenced} {'is' if silenced == 1 else 'are'} silenced with a "
            f"reason; {_are(len(clean), 'record')} without an open finding.",
        ]
        if self.found is None:
            return (*said, "The records were not held against data: what they claim to exist is not proven.")
        counts = self.targets["verdict"].value_counts()
        number = {name: int(counts.get(name, 0)) for name in ("met", "missed", "cannot tell")}
        off = int((self.findings["check"] == "not_in_the_log").sum())
        judged = sum(record.status in JUDGED for record in self.records)
        return (
            *said,
            f"Of {judged} active or paused records, {off} {'claims' if off == 1 else 'claim'} another relationship "
            f"than the contact log shows. Targets met: {number['met']}; missed: {number['missed']}; not to be told "
            f"yet: {number['cannot tell']}.",
        )

    def pictures(self) -> list[figures.Figure]:
        drawn = [plot_links(self.records)] if self.records else []
        if self.found is not None:
            with contextlib.suppress(ValueError):  # no record that could be drawn
                drawn.append(plot_evidence(self.records, self.found))
        return drawn

    # ------------------------------------------------------------------------------------------------------- html

    def page(self) -> str:
        parts = [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>Customer Relationship Hub</title><style>{STYLE}</style></head><body>",
            f'<h1>Customer Relationship Hub</h1><p class="quiet">{_esc(self._dated())}</p>',
            "<ul>" + "".join(f"<li>{_esc(sentence)}</li>" for sentence in self.summary) + "</ul>",
        ]
        for figure in self.pictures():
            data = base64.b64encode(figure.png()).decode()
            parts.append(f'<p><img src="data:image/png;base64,{data}" alt="{_esc(figure.alt)}"></p>')
        if self.records:
            table = health(self.records, self.findings).reset_index()
            parts += ["<h2>How each relationship stands</h2><p>Open findings, by kind.</p>", _html_table(table)]
        if len(self.targets):
            parts += ["<h2>Targets, held against the contact log</h2>", _html_table(self._target_rows())]
        for record in self.records:
            parts += [
                f"<h3>{_esc(f'{record.id}: {record.name}')}</h3>",
                _html_table(pd.DataFrame(self._fields(record)), "fields"),
            ]
            parts.append("<ul>" + "".join(f"<li>{_esc(line)}</li>" for line in self._findings_of(record)) + "</ul>")
        for name, value in self.sections.items():
            parts += [f"<h2>{_esc(_heading(name))}</h2>", _html_value(value)]
        return "\n".join([*parts, "</body></html>\n"])

    def _dated(self) -> str:
        return f"As of {self.today:%d %B %Y}. {self.about}".strip()

    def _target_rows(self) -> pd.DataFrame:
        rows = self.targets
        seen = rows[["share", "lower", "upper", "cases"]].itertuples(index=False, name=None)
        share = [str((Count if lower == upper else Share)(s, lower, upper, n)) for s, lower, upper, n in seen]
        told = [f"{told}: {why}" if why else told for told, why in zip(rows["verdict"], rows["why"], strict=True)]
        return pd.DataFrame(
            {
                "record": rows["record"],
                "metric": rows["metric"],
                "target": [f"{target:.0%}" for target in rows["target"]],
                "the log says": share,
                "verdict": told,
            }
        )

    def _fields(self, record: Record) -> list[dict[str, str]]:
        plain = as_mapping(record)
        rows = []
        for name, value in plain.items():
            if name in ("id", "name", "silenced"):
                continue
            rows.append({"field": COMPONENTS.get(name, label(str(name))), "value": _said(name, value)})
        missing = [COMPONENTS[name] for name, entries in linked(record).items() if not entries]
        if missing:
            rows.append({"field": "links missing", "value": ", ".join(missing)})
        return rows

    def _findings_of(self, record: Record) -> list[str]:
        own = self.findings[self.findings["record"] == record.id]
        lines = []
        for kind, check, says, reason in own[["kind", "check", "says", "silenced"]].itertuples(index=False):
            lines.append(f"{kind}: {says}" + (f" Silenced ({check}): {reason}" if reason else ""))
        return lines or ["No findings."]

    # -------------------------------------------------------------------------------------------------------- pdf

    def pdf(self, size: tuple[float, float]) -> bytes:
        blocks: list[list[tuple[str, str]]] = [[("h1", "Customer Relationship Hub"), ("quiet", self._dated())]]
        blocks[0] += [("item", sentence) for sentence in self.summary]
        for record in self.records:
            block = [("h2", f"{record.id}: {record.name}")]
            block += [("field", f"{row['field']}: {row['value']}") for row in self._fields(record)]
            block += [("item", line) for line in self._findings_of(record)]
            blocks.append(block)
        if len(self.targets):
            rows = self._target_rows().itertuples(index=False)
            blocks.append([("h2", "Targets"), *(("item", f"{r}, {m}: target {t}; {s}: {v}") for r, m, t, s, v in rows)])
        for name, value in self.sections.items():
            blocks.append([("h2", _heading(name)), *(("field", line) for line in _lines(value))])
        texts = [text for block in blocks for _, text in block]
        fonts = fonts_for("".join(texts))
        pages = _Pages(size, fonts)
        pages.text(blocks[0] + ([("quiet", missing_note(texts, fonts))] if fonts.missing else []))
        for figure in self.pictures():
            pages.picture(figure)
        for block in blocks[1:]:
            pages.text(block)
        return pages.close()


def _said(name: str, value: Any) -> str:
    if name == "metrics":
        said = []
        for one in value:
            stands = [f"{part} {one[part]:g}" for part in ("current", "target") if part in one]
            said.append(" ".join([f"{one['name']}:", ", ".join(stands), str(one.get("unit", ""))]).strip())
        return "; ".join(said)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,}"
    return label(value) if name.endswith("_type") else str(value)


def _esc(text: str) -> str:
    return html.escape(text, quote=True)


def _heading(name: object) -> str:
    text = label(str(name))
    return text[:1].upper() + text[1:]


def _are(number: int, what: str) -> str:
    return f"{number:,} {what} is" if number == 1 else f"{number:,} {what}s are"


def _html_table(table: pd.DataFrame, kind: str = "") -> str:
    head = "".join(f'<th scope="col">{_esc(str(name))}</th>' for name in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=gap' if 'missing' in str(row[0]) or value == 'missed' else ''}>"
            + _esc(str(value)).replace("\n", "<br>")
            + "</td>"
            for value in row
        )
        + "</tr>"
        for row in table.itertuples(index=False, name=None)
    )
    begin = f'<div class="wide"><table class="{kind}">'
    return f"{begin}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _html_value(value: Any) -> str:
    if value and isinstance(value, Mapping):
        items = "".join(f"<li>{_esc(label(str(name)))}: {_html_value(inner)}</li>" for name, inner in value.items())
        return f"<ul>{items}</ul>"
    if value and isinstance(value, list):
        return "<ul>" + "".join(f"<li>{_html_value(inner)}</li>" for inner in value) + "</ul>"
    return _esc(_plain(value)).replace("\n", "<br>")


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """A section as indented lines of text."""
    if not value or not isinstance(value, Mapping | list):
        yield indent + _plain(value).replace("\n", f"\n{indent}")
        return
    pairs = value.items() if isinstance(value, Mapping) else (("", inner) for inner in value)
    for name, inner in pairs:
        begin = f"{label(str(name))}:" if name != "" else "-"
        if inner and isinstance(inner, Mapping | list):
            yield indent + begin
            yield from _lines(inner, indent + "   ")
        else:
            yield f"{indent}{begin} {_plain(inner)}".replace("\n", f"\n{indent}   ")


def _plain(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    return label(value) if value in TYPES else str(value)


SIZES = {"h1": 20.0, "h2": 13.0, "quiet": 9.5, "field": 9.5, "item": 9.5}  # in points
MARGIN = 0.8


class _Pages:
    """Text and pictures from top to bottom, on as many pages as it takes; nothing is cut."""

    def __init__(self, size: tuple[float, float], fonts: Fonts) -> None:
        from matplotlib.backends.backend_pdf import PdfPages

        self.size, self.y = size, 0.0
        self.figure: Any = None
        self.buffer = io.BytesIO()
        dates = {"CreationDate": None, "ModDate": None}
        self.book: Any = PdfPages(
            self.buffer, metadata={"Title": "Customer Relationship Hub", "Creator": "crkit", **dates}
        )
        self.fonts = fonts

    def text(self, lines: Sequence[tuple[str, str]]) -> None:
        """Write paragraphs; each line of one keeps its indentation."""
        for kind, paragraph in lines:
            points, bold, begins = SIZES[kind], kind in ("h1", "h2"), True
            for text in paragraph.split("\n"):
                indent = points * (0.6 * (len(text) - len(text.lstrip(" "))) + 1.2 * (kind == "item"))
                room = 72 * (self.size[0] - 2 * MARGIN) - indent
                for line in wrap(drawable(text, self.fonts), room, points, self.fonts, bold=bold) or [""]:
                    height = points * 1.45 / 72 + (0.16 if kind == "h2" and begins else 0)
                    if self.figure is None or self.y - height < MARGIN or (kind == "h2" and self.y < 2 * MARGIN):
                        self._turn()
                    self.y -= height
                    if kind == "item" and begins:
                        self._put("•", 0.0, kind)
                    self._put(line, indent, kind)
                    begins = False
        self.y -= 0.12

    def _put(self, line: str, indent: float, kind: str) -> None:
        self.figure.text(
            (MARGIN + indent / 72) / self.size[0],
            self.y / self.size[1],
            line,
            fontsize=SIZES[kind],
            fontweight="bold" if kind in ("h1", "h2") else "normal",
            family=list(self.fonts.families),
            color=figures.GREY if kind == "quiet" else figures.INK,
            parse_math=False,
        )

    def picture(self, drawn: figures.Figure) -> None:
        from PIL import Image

        image = Image.open(io.BytesIO(drawn.png()))
        width = self.size[0] - 2 * MARGIN
        height = min(width * image.height / image.width, self.size[1] - 2 * MARGIN)
        if self.figure is None or self.y - height < MARGIN:
            self._turn()
        self.y -= height
        box = (MARGIN / self.size[0], self.y / self.size[1], width / self.size[0], height / self.size[1])
        ax = self.figure.add_axes(box)
        ax.set_axis_off()
        ax.imshow(image)
        self.y -= 0.15

    def _turn(self) -> None:
        from matplotlib.figure import Figure

        self._save()
        self.figure = Figure(figsize=self.size)
        self.y = self.size[1] - MARGIN

    def _save(self) -> None:
        if self.figure is None:
            return
        logger = logging.getLogger("fontTools")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            self.book.savefig(self.figure, dpi=200)
        finally:
            logger.setLevel(level)

    def close(self) -> bytes:
        self._save()
        self.book.close()
        return self.buffer.getvalue()
