"""Figures of pictures: grids, mistakes, feature maps, attacks."""

import numpy as np

from utils import checks
from utils.plot.figure import (
    BLUE,
    LINE,
    MAX_BARS,
    PICTURE,
    SMALL,
    TEXT,
    VERMILION,
    Figure,
    count_of,
    draw_best,
    draw_picture,
    listed,
    message,
    of_255,
    percent,
    set_heading,
    wrapped,
)

MAP_COLORS = "cividis"  # differ in lightness all along, so nobody needs the hue


def show_images(images, titles=None, columns=4) -> Figure:
    """Show pictures in a grid.

    Parameters
    ----------
    images : (N, H, W, 3) float ndarray in [0, 1]
        RGB.
    titles : sequence of N str, optional
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
    images = checks.require_images("images", images)
    titles = [""] * len(images) if titles is None else list(titles)
    checks.require_length("titles", titles, len(images))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(len(wrapped(title).splitlines()) for title in titles)
    figure = Figure(PICTURE * columns, (PICTURE + LINE * lines) * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, image, title in zip(grid, images, titles, strict=False):
        draw_picture(axes, image, title)
    for axes in grid[len(images) :]:
        axes.set_axis_off()
    named = [title for title in titles if title]
    figure.alt = count_of(len(images), "picture") + listed(named) + "."
    return figure


def surest_mistakes(labels, probabilities, count=8) -> np.ndarray:
    """Find the wrong answers that the network was surest of.

    Parameters
    ----------
    labels : (N,) int ndarray in [0, K)
        The true classes.
    probabilities : (N, K) float ndarray in [0, 1]
    count : int
        Mistakes at most.

    Returns
    -------
    (M,) int64 ndarray in [0, N)
        Their rows, the surest first; M is at most `count`.
    """
    predictions, surety = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    return wrong[np.argsort(-surety[wrong], kind="stable")][:count]


def show_mistakes(images, labels, probabilities, class_names) -> Figure:
    """Show the wrong answers that the network was surest of, the surest first.

    Parameters
    ----------
    images : (M, H, W, 3) float ndarray in [0, 1]
        RGB, the pictures that `surest_mistakes` names, in its order.
    labels : (N,) int ndarray in [0, K)
        The true classes of all pictures.
    probabilities : (N, K) float ndarray in [0, 1], whose rows sum to 1
    class_names : sequence of K str

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
    probabilities = checks.require_probabilities(
        probabilities, class_names, dimensions=2
    )
    labels = checks.require_classes("labels", labels, class_names)
    checks.require_length("labels", labels, len(probabilities))
    predictions = probabilities.argmax(axis=1)
    mistakes = int(np.count_nonzero(predictions != labels))
    if not mistakes:
        return message(f"No mistake in {count_of(len(labels), 'picture')}.")
    worst = surest_mistakes(labels, probabilities, len(images))
    checks.require_length("images", images, len(worst))
    titles = [
        f"{class_names[labels[n]]} → {class_names[predictions[n]]} "
        f"{percent(probabilities[n].max())}"
        for n in worst
    ]
    figure = show_images(images, titles)
    heading = (
        f"{len(worst)} of {count_of(mistakes, 'mistake')} in "
        f"{count_of(len(labels), 'picture')}, the surest first (true → predicted)"
    )
    set_heading(figure, heading)
    figure.alt = heading + listed(titles) + "."
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
        One for each depth.
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
    if not len(maps):
        raise ValueError("maps is empty, expected one array for each depth.")
    maps = [
        checks.require_floats(f"maps[{n}]", each, "(H, W, C)")
        for n, each in enumerate(maps)
    ]
    if titles is None:
        titles = [f"depth {n}" for n in range(1, len(maps) + 1)]
    checks.require_length("titles", titles, len(maps))
    side = PICTURE * 0.65
    height, width = (side + LINE) * len(maps), side * (per_depth + 1)
    if image is None:
        figure = panel = Figure(width, height)
    else:
        figure = Figure(width + 2 * side, height)
        first, panel = figure.subfigures(1, 2, width_ratios=[2 * side, width])
        image = checks.require_images("image", image, "(H, W, 3)")
        draw_picture(first.subplots(), image, "the picture")
    rows = panel.subplots(len(maps), per_depth, squeeze=False)
    shown = [_draw_depth(*depth) for depth in zip(rows, maps, titles, strict=True)]
    figure.alt = "Feature maps of one picture" + listed(shown, "; ") + "."
    return figure


