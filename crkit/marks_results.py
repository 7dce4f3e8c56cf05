"""What grading wrote, read and added up: the results of a class with the marks that a person gave.

Points are decimals with two places. Each part is rounded first and then added, so that a total is the sum of what
stands beside it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from crkit.course import Course, Late, Student

RUBRIC = "rubric.json"
_EARLIER = f"put back an earlier state, from {RUBRIC}.history"
_CENT = Decimal("0.01")


class Line(NamedTuple):
    """One criterion of a decision, as it was marked.

    Attributes:
        criterion: its name.
        levels: from the best to the worst: points, what earns them, an example.
        points: what a person gave; None if nobody has marked it yet.
    """

    criterion: str
    levels: tuple[tuple[int, str, str], ...]
    points: int | None

    @property
    def out_of(self) -> int:
        """The points of the best level."""
        return max(points for points, _, _ in self.levels)

    @property
    def earned_by(self) -> str:
        """What earns the points given."""
        return next((says for points, says, _ in self.levels if points == self.points), "")


@dataclass(frozen=True)
class Part:
    """One question of one student.

    Attributes:
        told: the question as grading wrote it.
        points: of the program.
        out_of: what the program could give.
        lines: of the rubric.
        comment: of who marked it.
        to_mark: whether there is something that a person can mark.
    """

    told: Mapping[str, Any]
    points: Decimal
    out_of: int
    lines: tuple[Line, ...]
    comment: str
    to_mark: bool

    @property
    def name(self) -> str:
        """The question's number."""
        return str(self.told["name"])

    @property
    def answer(self) -> Any:
        """The answer as plain values; None if there was none that could be read."""
        return plain(self.told.get("answer"))

    @property
    def rubric(self) -> Decimal:
        """The points that a person gave."""
        return Decimal(sum(line.points or 0 for line in self.lines))

    @property
    def rubric_out_of(self) -> int:
        """The points that a person could give."""
        return sum(line.out_of for line in self.lines)

    @property
    def open(self) -> int:
        """How many criteria nobody has marked yet."""
        return sum(line.points is None for line in self.lines) if self.to_mark else 0


@dataclass(frozen=True)
class Marked:
    """One student's work with its marks.

    Attributes:
        student: from the roster.
        told: the result as grading wrote it.
        parts: its questions.
    """

    student: Student
    told: Mapping[str, Any]
    parts: tuple[Part, ...]

    @property
    def machine(self) -> Decimal:
        """The points of the program."""
        return sum((part.points for part in self.parts), Decimal(0))

    @property
    def rubric(self) -> Decimal:
        """The points of a person."""
        return sum((part.rubric for part in self.parts), Decimal(0))

    @property
    def open(self) -> int:
        """How many criteria nobody has marked yet."""
        return sum(part.open for part in self.parts)

    @property
    def total(self) -> Decimal:
        """All points, before the late rule."""
        return self.machine + self.rubric

    @property
    def out_of(self) -> int:
        """The points that could be had."""
        return sum(part.out_of + part.rubric_out_of for part in self.parts)

    @property
    def late_percent(self) -> Decimal:
        """The percentage that the late rule takes off."""
        return Decimal(str(self.told.get("late_percent") or 0))

    @property
    def mark(self) -> Decimal:
        """The points after the late rule."""
        return cents(self.total * (100 - self.late_percent) / 100)

    @property
    def submitted_at(self) -> datetime.datetime | None:
        """When it came, if that is known."""
        return moment(self.told.get("submitted_at"))


