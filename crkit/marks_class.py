"""The instructor's page: how it went, what the class misunderstood, what became of every file, and what to look at."""

from __future__ import annotations

import math
import zoneinfo
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import NormalDist, median
from typing import NamedTuple

import numpy as np

from crkit import figures
from crkit.intervals import Interval
from crkit.marks_agreement import CODE, DIGITS, MADE_FOR, NEIGHBOUR, VALUE, Agreement, Reason, agreement
from crkit.marks_html import STATUSES, box, esc, items, page, picture, table
from crkit.marks_pages import rule
from crkit.marks_results import Marked, Part, Results, counted, listed, moment, shown

FEWEST = 10  # students from whom a correlation is computed; half as many must differ from the rest
_EASY, _HARD = 0.9, 0.3
_HOUR = 3600.0
_MARK_COLUMNS = ("Student", "Name", "By a program", "By a person", "Open", "Late", "Mark", "Receipt code")


class Item(NamedTuple):
    """How a class did in one question, in the points of the program.

    Attributes:
        name: the question's number.
        title: what it is about.
        level: what it asks of a student.
        n: how many submissions there are; an answer that could not be graded has no points, as in the marks.
        share: the points given as a share of those that could be had: high is easy.
        discrimination: the correlation of this question's points with those of all others, and its 95 % interval; None
            if it cannot be told.
        why: then why not.
        statuses: how many answers have which status.
    """

    name: str
    title: str
    level: str
    n: int
    share: float
    discrimination: Interval | None
    why: str
    statuses: Mapping[str, int]


def item_analysis(marked: Sequence[Marked]) -> list[Item]:
    """Difficulty and discrimination of each question.

    Discrimination is the item-rest correlation: that of a question's points with the points of all other questions, so
    that no question is correlated with itself (Henrysson, 1963). Its interval is Fisher's (1921), which is made for
    normal data; for points it is a rough guide.

    Args:
        marked: a class's work.

    Returns:
        One item for each question.
    """
    if not marked:
        return []
    points = np.array([[float(part.points) for part in one.parts] for one in marked])
    found = []
    for place, part in enumerate(marked[0].parts):
        own = points[:, place]
        rest = points.sum(axis=1) - own
        correlation, why = _correlation(own, rest)
        found.append(
            Item(
                name=part.name,
                title=str(part.told["title"]),
                level=str(part.told["level"]),
                n=len(marked),
                share=float(own.mean() / part.out_of),
                discrimination=correlation,
                why=why,
                statuses=Counter(str(one.parts[place].told["status"]) for one in marked),
            )
        )
    return found


def _correlation(own: np.ndarray, rest: np.ndarray) -> tuple[Interval | None, str]:
    n = len(own)
    if n < FEWEST:
        return None, f"too few students: {n}, and {FEWEST} are the fewest"
    if np.ptp(own) == 0:
        return None, "all have the same points here"
    if np.ptp(rest) == 0:
        return None, "all have the same points elsewhere"
    others = n - int(np.unique(own, return_counts=True)[1].max())
    if others < FEWEST // 2:
        return None, f"only {others} have other points here than the rest"
    r = float(np.clip(np.corrcoef(own, rest)[0, 1], -1, 1))
    if 1 - abs(r) < 1e-12:
        return Interval(r, r, r), ""
    z, margin = math.atanh(r), NormalDist().inv_cdf(0.975) / math.sqrt(n - 3)
    return Interval(r, math.tanh(z - margin), math.tanh(z + margin)), ""


def class_page(results: Results, codes: Mapping[str, str]) -> str:
    """The instructor's page.

    Args:
        results: of the class.
        codes: the code of each student's receipt.

    Returns:
        HTML that needs no network and no script.
    """
    return page(
        f"{results.assignment}: the class",
        [
            f"<h1>{esc(results.assignment)}: the class</h1>",
            f'<p class="quiet">{esc(results.course)}. For the instructor only: it holds names, and what is right.</p>',
            *_first(results),
            *_distribution(results),
            *_questions(results),
            *_misconceptions(results),
            *_times(results),
            *_work(results),
            *_agreement(agreement(results.marked), results),
            *_people(results, codes),
            *_files(results),
        ],
    )


def _first(results: Results) -> list[str]:
    number, open_ones = len(results.marked), sum(one.open for one in results.marked)
    said = [f"{number} of {counted(number + len(results.missing), 'student')} handed in something that was graded."]
    if open_ones:
        said.append(
            f"{counted(open_ones, 'criterion is', 'criteria are')} still to be marked by a person and count 0 points "
            f"until then: the marks of {counted(sum(one.open > 0 for one in results.marked), 'student')} are not "
            "final, in the files for the LMS as well."
        )
    if results.left_over:
        gone = listed(results.left_over)
        said.append(f"There are results of students who are not on the roster: {gone}. They are left out.")
    for one in results.marked:
        run = one.told["run"]
        if run["status"] != "ran":
            said.append(f"The notebook of {one.student.student}: {run['status']}. {run['message']}".strip())
    return [items(said)]


