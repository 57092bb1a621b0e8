"""Figures of numbers: curves, confusion, budgets."""

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy.optimize import isotonic_regression
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from utils import checks
from utils.plot.figure import (
    BLUE,
    CENTRED,
    TEXT,
    VERMILION,
    Figure,
    count_of,
    listed,
    of_255,
    percent,
)

CURVES = {
    "": ("training", {"color": BLUE, "linestyle": "-", "marker": "o"}),
    "val_": ("validation", {"color": VERMILION, "linestyle": "--", "marker": "s"}),
}
# The colours of Okabe and Ito, those that stand out from white first, with grey for
# their yellow, which does not; each with a line style of its own.
STYLES = [
    (BLUE, "-"),
    (VERMILION, "--"),
    ("#009E73", "-."),
    ("black", ":"),
    ("#CC79A7", (0, (8, 2))),
    ("#E69F00", (0, (5, 1, 1, 1, 1, 1))),
    ("#56B4E9", (0, (3, 3))),
    ("0.5", (0, (1, 3))),
]
SHARES = {"accuracy", "probability"}  # written in percent
LABEL = 0.075  # of the height of a plot, between two labels
SHARE_COLORS = "Blues"  # differ in lightness all along, so nobody needs the hue


def plot_history(history) -> Figure:
    """Plot how training went: loss and accuracy by epoch, a panel for each.

    Parameters
    ----------
    history : dict of str to sequence of float
        One value per epoch, in names such as ``loss`` and ``accuracy`` (in [0, 1]),
        and ``val_loss`` and ``val_accuracy`` for the pictures held out.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is nothing to plot, the lengths differ, or a value is not finite.
    """
    _check_history(history)
    panels = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    figure = Figure(4.5 * len(panels), 3)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    shown = [
        f"{panel}: {_draw_curves(axes, panel, history)}"
        for axes, panel in zip(grid, panels, strict=True)
    ]
    epochs = count_of(len(next(iter(history.values()))), "epoch")
    figure.alt = f"Training history of {epochs}{listed(shown, '; ')}."
    return figure