@dataclass(frozen=True)
class Results:
    """A class's results.

    Attributes:
        assignment: its word.
        course: the course's title.
        zone: the course's time zone, by name.
        due: when the work was due; None if there is no such time.
        late: what is done about late work; None if nothing was graded.
        marked: those whose work was graded, in the order of the roster.
        missing: those of the roster whose work was not.
        left_over: students of whom there is a result, and who are not on the roster.
        files: every file that grading was given.
    """

    assignment: str
    course: str
    zone: str
    due: datetime.datetime | None
    late: Late | None
    marked: tuple[Marked, ...]
    missing: tuple[Student, ...]
    left_over: tuple[str, ...]
    files: tuple[Mapping[str, Any], ...]

    @property
    def out_of(self) -> int:
        """The points that could be had."""
        return self.marked[0].out_of if self.marked else 0

    def files_of(self, student: str) -> list[Mapping[str, Any]]:
        """The files of one student."""
        return [file for file in self.files if file.get("student") == student]


def read(out: Path, course: Course) -> Results:
    """Read what grading wrote, and what a person marked.

    Args:
        out: the folder with ``results/``, ``files.json`` and, once somebody has marked, ``rubric.json``.
        course: the course.

    Returns:
        The results.

    Raises:
        ValueError: if a file is missing or damaged, or results do not belong together; the message says which, and
            what to do.
    """
    out = Path(out)
    told = read_results(out)
    marks = read_rubric(out)
    roster = {student.student: student for student in course.roster}
    first = next(iter(told.values()), {})
    marked = [Marked(one, told[key], _parts(key, told[key], marks)) for key, one in roster.items() if key in told]
    return Results(
        assignment=first.get("assignment", out.resolve().name),
        course=course.name,
        zone=course.zone,
        due=moment(first.get("due")),
        late=Late(**first["late_rule"]) if first else None,
        marked=tuple(marked),
        missing=tuple(one for key, one in roster.items() if key not in told),
        left_over=tuple(key for key in told if key not in roster),
        files=tuple(sorted(_json(out / "files.json"), key=lambda file: (str(file["file"]), json.dumps(file)))),
    )


def read_results(out: Path) -> dict[str, Mapping[str, Any]]:
    """The results by student, sorted.

    Raises:
        ValueError: if one is damaged, or was graded with other questions or another late rule than the others.
    """
    found: dict[str, Mapping[str, Any]] = {}
    asked: tuple[str, object] | None = None
    for file in sorted((Path(out) / "results").glob("*.json")):
        told = _json(file)
        if told.get("student") != file.stem:
            raise ValueError(f"{file} is about {told.get('student')!r}: remove it and grade again")
        shape = (
            [told[name] for name in ("assignment", "due", "late_rule")],
            [(one["name"], one["out_of"], one["rubric"]) for one in told["questions"]],
        )
        if asked is None:
            asked = file.name, shape
        if shape != asked[1]:
            raise ValueError(
                f"{file} was graded with other questions or another late rule than {asked[0]}: grade again"
            )
        found[file.stem] = told
    return found


def read_rubric(out: Path) -> dict[str, Any]:
    """What a person marked: ``{student: {question: {"points": {criterion: points}, "comment": text, "of": text}}}``.

    Raises:
        ValueError: if ``rubric.json`` is damaged.
    """
    file = Path(out) / RUBRIC
    return parse_rubric(file, file.read_text(encoding="utf-8")) if file.exists() else {}


def parse_rubric(file: Path, text: str) -> dict[str, Any]:
    """What a person marked, from the text of ``rubric.json``.

    Raises:
        ValueError: if it is damaged; states before it are in the folder beside it.
    """
    try:
        marks = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error}): {_EARLIER}") from error
    if not isinstance(marks, dict) or not all(isinstance(own, dict) for own in marks.values()):
        raise ValueError(f"{file} is not made of marks by student: {_EARLIER}")
    return marks


def marks_of(told: Mapping[str, Any], marks: Mapping[str, Any], student: str) -> Mapping[str, Any]:
    """What a person marked of one answer; nothing if that was another answer than the one that counts now."""
    own: Mapping[str, Any] = marks.get(student, {}).get(told["name"], {})
    return own if own.get("of", of(told)) == of(told) else {}


