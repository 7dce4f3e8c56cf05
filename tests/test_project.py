"""What holds the repository together: one list of dependencies, one version, the layout, and no network."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import crkit
from crkit import assignments, cli, workbook

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = ROOT / "crkit"
CONDA_NAMES = {"matplotlib-base": "matplotlib"}  # conda-forge's matplotlib brings Qt with it
TOPICS = (
    "start_here",
    "canvas",
    "segments",
    "relationships",
    "crm",
    "channels",
    "engagement",
    "community",
    "loyalty",
    "feedback",
    "measure",
    "mistakes",
    "hub",
)


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join)
def test_style_and_types(command):
    """As ``make lint``; in the tests, so that they run beside others."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"-m {' '.join(command)}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def bounds(lines: list[str]) -> dict[str, str]:
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(CONDA_NAMES.get(one.name, one.name)): str(one.specifier) for one in found}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --------------------------------------------------------------------------------------------- dependencies and version


def test_conda_gets_the_dependencies_of_pyproject():
    environment = yaml.safe_load(read("environment.yml"))
    listed = [line for line in environment["dependencies"] if isinstance(line, str) and line != "pip"]
    pip = [line for line in environment["dependencies"] if isinstance(line, dict)]
    wanted = bounds(PROJECT["dependencies"]) | {"python": PROJECT["requires-python"]}
    assert bounds(listed) == wanted
    assert pip == [{"pip": ["-e ."]}]
    assert environment["channels"][0] == "conda-forge"


def test_the_lock_holds_a_version_of_every_dependency_and_no_index_address():
    lock = read("requirements.lock")
    assert not re.search(r"https?:|file:|--|\s@\s|/", lock)
    pinned = {}
    for line in lock.splitlines():
        one = Requirement(line)
        assert [part.operator for part in one.specifier] == ["=="], line
        pinned[canonicalize_name(one.name)] = next(iter(one.specifier)).version
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for line in [*PROJECT["dependencies"], *extras]:
        one = Requirement(line)
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), line


def test_no_file_names_a_package_index():
    for name in ("Makefile", "tools/bootstrap.py", "environment.yml", "pyproject.toml", ".ci/run"):
        found = re.search(r"(?<!--no-emit-)(index-url|find-links)|extra-index|/simple\b|trusted-host", read(name))
        assert not found, f"{name}: {found}"


def test_the_version_is_the_same_everywhere():
    said = {
        "pyproject.toml": PROJECT["version"],
        "crkit": crkit.__version__,
        "CITATION.cff": str(yaml.safe_load(read("CITATION.cff"))["version"]),
        "CHANGELOG.md": re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1],
        "README.md": re.search(r"Version (\d[\d.]*\d)\.", read("README.md"))[1],
        "datapackage.json": json.loads(read("datasets/datapackage.json"))["version"],
    }
    assert len(set(said.values())) == 1, said


def test_the_readme_has_the_map_of_the_notebooks():
    done = subprocess.run(
        [sys.executable, "tools/notebook_map.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_and_make_help_list_the_same_commands():
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", said.stdout, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", read("README.md") + read("CONTRIBUTING.md")))
    assert "setup-reader" in named
    assert named <= listed


def test_the_lines_in_the_readme_are_commands():
    lines = re.findall(r"^    \.venv/bin/crkit (.*)", read("README.md"), re.MULTILINE)
    options = [cli.parser().parse_args(shlex.split(line)) for line in lines]
    teaching = ["course", "assign", "grade", "quiz", "slides"]
    assert [one.command for one in options] == ["hub", *teaching, "check-data", "run", "new", *["run"] * 4]
    for one in (one for one in options if one.command in ("run", "new")):
        typed = {word.partition("=")[0] for word in one.parameter}
        assert typed <= set(workbook.parameters(workbook.read(workbook.find(one.topic))))
    margin = workbook.parameters(workbook.read(workbook.find("segments")))["margin"].default
    assert f"{margin:.0%} is assumed".replace("%", " %") in read("README.md")


