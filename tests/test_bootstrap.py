"""The set-up: what it says when something is missing, and that it mends what was left half made."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "tools" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The set-up of an empty checkout in a path with a space; ``made`` lists what it did instead of doing it."""
    spec = importlib.util.spec_from_file_location("bootstrap", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / "a checkout"
    root.mkdir()
    for name in ("pyproject.toml", "requirements.lock"):
        (root / name).write_text("x", encoding="utf-8")
    venv = root / ".venv"
    monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "STATE", venv / "crkit-setup.json")
    monkeypatch.setattr(module, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(module, "LOCK", root / "requirements.lock")
    module.made = []
    module.answers = {}

    def run(command):
        words = [str(word) for word in command]
        kind = "venv" if "venv" in words else "uv" if "uv" in words else words[3] if "pip" in words else "?"
        kind = "pip" if kind == "--disable-pip-version-check" else kind
        if kind == "pip" and words[-1].startswith("uv=="):
            kind = "get uv"
        module.made.append(kind)
        if kind == "venv":
            (venv / "bin").mkdir()
            (venv / "bin" / "python").symlink_to(sys.executable)
        return module.answers.get(kind, (0, ""))

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "works", lambda _: (venv / "bin" / "python").exists())
    return module


def test_a_fresh_clone_is_set_up_once(bootstrap, capsys):
    assert bootstrap.main(["test"]) == 0
    assert bootstrap.made == ["venv", "get uv", "uv"]
    assert "Set-up is complete." in capsys.readouterr().out
    for extras in (["test"], []):
        assert bootstrap.main(extras) == 0
    assert bootstrap.made == ["venv", "get uv", "uv"]
    assert capsys.readouterr().out == ""


def test_tests_are_added_to_a_readers_set_up(bootstrap):
    assert bootstrap.main([]) == 0
    assert bootstrap.main(["test"]) == 0
    assert bootstrap.made == ["venv", "get uv", "uv", "get uv", "uv"]


@pytest.mark.parametrize("file", ["pyproject.toml", "requirements.lock"])
def test_a_changed_list_of_packages_is_brought_up_to_date(bootstrap, file):
    bootstrap.main([])
    (bootstrap.ROOT / file).write_text("y", encoding="utf-8")
    assert bootstrap.main([]) == 0
    assert bootstrap.made[3:] == ["get uv", "uv"]


@pytest.mark.parametrize("state", ['{"complete": false}', "", '{"complete": true, "place": "/elsewhere/.venv"}'])
def test_an_unfinished_or_moved_environment_is_made_again(bootstrap, state, capsys):
    bootstrap.main([])
    left = bootstrap.VENV / "left"
    left.touch()
    bootstrap.STATE.write_text(state, encoding="utf-8")
    assert bootstrap.main([]) == 0
    assert bootstrap.made[3:] == ["venv", "get uv", "uv"]
    assert not left.exists()
    assert "making it again" in capsys.readouterr().out


def test_an_interrupt_is_said_and_recovered_from(bootstrap, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as now:
        now.setattr(bootstrap, "install", interrupted)
        assert bootstrap.main([]) == 130
    assert "Run the same command again" in capsys.readouterr().out
    assert bootstrap.main([]) == 0
    assert bootstrap.made == ["venv", "venv", "get uv", "uv"]


@pytest.mark.parametrize("broken", ["get uv", "uv"])
def test_pip_takes_over_where_uv_fails(bootstrap, broken, capsys):
    bootstrap.answers[broken] = (1, "no wheel of uv for this machine")
    assert bootstrap.main([]) == 0
    assert bootstrap.made[-1] == "pip"
    assert "trying pip" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("Temporary failure in name resolution", "Check the network"),
        ("error: No space left on device (os error 28)", "The disk is full"),
        ("Permission denied: '/x'", "who owns the checkout"),
        ("ERROR: No matching distribution found for numpy", "Another Python"),
        ("odd", "stands above"),
    ],
)
def test_a_failed_set_up_says_what_to_do_and_is_made_again(bootstrap, printed, says, capsys):
    bootstrap.answers = {"uv": (1, printed), "pip": (1, "failed")}
    assert bootstrap.main([]) == 1
    said = capsys.readouterr().out
    assert "Set-up stopped. The packages could not be installed." in said
    assert says in said
    assert json.loads(bootstrap.STATE.read_text(encoding="utf-8"))["complete"] is False


def test_without_venv_it_names_the_package_to_install(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "can_make_venv", lambda _: False)
    assert bootstrap.main([]) == 1
    assert "sudo apt install python3-venv" in capsys.readouterr().out
    assert not bootstrap.VENV.exists()


def test_an_old_python_looks_for_a_newer_one_or_says_so(bootstrap, monkeypatch):
    class Old(tuple):
        __slots__ = ()

    monkeypatch.setattr(bootstrap, "can_make_venv", lambda python: python == "/usr/bin/python3.13")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert bootstrap.find_python() == "/usr/bin/python3.13"
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    monkeypatch.setattr(bootstrap.sys, "version_info", Old((3, 8, 10)))
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.11 or newer is needed, and .* is Python 3\.8"):
        bootstrap.find_python()


def test_a_file_named_venv_is_not_overwritten(bootstrap, capsys):
    bootstrap.VENV.write_text("mine", encoding="utf-8")
    assert bootstrap.main([]) == 1
    assert "is not a folder" in capsys.readouterr().out
    assert bootstrap.VENV.read_text(encoding="utf-8") == "mine"


def test_it_can_be_read_by_an_old_python_and_needs_only_the_standard_library():
    import ast

    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_make_alone_lists_the_commands():
    done = subprocess.run(
        ["make"], capture_output=True, text=True, cwd=SOURCE.parent.parent, env={**os.environ, "MAKEFLAGS": ""}
    )
    for command in ("lab", "run", "test", "refresh", "setup", "lint", "lock", "clean"):
        assert f"make {command}" in done.stdout
