"""Every figure of the course: each function returns one `Figure` with alt text."""

import base64
import io
import textwrap
from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy.optimize import isotonic_regression
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from utils.checks import (
    check_epsilon,
    check_length,
    checked_classes,
    checked_floats,
    checked_images,
    checked_probabilities,
)
from utils.data import load_images

DPI = 96
PICTURE = 1.8  # inches, the side of a picture in a grid
LINE = 0.16  # inches, the height of a line of small text
TITLE_WIDTH = 24  # characters, what fits above a picture
SMALL = 9  # points
# A dollar sign in the name of somebody's folder is no formula.
TEXT = {"fontsize": SMALL, "parse_math": False}
CENTRED = {"ha": "center", "va": "center"}

# Two colours from Okabe and Ito, "Color Universal Design" (2008), which every kind of
# colour blindness tells apart; line style and marker do so in black and white.
BLUE, VERMILION = "#0072B2", "#D55E00"
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
MOST_BARS = 5  # in a list of the likeliest classes
SHARES = {"accuracy", "probability"}  # written in percent
LABEL = 0.075  # of the height of a plot, between two labels
# Both differ in lightness all along, so nobody needs the hue.
SHARE_COLORS, MAP_COLORS = "Blues", "cividis"


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook saves as PNG with alt text; pyplot never sees it.

    Parameters
    ----------
    width, height : float
        Size in inches, at `DPI` pixels per inch.

    Attributes
    ----------
    alt : str
        What is to be seen, with its key numbers, for those who do not see it.
    """

    def __init__(self, width, height):
        super().__init__(figsize=(width, height), dpi=DPI, layout="constrained")
        self.alt = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Give Jupyter the picture, and the text as what stands for it."""
        png = io.BytesIO()
        self.savefig(png, format="png", metadata={"Software": None})
        encoded = base64.b64encode(png.getvalue()).decode()
        data = {"image/png": encoded, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def show_images(images, titles=None, columns=4) -> Figure:
    """Show pictures in a grid.

    Parameters
    ----------
    images : (N, H, W, 3) float ndarray in [0, 1]
        RGB pictures.
    titles : sequence of N str, optional
        What stands above each picture.
    columns : int
        Pictures in a row.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the pictures have another shape, type or range, or not one title each.
    """
    images = checked_images("images", images)
    titles = [""] * len(images) if titles is None else list(titles)
    check_length("titles", titles, len(images))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(len(_wrapped(title).splitlines()) for title in titles)
    figure = Figure(PICTURE * columns, (PICTURE + LINE * lines) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, image, title in zip(grid, images, titles, strict=False):
        _draw_picture(axes, image, title)
    for axes in grid[len(images) :]:
        axes.set_axis_off()
    named = [title for title in titles if title]
    figure.alt = _count(len(images), "picture") + _listed(named) + "."
    return figure


def show_mistakes(images, labels, probabilities, class_names, count=8) -> Figure:
    """Show the wrong answers that the network was surest of, the surest first.

    Parameters
    ----------
    images : (N, H, W, 3) float ndarray in [0, 1], or sequence of N paths
        RGB pictures; of picture files, only those shown are loaded.
    labels : (N,) int ndarray in [0, K)
        True classes.
    probabilities : (N, K) float ndarray in [0, 1]
        One row per picture, which sums to 1.
    class_names : sequence of K str
        Names of the classes.
    count : int
        Pictures at most.

    Returns
    -------
    Figure
        Above each picture: true class, predicted class and its probability. Without
        any mistake, a figure that says so.

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    probabilities = checked_probabilities(probabilities, class_names, dimensions=2)
    labels = checked_classes("labels", labels, class_names)
    for name, values in (("labels", labels), ("images", images)):
        check_length(name, values, len(probabilities))
    predictions, surety = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    if not len(wrong):
        return _message(f"No mistake in {_count(len(labels), 'picture')}.")
    worst = wrong[np.argsort(-surety[wrong], kind="stable")][:count]
    names = [f"{class_names[labels[n]]} → {class_names[predictions[n]]}" for n in worst]
    titles = [
        f"{name} {_percent(surety[n])}" for name, n in zip(names, worst, strict=True)
    ]
    chosen = [images[n] for n in worst]
    if isinstance(chosen[0], str | Path):
        chosen = load_images(chosen, round(PICTURE * DPI))
    figure = show_images(chosen, titles)
    heading = (
        f"{len(worst)} of {_count(len(wrong), 'mistake')} in "
        f"{_count(len(labels), 'picture')}, the surest first (true → predicted)"
    )
    _set_heading(figure, heading)
    figure.alt = heading + _listed(titles) + "."
    return figure


def show_maps(maps, titles=None, image=None, per_depth=4) -> Figure:
    """Show what a network makes of one picture, depth by depth, from edges to parts.

    Of each depth the strongest channels are shown: those that vary most over the
    picture (standard deviation), because a constant map shows nothing.

    Parameters
    ----------
    maps : sequence of (H, W, C) float ndarray
        Feature maps of one picture, first layers first. Any range: each map runs from
        dark (its lowest value) to light (its highest).
    titles : sequence of str, optional
        One name per depth.
    image : (H, W, 3) float ndarray in [0, 1], optional
        The picture itself, shown first.
    per_depth : int
        Channels of each depth.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    maps = _checked_maps(maps)
    if titles is None:
        titles = [f"depth {n}" for n in range(1, len(maps) + 1)]
    check_length("titles", titles, len(maps))
    side = PICTURE * 0.65
    height, width = (side + LINE) * len(maps), side * (per_depth + 1)
    if image is None:
        figure = panel = Figure(width, height)
    else:
        figure = Figure(width + 2 * side, height)
        first, panel = figure.subfigures(1, 2, width_ratios=[2 * side, width])
        image = checked_images("image", image, "(H, W, 3)")
        _draw_picture(first.subplots(), image, "the picture")
    rows = panel.subplots(len(maps), per_depth, squeeze=False)
    shown = [_draw_depth(*depth) for depth in zip(rows, maps, titles, strict=True)]
    figure.alt = "Feature maps of one picture" + _listed(shown, "; ") + "."
    return figure


def _draw_depth(row, values, title) -> str:
    """Draw the strongest channels of one depth in a row, and say which."""
    height, width, count = values.shape
    channels = np.argsort(-values.std(axis=(0, 1)), kind="stable")[: len(row)]
    for axes, channel in zip(row, channels, strict=False):
        axes.imshow(values[..., channel], cmap=MAP_COLORS, interpolation="nearest")
        axes.set_title(f"channel {channel}", fontsize=SMALL)
    for axes in row:
        _clear(axes)
    size = f"{height} × {width} × {count}"
    label = f"{_wrapped(title, 16)}\n{size}"
    row[0].set_ylabel(label, rotation=0, ha="right", va="center", **TEXT)
    return f"{title} ({size}), channels {', '.join(map(str, channels))}"


def _clear(axes) -> None:
    """Take away scales and frame, but not the name of the row."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


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
    epochs = _count(len(next(iter(history.values()))), "epoch")
    figure.alt = f"Training history of {epochs}{_listed(shown, '; ')}."
    return figure


def _draw_curves(axes, panel, history) -> str:
    """Draw the curves of one panel and say how they run."""
    curves = {start: start + panel for start in CURVES if start + panel in history}
    curves = {start: history[name] for start, name in curves.items()}
    highest = max(curves, key=lambda start: curves[start][-1])
    shown = []
    for start, values in curves.items():
        name = _draw_curve(axes, start, values, above=start == highest)
        ends = [_value(panel, values[0]), _value(panel, values[-1])]
        shown.append(f"{name} {' to '.join(ends)}")
    axes.set_title(panel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _set_scales(axes, "epoch", panel)
    return ", ".join(shown)


def _draw_curve(axes, start, values, above) -> str:
    """Draw one curve with its name at its end, above or below that of the other."""
    name, style = CURVES[start]
    epochs = range(1, len(values) + 1)
    axes.plot(epochs, values, markevery=-(-len(values) // 10), markersize=5, **style)
    end, align = (epochs[-1], values[-1]), "bottom" if above else "top"
    axes.annotate(name, end, (6, 0), textcoords="offset points", va=align)
    return name


def _set_scales(axes, xlabel, quantity) -> None:
    """Name the horizontal axis, write shares in percent, and leave the rest away."""
    axes.set_xlabel(xlabel)
    if quantity in SHARES:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _value(quantity, value) -> str:
    """Write a value: a share in percent, others with three digits."""
    return _percent(value, 1) if quantity in SHARES else f"{value:.3g}"


def plot_confusion(labels, predictions, class_names) -> Figure:
    """Plot how often each class is taken for each other.

    A cell holds the number of pictures (blank for none); it is the darker, the larger
    their share of the true class, so that classes of different size compare.

    Parameters
    ----------
    labels, predictions : (N,) int ndarray in [0, K)
        True and predicted classes.
    class_names : sequence of K str
        Names of the classes.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    labels = checked_classes("labels", labels, class_names)
    predictions = checked_classes("predictions", predictions, class_names)
    check_length("predictions", predictions, len(labels))
    classes = range(len(class_names))
    counts = confusion_matrix(labels, predictions, labels=classes)
    cell = max(0.27, 1.2 / len(classes))  # inches; small numbers just fit
    figure = Figure(cell * len(classes) + 2.6, cell * len(classes) + 2.6)
    axes = figure.subplots()
    _draw_counts(axes, counts, cell)
    _name_classes(axes, class_names, cell)
    right = f"{counts.trace()} of {counts.sum()} right"
    heading = f"{right} ({_percent(counts.trace() / counts.sum(), 1)})"
    axes.set_title(heading)
    mistakes = _listed(_frequent_mistakes(counts, class_names))
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
        number = counts[row, column]
        axes.text(column, row, number, color=color, size=size, **CENTRED)


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
    """Say which classes are most often taken for which."""
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:most]
    return [
        f"{mistakes[true, predicted]} {class_names[true]} → {class_names[predicted]}"
        for true, predicted in zip(*np.unravel_index(order, counts.shape), strict=True)
        if mistakes[true, predicted]
    ]


def plot_top5(probabilities, class_names, image=None, title=None) -> Figure:
    """Plot the five likeliest classes of one picture as bars.

    Parameters
    ----------
    probabilities : (K,) float ndarray in [0, 1]
        They sum to 1. With fewer than five classes, all are shown.
    class_names : sequence of K str
        Names of the classes.
    image : (H, W, 3) float ndarray in [0, 1], optional
        The picture, shown beside the bars.
    title : str, optional
        What stands above.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    probabilities = checked_probabilities(probabilities, class_names, dimensions=1)
    count = min(MOST_BARS, len(probabilities))
    if image is None:
        figure = Figure(5, 0.36 * count + 2 * LINE)
        axes = figure.subplots()
    else:
        figure = Figure(5 + PICTURE, PICTURE + 2 * LINE)
        beside, axes = figure.subplots(1, 2, width_ratios=[PICTURE, 5 - PICTURE])
        _draw_picture(beside, checked_images("image", image, "(H, W, 3)"))
    shown = _draw_best(axes, probabilities, class_names)
    if title:
        figure.suptitle(title, size=11, parse_math=False)
    subject = f" for {title}" if title else ""
    figure.alt = f"The {count} likeliest classes{subject}{_listed(shown)}."
    return figure


def _draw_best(axes, probabilities, class_names, color=BLUE) -> list[str]:
    """Draw a bar for each of the likeliest classes, and say what they are."""
    best = np.argsort(-probabilities, kind="stable")[:MOST_BARS]
    names = [class_names[n] for n in best]
    values = [_percent(probabilities[n], 1) for n in best]
    _draw_bars(axes, probabilities[best], names, values, color)
    return [f"{name} {value}" for name, value in zip(names, values, strict=True)]


def _draw_bars(axes, lengths, names, values, color) -> None:
    """Draw bars from the top, each with its name before it and its value behind it."""
    bars = axes.barh(range(len(lengths)), lengths, color=color)
    axes.bar_label(bars, values, padding=4, fontsize=SMALL)
    wrapped = [_wrapped(name) for name in names]
    axes.set_yticks(range(len(lengths)), wrapped, **TEXT)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def show_attack(
    original, adversarial, probabilities, class_names, amplify=20
) -> Figure:
    """Show a picture before and after an attack, what changed, and what it did.

    Parameters
    ----------
    original, adversarial : (H, W, 3) float ndarray in [0, 1]
        RGB pictures.
    probabilities : (2, K) float ndarray in [0, 1]
        Of the original and of the adversarial picture; each row sums to 1.
    class_names : sequence of K str
        Names of the classes.
    amplify : float
        How many times larger than it is the difference is drawn. Grey is no change;
        what leaves [0, 1] is clipped.

    Returns
    -------
    Figure
        The original, the difference and the adversarial picture; below, the likeliest
        classes of both.

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    original = checked_images("original", original, "(H, W, 3)")
    adversarial = checked_images("adversarial", adversarial, "(H, W, 3)")
    probabilities = checked_probabilities(probabilities, class_names, dimensions=2)
    check_length("probabilities", probabilities, 2)
    difference = _difference(original, adversarial)
    shown = (0.5 + amplify * difference).clip(0, 1)
    figure = Figure(3.5 * PICTURE, 2.5 * PICTURE)
    above, below = figure.subfigures(2, 1, height_ratios=[1.3, 1])
    titles = ["original", f"difference × {amplify:g}", "adversarial"]
    pictures = zip([original, shown, adversarial], titles, strict=True)
    for axes, (image, title) in zip(above.subplots(1, 3), pictures, strict=True):
        _draw_picture(axes, image, title)
    best = []
    colors = {"original": BLUE, "adversarial": VERMILION}.items()
    bars = zip(below.subplots(1, 2), probabilities, colors, strict=True)
    for axes, row, (title, color) in bars:
        axes.set_title(title, **TEXT)
        best.append(title + _listed(_draw_best(axes, row, class_names, color)))
    most = _of_255(abs(difference).max())
    figure.alt = f"An attack, largest change {most}; {'; '.join(best)}."
    return figure


def _difference(original, adversarial) -> np.ndarray:
    """Say what was added to a picture."""
    if original.shape != adversarial.shape:
        raise ValueError(
            f"adversarial has shape {adversarial.shape}, expected that of original, "
            f"{original.shape}: compare pictures of one size."
        )
    return adversarial.astype(float) - original


def _of_255(value) -> str:
    """Write a change of a pixel in steps of 8 bits."""
    return f"{round(255 * value, 2):g}/255" if value else "0"


def plot_curves(
    curves, xlabel="step", ylabel="probability", logarithmic=False
) -> Figure:
    """Plot up to eight curves, each with its name at its end.

    Parameters
    ----------
    curves : dict of str to (T,) array_like, or to tuple of two of them
        Values by step, from 1 on; or a pair of where and how high.
    xlabel, ylabel : str
        Names of the axes. A ``probability`` runs from 0 to 1, written in percent.
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
    points = _checked_curves(curves, logarithmic)
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
    figure.alt = f"Curves of {ylabel} by {xlabel}{_listed(ends)}."
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
    shares, (lows, highs) = successes / counts, _wilson(successes, counts)
    names = [_of_255(epsilon) for epsilon in epsilons]
    of = [f"{some} of {all_}" for some, all_ in zip(successes, counts, strict=True)]
    figure = Figure(max(4.5, 0.75 * len(names) + 1), 3)
    axes, places = figure.subplots(), range(len(names))
    bars = [shares - lows, highs - shares]
    axes.errorbar(places, shares, bars, color=BLUE, marker="o", capsize=4)
    ticks = [f"{name}\n{number}" for name, number in zip(names, of, strict=True)]
    axes.set_xticks(places, ticks, **TEXT)
    axes.set(ylabel="share fooled", ylim=(-0.02, 1.02))
    _set_scales(axes, "epsilon", "probability")
    shown = [
        f"{name} {_percent(share)} ({number}; {_percent(low)} to {_percent(high)})"
        for name, share, number, low, high in zip(
            names, shares, of, lows, highs, strict=True
        )
    ]
    figure.alt = f"Share fooled by epsilon, with 95 % intervals{_listed(shown, '; ')}."
    return figure


def _wilson(successes, counts) -> np.ndarray:
    """Give lower and upper ends of the 95 % confidence intervals."""
    tests = [binomtest(*pair) for pair in zip(successes, counts, strict=True)]
    return np.transpose([test.proportion_ci(method="wilson") for test in tests])


def _draw_picture(axes, image, title="") -> None:
    """Draw one picture without axes."""
    axes.imshow(image)
    axes.set_axis_off()
    axes.set_title(_wrapped(title), **TEXT)


def _set_heading(figure, heading) -> None:
    """Put a heading above a figure, which grows by the lines it takes."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(heading, int(11 * width))  # 11 characters to the inch
    figure.set_size_inches(width, height + 0.22 * len(lines))
    figure.suptitle("\n".join(lines), size=10)


def _message(text) -> Figure:
    """Show a sentence where there is nothing to draw."""
    figure = Figure(5, 0.6)
    figure.text(0.5, 0.5, text, size=11, **CENTRED)
    figure.alt = text
    return figure


def _wrapped(title, width=TITLE_WIDTH) -> str:
    """Break a title into lines; a number stays with its percent sign."""
    kept = str(title).replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(kept, width).replace("\N{NO-BREAK SPACE}", " ")


def _listed(items, separator=", ") -> str:
    """Join the items of a list behind a colon, if there are any."""
    return f": {separator.join(items)}" if items else ""


def _count(number, noun) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'s' * (number != 1)}"


