"""The meter sees memory that is gone again at the end."""

import os
import time

import numpy as np

from utils.measure import Meter, alone


def test_it_sees_the_peak():
    with Meter() as meter:
        block = np.ones(25_000_000, dtype=np.float32)  # 100 MB
        time.sleep(0.1)  # two looks at least
        del block
    assert 90 < meter.megabytes < 200
    assert meter.seconds >= 0.1


def test_it_measures_what_fails_too():
    meter = Meter()
    try:
        with meter:
            raise KeyError
    except KeyError:
        assert meter.seconds < 10


def test_alone_is_another_process():
    assert alone(os.getpid) != os.getpid()
