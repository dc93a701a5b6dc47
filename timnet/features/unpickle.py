"""A pickle reader that can build numbers, text, lists, tuples, dicts and numpy arrays of numbers, and nothing else.

A pickle is a program. It is read here in two steps. :func:`_inspect` walks its operations without carrying
them out and refuses all but the few that a dict of arrays needs, more than :data:`MOST_OPERATIONS` of them,
and any length that the file does not have: so nothing is allocated for a claim. Then a ``pickle.Unpickler``
whose only globals are the stubs below carries them out; no name is ever imported.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from timnet.errors import BadInput
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_OPERATIONS = 2000
"""A dict of two arrays takes about a hundred operations, whatever the size of the arrays."""
MOST_DIMENSIONS = 8

_OPERATIONS = """
    PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT
    UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS
    GLOBAL STACK_GLOBAL REDUCE BUILD
"""
_NAMES = frozenset(_OPERATIONS.split())
_ALLOWED = {
    operation.code.encode("latin-1"): operation for operation in pickletools.opcodes if operation.name in _NAMES
}
_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
"""For arguments that begin with their length: how many bytes the length itself takes."""

_NUMBERS = re.compile(r"[<>=|]?(?:b1|[iu][1248]|f[248])", re.ASCII)
_OBJECTS = ("O", "|O", "O8")


def unpickle(stream: BinaryIO, size: int) -> Any:
    """What the pickle at the position of ``stream`` describes; ``size`` is the whole file's length in bytes.

    Arrays of numbers come out as numpy arrays of their own dtype, bit for bit, read-only where the pickle held
    ``bytes``; an array of exactly one Python object comes out as that object. Protocols 0 to 5, as numpy 1 and
    2 write them. Raises :class:`BadInput` for everything else, without running any of it.
    """
    start = stream.tell()
    _inspect(stream, size)
    stream.seek(start)
    try:
        return _plain(_Unpickler(stream, size).load())
    except BadInput:
        raise
    except Exception as error:  # whatever a broken pickle makes of its own operations
        raise BadInput(f"its pickle is broken ({clean(str(error)) or type(error).__name__})") from error


def _inspect(stream: BinaryIO, size: int) -> None:
    """Refuse operations and lengths that no dict of arrays has; the payloads are passed over, not read."""
    for _ in range(MOST_OPERATIONS):
        code = stream.read(1)
        if not code:
            raise BadInput("its pickle ends too early")
        operation = _ALLOWED.get(code)
        if operation is None:
            raise BadInput(f"its pickle does more than describe arrays (operation {code!r}); nothing of it was run")
        if operation.name == "STOP":
            return
        if operation.arg is not None:
            _inspect_argument(stream, size, operation.name, operation.arg.n)
    raise BadInput(f"its pickle has more than {MOST_OPERATIONS} operations; two arrays need about a hundred")


def _inspect_argument(stream: BinaryIO, size: int, name: str, extent: int) -> None:
    """Pass over one argument; ``extent`` is its length in bytes, or one of pickletools' negative codes."""
    if extent == pickletools.UP_TO_NEWLINE:
        lines = 2 if name == "GLOBAL" else 1
        text = [stream.readline() for _ in range(lines)][-1]
        if not text.endswith(b"\n"):
            raise BadInput("its pickle ends too early")
        if name == "PUT" and not (text.strip().isdigit() and len(text) < 9 and int(text) <= MOST_OPERATIONS):
            raise BadInput("its pickle claims more memory than it has data")
        return
    prefix = _LENGTHS.get(extent)
    raw = stream.read(extent if prefix is None else prefix)
    if len(raw) < (extent if prefix is None else prefix):
        raise BadInput("its pickle ends too early")
    number = int.from_bytes(raw, "little")
    if name == "LONG_BINPUT" and number > MOST_OPERATIONS:
        raise BadInput("its pickle claims more memory than it has data")
    if prefix is None and name != "FRAME":
        return
    if number > size - stream.tell():
        raise BadInput(f"its pickle claims {number} bytes where the file has {size - stream.tell()} left")
    if name != "FRAME":  # what is in a frame are operations
        stream.seek(number, 1)


class _Call:
    """A stub that stands for a global: it can be called, and nothing can be changed about it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise BadInput("its pickle tries to change what it was given")


class _Kind:
    """Stands for a numpy dtype: ``text`` is what numpy would be told, ``"O"`` for Python objects."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __setstate__(self, state: object) -> None:
        # (version, byte order, subarray, names, fields, size, alignment, flags)
        if not isinstance(state, tuple) or len(state) != 8 or state[2:5] != (None, None, None):
            raise BadInput("it holds arrays of records, not of numbers")
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise BadInput("it holds numbers in an unknown byte order")
        if self.text != "O":
            self.text = f"{order}{self.text.lstrip('<>=|')}"


