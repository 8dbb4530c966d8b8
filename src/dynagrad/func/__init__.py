"""Function transforms: functions in, functions out, in any nesting."""

from .forward import hessian, jacfwd, jvp, linearize
from .modules import functional_call, functionalize, stack_module_state
from .reverse import grad, grad_and_value, jacrev, vjp
from .vmapping import vmap

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