def lines_of(told: Mapping[str, Any], own: Mapping[str, Any], where: str) -> tuple[Line, ...]:
    """The rubric of a question with the points that were given.

    Args:
        told: the question as grading wrote it.
        own: what a person marked of it, from `marks_of`.
        where: for the message.

    Raises:
        ValueError: if points were given that are of no level.
    """
    given = own.get("points", {})
    lines = []
    for criterion in told["rubric"]:
        levels = tuple((points, says, example) for points, says, example in criterion["levels"])
        points = given.get(criterion["criterion"])
        if points is not None and points not in [level[0] for level in levels]:
            raise ValueError(f"{RUBRIC}, {where}: {points!r} is no level of {criterion['criterion']!r}")
        lines.append(Line(criterion["criterion"], levels, points))
    return tuple(lines)


def has_words(told: Mapping[str, Any]) -> bool:
    """Whether there is a claim or an action that a person can mark."""
    answer = plain(told.get("answer"))
    words = [answer.get("claim"), answer.get("action")] if isinstance(answer, dict) else []
    return bool(told["rubric"]) and any(isinstance(text, str) and text.strip() for text in words)


def of(told: Mapping[str, Any]) -> str:
    """A short name of an answer: marks hold for the answer that they were given to."""
    answer = json.dumps(plain(told.get("answer")), sort_keys=True)
    return hashlib.sha256(answer.encode()).hexdigest()[:16]


def plain(taken: Any) -> Any:
    """The value of a taken answer; None if there is none."""
    return taken.get("value") if isinstance(taken, dict) and "state" in taken else taken


def cents(value: Decimal | float) -> Decimal:
    """Rounded to two places, half up."""
    return Decimal(str(value)).quantize(_CENT, ROUND_HALF_UP)


def shown(value: Decimal | float) -> str:
    """Points as they are read: no more places than needed.

    Example:
        >>> shown(Decimal("2.50")), shown(3.0), shown(Decimal("0.333"))
        ('2.5', '3', '0.33')
    """
    text = f"{cents(value):f}"
    return text.rstrip("0").rstrip(".")


def moment(text: str | None) -> datetime.datetime | None:
    """A time with its zone, from ISO 8601."""
    return None if text is None else datetime.datetime.fromisoformat(text)


def local(time: datetime.datetime, zone: str) -> str:
    """A time as it is read in a zone.

    Example:
        >>> local(datetime.datetime(2027, 7, 1, 21, 5, tzinfo=datetime.UTC), "Europe/Berlin")
        '1 July 2027, 23:05:00 (Europe/Berlin, UTC+02:00)'
    """
    there = time.astimezone(zoneinfo.ZoneInfo(zone))
    offset = there.strftime("%z")
    return f"{there.day} {MONTHS[there.month - 1]} {there:%Y, %H:%M:%S} ({zone}, UTC{offset[:3]}:{offset[3:5]})"


# strftime would give them in the language of the machine
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _parts(student: str, told: Mapping[str, Any], marks: Mapping[str, Any]) -> tuple[Part, ...]:
    parts = []
    for one in told["questions"]:
        own = marks_of(one, marks, student)
        lines = lines_of(one, own, f"{student}, question {one['name']}")
        to_mark = has_words(one)
        kept = lines if to_mark else tuple(line._replace(points=None) for line in lines)
        comment = str(own.get("comment", ""))
        parts.append(Part(one, cents(one["points"]), one["out_of"], kept, comment, to_mark))
    return tuple(parts)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"there is no {file}: grade first") from error
    except ValueError as error:
        raise ValueError(f"{file} is damaged ({error}): remove it and grade again") from error


def counted(number: int, word: str, words: str = "") -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "criterion", "criteria"), counted(3, "criterion", "criteria"), counted(0, "day")
        ('1 criterion', '3 criteria', '0 days')
    """
    return f"{number} {word if number == 1 else words or word + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names as they are read: with commas, and one "and".

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
