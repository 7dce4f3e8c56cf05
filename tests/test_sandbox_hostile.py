"""What becomes of a submission that means harm, on real processes, each with its expected result.

Without bubblewrap these tests fail.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from crkit import sandbox
from crkit.questions.core import Form, cases_to_json
from crkit.sandbox import Limits, Sandbox, Work, _BadFrameError, _parsed, _Reader

FORMS = (Form("1", "number"), Form("2", "table", keys=("k",)), Form("3", "function"), Form("4", "choice", ("a", "b")))
CASES = {"3": cases_to_json([(1.0,)])}


@pytest.fixture(scope="module")
def jail():
    with Sandbox(Limits(cell_seconds=2, seconds=20, memory_mb=200, processes=12, scratch_mb=4)) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_of_a_submission_is_left(request):
    yield
    if "jail" not in request.fixturenames:
        return
    jail = request.getfixturevalue("jail")
    finished = run(jail, "import os\nanswer_1 = len(os.listdir('/scratch'))")  # and it still serves
    assert (finished.status, finished.taken["1"]["value"]) == ("ran", 0.0)
    assert below(jail._process.pid) == 1  # the zygote


def below(process):
    """How many processes descend from one, bubblewrap's own left out."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        parents[int(stat.parent.name)] = (int(rest.split()[1]), name)
    found = [process]
    for parent in found:
        found += [child for child, (its, _) in parents.items() if its == parent]
    return sum(parents[each][1] != "bwrap" for each in found)


def run(jail, *cells, **files):
    return jail.run(Work(cells, files, FORMS, CASES))


def statuses(finished):
    return [cell.status for cell in finished.cells]


def value(finished, name="1"):
    return finished.taken[name]["value"]


SEEN = """
import os
def seen(path):
    try:
        return len(os.listdir(path)) if os.path.isdir(path) else len(open(path, 'rb').read())
    except OSError:
        return 0
"""


# ---- what it may see


HERE = Path(__file__).parent.parent
PATHS = [
    *(
        "/etc/passwd",
        "/etc/hostname",
        "/etc/hosts",
        "/root/.bashrc",
        "/sys",
        "/run",
        "/var",
        "/tmp",
        "/dev/shm",
        "/dev/vda",
    ),
    *(
        "/proc",
        "/proc/1/environ",
        "/proc/self/mountinfo",
        "../solution",
        "/kit/exercises",
        "/kit/tests",
        "/kit/notebooks",
    ),
    *map(str, (HERE / "crkit", HERE / "exercises", HERE / "tests", HERE / ".git", Path.cwd(), Path.home() / ".ssh")),
]


def test_nothing_of_the_host_can_be_seen(jail):
    table = f"answer_2 = [{{'k': path, 'n': seen(path)}} for path in {PATHS}]"
    finished = run(jail, SEEN, table, "answer_1 = seen('/kit/crkit') + seen('/usr/bin')")
    assert value(finished) > 10
    seen = value(finished, "2")
    assert dict(zip(PATHS, seen["columns"][0][1], strict=True)) == {path: on_the_way(Path(path)) for path in PATHS}


def on_the_way(path):
    """How many names a folder must show, since this Python and its packages lie somewhere below it."""
    below = [Path(each).relative_to(path) for each in sandbox._python_folders() if Path(each).is_relative_to(path)]
    return float(len({each.parts[0] for each in below}))


def test_a_course_folder_anywhere_cannot_be_seen(jail, tmp_path):
    (tmp_path / "roster.csv").write_text("who\n")
    assert value(run(jail, SEEN, f"answer_1 = seen({str(tmp_path / 'roster.csv')!r}) + seen({str(tmp_path)!r})")) == 0


def test_the_environment_holds_nothing_of_the_host(jail, monkeypatch):
    monkeypatch.setenv("COURSE_SECRET", "s3cret")
    finished = run(jail, "import os\nraise ValueError(sorted(os.environ))")
    assert finished.cells[0].message == (
        "ValueError: ['HOME', 'IPYTHONDIR', 'LANG', 'MPLBACKEND', 'MPLCONFIGDIR', 'OMP_NUM_THREADS', "
        "'OPENBLAS_NUM_THREADS', 'PATH', 'PWD', 'PYTHONHASHSEED', 'PYTHONPATH', 'TMPDIR'] (line 2)"
    )


def test_no_network(jail):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tries = "import socket\nfor host in ('127.0.0.1', '8.8.8.8'):\n    s = socket.socket()\n    s.settimeout(1)\n"
        finished = run(jail, tries + f"    assert s.connect_ex((host, {port})) in (101, 111)\nanswer_1 = 1")
    assert value(finished) == 1.0, finished
    assert statuses(run(jail, "import urllib.request\nurllib.request.urlopen('http://example.org')")) == ["error"]


