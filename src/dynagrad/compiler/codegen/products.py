"""Matrix products and convolutions of a graph: by kernels of our own, or by BLAS. Imports kernels,
schedule.
"""

from functools import lru_cache

from ..ir.graph import Value
from ..kernels.conv import Convolution, forward, grad_input
from ..kernels.conv_weight import grad_weight
from ..kernels.gemm import Matrix, Product, choose, gemm
from ..kernels.ir import Code, Plan
from ..kernels.machine import Machine
from ..kernels.pack import pack_columns
from .schedule import Schedule

_SCALARS = {"f": "float", "d": "double"}


def product_of(schedule: Schedule, v: Value) -> Product:
    """Sizes and strides of a product."""
    x, y = v.inputs
    *batch, m, n = v.shape
    a, b = (_matrix(schedule, f) for f in (x, y))
    steps = [m * n] * len(batch)
    for i in range(len(batch) - 2, -1, -1):
        steps[i] = steps[i + 1] * batch[i + 1]
    c = Matrix(n, 1, tuple(steps))
    return Product(_SCALARS[v.dtype.char], m, n, x.shape[-1], a, b, c, tuple(batch))


def _matrix(schedule: Schedule, x: Value) -> Matrix:
    found = schedule.matrix_layout(x)
    assert found is not None, "factors lie in memory"
    *lead, rows, columns = found.strides
    return Matrix(rows, columns, tuple(lead))


def kernel(schedule: Schedule, v: Value, machine: Machine, *, has_blas: bool) -> Plan | None:
    """The kernel for a product, with `$` for its name; None where BLAS is to do it."""
    if v.op != "matmul":
        return _internal(_convolution_kernel(v, machine))
    product = product_of(schedule, v)
    if has_blas and choose(product, machine) == "blas":
        return None
    return _gemm(product, machine)


def turn(schedule: Schedule, v: Value, machine: Machine) -> Plan:
    """The kernel that brings a matrix into row-major order."""
    rows, columns = schedule.turned[v].strides
    e = Code(machine, _SCALARS[v.dtype.char])
    k, n = v.shape
    pack_columns(e, "%a", Matrix(rows, columns), "%c", n, n, str(k))
    text = e.function("$", ["ptr noalias %a", "ptr noalias %c"])
    return _internal(Plan("$", text, e.declared, 0, 1))


@lru_cache(maxsize=256)  # a step has the same products many times
def _gemm(product: Product, machine: Machine) -> Plan:
    return _internal(gemm("$", product, machine))


def _internal(plan: Plan) -> Plan:
    return plan._replace(ir=plan.ir.replace("define void @$", "define internal void @$") + "\n")


def work(v: Value) -> int:
    """How many products of numbers a kernel sums."""
    if v.op == "matmul":
        return v.size * v.inputs[0].shape[-1]
    shape = convolution_of(v)
    assert shape is not None, "others were replaced by products of matrices"
    return shape.images * shape.outputs * shape.out[0] * shape.out[1] * shape.depth


# --- convolutions ---------------------------------------------------------------------------------


def convolution_of(v: Value) -> Convolution | None:
    """Sizes of one of the three products of a convolution; None if no kernel does it."""
    first, second = (x.shape for x in v.inputs)
    stride, padding, dilation, groups, size = v.attrs
    if v.op == "convolve":
        x, w, y = first, second, v.shape
    elif v.op == "convolve_back":
        y, w, x = first, second, v.shape
    else:
        x, y, w = first, second, v.shape
    if v.dtype.char not in _SCALARS or len(x) != 4 or min(padding) < 0 or v.size == 0:
        return None
    found = Convolution(
        *(_SCALARS[v.dtype.char], x[0], x[1], w[0], _two(x), _two(w)),
        *(_pair(stride), _pair(padding), _pair(dilation), groups),
    )
    return found if found.out == _two(y) else None


def _two(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[2], shape[3]


def _pair(numbers: tuple[int, ...]) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[1])


def _convolution_kernel(v: Value, machine: Machine) -> Plan:
    shape = convolution_of(v)
    assert shape is not None, "others were replaced by products of matrices"
    if v.op == "convolve":
        return forward("$", shape, machine)
    if v.op == "convolve_back":
        return grad_input("$", shape, machine)
    return grad_weight("$", shape, machine)


def operands(v: Value) -> tuple[Value, Value]:
    """The operands in the order in which kernels take them."""
    x, y = v.inputs
    return (y, x) if v.op == "convolve_taps" else (x, y)