def _draw_curves(axes, panel, history) -> str:
    """Draw the curves of one panel and say how they run."""
    starts = (start for start in CURVES if start + panel in history)
    curves = {start: history[start + panel] for start in starts}
    highest = max(curves, key=lambda start: curves[start][-1])
    shown = []
    for start, values in curves.items():
        name, style = CURVES[start]
        epochs = range(1, len(values) + 1)
        every = -(-len(values) // 10)
        axes.plot(epochs, values, markevery=every, markersize=5, **style)
        # Its name is at its end, above or below that of the other.
        end, align = (epochs[-1], values[-1]), "bottom" if start == highest else "top"
        axes.annotate(name, end, (6, 0), textcoords="offset points", va=align)
        ends = [_value(panel, values[0]), _value(panel, values[-1])]
        shown.append(f"{name} {' to '.join(ends)}")
    axes.set_title(panel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _set_scales(axes, "epoch", panel)
    return ", ".join(shown)


def _set_scales(axes, xlabel, quantity) -> None:
    """Name the horizontal axis, write shares in percent, and leave the rest away."""
    axes.set_xlabel(xlabel)
    if quantity in SHARES:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _value(quantity, value) -> str:
    return percent(value, 1) if quantity in SHARES else f"{value:.3g}"


def plot_confusion(labels, predictions, class_names) -> Figure:
    """Plot how often each class is taken for each other.

    A cell holds the number of pictures (blank for none); it is the darker, the larger
    their share of the true class, so that classes of different size compare.

    Parameters
    ----------
    labels, predictions : (N,) int ndarray in [0, K)
    class_names : sequence of K str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    labels = checks.require_classes("labels", labels, class_names)
    predictions = checks.require_classes("predictions", predictions, class_names)
    checks.require_length("predictions", predictions, len(labels))
    classes = range(len(class_names))
    counts = confusion_matrix(labels, predictions, labels=classes)
    cell = max(0.27, 1.2 / len(classes))  # inches; small numbers just fit
    figure = Figure(cell * len(classes) + 2.6, cell * len(classes) + 2.6)
    axes = figure.subplots()
    _draw_counts(axes, counts, cell)
    _name_classes(axes, class_names, cell)
    right, total = counts.trace(), counts.sum()
    heading = f"{right} of {total} right ({percent(right / total, 1)})"
    axes.set_title(heading)
    mistakes = listed(_frequent_mistakes(counts, class_names))
    figure.alt = f"Confusion matrix of {len(classes)} classes: {heading}. " + (
        f"Most frequent mistakes{mistakes}." if mistakes else "No mistakes."
    )
    return figure


def _draw_counts(axes, counts, cell) -> None:
    """Shade each cell by its share of the row and write its count into it."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root lifts the rare mistakes off the white.
    picture = axes.imshow(shares, cmap=SHARE_COLORS, norm=PowerNorm(0.5, 0, 1))
    digits = len(str(counts.max()))
    size = min(11, 72 * cell / (0.75 * digits))  # a digit is 0.64 of its size wide
    for row, column in np.argwhere(counts):
        color = _readable_on(picture.to_rgba(shares[row, column]))
        axes.text(column, row, counts[row, column], color=color, size=size, **CENTRED)


def _name_classes(axes, class_names, cell) -> None:
    """Name rows and columns, and rule lines between them."""
    classes = np.arange(len(class_names))
    fits = max(len(name) for name in class_names) * 0.09 < cell  # inches a letter
    axes.set_xticks(classes, class_names, rotation=0 if fits else 90, **TEXT)
    axes.set_yticks(classes, class_names, **TEXT)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_xticks(classes[1:] - 0.5, minor=True)
    axes.set_yticks(classes[1:] - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.5)
    axes.tick_params(which="both", length=0)


def _readable_on(background) -> str:
    """Choose black or white, whichever contrasts more (WCAG 2.2, contrast ratio)."""
    channels = np.asarray(background[:3])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def _frequent_mistakes(counts, class_names, most=3) -> list[str]:
    """List the classes most often taken for others."""
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:most]
    return [
        f"{mistakes[true, predicted]} {class_names[true]} → {class_names[predicted]}"
        for true, predicted in zip(*np.unravel_index(order, counts.shape), strict=True)
        if mistakes[true, predicted]
    ]


def plot_curves(
    curves, xlabel="step", ylabel="probability", logarithmic=False
) -> Figure:
    """Plot up to eight curves, each with its name at its end.

    Parameters
    ----------
    curves : dict of str to (T,) array_like, or to tuple of two of them
        Values by step, from 1 on; or a pair of where and how high.
    xlabel, ylabel : str
        A ``probability`` runs from 0 to 1, written in percent.
    logarithmic : bool
        True makes both axes logarithmic; all numbers must be positive then.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is nothing to plot or too much, or a number cannot be drawn.
    """
    if not 0 < len(curves) <= len(STYLES):
        raise ValueError(
            f"curves has {len(curves)} entries, expected 1 to {len(STYLES)}: more "
            "cannot be told apart."
        )
    points = {
        name: _checked_curve(f"curves[{name!r}]", values, logarithmic)
        for name, values in curves.items()
    }
    figure = Figure(6.5, 3.2)
    axes = figure.subplots()
    for (across, up), (color, style) in zip(points.values(), STYLES, strict=False):
        axes.plot(
            across, up, color=color, linestyle=style, marker="o", markevery=[-1], ms=4
        )
    if logarithmic:
        axes.loglog()
    elif ylabel in SHARES:
        axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(ylabel)
    _set_scales(axes, xlabel, ylabel)
    _name_ends(axes, points)
    ends = [
        f"{name} {_value(ylabel, up[0])} to {_value(ylabel, up[-1])}"
        for name, (_, up) in points.items()
    ]
    figure.alt = f"Curves of {ylabel} by {xlabel}{listed(ends)}."
    return figure


def _name_ends(axes, points) -> None:
    """Name the curves beside the plot, at the height where they end, but apart."""
    ends = [(across[-1], up[-1]) for across, up in points.values()]
    to_fraction = axes.transScale + axes.transLimits
    heights = _spread(to_fraction.transform(ends)[:, 1], LABEL)
    for name, end, height, style in zip(points, ends, heights, STYLES, strict=False):
        leader = {"arrowstyle": "-", "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 0}
        leader |= {"color": style[0], "linewidth": 0.5, "alpha": 0.6}
        place = {"textcoords": "axes fraction", "annotation_clip": False}
        place |= {"xytext": (1.08, height), "va": "center"}
        axes.annotate(name, end, arrowprops=leader, **place, **TEXT)


def _spread(heights, gap) -> np.ndarray:
    """Move heights in [0, 1] as little as possible (least squares) to leave a gap."""
    order, steps = np.argsort(heights, kind="stable"), gap * np.arange(len(heights))
    fitted = isotonic_regression(heights[order] - steps).x.clip(0, 1 - steps[-1])
    spread = np.empty(len(heights))
    spread[order] = fitted + steps
    return spread


def plot_budget(epsilons, successes, counts) -> Figure:
    """Plot how many pictures an attack fools, by how much it may change a pixel.

    The bars are 95 % confidence intervals (Wilson 1927, J. Am. Stat. Assoc. 22, 209).

    Parameters
    ----------
    epsilons : (E,) float ndarray in [0, 1]
        Largest change of a value; drawn at equal distances.
    successes : (E,) int ndarray
        Pictures that fooled the network.
    counts : int or (E,) int ndarray
        Pictures that were attacked.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    successes, counts = _checked_counts(epsilons, successes, counts)
    tests = [binomtest(*pair) for pair in zip(successes, counts, strict=True)]
    intervals = [test.proportion_ci(method="wilson") for test in tests]
    shares, (lows, highs) = successes / counts, np.transpose(intervals)
    names = [of_255(epsilon) for epsilon in epsilons]
    of = [f"{some} of {all_}" for some, all_ in zip(successes, counts, strict=True)]
    figure = Figure(max(4.5, 0.75 * len(names) + 1), 3)
    axes, places = figure.subplots(), range(len(names))
    bars = [shares - lows, highs - shares]
    axes.errorbar(places, shares, bars, color=BLUE, marker="o", capsize=4)
    axes.set_xticks(places, [*map("\n".join, zip(names, of, strict=True))], **TEXT)
    axes.set(ylabel="share fooled", ylim=(-0.02, 1.02))
    _set_scales(axes, "epsilon", "probability")
    rows = zip(names, shares, of, lows, highs, strict=True)
    shown = [
        f"{name} {percent(share)} ({number}; {percent(low)} to {percent(high)})"
        for name, share, number, low, high in rows
    ]
    figure.alt = f"Share fooled by epsilon, with 95 % intervals{listed(shown, '; ')}."
    return figure


def _check_history(history) -> None:
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(
            f"history has these numbers of values: {lengths}; expected the same number "
            "for each name, one per epoch, and at least one."
        )
    for name, values in history.items():
        broken = ~np.isfinite(np.asarray(values, dtype=float))
        if broken.any():
            raise ValueError(
                f"history[{name!r}] is NaN or infinite from epoch {broken.argmax() + 1}"
                ": the training diverged; try a smaller step size."
            )


def _checked_curve(name, values, logarithmic) -> tuple[np.ndarray, np.ndarray]:
    across, up = values if isinstance(values, tuple) else (None, values)
    up = checks.require_floats(name, np.asarray(up, dtype=float), "(T,)")
    if across is None:
        across = np.arange(1, len(up) + 1)
    across = checks.require_floats(name, np.asarray(across, dtype=float), "(T,)")
    checks.require_length(name, across, len(up))
    if logarithmic and min(across.min(), up.min()) <= 0:
        raise ValueError(
            f"{name} is not positive everywhere, expected so for logarithmic axes: "
            "leave the zeros out."
        )
    return across, up


def _checked_counts(epsilons, successes, counts) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers for each epsilon, or say what is wrong."""
    for epsilon in epsilons:
        checks.require_epsilon(epsilon)
    checks.require_length("successes", successes, len(epsilons))
    successes, counts = np.broadcast_arrays(successes, counts)
    whole = successes.dtype.kind in "iu" and counts.dtype.kind in "iu"
    if not whole or not ((successes >= 0) & (successes <= counts) & (counts > 0)).all():
        raise ValueError(
            f"successes is {successes.tolist()} of counts {counts.tolist()}, expected "
            "whole numbers of pictures, no more than were attacked."
        )
    return successes, counts
