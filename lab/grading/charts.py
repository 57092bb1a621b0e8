"""The charts of the class report."""

from collections import Counter
from statistics import mean

import numpy as np
from matplotlib.ticker import MaxNLocator

from lab.grading.judges.table import automatic_points
from lab.grading.record import Record
from utils.plot.figure import BLUE, SMALL, TEXT, Figure

WIDTH = 4.5  # inches, the figures; they still read well on a phone


def plot_points(totals: list[float]) -> Figure:
    """Plot how many students have how many points.

    Parameters
    ----------
    totals : list of float
        Points of each student.

    Returns
    -------
    Figure
    """
    figure = Figure(WIDTH, 2.4)
    axes = figure.subplots()
    # A bar for each number of points, which stands above that number.
    edges = np.arange(automatic_points() + 2) - 0.5
    counts, *_ = axes.hist(np.floor(totals), edges, color=BLUE, rwidth=0.9)
    axes.set_xlabel("points, rounded down", size=SMALL)
    axes.set_ylabel("students", size=SMALL)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    shown = [f"{n}: {count:.0f}" for n, count in enumerate(counts) if count]
    figure.alt = f"Students by points, rounded down. {', '.join(shown)}."
    return figure


def plot_difficulty(records: list[Record]) -> Figure:
    """Plot which share of its points the class earned for each property.

    Parameters
    ----------
    records : list of Record

    Returns
    -------
    Figure
    """
    shares = {}
    for record in records:
        for id, findings in record.scores.items():
            for each in findings:
                percents = shares.setdefault(f"{id}: {each.name}", [])
                percents.append(100 * each.earned / each.points)
    means = {name: mean(percents) for name, percents in shares.items()}
    return _bars("Points earned", means, "{:.0f} %")


def plot_pairs(records: list[Record]) -> Figure:
    """Plot which two breeds were most often taken for each other.

    Parameters
    ----------
    records : list of Record

    Returns
    -------
    Figure
        Both directions are added up.
    """
    pairs = Counter()
    for record in records:
        for one, other, count in record.mistakes:
            pairs[" and ".join(sorted([one, other]))] += count
    most = dict(pairs.most_common(10))
    return _bars("Pictures taken for the other breed", most)


def _bars(subject: str, lengths: dict[str, float], form: str = "{}") -> Figure:
    """Draw bars from the top, the name above each and the value behind it."""
    values = [form.format(length) for length in lengths.values()]
    figure = Figure(WIDTH, 0.45 * max(len(lengths), 1) + 0.2)
    axes = figure.subplots()
    places = range(len(lengths))
    bars = axes.barh(places, lengths.values(), height=0.4, color=BLUE)
    axes.bar_label(bars, values, padding=4, fontsize=SMALL)
    for place, name in zip(places, lengths, strict=True):
        axes.annotate(name, (0, place), (0, 9), textcoords="offset points", **TEXT)
    axes.set_xlim(0, 1.12 * max(lengths.values(), default=0) or 1)
    axes.set_ylim(len(lengths) - 0.5, -0.9)
    axes.set_axis_off()
    shown = [f"{name} {value}" for name, value in zip(lengths, values, strict=True)]
    figure.alt = f"{subject}. {'; '.join(shown) or 'None'}."
    return figure
