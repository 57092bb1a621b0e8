"""What crosses between grader and worker: frames of bytes, and arrays in them."""

import io
import math
import re
from collections.abc import Sequence
from struct import Struct
from typing import BinaryIO, NamedTuple

import numpy as np

COUNT, LENGTH = Struct("<I"), Struct("<Q")
MOST_FRAMES = 16
MOST_ELEMENTS = 10_000_000  # of an array
REASON = 300  # letters that say why there is no answer
MOST_BYTES = 128 << 20  # of a message
# The header that numpy.save writes for plain numbers, to the letter. NumPy's own reader
# evaluates the header as Python, and knows types that hold objects; this one cannot.
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|][biuf][1248])', "
    rb"'fortran_order': (True|False), 'shape': \(([0-9, ]{0,200})\), \} *\n",
    re.DOTALL,
)


class Failure(NamedTuple):
    """What came instead of an answer."""

    reason: str  # for people, after the name of the function: "raised ValueError: ..."


def send(stream: BinaryIO, frames: Sequence[bytes]) -> None:
    """Write a message: the number of its frames, then length and bytes of each.

    Parameters
    ----------
    stream : binary file
        Where the other side reads.
    frames : sequence of bytes
        At most `MOST_FRAMES`.
    """
    lengths = [LENGTH.pack(len(frame)) for frame in frames]
    stream.write(COUNT.pack(len(frames)))
    for length, frame in zip(lengths, frames, strict=True):
        stream.write(length)
        stream.write(frame)
    stream.flush()


def receive(stream: BinaryIO) -> list[bytes]:
    """Read a message that `send` wrote, or that somebody forged.

    Parameters
    ----------
    stream : binary file
        Where the other side writes.

    Returns
    -------
    list of bytes
        The frames, `MOST_FRAMES` of `MOST_BYTES` together at most.

    Raises
    ------
    EOFError
        If the other side ended.
    ValueError
        If the message is larger; the rest of it was not read.
    """
    (count,) = COUNT.unpack(_exactly(stream, COUNT.size))
    room, frames = MOST_BYTES, []
    for _ in range(count):
        (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
        room -= length
        # Checked before anything is allocated: the sender may claim any length.
        if count > MOST_FRAMES or room < 0:
            raise ValueError("gave more than the grader takes")
        frames.append(_exactly(stream, length))
    return frames


def to_bytes(value) -> bytes:
    """Write an array as the bytes of a .npy file.

    Parameters
    ----------
    value : array_like of bool, int or float
        At most `MOST_ELEMENTS` numbers.

    Returns
    -------
    bytes
        What `numpy.save` writes.

    Raises
    ------
    ValueError
        If it holds something else, or more.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"gave no array: {error}") from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ValueError(f"gave values of type {array.dtype}, not numbers")
    if array.size > MOST_ELEMENTS:
        raise ValueError(f"gave {array.size:,} numbers, more than {MOST_ELEMENTS:,}")
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def from_bytes(content: bytes) -> np.ndarray:
    """Read an array of numbers from the bytes of a .npy file; nothing is unpickled.

    Parameters
    ----------
    content : bytes
        From `to_bytes`, or forged.

    Returns
    -------
    ndarray of bool, int, uint or float
        The array, at most `MOST_ELEMENTS` numbers, in this machine's byte order.

    Raises
    ------
    ValueError
        If the bytes are no such array.
    """
    header = HEADER.match(content)
    if header is None:
        raise ValueError("gave something that is no array of numbers")
    dtype, order = np.dtype(header[1].decode()), header[2] == b"True"
    shape = tuple(int(side) for side in header[3].split(b",") if side.strip())
    # Python's whole numbers do not overflow, so no product can look small.
    fits = math.prod(shape) * dtype.itemsize == len(content) - header.end()
    if not fits or len(shape) > 8 or max(shape, default=0) > MOST_ELEMENTS:
        raise ValueError("gave an array whose shape does not fit its bytes")
    if math.prod(shape) > MOST_ELEMENTS:
        raise ValueError(f"gave more than {MOST_ELEMENTS:,} numbers")
    return _plain(np.frombuffer(content, dtype, offset=header.end()), shape, order)


def _plain(values: np.ndarray, shape: tuple, fortran: bool) -> np.ndarray:
    """Give the values their shape, in memory of their own."""
    if values.dtype.kind == "b":
        # A byte of 2 is neither True nor False, and comparisons disagree about it.
        values = values.view(np.uint8) != 0
    shaped = values.reshape(shape, order="F" if fortran else "C")
    return shaped.astype(shaped.dtype.newbyteorder("="))


def _exactly(stream: BinaryIO, length: int) -> bytes:
    content = stream.read(length)
    if content is None or len(content) < length:
        raise EOFError("the other side ended")
    return content
