"""Values of torch: tensors on the CPU, dtypes and devices. A tensor's graph stays where it was made."""

from __future__ import annotations

import importlib
import math
from typing import Any

from grader.judge.checks import exactly
from grader.judge.kinds import Entries, Frozen, Mutable, Parts

_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint8": 1, "bool": 1, "complex64": 8, "complex128": 16,
}  # fmt: skip
MOST = 256 * 1024 * 1024


def entries() -> Entries:
    """Every type with its kind; nothing unless torch is there."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        return

    def split(tensor: Any) -> Parts:
        name = str(tensor.dtype).removeprefix("torch.")
        if tensor.device.type != "cpu" or tensor.layout is not torch.strided or name not in _SIZES:
            raise ValueError("a tensor that is not a plain one on the CPU")
        flat = tensor.detach().contiguous().reshape(-1)
        data = bytes(flat.view(torch.uint8).numpy().data) if flat.numel() else b""
        return (name, tuple(tensor.shape), bool(tensor.requires_grad), data)

    def join(parts: Parts) -> Any:
        name, shape, requires_grad, data = parts
        count = math.prod(exactly(int, side) for side in exactly(tuple, shape))
        size = _SIZES[exactly(str, name)]
        if any(side < 0 for side in shape) or count * size > MOST or len(exactly(bytes, data)) != count * size:
            raise ValueError("a shape that does not fit")
        dtype = getattr(torch, name)
        flat = torch.frombuffer(bytearray(data), dtype=dtype) if count else torch.empty(0, dtype=dtype)
        made = flat.reshape(shape)
        return made.requires_grad_() if exactly(bool, requires_grad) else made

    def fill(target: Any, parts: Parts) -> None:
        made = join(parts)
        if made.dtype != target.dtype:
            raise TypeError("a tensor that changed its dtype")
        with torch.no_grad():
            target.data = made.detach()

    def join_named(parts: Parts) -> Any:
        (name,) = parts
        if exactly(str, name) not in _SIZES:
            raise ValueError("an unknown dtype")
        return getattr(torch, name)

    yield torch.Tensor, Mutable("Tt", split, fill, join=join)
    yield torch.dtype, Frozen("Td", lambda value: (str(value).removeprefix("torch."),), join_named)
    yield torch.Size, Frozen("Ts", tuple, lambda parts: torch.Size(exactly(int, side) for side in parts))
