"""Runs the workbook's notebooks: headless, as reports, as templates, and to refresh what is stored.

A notebook is a file; what is known about a lesson (its question, minutes and objectives) is read from its first
cell, and its parameters from the cell tagged ``parameters``. Papermill and nbconvert are imported when first used.
"""

from __future__ import annotations

import ast
import copy
import datetime
import difflib
import html as html_text
import io
import json
import multiprocessing
import os
import re
import tempfile
import textwrap
import time
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode

from crkit import _files

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
WIDGET = "application/vnd.jupyter.widget-view+json"
SIMULATED = "kittiwake"


class Lesson(NamedTuple):
    """What a notebook says about itself.

    Attributes:
        path: the notebook.
        topic: its topic word, for example ``"segments"``.
        title: its title.
        question: the question that it answers, one sentence.
        minutes: how long it takes a student.
        objectives: what the reader will be able to do.
        data: the named data sets that it runs on.
        table: the table that the reader's own file stands for.
    """

    path: Path
    topic: str
    title: str
    question: str
    minutes: int | None
    objectives: tuple[str, ...]
    data: tuple[str, ...]
    table: str


class Parameter(NamedTuple):
    """One line of the ``parameters`` cell: the name, the default value, and the comment beside it."""

    name: str
    default: Any
    comment: str


class Run(NamedTuple):
    """How one notebook went.

    Attributes:
        source: the notebook that was run.
        notebook: where the executed notebook is.
        page: where its HTML page is.
        problems: what went wrong, a line each; empty if all went well.
        seconds: how long it took.
    """

    source: Path
    notebook: Path
    page: Path
    problems: tuple[str, ...]
    seconds: float


# ---------------------------------------------------------------------------------------------- finding and reading


def folder() -> Path:
    """The folder of the stored notebooks: the checkout's, or the copy inside an installed package."""
    here = Path(__file__).resolve().parent
    for place in (here.parent / "notebooks", here / "_data" / "notebooks"):
        if place.is_dir():
            return place
    raise FileNotFoundError("crkit's notebooks are not where they should be: install crkit again")


def topic_of(path: Path) -> str:
    """The topic word of a notebook: its file name without the number (``02_segments.ipynb`` is ``segments``)."""
    return re.sub(r"^\d+_", "", path.stem)


def stored() -> list[Path]:
    """The stored notebooks, in order."""
    return sorted(path for path in folder().glob("[0-9][0-9]_*.ipynb"))


def find(topic: str) -> Path:
    """Find a stored notebook by its topic word.

    Args:
        topic: for example ``"segments"``; its file name does as well.

    Returns:
        The notebook's path.

    Raises:
        ValueError: if there is none of that name; it lists the topics and names the closest.
    """
    paths = {topic_of(path): path for path in stored()}
    word = topic_of(Path(topic.removesuffix(".ipynb")))
    if word in paths:
        return paths[word]
    close = difflib.get_close_matches(word, paths, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"there is no topic {topic!r}.{hint} The topics are: {', '.join(paths) or '(none)'}")


