"""The notebooks in a real JupyterLab in a real browser, as a student meets them."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path

import lab
import nbformat
import pytest

from crkit import datasets

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9]*.ipynb"))
OWN = """\
from crkit import explorer, figures

def draw(rate=0.1, months=12, bars=True, who="home"):
    if rate > 0.35:
        raise ValueError("the rate is too high")
    fig, (ax,) = figures.new(size=(5, 2.5))
    ax.plot([(1 - rate) ** month for month in range(months)], **figures.line(bars))
    return figures.finish(fig, title=f"{who}: {rate:.0%}, {months}", alt=f"A curve over {months} months.")

explorer.explore(draw, rate=(0.0, 0.4, 0.05), months=(6, 36, 6), bars=True, who=["home", "office"])"""
IMAGE_CHANGED = "([area, before]) => area.querySelector('img').src !== before && area.querySelector('img').complete"


def own_notebook():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(OWN)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A JupyterLab on a copy of the notebooks, and a browser; gives its address, the folder and the browser."""
    root = tmp_path_factory.mktemp("notebooks")
    for notebook in NOTEBOOKS:
        shutil.copy(notebook, root)
    with lab.chrome() as chrome, lab.jupyterlab(root, tmp_path_factory.mktemp("settings")) as address:
        yield address, root, chrome


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def output_of(tab, index):
    return tab.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")


def move(tab, area, act, what):
    """Do something to a control, and wait until the picture is another one."""
    image = area.locator("img")
    image.wait_for()
    before = image.evaluate("image => image.src")
    act()
    try:
        tab.page.wait_for_function(IMAGE_CHANGED, arg=[area.element_handle(), before], timeout=20_000)
    except Exception as error:
        raise AssertionError(f"the picture did not change after {what}: {tab.errors()}") from error
    assert area.locator("img").count() == 1, "the pictures stack"


def step(slider):
    """Press the arrow key that has room to go."""
    slider.focus()
    value, most = (float(slider.get_attribute(f"aria-value{end}")) for end in ("now", "max"))
    slider.press("ArrowLeft" if value >= most else "ArrowRight")


def move_everything(tab, area):
    """Move every control of an explorer by keyboard or mouse; gives how many there are."""
    moved = 0
    for slider in area.locator(".noUi-handle").all():
        move(tab, area, lambda slider=slider: step(slider), "an arrow key on a slider")
        moved += 1
    for dropdown in area.locator("select").all():
        now = dropdown.evaluate("select => select.selectedIndex")
        move(tab, area, lambda d=dropdown, n=now: d.select_option(index=0 if n else 1), "choosing from a dropdown")
        moved += 1
    for box in area.locator("input[type=checkbox]").all():
        move(tab, area, lambda box=box: box.click(), "clicking a checkbox")
        moved += 1
    return moved


def labels_cut(area):
    return area.locator(".widget-label").evaluate_all(
        "labels => labels.filter(l => l.scrollWidth > l.clientWidth + 1).map(l => l.textContent)"
    )


def write(tab, index, text):
    """Replace what a cell holds, and run it."""
    cell = tab.page.locator(".jp-Notebook .jp-Cell").nth(index)
    cell.locator(".cm-content").click()
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.insert_text(text)
    tab.page.keyboard.press("Control+Enter")
    tab.settle()


def run(tab, index):
    tab.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".cm-content").click()
    tab.page.keyboard.press("Control+Enter")
    tab.settle()


def first_number(path):
    """Name, answer cell, check cell and right answer of the first question that takes a number."""
    cells = cells_of(path)
    sources = [cell.source for cell in cells]
    for index, text in enumerate(sources):
        found = re.search(r'check\("([^"]+)", (\w+)\)', text)
        if not found:
            continue
        name, variable = found.groups()
        topic = re.search(r'questions\.checker\("(\w+)"', "\n".join(sources))[1]
        asked = {q.name: q for q in importlib.import_module(f"crkit.questions.{topic}").QUESTIONS}[name]
        if asked.kind == "number":
            answer = next(i for i in range(index, -1, -1) if re.search(rf"^{variable} = ", sources[i], re.M))
            right = asked.solve(
                datasets.open_source(tables=("orders", "customers", "contacts", "feedback", "points", "truth"))
            )
            return variable, answer, index, float(right)
    return None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_as_a_student_meets_it(path, server):
    address, root, chrome = server
    path = root / path.name
    cells = cells_of(path)
    with lab.tab(chrome) as tab:
        tab.open(address, path.name)
        for index, cell in enumerate(cells):
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                image = output_of(tab, index).locator("img").first
                image.scroll_into_view_if_needed()
                assert image.evaluate("image => image.naturalWidth") > 0, (
                    f"the stored picture of cell {index} is broken"
                )
        assert tab.errors() == []

        tab.run_all()
        assert tab.errors() == []
        for index, cell in enumerate(cells):
            if "explorer.explore(" in cell.source and cell.cell_type == "code":
                area = output_of(tab, index)
                assert move_everything(tab, area) > 0, f"the explorer of cell {index} has no control"
                assert labels_cut(area) == []
                assert area.locator("[role=alert]").count() == 0

        question = first_number(path)
        if question:
            variable, answer, check, right = question
            for value, shown in ((right, ".crkit-right"), (right + 1000, ".crkit-wrong")):
                write(tab, answer, f"{variable} = {value!r}")
                run(tab, check)
                output_of(tab, check).locator(shown).wait_for(timeout=20_000)
        assert tab.errors() == []
        assert tab.problems == []


