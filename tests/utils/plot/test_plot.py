"""What is drawn is read back from the figure, and what is said from its alt text."""

import base64
import io
import json

import numpy as np
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from nbformat import v4
from PIL import Image
from scipy.special import softmax

from tools import run
from utils import plot
from utils.plot.charts import SHARE_COLORS
from utils.plot.figure import DPI
from utils.plot.pictures import MAP_COLORS

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((6, 20, 30, 3), dtype=np.float32)
NAMES = ["cat", "dog"]
BREEDS = [f"a breed of the number {number} in a list" for number in range(37)]
HISTORY = {
    "loss": [0.7, 0.3, 0.1],
    "accuracy": [0.5, 0.9, 0.985],
    "val_loss": [0.8, 0.4, 0.25],
    "val_accuracy": [0.5, 0.8, 0.9],
}
CURVES = {
    "tabby": [0.01, 0.7, 0.995],
    "Egyptian cat": np.array([0.02, 0.4, 0.99]),
    "flat": ([0, 2], [0.05, 0.05]),
}


def _probabilities(*of_dog):
    return np.array([[1 - p, p] for p in of_dog])


def _figures():
    labels = RANDOM.integers(0, 37, 800)
    predictions = np.where(RANDOM.random(800) < 0.3, labels[::-1], labels)
    maps = [RANDOM.normal(size=(8, 8, 5)), RANDOM.normal(size=(4, 4, 9))]
    scores = softmax(RANDOM.normal(size=37))
    return {
        "images": plot.show_images(IMAGES, [f"picture {n}" for n in range(6)]),
        "mistakes": plot.show_mistakes(
            IMAGES[:2], np.array([0, 1]), _probabilities(0.9, 0.3), NAMES
        ),
        "no mistakes": plot.show_mistakes(
            IMAGES[:2], np.array([1, 0]), _probabilities(0.9, 0.3), NAMES
        ),
        "maps": plot.show_maps(maps, ["edges", "parts"], IMAGES[0]),
        "history": plot.plot_history(HISTORY),
        "confusion": plot.plot_confusion(labels, predictions, BREEDS),
        "top5": plot.plot_top5(scores, BREEDS, IMAGES[0], "a cat"),
        "curves": plot.plot_curves(CURVES),
        "spectra": plot.plot_curves(
            {f"picture {n}": ([0.01, 0.1, 0.5], [9, 0.9, 0.2]) for n in range(8)},
            "frequency",
            "power",
            logarithmic=True,
        ),
        "budget": plot.plot_budget(np.arange(12) / 255, range(12), 12),
        "attack": plot.show_attack(
            *IMAGES[:2], softmax(RANDOM.normal(size=(2, 37)), axis=1), BREEDS
        ),
    }


FIGURES = _figures()
every_figure = pytest.mark.parametrize("name", FIGURES)


def _texts(figure):
    """Return every text that matplotlib draws when it draws a figure."""
    drawn = []

    def draw(text, renderer):
        drawn.append(text)
        return original(text, renderer)

    original = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure.draw(FigureCanvasAgg(figure).get_renderer())
    return [text for text in drawn if text.get_visible() and text.get_text()]


def _drawn(figure):
    return [text.get_text().replace("\n", " ") for text in _texts(figure)]


# The figure in a notebook


@every_figure
def test_notebook_gets_a_png_whose_alt_is_the_text(name):
    figure = FIGURES[name]
    data, metadata = figure._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    picture.load()
    assert picture.format == "PNG"
    assert picture.size == tuple((figure.get_size_inches() * DPI).astype(int))
    assert np.ptp(np.asarray(picture.convert("L"))) > 100  # something is drawn
    assert len(figure.alt) > 15
    assert metadata == {"image/png": {"alt": figure.alt}}
    assert data["text/plain"] == figure.alt


def test_the_same_figure_is_saved_as_the_same_bytes():
    first, second = (plot.plot_history(HISTORY)._repr_mimebundle_() for _ in range(2))
    assert first == second


