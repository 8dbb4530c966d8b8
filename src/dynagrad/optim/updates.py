"""What the algorithms share: checks of their options, step counts, running an update. Imports core
and functions.

An algorithm is one function `update(p, g, state, *, ...)`: plain expressions that return the new
values of the parameter and of its state. `advance` takes a group through it: small parameters of
equal step count together, as one long array; large ones piece by piece, so that what an expression
makes on its way stays in the processor's cache; under differentiable=True as tensors, so that the
step is recorded. Nothing is written before an update has succeeded.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..core.apply import scalar
from ..core.complaints import broadcast_error
from ..core.dtype import get_default_dtype
from ..core.quiet import WARNED
from ..core.tape import caller, grad_mode
from ..core.tensor import Tensor, family_of, wrap
from ..functions.complex import view_as_complex, view_as_real
from ..ops.compiled import KERNELS

#: elements that an update treats at once: larger arrays go through in parts (measured from 4,096 to
#: 131,072 on a small GPT and on one matrix of 4 million; this is the best for SGD and Adam)
BLOCK = 131072
#: arrays of up to so many elements go through an update together
SMALL = 4096
#: fewer arrays than this go through it one by one: joining them costs more
FEW = 4
#: arrays from this size on go through an update in one compiled loop, if they have so many elements
#: together: to find the loop costs as much as the update of the latter
LARGE, ENOUGH = 8192, 65536


# --- options --------------------------------------------------------------------------------------


def number(value: Any) -> Any:
    """A hyper-parameter as a Python number, also where it was given as a tensor of one element."""
    return value._a.item() if isinstance(value, Tensor) else value


def option(group: dict[str, Any], name: str) -> Any:
    """A hyper-parameter of a group for an update: a number, or where the step is recorded a tensor
    if it was given so.
    """
    value = group[name]
    if isinstance(value, Tensor):
        return value.reshape(()) if group.get("differentiable") else value._a.item()
    return value


def check_hyperparameter(text: str, value: Any, holds: bool, expected: str) -> None:
    """Raise ValueError in PyTorch's words unless a hyper-parameter is in its range."""
    if not holds:
        raise ValueError(f"{text}: {value}\nIt must be {expected}.")


def check_lr(lr: Any, text: str = "Invalid learning rate") -> None:
    """Raise ValueError unless a learning rate is one number, 0 or more."""
    check_scalar_tensor("lr", lr)
    check_hyperparameter(text, lr, number(lr) >= 0, "0 or more")


def check_at_least_0(**options: Any) -> None:
    """Raise ValueError unless each of the hyper-parameters is 0 or more."""
    for name, value in options.items():
        text = "Invalid epsilon value" if name == "eps" else f"Invalid {name} value"
        check_hyperparameter(text, value, number(value) >= 0, "0 or more")


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both factors of the running means are in [0, 1)."""
    for i in range(2):
        holds = 0 <= number(betas[i]) < 1
        check_hyperparameter(
            f"Invalid beta parameter at index {i}", betas[i], holds, "at least 0 and below 1"
        )


def check_scalar_tensor(name: str, value: Any) -> None:
    """Raise ValueError unless a hyper-parameter given as a tensor has one element."""
    if isinstance(value, Tensor) and value._a.size != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


def check_fused(fused: Any, foreach: Any, differentiable: bool) -> None:
    """Check fused=True, one of PyTorch's implementations; here there is one, and it changes
    nothing.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


_FUSED = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]
_CAPTURABLE = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


def _check_modes(group: dict[str, Any], capturable: str) -> None:
    """Refuse at the first step what PyTorch refuses there on the CPU."""
    if group.get("capturable") and not group.get("fused"):
        raise AssertionError(
            f"If capturable=True, {capturable} must be on supported devices: {_CAPTURABLE}.\n"
            "dynagrad computes on the CPU; leave out capturable=True."
        )
    if group.get("foreach") and group.get("differentiable"):
        raise AssertionError(
            "_foreach ops don't support autograd\n"
            "Leave out foreach=True where differentiable=True is given."
        )
    if group.get("fused"):
        for p in group["params"]:
            if not p.is_floating_point():
                raise RuntimeError(
                    "`fused=True` requires all the params to be floating point Tensors of "
                    f"supported devices: {_FUSED} but {p.dtype} and cpu\nLeave out fused=True."
                )


# --- numbers as operands --------------------------------------------------------------------------


