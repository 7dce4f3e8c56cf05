"""The reader's Hub file: it grows, and never loses what is in it."""

import datetime
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import hub

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


@settings(max_examples=150, deadline=None)
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
    assert [file.name for file in tmp_path.iterdir()] == ["hub.yaml"]


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
