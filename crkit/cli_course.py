"""The commands for teaching: a course, its assignments, their grading, the quiz bank, slides and the guide."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

COMMANDS = ("course", "assign", "grade", "receipt", "quiz", "slides", "guide")
UNSAFE = "--run-without-sandbox"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these commands to the parser of ``crkit``."""
    course = commands.add_parser(
        "course",
        help="make the folder of a course: its class, assignments and rules",
        description="Make a course folder with course.toml, roster.csv and a README that walks through an evening of "
        "handing out, grading and giving back. Nothing is overwritten.",
    )
    course.add_argument("action", choices=["init"], help="what to do")
    course.add_argument("folder", metavar="FOLDER", help="the new folder, for example mycourse")

    assign = commands.add_parser(
        "assign",
        help="make a zip for each student, with a company of that student's own",
        description="Hand an assignment out: one zip for each student of the roster, with the notebook and the tables "
        "of that student's own company, and a report on how alike the companies are. With --format nbgrader: the "
        "source notebook for nbgrader, with one company for all.",
    )
    assign.add_argument("name", metavar="ASSIGNMENT", help="for example segments")
    assign.add_argument("--out", metavar="FOLDER", help="where it goes (default: handout/ASSIGNMENT in the course)")
    assign.add_argument(
        "--format", choices=["zips", "nbgrader"], default="zips", help="what to make (default: %(default)s)"
    )

    grade = commands.add_parser(
        "grade",
        help="grade what was handed in, and write grades, feedback and the class's page",
        description="Grade submissions as an LMS gives them: a zip, a folder, notebooks by any name. The students' "
        "code runs shut in. Stopped, it goes on where it stopped when it is called again.",
    )
    grade.add_argument("submissions", metavar="SUBMISSIONS", help="the folder, zip or notebook")
    grade.add_argument(
        "--assignment", metavar="NAME", help="which one (default: the folder's name, or the course's only one)"
    )
    grade.add_argument("--out", metavar="FOLDER", help="where it goes (default: results/ASSIGNMENT in the course)")
    grade.add_argument(
        UNSAFE,
        action="store_true",
        dest="unsafe",
        help="run the students' code with your own rights to files and network, where it cannot be shut in",
    )
    for command in (assign, grade):
        command.add_argument("--course", required=True, metavar="FOLDER", help="the course folder")
        command.add_argument("--jobs", type=int, default=0, metavar="N", help="how many at a time (0: one a processor)")

    receipt = commands.add_parser(
        "receipt",
        help="check the receipt in a feedback page",
        description="Check, without a network, that the receipt in a feedback page is whole and is about this very "
        "notebook. With --course, which only the instructor has, also that the course made it.",
    )
    receipt.add_argument("feedback", metavar="FEEDBACK", help="the feedback page (.html)")
    receipt.add_argument("submission", metavar="NOTEBOOK", help="the notebook as it was handed in")
    receipt.add_argument("--course", metavar="FOLDER", help="the course folder")

    quiz = commands.add_parser(
        "quiz",
        help="write the quiz bank for an LMS",
        description="Write the quiz bank, or one topic of it, for Moodle (XML) or for Canvas and others (QTI 2.1).",
    )
    quiz.add_argument("action", choices=["export"], help="what to do")
    quiz.add_argument("--format", choices=["moodle", "qti"], required=True, help="for which LMS")
    quiz.add_argument("--topic", metavar="TOPIC", help="one topic alone, for example loyalty")
    quiz.add_argument("--out", required=True, metavar="FILE", help="the file: .xml for moodle, .zip for qti")

    slides = commands.add_parser(
        "slides",
        help="make slides of a lesson",
        description="Make slides of a lesson, one HTML file that needs no network.",
    )
    slides.add_argument("topic", metavar="TOPIC", help="the topic word, for example segments")
    slides.add_argument("--out", default="slides", metavar="FOLDER", help="where they go (default: %(default)s)")

    guide = commands.add_parser(
        "guide",
        help="make a web page of the instructor's guide",
        description="Make a web page of the instructor's guide, one HTML file that needs no network.",
    )
    guide.add_argument("--out", default="guide", metavar="FOLDER", help="where it goes (default: %(default)s)")


