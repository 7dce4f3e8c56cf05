"""The reader's Hub file: it grows, and never loses what is in it."""

import dataclasses
import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import hub, hub_file

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc #:-é1", min_size=1), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["segments", "canvas", "crm", "a: b", "# odd", "1", "ünï", "- x", "null"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names, plain), min_size=1, max_size=6), st.booleans())
def test_every_section_is_kept_whatever_is_written(tmp_path_factory, steps, flow):
    path = tmp_path_factory.mktemp("hub") / "hub.yaml"
    expected: dict[str, object] = {}
    for name, value in steps:
        shown = hub.update(path, name, value)
        if isinstance(value, dict) and isinstance(expected.get(name), dict):
            value = {**expected[name], **value}
        expected[name] = value
        assert yaml.safe_load(shown) == {name: value}
        assert hub.read(path) == expected
        if flow:
            path.write_text(yaml.safe_dump(expected, default_flow_style=True, allow_unicode=True), encoding="utf-8")


def test_comments_other_sections_and_unknown_fields_stay(tmp_path):
    path = tmp_path / "hub.yaml"
    path.write_text(
        "# mine\n\ncanvas:   {who: 'we'}  # short\n\nsegments:\n  home:\n    note: mine\n  names: [a, b]\n"
        "# about the CRM\ncrm:\n  - |\n    long\n    text\n",
        encoding="utf-8",
    )
    hub.update(path, "segments", {"names": ["c"], "chosen": 3})
    assert path.read_text(encoding="utf-8") == (
        "# mine\n\ncanvas:   {who: 'we'}  # short\n\nsegments:\n  home:\n    note: mine\n"
        "  names:\n    - c\n  chosen: 3\n# about the CRM\ncrm:\n  - |\n    long\n    text\n"
    )


def test_writing_the_same_again_leaves_the_file_as_it_is(tmp_path):
    path = tmp_path / "hub.yaml"
    hub.update(path, "segments", {"share": float("nan"), "k": 3})
    before = path.stat().st_mtime_ns, path.read_bytes()
    hub.update(path, "segments", {"share": float("nan"), "k": 3})
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_numpy_and_pandas_values_become_plain_ones(tmp_path):
    path = tmp_path / "hub.yaml"
    hub.update(
        path, "s", {"n": np.int64(3), "x": np.float64(0.5), "at": pd.Timestamp("2025-01-31"), "t": (1, np.True_)}
    )
    assert hub.read(path) == {"s": {"n": 3, "x": 0.5, "at": datetime.datetime(2025, 1, 31), "t": [1, True]}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a\n- b\n", "does not hold sections"),
        ("just text", "does not hold sections"),
        ("a: [1, 2\nb: 3\n", "not valid YAML (line 2)"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"\xff\xfe\x00bad", "not a text file in UTF-8"),
    ],
)
def test_a_file_that_is_no_hub_is_refused_and_left_alone(tmp_path, text, says):
    path = tmp_path / "hub.yaml"
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(says)):
        hub.update(path, "segments", {"a": 1})
    assert path.read_bytes() == content


@pytest.mark.parametrize("value", [object(), {"a": [{1, 2}]}, pd.Series([1]), {(1, 2): "x"}])
def test_a_value_that_is_not_plain_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="segments"):
        hub.update(tmp_path / "hub.yaml", "segments", value)
    assert list(tmp_path.iterdir()) == []


def test_a_section_needs_a_name(tmp_path):
    with pytest.raises(ValueError, match="needs a name"):
        hub.update(tmp_path / "hub.yaml", " ", {})


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "hub.yaml"
    hub.update(path, "segments", {"k": 3})
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        hub.update(path, "canvas", {"a": 1})
    assert path.read_bytes() == before
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".yaml"]


def test_a_link_is_followed_and_permissions_stay(tmp_path):
    real = tmp_path / "real.yaml"
    real.write_text("a: 1\n", encoding="utf-8")
    real.chmod(0o640)
    link = tmp_path / "hub.yaml"
    link.symlink_to(real)
    hub.update(link, "b", 2)
    assert link.is_symlink()
    assert hub.read(Path(real)) == {"a": 1, "b": 2}
    assert real.stat().st_mode & 0o777 == 0o640


# ------------------------------------------------------------------------------------------------- a file not to trust

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "stands for more than 200,000 values"),
        ("a: &a [*a]\n", "contains itself"),
        ("a: {b: 1, b: 2}\n", "names 'b' twice (line 1)"),
        ("crm: 1\ncrm: 2\n", "names 'crm' twice (line 2)"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 40 deep"),
        ("a: " + "[" * 700, "nested too deeply"),
        ("a: !!python/name:os.system\n", "not valid YAML (line 1)"),
        ("a: !other thing\n", "not valid YAML (line 1)"),
        ("a: \x07\n", "not valid YAML"),
    ],
    ids=["bomb", "cycle", "field twice", "section twice", "deep", "very deep", "python", "tag", "control"],
)
def test_hostile_yaml_is_refused_with_a_sentence(tmp_path, text, says):
    path = tmp_path / "hub.yaml"
    path.write_text(text, encoding="utf-8")
    for act in (lambda: hub.read(path), lambda: hub.load_records(path), lambda: hub.update(path, "s", 1)):
        with pytest.raises(ValueError, match=re.escape(says)):
            act()
    assert path.read_text(encoding="utf-8") == text