def _distribution(results: Results) -> list[str]:
    if not results.marked:
        return []
    marks = [float(one.mark) for one in results.marked]
    middle = median(marks)
    fig, (ax,) = figures.new(size=(8.0, 3.4))
    ax.hist(marks, bins=list(np.linspace(0, results.out_of, 11)), **figures.bar(0))
    ax.axvline(middle, color=figures.VERMILION, linestyle="--", linewidth=1.8)
    ax.set(xlabel=f"mark, of {results.out_of} points", ylabel="students", xlim=(0, results.out_of))
    ax.yaxis.get_major_locator().set_params(integer=True)
    title = f"The median of {counted(len(marks), 'mark')} is {shown(middle)} of {results.out_of} points"
    alt = (
        f"{title}. A histogram of the marks of {counted(len(marks), 'student')}, from {shown(min(marks))} to "
        f"{shown(max(marks))} of {results.out_of} points; the dashed line is the median."
    )
    return ["<h2>Marks</h2>", picture(figures.finish(fig, title=title, alt=alt))]


def _questions(results: Results) -> list[str]:
    found = [item for item in item_analysis(results.marked) if item.n]
    if not found:
        return []
    rows = [
        (
            item.name,
            item.title,
            item.level,
            item.n,
            f"{item.share:.0%}",
            _said(item),
            _by_status(item),
        )
        for item in found
    ]
    look = []
    for item in found:
        if item.share < _HARD:
            look.append(f"Question {item.name} is missed by most: {item.share:.0%} of its points are given.")
        if item.discrimination and item.discrimination.upper < 0:
            look.append(f"Question {item.name}: who does well elsewhere does worse here. Look at how it is worded.")
    easy = [item.name for item in found if item.share > _EASY]
    if easy:
        look.append(f"More than {_EASY:.0%} of the points are given in: {listed(easy)}.")
    return [
        "<h2>Questions</h2>",
        picture(_plot_questions(found)),
        table(
            (
                "Question",
                "About",
                "Level",
                "Answers",
                "Points given",
                "Discrimination (95 % interval)",
                "Answers by status",
            ),
            rows,
            right=(3, 4),
        ),
        items(look),
        '<p class="quiet">In the points of the program. Points given: high is easy. Discrimination: the correlation of '
        "a question's points with those of all others; near 0 it does not tell the strong from the weak. The interval "
        "is made for normal data and is a rough guide for points; with few students it is wide.</p>",
    ]


def _by_status(item: Item) -> str:
    said = [f"{words.lower()} {item.statuses[key]}" for key, (_, words, _) in STATUSES.items() if key in item.statuses]
    return ", ".join(said)


def _said(item: Item) -> str:
    if item.discrimination is None:
        return f"cannot be told: {item.why}"
    estimate, lower, upper = item.discrimination
    return f"{estimate:.2f} ({lower:.2f} to {upper:.2f})"


def _plot_questions(found: Sequence[Item]) -> figures.Figure:
    groups = (
        ("right", ("passed",)),
        ("wrong in a known way", ("wrong in a known way",)),
        ("wrong", ("wrong",)),
        ("not attempted", ("not attempted",)),
        ("other", ("tampered", "timed out", "out of memory", "ungradable")),
    )
    looks = (2, 3, 1, 5, 4)
    fig, (ax,) = figures.new(size=(8.0, 1.6 + 0.33 * len(found)))
    places, left = np.arange(len(found)), np.zeros(len(found))
    for (name, statuses), look in zip(groups, looks, strict=True):
        counts = np.array([sum(item.statuses.get(status, 0) for status in statuses) for item in found], dtype=float)
        if counts.any():
            ax.barh(places, counts, left=left, label=name, height=0.7, **figures.bar(look))
        left += counts
    ax.set_yticks(places, [f"{item.name} ({item.level})" for item in found])
    ax.invert_yaxis()
    ax.set(xlabel="answers", ylabel="question")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(False, axis="y")
    figures.legend(ax, loc="upper center", bbox_to_anchor=(0.45, -0.16 - 0.5 / len(found)), ncols=5)
    hardest = min(found, key=lambda item: item.share)
    parts = "; ".join(
        f"{item.name}: {item.statuses.get('passed', 0)} right of {sum(item.statuses.values())}" for item in found
    )
    title = f"Question {hardest.name} was the hardest: {hardest.share:.0%} of its points were given"
    alt = f"{title}. Bars of the answers to each question by status. {parts}."
    return figures.finish(fig, title=title, alt=alt)