def test_an_explorer_moves_shows_errors_and_recovers(server):
    address, root, chrome = server
    nbformat.write(own_notebook(), root / "own.ipynb")
    with lab.tab(chrome) as tab:
        tab.open(address, "own.ipynb")
        tab.run_all()
        area = output_of(tab, 0)
        assert move_everything(tab, area) == 4
        assert labels_cut(area) == []
        handle = area.locator(".noUi-handle").first
        handle.focus()
        handle.press("End")
        area.locator("[role=alert]", has_text="ValueError: the rate is too high").wait_for(timeout=20_000)
        assert float(area.locator("img").evaluate("image => getComputedStyle(image).opacity")) < 0.5
        move(tab, area, lambda: handle.press("Home"), "going back to a good value")
        area.locator("[role=alert]").wait_for(state="detached", timeout=20_000)
        assert float(area.locator("img").evaluate("image => getComputedStyle(image).opacity")) == 1
        assert tab.errors() == []
        assert tab.problems == []


def test_a_stored_explorer_shows_its_picture_before_it_is_run(server):
    from nbclient import NotebookClient

    address, root, chrome = server
    notebook = own_notebook()
    NotebookClient(notebook, timeout=120).execute()
    (output,) = notebook.cells[0].outputs
    del output["data"]["application/vnd.jupyter.widget-view+json"]
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, root / "stored.ipynb")
    assert json.loads((root / "stored.ipynb").read_text())["cells"][0]["outputs"][0]["metadata"]["image/png"]["alt"]
    with lab.tab(chrome) as tab:
        tab.open(address, "stored.ipynb")
        image = output_of(tab, 0).locator("img")
        image.wait_for()
        assert image.evaluate("image => image.naturalWidth") == 550
        assert tab.errors() == []
        tab.run_all()
        assert move_everything(tab, output_of(tab, 0)) == 4
        assert tab.errors() == []
        assert tab.problems == []


FORM = """\
import datetime
from crkit import hub
today = datetime.date(2026, 1, 1)
register = hub.load_records("form.yaml")
if not register.records:
    register = hub.save_records("form.yaml", hub.draft(today))
hub.edit("form.yaml", today=today)"""


def test_the_form_of_the_hub_by_keyboard_and_what_a_second_window_changed(server):
    import dataclasses

    from crkit import hub

    address, root, chrome = server
    notebook = own_notebook()
    notebook.cells[0].source = FORM
    nbformat.write(notebook, root / "form.ipynb")
    file = root / "form.yaml"
    with lab.tab(chrome, height=2000) as tab:
        tab.open(address, "form.ipynb")
        tab.run_all()
        area = output_of(tab, 0)
        area.get_by_label("Record", exact=True).select_option(label="R2: Help for offices")
        area.get_by_text("several_owners").wait_for(timeout=20_000)
        assert labels_cut(area) == []
        owner = area.get_by_label("Owner", exact=True)
        owner.focus()
        tab.page.keyboard.press("Control+a")
        tab.page.keyboard.type("Mira Lind")
        area.get_by_text("several_owners").wait_for(state="detached", timeout=20_000)
        area.get_by_label("Interaction type", exact=True).select_option(label="personal assistance")
        area.get_by_text("not_as_expected").wait_for(state="detached", timeout=20_000)
        save = area.get_by_role("button", name="Save")
        save.focus()
        tab.page.keyboard.press("Enter")
        area.get_by_text("Saved R2 in form.yaml.").wait_for(timeout=20_000)
        saved = hub.load_records(file)
        assert (saved["R2"].owner, saved["R2"].interaction_type) == ("Mira Lind", "personal_assistance")

        area.get_by_role("button", name="Undo").click()
        area.get_by_text("The last change of the file is taken back.").wait_for(timeout=20_000)
        assert owner.input_value() == "the service team"
        theirs = hub.load_records(file)
        changed = dataclasses.replace(theirs["R2"], owner="Grace <b>")
        hub.save_records(file, hub.replace(theirs.records, changed), base=theirs)
        owner.fill("Linus")
        save.click()
        area.get_by_role("alert").get_by_text("the file now says 'Grace <b>', you have 'Linus'").wait_for(
            timeout=20_000
        )
        assert hub.load_records(file)["R2"].owner == "Grace <b>"
        assert tab.errors() == []
        assert tab.problems == []