def test_a_file_of_50_mb_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "hub.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(ValueError, match=r"hub\.yaml has 50\.0 MB; a Hub has 2 MB at the most"):
        hub.read(path)
    with pytest.raises(ValueError, match=r"50\.0 MB"):
        hub.save_records(path, [hub.Record("R1", "x")])


def test_nothing_too_large_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(hub_file, "LARGEST_BYTES", 20_000)  # a text of 2 MB takes the YAML library ten seconds
    path = tmp_path / "hub.yaml"
    with pytest.raises(ValueError, match="at the most"):
        hub.update(path, "notes", "x" * 20_000)
    assert not path.exists()


# ------------------------------------------------------------------------------------------------------ undo and locks


def test_every_change_can_be_undone_and_brought_back(tmp_path):
    path = tmp_path / "hub.yaml"
    states = [""]
    for k in range(5):
        hub.update(path, "segments", {"k": k})
        states.append(path.read_text(encoding="utf-8"))
    path.write_text(states[-1] + "# by hand\n", encoding="utf-8")
    hub.update(path, "crm", 1)
    states += [states[-1] + "# by hand\n", path.read_text(encoding="utf-8")]
    for state in reversed(states[:-1]):
        if state != states[-3]:  # the edit by hand is no change of ours: it goes with ours
            assert hub.undo(path) == path.read_text(encoding="utf-8") == state
    assert hub.undo(path) is None
    for _ in range(6):
        assert hub.redo(path) is not None
    assert path.read_text(encoding="utf-8") == states[-1]
    assert hub.redo(path) is None


def test_a_new_change_ends_what_could_be_brought_back_and_the_history_stays_short(tmp_path, monkeypatch):
    from crkit import hub_file

    monkeypatch.setattr(hub_file, "KEPT", 4)
    path = tmp_path / "hub.yaml"
    for k in range(9):
        hub.update(path, "k", k)
    hub.undo(path)
    hub.update(path, "k", 100)
    assert hub.redo(path) is None
    assert len(list(hub.history(path).iterdir())) == 4
    assert [hub.read(path)["k"] for _ in range(4) if hub.undo(path)] == [7, 6, 5, 4]


def test_two_processes_lose_nothing(tmp_path):
    """Without the lock, sections vanish: each process reads the file before the other has written."""
    path = tmp_path / "hub.yaml"
    code = "import sys\nfrom crkit import hub\nfor k in range(15): hub.update(sys.argv[1], f'{sys.argv[2]}{k}', k)"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "ab"]
    assert [one.wait(120) for one in running] == [0, 0]
    assert set(hub.read(path)) == {f"{name}{k}" for name in "ab" for k in range(15)}


def test_a_file_that_stays_locked_is_said_to_be_busy(tmp_path, monkeypatch):
    from crkit import hub_file

    monkeypatch.setattr(hub_file, "WAIT_S", 0.1)
    path = tmp_path / "hub.yaml"
    with hub_file._locked(path), pytest.raises(hub.HubBusyError, match="another window"):
        hub.update(path, "a", 1)


# --------------------------------------------------------------------------------------------------------- the register


def full(key="R1", **changes):
    values = {
        "id": key,
        "name": "Own barista",
        "interaction_type": "dedicated_personal_assistance",
        "segments": ("cafes",),
        "value_proposition": "Coffee that is never out.",
        "channels": ("account manager", "phone"),
        "purpose": "retain",
        "stage": "retention",
        "objectives": ("keep 95 % of the cafes",),
        "expected_type": "dedicated_personal_assistance",
        "established_type": "personal_assistance",
        "owner": "Ada",
        "resources": ("two account managers",),
        "activities": ("visits",),
        "partners": ("machine service",),
        "revenue_streams": ("beans",),
        "costs": ("wages",),
        "cost_per_year": 60_000,
        "frequency": "every two months",
        "integration": "Feeds the delivery plan.",
        "metrics": (hub.Metric("human share", 0.7, 0.9, "share", measure="human_share"),),
        "feedback_loop": "A question after each visit.",
        "status": "active",
        "assumptions": ("owners want to be called",),
        "review_on": datetime.date(2026, 6, 30),
        "silenced": {"no_partner": "we have none"},
        "extra": {"mood": {"sunny": [1, 2]}},
    }
    return hub.Record(**{**values, **changes})


def test_a_record_survives_its_file_with_every_field(tmp_path):
    path = tmp_path / "hub.yaml"
    hub.update(path, "segments", {"k": 3})
    saved = hub.save_records(path, [full(), hub.Record("R2", "later")])
    assert saved.records == (full(), hub.Record("R2", "later")) == hub.load_records(path).records
    assert hub.read(path)["segments"] == {"k": 3}
    assert {field.name for field in dataclasses.fields(hub.Record)} == {*hub.as_mapping(full()), "extra"} - {"mood"}