class _Constants(dict):
    """Numbers as 0-d arrays of one dtype, made at first use: an array operand is the cheapest."""

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype

    def __missing__(self, value: Any) -> Any:
        array = scalar(value, self.dtype)
        if type(array) is np.ndarray:
            self[value] = array
        return array

    def once(self, value: Any) -> Any:
        """A number that changes from step to step, as an operand."""
        if type(value) is float:
            return np.array(value, self.dtype)
        return scalar(value, self.dtype)

    def detached(self, value: Any) -> Any:
        """A value without its history: an array has none."""
        return value


class _Plain:
    """Numbers where the operands are tensors: themselves."""

    def __getitem__(self, value: Any) -> Any:
        return value

    def once(self, value: Any) -> Any:
        return value

    def detached(self, value: Any) -> Any:
        return value.detach()


class _ConstantsByType(dict):
    def __missing__(self, dtype: Any) -> Any:
        self[dtype] = found = _Constants(dtype) if isinstance(dtype, np.dtype) else _Plain()
        return found


#: CONSTANTS[p.dtype][number]: for options, which stay; `.once(number)` for rates, which change
CONSTANTS = _ConstantsByType()


def mixed(old: Any, new: Any, weight: Any, operand: Callable) -> Any:
    """old + weight (new - old), from the nearer end, as torch.lerp; `operand` makes an operand of a
    number: `constant.__getitem__` or `constant.once`.
    """
    near, far = (old, new) if weight < 0.5 else (new, old)
    made = far - near
    made *= operand(weight if weight < 0.5 else 1 - weight)
    made += near
    return made


# --- state ----------------------------------------------------------------------------------------


def counted(state: dict[str, Any]) -> float:
    """Count one step in `state["step"]`; the new count."""
    steps = state["step"]._a
    count = steps.item() + 1.0
    steps[...] = count
    return count


def new_count() -> Tensor:
    """A step count of 0: a 0-d tensor, float32 unless the default dtype is float64."""
    return new_scalar(0.0)


def new_scalar(value: float) -> Tensor:
    """A 0-d tensor, float32 unless the default dtype is float64."""
    wide = get_default_dtype().name == "float64"
    return wrap(np.array(value, np.float64 if wide else np.float32))


def zeros_for(p: Tensor) -> Tensor:
    """Zeros of a parameter's shape, dtype and memory layout."""
    return wrap(np.zeros_like(p._a))


