"""A student's feedback page: their marks, and what goes with each answer.

It holds nothing that is right for anybody (but what the student found), and nothing of another student: of a notebook
that was made for somebody else it does not say for whom.
"""

from __future__ import annotations

import datetime

from crkit import receipts
from crkit.course import Late, Student
from crkit.marks_html import STATUSES, answer, box, esc, items, page, table
from crkit.marks_results import Marked, Part, Results, counted, local, moment, shown
from crkit.receipts import Receipt

_ABOUT = (
    "<p>Keep this page and the file that you handed in. The command <code>crkit receipt</code>, given both, tells "
    "without a network whether the receipt is whole and about that very file (SHA-256 is a fingerprint of its bytes). "
    "Only your instructor, who has the course's secret, can tell that the course wrote it: the seal, and the code that "
    "begins it, are made with that secret. A receipt does not prove who wrote the file, nor that the time is right, "
    "which is the one that grading was given. Marking may still change points; the new page then has a new receipt.</p>"
)
_FROM = {
    "times.csv": "the course's list of times",
    "zip": "the archive of uploads",
    "file": "the file itself, which is less certain than a time of the LMS",
}
# what became of a file, as its student reads it; grading's own sentence is the instructor's
BECAME = {
    "graded": "This is the file that counts.",
    "superseded": "Another file of yours counts instead.",
    "wrong assignment": "It is of another assignment.",
    "unknown student": "It could not be told whose it is.",
    "empty": "It is empty.",
    "no notebook": "It is no notebook.",
    "unreadable": "It cannot be read as a notebook.",
}
_RUNS = {
    "timed out": "Your notebook took longer than a notebook may. Answers that were there before that counted.",
    "tampered": "Your notebook wrote where only answers may be written. What was read before that counted.",
    "killed its parent": "Your notebook ended the program that ran it. Answers that were there before that counted.",
    "failed": "Your notebook could not be run.",
}


def receipt_of(one: Marked, results: Results, secret: bytes) -> Receipt:
    """The receipt of a student's work as it is marked now."""
    told = {
        "course": results.course,
        "assignment": results.assignment,
        "student": one.student.student,
        "file": str(one.told["file"]),
        "sha256": str(one.told["sha256"]),
        "received": one.told.get("submitted_at") or "not known",
    }
    for part in one.parts:
        by_person = ""
        if part.lines:
            still = f", {counted(part.open, 'criterion', 'criteria')} open" if part.open else ""
            by_person = f"; by a person {shown(part.rubric)} of {part.rubric_out_of}{still}"
        told[f"question {part.name}"] = f"{shown(part.points)} of {part.out_of}{by_person}"
    told["taken off for lateness"] = f"{shown(one.late_percent)} per cent"
    told["mark"] = f"{shown(one.mark)} of {one.out_of}"
    return receipts.make(told, secret)


def feedback(one: Marked, results: Results, receipt: Receipt) -> str:
    """A student's page.

    Args:
        one: the student's work.
        results: of the class.
        receipt: from `receipt_of`.

    Returns:
        HTML that needs no network and no script.
    """
    return page(
        f"{results.assignment}: feedback for {one.student.name}",
        [
            *_heading(one.student, results),
            *_marks(one),
            "<h2>When it came</h2>",
            *_lateness(one, results),
            *_files(one.student, results),
            *_remarks(one),
            *(_question(part) for part in one.parts),
            "<h2>Receipt</h2>",
            receipts.as_html(receipt),
            _ABOUT,
        ],
    )


def not_graded(student: Student, results: Results) -> str:
    """The page of a student none of whose files could be graded."""
    return page(
        f"{results.assignment}: feedback for {student.name}",
        [
            *_heading(student, results),
            box("<p>You handed in something, and none of it could be graded. Ask your instructor what to do.</p>"),
            *_files(student, results),
        ],
    )


def rule(late: Late | None, due: datetime.datetime | None, zone: str) -> str:
    """The late rule in a sentence or two.

    Example:
        >>> rule(Late("percent", 10, 15), None, "UTC")
        'There is no due time.'
    """
    if due is None or late is None:
        return "There is no due time."
    said = {
        "none": "Late work loses nothing.",
        "zero": "Late work earns no points.",
        "percent": f"Each started day of lateness takes off {shown(late.percent_a_day)} per cent of the points.",
    }[late.rule]
    grace = f" Up to {late.grace_minutes:g} min after it is not late." if late.grace_minutes else ""
    return f"Due: {local(due, zone)}. {said}{grace}"