def test_fields_of_a_newer_version_survive(tmp_path):
    path = tmp_path / "hub.yaml"
    path.write_text(
        "register:\n  format: 7\n  colour: red\n  records:\n    - id: R1\n      name: a\n      mood: {x: 1}\n"
        "      metrics:\n        - {name: m, target: 2, spread: [1, 2]}\n",
        encoding="utf-8",
    )
    register = hub.load_records(path)
    hub.save_records(path, [dataclasses.replace(register["R1"], owner="Ada")], base=register)
    section = hub.read(path)["register"]
    assert (section["format"], section["colour"]) == (7, "red")
    assert section["records"][0]["mood"] == {"x": 1}
    assert section["records"][0]["metrics"][0]["spread"] == [1, 2]
    assert section["records"][0]["owner"] == "Ada"


def test_an_edit_in_a_second_window_is_not_overwritten(tmp_path):
    path = tmp_path / "hub.yaml"
    hub.save_records(path, [full(), hub.Record("R2", "b")])
    mine, theirs = hub.load_records(path), hub.load_records(path)
    hub.save_records(path, [full(owner="Grace"), hub.Record("R3", "c")], base=theirs)
    before = path.read_bytes()
    with pytest.raises(hub.ConflictError) as caught:
        hub.save_records(path, [full(owner="Linus"), hub.Record("R2", "b")], base=mine)
    assert path.read_bytes() == before
    said = {(d.record, d.field): d[2:] for d in caught.value.differences}
    assert said == {
        ("R1", "owner"): ("'Ada'", "'Grace'", "'Linus'"),
        ("R2", "(record)"): ("'b'", "", "'b'"),
        ("R3", "(record)"): ("", "'c'", ""),
    }
    assert "it was 'Ada', the file now says 'Grace', you have 'Linus'" in str(caught.value)
    hub.save_records(path, [full(owner="Linus")], base=caught.value.theirs)
    assert hub.load_records(path)["R1"].owner == "Linus"
    with pytest.raises(hub.ConflictError, match=r"in another window, or base= .* was left out"):
        hub.save_records(path, [full()])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"id": ""}, "needs an id"),
        ({"interaction_type": "self servise"}, "did you mean self_service?"),
        ({"purpose": "please"}, "purpose is 'please'; allowed: acquire, retain, grow"),
        ({"cost_per_year": -1}, "a number of 0 or more"),
        ({"cost_per_year": "a lot"}, "cost_per_year is 'a lot'"),
        ({"cost_per_year": float("nan")}, "cost_per_year"),
        ({"review_on": "soon"}, "a day is needed"),
        ({"segments": {"a": 1}}, "must be a list of texts"),
        ({"metrics": "churn"}, "metrics must be a list"),
        ({"metrics": [{"target": 1}]}, "a metric needs a name"),
        ({"silenced": {"no_owner": ""}}, "silenced without a reason"),
        ({"name": "bell\x07"}, "U+0007, which is not text"),
        ({"owner": "x" * 9000}, "9,000 characters"),
        ({"extra": {"owner": 1}}, "field of its own"),
    ],
)
def test_a_record_that_cannot_be_is_refused(values, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        full(**values)


def test_records_in_a_file_are_refused_with_the_place(tmp_path):
    path = tmp_path / "hub.yaml"
    for text, says in (
        ("register: {records: [{id: A, name: x}, {id: A, name: y}]}", "two records have the id A: 'x' and 'y'"),
        ("register: {records: [{id: A, purpose: joy}]}", "record A: purpose is 'joy'"),
        ("register: {records: [3]}", "a record must be a mapping"),
        ("register: 3", "it must hold records"),
        ("register: {records: {A: 1}}", "it must hold records"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=re.escape(f"hub.yaml, section register: {says}")):
            hub.load_records(path)


def test_links_say_what_is_missing():
    table = hub.links([full(), hub.Record("R2", "b", segments=("a", "b"))])
    assert table.loc["R1", "missing"] == 0
    assert table.loc["R2", "missing"] == 9
    assert table.loc["R2", "segments"] == "a, b"
    assert table.loc["R1", "interaction_type"] == "dedicated personal assistance"
    assert len(hub.COMPONENTS) == 10
    assert hub.plot_links([full(owner="x", partners=())]).get_suptitle().startswith("1 of 10 links is missing")
    figure = hub.plot_links([full(), hub.Record("R2", "b $x$ <b>")])
    assert figure.get_suptitle().startswith("10 of 20 links are missing")
    assert "R1 lacks nothing" in figure.alt
    assert len(figure.png()) > 5000
    one = hub.plot_record(full(owner="x", partners=()))
    assert one.get_suptitle() == "R1 is linked to 9 of its 10 related components"
    assert one.alt.endswith("Missing: key partners.")
    with pytest.raises(ValueError, match="no records"):
        hub.plot_links([])
