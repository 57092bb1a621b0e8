"""A control to play with: choose a class, watch its ideal picture grow, stop it."""

import html
import io
import threading
import time

import ipywidgets as widgets
import numpy as np
from PIL import Image

from utils.checks import class_number, require_steps

PICTURE_INTERVAL = 0.25  # seconds: drawing must not slow the climb
SIDE = 320  # pixels, the width of the picture on the screen
GREY = np.full((SIDE, SIDE, 3), 0.5)


class Control:
    """A panel that runs a gradient ascent; the value of a cell shows it.

    A live notebook shows the panel, every other viewer the still picture. One climb
    runs at a time: a new one, or a new control, stops the one before.

    Parameters
    ----------
    climb : callable
        ``climb(target, weight, steps, watch)`` returns the best image, (H, W, 3)
        float in [0, 1], and its probability. After each step it calls
        ``watch(number, probability, image)``, with number from 1; when that raises
        KeyboardInterrupt, it ends and returns the best so far.
    class_names : sequence of str
        Of which `climb` gets one as its target.
    still : utils.plot.Figure
        A finished result, shown where there are no widgets.
    weights : sequence of float
        Of the variation, to choose from; the first is set.
    target : str
        The class that is set.
    steps : int
        The number of steps that is set; up to four times as many can be chosen.

    Attributes
    ----------
    panel : ipywidgets.Box
        All of these: the fields `target`, `weight` and `steps`, the buttons `start`
        and `stop`, the progress `bar`, the `message` under it, and the `picture`.
    thread : threading.Thread or None
        The last climb.

    Raises
    ------
    ValueError
        If `target` is not among the class names, or `steps` is no whole number
        from 1.
    """

    _climbing = threading.Lock()  # two at a time would share the cores
    _stopped = threading.Event()  # the wish that the climb that runs should end

    def __init__(self, climb, class_names, still, weights, target="tabby", steps=128):
        require_steps(steps)
        Control._stopped.set()
        self.climb, self.class_names, self.still = climb, list(class_names), still
        self.thread = None
        self.target = widgets.Combobox(
            value=self._known(target),
            options=self.class_names,
            description="class",
            placeholder="type a part of a name",
        )
        self.weight = widgets.SelectionSlider(options=weights, description="variation")
        self.steps = widgets.IntSlider(steps, 1, 4 * steps, description="steps")
        self.start = widgets.Button(description="Start", icon="play")
        self.stop = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.start.on_click(self._start)
        self.stop.on_click(self._stop)
        self.bar = widgets.IntProgress(style={"description_width": "initial"})
        self.message = widgets.HTML()
        self.picture = widgets.Image(value=_png(GREY), layout={"width": f"{SIDE}px"})
        buttons = widgets.HBox([self.start, self.stop])
        fields = [self.target, self.weight, self.steps, buttons, self.bar, self.message]
        column = widgets.VBox(fields, layout={"width": f"{SIDE}px"})
        # The picture stands beside the rest, or below where the page is narrow.
        row = {"flex_flow": "row wrap"}
        self.panel = widgets.Box([column, self.picture], layout=row)

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Return the panel for Jupyter, and the still picture beside it."""
        data, metadata = self.still._repr_mimebundle_()
        return self.panel._repr_mimebundle_() | data, metadata

    def _known(self, name) -> str:
        return self.class_names[class_number(name, self.class_names)]

    def _start(self, button) -> None:
        try:
            target = self._known(self.target.value)
        except ValueError as error:
            self._say(error)
        else:
            self._say("")
            self.start.disabled, self.stop.disabled = True, False
            self.bar.value, self.bar.max = 0, self.steps.value
            self.bar.description = target
            self._begin(target, self.weight.value, self.steps.value)

    def _begin(self, *chosen) -> None:
        """Stop what runs, and climb in a thread, so that a click on Stop gets here."""
        Control._stopped.set()
        stopped = Control._stopped = threading.Event()
        chosen = stopped, *chosen
        self.thread = threading.Thread(target=self._run, args=chosen, daemon=True)
        self.thread.start()

    def _stop(self, button) -> None:
        Control._stopped.set()
        self.stop.disabled = True

    def _run(self, stopped, target, weight, steps) -> None:
        """Climb, and show what came of it, an error too."""
        watch = self._watch(stopped, target)
        try:
            with Control._climbing:
                image, probability = self.climb(target, weight, steps, watch)
            self._tell(target, probability)
            self.picture.value = _png(image)
            self._say("Stopped: this is the best so far." if stopped.is_set() else "")
        except BaseException as error:  # nobody above a thread would show it
            self._say(f"{type(error).__name__}: {error}")
        finally:
            self.start.disabled, self.stop.disabled = False, True

    def _watch(self, stopped, target):
        due = 0.0

        def watch(number, probability, image):
            nonlocal due
            if stopped.is_set():
                raise KeyboardInterrupt
            self.bar.value = number
            self._tell(target, probability)
            if time.monotonic() >= due:
                self.picture.value = _png(image)
                due = time.monotonic() + PICTURE_INTERVAL

        return watch

    def _tell(self, target, probability) -> None:
        self.bar.description = f"{target}: {100 * probability:.1f} %"

    def _say(self, text) -> None:
        self.message.value = html.escape(str(text))


def _png(image) -> bytes:
    """Write a picture, (H, W, 3) float in [0, 1], as PNG."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, format="png")
    return png.getvalue()