def _misconceptions(results: Results) -> list[str]:
    hits: Counter[tuple[int, str, str]] = Counter()
    told: dict[tuple[int, str, str], str] = {}
    for one in results.marked:
        for place, part in enumerate(one.parts):
            if part.told.get("misconception"):
                met = place, part.name, str(part.told["misconception"])
                hits[met] += 1
                told[met] = str(part.told["message"])
    rows = [
        (name, what, number, f"{number / len(results.marked):.0%}", told[place, name, what])
        for (place, name, what), number in sorted(hits.items(), key=lambda hit: (-hit[1], hit[0]))
    ]
    shown_ = table(
        ("Question", "It looks like", "Students", "Of those graded", "What they were told"), rows, right=(2, 3)
    )
    return ["<h2>What the class misunderstood</h2>", shown_ if rows else "<p>No known misconception was met.</p>"]


def _times(results: Results) -> list[str]:
    said = ["<h2>When the work came</h2>", f"<p>{esc(rule(results.late, results.due, results.zone))}</p>"]
    known = sorted(
        (one for one in results.marked if one.submitted_at), key=lambda one: (one.submitted_at, one.student.student)
    )
    if not known:
        return [*said, "<p>No time is known.</p>"]
    return [*said, picture(_plot_times(known, results))]


def _plot_times(known: Sequence[Marked], results: Results) -> figures.Figure:
    times = [one.submitted_at for one in known if one.submitted_at is not None]
    start = results.due or times[-1]
    hours = np.array([(time - start).total_seconds() / _HOUR for time in times])
    unit, divisor = ("days", 24.0) if np.ptp(np.append(hours, 0)) > 72 else ("hours", 1.0)
    late = np.array([bool(one.told["days_late"]) for one in known])
    count = np.arange(1, len(known) + 1)
    fig, (ax,) = figures.new(size=(8.0, 3.4))
    ax.step(hours / divisor, count, where="post", color=figures.GREY, linewidth=1.2)
    for chosen, look, name in ((~late, 0, "in time"), (late, 1, "late")):
        if chosen.any():
            style = {**figures.line(look), "linestyle": "none"}
            ax.plot(hours[chosen] / divisor, count[chosen], label=f"{name}: {chosen.sum()}", **style)
    point = "the due time" if results.due else "the last one"
    ax.axvline(0, color=figures.INK, linewidth=1.2)
    ax.set(xlabel=f"{unit} after {point}", ylabel="files so far")
    ax.yaxis.get_major_locator().set_params(integer=True)
    figures.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=2)
    last_day = int((abs(hours) <= 24).sum()) if results.due else 0
    title = (
        f"{late.sum()} of {len(known)} came late, {last_day} within a day of the due time"
        if results.due
        else f"{counted(len(known), 'file')} came within {np.ptp(hours) / divisor:.0f} {unit}"
    )
    alt = (
        f"{title}. Files so far against the time in {unit} after {point}: the first at {hours[0] / divisor:.1f}, the "
        f"last at {hours[-1] / divisor:.1f}; {late.sum()} of {len(known)} are late."
    )
    return figures.finish(fig, title=title, alt=alt)


def _work(results: Results) -> list[str]:
    names = [part.name for part in results.marked[0].parts if part.lines] if results.marked else []
    rows = []
    for name in names:
        parts = [part for one in results.marked for part in one.parts if part.name == name]
        rows.append(
            (
                name,
                parts[0].told["title"],
                sum(part.to_mark for part in parts),
                sum(part.open > 0 for part in parts),
                sum(part.open for part in parts),
                _mean(parts),
            )
        )
    header = (
        "Question",
        "About",
        "Answers with words",
        "Of these unfinished",
        "Criteria open",
        "Points by a person, mean",
    )
    return [
        "<h2>Work list: what a person marks</h2>",
        table(header, rows, right=(2, 3, 4, 5)) if rows else "<p>No question asks for words.</p>",
        "<p>Open <code>marking.ipynb</code> beside this page in JupyterLab.</p>",
    ]


def _mean(parts: Sequence[Part]) -> str:
    done = [float(part.rubric) for part in parts if part.to_mark and not part.open]
    return f"{np.mean(done):.1f} of {parts[0].rubric_out_of}" if done else ""