def tensor_counts(optimizer: Any) -> None:
    """Make the step counts of an old checkpoint, plain numbers, tensors."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            held = optimizer.state.get(p, {})
            if held and not isinstance(held["step"], Tensor):
                held["step"] = new_scalar(float(held["step"]))


# --- running an update ----------------------------------------------------------------------------


def step_count(p: Tensor, state: dict[str, Any]) -> tuple:
    """What an update is told of one parameter: the number of its step."""
    return (counted(state),)


def advance(
    optimizer: Any,
    group: dict[str, Any],
    place: tuple[Any, int],
    update: Callable,
    keys: tuple[str | None, ...],
    numbers: dict[str, Any],
    *,
    names: tuple[str, ...] = ("step",),
    told: Callable[[Tensor, dict[str, Any]], tuple] = step_count,
    capturable: str = "params and state_steps",
    whole: bool = False,
) -> None:
    """Take the parameters of a group that have a gradient through `update`.

    `keys`: where the tensors of `update`'s state lie in a parameter's state, None for one that is
    not used; `optimizer._start(p, state, group)` makes an empty one. `told(p, state)`: the values
    of the keywords `names`, which differ between parameters. `place`: the call of step. `whole`:
    the update takes numbers of different places together, so that arrays are neither joined nor
    divided.
    """
    found = []
    for p, g in gradients(optimizer, group, capturable):
        state: dict[str, Any] = {}
        if keys:
            state = optimizer.state[p]
            if not state:
                optimizer._start(p, state, group)
        found.append((p, g, state))
    recorded = group.get("differentiable", False)
    run_states(update, found, keys, numbers, names, told, recorded, place, whole)


def run_states(
    update: Callable,
    found: list[tuple[Tensor, Tensor, dict[str, Any]]],
    keys: tuple[str | None, ...],
    numbers: dict[str, Any],
    names: tuple[str, ...],
    told: Callable[[Tensor, dict[str, Any]], tuple],
    recorded: bool,
    place: tuple[Any, int],
    whole: bool = False,
) -> None:
    """Take parameters with their gradients and states through `update`; see `advance`."""
    batches: dict[tuple, list[tuple]] = {}
    rows: list[tuple] = []
    kind: Any = None
    for p, g, state in found:
        values = told(p, state)
        if recorded:
            tensors = [None if key is None else state[key] for key in keys]
            numbers.update(zip(names, values, strict=True))
            _run_recorded(update, p, g, tensors, numbers)
            continue
        dtype = p._a.dtype
        row = (p._a, g._a, *[state[key]._a if key in state else None for key in keys])
        if dtype.kind == "c":
            row = tuple([None if a is None else real_parts(a) for a in row])
        if (dtype, values) != kind:
            kind = dtype, values
            rows = batches.setdefault(kind, [])
        rows.append(row)
        family = p._v
        if family is None:
            family = family_of(p)
        family.cell.bump(place)
    for (_, values), rows in batches.items():
        numbers.update(zip(names, values, strict=True))
        try:
            if whole:
                for row in rows:
                    _write(row, _made(update, row, numbers))
            else:
                run_rows(update, rows, numbers)
        except ValueError:
            _check_shapes(rows)
            raise


def _check_shapes(rows: list[tuple]) -> None:
    """Raise RuntimeError, as PyTorch does, if a gradient or a state has not its parameter's shape:
    it was loaded from another model, or the parameter's `data` was replaced.
    """
    for p, *others in rows:
        for held in others:
            if held is not None and held.shape != p.shape:
                error = broadcast_error("A parameter's step", [held.shape, p.shape])
                raise error or RuntimeError(
                    f"output with shape {list(held.shape)} doesn't match the broadcast shape "
                    f"{list(p.shape)}\nA parameter's gradient and state have its shape: load the "
                    "state of an optimizer with the same parameters in the same order."
                )


def run_lists(
    update: Callable,
    params: list[Tensor],
    grads: list[Tensor],
    lists: dict[str, Any],
    numbers: dict[str, Any],
    *,
    without: tuple[str, ...] = ("step",),
    names: tuple[str, ...] = ("step",),
    told: Callable[[Tensor, dict[str, Any]], tuple] = step_count,
    differentiable: bool = False,
    capturable: bool = False,
) -> None:
    """The functional spelling of an algorithm: its state given as lists, one a name; the tensors of
    `without` go to `told` alone, the others in this order to the update.
    """
    steps = lists.get("step", [])
    if not all(isinstance(step, Tensor) for step in steps):
        raise RuntimeError(
            "API has changed, `state_steps` argument must contain a list of singleton tensors"
        )
    if params:
        _check_modes({"capturable": capturable}, "params and state_steps")
    keys = tuple([None if not held else key for key, held in lists.items() if key not in without])
    found = [
        (p, g, {key: held[i] for key, held in lists.items() if held})
        for i, (p, g) in enumerate(zip(params, grads, strict=True))
    ]
    numbers = {key: value if differentiable else number(value) for key, value in numbers.items()}
    run_states(update, found, keys, numbers, names, told, differentiable, caller(3))


def gradients(optimizer: Any, group: dict[str, Any], capturable: str = "params and state_steps"):
    """The group's parameters that have a gradient: a list of (parameter, gradient)."""
    pairs, plain = [], True
    for p in group["params"]:
        g = getattr(p, "_g", None)
        if g is not None:
            pairs.append((p, g))
            plain = plain and type(g) is Tensor
    if pairs:
        _check_modes(group, capturable)
        if not plain and any(g.is_sparse for _, g in pairs):
            pairs = _dense_ones(optimizer, group, pairs)
    return pairs


def _dense_ones(optimizer: Any, group: dict[str, Any], pairs: list) -> list:
    """The parameters with dense gradients, after the step of the others; RuntimeError for an
    algorithm that has no such step.
    """
    step = getattr(optimizer, "_step_sparse", None)
    if step is None:
        text = optimizer._sparse_error
        raise RuntimeError(text or f"{type(optimizer).__name__} does not support sparse gradients")
    token = grad_mode.set(False)
    try:
        for p, g in pairs:
            if g.is_sparse:
                step(p, g, group)
                family_of(p).cell.bump()
    finally:
        grad_mode.reset(token)
    return [(p, g) for p, g in pairs if not g.is_sparse]


def run_places(
    update: Callable, p: Tensor, g: Any, tensors: tuple, numbers: dict[str, Any]
) -> None:
    """Run an update on the numbers at the places of a sparse gradient; `tensors` of the state."""
    g = g.coalesce()
    places, values = tuple(g._indices()._a), g._values()._a
    if not values.size:
        return
    arrays = (p._a, *[t._a for t in tensors])
    at, *state = [np.ascontiguousarray(a[places]) for a in arrays]
    run_rows(update, [(at, values, *state)], numbers)
    for array, part in zip(arrays, (at, *state), strict=True):
        array[places] = part


