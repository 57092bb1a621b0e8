"""The control: a climb that is watched, stopped, refused and shown without widgets."""

import base64
import io
import threading

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from utils import plot
from utils.plot import control
from utils.plot.control import Control

NAMES = ["tabby", "Egyptian cat", "tiger cat", "goldfish"]
VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = 10  # at most, for what is over in a moment


class Climb:
    """A climb whose steps wait for the test; after step n the picture is n / 10."""

    def __init__(self):
        self.calls, self.steps_allowed = [], threading.Semaphore(0)
        self.step_done = threading.Semaphore(0)

    def __call__(self, target, weight, steps, watch):
        self.calls.append((target, weight, steps))
        done = 0
        try:
            for number in range(1, steps + 1):
                assert self.steps_allowed.acquire(timeout=SECONDS)
                done = number
                watch(number, number / 10, picture(number))
                self.step_done.release()
        except KeyboardInterrupt:
            pass
        return picture(done), done / 10

    def go(self, steps):
        """Let it take steps, and wait until they are shown."""
        for _ in range(steps):
            self.steps_allowed.release()
            assert self.step_done.acquire(timeout=SECONDS)


@pytest.fixture
def climb():
    return Climb()


@pytest.fixture
def panel(climb):
    return make(climb)


def make(climb):
    still = plot.plot_top5(np.array([0.7, 0.1, 0.1, 0.1]), NAMES)
    return Control(climb, NAMES, still, weights=[0, 0.5], steps=5)


def picture(number):
    return np.full((8, 8, 3), number / 10)


def shown(panel):
    image = Image.open(io.BytesIO(panel.picture.value))
    assert image.format == "PNG"
    return np.asarray(image)


def end(panel):
    panel.thread.join(SECONDS)
    assert not panel.thread.is_alive()
    assert not panel.start.disabled
    assert panel.stop.disabled


def test_a_climb_is_watched_to_its_end(panel, climb, monkeypatch):
    monkeypatch.setattr(control, "PICTURE_INTERVAL", 0)
    panel.target.value, panel.weight.value, panel.steps.value = " TIGER cat", 0.5, 3
    panel.start.click()
    assert panel.start.disabled
    assert not panel.stop.disabled
    climb.go(2)
    assert climb.calls == [("tiger cat", 0.5, 3)]
    assert (panel.bar.value, panel.bar.max) == (2, 3)
    assert panel.bar.description == "tiger cat: 20.0 %"
    assert (shown(panel) == round(0.2 * 255)).all()
    climb.go(1)
    end(panel)
    assert panel.bar.value == 3
    assert panel.bar.description == "tiger cat: 30.0 %"
    assert not panel.message.value


def test_pictures_are_drawn_now_and_then_but_the_last_always(panel, climb, monkeypatch):
    monkeypatch.setattr(control, "PICTURE_INTERVAL", 1000)
    drawn = []
    panel.picture.observe(lambda change: drawn.append(change.new), "value")
    panel.start.click()
    climb.go(5)
    end(panel)
    assert len(drawn) == 2
    assert (shown(panel) == round(0.5 * 255)).all()


def test_stop_keeps_the_best_and_lets_another_climb_start(panel, climb):
    panel.start.click()
    climb.go(2)
    panel.stop.click()
    climb.steps_allowed.release()
    end(panel)
    assert "best so far" in panel.message.value
    assert panel.bar.description == "tabby: 30.0 %"
    assert (shown(panel) == round(0.3 * 255)).all()
    panel.start.click()
    climb.go(5)
    end(panel)
    assert not panel.message.value
    assert panel.bar.value == 5


def test_a_new_control_and_a_new_climb_stop_the_one_before(panel, climb):
    panel.start.click()
    climb.go(1)
    again = Climb()
    second = make(again)
    climb.steps_allowed.release()
    end(panel)
    assert "Stopped" in panel.message.value
    second.start.click()
    again.go(1)
    panel.start.click()
    panel.thread.join(0.1)
    assert len(climb.calls) == 1  # waits until the second has ended
    again.steps_allowed.release()
    end(second)
    assert "Stopped" in second.message.value
    climb.go(5)
    end(panel)
    assert panel.bar.value == 5


def test_an_unknown_class_is_answered_with_near_names(panel, climb):
    panel.target.value = "<egyptan cat>"
    panel.start.click()
    assert panel.thread is None
    assert "no class &#x27;&lt;egyptan cat&gt;" in panel.message.value
    assert "nearest names: Egyptian cat, " in panel.message.value
    panel.target.value = "goldfish"
    panel.start.click()
    assert not panel.message.value
    climb.go(5)
    end(panel)
    assert climb.calls[0][0] == "goldfish"


def test_an_error_of_the_climb_is_shown(climb):
    def fall(target, weight, steps, watch):
        raise RuntimeError("no gradient <here>")

    panel = make(fall)
    panel.start.click()
    end(panel)
    assert panel.message.value == "RuntimeError: no gradient &lt;here&gt;"


@pytest.mark.filterwarnings("error")  # a display that fails only warns
def test_one_display_has_the_panel_and_what_stands_for_it(panel):
    data, metadata = DisplayFormatter().format(panel)
    assert data[VIEW]["model_id"] == panel.panel.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == panel.still.alt
    assert metadata == {"image/png": {"alt": panel.still.alt}}


def test_settings_that_cannot_be_are_refused(climb, panel):
    with pytest.raises(ValueError, match="no class 'tabi'.*names: tabby"):
        Control(climb, NAMES, panel.still, [0], target="tabi")
    with pytest.raises(ValueError, match="steps is 0"):
        Control(climb, NAMES, panel.still, [0], steps=0)
