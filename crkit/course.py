"""A course: who is in it, what is asked of them, until when, and the secret from which each company is drawn."""

from __future__ import annotations

import csv
import datetime
import hashlib
import hmac
import io
import re
import secrets
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crkit import _files, assignments
from crkit.sandbox import Limits

ROSTER = ("student", "name", "email", "canvas_id", "sis_login", "moodle_id")
FEWEST_SECRET_BYTES = 16
LateRule = Literal["none", "zero", "percent"]


class Student(NamedTuple):
    """One line of ``roster.csv``; what an LMS does not give is an empty text.

    Attributes:
        student: the identifier that everything in the course goes by.
        name: first name, then last name.
        email: address, which Moodle's import goes by.
        canvas_id: the number that Canvas puts into the names of uploads.
        sis_login: the login in Canvas.
        moodle_id: the ID number in Moodle.
    """

    student: str
    name: str
    email: str = ""
    canvas_id: str = ""
    sis_login: str = ""
    moodle_id: str = ""


class Late(NamedTuple):
    """What is done about late work.

    Attributes:
        rule: ``"none"`` (no deduction), ``"zero"`` (no points), or ``"percent"`` of the points for each started day.
        percent_a_day: for ``"percent"``.
        grace_minutes: after the due time that are not late.
    """

    rule: LateRule = "none"
    percent_a_day: float = 0.0
    grace_minutes: float = 0.0

    @property
    def grace(self) -> datetime.timedelta:
        """The time after the due time that is not late."""
        return datetime.timedelta(minutes=self.grace_minutes)

    def applied(self, submitted_at: datetime.datetime | None, due: datetime.datetime | None) -> tuple[int, float]:
        """Started days of lateness, and the percentage that is taken off.

        Args:
            submitted_at: with a time zone; None if it is not known, which is not late.
            due: with a time zone; None if there is no due time.

        Example:
            >>> import datetime
            >>> due = datetime.datetime(2027, 3, 19, 23, 59, tzinfo=datetime.UTC)
            >>> Late("percent", 10, 15).applied(due + datetime.timedelta(hours=30), due)
            (2, 20)
        """
        if submitted_at is None or due is None:
            return 0, 0.0
        after = submitted_at - due - self.grace
        days = max(0, -(-after // datetime.timedelta(days=1)))
        if not days or self.rule == "none":
            return days, 0.0
        return days, 100.0 if self.rule == "zero" else min(100.0, days * self.percent_a_day)


class Task(NamedTuple):
    """One assignment of a course.

    Attributes:
        name: the assignment's word.
        folder: where it is.
        due: with the course's time zone; None if there is no due time.
        late: what is done about late work.
    """

    name: str
    folder: Path
    due: datetime.datetime | None
    late: Late


@dataclass(frozen=True)
class Course:
    """A course folder.

    Attributes:
        folder: where it is.
        name: its title.
        zone: its time zone, by name.
        secret: from it each student's company is drawn.
        roster: its students, in the order of ``roster.csv``.
        tasks: its assignments, by name.
        limits: of a submission's code.
    """

    folder: Path
    name: str
    zone: str
    secret: bytes
    roster: tuple[Student, ...]
    tasks: Mapping[str, Task]
    limits: Limits

    @property
    def mark(self) -> str:
        """What stands in the notebooks that were handed out with this secret; it tells nothing of the secret."""
        return hmac.new(self.secret, b"course", hashlib.sha256).hexdigest()[:16]

    def task(self, name: str) -> Task:
        """One of its assignments.

        Raises:
            ValueError: if it has none of that name; the message lists those it has.
        """
        if name not in self.tasks:
            known = ", ".join(self.tasks) or "none"
            raise ValueError(f"{self.folder / 'course.toml'} has no [assignments.{name}]; it has {known}")
        return self.tasks[name]


def init(folder: Path) -> list[Path]:
    """Make a course folder.

    Args:
        folder: a new or empty one.

    Returns:
        The files made.

    Raises:
        FileExistsError: if there is something in the folder: nothing is overwritten.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there already and not empty: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.date.today() + datetime.timedelta(days=28)
    tasks = "\n".join(
        f"[assignments.{name}]\ndue = {day + datetime.timedelta(days=7 * week)}T23:59:00\n"
        for week, name in enumerate(assignments.names())
    )
    texts = {
        "course.toml": _TOML.format(secret=secrets.token_hex(32), tasks=tasks),
        "roster.csv": ",".join(ROSTER) + "\ns001,Ada Example,ada@example.org,,,\ns002,Bo Example,bo@example.org,,,\n",
        "README.md": _README,
        ".gitignore": "course.toml\nroster.csv\nhandout/\nsubmissions/\nresults/\n",
    }
    for name, text in texts.items():
        _files.write_text(folder / name, text)
    (folder / "course.toml").chmod(0o600)
    return [folder / name for name in texts]


def read(folder: Path) -> Course:
    """Read a course folder.

    Raises:
        ValueError: if something in ``course.toml`` or ``roster.csv`` is missing, unknown or wrong; the message names
            the file, the place and the remedy.
    """
    folder = Path(folder)
    file = folder / "course.toml"
    if not file.is_file():
        raise ValueError(f"{folder} is no course: it has no course.toml (crkit course init {folder} makes one)")
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not valid TOML: {error}; a time is written as 2027-03-19T23:59:00") from error
    _known(file, "the file", text, ("name", "secret", "time_zone", "late", "limits", "assignments"))
    zone = text.get("time_zone", "UTC")
    try:
        info = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError) as error:
        raise ValueError(f"{file}: time_zone is {zone!r}; give a name such as Europe/Berlin") from error
    try:
        secret = bytes.fromhex(text.get("secret", ""))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: secret is not a hexadecimal number") from error
    if len(secret) < FEWEST_SECRET_BYTES:
        raise ValueError(f"{file}: secret is missing or shorter than {2 * FEWEST_SECRET_BYTES} hexadecimal digits")
    late = _late(file, "[late]", text.get("late", {}), Late())
    tasks = {}
    for name, told in text.get("assignments", {}).items():
        where = f"[assignments.{name}]"
        _known(file, where, told, ("due", "late", "folder"))
        due = told.get("due")
        if due is not None and not isinstance(due, datetime.datetime):
            raise ValueError(f"{file}, {where}: due is {due!r}; give day and time, such as 2027-03-19T23:59:00")
        if due is not None and due.tzinfo is None:
            due = due.replace(tzinfo=info)
        place = folder / told["folder"] if "folder" in told else assignments.find(name)
        tasks[name] = Task(name, place, due, _late(file, f"{where} late", told.get("late", {}), late))
    return Course(
        folder=folder,
        name=str(text.get("name", folder.name)),
        zone=zone,
        secret=secret,
        roster=_roster(folder / "roster.csv"),
        tasks=tasks,
        limits=_limits(file, text.get("limits", {})),
    )


def _known(file: Path, where: str, told: Any, names: tuple[str, ...]) -> None:
    if not isinstance(told, dict):
        raise ValueError(f"{file}, {where}: a table is asked for, not {told!r}")
    unknown = [name for name in told if name not in names]
    if unknown:
        raise ValueError(f"{file}, {where}: {unknown[0]} is unknown; known are {', '.join(names)}")


def _number(file: Path, where: str, name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{file}, {where}: {name} is {value!r}; a number from {least:g} to {most:g} is asked for")
    return value


def _late(file: Path, where: str, told: Any, usual: Late) -> Late:
    _known(file, where, told, Late._fields)
    late = usual._replace(**told)
    if late.rule not in ("none", "zero", "percent"):
        raise ValueError(f"{file}, {where}: rule is {late.rule!r}; it is none, zero or percent")
    _number(file, where, "percent_a_day", late.percent_a_day, 0, 100)
    _number(file, where, "grace_minutes", late.grace_minutes, 0, 100_000)
    return late


def _limits(file: Path, told: Any) -> Limits:
    _known(file, "[limits]", told, Limits._fields)
    for name, value in told.items():
        _number(file, "[limits]", name, value, 0.1 if name.endswith("seconds") else 1, 1e9)
        if not name.endswith("seconds") and not isinstance(value, int):
            raise ValueError(f"{file}, [limits]: {name} is {value!r}; a whole number is asked for")
    return Limits(**told)


def _roster(file: Path) -> tuple[Student, ...]:
    if not file.is_file():
        raise ValueError(f"there is no {file}: one line a student, with the columns {', '.join(ROSTER)}")
    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    if "\ufffd" in text:
        raise ValueError(f"{file} is not UTF-8: save it as CSV UTF-8")
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    for needed in ROSTER[:2]:
        if needed not in columns:
            raise ValueError(f"{file} has no column {needed!r}; its columns are {', '.join(columns) or 'none'}")
    students, seen = [], dict[tuple[str, str], int]()
    for row in reader:
        line = reader.line_num
        values = {name: (row.get(name) or "").strip() for name in ROSTER}
        if not any(values.values()):
            continue
        student = values["student"]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", student):
            raise ValueError(
                f"{file}, line {line}: student is {student!r}; give an identifier of letters, digits, _, . and -"
            )
        if not values["name"]:
            raise ValueError(f"{file}, line {line}: student {student} has no name")
        for column in (name for name in ROSTER if name != "name" and values[name]):
            told = (column, str(values[column]).casefold())
            if told in seen:
                raise ValueError(f"{file}, line {line}: {column} {values[column]} stands in line {seen[told]} already")
            seen[told] = line
        students.append(Student(**values))
    if not students:
        raise ValueError(f"{file} names no student")
    return tuple(students)


_TOML = """\
# The course. Everything here can be changed until the first assignment is handed out.
name = "Customer relationships"
time_zone = "Europe/Berlin"

# Each student's company is drawn from this. Keep it to yourself and keep it safe: with it anybody can draw every
# company and its truth, and without it nothing can be graded.
secret = "{secret}"

[late]
rule = "percent"       # none: no deduction, zero: no points, percent: of the points, for each started day
percent_a_day = 10
grace_minutes = 15

[limits]               # of what a submission's code may use
cell_seconds = 30      # one cell
seconds = 180          # the whole notebook
memory_mb = 1024

# One part for each assignment of the course; take out what you do not use. A late rule of its own stands in
# [assignments.NAME.late], and folder = "exercises/NAME" names an assignment that you made yourself.
{tasks}"""

_README = """\
# The evening in six steps

1. **The class.** Put your students into `roster.csv`: `student` (an identifier without spaces) and `name`, first name
   first. For Canvas fill in `canvas_id` and `sis_login`, for Moodle `email` and `moodle_id`; your LMS exports them.
   Set name, time zone, due times and late rule in `course.toml`. Keep its `secret` to yourself, and back it up.
2. **Hand out.** `crkit assign segments --course .` makes `handout/segments/`, one zip a student with the notebook and
   the tables of that student's own company, and `spread.html`, which shows that nobody has a much harder one. Send
   each student their zip: as an individual file in the LMS, or by mail merge.
3. **Collect.** When the time has come, download all submissions from the LMS as one zip, and put it into
   `submissions/segments/` as it is, and leave it there: what is graded is what lies there. Folders and single notebooks
   do as well. Of several tries the last one in time counts, or the last of all if none is in time. If you know the
   times of upload better than the zip does, put them into `times.csv` beside it, with the columns `file` and
   `submitted_at`.
4. **Grade.** `crkit grade submissions/segments --course .` runs every notebook shut in and judges its answers. Stop it
   when you like: it goes on where it stopped. `results/segments/` then holds all that follows.
5. **Read.** Open `class.html`: how it went, what the class misunderstood, what became of every file, and what you might
   look at. Open `marking.ipynb` in JupyterLab for what only a person can mark; it writes into the same results.
6. **Give back.** Upload `grades_canvas.csv` (Canvas asks which assignment it is) or `grades_moodle.csv`, and send each
   student `feedback/<student>.html`. `handout/segments/handout.csv` has names, addresses and files for a mail merge.
"""
