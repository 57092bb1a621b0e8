"""What may cross from a worker to the grader: arrays of numbers, exactly."""

import json
import pickle
import struct
from contextlib import closing
from multiprocessing import Pipe

import numpy as np
import pytest
from safetensors.numpy import save

from lab.sandbox.messages import (
    MAX_ARRAYS,
    MAX_ELEMENTS,
    MAX_HEADER_BYTES,
    MAX_MESSAGE_BYTES,
    from_bytes,
    receive,
    send,
    to_bytes,
)


def forge(dtype="F64", shape=(2,), offsets=None, body=bytes(16), name="0"):
    """Write a safetensors file; its header may claim what it likes."""
    offsets = offsets or (0, len(body))
    about = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    return forge_header(json.dumps({name: about}).encode(), body)


def forge_header(header, body=b"", length=None):
    claimed = len(header) if length is None else length
    return claimed.to_bytes(8, "little") + header + body


def empty_arrays(count):
    about = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    header = {str(number): about for number in range(count)}
    return forge_header(json.dumps(header).encode())


@pytest.fixture
def ends():
    """Both ends of a connection; what is written to one can be read from the other."""
    one, other = Pipe()
    with closing(one), closing(other):
        yield one, other


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5),
        np.array(True),
        np.zeros((0, 3), np.float16),
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0)[::-3],
        np.broadcast_to(np.arange(3), (4, 3)),
        np.arange(3, dtype=">i4"),
        np.array([True, False]),
        np.array([np.nan, -np.inf, -0.0]),
    ],
)
def test_an_array_crosses_exactly(array):
    (crossed,) = from_bytes(to_bytes([array]))
    assert type(crossed) is np.ndarray
    assert crossed.dtype == array.dtype.newbyteorder("=")
    assert crossed.shape == array.shape
    assert crossed.tobytes() == array.astype(crossed.dtype).tobytes()
    crossed[...] = 0  # in memory of its own


def test_several_arrays_keep_their_order():
    crossed = from_bytes(to_bytes([np.full(n, n) for n in range(MAX_ARRAYS)]))
    assert [len(array) for array in crossed] == list(range(MAX_ARRAYS))


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        pickle.dumps(np.ones(2)),
        forge(dtype="O"),
        forge(dtype="<U4"),
        forge(dtype="C64"),
        forge(dtype="BF16", shape=(8,)),
        forge(dtype="F8_E4M3", shape=(16,)),
        forge(dtype=[["a", "F64"]]),
        forge(dtype="__import__('os')"),
        forge(shape=(1_000_000_000,)),
        forge(shape=(3,)),
        forge(shape=(-2,)),
        forge(shape=(2.0,)),
        forge(shape=(0, 99_999_999_999_999_999_999), body=b""),
        forge(shape=(0, 1 << 62), body=b""),
        forge(shape=(0, MAX_ELEMENTS + 1), body=b""),
        forge(shape=(2, 1, 1, 1, 1, 1, 1, 1, 1)),
        forge(shape=(2, *[1] * 99)),
        forge(dtype="U8", shape=(65536, 65536, 65536, 65536), body=b""),
        forge(dtype="U8", shape=(MAX_ELEMENTS + 1,), body=bytes(MAX_ELEMENTS + 1)),
        forge(offsets=(0, 1 << 62)),
        forge(offsets=(16, 0)),
        forge(offsets=(8, 24), body=bytes(24)),
        forge(body=bytes(17)),
        forge(name="1"),
        forge(name="array"),
        forge_header(b"{}", length=1 << 62),
        forge_header(b"{}", length=(1 << 64) - 1),
        forge_header(b"[" * 5000),
        forge_header(b"null"),
        forge_header(b'{"0": "\xff"}'),
        forge_header(b"{}" + b" " * MAX_HEADER_BYTES),
        empty_arrays(MAX_ARRAYS + 1),
        empty_arrays(100_000),
    ],
)
def test_forged_bytes_are_refused(forged):
    with pytest.raises(ValueError, match="^gave "):
        from_bytes(forged)


def test_a_forged_truth_value_is_true_or_false():
    (value,) = from_bytes(forge(dtype="BOOL", shape=(2,), body=b"\x02\x00"))
    assert value.tobytes() == b"\x01\x00"
    (value,) = from_bytes(forge(dtype="BOOL", shape=(), body=b"\x02"))
    assert value.tobytes() == b"\x01"


@pytest.mark.parametrize("value", [object(), "text", [1j], [None], np.longdouble(1)])
def test_only_numbers_are_written(value):
    with pytest.raises(ValueError, match="not numbers"):
        to_bytes([value])


def test_a_billion_numbers_are_not_written():
    with pytest.raises(ValueError, match="more than"):
        to_bytes([np.broadcast_to(0.0, 10**9)])


def test_many_arrays_are_not_written():
    with pytest.raises(ValueError, match="more than the grader takes"):
        to_bytes([np.zeros(1)] * (MAX_ARRAYS + 1))


def test_a_message_crosses(ends):
    one, other = ends
    send(one, b"words", to_bytes([np.arange(3)]))
    words, arrays = receive(other)
    assert words == b"words"
    assert from_bytes(arrays)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("length", [1 << 40, 1 << 62, (1 << 64) - 1])
@pytest.mark.parametrize("before", [b"", struct.pack("!i", 5) + b"words"])
def test_a_claimed_length_is_not_allocated(ends, before, length):
    one, other = ends
    one._send(before + struct.pack("!iQ", -1, length))
    with pytest.raises(ValueError, match="more than the grader takes"):
        receive(other)


def test_both_parts_of_a_message_have_one_limit(ends, monkeypatch):
    one, other = ends
    monkeypatch.setattr("lab.sandbox.messages.MAX_MESSAGE_BYTES", 100)
    send(one, bytes(60), bytes(40))
    assert receive(other) == (bytes(60), bytes(40))
    send(one, bytes(60), bytes(41))
    with pytest.raises(ValueError, match="more than the grader takes"):
        receive(other)
    assert MAX_MESSAGE_BYTES <= 128 << 20


@pytest.mark.parametrize("size", [-1, -2, -(1 << 31)])
def test_a_claimed_length_below_nothing_brings_nothing(ends, size):
    one, other = ends
    one._send(struct.pack("!i", size) + bytes(8) + struct.pack("!i", 0))
    assert receive(other) == (b"", b"")


def test_pickles_are_never_opened(ends):
    one, other = ends
    one.send(object)
    one.send(object)
    words, arrays = receive(other)
    assert words == pickle.dumps(object)
    with pytest.raises(ValueError, match="^gave "):
        from_bytes(arrays)


@pytest.mark.parametrize("missing", [1, 6, 12])
def test_a_message_cut_short_is_an_end(ends, missing):
    one, other = ends
    content = struct.pack("!i", 5) + b"words" + struct.pack("!i", 5) + b"whole"
    one._send(content[:-missing])
    one.close()
    with pytest.raises(EOFError):
        receive(other)


def test_the_arrays_are_a_safetensors_file():
    assert to_bytes([np.arange(3)]) == save({"0": np.arange(3)})