def read(path: str | Path) -> NotebookNode:
    """Read a notebook, and say in a sentence if it is none.

    Args:
        path: the ``.ipynb`` file.

    Returns:
        The notebook, in the current format; a cell without an id gets one made from its place and text.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a notebook.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        for i, cell in enumerate(raw["cells"]):
            cell.setdefault("id", f"cell-{i:03d}")
        raw["nbformat_minor"] = max(raw.get("nbformat_minor", 5), 5)
        notebook: NotebookNode = nbformat.from_dict(raw)
        for cell in notebook.cells:
            cell.source = _joined(cell.source)
            for output in cell.get("outputs", []):
                if "text" in output:
                    output.text = _joined(output.text)
                for kind, value in output.get("data", {}).items():
                    if not kind.endswith("json"):
                        output.data[kind] = _joined(value)
        nbformat.validate(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as error:
        raise ValueError(f"{path.name} is not a Jupyter notebook that can be read: {error}") from error
    return notebook


def describe(path: Path) -> Lesson:
    """Read what a notebook says about itself in its first cell and in ``metadata.crkit``.

    Args:
        path: the notebook.

    Returns:
        The lesson: its title (the first heading), its question (the first sentence that ends in a question mark),
        its minutes (the first number before "minutes") and its objectives (the first bullet list).
    """
    notebook = read(path)
    text = notebook.cells[0].source if notebook.cells else ""
    lines = text.splitlines()
    title = next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)
    plain = re.sub(r"[*_`#]", "", text)
    question = re.search(r"[^.?!\n][^.?\n]*\?", plain)
    minutes = re.search(r"(\d+)\s*(?:min\b|minutes)", plain)
    bullets: list[str] = []
    for line in lines:
        bullet = re.match(r"\s*(?:[-*]|\d+\.)\s+(.*)", line)
        if bullet:
            bullets.append(bullet[1].strip())
        elif bullets and line.startswith("  ") and line.strip():
            bullets[-1] += " " + line.strip()
        elif bullets:
            break
    about = notebook.metadata.get("crkit", {})
    return Lesson(
        path=path,
        topic=topic_of(path),
        title=title,
        question=question[0].strip() if question else "",
        minutes=int(minutes[1]) if minutes else None,
        objectives=tuple(bullets),
        data=tuple(about.get("data", [SIMULATED])),
        table=about.get("table", "orders"),
    )


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def parameters(notebook: NotebookNode) -> dict[str, Parameter]:
    """Read the cell tagged ``parameters``.

    Args:
        notebook: a notebook.

    Returns:
        The parameters by name, in order; empty if there is no such cell.

    Raises:
        ValueError: if the cell holds anything but ``name = literal``.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "parameters" in tags(cell)]
    if not cells:
        return {}
    if len(cells) > 1:
        raise ValueError("the notebook has more than one cell tagged 'parameters'")
    source = cells[0].source
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for line in ast.parse(source).body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if line.value:
                try:
                    default = ast.literal_eval(line.value)
                except ValueError as error:
                    raise ValueError(f"the parameter {name!r} is not a plain literal") from error
                found[name] = Parameter(name, default, comments.get(line.end_lineno or 0, ""))
            case _:
                raise ValueError(f"the parameters cell may hold name = literal only, not: {ast.unparse(line)}")
    return found


def check_parameters(notebook: NotebookNode, values: Mapping[str, Any]) -> dict[str, Any]:
    """Hold values against a notebook's parameters, by name and by type.

    Args:
        notebook: the notebook that is to be run.
        values: parameter name to value.

    Returns:
        The values as the notebook takes them: a path becomes text, a date its ISO form, a tuple a list.

    Raises:
        ValueError: if a name is unknown or a value has the wrong type; it says what is known or expected.

    Example:
        >>> cell = nbformat.v4.new_code_cell("seed = 0  # the company's number", metadata={"tags": ["parameters"]})
        >>> check_parameters(nbformat.v4.new_notebook(cells=[cell]), {"seed": 7})
        {'seed': 7}
        >>> check_parameters(nbformat.v4.new_notebook(cells=[cell]), {"sede": 7})
        Traceback (most recent call last):
        ...
        ValueError: there is no parameter 'sede'. Did you mean 'seed'? The parameters are: seed
    """
    known = parameters(notebook)
    checked = {}
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"there is no parameter {name!r}.{hint} The parameters are: {', '.join(known) or '(none)'}"
            )
        plain = _plain(name, value)
        default = known[name].default
        expected = list if isinstance(default, tuple) else type(default)
        fits = default is None or type(plain) is expected or (expected is float and type(plain) is int)
        if not fits and not (plain is None and expected in (dict, list)):
            comment = f" ({known[name].comment})" if known[name].comment else ""
            raise ValueError(f"{name} = {value!r} is {_kind(plain)}; the notebook needs {_kind(default)}{comment}")
        checked[name] = plain
    return checked


