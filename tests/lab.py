"""A real JupyterLab in a real browser, for the browser tests and the explorer's benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = "workbook"
QUIET = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
# what the tests' own packages add to JupyterLab, and a reader does not have
NOT_A_READERS = ("@jupyter/nbgrader", "@jupyter-notebook/lab-extension")
NOT_A_READERS_SERVERS = ("notebook", "nbgrader.server_extensions.formgrader", "nbgrader.server_extensions.course_list")
NOT_A_READERS_SERVERS += tuple(
    f"nbgrader.server_extensions.{name}" for name in ("validate_assignment", "assignment_list")
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"]
FLAGS += ["--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage"]
BROKEN_WIDGET = ("Error displaying widget", "Loading widget", "Widget not found", "Failed to load model")
IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
# one look in the page itself: asking for each prompt from outside costs as much as the notebook's own work
CALM = """idle => {
    const prompts = [...document.querySelectorAll('.jp-InputArea-prompt')].map(each => each.textContent);
    const waiting = prompts.some(each => each.includes('[*]')) || !document.querySelector(idle);
    window.calmLooks = waiting ? 0 : window.calmLooks + 1;
    return window.calmLooks > 3;
}"""
ERRORS = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"


def chromium() -> str:
    """The path of Debian's Chromium; the test fails without it, for a skipped test proves nothing."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise AssertionError("The browser tests need Chromium: apt-get install chromium")


@contextlib.contextmanager
def jupyterlab(root: Path, settings: Path) -> Iterator[str]:
    """A JupyterLab on the loopback address that serves ``root``; gives its address, and stops it at the end."""
    for plugin, values in QUIET.items():
        file = settings / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    page = settings / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps({"disabledExtensions": dict.fromkeys(NOT_A_READERS, True)}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(settings / "config"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
        "IPYTHONDIR": str(settings / "ipython"),
    }
    for name in ("CRKIT_HEADLESS", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "jupyter", "lab", "--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.jpserver_extensions={name}=False" for name in NOT_A_READERS_SERVERS]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}"]
    log = settings / "lab.log"
    with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _shut_down(f"http://127.0.0.1:{port}")
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


def _shut_down(address: str) -> None:
    """Ask the server to end its kernels, so that none outlives it."""
    request = urllib.request.Request(f"{address}/api/shutdown?token={TOKEN}", method="POST")
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=20):
        time.sleep(0.5)


@dataclass
class Tab:
    """One browser page, with what went wrong in it.

    Attributes:
        page: Playwright's page.
        problems: errors on the browser's console, and exceptions that no script caught.
    """

    page: Any
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    def _console(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(message.text[:500])

    def open(self, address: str, notebook: str) -> None:
        """Open a notebook, and wait until it is shown and its kernel is idle."""
        self.page.goto(f"{address}/lab/tree/{notebook}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=120_000)
        self.page.keyboard.press("Control+b")  # fold the file browser away

    def run_all(self, timeout_s: float = 180) -> None:
        """Run every cell, and wait until none is waiting."""
        self.page.keyboard.press("Escape")
        self.page.get_by_role("menuitem", name="Run", exact=True).first.click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.settle(timeout_s)
        never_run = self.page.locator(".jp-CodeCell .jp-InputPrompt", has_text="[ ]:")
        with contextlib.suppress(Exception):  # a cell's number may come a moment after its last output
            never_run.first.wait_for(state="detached", timeout=5_000)
        assert not never_run.count(), f"{never_run.count()} code cells did not run"

    def settle(self, timeout_s: float = 180) -> None:
        """Wait until no cell shows that it is waiting, for three looks in a row."""
        self.page.evaluate("() => { window.calmLooks = 0 }")
        self.page.wait_for_function(CALM, arg=IDLE, polling=100, timeout=timeout_s * 1000)

    def errors(self) -> list[str]:
        """What cells and widgets show as errors."""
        found = [error.inner_text()[-600:] for error in self.page.locator(ERRORS).all()]
        return found + [text for text in BROKEN_WIDGET if self.page.get_by_text(text).count()]


@contextlib.contextmanager
def chrome() -> Iterator[Any]:
    """A headless Chromium, to open tabs in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def tab(browser: Any, width: int = 1280, height: int = 1000) -> Iterator[Tab]:
    """A page of the browser that shares the cache of the others."""
    context = browser.contexts[0] if browser.contexts else browser.new_context()
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    try:
        yield Tab(page)
    finally:
        page.close()