def test_page_of_a_notebook_shows_the_figure_once_with_its_alt(tmp_path, monkeypatch):
    formatter = DisplayFormatter(parent=InteractiveShell.instance())
    figure = plot.show_images(IMAGES[:1], ['cat & "dog" <b>'])
    data, metadata = formatter.format(figure)
    data = json.loads(json.dumps(data))  # as a notebook is saved
    output = v4.new_output("display_data", data=data, metadata=metadata)
    cell = v4.new_code_cell("figure", outputs=[output])
    monkeypatch.setattr(run, "BUILD", tmp_path)
    run._write_html(v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    page = BeautifulSoup((tmp_path / "page.html").read_bytes(), "html.parser")
    (picture,) = page.find_all("img")
    assert picture["alt"] == figure.alt == '1 picture: cat & "dog" <b>.'
    assert picture["src"].endswith(data["image/png"])


def test_pyplot_does_not_know_the_figures():
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


# Readable by every eye


def _luminance(color):
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color
    ]
    return np.dot(channels, [0.2126, 0.7152, 0.0722])


def _contrast(one, other):
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


@every_figure
def test_text_is_large_and_contrasts_with_its_ground(name):
    figure = FIGURES[name]
    pixels = _pixels(figure)
    for text in _texts(figure):
        ground = _ground(pixels, text)
        assert _contrast(to_rgb(text.get_color()), ground) >= 4.5, text
        assert text.get_fontsize() >= 8, text


def _pixels(figure):
    figure.canvas.draw()
    data, _ = figure._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    return np.asarray(picture.convert("RGB")) / 255


def _ground(pixels, text):
    """Return the most frequent colour around a text."""
    box = text.get_window_extent().padded(2)
    height = len(pixels)
    rows = slice(int(max(height - box.y1, 0)), int(height - box.y0) + 1)
    around = pixels[rows, int(max(box.x0, 0)) : int(box.x1) + 1].reshape(-1, 3)
    colors, counts = np.unique(around, axis=0, return_counts=True)
    return colors[counts.argmax()]


@every_figure
def test_text_stays_inside_the_figure(name):
    width, height = FIGURES[name].get_size_inches() * DPI
    for text in _texts(FIGURES[name]):
        box = text.get_window_extent()
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text


@pytest.mark.parametrize("colors", [SHARE_COLORS, MAP_COLORS])
def test_color_scales_run_in_lightness_alone(colors):
    steps = np.diff([_luminance(c[:3]) for c in colormaps[colors](range(256))])
    assert (steps > -1e-3).all() or (steps < 1e-3).all()


def test_curves_differ_without_color():
    for axes in FIGURES["history"].axes:
        training, validation = axes.lines
        assert training.get_linestyle() != validation.get_linestyle()
        assert training.get_marker() != validation.get_marker()
        names = [text.get_text() for text in axes.texts]
        assert names == ["training", "validation"]


# Pictures


def test_pictures_stand_in_order_under_their_titles():
    figure = plot.show_images(IMAGES, list("abcdef"), columns=4)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == list("abcdef")
    for axes, image in zip(shown, IMAGES, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image)
    assert figure.alt == "6 pictures: a, b, c, d, e, f."


def test_long_titles_of_neighbours_do_not_overlap():
    figure = plot.show_images(IMAGES, BREEDS[:6])
    drawn = _texts(figure)
    assert [text.replace("\n", " ") for text in _drawn(figure)] == BREEDS[:6]
    _assert_apart(drawn)


def test_title_with_dollars_is_no_formula():
    figure = plot.show_images(IMAGES[:1], ["$a$ and $"])
    assert not figure.axes[0].title.get_parse_math()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((IMAGES * 255).astype(np.uint8), "uint8.*divide"),
        (IMAGES * 255, r"\[0, 1\]: divide"),
        (IMAGES - 0.5, "runs from -0.5"),
        (IMAGES[0], r"shape \(20, 30, 3\), expected \(N, H, W, 3\)"),
        (np.moveaxis(IMAGES, -1, 1), r"shape \(6, 3, 20, 30\).*channels come last"),
        (np.where(IMAGES < 0.5, np.nan, IMAGES), "NaN"),
        (IMAGES[:0], "not empty"),
    ],
)
def test_wrong_pictures_are_refused_with_advice(images, message):
    with pytest.raises(ValueError, match=f"^images .*{message}"):
        plot.show_images(images)


def test_each_picture_needs_a_title():
    with pytest.raises(ValueError, match="titles has 2 entries, expected 6"):
        plot.show_images(IMAGES, ["one", "two"])


