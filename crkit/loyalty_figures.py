"""The figures of the loyalty topic; each takes a result of one of its methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator

from crkit import figures
from crkit.intervals import Interval
from crkit.loyalty_design import Comparison
from crkit.loyalty_effect import Contrast, Discontinuity, Planted, Pressure, ProgrammeEffect
from crkit.loyalty_liability import ChainLadder, Owed


def _thousands(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _arms(interval: Interval) -> Any:
    return np.array([[interval.estimate - interval.lower], [interval.upper - interval.estimate]])


def _signed(interval: Interval, form: str = "+,.1f") -> str:
    return f"{interval.estimate:{form}} ({interval.lower:{form}} to {interval.upper:{form}})"


def plot_points(table: pd.DataFrame) -> figures.Figure:
    """Points issued, used and expired by period, and what customers hold.

    Args:
        table: made by `crkit.loyalty_ledger.points_over_time`.
    """
    fig, (flow, held) = figures.new(1, 2, size=(10.5, 4.0))
    for i, name in enumerate(("issued", "redeemed", "expired", "adjusted")):
        if table[name].any():
            flow.plot(table["at"], table[name], label=name, **{**figures.line(i), "markersize": 4})
    held.plot(table["at"], table["outstanding"], **{**figures.line(0), "markersize": 4})
    flow.set(ylabel="points in the period", ylim=(0, None))
    held.set(ylabel="points held at its end", ylim=(0, None))
    for ax in (flow, held):
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        _thousands(ax.yaxis)
    figures.legend(flow, loc="upper left")
    issued, redeemed, expired, adjusted = (int(table[n].sum()) for n in ("issued", "redeemed", "expired", "adjusted"))
    left = int(table["outstanding"].iloc[-1])
    title = f"Of {issued:,} points issued, customers still hold {left:,} ({left / issued:.0%})"
    return figures.finish(
        fig,
        title=title,
        alt=f"{title}; {redeemed:,} were redeemed, {expired:,} expired and {adjusted:,} were taken back, from "
        f"{table['at'].iloc[0]:%Y-%m-%d} to {table['at'].iloc[-1]:%Y-%m-%d}.",
    )


def plot_triangle(ladder: ChainLadder) -> figures.Figure:
    """How redemption grows with age, cohort by cohort, and where each is expected to end.

    Args:
        ladder: made by `crkit.loyalty_liability.chain_ladder`.
    """
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    triangle, table = ladder.triangle, ladder.table
    rates = 100 * triangle.redeemed.div(triangle.issued.where(triangle.issued > 0), axis=0)
    n = len(rates)
    for i, (_, row) in enumerate(rates.iterrows()):
        known = row.dropna()
        # older cohorts are paler, the last but one is marked
        style = {"color": figures.BLUE, "alpha": 0.25 + 0.6 * i / n, "linewidth": 1.6, "marker": "o", "markersize": 3}
        left.plot(known.index, known, **style)
    pattern = np.append(1.0, np.cumprod(ladder.factors.to_numpy()))
    total = 100 * ladder.rate.estimate
    left.plot(
        range(n), total * pattern / pattern[-1], label="expected", **{**figures.line(1), "marker": "", "linewidth": 2.2}
    )
    unit = {"M": "months", "Q": "quarters", "Y": "years"}[triangle.period]
    left.set(xlabel=f"{unit} since issue", ylabel="redeemed, % of points issued", ylim=(0, 105))
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures.legend(left, loc="lower right")
    at = np.arange(n)
    spread = 100 * np.stack([table["rate"] - table["lower"], table["upper"] - table["rate"]])
    style = {**figures.line(1), "linestyle": "none"}
    right.bar(at, 100 * table["redeemed"] / table["issued"], label="redeemed so far", **figures.bar(0))
    right.errorbar(
        at, 100 * table["rate"], yerr=np.maximum(np.nan_to_num(spread), 0), capsize=3, label="in the end", **style
    )
    every = max(1, n // 8)
    right.set_xticks(at[::every], [str(cohort) for cohort in table["cohort"]][::every], rotation=30)
    right.set(
        ylabel=f"% of points issued, {100 * ladder.level:.0f} % interval", ylim=(0, 125), yticks=range(0, 101, 20)
    )
    figures.legend(right, loc="upper left", ncols=2)
    title = str(ladder)
    cohorts = "; ".join(
        f"{c}: {r:.0%} ({lo:.0%} to {hi:.0%})"
        for c, r, lo, hi in zip(table["cohort"], table["rate"], table["lower"], table["upper"], strict=True)
    )
    return figures.finish(
        fig, title=title[0].upper() + title[1:], alt=f"{title}. In the end, by cohort of issue: {cohorts}."
    )


def plot_owed(owed: Owed) -> figures.Figure:
    """The part of the sales that is for points, cohort by cohort: earned, and still owed.

    Args:
        owed: made by `crkit.loyalty_liability.owed`.
    """
    fig, (ax,) = figures.new(size=(8.5, 4.0))
    table = owed.table
    at = np.arange(len(table))
    ax.bar(at, table["revenue_eur"], label="earned, as points were used", **figures.bar(0))
    spread = np.stack(
        [table["liability_eur"] - table["liability_lower"], table["liability_upper"] - table["liability_eur"]]
    )
    ax.bar(
        at, table["liability_eur"], bottom=table["revenue_eur"], yerr=np.maximum(spread, 0), capsize=3,
        label="still owed", ecolor=figures.INK, **figures.bar(1),
    )  # fmt: skip
    every = max(1, len(table) // 10)
    ax.set_xticks(at[::every], [str(cohort) for cohort in table["cohort"]][::every])
    ax.set(xlabel="points issued in", ylabel="EUR of sales that are for points")
    _thousands(ax.yaxis)
    figures.legend(ax, loc="upper left")
    low, high = owed.liability_eur.lower, owed.liability_eur.upper
    title = (
        f"The programme owes {owed.liability_eur.estimate:,.0f} EUR ({low:,.0f} to {high:,.0f}){owed.triangle.dated}"
    )
    by = "; ".join(
        f"{c}: {earned:,.0f} earned, {open_:,.0f} owed"
        for c, earned, open_ in zip(table["cohort"], table["revenue_eur"], table["liability_eur"], strict=True)
    )
    return figures.finish(fig, title=title, alt=f"{title}. In EUR, by cohort of issue: {by}.")


def plot_recognition(table: pd.DataFrame) -> figures.Figure:
    """What was allocated to points: earned before, earned in the period, and owed at its end.

    Args:
        table: made by `crkit.loyalty_liability.recognise`.
    """
    fig, (ax,) = figures.new(size=(8, 4.0))
    at = table["period"].to_numpy()
    before = table["revenue_to_date_eur"] - table["revenue_eur"]
    bottom = np.zeros(len(table))
    parts = (
        ("earned before", before),
        ("earned in the period", table["revenue_eur"]),
        ("owed", table["liability_eur"]),
    )
    for i, (label, values) in enumerate(parts):
        ax.bar(at, values, bottom=bottom, width=0.6, label=label, **figures.bar(i))
        for x, low, value in zip(at, bottom, values, strict=True):
            if value > 0.04 * bottom.max(initial=float(table["liability_eur"].max())):
                ax.text(x + 0.33, low + value / 2, f"{value:,.0f}", va="center", fontsize=10, color=figures.INK)
        bottom = bottom + values.to_numpy()
    ax.set_xticks(at)
    ax.set(xlabel="period", ylabel="EUR", xlim=(at[0] - 0.6, at[-1] + 0.9), ylim=(0, 1.3 * float(bottom.max())))
    _thousands(ax.yaxis)
    figures.legend(ax, loc="upper left", ncols=3)
    last = table.iloc[-1]
    title = (
        f"Of {bottom.max():,.0f} EUR for points, {last['revenue_to_date_eur']:,.0f} are earned and "
        f"{last['liability_eur']:,.0f} owed after period {int(last['period'])}"
    )
    rows = "; ".join(
        f"period {int(p)}: {e:,.0f} earned in it, {o:,.0f} owed"
        for p, e, o in zip(table["period"], table["revenue_eur"], table["liability_eur"], strict=True)
    )
    return figures.finish(fig, title=title, alt=f"{title}. In EUR, {rows}.")


def plot_effect(effect: ProgrammeEffect, planted: Planted | None = None) -> figures.Figure:
    """The effect by the random holdout, as it comes and sharpened, beside the comparison that misleads.

    Args:
        effect: made by `crkit.loyalty_effect.programme_effect`.
        planted: the truth of a simulated company, to be marked.
    """
    fig, (ax,) = figures.new(size=(9.5, 4.0))
    every = [
        ("a customer invited, holdout", effect.per_customer, planted and planted.per_customer),
        ("a customer invited, sharpened", effect.adjusted, planted and planted.per_customer),
        ("a member, holdout", effect.enrolled, planted and planted.enrolled),
        ("a member, sharpened", effect.enrolled_adjusted, planted and planted.enrolled),
        ("members less others (wrong)", effect.naive, planted and planted.enrolled),
    ]
    rows = [row for row in every if np.isfinite(row[1].estimate)]
    for i, (_, interval, truth) in enumerate(rows):
        kind = i // 2
        style = {**figures.line(kind), "linestyle": "none", "markersize": 7}
        ax.errorbar([interval.estimate], [-i], xerr=_arms(interval), capsize=4, **style)
        if truth is not None:
            ax.plot([truth], [-i + 0.28], marker="v", color=figures.INK, markersize=8, linestyle="none",
                    label="planted" if i == 0 else None)  # fmt: skip
    ax.axvline(0, color=figures.GREY, linewidth=1)
    ax.set_yticks([-i for i in range(len(rows))], [name for name, _, _ in rows])
    ax.set(xlabel="EUR over the data, 95 % interval", ylim=(-len(rows) + 0.4, 0.8))
    _thousands(ax.xaxis)
    if planted is not None:
        figures.legend(ax, loc="upper right")
    a = effect.adjusted
    verdict = "pays" if a.lower > 0 else "costs more than it brings" if a.upper < 0 else "cannot be told from nothing"
    title = f"The programme {verdict}: {_signed(a)} EUR a customer invited"
    if np.isfinite(effect.naive.estimate):
        title += f"; members less others would say {effect.naive.estimate:+,.0f}"
    said = "; ".join(f"{name}: {_signed(interval)}" for name, interval, _ in rows)
    marked = (
        ""
        if planted is None
        else f" Planted: {planted.per_customer:+.1f} a customer invited, {planted.enrolled:+.1f} a member."
    )
    return figures.finish(fig, title=title, alt=f"In EUR, {said}.{marked}")


def plot_discontinuity(
    found: Discontinuity, donut: Discontinuity | None = None, *, planted: float | None = None
) -> figures.Figure:
    """The outcome on both sides of a threshold, and its jump.

    Args:
        found: made by `crkit.loyalty_effect.discontinuity`.
        donut: the same without those nearest to the threshold, to be shown beside it.
        planted: the true jump of a simulated company, to be marked.
    """
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    size = found.bins["customers"].to_numpy()
    left.scatter(
        found.bins["at"], found.bins["mean"], s=10 + 90 * size / size.max(), color=figures.BLUE, alpha=0.7, zorder=3
    )
    for i in range(2):
        part = found.lines.iloc[2 * i : 2 * i + 2]
        left.plot(part["at"], part["fitted"], **{**figures.line(1), "marker": "", "linewidth": 2.2})
    left.axvline(found.cutoff, color=figures.GREY, linestyle=":", linewidth=1.4)
    left.set(xlabel="what decides, a dot a group of customers", ylabel="outcome")
    rows = [("straight lines, plain", found.local_linear), ("robust", found.estimate)]
    if donut is not None:
        rows.append((f"robust, without\nthe {donut.donut:g} nearest", donut.estimate))
    for i, (_, interval) in enumerate(rows):
        style = {**figures.line(i), "linestyle": "none", "markersize": 7}
        right.errorbar([interval.estimate], [-i], xerr=_arms(interval), capsize=4, **style)
    right.axvline(0, color=figures.GREY, linewidth=1)
    if planted is not None:
        right.axvline(planted, color=figures.INK, linestyle="--", linewidth=1.4, label="planted")
        figures.legend(right, loc="upper right")
    right.set_yticks([-i for i in range(len(rows))], [name for name, _ in rows])
    right.set(xlabel="jump, 95 % interval", ylim=(-len(rows) + 0.4, 0.8))
    jump = rows[-1][1]
    sure = "jumps by" if jump.lower > 0 or jump.upper < 0 else "has no jump that can be told from none:"
    title = f"At {found.cutoff:g} the outcome {sure} {_signed(jump, '+.3f')}"
    said = "; ".join(f"{name}: {_signed(interval, '+.3f')}".replace("\n", " ") for name, interval in rows)
    return figures.finish(
        fig,
        title=title,
        alt=f"{said}. {found.below:,} customers below and {found.above:,} above, within {found.bandwidth:.0f} of "
        f"{found.cutoff:g}." + ("" if planted is None else f" Planted: {planted:+.3f}."),
    )


def plot_pressure(pressure: Pressure) -> figures.Figure:
    """How far the order that reaches the threshold goes beyond it, late in the year and before.

    Args:
        pressure: made by `crkit.loyalty_effect.points_pressure`.
    """
    fig, (ax,) = figures.new(size=(8.5, 4.0))
    late = (pressure.table["quarter"] == 4).to_numpy()
    over = pressure.table["over_eur"].to_numpy()
    edges = np.arange(0, 41, 2.0)
    for i, (label, mask) in enumerate((("last quarter", late), ("the other quarters", ~late))):
        count = max(int(mask.sum()), 1)
        share = 100 * np.histogram(over[mask], edges)[0] / count
        ax.bar(
            edges[:-1] + 0.55 + 0.9 * i, share, width=0.9, label=f"{label} ({int(mask.sum()):,} orders)",
            **figures.bar(1 - i),
        )  # fmt: skip
    ax.set(
        xlabel=f"EUR beyond {pressure.threshold_eur:,.0f}, of the order that reaches it", ylabel="share of orders, %",
        xlim=(0, edges[-1]),
    )  # fmt: skip
    figures.legend(ax, loc="upper right")
    if not pressure.late.cases:
        title = f"No order of a last quarter reached {pressure.threshold_eur:,.0f} EUR"
    else:
        title = f"{pressure.late.share:.0%} of the orders that reach the tier in the last quarter hit it to the euro"
        title += f"; {pressure.early.share:.0%} before" if pressure.early.cases else ""
    return figures.finish(
        fig,
        title=title,
        alt=f"Orders that hit {pressure.threshold_eur:,.0f} EUR within {pressure.within_eur:g}: last quarter "
        f"{pressure.late}; other quarters {pressure.early}.",
    )


def plot_contrast(contrast: Contrast, *, unit: str = "EUR") -> figures.Figure:
    """Those in a campaign and the others over time, and what each comparison says.

    Args:
        contrast: made by `crkit.loyalty_effect.campaign_contrast`.
        unit: of the money.
    """
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    table = contrast.table
    for i, (name, label) in enumerate((("in_campaign", "in the campaign"), ("others", "others"))):
        left.plot(table["period"], table[name], label=label, **{**figures.line(i), "markersize": 3})
    left.axvline(-0.5, color=figures.GREY, linestyle=":", linewidth=1.4)
    left.set(xlabel="periods since it began", ylabel=f"{unit} a unit and period", ylim=(0, None))
    figures.legend(left, loc="lower left")
    rows = [
        ("in it less others", contrast.naive),
        ("after less before", contrast.before_after),
        ("change less\nothers' change", contrast.difference),
        ("the same, one\nwindow earlier", contrast.placebo),
    ]
    for i, (_, interval) in enumerate(rows):
        style = {**figures.line(i), "linestyle": "none", "markersize": 7}
        right.errorbar([interval.estimate], [-i], xerr=_arms(interval), capsize=4, **style)
    right.axvline(0, color=figures.GREY, linewidth=1)
    right.set_yticks([-i for i in range(len(rows))], [name for name, _ in rows])
    right.set(xlabel=f"{unit} a unit and period, 95 % interval", ylim=(-len(rows) + 0.4, 0.6))
    verdict = (
        "the placebo finds nothing, which is no proof"
        if contrast.holds
        else "the placebo fails: this is not its effect"
    )
    title = f"Change less the others' change: {contrast.difference.estimate:+.2f} {unit} a unit and period; {verdict}"
    said = "; ".join(f"{name}: {_signed(interval, '+.2f')}".replace("\n", " ") for name, interval in rows)
    return figures.finish(
        fig,
        title=title,
        alt=f"{title}. {said}. {contrast.in_campaign:,} units in the campaign and {contrast.others:,} others.",
    )


def plot_designs(comparison: Comparison) -> figures.Figure:
    """What each design brings and costs, and who gains.

    Args:
        comparison: made by `crkit.loyalty_design.compare_designs`.
    """
    fig, (left, right) = figures.new(1, 2, size=(10.5, 4.2))
    table = comparison.table
    at = np.arange(len(table))
    parts = [
        ("extra margin", table["extra_margin_eur"], 0),
        ("rewards used", -table["rewards_eur"], 1),
        ("owed", -table["liability_eur"], 3),
        ("running, perks, returns", -(table["fixed_eur"] + table["perks_eur"] + table["returns_eur"]), 2),
    ]
    down = np.zeros(len(table))
    for label, values, i in parts:
        below = np.where(values < 0, down, 0.0)
        left.bar(at, values, bottom=below, width=0.6, label=label, **figures.bar(i))
        down = down + np.minimum(values.to_numpy(), 0.0)
    spread = np.stack(
        [table["profit_eur"] - table["profit_lower"], table["profit_upper"] - table["profit_eur"]]
    )  # fmt: skip
    left.errorbar(
        at, table["profit_eur"], yerr=spread, color=figures.INK, marker="D", linestyle="none", capsize=4, label="profit"
    )
    left.axhline(0, color=figures.GREY, linewidth=1)
    left.set_xticks(at, table["design"])
    top = float(table["extra_margin_eur"].max())
    left.set(ylabel=f"EUR in {comparison.months} months", ylim=(1.08 * min(float(down.min()), 0.0) - 1, 1.6 * top + 1))
    _thousands(left.yaxis)
    left.legend(frameon=False, fontsize=8.5, labelcolor=figures.INK, loc="upper left", ncols=2)
    gains = comparison.gains
    groups = list(gains["group"].unique())
    width = 0.8 / len(table)
    for i, design in enumerate(table["design"]):
        own = gains[gains["design"] == design].set_index("group").reindex(groups)
        right.bar(
            np.arange(len(groups)) + width * (i - (len(table) - 1) / 2), own["profit_eur"], width=width, label=design,
            **figures.bar(i),
        )  # fmt: skip
    right.axhline(0, color=figures.GREY, linewidth=1)
    right.set_xticks(range(len(groups)), [name.replace(" ", "\n") for name in groups], fontsize=9)
    right.set(ylabel="profit, EUR a customer")
    figures.legend(right, loc="lower left")
    best = table.loc[int(table["profit_eur"].to_numpy().argmax())]
    title = f"{best['design']} brings most: {best['profit_eur']:+,.0f} EUR in {comparison.months} months"
    rivals = comparison.differences
    own = rivals[(rivals["design"] == best["design"]) | (rivals["against"] == best["design"])]
    if len(own) and ((own["lower"] <= 0) & (own["upper"] >= 0)).any():
        title += ", but not surely more than every other"
    said = "; ".join(
        f"{d}: profit {p:+,.0f} ({lo:+,.0f} to {hi:+,.0f}), owed {o:,.0f}, {r:.0%} of the points used"
        for d, p, lo, hi, o, r in table[
            ["design", "profit_eur", "profit_lower", "profit_upper", "liability_eur", "redemption"]
        ].itertuples(index=False)
    )
    return figures.finish(fig, title=title, alt=f"{title}. In EUR, {said}. {comparison.customers:,} customers.")
