"""Runs the code of a submission shut in, and lets nothing out but its answers.

A `Sandbox` starts one bubblewrap (``bwrap``): no network, no home, no environment, and of the file system only the
system's programs, this Python and the package crkit. Inside, a process that has imported the heavy libraries forks for
each submission; `crkit._sandboxed` says what happens there. Each submission has namespaces, a scratch folder in memory
and limits of its own, and everything that it started is dead when `Sandbox.run` returns.

What comes out is bytes from a process that may have been anybody's. They are read within limits, as JSON, and every
answer must be one that `crkit.questions.core.take` gives. Whether it is right is judged elsewhere.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import select
import shutil
import site
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from crkit import datasets
from crkit.questions.core import Form, taken_from_json

_START_SECONDS = 120  # to import the libraries, on a slow disk
_GRACE_SECONDS = 10  # for the sandbox to end a submission by itself
_MOST_TEXT = 1000
_CELL_STATUSES = (
    "ran",
    "error",
    "timed out",
    "out of memory",
    "too many processes",
    "ended the process",
    "tampered",
    "killed its parent",
)
_STATUSES = ("ran", "timed out", "tampered", "killed its parent", "failed")
_SCRATCH = "/scratch"
_KIT = "/kit"
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/alternatives", "/etc/ld.so.cache")


class Limits(NamedTuple):
    """What one submission may use.

    Attributes:
        cell_seconds: that one cell may take, and the reading of one answer.
        seconds: that the whole notebook may take.
        memory_mb: of all its processes together, and of each beside what the libraries take.
        processes: at a time.
        scratch_mb: of files that it writes.
        answer_bytes: of all its answers, as JSON.
    """

    cell_seconds: float = 30.0
    seconds: float = 180.0
    memory_mb: int = 1024
    processes: int = 32
    scratch_mb: int = 64
    answer_bytes: int = 5_000_000


class Work(NamedTuple):
    """One submission.

    Attributes:
        cells: the sources of its code cells, in their order.
        files: what it finds in its scratch folder, by path, such as ``data/orders.csv``.
        forms: of the questions; the answer to question 3 is the variable or function ``answer_3``.
        cases: for each function question, by its name, what `crkit.questions.core.cases_to_json` made.
    """

    cells: tuple[str, ...]
    files: Mapping[str, bytes] = {}
    forms: tuple[Form, ...] = ()
    cases: Mapping[str, Any] = {}


class CellRun(NamedTuple):
    """What became of one cell.

    Attributes:
        status: ``"ran"``, ``"error"``, ``"timed out"``, ``"out of memory"``, ``"too many processes"``, ``"ended the
            process"``, ``"tampered"``, ``"killed its parent"`` or ``"not run"``.
        message: what happened, in a sentence or as Python said it, in the submission's own words; empty if it ran.
        seconds: that it took.
    """

    status: str
    message: str = ""
    seconds: float = 0.0


class Finished(NamedTuple):
    """What became of a submission.

    Attributes:
        status: ``"ran"`` if it came to its end, whatever became of its cells; ``"timed out"``, ``"tampered"``
            (something else than an answer came out), ``"killed its parent"`` (no process with the notebook's variables
            was left), or ``"failed"`` (the sandbox itself).
        message: what happened; empty if it ran.
        taken: the last answer taken for each question that has one (three dots take none back), as
            `crkit.questions.core.judge_taken` takes it. What was taken before the status changed stands.
        taken_in: the index of the cell after which it was taken.
        cells: one for each cell.
        names: the variables and functions that the notebook defined, 300 at the most; empty unless it ran.
    """

    status: str
    message: str
    taken: Mapping[str, dict[str, Any]]
    taken_in: Mapping[str, int]
    cells: tuple[CellRun, ...]
    names: tuple[str, ...]


class _BadFrameError(Exception):
    """What came out of the sandbox is not what the program inside sends."""


@functools.cache
def available() -> str | None:
    """Why submissions cannot be shut in here; None if they can."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap runs on Linux only"
    if shutil.which("bwrap") is None:
        return "there is no bubblewrap (bwrap) here: on Debian and Ubuntu, apt install bubblewrap"
    command = [*_bwrap(None), "/bin/true"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
    if tried.returncode == 0:
        return None
    return f"bubblewrap does not start here: {tried.stderr.strip() or f'exit code {tried.returncode}'}"


def _bwrap(scratch_mb: int | None) -> list[str]:
    """The command that shuts in what follows it; with a scratch folder of limited size, or none of its own."""
    command = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts", "--hostname", "sandbox", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    if os.getuid() == 0:  # the program inside becomes an ordinary user before it sees a submission
        for capability in ("SETUID", "SETGID", "SYS_ADMIN"):
            command += ["--cap-add", f"CAP_{capability}"]
    else:
        command += ["--unshare-user"]
    command += ["--dir", "/dev", "--dir", "/etc", "--dir", _KIT]
    for path in _SYSTEM:
        if Path(path).is_symlink() and path.count("/") == 1:
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind-try", path, path]
    for path in _python_folders():
        for parent in reversed(Path(path).parents[:-1]):  # made by bwrap itself, they would be root's alone
            command += ["--dir", str(parent)]
        command += ["--ro-bind", path, path]
    package = Path(__file__).parent
    command += ["--ro-bind", str(package), f"{_KIT}/crkit"]
    if not (package / "_data").is_dir():
        command += ["--ro-bind", str(datasets.data_dir()), f"{_KIT}/datasets"]
    if Path("/usr/share/fonts").is_dir():
        command += [
            "--tmpfs",
            "/usr/share/fonts",
            "--remount-ro",
            "/usr/share/fonts",
        ]  # matplotlib brings its own and need not look at these
    for device in ("null", "zero", "full", "random", "urandom"):
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    command += ["--proc", "/proc"]
    command += ["--perms", "1777", *(["--size", str(scratch_mb << 20)] if scratch_mb else []), "--tmpfs", _SCRATCH]
    command += ["--remount-ro", "/", "--chdir", _SCRATCH]
    return [*command, "--"]


def _python_folders() -> list[str]:
    """Where this Python and its packages are, as far as the system's folders do not hold them."""
    paths = {sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values()}
    paths |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    folders: list[str] = []
    for path in sorted(paths):
        inside = any(Path(path).is_relative_to(folder) for folder in ("/usr", *folders))
        if not inside and Path(path).is_dir():
            folders.append(path)
    return folders


class Sandbox:
    """Runs submissions one after the other, each shut in; use it with ``with``, in a thread that lives on meanwhile.

    Args:
        limits: of each submission; those of `Limits` if none are given.
        shut_in: False runs them as the user who runs this, in processes of their own with the limits that can be set
            so, but with that user's rights to files and network. Only for code that you trust.

    Raises:
        RuntimeError: on entering, if submissions cannot be shut in here.
    """

    def __init__(self, limits: Limits | None = None, *, shut_in: bool = True) -> None:
        self.limits = limits or Limits()
        self.shut_in = shut_in
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._once = False

    def __enter__(self) -> Self:
        why = available() if self.shut_in else None
        if why:
            raise RuntimeError(f"submissions cannot be shut in: {why}")
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def run(self, work: Work) -> Finished:
        """Run a submission.

        Raises:
            ValueError: if a file's path leads out of the scratch folder.
            RuntimeError: if the sandbox cannot be started (again).
        """
        for name in work.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
                raise ValueError(f"{name!r} is no path inside the scratch folder")
        if self._process is None:
            self._start()
        with contextlib.ExitStack() as stack:
            folder = _SCRATCH
            if not self.shut_in:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crkit-", ignore_cleanup_errors=True))
            reader = _Reader(work)
            try:
                self._exchange(self._request(work, folder), reader)
            except _BadFrameError as error:
                reader.end("tampered", str(error))
                self._stop()
            except BaseException:  # half a submission is still in the pipe
                self._stop()
                raise
            if self._once:
                self._stop()
        return reader.finished()

    def _request(self, work: Work, folder: str) -> bytes:
        plain = json.dumps(
            {
                "cells": work.cells,
                "files": {name: base64.b64encode(content).decode() for name, content in work.files.items()},
                "forms": work.forms,
                "cases": dict(work.cases),
                "limits": self.limits._asdict(),
                "folder": folder,
            }
        ).encode()
        return b"r" + struct.pack("!Q", len(plain)) + plain

    def _start(self) -> None:
        python = [sys.executable, "-s", "-P", "-B", "-m", "crkit._sandboxed"]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": _SCRATCH,
            "TMPDIR": _SCRATCH,
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": _SCRATCH,
            "IPYTHONDIR": _SCRATCH,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": _KIT,
        }
        if self.shut_in:
            command = [*_bwrap(self.limits.scratch_mb), *python, *(["once"] if self._once else [])]
        else:
            command = [*python, "free"]
            home = tempfile.gettempdir()
            environment |= {"PYTHONPATH": str(Path(__file__).parent.parent), "HOME": home, "TMPDIR": home}
            del environment["MPLCONFIGDIR"], environment["IPYTHONDIR"]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (_stop closes it)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment, cwd="/"
        )
        try:
            ready = next(_messages(self._process, b"", time.monotonic() + _START_SECONDS, 1000))
        except (_BadFrameError, EOFError, TimeoutError):
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read()[-1000:].decode(errors="replace").strip()
            self._stop()
            raise RuntimeError(f"the sandbox does not start: {said}") from None
        if ready == {"ready": "outer"} and self.shut_in and not self._once:
            self._once = True  # no namespaces inside: a bubblewrap for each submission
            self._stop()
            self._start()

    def _stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.stdout.close()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None

    def _exchange(self, request: bytes, reader: _Reader) -> None:
        """Send a submission and read what comes back, until everything that it started is dead."""
        assert self._process is not None
        deadline = time.monotonic() + self.limits.seconds + _GRACE_SECONDS
        try:
            for message in _messages(self._process, request, deadline, 2 * self.limits.answer_bytes + 1_000_000):
                reader.read(message)
        except TimeoutError:
            reader.end("timed out", f"The notebook took more than {self.limits.seconds:g} seconds.")
            self._stop()
        except EOFError:
            reader.end("failed", "The sandbox ended before the notebook did.")
            self._stop()


