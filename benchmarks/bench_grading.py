"""Grades a class of 100 with `crkit grade`, and with nbgrader's autograde; same machine, same run, sandbox on.

nbgrader takes one submission after the other, which is what its command does, so a few of them tell the speed; crkit
grades all, two at a time. Both are timed as commands, with all that they start and import.

    python benchmarks/bench_grading.py [--students 100] [--peer 6]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import nbformat

from crkit import assignments, course, handout, nbgrader_form

NAME = "segments"
TIMES = 5  # as fast as nbgrader, at the least


def solved(its: course.Course, student: str) -> bytes:
    """A submission in which every question is answered."""
    source = handout.source_notebook(its.task(NAME).folder)
    notebook = handout.student_notebook(source, NAME, student)
    for cell, full in zip(notebook.cells, source.cells, strict=True):
        cell.source = "\n".join(line for line in full.source.splitlines() if "SOLUTION" not in line)
    return nbformat.writes(notebook).encode()


def timed(command: list[str], folder: Path) -> float:
    """Seconds that a command takes; raises if it fails."""
    began = time.perf_counter()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader starts alembic
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def ours(its: course.Course, folder: Path, jobs: int) -> float:
    """Seconds that `crkit grade` takes for the whole class."""
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for student in its.roster:
            archive.writestr(f"{student.student}.ipynb", solved(its, student.student))
    command = [sys.executable, "-m", "crkit", "grade", "all.zip", "--assignment", NAME, "--course", str(its.folder)]
    seconds = timed([*command, "--jobs", str(jobs)], folder)
    grades = (its.folder / "results" / NAME / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert len(grades) == len(its.roster) + 1, "not everybody was graded"
    return seconds


def theirs(its: course.Course, folder: Path, students: int) -> float:
    """Seconds that nbgrader's autograde takes for some students."""
    nbgrader_form.write(its, its.task(NAME), folder)
    run = [sys.executable, "-m", "nbgrader"]
    timed([*run, "generate_assignment", NAME, "--create"], folder)
    for number in range(students):
        shutil.copytree(folder / "source" / NAME, folder / "submitted" / f"s{number:03}" / NAME)
    return timed([*run, "autograde", NAME, "--create"], folder)


def main() -> int:
    """Run both and print what they took."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--students", type=int, default=100)
    options.add_argument("--peer", type=int, default=6, help="how many of them nbgrader grades")
    options.add_argument("--jobs", type=int, default=2)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        course.init(folder / "course")
        roster = "".join(f"s{number:03},Student {number}\n" for number in range(asked.students))
        (folder / "course" / "roster.csv").write_text(f"student,name\n{roster}", encoding="utf-8")
        its = course.read(folder / "course")
        assert assignments.find(NAME)
        (folder / "nbgrader").mkdir()
        peer = theirs(its, folder / "nbgrader", asked.peer) / asked.peer
        own = ours(its, folder, asked.jobs) / asked.students
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"nbgrader autograde: {peer:.2f} s a submission ({asked.peer} of them)")
    print(f"crkit grade:        {own:.2f} s a submission ({asked.students} of them, {asked.jobs} at a time, shut in)")
    print(f"{peer / own:.1f} times as fast; the largest process took {memory:.0f} MB")
    return 0 if peer / own >= TIMES else 1


if __name__ == "__main__":
    raise SystemExit(main())
