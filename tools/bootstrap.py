"""Make the checkout's own environment, ``.venv``, from ``requirements.lock``; at once if it is there already.

    python3 tools/bootstrap.py           what a reader needs
    python3 tools/bootstrap.py test      what the tests and the instructors need on top

Only the standard library is used, and only syntax that an old Python 3 can read, so that a Python that is too
old gets a sentence and not a syntax error. A set-up that was interrupted is noticed and made again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
CANDIDATES = ("python3.14", "python3.13", "python3.12", "python3.11")
UV = "uv==0.13.9"

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STATE = VENV / "crkit-setup.json"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements.lock"

# What the tools print when they fail, and what to do about it.
REMEDIES = (
    (
        (
            "name resolution",
            "dns error",
            "network is unreachable",
            "failed to establish a new connection",
            "error sending request",
            "failed to fetch",
            "connection refused",
            "timed out",
            "no route to host",
            "nodename nor servname",
        ),
        "The package index could not be reached. Check the network (or the proxy), then run the same command again.",
    ),
    (("no space left",), "The disk is full. Free about 2 GB, then run the same command again."),
    (("permission denied",), "A file could not be written. Check who owns the checkout and its .venv."),
    (
        ("no solution found", "no matching distribution", "unsatisfiable", "resolutionimpossible"),
        "No set of packages fits this Python and this machine. Another Python between 3.11 and 3.14 may help.",
    ),
)


class SetupError(Exception):
    """Why the set-up stopped, and what to do, in a sentence or two."""


def say(text):
    """Print a line at once."""
    print(text, flush=True)


def can_make_venv(python):
    """Tell whether this interpreter is new enough and has ``venv`` with ``ensurepip``."""
    probe = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < {OLDEST})"
    try:
        done = subprocess.run([python, "-c", probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find_python(candidates=CANDIDATES):
    """Return an interpreter that can make the environment: this one, or a newer one on the path.

    Raises:
        SetupError: if there is none; it says whether the version or the venv package is missing.
    """
    if can_make_venv(sys.executable):
        return sys.executable
    for name in candidates:
        found = shutil.which(name)
        if found and can_make_venv(found):
            return found
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info[:2] < OLDEST:
        raise SetupError(
            f"Python 3.11 or newer is needed, and {sys.executable} is Python {version}.\n"
            "Install a newer one (https://www.python.org/downloads/), or name it: make setup PYTHON=/path/to/python3"
        )
    raise SetupError(
        f"Python {version} ({sys.executable}) cannot make virtual environments: its venv or ensurepip is missing.\n"
        f"On Debian and Ubuntu: sudo apt install python3-venv   (or python{version}-venv)"
    )


def run(command):
    """Run a command, showing its lines as they come, and return its exit status and what it printed."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        say("  " + line.rstrip())
    return process.wait(), "".join(lines)


def remedy(printed):
    """Say what to do about a failure, from what the tool printed."""
    text = printed.lower()
    for signs, advice in REMEDIES:
        if any(sign in text for sign in signs):
            return advice
    return "What went wrong stands above. When it is mended, run the same command again."


def works(command):
    """Tell whether a command ends well; what it prints is not shown."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def fingerprint():
    """What the environment was made from, and where: if this changes, it is brought up to date."""
    digest = hashlib.sha256(str(VENV).encode())
    for path in (ROOT / "pyproject.toml", LOCK, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_state():
    """Read the note of the last set-up; an unreadable one counts as an interrupted set-up."""
    try:
        return json.loads(STATE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        return {"complete": False}


def write_state(**state):
    """Write the note of this set-up in one step."""
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state) + "\n", encoding="utf-8")
    new.replace(STATE)


def make_venv():
    """Make ``.venv`` anew if it is missing, half-made, moved or broken."""
    probe = f"import sys, pip; sys.exit(sys.version_info[:2] < {OLDEST})"
    state = read_state()
    moved = state.get("place", str(VENV)) != str(VENV)
    if VENV.exists() and state.get("complete", True) and not moved and works([str(PYTHON), "-c", probe]):
        return
    python = find_python()
    if VENV.exists():
        say("The environment in .venv is unfinished, broken or moved: making it again.")
        shutil.rmtree(str(VENV))
    say(f"Making .venv with {python}")
    VENV.mkdir()
    write_state(complete=False, place=str(VENV))
    status, printed = run([python, "-m", "venv", VENV])
    if status:
        if "ensurepip" in printed:
            raise SetupError("venv could not put pip in place. On Debian and Ubuntu: sudo apt install python3-venv")
        raise SetupError("The virtual environment could not be made. " + remedy(printed))


def install(extras):
    """Install the locked packages and this checkout (editable) into ``.venv``: with uv, or with pip if uv fails."""
    what = ".[" + ",".join(extras) + "]" if extras else "."
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check"]
    uv = [PYTHON, "-m", "uv"]
    say("Installing from requirements.lock (a minute or two the first time, seconds after that)")
    status, printed = run([*pip, "install", "--quiet", UV])
    if not status:
        constraints = ["--constraint", LOCK, "--build-constraint", LOCK]
        # compiled now, every import is fast from the first on, where Python may write no bytecode too
        status, printed = run(
            [*uv, "pip", "install", "--compile-bytecode", "--python", PYTHON, *constraints, "--editable", what]
        )
        if not status:
            return
    say("uv could not do it: trying pip, which is slower.")
    status, slower = run([*pip, "install", "--quiet", "--constraint", LOCK, "--editable", what])
    if status:
        raise SetupError("The packages could not be installed. " + remedy(printed + slower))


def set_up(extras):
    """Bring ``.venv`` to what ``pyproject.toml`` and ``requirements.lock`` say, for a reader or for the tests."""
    if VENV.is_symlink() or (VENV.exists() and not VENV.is_dir()):
        raise SetupError(f"{VENV} is not a folder. Move it away, then run the same command again.")
    wanted = fingerprint()
    state = read_state()
    done = state.get("extras", []) if state.get("made_from") == wanted and state.get("complete") else None
    if done is not None and set(extras) <= set(done) and PYTHON.exists():
        return
    make_venv()
    write_state(complete=False, place=str(VENV))
    extras = sorted(set(extras) | set(done or []))
    install(extras)
    # Matplotlib lists the fonts at its first import, which takes seconds and may be told on stderr: not in a notebook.
    works([str(PYTHON), "-c", "import matplotlib.font_manager"])
    write_state(complete=True, place=str(VENV), made_from=wanted, extras=extras)
    say("Set-up is complete.")


def main(arguments):
    """Run the set-up once at a time; return the exit status."""
    unknown = set(arguments) - {"test"}
    if unknown:
        say("usage: bootstrap.py [test]")
        return 2
    try:
        with Path(__file__).open(encoding="utf-8") as guard:
            if os.name != "nt":
                import fcntl

                fcntl.flock(guard, fcntl.LOCK_EX)  # `make -j lab test`, or two terminals: one waits for the other
            set_up(arguments)
    except SetupError as error:
        say(f"\nSet-up stopped. {error}")
        return 1
    except KeyboardInterrupt:
        say("\nSet-up was interrupted. Run the same command again: it starts afresh.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