def parse_value(notebook: NotebookNode, name: str, text: str) -> Any:
    """Read a value typed on a command line as the parameter of that name takes it.

    Args:
        notebook: the notebook that is to be run.
        name: the parameter.
        text: a Python literal, JSON, or plain text.

    Returns:
        The value; the text itself where the parameter is a text, or where it is no literal.
    """
    known = parameters(notebook)
    if name in known and isinstance(known[name].default, str):
        quoted = re.fullmatch(r"\s*(['\"])(.*)\1\s*", text, flags=re.DOTALL)
        return quoted[2] if quoted else text
    for parse in (ast.literal_eval, json.loads):
        try:
            return parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"{name}: the keys of a mapping must be text")
        return {key: _plain(name, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, inner) for inner in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise ValueError(f"{name}: a notebook takes text, numbers, true or false, lists and mappings, not {_kind(value)}")


def _kind(value: Any) -> str:
    words = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        list: "a list",
        tuple: "a list",
        dict: "a mapping",
        type(None): "nothing",
    }
    return words.get(type(value), type(value).__name__)


# ------------------------------------------------------------------------------------------------- looking for errors


def scan(notebook: NotebookNode) -> list[str]:
    """Look for errors in an executed notebook: in its outputs, and in the widget state where they hide.

    Args:
        notebook: an executed notebook.

    Returns:
        One line for each problem, naming the cell by its place (from 1, Papermill's own cell not counted), by the
        number that Jupyter shows beside it, and the error; empty if there is none.
    """
    problems = []
    cells = [cell for cell in notebook.cells if "injected-parameters" not in tags(cell)]
    for place, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            if found := _error_in(output):
                shown = f" (In [{cell.execution_count}])" if cell.execution_count else ""
                problems.append(f"cell {place}{shown}: {found}")
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for model in state.values():
        content = model.get("state", {})
        errors = [_error_in(output) for output in content.get("outputs", ())]
        errors += [_traceback_in(value) for value in content.values() if isinstance(value, str)]
        problems += [f"widget {model.get('model_name', '')}: {error}" for error in errors if error]
    return problems


