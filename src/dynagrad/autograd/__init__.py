"""Automatic differentiation: gradients of the recorded graph, the grad modes, functions with their
own derivative.
"""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..core.tape import first_look
from . import function, grad_mode
from .differentiate import backward, grad
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

if TYPE_CHECKING:
    from . import anomaly_mode as anomaly_mode
    from . import forward_ad as forward_ad
    from . import functional as functional
    from . import graph as graph
    from . import profiler as profiler
    from .anomaly_mode import detect_anomaly, set_detect_anomaly
    from .gradcheck import GradcheckError, gradcheck, gradgradcheck
    from .graph import Variable, variable

#: names that are loaded when they are first used (PEP 562), each with its module here
_LAZY = {
    "forward_ad": "forward_ad",
    "functional": "functional",
    **dict.fromkeys(("Variable", "graph", "variable"), "graph"),
    "profiler": "profiler",  # it stands on modules and optimizers, which lie above this package
    **dict.fromkeys(("anomaly_mode", "detect_anomaly", "set_detect_anomaly"), "anomaly_mode"),
    **dict.fromkeys(("GradcheckError", "gradcheck", "gradgradcheck"), "gradcheck"),
}

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "variable",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LAZY[name]}", __name__)
    value = getattr(module, name, module)
    globals()[name] = value
    return value


def _on_carriers(cls: Any, args: tuple, kwargs: dict) -> Any:
    """Load what Functions do inside transforms, at the first call there."""
    import_module(".function_on_carriers", __name__)  # which replaces this method
    return cls._on_carriers(args, kwargs)


Function._on_carriers = classmethod(_on_carriers)  # pyright: ignore - declared in function
first_look.append(partial(import_module, ".saved_values", __name__))