def run_rows(update: Callable, rows: list[tuple], numbers: dict[str, Any]) -> None:
    """Run an update of arrays, (p, g, *state) a row, and write what it returns into them: new p,
    *new state.
    """
    small: list[tuple] = []
    total = 0
    if type(rows[0][0]) is not np.ndarray:  # joined or in parts, an expression would say the same
        for row in rows:
            _write(row, _made(update, row, numbers))
        return
    large = [row for row in rows if row[0].size >= LARGE]
    if large and sum([row[0].size for row in large]) >= ENOUGH:
        fast = KERNELS["update_rows"]
        if fast is not None:
            left = fast(update, large, numbers)
            rows = [*left, *[row for row in rows if row[0].size < LARGE]]
    for row in rows:
        size = row[0].size
        if size > SMALL or len(rows) < FEW:
            _run_parts(update, row, numbers)
            continue
        small.append(row)
        total += size
        if total >= BLOCK:
            _run_together(update, small, numbers)
            small, total = [], 0
    if small:
        _run_together(update, small, numbers)


def _run_parts(update: Callable, row: tuple, numbers: dict[str, Any]) -> None:
    size = row[0].size
    if size <= BLOCK or not all(a is None or a.flags.c_contiguous for a in (row[0], *row[2:])):
        _write(row, _made(update, row, numbers))
        return
    row = tuple([None if a is None else a.reshape(-1) for a in row])
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        piece = tuple([None if a is None else a[part] for a in row])
        _write(piece, _made(update, piece, numbers))


def _run_together(update: Callable, rows: list[tuple], numbers: dict[str, Any]) -> None:
    columns = list(zip(*rows, strict=True))
    owners = {id(a) if a.base is None else id(a.base) for a in columns[0]}
    if len(owners) < len(rows) or len(rows) == 1:  # in shared memory each finds what others left
        for row in rows:
            _write(row, _made(update, row, numbers))
        return
    sizes = [a.size for a in columns[0]]
    for column in columns[1:]:  # together, arrays of wrong sizes could have the right one
        if column[0] is not None and [a.size for a in column] != sizes:
            raise ValueError("arrays of different sizes")
    joined = [None if c[0] is None else np.concatenate(c, axis=None) for c in columns]
    made = _made(update, joined, numbers)
    ends = list(accumulate(sizes))
    places = list(map(slice, [0, *ends], ends))
    for arrays, values in zip((*columns[2:], columns[0]), (*made[1:], made[0]), strict=True):
        if values is None:
            continue
        for array, place, p in zip(arrays, places, columns[0], strict=True):
            part = values[place]
            array[...] = part if p.ndim == 1 else part.reshape(p.shape)


def _made(update: Callable, row: Any, numbers: dict[str, Any]) -> tuple:
    if row[0].dtype.itemsize == 2:  # computed in float32 and rounded once, when it is written
        row = [None if a is None else a.astype(np.float32) for a in row]
    try:
        return update(row[0], row[1], row[2:], **numbers)
    except WARNED:  # NumPy's warnings are exceptions here; nothing was written yet
        with np.errstate(all="ignore"):
            return update(row[0], row[1], row[2:], **numbers)


def _write(row: tuple, made: tuple) -> None:
    for array, value in zip(row[2:], made[1:], strict=True):
        if array is not None:
            array[...] = value
    row[0][...] = made[0]


def _run_recorded(
    update: Callable, p: Tensor, g: Tensor, state: list[Any], numbers: dict[str, Any]
) -> None:
    """Run an update of tensors, so that its result has a history. What the history needs is kept
    in copies: the tensors themselves are written.
    """
    token = grad_mode.set(True)
    try:
        pairs = p.is_complex()
        tensors = [None if t is None else t.clone() for t in (p, *state)]
        if pairs:
            g = view_as_real(g)
            tensors = [None if t is None else view_as_real(t) for t in tensors]
        made = update(tensors[0], g, tuple(tensors[1:]), **numbers)
        for t, value in zip((p, *state), made, strict=True):
            if t is not None:
                t.copy_(view_as_complex(value) if pairs else value)
    finally:
        grad_mode.reset(token)


def real_parts(array: Any) -> Any:
    """A complex array as a real one with a last dimension of 2, on the same memory."""
    return array[..., None].view(array.real.dtype)