# Mistakes


def test_mistakes_come_surest_first():
    labels = np.array([0, 0, 1, 1, 0, 1])
    chances = _probabilities(0.6, 0.97, 0.99, 0.2, 0.1, 0.45)
    worst = plot.surest_mistakes(labels, chances, count=3)
    figure = plot.show_mistakes(IMAGES[worst], labels, chances, NAMES)
    expected = {1: "cat → dog 97 %", 3: "dog → cat 80 %", 0: "cat → dog 60 %"}
    assert [axes.get_title() for axes in figure.axes] == list(expected.values())
    for axes, number in zip(figure.axes, expected, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), IMAGES[number])
    assert "3 of 4 mistakes in 6 pictures" in figure.alt
    assert figure.alt.endswith(": " + ", ".join(expected.values()) + ".")
    assert "3 of 4 mistakes in 6 pictures" in " ".join(_drawn(figure))


def test_without_mistakes_the_figure_says_so():
    figure = FIGURES["no mistakes"]
    assert _drawn(figure) == [figure.alt] == ["No mistake in 2 pictures."]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": np.array([0, 2])}, "labels runs from 0 to 2.*2 names"),
        ({"labels": np.array([0.0, 1.0])}, "labels .*float64.*whole numbers"),
        ({"labels": np.array([0])}, "labels has 1 entries, expected 2"),
        ({"images": IMAGES}, "images has 6 entries, expected 2"),
        ({"probabilities": np.array([[3.0, -1], [1, 0]])}, "softmax"),
        ({"probabilities": np.array([[0.5, 0.4], [1, 0]])}, "sum 0.9.*softmax"),
        ({"class_names": BREEDS}, r"shape \(2, 2\).*37 class_names"),
    ],
)
def test_wrong_answers_are_refused_with_advice(changed, message):
    right = {
        "images": IMAGES[:2],
        "labels": np.array([0, 1]),
        "probabilities": _probabilities(0.9, 0.2),
        "class_names": NAMES,
    }
    with pytest.raises(ValueError, match=message):
        plot.show_mistakes(**{**right, **changed})


# Feature maps


def test_strongest_channels_of_each_depth_are_drawn_after_the_picture():
    flat, weak, strong = np.full((4, 4), 9.0), np.eye(4), 5 * np.eye(4)[::-1]
    first = np.stack([flat, weak, strong], axis=-1)
    second = np.stack([strong, flat], axis=-1)
    figure = plot.show_maps([first, second], ["edges", "parts"], IMAGES[0], 2)
    picture, *rest = (axes.images[0].get_array() for axes in figure.get_axes())
    np.testing.assert_array_equal(picture, IMAGES[0])
    np.testing.assert_array_equal(rest, [strong, weak, strong, flat])
    assert "edges (4 × 4 × 3), channels 2, 1;" in figure.alt
    assert "parts (4 × 4 × 2), channels 0, 1." in figure.alt
    assert {"edges 4 × 4 × 3", "channel 2"} <= set(_drawn(figure))


def test_a_depth_may_have_fewer_channels_than_asked_for():
    figure = plot.show_maps([np.eye(3)[..., None]], per_depth=4)
    assert sum(len(axes.images) for axes in figure.axes) == 1
    assert "depth 1 (3 × 3 × 1), channels 0." in figure.alt


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "maps is empty"),
        ([np.ones((2, 2, 2)), np.ones((1, 2, 2, 2))], r"maps\[1\].*\(H, W, C\)"),
        ([np.full((2, 2, 2), np.inf)], r"maps\[0\] holds NaN or infinite"),
    ],
)
def test_wrong_maps_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        plot.show_maps(maps)


# History