def test_nothing_of_the_submission_before_can_be_read(jail):
    mark = "neighbour" + "s_answer"
    run(
        jail,
        f"{mark} = 123\nopen('left.txt', 'w').write('{mark}')\nanswer_1 = 123",
        **{"data.csv": mark.encode() * 1000},
    )
    search = (
        "import gc, ctypes, sys\n"
        "word = ('s_answer'[::-1] + 'ruobhgien')[::-1][:0] + 'neighbour' + chr(115) + '_answer'\n"
        "held = [o for o in gc.get_objects() if type(o) is dict and word in o]\n"
        "answer_1 = len(held)\n"
    )
    assert value(run(jail, search)) == 0.0
    # the whole memory that can be read and written, byte by byte, as far as /proc would show it: there is none
    assert statuses(run(jail, "open('/proc/self/maps')", "open('/proc/self/mem', 'rb')")) == ["error", "error"]


def test_the_zygote_reads_no_submission():
    """What it never read it cannot keep: only one byte for each submission goes through it."""
    source = Path(__file__).parent.parent.joinpath("crkit", "_sandboxed.py").read_text()
    zygote = source.split("def main()")[1].split("def _load()")[0]
    assert zygote.count("read(") == 1
    assert "os.read(0, 1)" in zygote


def test_only_the_scratch_folder_is_writable(jail):
    places = "/", "/kit", "/kit/crkit", "/usr", "/dev", "/proc", "/etc", "/usr/share/fonts", sys.prefix, "/tmp"
    tries = (
        "import os\nanswer_1 = 0\nfor place in {}:\n    try:\n        open(place + '/x', 'w')\n        answer_1 += 1\n"
    )
    tries += "    except OSError:\n        pass\nopen('/scratch/x', 'w').write('fine')"
    finished = run(jail, tries.format(places))
    assert (statuses(finished), value(finished)) == (["ran"], 0.0)


@pytest.mark.parametrize(
    "call",
    [
        "libc.mount(b'tmpfs', b'/scratch', b'tmpfs', 0, None)",
        "libc.unshare(0x10000000)",
        "libc.unshare(0x20000)",
        "libc.ptrace(16, 1, None, None)",
        "libc.shmget(0, 1 << 30, 0o1600)",
        "libc.memfd_create(b'm', 0)",
        "libc.setuid(0)",
        "libc.prlimit(1, 7, bytes(16), None)",
        "libc.syscall(56 if os.uname().machine == 'x86_64' else 220, 0x10000011, 0, 0, 0, 0)",
    ],
)
def test_calls_that_no_notebook_needs_are_refused(jail, call):
    assert value(run(jail, f"import ctypes, os\nlibc = ctypes.CDLL(None)\nanswer_1 = {call}")) == -1.0


def test_it_has_no_rights(jail):
    header = "import ctypes, struct\nlibc = ctypes.CDLL(None)\nheld = ctypes.create_string_buffer(24)\n"
    header += "assert libc.capget(struct.pack('Ii', 0x20080522, 0), held) == 0\n"
    assert value(run(jail, header + "answer_1 = sum(held.raw) + 10 * (libc.prctl(39, 0, 0, 0, 0) == 1)")) == 10.0


# ---- what it may use


def test_a_fork_bomb(jail):
    bomb = "import os\nwhile True:\n    os.fork()"
    kept = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    for code, ends in ((bomb, {"error"}), (kept, {"timed out", "too many processes"})):
        finished = run(jail, "answer_1 = 1", code, "answer_1 += 1")
        assert finished.cells[1].status in ends | {"timed out", "too many processes"}, finished
        assert (finished.status, value(finished)) == ("ran", 2.0)


def test_the_processes_are_counted_for_each_submission(jail):
    count = (
        "import os, time\nanswer_1 = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(60)\n"
    )
    finished = run(jail, count + "        answer_1 += 1\nexcept BlockingIOError:\n    pass")
    assert (statuses(finished), value(finished)) == (["ran"], 12.0)


def test_a_fork_of_the_notebook_does_not_answer_for_it(jail):
    fork = "import os\nchild = os.fork()\nif child:\n    os.waitpid(child, 0)\nanswer_1 = 1 if child else 2"
    assert value(run(jail, fork)) == 1.0


def test_only_its_own_pipe_is_open(jail):
    count = "answer_1 = 0\nfor number in range(3, 1000):\n    try:\n        os.fstat(number)\n        answer_1 += 1\n"
    assert value(run(jail, f"import os\n{count}    except OSError:\n        pass")) == 1.0


def test_a_memory_hog(jail):
    finished = run(
        jail,
        "answer_1 = 1",
        "hog = bytearray(10 ** 10)",
        "hog = [' ' * 1000000 + str(i) for i in range(1000)]",
        "answer_1 = 2",
    )
    assert statuses(finished) == ["ran", "out of memory", "out of memory", "ran"]
    assert finished.cells[1].message == "The notebook took more memory than there is."
    assert value(finished) == 2.0


