"""Files of arrays (``.npy``, ``.npz``) that may be damaged or foreign: numbers alone, within bounds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timnet.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNREADABLE = (Exception,)
"""What reading a damaged one raises: numpy, zipfile, zlib, lzma and tokenize each have errors of their own."""

MOST_BYTES = 2**30


def load_array(path: Path) -> NDArray[Any]:
    """The array of numbers in an ``.npy`` file. Raises :class:`BadInput`, :class:`FileNotFoundError` for no file."""
    import numpy as np

    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise BadInput("it is no regular file")
    try:
        found = np.load(path, allow_pickle=False)
        return _numbers(found)
    except (FileNotFoundError, BadInput):
        raise
    except UNREADABLE as error:
        raise BadInput(f"it is damaged, or no array of numbers ({type(error).__name__})") from None


def arrays_of(data: bytes, *, one: bool, most: int = MOST_BYTES) -> dict[str, NDArray[Any]]:
    """The arrays in the bytes of an ``.npz`` file by name, or with ``one`` the array of an ``.npy`` file, named "".

    Raises :class:`BadInput` where it is damaged, holds something else than numbers, or would take more than ``most``
    bytes.
    """
    import numpy as np

    try:
        if one:
            np.lib.format.read_magic(io.BytesIO(data))
            return {"": _numbers(np.load(io.BytesIO(data), allow_pickle=False))}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > most:
                raise BadInput(f"it would take more than {most} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            return {name: _numbers(held[name]) for name in held.files}
    except BadInput:
        raise
    except UNREADABLE as error:
        raise BadInput(
            f"it is damaged, or holds something else than arrays of numbers ({type(error).__name__})"
        ) from None


def packed_part(path: Path) -> str:
    """The first packed array in an ``.npz`` of ours, or "": ours never are, so that none is larger than the file.

    Raises :class:`OSError` or :class:`zipfile.BadZipFile` where it is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        return next((one.filename for one in archive.infolist() if one.compress_type != zipfile.ZIP_STORED), "")


def _numbers(found: Any) -> NDArray[np.generic]:
    import numpy as np

    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise BadInput("it holds something else than numbers")
    return found
