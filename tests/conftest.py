"""What all tests share: small notebooks, and browser tests that run after one another in one worker."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

FIRST = """# Small things

**How small can a lesson be?** 5 minutes.

You will be able to:

- count to three,
- draw a dot,
- stop.
"""
PARAMETERS = """data = "kittiwake"  # which data
seed = 0  # the company's number
columns = {}  # our name of a column to yours
hub_file = "my_hub.yaml"  # your Hub
"""
PICTURE = """from crkit import figures
fig, (ax,) = figures.new(size=(2, 1))
_ = ax.plot([0, 1], [0, seed], **figures.line(0))
figures.finish(fig, title="A line", alt="A line upwards.")"""
GUARD = """
import ipaddress, os, socket

def refuse(address):
    with open(os.environ["CRKIT_TEST_CALLS"], "a", encoding="utf-8") as calls:
        calls.write(f"{address!r}\\n")
    raise OSError(f"the network was called: {address!r}")

def inside(address):
    if not isinstance(address, tuple):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] in ("localhost", "")

def guarded(name):
    real = getattr(socket.socket, name)
    def connect(self, address):
        return real(self, address) if inside(address) else refuse(address)
    setattr(socket.socket, name, connect)

guarded("connect")
guarded("connect_ex")
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *a, **k: resolve(host, *a, **k) if inside((host or "",)) else refuse(host)

import sys

sys.modules["rfc3987_syntax"] = None

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in os.environ["CRKIT_TEST_LACKING"].split():
            raise ModuleNotFoundError(f"No module named {name!r}: a reader does not have it", name=name)

sys.meta_path.insert(0, Lacking())
"""


def only_in_tests() -> set[str]:
    """The modules that are installed here and that a reader does not have."""
    reader, todo = set(), {("crkit", "")}
    while todo:
        name, extra = todo.pop()
        if (name, extra) in reader:
            continue
        reader.add((name, extra))
        for line in metadata.requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo |= {(canonicalize_name(need.name), each) for each in ("", *need.extras)}
    names = {name for name, _ in reader}
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if not names & {canonicalize_name(owner) for owner in owners}
    }


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests in one worker: they share a JupyterLab."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Side by side, the tests of a group must stay together; some versions of pytest and xdist ignore the groups."""
    if session.config.getoption("loadgroup", default=False):
        apart = [
            item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
        ]
        if apart:
            raise pytest.UsageError(f"this pytest and pytest-xdist group no tests: {apart[0]}")


@contextlib.contextmanager
def quick_kernels(**environment: str) -> Iterator[str]:
    """Kernels are forks of one process that has imported the heavy libraries, see ``quick_kernels``; gives the folder.

    Args:
        environment: of that process, on top of our own.
    """
    program = str(Path(__file__).parent / "quick_kernels.py")
    with tempfile.TemporaryDirectory(prefix="crkit-kernels-") as folder:
        address = Path(folder) / "socket"
        argv = [sys.executable, "-S", "-E", program, "kernel", str(address), "-f", "{connection_file}"]
        spec = Path(folder) / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}))
        with subprocess.Popen([sys.executable, program, "serve", str(address)], env=os.environ | environment) as server:
            try:
                yield folder
            finally:
                server.kill()


@pytest.fixture(scope="session", autouse=True)
def _quick_kernels() -> Iterator[None]:
    with quick_kernels() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", folder)
        yield


@pytest.fixture(scope="session")
def _readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which a Python has no network and no package that only the tests need, and its kernels."""
    guard = tmp_path_factory.mktemp("guard")
    (guard / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    lacking = " ".join(only_in_tests() - {"pip", "setuptools", "pkg_resources"})
    environment = {"PYTHONPATH": str(guard), "CRKIT_TEST_LACKING": lacking}
    with quick_kernels(**environment, CRKIT_TEST_CALLS=str(guard / "calls.txt")) as folder:
        yield {**environment, "JUPYTER_PATH": folder}
    assert not (guard / "calls.txt").exists(), "importing the libraries called the network"


@pytest.fixture
def make_notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a small lesson: the given code cells (text, or text and tags) after the title and the parameters."""

    def make(*cells: str | tuple[str, str], name: str = "small.ipynb", parameters: str | None = PARAMETERS) -> Path:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(FIRST)])
        if parameters is not None:
            notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        for cell in cells:
            source, tag = (cell, None) if isinstance(cell, str) else cell
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {}))
        for i, cell in enumerate(notebook.cells):
            cell.id = f"c{i}"
        path = tmp_path / name
        nbformat.write(notebook, path)
        return path

    return make


@pytest.fixture
def as_a_reader(_readers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every Python started from here on has no network, and no package that only the tests need.

    Calls to the network are refused and written down in the file that is returned.
    """
    for name, value in {**_readers, "CRKIT_TEST_CALLS": str(tmp_path / "calls.txt")}.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "calls.txt"