def test_history_draws_each_curve_by_epoch_from_one():
    loss, accuracy = FIGURES["history"].axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        for line, key in zip(axes.lines, (name, "val_" + name), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
            np.testing.assert_array_equal(line.get_ydata(), HISTORY[key])


def test_history_says_where_each_curve_starts_and_ends():
    assert FIGURES["history"].alt == (
        "Training history of 3 epochs: "
        "loss: training 0.7 to 0.1, validation 0.8 to 0.25; "
        "accuracy: training 50.0 % to 98.5 %, validation 50.0 % to 90.0 %."
    )


def test_names_of_curves_that_end_together_do_not_overlap():
    figure = plot.plot_history({"loss": [0.7, 0.2], "val_loss": [0.9, 0.2]})
    _texts(figure)
    _assert_apart(figure.axes[0].texts)


@pytest.mark.parametrize("values", [{"loss": [0.5]}, {"val_accuracy": [0.5] * 300}])
def test_history_of_one_curve(values):
    figure = plot.plot_history(values)
    ticks = figure.axes[0].get_xticks()
    assert len(figure.axes) == len(figure.axes[0].lines) == 1
    np.testing.assert_array_equal(ticks, ticks.astype(int))


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "at least one"),
        ({"loss": []}, "at least one"),
        ({"loss": [1, 2], "val_loss": [1]}, "'loss': 2, 'val_loss': 1"),
        ({"loss": [1, float("nan"), 2]}, "'loss'.*from epoch 2.*smaller step"),
    ],
)
def test_history_that_cannot_be_drawn_is_refused(history, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_history(history)


# Confusion


@pytest.mark.parametrize("names", [NAMES, BREEDS], ids=["2 classes", "37 classes"])
def test_confusion_writes_every_count_where_it_belongs(names):
    labels = RANDOM.integers(0, len(names), 900)
    predictions = np.where(RANDOM.random(900) < 0.2, labels[::-1], labels)
    counts = np.zeros((len(names), len(names)), int)
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label, prediction] += 1
    figure = plot.plot_confusion(labels, predictions, names)
    axes = figure.axes[0]
    read = np.zeros_like(counts)
    for text in axes.texts:
        column, row = text.get_position()
        read[row, column] = int(text.get_text())
    np.testing.assert_array_equal(read, counts)
    assert len(axes.texts) == np.count_nonzero(counts)  # no zeros written
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    for labels_drawn in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [text.get_text() for text in labels_drawn] == names
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert f"{counts.trace()} of 900 right" in figure.alt


@pytest.mark.parametrize("names", [NAMES, BREEDS[:6], BREEDS])
def test_neighbours_in_a_confusion_matrix_do_not_overlap(names):
    labels = np.repeat(np.arange(len(names)), 200)
    next_class = (labels + np.tile([0, 1], len(labels) // 2)) % len(names)
    figure = plot.plot_confusion(labels, next_class, names)
    _texts(figure)
    axes = figure.axes[0]
    for texts in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts):
        _assert_apart(texts)


def _box(text):
    """Return where a text stands, without the line that leads to it."""
    return Text.get_window_extent(text)


def _assert_apart(texts):
    boxes = [_box(text) for text in texts]
    for number, box in enumerate(boxes):
        assert box.count_overlaps(boxes[number + 1 :]) == 0, texts[number]


def test_confusion_names_the_most_frequent_mistakes():
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    predictions = labels.copy()
    predictions[:4], predictions[10:12], predictions[20], predictions[21] = 2, 0, 1, 0
    figure = plot.plot_confusion(labels, predictions, ["cat", "dog", "fox"])
    assert figure.alt == (
        "Confusion matrix of 3 classes: 22 of 30 right (73.3 %). "
        "Most frequent mistakes: 4 cat → fox, 2 dog → cat, 1 fox → cat."
    )
    perfect = plot.plot_confusion(labels, labels, ["cat", "dog", "fox"])
    assert perfect.alt.endswith("30 of 30 right (100.0 %). No mistakes.")


@pytest.mark.filterwarnings("error")
def test_a_class_without_pictures_stays_blank():
    figure = plot.plot_confusion(np.array([0, 0]), np.array([0, 0]), NAMES)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[1], [0, 0])


def test_confusion_refuses_probabilities_and_unequal_lengths():
    with pytest.raises(ValueError, match=r"predictions .*argmax\(axis=1\)"):
        plot.plot_confusion(np.array([0, 1]), _probabilities(0.1, 0.9), NAMES)
    with pytest.raises(ValueError, match="predictions has 1 entries, expected 2"):
        plot.plot_confusion(np.array([0, 1]), np.array([0]), NAMES)


# Top five


