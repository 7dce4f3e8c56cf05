"""Takes in what an LMS gives: zips of uploads, folders, notebooks by any name; and says whose each file is.

Canvas names an upload ``doejane_LATE_1234_5678_segments-2.ipynb``: last and first name, the user's number, the
submission's, and the file's own name, with a number if it is a further try. Moodle makes a folder for each
participant, ``Jane Doe_4321_assignsubmission_file_``. Neither is relied on alone: the roster's identifiers and names
are looked for in the path, and at last the notebook itself may say whose it is.
"""

from __future__ import annotations

import csv
import datetime
import difflib
import hashlib
import io
import json
import re
import unicodedata
import zipfile
import zoneinfo
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

import nbformat
from nbformat import NotebookNode

from crkit.course import Student

TIMES = "times.csv"
MOST_BYTES = 20_000_000  # of one file
MOST_ALL_BYTES = 500_000_000  # of what one zip holds
MOST_FILES = 5_000  # in one zip
MOST_CELLS = 1_000
_MOODLE = re.compile(r"(?P<name>.+)_(?P<participant>\d+)_assignsubmission_(?:file|onlinetext)_?$")
_ANONYMOUS = ("anon", "anonymous", "participant")  # where the LMS tells no names
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<user>\d+)_(?P<submission>\d+)_(?P<file>.+)$")


class Upload(NamedTuple):
    """One file as it was given.

    Attributes:
        name: its path in what was given, that of a zip included: ``all.zip/doejane_12_34_segments.ipynb``.
        content: its bytes; empty if ``why`` is set.
        submitted_at: when; None if nothing says so.
        time_from: what says so: ``"times.csv"``, ``"zip"`` or ``"file"``; empty if nothing does.
        why: why it was not read, or an empty text.
    """

    name: str
    content: bytes
    submitted_at: datetime.datetime | None
    time_from: str
    why: str = ""


class Sorted(NamedTuple):
    """What became of one file.

    Attributes:
        upload: the file.
        became: ``"graded"``, ``"superseded"``, ``"wrong assignment"``, ``"unknown student"``, ``"empty"``, ``"no
            notebook"`` or ``"unreadable"``.
        why: a sentence.
        student: whose it is; None if that is not known.
        made_for: the student whose notebook it was, as it says itself; None if it does not.
        participant: Moodle's number of the participant in this assignment, or an empty text.
        cells: the sources of its code cells; empty unless it is graded or superseded.
    """

    upload: Upload
    became: str
    why: str
    student: Student | None = None
    made_for: str | None = None
    participant: str = ""
    cells: tuple[str, ...] = ()