def _percent(share, digits=0) -> str:
    """Write a share in percent."""
    return f"{100 * share:.{digits}f} %"


def _checked_maps(maps) -> list[np.ndarray]:
    """Return the maps of each depth, or say what is wrong."""
    if not len(maps):
        raise ValueError("maps is empty, expected one array for each depth.")
    return [
        checked_floats(f"maps[{n}]", values, "(H, W, C)")
        for n, values in enumerate(maps)
    ]


def _check_history(history) -> None:
    """Complain about a history that cannot be plotted."""
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


def _checked_curves(curves, logarithmic) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return where and how high each curve runs, or say what is wrong."""
    if not 0 < len(curves) <= len(STYLES):
        raise ValueError(
            f"curves has {len(curves)} entries, expected 1 to {len(STYLES)}: more "
            "cannot be told apart."
        )
    return {
        name: _checked_curve(f"curves[{name!r}]", values, logarithmic)
        for name, values in curves.items()
    }


def _checked_curve(name, values, logarithmic) -> tuple[np.ndarray, np.ndarray]:
    across, up = values if isinstance(values, tuple) else (None, values)
    up = checked_floats(name, np.asarray(up, dtype=float), "(T,)")
    if across is None:
        across = np.arange(1, len(up) + 1)
    across = checked_floats(name, np.asarray(across, dtype=float), "(T,)")
    check_length(name, across, len(up))
    if logarithmic and min(across.min(), up.min()) <= 0:
        raise ValueError(
            f"{name} is not positive everywhere, expected so for logarithmic axes: "
            "leave the zeros out."
        )
    return across, up


def _checked_counts(epsilons, successes, counts) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers for each epsilon, or say what is wrong."""
    for epsilon in epsilons:
        check_epsilon(epsilon)
    check_length("successes", successes, len(epsilons))
    successes, counts = np.broadcast_arrays(successes, counts)
    whole = successes.dtype.kind in "iu" and counts.dtype.kind in "iu"
    if not whole or not ((successes >= 0) & (successes <= counts) & (counts > 0)).all():
        raise ValueError(
            f"successes is {successes.tolist()} of counts {counts.tolist()}, expected "
            "whole numbers of pictures, no more than were attacked."
        )
    return successes, counts
