"""The program inside the sandbox: it runs a submission's cells and takes the answers. `crkit.sandbox` starts it.

Three kinds of process. The *zygote* imports the heavy libraries once and forks for each submission; it never reads one,
so nothing of a submission stays for the next. The *warden* is process 1 of the submission's own namespaces: it is
trusted, keeps the time and the memory, and passes on what the *runners* say. A runner holds the notebook's variables;
before each cell it forks, the child runs the cell, and the parent waits with the variables from before, in case the
child dies.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import ctypes
import errno
import gc
import importlib
import inspect
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import time
import types
from pathlib import Path
from typing import Any, NoReturn

from crkit.questions.core import Form, cases_from_json, take, taken_from_json

SCRATCH = "/scratch"
UID = 1000  # what a submission sees as its own
NOBODY = 65534  # who it is outside, where grading runs as root
TICK = 0.05  # seconds between two looks at the memory
MOST_MESSAGE = 500  # characters of an error's message
MOST_NAMES = 300  # variables that are reported
CHUNK = 100_000  # bytes of an answer in one message
LIBRARIES = (
    *("IPython.core.inputtransformer2", "IPython.display", "matplotlib.figure", "matplotlib.pyplot", "scipy.optimize"),
    *("scipy.special", "scipy.stats", "crkit.datasets", "crkit.segments", "crkit.relationships"),
)
AT_ONCE = (int, float, str, bool, type(None), type(...))  # read without running any code of the submission's

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 22, 24, 36, 38

# System calls that no notebook needs, by their numbers on x86_64 and aarch64: memory that no limit counts, other
# processes' memory, mounts and namespaces, and parts of the kernel with a past.
_CALLS = {
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273),
}  # fmt: skip
_CLONE, _PRLIMIT, _CLONE3 = (56, 220), (302, 261), (435, 435)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # which of the numbers, and its own for seccomp

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(kind: str, target: str, flags: int, options: str = "") -> None:
    _check(_libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode()), f"mount {target}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


# ---- the zygote


def main() -> None:
    """Serve submissions from standard input until it ends; ``once`` for a sandbox of its own for each."""
    once = "once" in sys.argv[1:]
    shut_in = "free" not in sys.argv[1:]
    _load()
    if shut_in and os.getuid() == 0:
        _leave_root()
    inner = shut_in and not once and _can_shut_in()
    _send(1, {"ready": "inner" if inner else "outer"})
    while os.read(0, 1) == b"r":
        child = os.fork()
        if child == 0:
            _serve(inner)
        os.waitpid(child, 0)
        os.write(1, struct.pack("!I", 0))


def _load() -> None:
    """Import what notebooks of assignments use."""
    for name in LIBRARIES:
        importlib.import_module(name)
    import numpy as np
    import pandas as pd

    # what pandas and numpy build at first use
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": np.arange(3.0), "c": pd.to_datetime(["2025-01-01"] * 3)})
    frame.groupby("a").agg(b=("b", "sum"), c=("c", "max")).merge(frame, on="a").sort_values("b_x")
    gc.collect()
    gc.freeze()


def _leave_root() -> None:
    """Become an ordinary user, to whom limits apply, with a proc file system that a namespace may mount again."""
    _mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def _can_shut_in() -> bool:
    """Whether namespaces of a submission's own can be had here."""
    child = os.fork()
    if child == 0:
        try:
            _enter_namespaces()
            inner = os.fork()
            if inner == 0:
                try:
                    _own_mounts(1)
                    os._exit(0)
                finally:
                    os._exit(1)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) != 0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _enter_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    _unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{UID} {uid} 1")
    _write("/proc/self/gid_map", f"{UID} {gid} 1")


