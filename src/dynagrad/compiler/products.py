"""Matrix products of a graph: by a kernel of our own, or by BLAS. Imports kernels, layouts,
schedule.
"""

from .graph import Value
from .kernels.gemm import Matrix, Product, choose, gemm
from .kernels.ir import Plan
from .kernels.machine import Machine
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
    product = product_of(schedule, v)
    if has_blas and choose(product, machine) == "blas":
        return None
    plan = gemm("$", product, machine)
    return plan._replace(ir=plan.ir.replace("define void @$", "define internal void @$") + "\n")
