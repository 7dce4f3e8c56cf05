"""The evening of an assignment with a class of 30, from the first zip to the feedback in a browser: ``make rehearsal``.

Makes a course in build/rehearsal/, hands out, lets 30 students hand in (honest, partly done, wrong in known ways, late,
hostile, copied from a neighbour, and files that are no submission) as Canvas and Moodle give them, grades everything
with ``crkit grade``, holds each result against what it must be, and opens pages in Chromium. Ends with status 1 if
something is not as it must be.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat

from crkit import assignments, course, handout, receipts
from crkit.cli import main as crkit

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "rehearsal"
NAME = "segments"
FIRST = ("Ada", "Bo", "Chi", "Dora", "Eşref", "Fatou", "Gül", "Hana", "Ivo", "Jana", "Kai", "Lena", "Müge", "Nadia")
LAST = ("Öz", "Lee", "Novák", "Schmidt", "Diallo", "García", "Okafor", "Lindström", "Haddad", "Ito")
DAY = (2027, 3, 19)
HOSTILE = {
    "ends the process": "import os\nos._exit(0)\n",
    "never ends": "while True:\n    pass\n",
    "takes all memory": "hog = [bytearray(10**8) for _ in range(1000)]\n",
    "forks without end": "import os\nwhile True:\n    os.fork()\n",
    "reads the course": f"print(open({str(FOLDER / 'course' / 'course.toml')!r}).read())\n",
    "sends out": "import socket\nsocket.create_connection(('192.0.2.1', 80), 1)\n",
    "fills the disk": "open('big', 'wb').write(b'0' * 10**9)\n",
}


def roster() -> list[tuple[str, str]]:
    """Identifiers and names of 30 students."""
    names = [f"{FIRST[k % len(FIRST)]} {LAST[(k * 7 + k // 14) % len(LAST)]}" for k in range(30)]
    return [(f"s{k + 1:03}", name) for k, name in enumerate(names)]


def solved(blank: nbformat.NotebookNode, source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The handed-out notebook with the solutions of the source in it."""
    for cell, full in zip(blank.cells, source.cells, strict=True):
        if cell.cell_type == "code":
            cell.source = "\n".join(line for line in full.source.splitlines() if "SOLUTION" not in line)
    return blank


def answer_cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The cell that answers a question."""
    return next(cell for cell in notebook.cells if re.search(rf"^(?:def )?answer_{name}\b", cell.source, re.MULTILINE))


class Rehearsal:
    """What is handed in, by file name of the LMS, and what must become of it, by student."""

    def __init__(self) -> None:
        self.canvas: dict[str, tuple[bytes, tuple[int, ...]]] = {}
        self.moodle: dict[str, tuple[bytes, tuple[int, ...]]] = {}
        self.expected: dict[str, Callable[[Mapping[str, Any]], bool]] = {}
        self.bytes: dict[str, bytes] = {}

    def hand_in(self, number: int, student: str, name: str, content: bytes, hour: int = 20, day: int = 0) -> None:
        """Put a file where the LMS would: every second student's by Canvas, the others' by Moodle."""
        moment = (*DAY[:2], DAY[2] + day, hour, 0, 0)
        self.bytes[student] = content
        if number % 2:
            first, last = name.rsplit(" ", 1)
            self.canvas[f"{(last + first).lower()}_{1000 + number}_{7000 + number}_{NAME} ({number}) FINAL.ipynb"] = (
                content,
                moment,
            )
        else:
            self.moodle[f"{name}_{4000 + number}_assignsubmission_file_/{NAME}.ipynb"] = (content, moment)


def pack(files: Mapping[str, tuple[bytes, tuple[int, ...]]]) -> bytes:
    """A zip of these files, each with its moment."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, (content, moment) in files.items():
            archive.writestr(zipfile.ZipInfo(name, moment), content)  # type: ignore[arg-type]
    return packed.getvalue()


def statuses(result: Mapping[str, Any]) -> list[str]:
    """What became of each question."""
    return [question["status"] for question in result["questions"]]


def full(result: Mapping[str, Any]) -> bool:
    """Whether every question was passed."""
    return set(statuses(result)) == {"passed"}


