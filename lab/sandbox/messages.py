"""What crosses between grader and worker: words, and arrays of numbers."""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load, save

MAX_MESSAGE_BYTES = 128 << 20
MAX_HEADER_BYTES = 1 << 14  # what describes the arrays of a message
MAX_ARRAYS = 16  # of a message
MAX_ELEMENTS = 10_000_000  # of an array
MAX_DIMENSIONS = 8
MAX_REASON_LETTERS = 300
TOKEN_BYTES = 16  # that begin the words of a request, and of its answer
TOO_MUCH = "gave more than the grader takes"


class Failure(NamedTuple):
    """What came instead of an answer."""

    reason: str  # for people, after the name of the function: "raised ValueError: ..."


def send(connection: Connection, words: bytes, arrays: bytes) -> None:
    """Write a message; nothing is pickled.

    Parameters
    ----------
    connection : Connection
        To the other side.
    words, arrays : bytes
        What the two sides agree on, and what comes from `to_bytes`.
    """
    connection.send_bytes(words)
    connection.send_bytes(arrays)


def receive(connection: Connection) -> tuple[bytes, bytes]:
    """Read a message that `send` wrote, or that somebody forged.

    Parameters
    ----------
    connection : Connection
        To the other side.

    Returns
    -------
    words, arrays : bytes
        `MAX_MESSAGE_BYTES` together at most.

    Raises
    ------
    EOFError
        If the other side ended.
    ValueError
        If the message is larger; the rest of it was not read.
    """
    words = _receive_bytes(connection, MAX_MESSAGE_BYTES)
    return words, _receive_bytes(connection, MAX_MESSAGE_BYTES - len(words))


def _receive_bytes(connection: Connection, max_length: int) -> bytes:
    try:
        # The length that the sender claims is compared before anything is allocated.
        return connection.recv_bytes(max_length)
    except OSError as error:
        if connection.readable:
            raise EOFError("the other side ended") from error
        raise ValueError(TOO_MUCH) from error


def to_bytes(values: Sequence) -> bytes:
    """Write arrays as the bytes of a safetensors file.

    Parameters
    ----------
    values : sequence of array_like of bool, int or float
        At most `MAX_ARRAYS`, of at most `MAX_ELEMENTS` numbers each.

    Returns
    -------
    bytes
        The arrays under the names 0, 1 and so on.

    Raises
    ------
    ValueError
        If they hold something else, or more.
    """
    if len(values) > MAX_ARRAYS:
        raise ValueError(TOO_MUCH)
    return save({str(n): _numbers(value) for n, value in enumerate(values)})


def _numbers(value) -> np.ndarray:
    """Return an array of numbers without gaps, as `save` needs it."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"gave no array: {error}") from error
    _require_numbers(array)
    return np.asarray(array, order="C")


def from_bytes(content: bytes) -> list[np.ndarray]:
    """Read arrays of numbers from the bytes of a safetensors file.

    Parameters
    ----------
    content : bytes
        From `to_bytes`, or forged.

    Returns
    -------
    list of ndarray of bool, int, uint or float
        At most `MAX_ARRAYS`, of at most `MAX_ELEMENTS` numbers each, in this machine's
        byte order.

    Raises
    ------
    ValueError
        If the bytes are no such arrays.
    """
    try:
        # Before it is parsed: a long header could describe millions of empty arrays.
        if int.from_bytes(content[:8], "little") > MAX_HEADER_BYTES:
            raise ValueError("a long header")
        found = load(content)
        arrays = [found[str(n)] for n in range(len(found))]
    except Exception as error:  # whatever a forged header makes the library raise
        raise ValueError("gave something that is no array of numbers") from error
    if len(arrays) > MAX_ARRAYS:
        raise ValueError(TOO_MUCH)
    for array in arrays:
        _require_numbers(array)
    # Any byte but 0 becomes True: a forged 2 is neither, and comparisons disagree.
    return [a.view(np.uint8).astype(bool) if a.dtype == bool else a for a in arrays]


def _require_numbers(array: np.ndarray) -> None:
    """Refuse an array that may not cross."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ValueError(f"gave values of type {array.dtype}, not numbers")
    if array.size > MAX_ELEMENTS:
        raise ValueError(f"gave {array.size:,} numbers, more than {MAX_ELEMENTS:,}")
    if array.ndim > MAX_DIMENSIONS or max(array.shape, default=0) > MAX_ELEMENTS:
        raise ValueError(f"gave an array of an odd shape, {array.shape}")