def _messages(process: subprocess.Popen[bytes], request: bytes, deadline: float, most: int) -> Iterator[Any]:
    """Send a request, and give what comes back (``most`` bytes in all) up to the empty message that ends it.

    Raises:
        TimeoutError: if it is not over at the deadline.
        EOFError: if the process ends.
        _BadFrameError: if what comes back cannot be read.
    """
    assert process.stdin is not None and process.stdout is not None
    source, target = process.stdin.fileno(), process.stdout.fileno()
    os.set_blocking(source, False)
    data, to_send = bytearray(), memoryview(request)
    while True:
        while len(data) >= 4 and len(data) >= 4 + (size := struct.unpack("!I", data[:4])[0]):
            if size == 0:
                return
            yield _parsed(bytes(data[4 : 4 + size]))
            del data[: 4 + size]
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        readable, writable, _ = select.select([target], [source] if to_send else [], [], left)
        if writable:
            try:
                to_send = to_send[os.write(source, to_send[:65536]) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:
                raise EOFError from None
        if readable:
            part = os.read(target, 65536)
            if not part:
                raise EOFError
            data += part
            most -= len(part)
            if most < 0:
                raise _BadFrameError("More came out than all answers may hold.")


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _BadFrameError("What came out of the notebook is not JSON.") from None


class _Reader:
    """Puts together what came of a submission, and believes nothing that does not fit."""

    def __init__(self, work: Work) -> None:
        self._forms = {form.name: form for form in work.forms}
        self._cells = [CellRun("not run")] * len(work.cells)
        self._taken: dict[str, dict[str, Any]] = {}
        self._taken_in: dict[str, int] = {}
        self._names: tuple[str, ...] = ()
        self._end: tuple[str, str] | None = None

    def read(self, message: Any) -> None:
        keys = message.keys() if isinstance(message, dict) else set()
        if keys == {"took", "in", "text"}:
            name, place = message["took"], self._index(message["in"])
            if not isinstance(name, str) or name not in self._forms:
                raise _BadFrameError("An answer came out to a question that there is not.")
            try:
                taken = taken_from_json(self._forms[name], str(message["text"]))
            except ValueError as error:
                raise _BadFrameError(f"What came out as the answer to question {name} is none: {error}.") from None
            if taken["state"] != "none" or name not in self._taken:  # a blank copy of a cell takes no answer back
                self._taken[name], self._taken_in[name] = taken, place
        elif keys == {"cell", "status", "message", "seconds"}:
            run = CellRun(_text(message["status"]), _text(message["message"]), message["seconds"])
            if run.status not in _CELL_STATUSES or not isinstance(run.seconds, float):
                raise _BadFrameError("What came out about a cell does not fit.")
            self._cells[self._index(message["cell"])] = run
        elif keys == {"names"} and isinstance(message["names"], list):
            self._names = tuple(map(_text, message["names"]))
        elif keys == {"end", "message"} and message["end"] in _STATUSES:
            self.end(message["end"], _text(message["message"]))
        else:
            raise _BadFrameError("What came out of the notebook does not fit.")

    def _index(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value < max(len(self._cells), 1):
            raise _BadFrameError("What came out is about a cell that there is not.")
        return value

    def end(self, status: str, message: str) -> None:
        if self._end is None:
            self._end = status, message

    def finished(self) -> Finished:
        status, message = self._end or ("failed", "The sandbox ended before the notebook did.")
        return Finished(status, message, self._taken, self._taken_in, tuple(self._cells), self._names)


def _text(value: Any) -> str:
    return str(value)[:_MOST_TEXT].encode("utf-8", "replace").decode()
