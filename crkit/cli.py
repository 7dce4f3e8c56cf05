"""The ``crkit`` command: run a lesson as a report, start an own notebook from it, check an own file, refresh."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crkit import __version__, cli_course

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode

    from crkit.ownfile import FileRead
    from crkit.workbook import Lesson, Run

EXAMPLES = """examples:
  crkit run segments --out report/
  crkit run segments -p data=orders.csv --map customer_id=CustomerID --out report/
  crkit run segments -p seed=7 -p scenario=over_automated --out report/
  crkit run segments -p data=orders.csv -p margin=0.25 --map "ordered_at=InvoiceDate, day first" --out report/
  crkit check-data orders orders.csv --map customer_id=CustomerID --map ordered_at=InvoiceDate
  crkit check-data feedback answers.csv --map answered_at=Timestamp --map "nps=How likely are you to recommend us?"
  crkit new segments my_segments.ipynb -p data=orders.csv --map customer_id=CustomerID
  crkit hub report my_hub.yaml --out report/
  crkit course init mycourse/
  crkit assign segments --course mycourse/
  crkit grade mycourse/submissions/segments --course mycourse/
"""
MAP_HELP = (
    "which column of the file is which of ours, as in customer_id=CustomerID; repeat for each column that has another "
    'name. After it may stand how it is meant, as in "ordered_at=InvoiceDate, day first" (or month first, decimal '
    "comma, decimal point)"
)
PARAMETER_HELP = "a parameter of the notebook, for example data=orders.csv or seed=7; repeat for more"
SHOWN = 5
REPORTS = {"orders": "segments", "feedback": "feedback"}  # what check-data sums up, and the lesson that reports on it


def parser() -> argparse.ArgumentParser:
    """Make the command's argument parser."""
    top = argparse.ArgumentParser(
        prog="crkit",
        description="The Customer Relationships workbook on the command line.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"crkit {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a lesson as a report, on the company or on a file of your own",
        description="Run a lesson headless, without its exercises, into a folder: the executed notebook and an HTML "
        "page. On a file of your own it is a report: a page without code and without what only a student needs. "
        "With --all, run every stored notebook, exercises included, several at a time, with an index page.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("topic", nargs="?", metavar="TOPIC", help="the topic word, for example segments")
    run.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=PARAMETER_HELP,
    )
    run.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help=MAP_HELP)
    run.add_argument("--out", default="report", metavar="FOLDER", help="where the results go (default: %(default)s)")
    run.add_argument("--all", action="store_true", help="run every stored notebook with its defaults")
    run.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="with --all: how many at a time (0: one a processor)"
    )

    new = commands.add_parser(
        "new",
        help="copy a lesson, without its exercises, as the start of a notebook of your own",
        description="Copy a lesson as a template: the same analysis, no exercises, no outputs. Give -p and --map as "
        "for crkit run, and they stand in its first code cell. It never overwrites.",
    )
    new.add_argument("topic", metavar="TOPIC", help="the topic word, for example segments")
    new.add_argument("file", metavar="FILE", help="the notebook to make, for example my_segments.ipynb")
    new.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help=PARAMETER_HELP)
    new.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help=MAP_HELP)

    check = commands.add_parser(
        "check-data",
        help="read a file of your own and say what would be used and what not",
        description="Read a CSV or Excel file as one of the workbook's tables, and say how it was understood, how many "
        "rows can be used, and which cannot and why. Nothing is changed.",
    )
    check.add_argument("table", metavar="TABLE", help="which table it is, usually orders")
    check.add_argument("file", metavar="FILE", help="the file: .csv, .tsv, .txt or .xlsx")
    check.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help=MAP_HELP)

    hub = commands.add_parser(
        "hub",
        help="write your Hub as a page and a PDF to hand in",
        description="Write the Customer Relationship Hub, which grew from notebook to notebook, as one HTML page that "
        "opens without a network, and as a PDF. Its records are held against the contact log of Kittiwake if the Hub's "
        "own data: lines say that it is about one Kittiwake (the register's line decides, if it has one), or if you "
        "name it with --seed, --customers or --scenario; otherwise against no data. The report says which.",
    )
    hub.add_argument("action", choices=["report"], help="what to do")
    hub.add_argument("file", nargs="?", default="my_hub.yaml", metavar="FILE", help="the Hub (default: %(default)s)")
    hub.add_argument("--out", default="report", metavar="FOLDER", help="where the report goes (default: %(default)s)")
    hub.add_argument("--paper", choices=["A4", "Letter"], default="A4", help="of the PDF (default: %(default)s)")
    hub.add_argument(
        "--today", metavar="DAY", help="the day of the report, as 2026-01-31 (default: the last of the data)"
    )
    hub.add_argument("--seed", type=int, help="hold it against this Kittiwake (default: 0 if another option names one)")
    hub.add_argument("--customers", type=int, metavar="N", help="of so many customers (default: 2000, likewise)")
    hub.add_argument("--scenario", help="what happened to it (default: healthy, likewise)")
    hub.add_argument("--no-data", action="store_true", help="check the records alone, whatever the Hub says")

    refresh = commands.add_parser(
        "refresh",
        help="execute stored notebooks again and store their outputs",
        description="Execute notebooks with their defaults and store the outputs in place. A notebook with a failing "
        "cell is left as it was; refreshing twice changes nothing.",
    )
    refresh.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="files or topic words (default: all stored ones)"
    )
    cli_course.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the words after ``crkit``; those of the process if not given.

    Returns:
        The exit status: 0 if all went well, 1 if a notebook failed, 2 if what was asked for is not possible, 130 if
        interrupted.
    """
    top = parser()
    options = top.parse_args(arguments)
    works = {"run": _run, "new": _new, "check-data": _check_data, "hub": _hub, "refresh": _refresh}
    works |= dict.fromkeys(cli_course.COMMANDS, _teach)
    try:
        status = works[options.command](options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _RefusedError as refused:
        _complain(f"crkit {options.command}: {refused}")
        return 2
    except KeyboardInterrupt:
        _complain("\nInterrupted.")
        return 130


def _teach(options: argparse.Namespace) -> int:
    try:
        return cli_course.work(options)
    except BrokenPipeError:
        raise
    except (ValueError, OSError, RuntimeError) as error:
        raise _RefusedError(str(error)) from error


class _RefusedError(Exception):
    """What was asked for is not possible; the message is for the reader."""


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")


def _pairs(words: Sequence[str], option: str, form: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise _RefusedError(f"{option} {word}: write it as {form}")
        if name.strip() in pairs:
            raise _RefusedError(f"{option} names {name.strip()} twice")
        pairs[name.strip()] = value
    return pairs


def _run(options: argparse.Namespace) -> int:
    if options.all:
        if options.topic or options.parameter or options.map:
            raise _RefusedError("--all runs every notebook with its defaults: leave out the topic, -p and --map")
        return _run_all(Path(options.out), options.jobs)
    if not options.topic:
        raise _RefusedError("name a topic, as in: crkit run segments (or --all for every notebook)")
    return _run_one(options)


def _run_one(options: argparse.Namespace) -> int:
    from crkit import workbook

    out = Path(options.out)
    try:
        path = workbook.find(options.topic)
        notebook, lesson = workbook.read(path), workbook.describe(path)
        values = _values(options, notebook)
        if "hub_file" in workbook.parameters(notebook):
            values["hub_file"] = str(Path(values["hub_file"]).resolve()) if "hub_file" in values else "my_hub.yaml"
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give --out a folder")
    except ValueError as error:
        raise _RefusedError(str(error)) from error

    file = _own_file(values, notebook, lesson)
    columns = values.get("columns") or {}
    if file is not None:
        result = _read(file, lesson.table, columns, options)
        if too_few := _too_few(lesson.topic, result.frame):
            raise _RefusedError(f"{file.name}: {too_few}")
        _say_counts(file.name, result)
        _keep_set_aside(result, out)
        values["data"] = str(file.resolve())

    bar = sys.stderr.isatty()
    _say(f"Running {lesson.topic} into {out}{'' if bar else ': this takes a minute or two'}")
    if file is not None and "history_file" in workbook.parameters(notebook):
        values.setdefault("history_file", f"{lesson.topic}_history.csv")
    try:
        done = workbook.run(
            path,
            out,
            values,
            name=lesson.topic,
            exercises=False,
            report=None if file is None else file.name,
            progress=bar,
        )
    except OSError as error:
        raise _RefusedError(f"{out} cannot be written: {error.strerror or error}") from error
    if done.problems:
        _complain(_failure(done))
        return 1
    _say(f"  {_short(done.page)}\n  {_short(done.notebook)}")
    if file is not None:
        own = ["new", lesson.topic, f"my_{lesson.topic}.ipynb", *_parameters(options), *_maps(columns)]
        _say(f"\nTo go on in a notebook of your own:\n  {_command(own)}")
    return 0


def _values(options: argparse.Namespace, notebook: NotebookNode) -> dict[str, Any]:
    """The parameters that were typed, as the notebook takes them, with what --map says in ``columns``."""
    from crkit import workbook

    typed = _pairs(options.parameter, "-p", "NAME=VALUE, as in seed=7")
    columns = _mapping(options)
    values: dict[str, Any] = {name: workbook.parse_value(notebook, name, text) for name, text in typed.items()}
    if columns:
        values["columns"] = {**(values.get("columns") or {}), **columns}
    return workbook.check_parameters(notebook, values)


def _own_file(values: Mapping[str, Any], notebook: NotebookNode, lesson: Lesson) -> Path | None:
    """The reader's own file that ``data`` names; None if it names a data set."""
    from crkit import workbook

    named = (*lesson.data, workbook.SIMULATED)
    data = values.get("data", named[0])
    if data in named or "data" not in workbook.parameters(notebook):
        if values.get("columns"):
            raise _RefusedError("--map names the columns of a file of your own: give the file with -p data=FILE")
        return None
    file = Path(data)
    if file.is_dir():
        raise _RefusedError(f"data={data} is a folder: name a file in it")
    if not file.is_file():
        near = difflib.get_close_matches(file.name, [*named, *(path.name for path in file.parent.glob("*"))], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise _RefusedError(
            f"data={data}: there is no such file{hint}, and the data sets of {lesson.topic} are: {_list(named)}"
        )
    return file


def _too_few(topic: str, frame: pd.DataFrame) -> str:
    """Why these rows are too few for the topic's methods, as its module says; empty if they are enough."""
    try:
        module = importlib.import_module(f"crkit.{topic}")
    except ModuleNotFoundError:  # not every lesson has methods of its own
        return ""
    try:
        getattr(module, "require_enough", lambda _: None)(frame)
    except ValueError as error:
        return str(error)
    return ""


def _run_all(out: Path, jobs: int) -> int:
    from tqdm import tqdm

    from crkit import workbook

    paths = workbook.stored()
    if not paths:
        raise _RefusedError(f"there are no notebooks in {workbook.folder()}")
    with tqdm(total=len(paths), unit="notebook", disable=not sys.stderr.isatty()) as bar:

        def told(done: Run) -> None:
            bar.update()
            bar.clear()
            _say(_failure(done) if done.problems else f"{done.source.stem}: ran well, {done.seconds:.0f} s")

        results = workbook.run_all(paths, out, jobs=jobs, told=told)
    failed = sum(bool(done.problems) for done in results)
    _say(f"{len(results) - failed} of {len(results)} notebooks ran well: {_short(out / 'index.html')}")
    return 1 if failed else 0


def _failure(done: Run) -> str:
    more = f" (and {len(done.problems) - 1} more)" if len(done.problems) > 1 else ""
    return f"{done.source.name} failed: {done.problems[0]}{more}\n  see {_short(done.page)}"


def _new(options: argparse.Namespace) -> int:
    import nbformat

    from crkit import workbook

    file = Path(options.file)
    if file.suffix != ".ipynb":
        raise _RefusedError(f"{file}: a notebook's name ends in .ipynb")
    try:
        path = workbook.find(options.topic)
        notebook = workbook.read(path)
        values = _values(options, notebook)
        if data := _own_file(values, notebook, workbook.describe(path)):
            values["data"] = Path(os.path.relpath(data.resolve(), file.resolve().parent)).as_posix()
        bare = workbook.normalise(workbook.template(notebook, values))
    except ValueError as error:
        raise _RefusedError(str(error)) from error
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(str(nbformat.writes(bare)).rstrip("\n") + "\n")
    except FileExistsError:
        raise _RefusedError(f"{file} exists already, and is left as it is: choose another name") from None
    except OSError as error:
        raise _RefusedError(f"{file} cannot be written: {error.strerror or error}") from error
    then = "Run it in JupyterLab."
    if data is None:
        then = "Set data and columns in its first code cell (next time: -p and --map), then run it in JupyterLab."
    _say(f"Made {file}. {then}")
    return 0


def _check_data(options: argparse.Namespace) -> int:
    columns = _mapping(options)
    file = Path(options.file)
    result = _read(file, options.table, columns, options)
    _say_counts(file.name, result)
    if len(result.set_aside):
        _say("\nSet aside, first rows:")
        for _, row in result.set_aside.head(SHOWN).iterrows():
            _say(f"  line {row['line']}: {row['reason']}")
    _say("\nRead as:")
    _say(result.frame.head(SHOWN).to_string(index=False, max_cols=8))
    if options.table not in REPORTS:
        return 0
    topic, of_orders = REPORTS[options.table], options.table == "orders"
    _say(f"\nIn short:\n{_in_short(result) if of_orders else _answers_in_short(result)}")
    if too_few := _too_few(topic, result.frame):
        _say(f"\nToo little for crkit run {topic}: {too_few}")
        return 0
    margin = ["-p", "margin=0.4"] if of_orders else []
    meaning = " (margin: which share of the money is yours to keep)" if of_orders else ""
    go_on = ["run", topic, "-p", f"data={options.file}", *margin, *_maps(columns), "--out", "report/"]
    _say(f"\nTo go on{meaning}:\n  {_command(go_on)}")
    return 0


def _in_short(result: FileRead) -> str:
    """Whom, when and how much the orders are about."""
    orders, currency = result.frame, result.currency
    days = orders["ordered_at"].dt.normalize().groupby(orders["customer_id"]).nunique()
    money = orders["amount_eur"]
    rows = f"rows: {len(orders):,}"
    if "order_id" in orders:
        rows = f"orders: {len(orders):,} rows in {orders['order_id'].nunique():,} orders"
    return (
        f"  customers: {len(days):,}, of whom {int((days > 1).sum()):,} came back on another day\n"
        f"  {rows}, from {orders['ordered_at'].min():%Y-%m-%d} to {orders['ordered_at'].max():%Y-%m-%d}\n"
        f"  amounts: from {money.min():,.2f} to {money.max():,.2f} a row, in all {money.sum():,.2f} {currency}"
    )


def _answers_in_short(result: FileRead) -> str:
    """Who answered what, and when."""
    lines = []
    for kind, of_kind in result.frame.groupby("kind", observed=True):
        answers = of_kind[of_kind["score"].notna()]
        asked = f" to {len(of_kind):,} surveys" if "sent_at" in of_kind else ""
        dates = answers["answered_at"].agg(["min", "max"])
        when = f", from {dates['min']:%Y-%m-%d} to {dates['max']:%Y-%m-%d}" if len(answers) else ""
        lines.append(
            f"  {kind}: {len(answers):,} answers{asked} by {answers['customer_id'].nunique():,} customers{when}"
        )
    return "\n".join(lines)


def _hub(options: argparse.Namespace) -> int:
    import datetime

    from crkit import datasets, grouping, hub, hub_report

    if not Path(options.file).is_file():
        raise _RefusedError(
            f"there is no Hub {options.file}: the notebooks make it beside themselves, usually as notebooks/my_hub.yaml"
        )
    try:
        today = datetime.date.fromisoformat(options.today) if options.today else None
        evidence, about = None, "Held against no data: its entries do not say that it is about one Kittiwake."
        named = {"seed": options.seed, "n_customers": options.customers, "scenario": options.scenario}
        company = {name: value for name, value in named.items() if value is not None}
        if options.no_data:
            company, about = {}, "Held against no data, as was asked for."
        else:
            company = company or hub_report.kittiwake_of(options.file) or {}
        if company:
            source = datasets.open_source(**company, tables=("contacts", "customers"))
            contacts, customers = source["contacts"], source["customers"]
            evidence = hub.evidence(contacts, grouping.visible_segments(customers), customers)
            about = f"Held against {source.description}."
            today = today or contacts["started_at"].max().date()
        done = hub_report.write_report(
            options.file,
            options.out,
            today=today or datetime.date.today(),
            evidence=evidence,
            about=about,
            paper=options.paper,
        )
    except ValueError as error:
        raise _RefusedError(str(error)) from error
    except OSError as error:
        raise _RefusedError(f"{options.out} cannot be written: {error.strerror or error}") from error
    for sentence in (*done.summary, about):
        _say(sentence)
    _say(f"  {_short(done.page)}\n  {_short(done.pdf)}")
    return 0


def _refresh(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from crkit import workbook

    try:
        paths = [
            Path(name) if name.endswith(".ipynb") and Path(name).is_file() else workbook.find(name)
            for name in options.notebooks
        ] or workbook.stored()
    except ValueError as error:
        raise _RefusedError(str(error)) from error
    status = 0
    for path in tqdm(paths, unit="notebook", disable=not sys.stderr.isatty()):
        try:
            changed = workbook.refresh(path)
        except ValueError as error:
            _complain(str(error))
            status = 1
        else:
            _say(f"{path.name}: {'refreshed' if changed else 'as it was'}")
    return status


def _mapping(options: argparse.Namespace) -> dict[str, str]:
    return _pairs(options.map, "--map", "OURS=THEIRS, as in customer_id=CustomerID")


def _maps(columns: Mapping[str, str]) -> list[str]:
    return [word for ours, theirs in columns.items() for word in ("--map", f"{ours}={theirs}")]


def _parameters(options: argparse.Namespace) -> list[str]:
    """The parameters as they were typed, without ``columns``, which --map can say."""
    typed = [word for word in options.parameter if word.partition("=")[0].strip() != "columns"]
    return [word for typed_word in typed for word in ("-p", typed_word)]


def _command(words: Sequence[str]) -> str:
    """A command that can be pasted: ``crkit`` as it was called, and these words."""
    called = Path(sys.argv[0])
    crkit = "crkit"
    if called.parts[-2:] == ("crkit", "__main__.py"):
        crkit = f"{_short(Path(sys.executable))} -m crkit"
    elif called.name == "crkit" and shutil.which("crkit") != str(called):
        crkit = _short(called)
    return f"{crkit} {shlex.join(words)}"


def _read(file: Path, table: str, columns: Mapping[str, str], options: argparse.Namespace) -> FileRead:
    from crkit import datasets

    try:
        return datasets.read_file(file, table, columns=columns)
    except datasets.FileProblem as problem:
        if not problem.columns:
            raise _RefusedError(str(problem)) from problem
        again = ["check-data", table, str(file)] if options.command == "check-data" else ["run", options.topic]
        end = [] if options.command == "check-data" else ["--out", options.out]
        kept = [] if options.command == "check-data" else _parameters(options)
        ways = "\n  or\n".join(f"  {_command([*again, *kept, *_maps(way), *end])}" for way in problem.columns)
        raise _RefusedError(f"{problem.said}.\nRemedy: {problem.advice}:\n{ways}") from problem
    except ValueError as error:
        raise _RefusedError(str(error)) from error
    except OSError as error:
        raise _RefusedError(f"{file} cannot be read: {error.strerror or error}") from error


def _say_counts(name: str, result: FileRead) -> None:
    rows = "1 row" if result.read == 1 else f"{result.read:,} rows"
    _say(f"{name}: {rows} read = {result.used:,} used + {len(result.set_aside):,} set aside")
    for note in result.notes:
        _say(f"  {note}")


def _keep_set_aside(result: FileRead, out: Path) -> None:
    file = out / "set_aside.csv"
    try:
        file.unlink(missing_ok=True)
        if len(result.set_aside):
            out.mkdir(parents=True, exist_ok=True)
            result.set_aside.to_csv(file, index=False)
    except OSError as error:
        raise _RefusedError(f"{file} cannot be written: {error.strerror or error}") from error
    if len(result.set_aside):
        _say(f"  the rows set aside, with the reason for each: {file}")


def _short(path: Path) -> str:
    """The path as seen from here, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _list(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