def play(its: course.Course, handed: Path) -> Rehearsal:
    """Let each student hand in."""
    made, source = Rehearsal(), handout.source_notebook(its.task(NAME).folder)
    assignment = assignments.load(its.task(NAME).folder)
    hostile = list(HOSTILE.items())
    for number, student in enumerate(its.roster):
        with zipfile.ZipFile(handed / f"{student.student}_{NAME}.zip") as archive:
            blank = nbformat.reads(archive.read(f"{NAME}/{NAME}.ipynb").decode(), as_version=4)
        hour, day = 20, 0
        must: Callable[[Mapping[str, Any]], bool] = full
        notebook = solved(blank, source)
        if 10 <= number < 14:  # half of it done
            for name in ("2", "5", "7", "9"):
                answer_cell(notebook, name).source = f"answer_{name} = ..."
            must = lambda result: statuses(result).count("not attempted") == 4  # noqa: E731
        elif 14 <= number < 18:  # wrong in a known way
            own = handout.own_source(assignment, its.secret, student.student)
            question = next(q for q in assignment.questions[number - 14 :] if q.kind == "number" and q.misconceptions)
            known = question.misconceptions[0]
            answer_cell(notebook, question.name).source = f"answer_{question.name} = {float(known.solve(own))!r}"
            must = lambda r, q=question: (  # noqa: E731
                r["questions"][int(q.name) - 1]["status"] == "wrong in a known way" and statuses(r).count("passed") >= 8
            )
        elif 18 <= number < 21:  # late by one, two and three days
            day, hour = number - 17, 9
            must = lambda r, days=day: full(r) and r["late_percent"] == 10.0 * days  # noqa: E731
        elif 21 <= number < 28:
            cell = answer_cell(notebook, "4")
            cell.source = hostile[number - 21][1] + cell.source
            must = lambda r: (  # noqa: E731
                r["questions"][3]["status"] in ("timed out", "out of memory", "ungradable")
                and statuses(r).count("passed") >= 9
            )
        elif number == 28:  # a neighbour's notebook, answers and all
            theirs = handout.own_source(assignment, its.secret, "s001")
            for question in assignment.questions:
                if question.kind == "number":
                    answer_cell(
                        notebook, question.name
                    ).source = f"answer_{question.name} = {float(question.solve(theirs))!r}"
            must = lambda r: sum(status == "wrong" for status in statuses(r)) >= 2  # noqa: E731
        elif number == 29:  # nothing but a PDF
            made.canvas[f"x_{1000 + number}_7029_report.pdf"] = (b"%PDF-1.7", (*DAY, 20, 0, 0))
            continue
        made.expected[student.student] = must
        content = nbformat.writes(notebook).encode()
        if number == 1:  # an earlier and a later try
            first, last = student.name.rsplit(" ", 1)
            stem = f"{(last + first).lower()}_{1000 + number}_{6000 + number}_{NAME}"
            made.canvas[f"{stem}.ipynb"] = (b"{}", (*DAY, 8, 0, 0))
            late = f"{(last + first).lower()}_LATE_{1000 + number}_{9000 + number}_{NAME}-2.ipynb"
            made.canvas[late] = (content, (*DAY[:2], DAY[2] + 1, 8, 0, 0))
        made.hand_in(number, student.student, student.name, content, hour, day)
    made.moodle["Somebody Else_4999_assignsubmission_file_/notebook.ipynb"] = (
        nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("answer_1 = 1", id="a")])).encode(),
        (*DAY, 20, 0, 0),
    )
    made.moodle["Bo Lee_4998_assignsubmission_file_/empty.ipynb"] = (b"", (*DAY, 20, 0, 0))
    return made


def shown(page: Path, picture: Path) -> None:
    """Open a page in Chromium and take a picture of it."""
    chromium = next(
        found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))
    )
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--hide-scrollbars",
    ]
    command += [f"--screenshot={picture}", "--window-size=1000,1600", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> int:
    """Play the evening; gives 1 if something is not as it must be."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    folder = FOLDER / "course"
    crkit(["course", "init", str(folder)])
    text = (folder / "course.toml").read_text(encoding="utf-8")
    text = re.sub(r"cell_seconds = \d+", "cell_seconds = 6", text)
    text = re.sub(rf"(\[assignments\.{NAME}\]\ndue = )\S+", r"\g<1>2027-03-19T23:59:00", text)
    (folder / "course.toml").write_text(text, encoding="utf-8")
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(course.ROSTER)
        rows.writerows(
            (student, name, f"{student}@example.org", 1000 + k, "", "") for k, (student, name) in enumerate(roster())
        )
    its = course.read(folder)
    wrong: list[str] = []
    if crkit(["assign", NAME, "--course", str(folder)]) != 0:
        wrong.append("handing out failed")
    played = play(its, folder / "handout" / NAME)
    given = folder / "submissions" / NAME
    given.mkdir(parents=True)
    (given / "canvas.zip").write_bytes(pack(played.canvas))
    (given / "moodle.zip").write_bytes(pack(played.moodle))
    if crkit(["grade", str(given), "--course", str(folder)]) != 0:
        wrong.append("grading failed")

    out = folder / "results" / NAME
    found = {}
    for path in (out / "results").glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[result["student"]] = result
    for student, must in played.expected.items():
        if student not in found:
            wrong.append(f"{student} has no result")
        elif not must(found[student]):
            wrong.append(f"{student}: {statuses(found[student])}, late {found[student]['late_percent']}")
    files = json.loads((out / "files.json").read_text(encoding="utf-8"))
    if len(files) != len(played.canvas) + len(played.moodle):
        wrong.append(f"{len(files)} files are listed, and {len(played.canvas) + len(played.moodle)} were given")
    counts = {
        what: sum(each["became"] == what for each in files) for what in sorted({each["became"] for each in files})
    }
    print(counts)
    for what in ("superseded", "unknown student", "empty", "no notebook", "unreadable"):
        if not counts.get(what):
            wrong.append(f"no file became {what!r}")
    for student, content in played.bytes.items():
        page = out / "feedback" / f"{student}.html"
        (FOLDER / "check.ipynb").write_bytes(content)
        if not receipts.verify(page, FOLDER / "check.ipynb", its.secret).holds:
            wrong.append(f"the receipt of {student} does not hold")
    for name in ("feedback/s001.html", "feedback/s022.html", "class.html"):
        shown(out / name, FOLDER / f"{Path(name).stem}.png")
    for sentence in wrong:
        print("NOT AS IT MUST BE:", sentence)
    print(
        f"{len(found)} graded, {len(wrong)} not as they must be; "
        f"the pages and their pictures are in {FOLDER.relative_to(ROOT)}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
