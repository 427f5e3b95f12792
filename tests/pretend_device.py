"""A device beside the CPU, for machines that have none: tensors on it cannot be mixed with those of the CPU.

A tensor that is moved to the device "meta" inside `pretend_device()` keeps its values in another tensor, which all
operations are computed with. So a network can be trained there, to the same bits as on the CPU, and whatever has
forgotten to move a tensor fails as on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
CPU = torch.device("cpu")


class Elsewhere(torch.Tensor):
    """A tensor on the device; `values` are on the CPU."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=DEVICE,
        )
        made.values = values
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A file holds values, wherever they were."""
        return self.values.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class _Factories(TorchDispatchMode):
    """Sees what makes tensors, too: torch.zeros(3, device=DEVICE)."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """torch.tensor(3.0, device=DEVICE): torch would leave the value out."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == DEVICE:
            return func(*args, **{**kwargs, "device": CPU}).to(DEVICE)
        return func(*args, **kwargs)


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    here = [each for each in tensors if isinstance(each, Elsewhere)]
    moved_to = kwargs.get("device")
    if func is torch.ops.aten.copy_.default or func is torch.ops.aten._to_copy.default:
        pass  # between devices is what they are for
    elif here:
        strangers = [each for each in tensors if not isinstance(each, Elsewhere) and each.dim()]
        assert not strangers, f"{func}: tensors on the device and on the CPU, of shapes {[t.shape for t in tensors]}"
    else:
        assert moved_to in (None, CPU, DEVICE)
    stays = bool(here) if moved_to is None else torch.device(moved_to) == DEVICE
    if func is torch.ops.aten.copy_.default:
        stays = isinstance(args[0], Elsewhere)
    plain_args, plain = tree_map(_values, (args, kwargs))
    if moved_to is not None:
        plain["device"] = CPU
    result = func(*plain_args, **plain)
    if not stays:
        return result
    wrapped = tree_map(lambda each: Elsewhere(each) if isinstance(each, torch.Tensor) else each, result)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def _values(each: Any) -> Any:
    return each.values if isinstance(each, Elsewhere) else each


@contextmanager
def pretend_device() -> Iterator[torch.device]:
    """The device."""
    with _Literals(), _Factories():
        yield DEVICE