def came(one: Marked, results: Results) -> str:
    """When it came, and whether that was late, in a sentence or two."""
    if one.submitted_at is None:
        return "It is not known when it came, so it does not count as late."
    source = _FROM.get(str(one.told.get("time_from")), "")
    said = f"Received: {local(one.submitted_at, results.zone)}{f', by {source}' if source else ''}."
    days = int(one.told.get("days_late") or 0)
    if not days:
        return f"{said} That is in time."
    if not one.late_percent:
        return f"{said} That is late by {counted(days, 'started day')}, which takes nothing off."
    off = one.total - one.mark
    return (
        f"{said} That is late by {counted(days, 'started day')}, which takes off {shown(one.late_percent)} per cent: "
        f"{shown(off)} of {shown(one.total)}."
    )


def _heading(student: Student, results: Results) -> list[str]:
    return [
        f"<h1>{esc(results.assignment)}: feedback</h1>",
        f'<p class="quiet">{esc(student.name)} ({esc(student.student)}), {esc(results.course)}</p>',
    ]


def _marks(one: Marked) -> list[str]:
    by_person = sum(part.rubric_out_of for part in one.parts)
    rows = [("By a program", shown(one.machine), str(one.out_of - by_person))]
    if by_person:
        rows.append(("By a person", shown(one.rubric), str(by_person)))
    if one.late_percent:
        rows.append((f"For lateness, {shown(one.late_percent)} per cent", f"\u2212{shown(one.total - one.mark)}", ""))
    rows.append(("Mark", shown(one.mark), str(one.out_of)))
    still = (
        box(
            f"<p><b>Not final.</b> {counted(one.open, 'criterion is', 'criteria are')} still to be marked by a person, "
            "and count 0 points until then.</p>"
        )
        if one.open
        else ""
    )
    said = f'<p class="mark"><b>{shown(one.mark)}</b> of {one.out_of} points</p>'
    return [said, still, table(("", "Points", "Out of"), rows, right=(1, 2))]


def _lateness(one: Marked, results: Results) -> list[str]:
    return [f"<p>{esc(rule(results.late, results.due, results.zone))}</p>", f"<p>{esc(came(one, results))}</p>"]


def _files(student: Student, results: Results) -> list[str]:
    lines = []
    for file in results.files_of(student.student):
        time = moment(file.get("submitted_at"))
        received = f"received {local(time, results.zone)}" if time else "time not known"
        lines.append(f"{file['file']}: {received}. {BECAME.get(str(file['became']), '')}")
    return ["<h2>What you handed in</h2>", items(lines)] if lines else []


def _remarks(one: Marked) -> list[str]:
    said = []
    made_for, run = one.told.get("made_for"), one.told.get("run", {})
    if made_for and made_for != one.student.student:
        said.append(
            "The notebook that you handed in was made for somebody else. Your answers were judged on your own company."
        )
    if run.get("status", "ran") != "ran":
        said.append(f"{_RUNS.get(run['status'], '')} {run.get('message', '')}".strip())
    return [box(items(said))] if said else []


def _question(part: Part) -> str:
    told = part.told
    icon, words, colour = STATUSES[told["status"]]
    points = f"{shown(part.points)} of {counted(part.out_of, 'point')}"
    says = [esc(told["message"]).replace("\n", "<br>")] if told["message"] else []
    lines = [f"<dt>Your answer</dt><dd>{answer(told.get('answer'))}</dd>"]
    if told["basis"]:
        lines.append(f"<dt>What it is computed from</dt><dd>{esc(told['basis'])}</dd>")
    if told["hint"] and told["status"] != "passed":
        lines.append(f"<dt>A hint</dt><dd>{esc(told['hint'])}</dd>")
    if told.get("misconception"):
        lines.append(f"<dt>It looks like</dt><dd>{esc(told['misconception'])}</dd>")
    summary = f"<summary>The code of your answer to question {esc(part.name)}</summary>"
    code = f"<details>{summary}<pre>{esc(told['code'])}</pre></details>" if told.get("code") else ""
    return "\n".join(
        [
            f"<section><h2>Question {esc(part.name)}: {esc(told['title'])}</h2>",
            f'<p class="quiet">{esc(told["level"])}, {esc(told["kind"])}</p>',
            box(f'<b><span aria-hidden="true">{icon}</span> {words}. {points}.</b> {"".join(says)}', colour),
            f"<dl>{''.join(lines)}</dl>",
            code,
            _rubric(part),
            "</section>",
        ]
    )


def _rubric(part: Part) -> str:
    if not part.lines:
        return ""
    if not part.to_mark:
        return f"<p>There is no claim and no action to mark: 0 of {part.rubric_out_of} points by a person.</p>"
    rows = [
        (
            line.criterion,
            "not marked yet" if line.points is None else f"{line.points} of {line.out_of}",
            line.earned_by,
        )
        for line in part.lines
    ]
    said = f"<p>Comment: {esc(part.comment)}</p>" if part.comment.strip() else ""
    return table(("Criterion", "Points", "What was found"), rows, caption="Marked by a person") + said