def test_the_table_of_assignments_says_what_they_are():
    text = read("exercises/README.md")
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("| [`")]
    assert sorted(row[0] for row in rows) == [f"[`{name}`]({name}/)" for name in assignments.names()]
    for row in rows:
        task = assignments.load(assignments.find(row[0].split("`")[1]))
        program = sum(question.points for question in task.questions)
        person = sum(line.levels[0][0] for question in task.questions for line in question.rubric)
        assert row[2:] == [task.title, str(task.minutes), str(len(task.questions)), f"{program} + {person}"], row[0]
    for line in re.findall(r"^    crkit (.*)", text, re.MULTILINE):
        cli.parser().parse_args(shlex.split(line))


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        ({"python3": 1, "python3.12": 0, "python3.11": 0}, "python3.12"),
        ({"python3": 0, "python3.12": 0}, "python3"),
        ({"python3": 1, "python": 1}, "python3"),
        ({"python": 0}, "python"),
    ],
)
def test_make_takes_the_first_python_that_is_new_enough(tmp_path, versions, taken):
    for name, status in versions.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(["make", "-n", "setup-reader"], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout == f"{taken} tools/bootstrap.py\n", done.stderr


def test_make_says_which_python_is_missing(tmp_path):
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(["make", "setup-reader"], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr


def test_links_between_documents_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "datasets/README.md", "exercises/README.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", read(name)):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


# ---------------------------------------------------------------------------------------------------------- the layout

MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules that a file names in its import statements, in full."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT).parts[: -node.level]) if node.level else ""
            base = ".".join(part for part in (package, node.module or "") if part)
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def topic_of_room(room: str) -> str:
    """The topic that a module belongs to: canvas for canvas_draft; empty for a shared room."""
    return next((topic for topic in TOPICS if room == topic or room.startswith(f"{topic}_")), "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_data_flows_one_way(path):
    names = imported(path)
    assert not any(re.match(r"(notebooks|exercises|tests|tools|benchmarks)\b", name) for name in names)
    assert "matplotlib.pyplot" not in names
    if path.parent == PACKAGE and (own := topic_of_room(path.stem)):
        assert {topic_of_room(name.split(".")[1]) for name in names if name.startswith("crkit.")} <= {own, ""}


def test_the_one_way_rule_sees_every_form_of_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "crkit" / "crm.py"
    file.parent.mkdir()
    for line in (
        "import crkit.loyalty",
        "from crkit import loyalty",
        "from . import loyalty",
        "from .loyalty import fit",
    ):
        file.write_text(f"def f():\n    {line}\n", encoding="utf-8")
        assert "crkit.loyalty" in imported(file)


def test_each_topic_has_its_rooms():
    for path in workbook.stored():
        topic = workbook.topic_of(path)
        assert (PACKAGE / "questions" / f"{topic}.py").exists(), topic
        if topic != "start_here":
            assert (PACKAGE / f"{topic}.py").exists(), topic
            assert (ROOT / "tests" / f"test_{topic}.py").exists(), topic


# ---------------------------------------------------------------------------------------------------------- importing

NAMES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in MODULES
    if path.stem != "__main__"
)

HEAVY = {"sklearn", "scipy.stats", "scipy.optimize", "matplotlib.pyplot", "papermill", "nbconvert"}
SETTINGS = """
import json, logging, random, warnings
import matplotlib, numpy, pandas
def settings():
    return {
        "pandas": {name: str(pandas.get_option(name)) for name in pandas._config.config._registered_options},
        "numpy": str(numpy.get_printoptions()) + str(numpy.geterr()),
        "random": str(random.getstate()) + str(numpy.random.get_state()),
        "matplotlib": {name: str(matplotlib.rcParams._get(name)) for name in matplotlib.rcParams},
        "warnings": str(warnings.filters),
        "logging": str(logging.root.level) + str(logging.root.handlers),
    }
"""


def test_importing_every_room_is_cheap_and_changes_no_setting():
    code = f"""{SETTINGS}
import importlib, sys
before = settings()
for name in {NAMES!r}:
    importlib.import_module(name)
after = settings()
changed = [key for key in before if before[key] != after[key]]
print(json.dumps([changed, sorted({HEAVY!r} & set(sys.modules))]))
"""
    assert json.loads(python(code)) == [[], []]


def test_a_changed_setting_would_be_noticed():
    code = f"""{SETTINGS}
before = settings()
pandas.set_option("display.max_rows", 3)
numpy.set_printoptions(precision=2)
matplotlib.rcParams["figure.dpi"] = 42
random.seed(1)
after = settings()
print(json.dumps(sorted(key for key in before if before[key] != after[key])))
"""
    assert json.loads(python(code)) == ["matplotlib", "numpy", "pandas", "random"]


# ---------------------------------------------------------------------------------------------------------- no network


def test_importing_every_room_calls_no_network(as_a_reader):
    python(f"import importlib; [importlib.import_module(name) for name in {NAMES!r}]")
    assert not as_a_reader.exists()


def test_a_call_to_the_network_would_be_noticed(as_a_reader, tmp_path, make_notebook):
    cell = "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')"
    done = workbook.run(make_notebook(cell, "1"), tmp_path / "out")
    assert "the network was called" in done.problems[0]
    assert "192.0.2.1" in as_a_reader.read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    code = f"import os; os.chdir({str(ROOT)!r}); from hatchling import build; print(build.build_wheel({str(out)!r}))"
    return out / python(code).splitlines()[-1]


def test_the_wheel_brings_notebooks_and_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"crkit", f"crkit-{crkit.__version__}.dist-info"}
    assert len(names) == len(set(names))
    for name in ("datasets/datapackage.json", "datasets/kittiwake/orders.csv", "datasets/cdnow/cdnow.csv"):
        assert f"crkit/_data/{name}" in names
    for path in workbook.stored():
        assert f"crkit/_data/notebooks/{path.name}" in names
    assert not [name for name in names if "my_hub" in name or "checkpoint" in name]
    licences = {name.split("/")[-1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-CC-BY-4.0"}


def test_an_installed_wheel_works_without_the_repository(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = f"""import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
import crkit
from crkit import cli, datasets, workbook
assert crkit.__file__.startswith({str(tmp_path)!r}), crkit.__file__
assert str(workbook.folder()).startswith({str(tmp_path)!r}), workbook.folder()
assert len(datasets.load("orders")) and len(datasets.load("cdnow"))
sys.exit(cli.main(["new", "start_here", {str(tmp_path / "mine.ipynb")!r}]))
"""
    python(code)
    assert (tmp_path / "mine.ipynb").exists()


def test_an_editable_install_copies_no_data():
    import importlib.metadata

    files = importlib.metadata.files("crkit") or []
    assert files
    assert not [str(file) for file in files if "_data" in str(file)]