def _error_in(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "error":
        lines = str(output.get("evalue", "")).strip().splitlines()
        return f"{output.get('ename', 'error')}: {lines[0] if lines else ''}".rstrip(": ")
    texts = [output.get("text", "")] if kind == "stream" else list(output.get("data", {}).values())
    return next((found for text in texts if isinstance(text, str) and (found := _traceback_in(text))), "")


def _traceback_in(text: str) -> str:
    text = html_text.unescape(re.sub(r"<[^>]+>|\x1b\[[0-9;]*m", "", text))
    if "Traceback (most recent call last)" not in text:
        return ""
    return [line for line in text.strip().splitlines() if line.strip()][-1].strip()


# ---------------------------------------------------------------------------------------------------------- executing


@contextmanager
def _quiet_kernel(**variables: str) -> Iterator[None]:
    """Kernels started here see no profile of the user's, use one thread, and write no log to the terminal."""
    with tempfile.TemporaryDirectory(prefix="crkit-ipython-") as home:
        config = Path(home) / "profile_default" / "ipython_kernel_config.py"
        config.parent.mkdir()
        config.write_text("get_config().IPKernelApp.log_level = 50\n", encoding="utf-8")
        new = {
            "IPYTHONDIR": home,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            **variables,
        }
        old = {name: os.environ.get(name) for name in new}
        os.environ.update(new)
        try:
            yield
        finally:
            for name, value in old.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def without(notebook: NotebookNode, *unwanted: str) -> NotebookNode:
    """Copy a notebook without the cells that have one of these tags, and without outputs."""
    bare = copy.deepcopy(notebook)
    bare.cells = [cell for cell in bare.cells if not set(unwanted) & set(tags(cell))]
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    bare.metadata.pop("widgets", None)
    return bare


def template(notebook: NotebookNode, values: Mapping[str, Any] | None = None) -> NotebookNode:
    """Copy a lesson as an analysis of the reader's own.

    Args:
        notebook: a lesson.
        values: parameter name to value, which the ``parameters`` cell of the copy gets as defaults.

    Returns:
        The copy: no cell tagged ``exercise`` or ``lesson``, no outputs, and of the first cell the heading and the
        question, which stands in bold.

    Raises:
        ValueError: if a parameter's name or type is wrong.

    Example:
        >>> cell = nbformat.v4.new_code_cell("seed = 0  # which company", metadata={"tags": ["parameters"]})
        >>> template(nbformat.v4.new_notebook(cells=[cell]), {"seed": 7}).cells[0].source
        'seed = 7  # which company'
    """
    values = check_parameters(notebook, values or {})
    bare = without(notebook, "exercise", "lesson")
    if bare.cells and bare.cells[0].cell_type == "markdown":
        first = bare.cells[0]
        kept = [re.search(r"^# .*", first.source, re.MULTILINE), re.search(r"\*\*[^*]+\?\*\*", first.source)]
        first.source = "\n\n".join(found[0] for found in kept if found)
    for cell in bare.cells:
        if cell.cell_type == "code" and "parameters" in tags(cell):
            cell.source = _with_defaults(cell.source, values)
    return bare


def _with_defaults(source: str, values: Mapping[str, Any]) -> str:
    """A parameters cell with other defaults; the comments stay."""
    lines = source.splitlines()
    for line in reversed(ast.parse(source).body):
        if isinstance(line, ast.Assign | ast.AnnAssign) and line.value:
            target = line.targets[0] if isinstance(line, ast.Assign) else line.target
            if (name := ast.unparse(target)) in values:
                start, end = line.value.lineno - 1, (line.value.end_lineno or line.value.lineno) - 1
                before = lines[start].encode()[: line.value.col_offset].decode()
                after = lines[end].encode()[line.value.end_col_offset :].decode()
                lines[start : end + 1] = [before + _literal(values[name]) + after]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """A value as source code, with double quotation marks."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def run(
    path: str | Path,
    out: str | Path,
    values: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    exercises: bool = True,
    report: str | None = None,
    progress: bool = False,
) -> Run:
    """Execute one notebook into a folder, with an HTML page beside it.

    Args:
        path: the notebook.
        out: the folder; made if missing. The notebook runs in it, so the files that it writes are there.
        values: parameter name to value.
        name: the stem of the result's file names; the notebook's own if not given.
        exercises: whether the cells tagged ``exercise`` are run too.
        report: the name of what is reported on, to make a report: as `template`, and a page without code, where what
            the cells tagged ``summary`` say stands first.
        progress: whether to show a bar, cell by cell.

    Returns:
        How it went; a failing cell is a problem in it, not an exception.

    Raises:
        ValueError: if a parameter's name or type is wrong.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    source, out = Path(path), Path(out).resolve()
    notebook = read(source)
    values = check_parameters(notebook, values or {})
    title = describe(source).title
    if report is not None:
        notebook = template(notebook)
        title = f"{title}: {report}"
        heading = nbformat.v4.new_markdown_cell(f"Report on {_as_code(report)}", id="report-on")
        notebook.cells.insert(1, heading)
    elif not exercises:
        notebook = without(notebook, "exercise")
    notebook.metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
    out.mkdir(parents=True, exist_ok=True)
    stem = name or source.stem
    started = time.monotonic()
    stopped = ""
    with tempfile.TemporaryDirectory(prefix="crkit-run-") as scratch, _quiet_kernel(CRKIT_HEADLESS="1"):
        executed = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                notebook,
                executed,
                parameters=values,
                kernel_name="python3",
                progress_bar=progress,
                cwd=out,
                request_save_on_cell_execute=False,  # saving after each cell costs more than many a cell
            )
        except PapermillExecutionError:
            pass  # the error is in the notebook, where `scan` finds it
        except Exception as error:  # the kernel died, or did not start: this notebook failed, the others go on
            stopped = f"{type(error).__name__}: {str(error).strip() or 'the kernel stopped'}".splitlines()[0]
        if executed.exists():
            notebook = read(executed)
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in tags(cell)]
    for part in [notebook, *notebook.cells]:
        part.metadata.pop("papermill", None)
    problems = [*scan(notebook), *([stopped] if stopped else [])]
    result = Run(source, out / f"{stem}.ipynb", out / f"{stem}.html", tuple(problems), time.monotonic() - started)
    _files.write_text(result.notebook, _dumps(notebook))
    html = page(notebook, title=title, problems=problems, report=report is not None)
    for value in values.values():
        if isinstance(value, str) and Path(value).is_absolute():
            html = html.replace(html_text.escape(value), html_text.escape(Path(value).name))
    _files.write_text(result.page, html)
    return result


