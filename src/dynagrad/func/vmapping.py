"""vmap: a function of single examples, run once on a batch of them. Imports core and functions."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from ..core.carriers.batched import Batched, BatchLevel, enter, leave
from ..core.carriers.carrier import Level, new_level
from ..core.pytree import Spec, flatten, spread, unflatten
from ..core.tensor import Tensor, wrap
from ..functions.generator import get_rng_state, set_rng_state
from ..functions.indexing import getitem
from ..functions.joining import cat
from ..functions.shape import movedim
from .arguments import name_of, structure


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """`func`, written for one example, as a function of a batch: vmap(f)(xs)[i] = f(xs[i]).

    in_dims: for each argument the dimension of its tensors that is the batch (None: the same value
    for all), an int, or a container with the structure of the arguments. out_dims: where the batch
    goes in each result. randomness: what a random function does inside: "error" refuses, "same"
    draws one sample for all, "different" one for each. chunk_size: how many examples run at once.
    Operations run once on the whole batch; those without a batching rule run in a loop, with a
    warning. ValueError for dimensions that do not fit; RuntimeError for control flow, `.item()` and
    the like on values that differ within the batch. Source: torch.func.vmap.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = flatten(args)
        call = _Call(func, in_dims, out_dims, randomness, spec, kwargs)
        dims = call.input_dims(leaves, args)
        size = _batch_size(leaves, dims)
        if chunk_size is None or chunk_size >= size:
            results, out_spec, places = call.run(leaves, dims, size)
        else:
            results, out_spec, places = call.run_in_chunks(leaves, dims, size, chunk_size)
        moved = [r if d is None else movedim(r, 0, d) for r, d in zip(results, places, strict=True)]
        return unflatten(moved, out_spec)

    return mapped


class _Call(NamedTuple):
    """One call of a mapped function: all but the tensors."""

    func: Callable
    in_dims: Any
    out_dims: Any
    randomness: str
    spec: Spec
    kwargs: dict

    def run(self, leaves: list, dims: list, size: int) -> tuple[list, Spec, list]:
        """The results with the batch in front, their structure, and where the batch belongs."""
        with new_level(BatchLevel, size, self.randomness) as level:
            inputs = [
                x if d is None else enter(movedim(x, d, 0) if d else x, level)
                for x, d in zip(leaves, dims, strict=True)
            ]
            results, out_spec = flatten(self.func(*unflatten(inputs, self.spec), **self.kwargs))
            places = self.output_dims(results, out_spec)
            found = [self.result(r, d, level) for r, d in zip(results, places, strict=True)]
            return found, out_spec, places

    def run_in_chunks(
        self, leaves: list, dims: list, size: int, chunk_size: int
    ) -> tuple[list, Spec, list]:
        """As `run`, `chunk_size` examples at a time."""
        moved = [x if d is None else movedim(x, d, 0) for x, d in zip(leaves, dims, strict=True)]
        first = [None if d is None else 0 for d in dims]
        state = get_rng_state() if self.randomness == "same" else None
        parts = []
        for start in range(0, size, chunk_size):
            stop = min(start + chunk_size, size)
            if state is not None:
                set_rng_state(state)
            given = [
                x if d is None else getitem(x, slice(start, stop))
                for x, d in zip(moved, dims, strict=True)
            ]
            parts.append(self.run(given, first, stop - start))
        _, out_spec, places = parts[0]
        columns = zip(*[results for results, _, _ in parts], strict=True)
        found = [c[0] if d is None else cat(c) for c, d in zip(columns, places, strict=True)]
        return found, out_spec, places

    def result(self, x: Any, dim: int | None, level: Level) -> Any:
        """A result outside of the vmap, its batch dimension first."""
        name = name_of(self.func)
        if dim is None:
            held = x._a if isinstance(x, Tensor) else None
            if type(held) is not Batched or held.level is not level:
                return x
            if not held.is_batched:
                return held.value if isinstance(held.value, Tensor) else wrap(held.value)
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None\n"
                "Its values differ within the batch: give their dimension in out_dims."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did "
                "you mean to set out_dims= to None for output?"
            )
        return leave(x, level)

    def input_dims(self, leaves: list, args: tuple) -> list:
        """The batch dimension of each argument's leaves, counted from the front; None: no batch."""
        func, in_dims, spec = self.func, self.in_dims, self.spec
        call = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>): "
        if type(in_dims) is not int and not isinstance(in_dims, tuple | list):
            raise ValueError(
                f"{call}expected `in_dims` to be int or a (potentially nested) tuple matching the "
                f"structure of inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(
                f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, "
                "or you are trying to vmap over a function with no inputs. The latter is "
                "unsupported."
            )
        dims = spread(tuple(in_dims) if type(in_dims) is list else in_dims, spec)
        if dims is None:
            raise ValueError(
                f"{call}in_dims is not compatible with the structure of `inputs`. in_dims has "
                f"structure {structure(flatten(in_dims)[1])} but inputs has structure "
                f"{structure(spec)}."
            )
        checked = []
        for x, d in zip(leaves, dims, strict=True):
            if d is None:
                checked.append(None)
                continue
            if type(d) is not int:
                raise ValueError(
                    f"{call}Got in_dim={d} for an input but in_dim must be either an integer "
                    "dimension or None."
                )
            if not isinstance(x, Tensor):
                several = type(in_dims) is int and len(leaves) > 1
                hint = f" Give one for each argument: in_dims=({d}, None)." if several else ""
                raise ValueError(
                    f"{call}Got in_dim={d} for an input but the input is of type {type(x)}. We "
                    "cannot vmap over non-Tensor arguments, please use None as the respective "
                    f"in_dim.{hint}"
                )
            n = x.ndim
            if not -n <= d < n:
                raise ValueError(
                    f"{call}Got in_dim={d} for some input, but that input is a Tensor of "
                    f"dimensionality {n} so expected in_dim to satisfy -{n} <= in_dim < {n}."
                )
            checked.append(d % n)
        return checked

    def output_dims(self, results: list, spec: Spec) -> list:
        """Where the batch goes in each result; None: nowhere."""
        func, out_dims = self.func, self.out_dims
        given, _ = flatten(out_dims)
        if not all(d is None or type(d) is int for d in given):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None "
                "or a python collection of ints representing where in the outputs the vmapped "
                "dimension should appear."
            )
        dims = spread(out_dims, spec)
        if dims is None and spec.kind is None and type(out_dims) is tuple and len(out_dims) == 1:
            dims = [out_dims[0]]
        if dims is None:
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not "
                f"compatible with the structure of `outputs`. out_dims has structure "
                f"{structure(flatten(out_dims)[1])} but outputs has structure {structure(spec)}."
            )
        return dims


def _batch_size(leaves: list, dims: list) -> int:
    sizes = [x._a.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]