def test_memory_in_many_processes(jail):
    child = "    if os.fork() == 0:\n        hog = b'x' * 10 ** 8\n        time.sleep(60)\n"
    many = f"import os, time\nfor _ in range(6):\n{child}time.sleep(60)"
    finished = run(jail, many, "answer_1 = 2")
    assert (statuses(finished), value(finished)) == (["out of memory", "ran"], 2.0)


def test_an_endless_loop_that_catches_everything(jail):
    loop = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    deaf = "import signal\nfor number in (1, 2, 3, 10, 14, 15, 24):\n    signal.signal(number, signal.SIG_IGN)\n"
    finished = run(jail, deaf + loop, "answer_1 = 1")
    assert (statuses(finished), value(finished)) == (["timed out", "ran"], 1.0)


def test_ten_gigabytes_of_output(jail):
    flood = (
        "import sys, os\nline = 'x' * 10 ** 6\nfor _ in range(5000):\n    print(line)\n    os.write(2, line.encode())"
    )
    finished = run(jail, flood, "answer_1 = 1")
    assert finished.cells[0].status in ("ran", "timed out")  # it goes nowhere
    assert value(finished) == 1.0


def test_an_overflow_of_the_scratch_folder(jail):
    finished = run(
        jail,
        "open('one', 'wb').write(bytes(10 ** 7))",
        "for i in range(10):\n    open(f'part{i}', 'wb').write(bytes(10 ** 6))",
        "for i in range(20000):\n    open(f'f{i}', 'w').close()",
        "answer_1 = 1",
    )
    assert (statuses(finished), value(finished)) == (["error", "error", "error", "ran"], 1.0)


def test_a_daemon_is_dead_at_the_end(jail):
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"
    daemon += "    os._exit(0)\nanswer_1 = 1"
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nanswer_4 = 'a'"
    finished = run(jail, daemon, threads)
    assert (statuses(finished), value(finished), value(finished, "4")) == (["ran", "ran"], 1.0, "a")


# ---- what it may pretend


def test_killing_the_parent_and_everything(jail):
    finished = run(
        jail, "answer_1 = 1", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nanswer_1 = 2", "answer_1 += 1"
    )
    assert (finished.status, value(finished)) == ("ran", 3.0)
    finished = run(jail, "answer_1 = 1", "import os\nos.kill(-1, 9)\nos.kill(os.getpid(), 9)", "answer_1 = 3")
    assert (finished.status, statuses(finished)) == ("killed its parent", ["ran", "killed its parent", "not run"])
    assert value(finished) == 1.0
    assert statuses(run(jail, "import os\nos.kill(1, 9)", "answer_1 = 1")) == ["ran", "ran"]


def test_writing_to_the_pipe_by_guessing_its_descriptor(jail):
    guess = "import os\nfor number in range(3, 256):\n    try:\n        os.write(number, {!r})\n"
    guess += "    except OSError:\n        pass"
    whole = '{"took": "1", "in": 0, "text": "{\\"state\\": \\"given\\", \\"value\\": 1.0}"}'
    for data in (b"rubbish", b'{"ran": 1}', whole.encode(), b"[" * 50_000, b'{"took": "99"}', b'{"took": 1}'):
        finished = run(jail, "answer_1 = 7", guess.format(data), "answer_1 = 8")
        assert (finished.status, value(finished)) == ("tampered", 7.0), (data, finished)
        assert finished.message
    forged = b'+{"state": "given", "value": 5.0, "more": 1}', b'{"took": "1"}'
    finished = run(jail, "answer_1 = 7", ";".join(guess.format(part) + "\n" for part in forged).replace(";", "\n"))
    assert (finished.status, value(finished)) == ("tampered", 7.0)
    assert "the answer to question 1 is none" in finished.message