class _Array:
    """Stands for a numpy array on its way: an ndarray of numbers, or the one object it holds."""

    __slots__ = ("full", "value")

    def __init__(self) -> None:
        self.full = False
        self.value: object = None

    def __setstate__(self, state: object) -> None:
        if self.full or not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Kind):
            raise BadInput("it holds an array in an unknown form")
        _, shape, kind, fortran, data = state
        if kind.text == "O":
            if not isinstance(data, list) or len(data) != 1 or shape not in ((), (1,)):
                raise BadInput("it holds an array of Python objects where an array of numbers belongs")
            self.value = data[0]
        else:
            self.value = _numbers(data, kind, shape, "F" if fortran else "C")
        self.full = True


_NDARRAY = object()
"""Stands for the class ``numpy.ndarray``, which pickles only hand on."""


class _Unpickler(pickle.Unpickler):
    """Finds no class but the stubs."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__(stream)
        self._room = 2 * size  # latin-1 text in a pickle takes 1 or 2 bytes for a byte
        reconstruct, frombuffer = _Call(_reconstruct), _Call(_frombuffer)
        self._globals: dict[tuple[str, str], object] = {
            ("numpy", "ndarray"): _NDARRAY,
            ("numpy", "dtype"): _Call(_dtype),
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
            ("numpy.core.numeric", "_frombuffer"): frombuffer,
            ("numpy._core.numeric", "_frombuffer"): frombuffer,
            ("_codecs", "encode"): _Call(self._encode),
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stub of one of numpy's globals; everything else is refused by name."""
        found = self._globals.get((module, name))
        if found is None:
            raise BadInput(f"its pickle asks for {clean(module)}.{clean(name)}, which could run code; nothing was run")
        return found

    def _encode(self, text: str, encoding: str) -> bytes:
        """Bytes as protocols 0 to 2 write them. Repeating a text does not make more bytes than the file has."""
        self._room -= len(text)
        if encoding != "latin1" or self._room < 0:
            raise BadInput("its pickle claims more memory than it has data")
        return text.encode("latin1")


def _reconstruct(kind: object, *_form: object) -> _Array:
    if kind is not _NDARRAY:
        raise BadInput("it holds another kind of array than numpy.ndarray")
    return _Array()


def _dtype(text: str, *_flags: object) -> _Kind:
    if text in _OBJECTS:
        return _Kind("O")
    if not _NUMBERS.fullmatch(text):
        raise BadInput(f"it holds values of type {clean(text)!r}, not numbers")
    return _Kind(text)


def _frombuffer(data: object, kind: object, shape: object, order: object, axes: object = None) -> NDArray[np.generic]:
    """An array as protocol 5 writes it; order ``"K"`` comes with the order of its axes in memory."""
    if not isinstance(kind, _Kind) or kind.text == "O" or order not in ("C", "F", "K"):
        raise BadInput("it holds an array in an unknown form")
    array = _numbers(data, kind, shape, "F" if order == "F" else "C")
    return array.transpose(axes) if isinstance(axes, tuple) else array


def _numbers(data: object, kind: _Kind, shape: object, order: str) -> NDArray[np.generic]:
    """The array over ``data``, no copy, once its length is proved to be what the shape needs."""
    import numpy as np

    if not isinstance(shape, tuple) or len(shape) > MOST_DIMENSIONS:
        raise BadInput("it holds an array without a proper shape")
    if any(type(extent) is not int or not 0 <= extent < sys.maxsize for extent in shape):
        raise BadInput("it holds an array without a proper shape")
    dtype = np.dtype(kind.text)
    needed = math.prod(shape) * dtype.itemsize
    if not isinstance(data, bytes | bytearray) or len(data) != needed:
        have = f"{len(data)} bytes" if isinstance(data, bytes | bytearray) else "no bytes"
        raise BadInput(f"it claims an array of shape {list(shape)}, {needed} bytes, and holds {have}")
    if needed == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")


def _plain(value: object) -> object:
    """``value`` without stubs on its two upper levels, which are all that a feature file has."""
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, dict):
        return {key: one.value if isinstance(one, _Array) else one for key, one in value.items()}
    return value