def _own_mounts(scratch_mb: int) -> int:
    """Mount what only this submission sees; the descriptor of its /proc, which its runners do not see."""
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "mount /")
    options = f"size={scratch_mb}m,nr_inodes=10000,mode=0700,uid={UID},gid={UID}"
    _mount("tmpfs", SCRATCH, _MS_NOSUID | _MS_NODEV, options)
    _mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    with contextlib.suppress(OSError):
        _write("/proc/sys/user/max_user_namespaces", "0")
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    _mount("tmpfs", "/proc", _MS_RDONLY | _MS_NOSUID | _MS_NODEV, "size=4k,mode=0555")
    return processes


def _serve(inner: bool) -> NoReturn:
    """Set a submission's namespaces up and be its warden; in a fork of the zygote."""
    try:
        if inner:
            _enter_namespaces()
            child = os.fork()
            if child != 0:
                os.waitpid(child, 0)
                os._exit(0)
        size = struct.unpack("!Q", _exactly(8))[0]
        work = json.loads(_exactly(size))
        work["size"] = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        processes = _own_mounts(work["limits"]["scratch_mb"]) if inner else os.open("/proc", os.O_RDONLY)
        _Warden(work, processes, inner).run()
    except BaseException as error:
        _send(1, {"end": "failed", "message": f"{type(error).__name__}: {error}"[:MOST_MESSAGE]})
    finally:
        os._exit(0)