def test_a_flood_of_messages_stops_at_the_time_limit(jail):
    flood = (
        "import os\nwhile True:\n    for number in range(3, 256):\n        try:\n            os.write(number, b'+')\n"
    )
    flood += "            os.write(number, b'{\"start\": true}')\n        except OSError:\n            pass"
    finished = run(jail, "answer_1 = 7", flood, "answer_4 = 'a'")
    assert statuses(finished) == ["ran", "timed out", "ran"]
    assert (value(finished), value(finished, "4")) == (7.0, "a")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"state": "given", "value": NaN}',
        '{"state": "given", "value": 1e999}',
        '{"state": "given", "value": "1"}',
        "[" * 100_000,
        '{"a":' * 20 + "1" + "}" * 20,
        '{"state": "right"}',
        '{"state": "none", "says": "ha"}',
        "1" * 5000,
    ],
)
def test_what_is_no_answer_is_refused_outside_too(text):
    reader = _Reader(Work(("x",), forms=FORMS))
    with pytest.raises(_BadFrameError):
        reader.read({"took": "1", "in": 0, "text": text})
    assert reader.finished().taken == {}


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"took": "9", "in": 0, "text": "{}"},
        {"took": ["1"], "in": 0, "text": "{}"},
        {"took": "1", "in": 7, "text": '{"state": "refused", "says": ""}'},
        {"cell": 7, "status": "ran", "message": "", "seconds": 1.0},
        {"cell": 0, "status": "right", "message": "", "seconds": 1.0},
        {"cell": 0, "status": "ran", "message": "", "seconds": "1"},
        {"end": "passed", "message": ""},
    ],
)
def test_frames_that_do_not_fit_are_refused(message):
    with pytest.raises(_BadFrameError):
        _Reader(Work(("x",), forms=FORMS)).read(_parsed(json.dumps(message).encode()))


UNSAYABLE = "class E(Exception):\n    __str__ = lambda self: 1 / 0\n"
EQUAL = "class Equal:\n    __eq__ = lambda self, other: True\n    __hash__ = lambda self: 1\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (f"{EQUAL}answer_1 = Equal()", "this is an Equal"),
        ("class Number(float):\n    __class__ = int\n    __eq__ = lambda *_: True\nanswer_1 = Number(3)", 3.0),
        ("class Bomb:\n    def __reduce__(self):\n        return eval, ('1',)\nanswer_1 = Bomb()", "this is a Bomb"),
        ("answer_1 = (i for i in range(3))", "this is a generator"),
        ("answer_1 = float('nan')", "nan is not a number"),
        ("answer_1 = 10 ** 5000", "OverflowError"),
        (
            "class Loop(float):\n    def __float__(self):\n        __import__('time').sleep(60)\nanswer_1 = Loop(1)",
            "more than 2 seconds",
        ),
        (
            "class Exit(float):\n    def __float__(self):\n        raise SystemExit\nanswer_1 = Exit(1)",
            "ended the process",
        ),
        (f"{UNSAYABLE}class F(float):\n    def __float__(s):\n        raise E\nanswer_1 = F(1)", "as a number: E"),
    ],
)
def test_answers_that_are_not_what_they_seem(jail, code, says):
    finished = run(jail, code, "answer_4 = 'a'")
    assert (finished.status, value(finished, "4")) == ("ran", "a")
    taken = finished.taken["1"]
    if isinstance(says, float):
        assert taken == {"state": "given", "value": says}
    else:
        assert taken["state"] == "refused"
        assert says in taken["says"]


def test_answers_that_are_huge_or_deep(jail):
    finished = run(
        jail,
        "answer_4 = 'x' * 10 ** 7",
        "import pandas as pd\nanswer_2 = pd.DataFrame({'k': range(30000), 'v': 1})",
        "answer_1 = []\nfor _ in range(100000):\n    answer_1 = [answer_1]",
    )
    assert finished.status == "ran"
    assert len(finished.taken["4"]["says"]) <= 2000
    assert (
        finished.taken["2"]["says"] == "The table has 60,000 cells; 20,000 are the most. Give only what is asked for."
    )
    assert finished.taken["1"]["state"] == "refused"
    long = "answer_2 = [{'k': i, 'v': 'x' * 9000} for i in range(1000)]"
    finished = run(jail, "answer_1 = 1", long, "answer_1 = 2")
    assert (finished.status, value(finished)) == ("tampered", 1.0)
    assert "more bytes than" in finished.message


def test_monkey_patched_libraries_change_nothing_for_others(jail):
    patch = (
        "import pandas as pd, json, builtins, crkit.questions.core as core, sys\n"
        "pd.DataFrame.equals = pd.Series.equals = lambda *_: True\n"
        'json.dumps = lambda *_, **__: \'{"state": "given", "value": 42.0}\'\n'
        "core.take = core._read = lambda *_: {'state': 'right', 'points': 100}\n"
        "builtins.isinstance = lambda *_: True\nbuiltins.float = lambda _: 42.0\n"
    )
    finished = run(jail, "answer_1 = 1", patch, "answer_1 = 2")
    assert finished.status in ("tampered", "killed its parent")
    assert value(finished) == 1.0
    finished = run(jail, "answer_1 = 1", "import pandas as pd\npd.DataFrame.equals = None", "answer_1 = 2")
    assert (finished.status, value(finished)) == ("ran", 2.0)


def test_an_overwritten_check_finds_nothing_to_overwrite(jail):
    check = "core.judge = lambda *_: core.Outcome('1', 'right', '', 9, 9)\nanswer_1 = 0"
    check = f"import crkit.questions.core as core\n{check}"
    assert value(run(jail, check)) == 0.0