def _agreement(found: Agreement, results: Results) -> list[str]:
    names = {one.student.student: one.student.name for one in results.marked} | {
        one.student: one.name for one in results.missing
    }

    def who(student: str) -> str:
        return f"{student} ({names.get(student, 'not on the roster')})"

    parts = [
        "<h2>Submissions that agree</h2>",
        box(
            "<b>A reason to look, and no more than that.</b> Two students may work together where that is allowed, "
            "learn from the same page, be helped by the same person, or make the same unusual mistake. Either of a "
            "pair may be the source, knowingly or not, and a program cannot tell which. Reasons that concern one "
            "question are one observation and not several. An accusation that is wrong does harm: read both notebooks, "
            "think of an innocent explanation first, and let each student speak before you judge. This list is no part "
            "of any mark.",
            figures.VERMILION,
        ),
    ]
    if found.pairs:
        rows = [
            (
                f"{who(pair.one)} and {who(pair.other)}",
                len(pair.reasons),
                "\n".join(map(_reason, pair.reasons)),
            )
            for pair in found.pairs
        ]
        parts.append(table(("Pair", "Reasons", "Which"), rows, right=(1,)))
    else:
        parts.append("<p>No two submissions agree in a way that is looked for.</p>")
    means = {
        NEIGHBOUR: "An answer is wrong for the student's own company and right for another's.",
        VALUE: "Two gave the same number, wrong for at least one of them, and no known misconception leads both there.",
        CODE: "The cells of an answer are the same but for names given in them, layout and comments.",
        MADE_FOR: "The notebook says for whom it was made.",
    }
    parts.append(
        table(
            ("What is looked for", "How", "Pairs that agree so", f"Of {counted(found.compared, 'pair')}"),
            [
                (kind, means[kind], number, f"{number / found.compared:.1%}" if found.compared else "")
                for kind, number in found.by_kind.items()
            ],
            right=(2, 3),
            caption="How often it occurs in this class",
        )
    )
    by_chance = (
        f"Base rate: the right answers of two students, who have different companies, share such a number in "
        f"{found.alike_by_chance} of {counted(found.questions_compared, 'comparison')} of a pair on a question. With "
        f"{counted(found.compared, 'pair')} to look at, rare things happen to somebody."
        if found.questions_compared
        else "No right answers could be compared, so there is no base rate."
    )
    parts.append(
        f'<p class="quiet">Numbers are compared to {DIGITS} significant digits, and only those that have as many and '
        f"are no simple fractions; choices and the results of functions are left out. What more than {found.most} "
        f"students share is common and is not listed. {by_chance}</p>"
    )
    return parts


def _reason(reason: Reason) -> str:
    where = f"Question {reason.question}, " if reason.question else ""
    return f"{where}{reason.kind}: {reason.says}"


def _people(results: Results, codes: Mapping[str, str]) -> list[str]:
    rows = [
        (
            one.student.student,
            one.student.name,
            shown(one.machine),
            shown(one.rubric),
            one.open or "",
            f"{shown(one.late_percent)} %" if one.late_percent else "",
            shown(one.mark),
            codes[one.student.student],
        )
        for one in results.marked
    ]
    missing = [
        (
            one.student,
            one.name,
            "",
            "",
            "",
            "",
            "none",
            "no file graded" if results.files_of(one.student) else "no file",
        )
        for one in results.missing
    ]
    notes = [
        f"The points are out of {results.out_of}: give the assignment in the LMS as many, or marks are read wrongly."
    ]
    if results.missing:
        notes.append(
            "Who has no mark is not in the files for the LMS, so that nothing there is overwritten: whether that is a "
            "zero or an excuse is yours to say."
        )
    unnumbered = [one.student.student for one in results.marked if not one.told.get("participant")]
    if unnumbered and len(unnumbered) < len(results.marked):
        notes.append(
            f"Moodle's grading worksheet passes over {listed(unnumbered)}: their uploads do not tell the participant's "
            "number. The gradebook's CSV import takes all, by address or ID number."
        )
    nameless = [one.student.student for one in results.marked if not (one.student.canvas_id or one.student.sis_login)]
    if nameless and len(nameless) < len(results.marked):
        notes.append(f"Canvas knows these by their name only: {listed(nameless)}. Fill in canvas_id or sis_login.")
    return [
        "<h2>Students</h2>",
        table(_MARK_COLUMNS, [*rows, *missing], right=(2, 3, 4, 5, 6)),
        items(notes),
    ]


def _files(results: Results) -> list[str]:
    rows = []
    for file in results.files:
        time = moment(file.get("submitted_at"))
        when = f"{time.astimezone(zoneinfo.ZoneInfo(results.zone)):%Y-%m-%d %H:%M:%S}" if time else "not known"
        rows.append((file["file"], file.get("student") or "nobody's", when, file["became"], file.get("why") or ""))
    became = Counter(str(file["became"]) for file in results.files)
    said = ", ".join(f"{what} {number}" for what, number in sorted(became.items(), key=lambda one: (-one[1], one[0])))
    return [
        "<h2>Every file, and what became of it</h2>",
        f"<p>{counted(len(results.files), 'file')}{f': {esc(said)}' if said else ''}.</p>",
        table(("File", "Student", f"Received, time of {results.zone}", "Became", "Why"), rows, long=(0,)),
    ]