def test_top5_draws_the_likeliest_classes_from_the_top():
    scores = np.array([0.05, 0.4, 0.02, 0.3, 0.15, 0.08])
    figure = plot.plot_top5(scores, list("abcdef"), IMAGES[0], "Chelsea")
    picture, axes = figure.axes
    np.testing.assert_array_equal(picture.images[0].get_array(), IMAGES[0])
    assert [text.get_text() for text in axes.get_yticklabels()] == list("bdefa")
    lengths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(lengths, [0.4, 0.3, 0.15, 0.08, 0.05])
    assert axes.yaxis_inverted()
    assert axes.get_xlim() == (0, 1)
    assert figure.alt == (
        "The 5 likeliest classes for Chelsea: "
        "b 40.0 %, d 30.0 %, e 15.0 %, f 8.0 %, a 5.0 %."
    )


def test_top5_of_two_classes_shows_both():
    figure = plot.plot_top5(np.array([0.25, 0.75], np.float16), NAMES)
    assert figure.alt == "The 2 likeliest classes: dog 75.0 %, cat 25.0 %."
    assert {"dog", "75.0 %", "cat", "25.0 %"} <= set(_drawn(figure))


def test_top5_refuses_logits_and_several_pictures():
    with pytest.raises(ValueError, match="apply softmax"):
        plot.plot_top5(np.array([5.0, 3.0]), NAMES)
    with pytest.raises(ValueError, match=r"shape \(1, 2\), expected \(K,\)"):
        plot.plot_top5(_probabilities(0.5), NAMES)


# Attack


def test_attack_shows_what_changed_between_the_two_pictures():
    original = np.full((20, 30, 3), 0.5, np.float32)
    adversarial = original.copy()
    adversarial[0, 0] += np.array([0, 2, -8], np.float32) / 255
    chances = np.array([[0.2, 0.7, 0.1], [0.9, 0.04, 0.06]])
    names = ["cat", "dog", "fox"]
    figure = plot.show_attack(original, adversarial, chances, names, amplify=20)
    titles = ["original", "difference × 20", "adversarial", "original", "adversarial"]
    assert [axes.get_title() for axes in figure.axes] == titles
    drawn = [axes.images[0].get_array() for axes in figure.axes[:3]]
    np.testing.assert_array_equal(drawn[0], original)
    np.testing.assert_array_equal(drawn[2], adversarial)
    np.testing.assert_allclose(drawn[1][0, 0], [0.5, 0.5 + 40 / 255, 0], atol=1e-4)
    np.testing.assert_array_equal(drawn[1][1:], 0.5)
    for axes, row in zip(figure.axes[3:], chances, strict=True):
        lengths = [bar.get_width() for bar in axes.patches]
        np.testing.assert_allclose(lengths, sorted(row, reverse=True))
    assert figure.alt == (
        "An attack, largest change 8/255; "
        "original: dog 70.0 %, cat 20.0 %, fox 10.0 %; "
        "adversarial: cat 90.0 %, fox 6.0 %, dog 4.0 %."
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"original": IMAGES[0] * 255}, r"^original .*\[0, 1\]: divide"),
        ({"adversarial": IMAGES[1][:9]}, "^adversarial has .*that of original"),
        ({"probabilities": _probabilities(0.5)}, "probabilities has 1 entries"),
        ({"probabilities": [[5.0, 3.0], [1.0, 2.0]]}, "apply softmax"),
    ],
)
def test_wrong_attacks_are_refused(changed, message):
    right = {
        "original": IMAGES[0],
        "adversarial": IMAGES[1],
        "probabilities": _probabilities(0.9, 0.2),
        "class_names": NAMES,
    }
    with pytest.raises(ValueError, match=message):
        plot.show_attack(**{**right, **changed})


# Curves


def test_curves_run_where_they_are_told_from_step_one():
    axes = FIGURES["curves"].axes[0]
    for line, values in zip(axes.lines[:2], CURVES.values(), strict=False):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), values)
    np.testing.assert_array_equal(axes.lines[2].get_xydata(), [[0, 0.05], [2, 0.05]])
    assert axes.get_ylim() == pytest.approx((0, 1), abs=0.05)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "probability")
    assert FIGURES["curves"].alt == (
        "Curves of probability by step: tabby 1.0 % to 99.5 %, "
        "Egyptian cat 2.0 % to 99.0 %, flat 5.0 % to 5.0 %."
    )