def _as_code(text: str) -> str:
    """Text as Markdown that stays as it is."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks} {text} {ticks}" if len(ticks) > 1 else f"`{text}`"


def _run_stored(path: Path, out: Path) -> Run:
    """Run a stored notebook with its defaults, with a Hub of its own, since several run at once."""
    hub_file = out / f"{path.stem}_hub.yaml"
    hub_file.unlink(missing_ok=True)
    values = {"hub_file": hub_file.name} if "hub_file" in parameters(read(path)) else {}
    return run(path, out, values)


def run_all(
    paths: Sequence[Path], out: str | Path, *, jobs: int = 0, told: Callable[[Run], None] | None = None
) -> list[Run]:
    """Execute many notebooks, several at a time, into a folder with an index page.

    Args:
        paths: the notebooks.
        out: the folder; made if missing.
        jobs: how many at a time; 0 for as many as there are processors.
        told: called with each result as it comes.

    Returns:
        How each went, in the order of ``paths``. One that fails does not stop the others.

    Raises:
        KeyboardInterrupt: if interrupted; what has not started is not started.
    """
    out = Path(out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    done: dict[Path, Run] = {}
    workers = max(1, min(jobs or os.cpu_count() or 1, len(paths)))
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        waiting: dict[Future[Run], Path] = {pool.submit(_run_stored, path, out): path for path in paths}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                path = waiting.pop(future)
                try:
                    result = future.result()
                except Exception as error:
                    said = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
                    result = Run(path, out / path.name, out / f"{path.stem}.html", (said,), 0.0)
                done[path] = result
                if told:
                    told(result)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    results = [done[path] for path in paths]
    _files.write_text(out / "index.html", index(results))
    return results


# -------------------------------------------------------------------------------------------------------- HTML, offline

_PAGE = """
{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
 alt="{{ (output | get_metadata('alt', 'image/png') or output.data.get('text/plain', '')) | escape_html_keep_quotes }}">
</div>
{%- endblock -%}
"""


_STOPPED = """<div role="alert" style="border: 2px solid #a33c00; padding: 0.7em 1em;">
<strong>This run {how}, and this page is not complete.</strong><br>{why}
</div>"""
LONGEST_REASON = 400


def page(notebook: NotebookNode, *, title: str, problems: Sequence[str] = (), report: bool = False) -> str:
    """Make an HTML page of an executed notebook that needs nothing from the network.

    Args:
        notebook: an executed notebook.
        title: the page's title.
        problems: what went wrong, if anything did; the page begins with it.
        report: whether to leave out the code and the tracebacks, and to put the cells tagged ``summary`` after the
            first two cells, which say what this is.

    Returns:
        The page: text, code, tables and pictures with their alt text; no scripts.
    """
    from nbconvert import HTMLExporter

    shown = normalise(notebook)
    shown.metadata["title"] = title
    exporter = HTMLExporter(template_name="lab", raw_template=_PAGE)
    exporter.exclude_anchor_links = True
    if report:
        exporter.exclude_input = exporter.exclude_output_prompt = True
        first, rest = shown.cells[:2], shown.cells[2:]
        summary = [cell for cell in rest if "summary" in tags(cell)]
        shown.cells = [*first, *summary, *(cell for cell in rest if "summary" not in tags(cell))]
        for cell in shown.cells:
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    output.traceback = [f"{output.ename}: {output.evalue}"]
    if problems:
        how = "failed" if problems[0].startswith("widget") else "stopped"
        why = html_text.escape(textwrap.shorten(problems[0], LONGEST_REASON, placeholder=" ..."))
        box = nbformat.v4.new_markdown_cell(_STOPPED.format(how=how, why=why), id="run-stopped")
        shown.cells.insert(0, box)
    body, _ = exporter.from_notebook_node(shown)
    return str(body)


_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The Customer Relationships workbook</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #333; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
li {{ margin: 0 0 1.2rem; }}
h1 {{ font-size: 1.6rem; }}
.failed {{ color: #a33c00; }}
small {{ color: #666; }}
</style>
</head>
<body>
<h1>The Customer Relationships workbook</h1>
<ol>
{items}
</ol>
</body>
</html>
"""


def index(results: Sequence[Run]) -> str:
    """Make the index page: each notebook's title, question, minutes, and whether it ran well."""
    items = []
    for result in results:
        lesson = describe(result.source)
        title, question = html_text.escape(lesson.title), html_text.escape(lesson.question)
        minutes = f"{lesson.minutes} minutes · " if lesson.minutes else ""
        status = "ran well"
        if result.problems:
            status = f'<span class="failed">failed: {html_text.escape(result.problems[0])}</span>'
        link = f'<a href="{html_text.escape(result.page.name)}">{title}</a>' if result.page.exists() else title
        notebook = f'<a href="{html_text.escape(result.notebook.name)}">notebook</a>'
        items.append(f"<li>{link}<br>{question}<br><small>{minutes}{status} · {notebook}</small></li>")
    return _INDEX.format(items="\n".join(items))


# ---------------------------------------------------------------------------------------------------------- refreshing


_KEPT = ("tags", "jupyter", "editable", "deletable", "slideshow")  # of a cell's metadata


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Copy a notebook as it is stored: only what depends on its sources and its data.

    Args:
        notebook: an executed notebook.

    Returns:
        The copy. Taken out are times, Papermill's notes, widget state, live widget views that have a picture or a
        text beside them, and the Python version; execution counts run from 1; parts of one stream are joined.
    """
    clean = copy.deepcopy(notebook)
    about = clean.metadata.get("crkit")
    clean.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO})
    if about is not None:
        clean.metadata["crkit"] = about
    clean.nbformat, clean.nbformat_minor = 4, 5
    count = 0
    for cell in clean.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in _KEPT})
        if cell.cell_type != "code":
            continue
        if cell.source.strip() and cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        outputs: list[NotebookNode] = []
        for output in cell.outputs:
            data = output.get("data", {})
            if WIDGET in data and ("image/png" in data or "text/plain" in data):
                del data[WIDGET]
                output.get("metadata", {}).pop(WIDGET, None)
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            last = outputs[-1] if outputs else None
            if last and last.output_type == output.output_type == "stream" and last.name == output.name:
                last.text += output.text
            else:
                outputs.append(output)
        cell.outputs = outputs
    return clean


def _dumps(notebook: NotebookNode) -> str:
    return str(nbformat.writes(notebook, version=4)).rstrip("\n") + "\n"


def fresh(path: str | Path) -> NotebookNode:
    """Execute a stored notebook with its defaults, in an empty folder, and return it as it would be stored.

    Args:
        path: the notebook.

    Returns:
        The executed and normalised notebook; the file is left as it is.

    Raises:
        ValueError: if a cell fails; it names the file, the cell and the error.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    path = Path(path)
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="crkit-refresh-") as scratch, _quiet_kernel():
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            timeout=None,
            resources={"metadata": {"path": scratch}},
        )
        try:
            client.execute()
        except (CellExecutionError, DeadKernelError) as error:
            found = scan(notebook) or [str(error).strip().splitlines()[-1]]
            raise ValueError(f"{path.name} was left as it was: {found[0]}") from error
    problems = scan(notebook)
    if problems:
        raise ValueError(f"{path.name} was left as it was: {problems[0]}")
    return normalise(notebook)


def refresh(path: str | Path) -> bool:
    """Execute a stored notebook and store its outputs, in one step; doing it twice changes nothing.

    Args:
        path: the notebook.

    Returns:
        Whether the file changed.

    Raises:
        ValueError: if a cell fails; the file is left as it was.
    """
    path = Path(path)
    text = _dumps(fresh(path))
    if path.read_text(encoding="utf-8") == text:
        return False
    _files.write_text(path, text)
    return True


def check_refreshed(path: str | Path) -> list[str]:
    """Tell what refreshing a stored notebook would change; pictures are compared byte by byte.

    Args:
        path: the notebook.

    Returns:
        One line for each difference; empty if what is stored is what an execution gives.
    """
    path = Path(path)
    now = fresh(path)
    then = read(path)
    found = []
    for place, (old, new) in enumerate(zip(then.cells, now.cells, strict=True), start=1):
        if old != new:
            parts = [key for key in sorted(set(old) | set(new)) if old.get(key) != new.get(key)]
            found.append(f"{path.name}, cell {place}: {', '.join(parts)} would change")
    if not found and path.read_text(encoding="utf-8") != _dumps(now):
        found.append(f"{path.name}: metadata or layout would change")
    return found
