"""A form for the register: drop-downs, checks while you type, save and undo; made by `edit`.

Where no kernel runs, the cell's output is the table of links as it stood, so that it is not blank there.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from crkit import hub_file
from crkit.hub_checks import Evidence, check_data, check_register
from crkit.hub_exchange import metric_line, parse_metric, parse_silenced, silenced_items
from crkit.hub_register import (
    CHOICES,
    COMPONENTS,
    LISTS,
    LONG_TEXTS,
    ConflictError,
    Record,
    Register,
    as_mapping,
    from_mapping,
    label,
    links,
    load_records,
    replace,
    save_records,
)

NEW = "+ a new record"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "What it is": ("id", "name", "status", "segments", "value_proposition", "channels"),
    "Type and purpose": ("expected_type", "established_type", "interaction_type", "purpose", "stage", "objectives"),
    "What it takes": (
        "owner",
        "resources",
        "activities",
        "partners",
        "revenue_streams",
        "costs",
        "cost_per_year",
        "currency",
        "frequency",
        "integration",
    ),
    "How it is judged": ("metrics", "feedback_loop", "assumptions", "review_on", "silenced"),
}
HINTS = {
    "metrics": "one a line: name | current | target | unit | higher or lower | measure",
    "silenced": "one a line: check: reason",
    "review_on": "2026-01-31",
    "cost_per_year": "12000",
    **dict.fromkeys(LISTS, "one a line"),
}


class Editor:
    """The form and what it edits; made by `edit`.

    Attributes:
        register: the records as they were read or saved last.
        fields: the widget of each field, by its name.
        message: what the last action said, as text.
        view: the widget that holds everything.
    """

    def __init__(self, path: Path, today: datetime.date, found: Evidence | None) -> None:
        self.path, self.today, self.found = path, today, found
        self.message = ""
        self.fields = {name: self._field(name) for names in GROUPS.values() for name in names}
        self._which = widgets.Dropdown(description="Record", options=[NEW], layout=widgets.Layout(width="32em"))
        self._buttons = {
            name: widgets.Button(description=name, tooltip=tip, layout=widgets.Layout(width="auto"))
            for name, tip in (
                ("Save", "Write this record into the Hub file"),
                ("Undo", "Take back the last change of the Hub file"),
                ("Redo", "Bring back what was undone last"),
                ("Remove", "Take this record out of the Hub file"),
                ("Read again", "Read the Hub file again; what is not saved is lost"),
            )
        }
        self._said, self._findings = widgets.HTML(), widgets.HTML()
        boxes = [
            widgets.VBox(
                [widgets.HTML(f"<b>{title}</b>"), *(self.fields[name] for name in names)],
                layout=widgets.Layout(margin="0 24px 12px 0", width="34em"),
            )
            for title, names in GROUPS.items()
        ]
        self.view = widgets.VBox(
            [
                widgets.HBox([self._which, *self._buttons.values()], layout=widgets.Layout(flex_flow="row wrap")),
                self._said,
                widgets.HBox(boxes, layout=widgets.Layout(flex_flow="row wrap")),
                self._findings,
            ]
        )
        self._filling = False
        self.register = Register(())
        self._read()
        self._which.observe(lambda _: self._chosen(), names="value")
        for field in self.fields.values():
            field.observe(lambda _: self._typed(), names="value")
        for name, act in (
            ("Save", self.save),
            ("Undo", self.undo),
            ("Redo", self.redo),
            ("Remove", self.remove),
            ("Read again", self._read_again),
        ):
            self._buttons[name].on_click(lambda _, act=act: act())

    # ----------------------------------------------------------------------------------------------------- actions

    def save(self) -> bool:
        """Write the record in the form into the Hub file; gives whether that was possible."""
        try:
            record = self.record()
            others = [one for one in self.register.records if one.id == self._opened or one.id != record.id]
            if len(others) < len(self.register.records) and record.id != self._opened:
                raise ValueError(f"there is a record {record.id} already: give this one another id")
            kept = [record if one.id == self._opened else one for one in self.register.records]
            records = kept if self._opened else [*self.register.records, record]
            self.register = save_records(self.path, records, base=self.register)
        except ConflictError as error:
            self._say(str(error), bad=True)
            return False
        except (ValueError, OSError) as error:
            self._say(f"Not saved: {error}", bad=True)
            return False
        self._list(record.id)
        self._say(f"Saved {record.id} in {self.path.name}.")
        return True

    def undo(self) -> None:
        """Take back the last change of the Hub file."""
        self._back(hub_file.undo, "The last change of the file is taken back.", "There is nothing left to undo.")

    def redo(self) -> None:
        """Bring back what was undone last."""
        self._back(hub_file.redo, "The change is back.", "There is nothing to bring back.")

    def remove(self) -> None:
        """Take the record out of the Hub file; undo brings it back."""
        if not self._opened:
            self._say("This record is not in the file yet.", bad=True)
            return
        gone, left = self._opened, [one for one in self.register.records if one.id != self._opened]
        try:
            self.register = save_records(self.path, left, base=self.register)
        except (ValueError, OSError) as error:
            self._say(str(error), bad=True)
            return
        self._list()
        self._say(f"Removed {gone}. Undo brings it back.")

    def open(self, key: str) -> None:
        """Show the record with this id in the form."""
        self._which.value = key

    def record(self) -> Record:
        """The record that the form holds now.

        Raises:
            ValueError: if a field cannot be read; the message says which.
        """
        values: dict[str, Any] = {}
        for name, field in self.fields.items():
            text = field.value
            if name == "metrics":
                values[name] = [parse_metric(line) for line in text.splitlines() if line.strip()]
            elif name == "silenced":
                values[name] = parse_silenced(text)
            elif name in LISTS:
                values[name] = [line for line in text.splitlines() if line.strip()]
            else:
                values[name] = text
        extra = self.register[self._opened].extra if self._opened else {}
        return from_mapping({**values, **extra})

    # ----------------------------------------------------------------------------------------------------- inside

    @property
    def _opened(self) -> str:
        return "" if self._which.value == NEW else str(self._which.value)

    def _field(self, name: str) -> Any:
        look: dict[str, Any] = {
            "description": label(name).capitalize(),
            "layout": widgets.Layout(width="32em"),
            "style": {"description_width": "11em"},
        }
        if name in CHOICES:
            first = [] if name == "status" else [("not said yet", "")]
            return widgets.Dropdown(options=[*first, *((label(one), one) for one in CHOICES[name])], **look)
        hint = HINTS.get(name, "")
        if name in (*LISTS, *LONG_TEXTS, "metrics", "silenced"):
            return widgets.Textarea(placeholder=hint, rows=2, **look)
        return widgets.Text(placeholder=hint, **look)

    def _read(self) -> None:
        self.register = load_records(self.path)
        self._list()

    def _read_again(self) -> None:
        try:
            self._read()
            self._say(f"Read {self.path.name} again.")
        except ValueError as error:
            self._say(str(error), bad=True)

    def _back(self, act: Any, done: str, nothing: str) -> None:
        try:
            told = done if act(self.path) is not None else nothing
            key = self._opened
            self.register = load_records(self.path)
            self._list(key)
            self._say(told)
        except (ValueError, OSError) as error:
            self._say(str(error), bad=True)

    def _list(self, key: str = "") -> None:
        """Show the list of records, and the one with this id, or the first."""
        ids = [record.id for record in self.register.records]
        self._filling = True
        try:
            self._which.options = [*((f"{r.id}: {r.name}"[:60], r.id) for r in self.register.records), (NEW, NEW)]
            self._which.value = key if key in ids else ids[0] if ids else NEW
        finally:
            self._filling = False
        self._fill()

    def _chosen(self) -> None:
        if not self._filling:
            self._say("")
            self._fill()

    def _fill(self) -> None:
        used = {record.id for record in self.register.records}
        free = next(f"R{number}" for number in range(1, len(used) + 2) if f"R{number}" not in used)
        record = self.register[self._opened] if self._opened else Record(free, "")
        plain = as_mapping(record)
        self._filling = True
        try:
            for name, field in self.fields.items():
                value = plain.get(name, "")
                if name == "metrics":
                    value = "\n".join(metric_line(one) for one in value or [])
                elif name == "silenced":
                    value = "\n".join(f"{check}: {reason}" for check, reason in silenced_items(value or {}))
                elif isinstance(value, list):
                    value = "\n".join(value)
                field.value = value if isinstance(value, str) else f"{value}"
        finally:
            self._filling = False
        self._check()

    def _typed(self) -> None:
        if not self._filling:
            self._check()

    def _check(self) -> None:
        try:
            record = self.record()
        except ValueError as error:
            self._findings.value = _box([str(error)], "This cannot be saved yet", "#D55E00")
            return
        others = [one for one in self.register.records if one.id != self._opened]
        found = check_register(replace(others, record), today=self.today)
        lines = _lines(found[found["record"] == record.id])
        if self.found is not None:
            lines += _lines(check_data([record], self.found))
        title = (
            f"{len(lines)} finding{'' if len(lines) == 1 else 's'}"
            if lines
            else "No findings: complete, aligned, owned and measured"
        )
        self._findings.value = _box(lines, title, "#E69F00" if lines else "#009E73")

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.message = text
        role = "alert" if bad else "status"
        colour = "#D55E00" if bad else "#009E73"
        shown = html.escape(text).replace("\n", "<br>")
        style = f"border-left:8px solid {colour};padding:4px 10px;line-height:1.4"
        self._said.value = f'<div role="{role}" style="{style}">{shown}</div>' if text else ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle = dict(self.view._repr_mimebundle_())
        table = links(self.register.records).rename(columns=COMPONENTS)
        bundle["text/html"] = table.to_html(escape=True, border=0)
        bundle["text/plain"] = f"An editor for {len(self.register.records)} records of {self.path.name}."
        return bundle


def _lines(found: Any) -> list[str]:
    rows: Sequence[Any] = found[["check", "says", "silenced"]].values.tolist()
    return [f"{check}: {says}" + (f" Silenced: {reason}" if reason else "") for check, says, reason in rows]


def _box(lines: Sequence[str], title: str, colour: str) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    style = f"border:1px solid {colour};border-left-width:8px;padding:4px 12px;line-height:1.5"
    head = f'<div role="status" aria-live="polite" class="crkit-findings" style="{style}">'
    return f"{head}<b>{title}.</b><ul>{items}</ul></div>"


def edit(path: str | Path, *, today: datetime.date | None = None, evidence: Evidence | None = None) -> Editor:
    """Show a form for the register of a Hub file.

    Args:
        path: the Hub's YAML file; it is made at the first save.
        today: the day that reviews are compared with; the day on the computer's clock by default.
        evidence: from `crkit.hub_checks.evidence`, if the records shall be held against the contact log too.

    Returns:
        The editor, which shows itself as the last value of a cell.

    Raises:
        ValueError: if the file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     editor = edit(Path(folder) / "hub.yaml", today=datetime.date(2026, 1, 1))
        ...     editor.fields["name"].value = "Advice"
        ...     _ = editor.save()
        ...     editor.message, load_records(Path(folder) / "hub.yaml").records[0].name
        ('Saved R1 in hub.yaml.', 'Advice')
    """
    return Editor(Path(path), today or datetime.date.today(), evidence)