def test_names_stand_apart_beside_the_ends_of_their_curves():
    figure = FIGURES["curves"]
    _texts(figure)
    axes = figure.axes[0]
    names = {text.get_text(): text for text in axes.texts}
    assert list(names) == list(CURVES)
    _assert_apart(axes.texts)
    for text, line in zip(axes.texts, axes.lines, strict=True):
        end = axes.transData.transform(line.get_xydata()[-1])
        assert _box(text).x0 > axes.bbox.x1
        assert abs(_box(text).get_points()[:, 1].mean() - end[1]) < 20
        assert text.xy == tuple(line.get_xydata()[-1])  # where the leader ends
        assert text.arrow_patch.get_edgecolor()[:3] == to_rgb(line.get_color())


def test_eight_curves_that_end_together_are_told_apart():
    figure = FIGURES["spectra"]
    _texts(figure)
    axes = figure.axes[0]
    _assert_apart(axes.texts)
    assert [axes.get_xscale(), axes.get_yscale()] == ["log", "log"]
    assert len({line.get_color() for line in axes.lines}) == 8
    assert len({str(line._unscaled_dash_pattern) for line in axes.lines}) == 8
    for line in axes.lines:
        assert _contrast(to_rgb(line.get_color()), (1, 1, 1)) > 2
    assert "picture 7 9 to 0.2." in figure.alt


def test_curves_of_other_things_are_not_in_percent():
    figure = plot.plot_curves({"cat": [3.5, 12]}, ylabel="logit")
    assert figure.alt == "Curves of logit by step: cat 3.5 to 12."
    assert not any("%" in text for text in _drawn(figure))


@pytest.mark.parametrize(
    ("curves", "options", "message"),
    [
        ({}, {}, "^curves has 0 entries, expected 1 to 8"),
        ({str(n): [1] for n in range(9)}, {}, "^curves has 9 entries"),
        ({"a": []}, {}, r"^curves\['a'\] .*not empty"),
        ({"a": [0.5, np.nan]}, {}, r"^curves\['a'\] holds NaN"),
        ({"a": ([1, 2], [1, 2, 3])}, {}, r"^curves\['a'\] has 2 entries, expected 3"),
        ({"a": [1, 0]}, {"logarithmic": True}, r"^curves\['a'\] is not positive"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(curves, options, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_curves(curves, **options)


# Budget


def test_budget_shows_shares_with_intervals_of_wilson():
    figure = plot.plot_budget(np.array([0, 2, 8]) / 255, [0, 4, 10], 10)
    axes = figure.axes[0]
    line, (bars,) = axes.lines[0], axes.collections
    np.testing.assert_allclose(line.get_ydata(), [0, 0.4, 1])
    ends = [segment[:, 1] for segment in bars.get_segments()]
    # Wilson 1927 with z = 1.96; for 0 of n the upper end is z² / (n + z²)
    expected = [[0, 0.2775], [0.1682, 0.6873], [0.7225, 1]]
    np.testing.assert_allclose(ends, expected, atol=1e-4)
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["0\n0 of 10", "2/255\n4 of 10", "8/255\n10 of 10"]
    assert figure.alt == (
        "Share fooled by epsilon, with 95 % intervals: 0 0 % (0 of 10; 0 % to 28 %); "
        "2/255 40 % (4 of 10; 17 % to 69 %); 8/255 100 % (10 of 10; 72 % to 100 %)."
    )


def test_names_of_many_budgets_do_not_overlap():
    figure = FIGURES["budget"]
    _texts(figure)
    _assert_apart(figure.axes[0].get_xticklabels())


@pytest.mark.parametrize(
    ("epsilons", "successes", "counts", "message"),
    [
        ([8], [1], 2, "^epsilon is 8.*8/255"),
        ([0.1, 0.2], [1], 2, "^successes has 1 entries, expected 2"),
        ([0.1], [3], 2, r"^successes is \[3\] of counts \[2\].*no more than"),
        ([0.1], [0.5], 2, "^successes .*whole numbers"),
        ([0.1], [0], 0, "^successes .*whole numbers"),
    ],
)
def test_wrong_budgets_are_refused(epsilons, successes, counts, message):
    with pytest.raises(ValueError, match=message):
        plot.plot_budget(epsilons, successes, counts)
