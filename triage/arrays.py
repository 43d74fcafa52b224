"""Stored samples as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[np.float64]) -> bytes:
    """(n,) as little-endian float32, as SpectrumArrays keeps them."""
    return values.astype("<f4").tobytes()


def unpack(content: Any) -> NDArray[np.float64]:
    """Inverse of ``pack``: (n,) float64 with float32's precision."""
    return np.frombuffer(bytes(content), dtype="<f4").astype(np.float64)
