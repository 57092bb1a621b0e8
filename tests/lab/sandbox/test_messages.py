"""What may cross from a worker to the grader: arrays of numbers, exactly."""

import io
import pickle

import numpy as np
import pytest

from lab.sandbox.messages import (
    COUNT,
    LENGTH,
    MOST_ELEMENTS,
    from_bytes,
    receive,
    send,
    to_bytes,
)


def npy(descr="'<f8'", shape="(2,)", body=bytes(16)):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return (
        b"\x93NUMPY\x01\x00"
        + len(header).to_bytes(2, "little")
        + header.encode()
        + body
    )


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5),
        np.zeros((0, 3), np.float16),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
        np.array([True, False]),
        np.array([np.nan, -np.inf, -0.0]),
    ],
)
def test_an_array_crosses_exactly(array):
    crossed = from_bytes(to_bytes(array))
    assert crossed.dtype == array.dtype.newbyteorder("=")
    assert crossed.shape == array.shape
    assert crossed.tobytes() == array.astype(crossed.dtype).tobytes()


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        pickle.dumps(np.ones(2)),
        npy(descr="'|O'"),
        npy(descr="'<U4'"),
        npy(descr="'<c8'"),
        npy(descr="[('a', '<f8')]"),
        npy(descr="__import__('os')"),
        npy(shape="(1000000000,)"),
        npy(shape="(3,)"),
        npy(shape="(-2,)"),
        npy(shape="(0, 99999999999999999999)", body=b""),
        npy(shape="(2, 1, 1, 1, 1, 1, 1, 1, 1)"),
        npy(descr="'|u1'", shape="(65536, 65536, 65536, 65536)", body=b""),
        npy(
            descr="'|u1'",
            shape=f"({MOST_ELEMENTS + 1},)",
            body=bytes(MOST_ELEMENTS + 1),
        ),
    ],
)
def test_forged_bytes_are_refused(forged):
    with pytest.raises(ValueError, match="^gave "):
        from_bytes(forged)


def test_a_forged_truth_value_is_true_or_false():
    (value,) = from_bytes(npy(descr="'|b1'", shape="(1,)", body=b"\x02"))
    assert value.tobytes() == b"\x01"


@pytest.mark.parametrize("value", [object(), "text", [1j], [None], np.longdouble(1)])
def test_only_numbers_are_written(value):
    with pytest.raises(ValueError, match="not numbers"):
        to_bytes(value)


def test_a_billion_numbers_are_not_written():
    with pytest.raises(ValueError, match="more than"):
        to_bytes(np.broadcast_to(0.0, 10**9))


@pytest.mark.parametrize("length", [1 << 40, (1 << 64) - 1])
def test_a_claimed_length_is_not_allocated(length):
    forged = io.BytesIO(COUNT.pack(1) + LENGTH.pack(length))
    with pytest.raises(ValueError, match="more than the grader takes"):
        receive(forged)


def test_many_frames_are_refused():
    stream = io.BytesIO()
    send(stream, [b""] * 1000)
    stream.seek(0)
    with pytest.raises(ValueError, match="more than the grader takes"):
        receive(stream)


def test_a_message_cut_short_is_an_end():
    stream = io.BytesIO()
    send(stream, [b"whole"])
    with pytest.raises(EOFError):
        receive(io.BytesIO(stream.getvalue()[:-1]))
