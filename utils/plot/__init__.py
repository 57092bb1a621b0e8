"""Every figure of the course: each function returns one `Figure` with alt text."""

from utils.plot.animation import Animation
from utils.plot.charts import (
    STYLES,
    plot_budget,
    plot_confusion,
    plot_curves,
    plot_history,
)
from utils.plot.control import Control
from utils.plot.figure import Figure
from utils.plot.pictures import (
    plot_top5,
    show_attack,
    show_images,
    show_maps,
    show_mistakes,
    surest_mistakes,
)

__all__ = [
    "STYLES",
    "Animation",
    "Control",
    "Figure",
    "plot_budget",
    "plot_confusion",
    "plot_curves",
    "plot_history",
    "plot_top5",
    "show_attack",
    "show_images",
    "show_maps",
    "show_mistakes",
    "surest_mistakes",
]