def work(options: argparse.Namespace) -> int:
    """Do what one of `COMMANDS` asks for.

    Returns:
        The exit status.

    Raises:
        ValueError, OSError, RuntimeError: if it is not possible; the message is for the reader.
    """
    return {
        "course": _course,
        "assign": _assign,
        "grade": _grade,
        "receipt": _receipt,
        "quiz": _quiz,
        "slides": _slides,
        "guide": _guide,
    }[options.command](options)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _course(options: argparse.Namespace) -> int:
    from crkit import course

    for file in course.init(Path(options.folder)):
        _say(f"  {file}")
    _say(f"\nThe evening in six steps: {Path(options.folder) / 'README.md'}")
    return 0


def _assign(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from crkit import course, handout

    its = course.read(Path(options.course))
    task = its.task(options.name)
    if options.format == "nbgrader":
        from crkit import nbgrader_form

        out = Path(options.out or its.folder / "handout" / f"{task.name}-nbgrader")
        for file in nbgrader_form.write(its, task, out):
            _say(f"  {file}")
        return 0
    out = Path(options.out or its.folder / "handout" / task.name)
    made = handout.hand_out(its, task, out, jobs=options.jobs)
    count = sum(1 for _ in tqdm(made, total=len(its.roster), unit="zip", disable=not sys.stderr.isatty()))
    _say(f"{count} zip{'s' * (count != 1)} in {out}\nHow alike the companies are: {out / 'spread.html'}")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from crkit import course, grading, marks, sandbox

    its = course.read(Path(options.course))
    given = Path(options.submissions)
    if not given.exists():
        raise ValueError(f"there is no {given}: name the folder, zip or notebook of the submissions")
    name = options.assignment or (given.stem if given.stem in its.tasks else "")
    if not name and len(its.tasks) == 1:
        name = next(iter(its.tasks))
    if not name:
        raise ValueError(f"name the assignment with --assignment: {', '.join(its.tasks)}")
    task = its.task(name)
    if not options.unsafe and (why := sandbox.available()):
        raise RuntimeError(f"nothing was run: {why}. Students' code can do what you can: {UNSAFE} runs it all the same")
    out = Path(options.out or its.folder / "results" / task.name)
    before = {file.stem for file in (out / "results").glob("*.json")}
    graded = grading.grade(its, task, given, out, jobs=options.jobs, shut_in=not options.unsafe)
    with tqdm(unit="submission", disable=not sys.stderr.isatty()) as bar:
        done = [each for each in graded if bar.update() is not False]
    marks.write(out, its)
    again = sum(each.again for each in done)
    kept = f", {again} of them before" if again else ""
    _say(f"{len(done)} of {len(its.roster)} students graded{kept}")
    lost = sorted(before - {each.student for each in done})
    if lost:
        _say(f"  LOST: {len(lost)} had a result before and have none now, their files are gone: {', '.join(lost)}")
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as grades:
        open_criteria = sum(int(row["rubric open"] or 0) for row in csv.DictReader(grades))
    if open_criteria:
        _say(f"  {open_criteria} criteria are still to be marked by a person, and count 0 points until then")
    if not any(each.points for each in done):
        _say("  Nobody has a point: are these the notebooks that were handed in, and not those that were handed out?")
    for file, about in (
        ("class.html", "how it went, and what became of every file"),
        ("marking.ipynb", "what only a person can mark"),
        ("grades.csv", "the marks; also grades_canvas.csv and grades_moodle.csv"),
        ("feedback", "a page for each student"),
    ):
        _say(f"  {out / file}: {about}")
    return 0


def _receipt(options: argparse.Namespace) -> int:
    from crkit import course, receipts

    secret = course.read(Path(options.course)).secret if options.course else None
    found = receipts.verify(Path(options.feedback), Path(options.submission), secret)
    for sentence in found.says:
        _say(sentence)
    return 0 if found.holds else 1


def _quiz(options: argparse.Namespace) -> int:
    from crkit import _files, quiz_bank

    items = quiz_bank.load(*filter(None, [options.topic]))
    content = {"moodle": quiz_bank.moodle_xml, "qti": quiz_bank.qti}[options.format](items)
    _files.write_bytes(Path(options.out), content)
    _say(f"{len(items)} items in {options.out}")
    return 0


def _slides(options: argparse.Namespace) -> int:
    from crkit import slides

    _say(f"  {slides.write(options.topic, options.out)}")
    return 0


def _guide(options: argparse.Namespace) -> int:
    from crkit import guide

    _say(f"  {guide.write(options.out)}")
    return 0