def _draw_depth(row, values, title) -> str:
    """Draw the strongest channels of one depth in a row, and say which."""
    height, width, count = values.shape
    channels = np.argsort(-values.std(axis=(0, 1)), kind="stable")[: len(row)]
    for axes, channel in zip(row, channels, strict=False):
        axes.imshow(values[..., channel], cmap=MAP_COLORS, interpolation="nearest")
        axes.set_title(f"channel {channel}", fontsize=SMALL)
    for axes in row:  # no scales, no frame, but room for the name of the row
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    size = f"{height} × {width} × {count}"
    label = f"{wrapped(title, 16)}\n{size}"
    row[0].set_ylabel(label, rotation=0, ha="right", va="center", **TEXT)
    return f"{title} ({size}), channels {', '.join(map(str, channels))}"


def plot_top5(probabilities, class_names, image=None, title=None) -> Figure:
    """Plot the five likeliest classes of one picture as bars.

    Parameters
    ----------
    probabilities : (K,) float ndarray in [0, 1]
        They sum to 1. With fewer than five classes, all are shown.
    class_names : sequence of K str
    image : (H, W, 3) float ndarray in [0, 1], optional
        The picture, shown beside the bars.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an argument has another shape, type or range.
    """
    probabilities = checks.require_probabilities(
        probabilities, class_names, dimensions=1
    )
    count = min(MAX_BARS, len(probabilities))
    if image is None:
        figure = Figure(5, 0.36 * count + 2 * LINE)
        axes = figure.subplots()
    else:
        figure = Figure(5 + PICTURE, PICTURE + 2 * LINE)
        beside, axes = figure.subplots(1, 2, width_ratios=[PICTURE, 5 - PICTURE])
        draw_picture(beside, checks.require_images("image", image, "(H, W, 3)"))
    shown = draw_best(axes, probabilities, class_names)
    if title:
        figure.suptitle(title, size=11, parse_math=False)
    subject = f" for {title}" if title else ""
    figure.alt = f"The {count} likeliest classes{subject}{listed(shown)}."
    return figure


def show_attack(
    original, adversarial, probabilities, class_names, amplify=20
) -> Figure:
    """Show a picture before and after an attack, what changed, and what it did.

    Parameters
    ----------
    original, adversarial : (H, W, 3) float ndarray in [0, 1]
        RGB.
    probabilities : (2, K) float ndarray in [0, 1]
        Of the original and of the adversarial picture; each row sums to 1.
    class_names : sequence of K str
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
    original = checks.require_images("original", original, "(H, W, 3)")
    adversarial = checks.require_images("adversarial", adversarial, "(H, W, 3)")
    probabilities = checks.require_probabilities(
        probabilities, class_names, dimensions=2
    )
    checks.require_length("probabilities", probabilities, 2)
    checks.require_same_shape("adversarial", adversarial, "original", original)
    difference = adversarial.astype(float) - original
    shown = (0.5 + amplify * difference).clip(0, 1)
    figure = Figure(3.5 * PICTURE, 2.5 * PICTURE)
    above, below = figure.subfigures(2, 1, height_ratios=[1.3, 1])
    titles = ["original", f"difference × {amplify:g}", "adversarial"]
    pictures = zip([original, shown, adversarial], titles, strict=True)
    for axes, (image, title) in zip(above.subplots(1, 3), pictures, strict=True):
        draw_picture(axes, image, title)
    best = []
    colors = {"original": BLUE, "adversarial": VERMILION}.items()
    bars = zip(below.subplots(1, 2), probabilities, colors, strict=True)
    for axes, row, (title, color) in bars:
        axes.set_title(title, **TEXT)
        best.append(title + listed(draw_best(axes, row, class_names, color)))
    most = of_255(abs(difference).max())
    figure.alt = f"An attack, largest change {most}; {'; '.join(best)}."
    return figure
