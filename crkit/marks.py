"""Everything that comes out of grading: files of marks, a page for each student, and a page for the instructor.

`write` makes them from what grading wrote and what a person marked. It can be called again at any time: the same input
gives the same bytes (the pictures in ``class.html``, with the same versions of the libraries that draw them).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from crkit import _files
from crkit.course import Course, Student
from crkit.marks_class import class_page
from crkit.marks_pages import feedback, not_graded, receipt_of
from crkit.marks_results import Results, counted, listed, read, shown

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN = ("machine", "rubric", "rubric open", "total", "out of", "late percent", "mark", "receipt", "status")
_MOODLE = (
    "Identifier",
    "Full name",
    "ID number",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
)


def write(out: Path, course: Course) -> None:
    """Make all that an instructor gives back and looks at, anew.

    Args:
        out: the folder with what grading wrote: ``results/<student>.json``, ``files.json`` and, once somebody has
            marked, ``rubric.json``. Into it go ``grades.csv``, ``grades_canvas.csv``, ``grades_moodle.csv``,
            ``class.html`` and ``feedback/<student>.html``; feedback of who has no work any more is removed.
        course: the course.

    Raises:
        ValueError: if a file is missing or damaged; the message says which, and nothing is written.
    """
    out = Path(out)
    results = read(out, course)
    receipts = {one.student.student: receipt_of(one, results, course.secret) for one in results.marked}
    codes = {student: receipt.code for student, receipt in receipts.items()}
    pages = {one.student.student: feedback(one, results, receipts[one.student.student]) for one in results.marked}
    pages |= {one.student: not_graded(one, results) for one in results.missing if results.files_of(one.student)}
    made = {f"feedback/{student}.html": page for student, page in pages.items()}
    made |= {
        "grades.csv": "\ufeff" + grades(results, codes),
        "grades_canvas.csv": grades_canvas(results),
        "grades_moodle.csv": grades_moodle(results),
        "class.html": class_page(results, codes),
    }
    (out / "feedback").mkdir(exist_ok=True)
    for name, text in made.items():
        _files.write_text(out / name, text)
    for old in (out / "feedback").glob("*.html"):
        if old.stem not in pages:
            old.unlink()


def grades(results: Results, codes: dict[str, str]) -> str:
    """The marks as a plain table, one row for each student of the roster.

    The file begins with a byte order mark, by which a spreadsheet program knows that it is UTF-8. A name that such a
    program would take for a formula gets an apostrophe before it.

    Args:
        results: of the class.
        codes: the code of each student's receipt.

    Returns:
        CSV with the columns student, name, one for the points of the program in each question, one for those of a
        person in each decision, and: machine (points of the program), rubric (points of a person), rubric open
        (criteria that nobody has marked yet), total (before the late rule), out of, late percent, mark (after the late
        rule), receipt (its code) and status, a sentence. Who has no work that could be graded has no points, and not 0.
    """
    parts = results.marked[0].parts if results.marked else ()
    questions = [heading for part in parts for heading in _headings(part.name, by_person=bool(part.lines))]
    rows: list[Sequence[object]] = [("student", "name", *questions, *_PLAIN)]
    marked = {one.student.student: one for one in results.marked}
    students = [*(one.student for one in results.marked), *results.missing]
    for student in sorted(students, key=lambda one: one.student):
        one = marked.get(student.student)
        if one is None:
            blank = [""] * (len(questions) + len(_PLAIN) - 1)
            rows.append((student.student, _harmless(student.name), *blank, _missing(student, results)))
            continue
        by_question: list[str] = []
        for part in one.parts:
            by_question += [shown(part.points), *([shown(part.rubric)] if part.lines else [])]
        days = int(one.told.get("days_late") or 0)
        sums = (one.machine, one.rubric, one.open, one.total, one.out_of, one.late_percent, one.mark)
        status = f"handed in late by {counted(days, 'started day')}" if days else "handed in on time"
        numbers = [*by_question, *(shown(value) for value in sums)]
        rows.append((student.student, _harmless(student.name), *numbers, codes[student.student], status))
    return _csv(rows)


def grades_canvas(results: Results) -> str:
    """The marks for *Import* in Canvas's gradebook.

    Format as read by Canvas (instructure/canvas-lms, ``lib/gradebook_importer.rb``): the columns Student, ID, SIS User
    ID, SIS Login ID and Section, then one for the assignment; a row whose first cell holds "Points Possible"; UTF-8.
    Canvas finds a student by ID, else by SIS User ID, by SIS Login ID, and last by name, so a name that looks like a
    formula is made harmless only where one of the others is known. What to know:

    - A header that is the title of an assignment in Canvas, or ``title (its number)``, fills that assignment; any other
      makes a new one, after asking. Change the header if yours has another title.
    - Points Possible sets the points of the assignment.
    - An empty cell takes away a mark that is there, so who has none is not in the file.

    Args:
        results: of the class.

    Returns:
        CSV.
    """
    header = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", results.assignment)
    rows: list[Sequence[object]] = [header, ("    Points Possible", "", "", "", "", results.out_of)]
    for one in results.marked:
        student = one.student
        name = _harmless(student.name) if student.canvas_id or student.sis_login else student.name
        rows.append((name, student.canvas_id, "", student.sis_login, "", shown(one.mark)))
    return _csv(rows)


def grades_moodle(results: Results) -> str:
    """The marks for Moodle, by either of two ways.

    - *Upload grading worksheet* in the assignment (its feedback type *Offline grading worksheet* is switched on).
      Moodle reads the columns Identifier, Grade and Last modified (grade) by these English names
      (``mod/assign/feedback/offline/importgradeslib.php``) and knows a student by "Participant" and a number, which
      stands in the name of the upload and is another one in each assignment. Rows without it are passed over.
    - *Import: CSV file* in the gradebook (``grade/import/csv``), in any language: map Email address or ID number to
      the student, and Grade to the assignment.

    The maximum grade of the assignment in Moodle has to be that of the file. A grade above it is passed over, and one
    of 22 points reads as one of 100 if the maximum is left at 100. An empty grade in the gradebook's import takes away
    what is there, so who has no mark is not in the file. There is no column of comments: an empty one would wipe out
    those that you wrote in Moodle.

    Args:
        results: of the class.

    Returns:
        CSV.
    """
    rows: list[Sequence[object]] = [_MOODLE]
    for one in results.marked:
        student, participant = one.student, one.told.get("participant")
        rows.append(
            (
                f"Participant {participant}" if participant else "",
                _harmless(student.name),
                student.moodle_id,
                student.email,
                "Submitted for grading",
                shown(one.mark),
                results.out_of,
                "Yes",
                one.told.get("submitted_at") or "-",
                "-",
            )
        )
    return _csv(rows)


def _headings(name: str, *, by_person: bool) -> list[str]:
    return [name, f"{name} rubric"] if by_person else [name]


def _missing(student: Student, results: Results) -> str:
    files = results.files_of(student.student)
    if not files:
        return "handed in nothing"
    told = [f"{file['file']} ({file['became']})" for file in files]
    return f"handed in nothing that could be graded: {listed(told)}"


def _harmless(text: str) -> str:
    """Text that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