def collect(given: Path, zone: str) -> list[Upload]:
    """Every file in what was given, in the order of their names.

    Args:
        given: a folder, a zip, or a file. Zips in it, and zips in these, are looked into.
        zone: the time zone of times that name none.

    Raises:
        ValueError: if there is nothing there, or ``times.csv`` cannot be read; the message names the line.
    """
    given, info = Path(given), zoneinfo.ZoneInfo(zone)
    if given.is_dir():
        files = sorted(file for file in given.rglob("*") if file.is_file())
        times = _times(given / TIMES, info)
        found = [
            upload
            for file in files
            if file != given / TIMES
            for upload in _from_file(file, file.relative_to(given).as_posix(), info)
        ]
    elif given.is_file():
        times, found = _times(given.parent / TIMES, info), list(_from_file(given, given.name, info))
    else:
        raise ValueError(f"there is nothing at {given}: name the folder or the zip of the submissions")
    if not found:
        raise ValueError(f"{given} holds no file")
    unused = dict(times)
    for place, upload in enumerate(found):
        for name in (upload.name, PurePosixPath(upload.name).name):
            if name in times:
                found[place] = upload._replace(submitted_at=times[name], time_from=TIMES)
                unused.pop(name, None)
                break
    if unused:
        near = difflib.get_close_matches(next(iter(unused)), [upload.name for upload in found], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{TIMES} names {next(iter(unused))!r}, which is not among the submissions{hint}")
    return sorted(found, key=lambda upload: upload.name)


def _times(file: Path, info: zoneinfo.ZoneInfo) -> dict[str, datetime.datetime]:
    if not file.is_file():
        return {}
    reader = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig", errors="replace"), newline=""))
    if not {"file", "submitted_at"} <= set(reader.fieldnames or ()):
        raise ValueError(f"{file} needs the columns file and submitted_at")
    times = {}
    for row in reader:
        try:
            moment = datetime.datetime.fromisoformat((row["submitted_at"] or "").strip())
        except ValueError as error:
            raise ValueError(
                f"{file}, line {reader.line_num}: {row['submitted_at']!r} is no moment such as 2027-03-19T23:59:00"
            ) from error
        times[(row["file"] or "").strip()] = moment if moment.tzinfo else moment.replace(tzinfo=info)
    return times


def _from_file(file: Path, name: str, info: zoneinfo.ZoneInfo) -> Iterator[Upload]:
    moment = datetime.datetime.fromtimestamp(file.stat().st_mtime, info).replace(microsecond=0)
    if file.stat().st_size > MOST_ALL_BYTES or (file.suffix != ".zip" and file.stat().st_size > MOST_BYTES):
        yield Upload(name, b"", moment, "file", f"It has {file.stat().st_size / 1e6:,.0f} MB, which is too much.")
        return
    yield from _opened(Upload(name, file.read_bytes(), moment, "file"), info, 2)


def _opened(upload: Upload, info: zoneinfo.ZoneInfo, deep: int) -> Iterator[Upload]:
    """The files of a zip, or the file itself."""
    if not upload.name.lower().endswith(".zip") or not deep:
        yield upload
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(upload.content))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        yield upload._replace(content=b"", why=f"It is no zip that can be opened: {error}.")
        return
    if not entries:
        yield upload._replace(content=b"", why="It is an empty zip.")
    left = MOST_ALL_BYTES
    for number, entry in enumerate(entries):
        inner = Upload(f"{upload.name}/{entry.filename}", b"", upload.submitted_at, upload.time_from)
        try:
            moment = datetime.datetime(*entry.date_time, tzinfo=info)
            if moment.year > 1980:  # the year of a zip that tells no time
                inner = inner._replace(submitted_at=moment, time_from="zip")
        except ValueError:
            pass
        if number >= MOST_FILES or entry.file_size > min(MOST_BYTES, left):
            yield inner._replace(why="The zip holds more than is read; hand the notebook in alone.")
            continue
        try:
            with archive.open(entry) as file:
                content = file.read(entry.file_size + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            yield inner._replace(why=f"It cannot be taken out of the zip: {error}.")
            continue
        left -= len(content)
        yield from _opened(inner._replace(content=content), info, deep - 1)


def sort(
    uploads: Sequence[Upload],
    roster: Sequence[Student],
    assignment: str,
    others: Collection[str],
    closes_at: datetime.datetime | None,
    mark: str = "",
) -> list[Sorted]:
    """Say of every file whose it is and what becomes of it.

    Of several tries of a student the last one before ``closes_at`` is graded, or the last one if all came later.

    Args:
        uploads: what was given.
        roster: the students.
        assignment: the word of the assignment that is graded.
        others: the words of the other assignments.
        closes_at: the due time with the grace.
        mark: of the course; a notebook that bears another one was handed out by another course.

    Returns:
        One for each upload, in the same order.
    """
    found = [_looked_at(upload, roster, assignment, others, mark) for upload in uploads]
    tries: dict[str, list[int]] = {}
    for place, each in enumerate(found):
        if each.became == "graded" and each.student is not None:
            tries.setdefault(each.student.student, []).append(place)
    for places in tries.values():
        places.sort(key=lambda place: _when(found[place].upload))
        in_time = [place for place in places if _in_time(found[place].upload, closes_at)]
        counts = (in_time or places)[-1]
        for place in places:
            if place != counts:
                why = f"Another try counts: {found[counts].upload.name}."
                found[place] = found[place]._replace(became="superseded", why=why)
    return found


def _in_time(upload: Upload, closes_at: datetime.datetime | None) -> bool:
    return closes_at is None or upload.submitted_at is None or upload.submitted_at <= closes_at


def _when(upload: Upload) -> tuple[float, int, int, str]:
    """By time; then by the numbers that Canvas gives to submissions and further tries; then by name."""
    at = upload.submitted_at.timestamp() if upload.submitted_at else 0.0
    name = PurePosixPath(upload.name)
    canvas = next((found for part in name.parts if (found := _CANVAS.match(part))), None)
    again = re.search(r"-(\d{1,9})$", name.stem)
    return at, int(canvas["submission"][:18]) if canvas else 0, int(again[1]) if again else 0, upload.name


def _looked_at(
    upload: Upload, roster: Sequence[Student], assignment: str, others: Collection[str], mark: str
) -> Sorted:
    student, told_twice = _by_path(upload.name, roster)
    parts = PurePosixPath(upload.name).parts
    moodle = next((found for part in parts if (found := _MOODLE.match(part))), None)
    named = moodle or next((found for part in parts if (found := _CANVAS.match(part))), None)
    stranger = student is None and named is not None and _letters(named["name"]) not in _ANONYMOUS
    participant = moodle["participant"] if moodle else ""

    def became(what: str, why: str, **more: Any) -> Sorted:
        return Sorted(upload, what, why, **{"student": student, "participant": participant, **more})

    if upload.why:
        return became("unreadable", upload.why)
    if not upload.content.strip():
        return became("empty", "The file is empty.")
    if not upload.name.lower().endswith((".ipynb", ".json")):
        kind = PurePosixPath(upload.name).suffix or "a file without an ending"
        return became("no notebook", f"It is {kind}, not a notebook (.ipynb): it is not read.")
    try:
        notebook = _notebook(upload.content)
    except ValueError as error:
        return became("unreadable", f"It cannot be read as a notebook: {error}")
    says = notebook.metadata.get("crkit", {})
    says = says if isinstance(says, dict) else {}
    made_for = str(says["student"])[:64] if "student" in says else None
    if student is None and not told_twice and not stranger:
        student = next((each for each in roster if each.student == made_for), None)
    cells = tuple(str(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    is_of = _assignment_of(notebook, upload.name, says, cells, (assignment, *others))
    if is_of != assignment:
        meant = f"the assignment {is_of}" if is_of else "no assignment: it gives no answer_1 or the like"
        return became("wrong assignment", f"This is {meant}.", made_for=made_for)
    if mark and says.get("course", mark) not in (mark, ""):
        why = "It was handed out by another course, or the secret in course.toml has changed since."
        return became("wrong assignment", why, made_for=made_for)
    if student is None:
        why = told_twice or "Neither its name nor the notebook tells whose it is."
        if stranger and named:
            why = f"The LMS says that it is of {named['name']}, who is not in the roster."
        return became("unknown student", f"{why} Put the student's identifier into the file's name.", made_for=made_for)
    return became("graded", "", made_for=made_for, cells=cells)


def _notebook(content: bytes) -> NotebookNode:
    try:
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
        cells = notebook.cells
        readable = isinstance(cells, list) and all(isinstance(cell.source, str) for cell in cells)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8.") from None
    except RecursionError:
        raise ValueError("it is nested too deeply.") from None
    except Exception as error:  # whatever a broken file makes nbformat raise
        raise ValueError(f"{type(error).__name__}: {str(error)[:200]}.") from error
    if not readable:
        raise ValueError("its cells are not those of a notebook.")
    if len(cells) > MOST_CELLS:
        raise ValueError(f"it has {len(cells):,} cells; {MOST_CELLS:,} are read at the most.")
    return cast(NotebookNode, notebook)


def _assignment_of(
    notebook: NotebookNode, name: str, says: Mapping[str, Any], cells: Sequence[str], known: Sequence[str]
) -> str | None:
    """Which assignment a notebook is: as its metadata, title or file name says; else, if it gives answers, ours."""
    if says.get("assignment") in known:
        return str(says["assignment"])
    for cell in notebook.cells:
        title = re.match(r"# Assignment: (\w+)", cell.source) if cell.cell_type == "markdown" else None
        if title and title[1] in known:
            return title[1]
    if not any(re.search(r"\banswer_\d+\b", text) for text in cells):
        return None
    words = re.split(r"[^a-z]+", PurePosixPath(name).name.lower())
    named = [each for each in known if each in words]
    return named[0] if len(named) == 1 else known[0]


def _by_path(name: str, roster: Sequence[Student]) -> tuple[Student | None, str]:
    """The student whom a path names, or None and, if it names several, a sentence that says so."""
    parts = PurePosixPath(name).parts
    for matches in (_by_number, _by_identifier, _by_name):
        found = {student.student: student for part in parts for student in matches(part, roster)}
        if len(found) == 1:
            return next(iter(found.values())), ""
        if found:
            return None, f"It may be of {' or '.join(sorted(found))}."
    return None, ""


def _by_number(part: str, roster: Sequence[Student]) -> list[Student]:
    upload = _CANVAS.match(part)
    return [student for student in roster if upload and student.canvas_id and student.canvas_id == upload["user"]]


def _by_identifier(part: str, roster: Sequence[Student]) -> list[Student]:
    numbered = _CANVAS.match(part) or _MOODLE.match(part)  # then a bare number is one of the LMS's own
    return [
        student
        for student in roster
        if any(
            re.search(rf"(?<![^\W_]){re.escape(told)}(?![^\W_])", part, re.IGNORECASE)
            for told in (student.student, student.moodle_id, student.sis_login)
            if told and not (told.isdigit() and numbered)
        )
    ]


def _by_name(part: str, roster: Sequence[Student]) -> list[Student]:
    upload = _MOODLE.match(part) or _CANVAS.match(part)
    text = _letters(upload["name"] if upload else PurePosixPath(part).stem)
    found = []
    for student in roster:
        words = [_letters(word) for word in re.split(r"[\s,]+", student.name) if _letters(word)]
        turned = ["".join(words[cut:] + words[:cut]) for cut in range(len(words))]
        if text in turned or (not upload and len("".join(words)) >= 6 and any(each in text for each in turned)):
            found.append(student)
    return found


def _letters(text: str) -> str:
    """The letters of a text, as an LMS leaves them: small, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(letter for letter in plain if letter.isalpha())


def sha256(content: bytes) -> str:
    """The digest by which a file is recognised, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def as_json(found: Sequence[Sorted]) -> str:
    """What became of every file, for ``files.json``."""
    rows = [
        {
            "file": each.upload.name,
            "student": each.student.student if each.student else None,
            "submitted_at": each.upload.submitted_at.isoformat() if each.upload.submitted_at else None,
            "became": each.became,
            "why": each.why,
        }
        for each in found
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
