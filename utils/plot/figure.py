"""The figure that notebooks save with alt text, and what is drawn into it."""

import base64
import io
import textwrap

import matplotlib.figure
import numpy as np

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
MAX_BARS = 5  # in a list of the likeliest classes


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook saves as PNG with alt text; pyplot never sees it.

    Parameters
    ----------
    width, height : float
        Inches, at `DPI` pixels per inch.

    Attributes
    ----------
    alt : str
        What is to be seen, with its key numbers, for those who do not see it.
    """

    def __init__(self, width, height):
        super().__init__(figsize=(width, height), dpi=DPI, layout="constrained")
        self.alt = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Return the picture for Jupyter, and its text beside it."""
        png = io.BytesIO()
        self.savefig(png, format="png", metadata={"Software": None})
        encoded = base64.b64encode(png.getvalue()).decode()
        data = {"image/png": encoded, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def draw_best(axes, probabilities, class_names, color=BLUE) -> list[str]:
    """Draw a bar for each of the likeliest classes, and say what they are."""
    best = np.argsort(-probabilities, kind="stable")[:MAX_BARS]
    names = [class_names[n] for n in best]
    values = [percent(probabilities[n], 1) for n in best]
    places = range(len(best))  # from the top
    bars = axes.barh(places, probabilities[best], color=color)
    axes.bar_label(bars, values, padding=4, fontsize=SMALL)
    axes.set_yticks(places, [*map(wrapped, names)], **TEXT)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return [f"{name} {value}" for name, value in zip(names, values, strict=True)]


def of_255(value) -> str:
    """Write a change of a pixel in steps of 8 bits."""
    return f"{round(255 * value, 2):g}/255" if value else "0"


def draw_picture(axes, image, title="") -> None:
    """Draw one picture without axes."""
    axes.imshow(image)
    axes.set_axis_off()
    axes.set_title(wrapped(title), **TEXT)


def set_heading(figure, heading) -> None:
    """Put a heading above a figure, which grows by the lines it takes."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(heading, int(11 * width))  # 11 characters to the inch
    figure.set_size_inches(width, height + 0.22 * len(lines))
    figure.suptitle("\n".join(lines), size=10)


def message(text) -> Figure:
    """Show a sentence where there is nothing to draw."""
    figure = Figure(5, 0.6)
    figure.text(0.5, 0.5, text, size=11, **CENTRED)
    figure.alt = text
    return figure


def wrapped(title, width=TITLE_WIDTH) -> str:
    """Break a title into lines; a number stays with its percent sign."""
    kept = str(title).replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(kept, width).replace("\N{NO-BREAK SPACE}", " ")


def listed(items, separator=", ") -> str:
    """Join the items of a list behind a colon, if there are any."""
    return f": {separator.join(items)}" if items else ""


def count_of(number, noun) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'s' * (number != 1)}"


def percent(share, digits=0) -> str:
    """Write a share in percent."""
    return f"{100 * share:.{digits}f} %"