def _exactly(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            os._exit(1)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(descriptor: int, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    data = struct.pack("!I", len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def _form(plain: list[Any]) -> Form:
    name, kind, choices, keys, returns = plain
    return Form(name, kind, tuple(choices), tuple(keys), returns)


# ---- the warden


class _Warden:
    """Process 1 of a submission: tells the runners what to do, and ends what exceeds a limit."""

    def __init__(self, work: dict[str, Any], processes: int, inner: bool) -> None:
        self.work = work
        self.limits = work["limits"]
        self.processes = processes
        self.inner = inner
        self.forms = {form[0]: _form(form) for form in work["forms"]}
        self.ends = time.monotonic() + self.limits["seconds"]
        self.looks = time.monotonic() + TICK
        self.taken_bytes = 0
        self.last: dict[str, str] = {}
        self.bad: set[str] = set()  # answers whose reading ended badly
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket = ours
        self.holder = 0
        if not inner:  # orphans come here, and not to a process outside
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def run(self) -> None:
        self._put_files()
        self.holder = os.fork()
        if self.holder == 0:
            _Runner(self.work, self.theirs).start()
        self.theirs.close()
        try:
            self._run_all()
            end = {"end": "ran", "message": ""}
        except _EndedError as ended:
            end = {"end": ended.args[0], "message": ended.args[1]}
        finally:
            self._kill(set())
        _send(1, end)

    def _run_all(self) -> None:
        _, ready = next(self._messages(self.limits["seconds"], []))
        if ready != {"confined": True}:
            raise _EndedError("failed", str(ready))
        last = 0
        for last in range(len(self.work["cells"])):
            begun = time.monotonic()
            try:
                status, message = self._cell(last)
            except _EndedError as ended:
                status, message = ended.args
                self._report(last, status, message, time.monotonic() - begun)
                raise
            self._report(last, status, message, time.monotonic() - begun)
        names, again = self._finish()
        self._take([name for name in again if name not in self.bad], last)
        _send(1, {"names": names})

    def _report(self, cell: int, status: str, message: str, seconds: float) -> None:
        _send(1, {"cell": cell, "status": status, "message": message, "seconds": seconds})

    def _put_files(self) -> None:
        for name, content in self.work["files"].items():
            path = Path(self.work["folder"]) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(content))

    def _cell(self, number: int) -> tuple[str, str]:
        status, message, new, changed = self._step({"cell": number}, number, self.limits["cell_seconds"])
        if status is None:
            self.holder = new
            status, message = message["status"], message["message"]
            self._kill({self.holder})
            self.bad -= set(changed)
            self._take(changed, number)
        else:
            self._kill({self.holder})
            if self.holder not in self._alive():
                raise _EndedError("killed its parent", _SAYS["gone"])
        return status, message

    def _finish(self) -> tuple[list[str], list[str]]:
        self._command({"finish": True})
        for _, message in self._messages(self.limits["cell_seconds"], []):
            if message is None:
                break
            if (
                isinstance(message, dict)
                and message.keys() == {"names", "again"}
                and isinstance(message["names"], list)
            ):
                return [str(name)[:100] for name in message["names"][:MOST_NAMES]], self._known(message["again"])
        raise _EndedError("killed its parent", _SAYS["gone"])

    def _take(self, names: list[str], cell: int) -> None:
        """Have answers taken, each within its own time; one that ends the process costs only itself."""
        while names:
            status, message, _, _ = self._step({"take": names}, cell, self.limits["cell_seconds"])
            self._kill({self.holder})
            if status is None:
                return
            done = message["done"]
            rest = [name for name in names if name not in done]
            if not rest:
                return
            says = {
                "timed out": f"Reading this answer took more than {self.limits['cell_seconds']:g} seconds.",
                "out of memory": "Reading this answer took more memory than there is.",
            }.get(status, "Reading this answer ended the process.")
            self.bad.add(rest[0])
            self._answer(rest[0], cell, json.dumps({"state": "refused", "says": says}))
            names = rest[1:]

    def _step(self, command: dict[str, Any], cell: int, seconds: float) -> tuple[Any, Any, int, list[str]]:
        """Let the holder fork, and the fork run a cell or take answers.

        Returns:
            None, its report, its process and the answers that are new; or why it ended, and what there is to say.
        """
        taking = "take" in command
        runner: list[int] = []
        done: list[str] = []
        text = b""
        self._command(command)
        for sender, message in self._messages(seconds, runner):
            if message is None:
                why, says = (
                    self._how_it_ended(runner[0]) if sender == "gone" else (sender, _SAYS[sender].format(**self.limits))
                )
                return why, {"done": done} if taking else says, 0, []
            if isinstance(message, bytes):
                text += message
                if len(text) > self.limits["answer_bytes"]:
                    raise _EndedError("tampered", "An answer has more bytes than all answers may have.")
            elif "start" in message:
                runner.append(sender)
            elif "took" in message:
                (name,) = self._known([message["took"]])
                self._answer(name, cell, text.decode("utf-8", "replace"))
                done.append(name)
                text = b""
                if taking:
                    self.step_ends = time.monotonic() + seconds
                    if len(done) == len(command["take"]):
                        return None, {}, 0, []
            elif message.keys() == {"status", "message", "changed"} and not taking:
                if message["status"] not in ("ran", "error", "out of memory"):
                    raise _EndedError("tampered", "A cell reports a status that there is not.")
                says = str(message["message"])[:MOST_MESSAGE]
                return None, {"status": message["status"], "message": says}, sender, self._known(message["changed"])
            else:
                raise _EndedError("tampered", "What came out of the notebook is no message of the sandbox's.")
        raise AssertionError("a step ends with a message")

    def _known(self, names: Any) -> list[str]:
        if not (isinstance(names, list) and set(map(str, names)) <= self.forms.keys()):
            raise _EndedError("tampered", "What came out of the notebook names a question that there is not.")
        return [str(name) for name in names]

    def _answer(self, name: str, cell: int, text: str) -> None:
        if self.last.get(name) == text:
            return
        self.last[name] = text
        self.taken_bytes += len(text)
        if self.taken_bytes > self.limits["answer_bytes"]:
            raise _EndedError("tampered", "The answers have more bytes than they may have.")
        try:
            taken_from_json(self.forms[name], text)
        except ValueError as error:
            says = f"What came out as the answer to question {name} is none: {error}."
            raise _EndedError("tampered", says) from None
        _send(1, {"took": name, "in": cell, "text": text})

    def _command(self, command: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self.socket.send(json.dumps(command).encode())

    def _messages(self, seconds: float, runner: list[int]) -> Any:
        """What the runners send, as (sender, message); (why, None) when a limit is reached or the process is gone."""
        self.step_ends = time.monotonic() + seconds
        while True:
            self._reap()
            ends = min(self.step_ends, self.ends)
            if select.select([self.socket], [], [], max(0.0, min(TICK, ends - time.monotonic())))[0]:
                try:
                    data, ancillary, flags, _ = self.socket.recvmsg(2 * CHUNK, socket.CMSG_SPACE(12))
                except ConnectionResetError:
                    data = b""
                if not data:
                    raise _EndedError("killed its parent", _SAYS["gone"])
                yield self._parsed(data, ancillary, flags)
            elif self._state(runner[0] if runner else self.holder)[0] in "ZX":
                if not runner:
                    raise _EndedError("killed its parent", _SAYS["gone"])
                yield "gone", None
            if time.monotonic() >= self.ends:
                self._kill(set())
                raise _EndedError("timed out", _SAYS["whole"].format(**self.limits))
            if time.monotonic() >= self.step_ends:
                yield "timed out", None
            if time.monotonic() >= self.looks:
                self.looks = time.monotonic() + TICK
                why = self._over_limit()
                if why:
                    yield why, None

    def _parsed(self, data: bytes, ancillary: Any, flags: int) -> tuple[int, Any]:
        sender = struct.unpack("3i", ancillary[0][2])[0] if ancillary else 0
        if not flags & socket.MSG_TRUNC:
            if data[:1] == b"+":
                return sender, data[1:]
            with contextlib.suppress(ValueError, RecursionError):
                message = json.loads(data)
                if isinstance(message, dict):
                    return sender, message
        raise _EndedError("tampered", "What came out of the notebook is no message of the sandbox's.")

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _alive(self) -> set[int]:
        """The processes of the submission, this one and the ended ones left out."""
        parents: dict[int, int] = {}
        for name in os.listdir(self.processes):  # noqa: PTH208  (a descriptor)
            if name.isdigit():
                state, parents[int(name)], _ = self._state(int(name))
                if state in "ZX":
                    del parents[int(name)]
        if self.inner:
            return parents.keys() - {os.getpid()}
        found, more = set[int](), {os.getpid()}
        while more:
            found |= more
            more = {process for process, parent in parents.items() if parent in found} - found
        return found - {os.getpid()}

    def _state(self, process: int) -> tuple[str, int, int]:
        """The state of a process, its parent, and how it ended, if it has."""
        try:
            fields = self._read(f"{process}/stat").rpartition(")")[2].split()
        except OSError:
            return "X", 0, 0
        return fields[0], int(fields[1]), int(fields[-1])

    def _read(self, path: str) -> str:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self.processes)
        try:
            return os.read(descriptor, 10_000).decode(errors="replace")
        finally:
            os.close(descriptor)

    def _how_it_ended(self, runner: int) -> tuple[str, str]:
        status = self._state(runner)[2]
        killed = status & 0x7F
        if killed == signal.SIGXCPU:
            return "timed out", _SAYS["timed out"].format(**self.limits)
        if killed:
            return "ended the process", f"The cell ended the process by signal {killed} ({_signal_name(killed)})."
        return "ended the process", f"The cell ended the process with exit code {status >> 8}."

    def _over_limit(self) -> str:
        alive = self._alive()
        if len(alive) > self.limits["processes"] + 2:
            return "too many processes"
        return "out of memory" if self._memory(alive) > self.limits["memory_mb"] * 1024 else ""

    def _memory(self, processes: set[int]) -> int:
        """The kilobytes that the processes hold, what several share counted once."""
        total = 0
        for process in processes:
            try:
                rolled = self._read(f"{process}/smaps_rollup")
                total += sum(int(line.split()[1]) for line in rolled.splitlines() if line.startswith("Pss:"))
            except OSError:
                with contextlib.suppress(OSError):
                    total += int(self._read(f"{process}/statm").split()[1]) * 4
        return total

    def _kill(self, spared: set[int]) -> None:
        """End every process but some; all are stopped first, so that none forks meanwhile."""
        for _ in range(1000):
            if self.inner and len(self._alive() - spared) > 1:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGSTOP)
            doomed = self._alive() - spared
            if not doomed:
                break
            for process in doomed:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
            self._reap()
            time.sleep(0.001)
        for process in spared:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


_SAYS = {
    "timed out": "The cell took more than {cell_seconds:g} seconds.",
    "out of memory": "The notebook took more than {memory_mb} MB of memory.",
    "too many processes": "The notebook started more than {processes} processes.",
    "gone": "No process holds the notebook's variables any more: a cell killed it.",
    "whole": "The notebook took more than {seconds:g} seconds.",
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


class _EndedError(Exception):
    """The whole submission is over; status and message."""


# ---- the runners


class _Runner:
    """Runs cells and takes answers; everything in it is within reach of the submission."""

    def __init__(self, work: dict[str, Any], channel: socket.socket) -> None:
        self.work = work
        self.shut_in = work["folder"] == SCRATCH
        self.channel = channel
        self.forms = {form[0]: _form(form) for form in work["forms"]}
        self.seen: dict[str, Any] = {}  # the object last taken: it stays alive, so no other can have its place

    def start(self) -> NoReturn:
        try:
            try:
                _confine(self.work, self.channel, self.shut_in)
            except BaseException as error:
                self._tell({"failed": f"{type(error).__name__}: {error}"})
                raise
            self._tell({"confined": True})
            self.module = types.ModuleType("__main__")
            self.module.__dict__.update(display=_nothing, get_ipython=lambda: _Shell(self.module.__dict__))
            sys.modules["__main__"] = self.module
            sys.argv = ["notebook"]
            self._hold()
        finally:
            os._exit(0)

    def _hold(self) -> None:
        while True:
            data = self.channel.recv(1 << 16)
            if not data:
                return
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            command = json.loads(data)
            if "finish" in command:
                self._finish()
                continue
            state = _getstate()
            if _fork() == 0:
                _setstate(state)  # a fork draws a new one
                self._tell({"start": True})
                if "cell" in command:
                    self._cell(command["cell"])
                else:
                    self._take(command["take"])
                    os._exit(0)

    def _tell(self, message: dict[str, Any]) -> None:
        self.channel.send(json.dumps(message).encode())

    def _cell(self, number: int) -> None:
        process = os.getpid()
        status, message = _run(self.work["cells"][number], f"<cell {number}>", self.module.__dict__)
        if _getpid() != process:  # a fork that the cell made
            os._exit(0)
        self._tell({"status": status, "message": message, "changed": self._changed()})

    def _changed(self) -> list[str]:
        """The answers that are new; those that take no code of the submission's are taken at once."""
        changed = []
        for name in self.forms:
            answer = dict.get(self.module.__dict__, f"answer_{name}", self)
            if answer is self or (name in self.seen and answer is self.seen[name]):
                continue
            self.seen[name] = answer
            if type(answer) in AT_ONCE:
                self._take([name])
            else:
                changed.append(name)
        return changed

    def _finish(self) -> None:
        variables = self.module.__dict__
        names = [name for name in list(variables) if type(name) is str and not name.startswith("_")]
        names = [name for name in names if type(variables[name]) is not types.ModuleType and name not in _GIVEN]
        again = [name for name, answer in self.seen.items() if type(answer) not in AT_ONCE]
        self._tell({"names": [name[:100] for name in names[:MOST_NAMES]], "again": again})

    def _take(self, names: list[str]) -> None:
        for name in names:
            form = self.forms[name]
            cases = self.work["cases"].get(name, []) if type(self.seen[name]) not in AT_ONCE else []
            taken = take(form, self.seen[name], cases_from_json(cases))
            data = json.dumps(taken, allow_nan=False).encode()
            for start in range(0, len(data), CHUNK):
                self.channel.send(b"+" + data[start : start + CHUNK])
            self._tell({"took": name})


_GIVEN = ("display", "get_ipython")
_fork, _getpid, _getstate, _setstate = os.fork, os.getpid, random.getstate, random.setstate


def _confine(work: dict[str, Any], channel: socket.socket, shut_in: bool) -> None:
    """Give up every right and descriptor that a notebook does not need."""
    import numpy as np

    limits = work["limits"]
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, 65536)
    os.setsid()
    os.chdir(work["folder"])
    os.environ.update(HOME=work["folder"], TMPDIR=work["folder"])
    megabyte = 1 << 20
    # outside a user namespace of its own, all processes of the same user count
    processes = [(resource.RLIMIT_NPROC, limits["processes"] + 4)] if shut_in else []
    for name, most in (
        *processes,
        (resource.RLIMIT_AS, work["size"] + limits["memory_mb"] * megabyte),
        (resource.RLIMIT_FSIZE, limits["scratch_mb"] * megabyte),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CPU, int(limits["seconds"]) + 1),
    ):
        resource.setrlimit(name, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an error of the cell
    for capability in range(41):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _check(_libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)), "capset")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _filter_calls()
    np.random.seed(0)  # noqa: NPY002  (the notebook's own use of it)
    random.seed(0)


