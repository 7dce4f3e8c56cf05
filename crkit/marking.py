"""A form for what only a person can mark: one decision after the other, one click a level; made by `form`.

Students are not named, and stand in an order that has nothing to do with the roster. Every click is saved at once, into
``rubric.json``, where it changes nothing but the one criterion: a second window, or a second person, loses nothing. The
states before are kept in ``rubric.json.history/``.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from crkit import course as courses
from crkit import hub_file, marks
from crkit.marks_html import STATUSES, answer, table
from crkit.marks_results import (
    RUBRIC,
    counted,
    has_words,
    lines_of,
    marks_of,
    of,
    parse_rubric,
    plain,
    read_results,
    read_rubric,
)

_BOX = "border-left:8px solid {colour};padding:4px 10px;line-height:1.4"


class Marking:
    """The form and where it stands; made by `form`.

    Attributes:
        question: the number of the question that is marked now.
        levels: the buttons of the levels, by criterion and points.
        comment: the field for the comment.
        message: what the last action said, as text.
        view: the widget that holds everything.
    """

    def __init__(self, out: Path, course: Path | None) -> None:
        self.out, self.course, self.message = out, course, ""
        self._place = 0
        self._filling = False
        self._read()
        if not self._work:
            raise ValueError(f"{out} holds no decision to mark: grade first")
        options = [(f"{name}: {self._told(0, name)['title']}", name) for name in self._work]
        self._question = widgets.Dropdown(
            description="Question", options=options, value=options[0][1], layout=widgets.Layout(width="36em")
        )
        self._who = widgets.Checkbox(description="Show whose it is", indent=False)
        self._back, self._next, self._next_open, self._again = (
            widgets.Button(description=name, tooltip=tip, layout=widgets.Layout(width="auto"))
            for name, tip in (
                ("Back", "The answer before"),
                ("Next", "The next answer"),
                ("Next open", "The next answer that is not marked in full"),
                ("Make the grades anew", "Write all grades and pages with these marks"),
            )
        )
        self._progress, self._said, self._answer = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._rubric = widgets.VBox()
        self.comment = widgets.Textarea(
            description="Comment", rows=3, continuous_update=False, layout=widgets.Layout(width="44em")
        )
        self.levels: dict[str, dict[int, Any]] = {}
        wrapping = widgets.Layout(flex_flow="row wrap")
        self.view = widgets.VBox(
            [
                widgets.HBox([self._question, self._who], layout=wrapping),
                widgets.HBox([self._back, self._next, self._next_open, self._again], layout=wrapping),
                self._progress,
                self._said,
                self._answer,
                self._rubric,
                self.comment,
            ]
        )
        self._ask()
        self._question.observe(lambda _: self._try(self._ask), names="value")
        self._who.observe(lambda _: self._try(self._fill), names="value")
        self.comment.observe(lambda _: self._typed(), names="value")
        for button, act in (
            (self._back, lambda: self._go(-1)),
            (self._next, lambda: self._go(1)),
            (self._next_open, self._go_open),
            (self._again, self.make_anew),
        ):
            button.on_click(lambda _, act=act: self._try(act))

    @property
    def question(self) -> str:
        """The number of the question that is marked now."""
        return str(self._question.value)

    @property
    def student(self) -> str:
        """Whose answer is marked now."""
        return self._work[self.question][self._place]

    def open(self, question: str) -> int:
        """How many criteria of a question nobody has marked yet."""
        marked = read_rubric(self.out)
        return sum(self._open(question, place, marked) for place in range(len(self._work[question])))

    def make_anew(self) -> None:
        """Write all grades and pages with the marks as they are."""
        folder = self.course or _course_above(self.out)
        marks.write(self.out, courses.read(folder))
        self._read()
        self._place = min(self._place, len(self._work[self.question]) - 1)
        self._fill()
        self._say(f"Grades and pages are made anew in {self.out.resolve()}.")

    # ----------------------------------------------------------------------------------------------------- inside

    def _try(self, act: Callable[..., None], *what: Any) -> None:
        """Do something, or say why it cannot be done."""
        try:
            act(*what)
        except (ValueError, OSError) as error:
            self._say(f"This was not done: {error}", bad=True)

    def _read(self) -> None:
        self._results = read_results(self.out)
        work: dict[str, list[str]] = {}
        for student, told in self._results.items():
            for one in told["questions"]:
                if has_words(one):
                    work.setdefault(one["name"], []).append(student)
        self._work = {name: sorted(students, key=lambda one: _mixed(one, name)) for name, students in work.items()}

    def _told(self, place: int, question: str = "") -> Mapping[str, Any]:
        name = question or self.question
        asked = self._results[self._work[name][place]]["questions"]
        return next(one for one in asked if one["name"] == name)

    def _open(self, question: str, place: int, marked: Mapping[str, Any]) -> int:
        told, student = self._told(place, question), self._work[question][place]
        lines = lines_of(told, marks_of(told, marked, student), student)
        return sum(line.points is None for line in lines)

    def _ask(self) -> None:
        """Show the levels of a question, and its first open answer."""
        self.levels, rows = {}, []
        for criterion in self._told(0)["rubric"]:
            name = criterion["criterion"]
            rows.append(widgets.HTML(f"<b>{html.escape(name[:1].upper() + name[1:])}</b>"))
            self.levels[name] = {}
            for points, says, example in criterion["levels"]:
                button = widgets.Button(
                    tooltip=f"{name}: {counted(points, 'point')}", layout=widgets.Layout(width="8em", flex="0 0 auto")
                )
                button.on_click(lambda _, name=name, points=points: self._try(self._give, name, points))
                self.levels[name][points] = button
                text = f"{html.escape(says)}<br><i>{html.escape(example)}</i>"
                shown = widgets.HTML(f'<div style="line-height:1.4">{text}</div>', layout=widgets.Layout(width="40em"))
                rows.append(widgets.HBox([button, shown], layout=widgets.Layout(margin="0 0 4px 0")))
        self._rubric.children = rows
        self._place = -1
        self._go_open()

    def _go(self, step: int) -> None:
        self._place = (self._place + step) % len(self._work[self.question])
        self._say("")
        self._fill()

    def _go_open(self) -> None:
        number = len(self._work[self.question])
        marked = read_rubric(self.out)
        ahead = [(self._place + step) % number for step in range(1, number + 1)]
        found = [place for place in ahead if self._open(self.question, place, marked)]
        self._place = found[0] if found else ahead[0]
        self._say("" if found else "Every answer to this question is marked.")
        self._fill()

    def _give(self, criterion: str, points: int) -> None:
        self._save(lambda own: own["points"].update({criterion: points}), f"{counted(points, 'point')}: {criterion}.")

    def _typed(self) -> None:
        if not self._filling:
            self._try(self._save, lambda own: own.update(comment=self.comment.value), "The comment is saved.")

    def _save(self, change: Callable[[dict[str, Any]], None], done: str) -> None:
        """Change what is marked of this answer, and nothing else in the file."""
        student, told = self.student, self._told(self._place)

        def changed(text: str) -> str:
            marked = parse_rubric(self.out / RUBRIC, text) if text else {}
            own = dict(marks_of(told, marked, student)) or {"points": {}, "comment": ""}
            own["of"] = of(told)
            change(own)
            marked.setdefault(student, {})[told["name"]] = own
            return json.dumps(marked, indent=1, ensure_ascii=False, sort_keys=True) + "\n"

        hub_file.write(self.out / RUBRIC, changed)
        self._fill()
        self._say(f"Saved. {done}")

    def _fill(self) -> None:
        told, marked = self._told(self._place), read_rubric(self.out)
        own = marks_of(told, marked, self.student)
        for line in lines_of(told, own, self.student):
            for points, button in self.levels[line.criterion].items():
                chosen = points == line.points
                button.description = ("\u2713 " if chosen else "") + counted(points, "point")
                button.button_style = "success" if chosen else ""
        self._filling = True
        try:
            self.comment.value = str(own.get("comment", ""))
        finally:
            self._filling = False
        icon, words, colour = STATUSES[told["status"]]
        whose = f" of {self.student}" if self._who.value else ""
        judged = f"<p>{icon} The number: {words.lower()}. {html.escape(told['message'])}</p>"
        self._answer.value = (
            f'<div style="border:1px solid {colour};padding:4px 12px;max-width:52em;line-height:1.5">'
            f"<b>Answer {self._place + 1} of {len(self._work[self.question])}{html.escape(whose)}</b>"
            f"{answer(plain(told['answer']))}{judged}</div>"
        )
        open_ones = sum(self._open(self.question, place, marked) for place in range(len(self._work[self.question])))
        total = len(self._work[self.question]) * len(told["rubric"])
        self._progress.value = (
            f'<div role="status" aria-live="polite"><progress value="{total - open_ones}" max="{total}" '
            f'aria-label="Marked"></progress> {total - open_ones} of {counted(total, "criterion", "criteria")} of this '
            "question marked</div>"
        )

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.message = text
        role, colour = ("alert", "#D55E00") if bad else ("status", "#009E73")
        style = _BOX.format(colour=colour)
        self._said.value = f'<div role="{role}" style="{style}">{html.escape(text)}</div>' if text else ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle = dict(self.view._repr_mimebundle_())
        rows = [(name, len(students), self.open(name)) for name, students in self._work.items()]
        bundle["text/html"] = table(("Question", "Answers to mark", "Criteria open"), rows)
        bundle["text/plain"] = f"A form for marking: {sum(row[2] for row in rows)} criteria are open."
        return bundle


def _mixed(student: str, question: str) -> str:
    return hashlib.sha256(f"{question}\n{student}".encode()).hexdigest()


def _course_above(out: Path) -> Path:
    for folder in out.resolve().parents:
        if (folder / "course.toml").is_file():
            return folder
    raise ValueError(
        f'there is no course.toml above {out.resolve()}: name the course, as in form(".", course="mycourse")'
    )


def form(out: str | Path, course: str | Path | None = None) -> Marking:
    """Show a form for the decisions of a class.

    Args:
        out: the folder that grading wrote into.
        course: the course folder, by which grades are made anew; by default the one that ``out`` is in.

    Returns:
        The form, which shows itself as the last value of a cell.

    Raises:
        ValueError: if there is nothing to mark, or a file is damaged.
    """
    return Marking(Path(out), None if course is None else Path(course))
