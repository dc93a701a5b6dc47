"""Published feature files, good and hostile, as bytes."""

from __future__ import annotations

import base64
import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np

# np.save of {"x": float32 [4, 2, 39], "y": float64 one-hot [4, 2]} by numpy 1.26
BY_NUMPY_1 = zlib.decompress(
    base64.b85decode(
        "c-rlh$x6de6ozlwI>o8Zv&M;}P`VN<B2+B6Fqld}s0%5XN`yA;e|swiTX3T_YhTEP58@;A4K!`qg%(%tB;Vq~J?G~?yYE%Gy12aN$Q^kQO{->5@kkIGIWZ"
        "}S#R_Fqa|#t|TAlHkR;pS4yk=`v%l}J>q|g-p2LBi}oO-$Hri==;QssJy-D;F-E?=OQQE_UF)(ysk1S#GzgDp6jJRy?hbVOT-sTh)EF3}5_%&l5HhVv0ZNG^>"
        "L@1=!N6=RYd&2#>&0bWs*^G~1dBWD=Kb?*ifO-xGN$UUZPVt21h+y05TiW&ce9Frrm*utzGv=<LB*J+<uvCwZn#^U#O!my-!rynuW<1Ir%LPA3R6Y;}$EHkX=T"
        "@AWe?HhEhW6*UK8$E+QW3%tiG`2ea6jW^c{<H_pxubj8lc2x-L!0eiG&-2WF2kN)*BJKo)E6qFkth"
    )
)


def header(descr: str = "|O", shape: str = "()", version: int = 1) -> bytes:
    """The start of an .npy file."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


def arrays(n: int = 6, frames: int = 3, classes: int = 3, dtype: str = "<f4") -> dict[str, np.ndarray]:
    x = np.random.default_rng(n).normal(-10, 50, (n, frames, 39)).astype(dtype)
    return {"x": x, "y": np.eye(classes, dtype="<f4")[np.sort(np.arange(n) % classes)]}


def saved(held: object) -> bytes:
    """What ``np.save`` makes of one Python object."""
    stream = io.BytesIO()
    np.save(stream, np.array(held, dtype=object), allow_pickle=True)
    return stream.getvalue()


def pickled(held: object, protocol: int) -> bytes:
    """As :func:`saved`, in a chosen protocol."""
    array = np.empty((), dtype=object)
    array[()] = held
    return header() + pickle.dumps(array, protocol=protocol)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