def _filter_calls() -> None:
    """Refuse some system calls (seccomp), where their numbers are known."""
    if os.uname().machine not in _MACHINES:
        return
    which, architecture = _MACHINES[os.uname().machine]
    refuse, absent, allow = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x7FFF0000
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]
    program += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, refuse)]
    for numbers in _CALLS.values():
        program += [(0x15, 0, 1, numbers[which]), (0x06, 0, 0, refuse)]
    # its flags cannot be seen; libc then uses clone
    program += [(0x15, 0, 1, _CLONE3[which]), (0x06, 0, 0, absent)]
    # the limits of others, the warden's among them
    program += [(0x15, 0, 4, _PRLIMIT[which]), (0x20, 0, 0, 16)]
    program += [(0x15, 1, 0, 0), (0x06, 0, 0, refuse), (0x06, 0, 0, allow)]
    program += [(0x15, 0, 3, _CLONE[which]), (0x20, 0, 0, 16), (0x45, 0, 1, _CLONE_NEWUSER), (0x06, 0, 0, refuse)]
    program += [(0x06, 0, 0, allow)]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(packed))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0), "seccomp")


def _run(source: str, name: str, variables: dict[str, Any]) -> tuple[str, str]:
    """Run one cell: its status and message."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
        code = compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, variables))
        else:
            exec(code, variables)
    except MemoryError:
        return "out of memory", "The notebook took more memory than there is."
    except BaseException as error:
        return "error", _told(error, name)
    return "ran", ""


def _told(error: BaseException, name: str) -> str:
    """An error's name, message and line, as far as it can say them."""
    try:
        line = error.lineno if isinstance(error, SyntaxError) else None
        trace = error.__traceback__
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == name else line
            trace = trace.tb_next
        place = f" (line {line})" if line else ""
        return f"{type(error).__name__}: {error}"[:MOST_MESSAGE] + place
    except BaseException:
        return "The cell raised an error that cannot be shown."


def _nothing(*_: Any, **__: Any) -> None:
    """What is shown goes nowhere."""


class _Shell:
    """IPython's shell, as far as a notebook needs it: magics do nothing, except that what they time or capture runs."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.user_ns = variables

    def run_line_magic(self, magic: str, line: str, *_: Any, **__: Any) -> Any:
        if magic in ("time", "timeit"):
            exec(compile(line, f"<%{magic}>", "exec"), self.user_ns)

    def run_cell_magic(self, magic: str, _line: str, cell: str) -> Any:
        if magic in ("time", "timeit", "capture", "prun"):
            exec(compile(cell, f"<%%{magic}>", "exec"), self.user_ns)

    def system(self, _command: str) -> None:
        """Run nothing."""

    def getoutput(self, *_: Any, **__: Any) -> list[str]:
        return []

    def __getattr__(self, name: str) -> Any:
        return _nothing


if __name__ == "__main__":
    main()
