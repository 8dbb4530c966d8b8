"""What a call of `compile` asks for: which backends, modes and options there are, and the errors
that say what there is not. Imports nothing.
"""

from typing import Any

__all__ = ["InvalidBackend", "TorchDynamoException", "Unsupported", "check"]

#: names that mean native code, and names of PyTorch's that mean: trace, and run what there is
NATIVE = ("inductor", "cudagraphs")
EAGER = (
    *("eager", "aot_eager", "eager_noexcept", "eager_debug", "pre_dispatch_eager"),
    *("aot_eager_decomp_partition", "aot_eager_default_partitioner", "ts", "aot_ts"),
)
#: "bitwise" is this library's own
MODES = (
    *("bitwise", "default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs"),
    "max-autotune",
)
#: PyTorch's documented options of its code generator, which change nothing here
_OPTIONS: dict[str, type] = {
    **dict.fromkeys(("max_autotune", "max_autotune_pointwise", "max_autotune_gemm"), bool),
    **dict.fromkeys(("epilogue_fusion", "fallback_random", "shape_padding"), bool),
    **dict.fromkeys(("coordinate_descent_tuning", "freezing", "cpp_wrapper", "dce"), bool),
    **dict.fromkeys(("triton.cudagraphs", "triton.unique_kernel_names"), bool),
    **dict.fromkeys(("trace.enabled", "trace.graph_diagram", "emulate_precision_casts"), bool),
    "guard_filter_fn": object,
}


class TorchDynamoException(RuntimeError):
    """What goes wrong when a program is compiled."""


class InvalidBackend(TorchDynamoException):
    """A compiler by a name that there is not."""


class Unsupported(TorchDynamoException):
    """A call that cannot be compiled, where `fullgraph=True` wants it to be."""


def check(backend: Any, mode: Any, options: dict[str, Any] | None, dynamic: Any = None) -> bool:
    """Whether native code is asked for; raises where something is that there is not."""
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if dynamic is not None and type(dynamic) is not bool:
        raise AssertionError(
            f"Expected enable to be a bool, got {type(dynamic)}\n"
            f"`dynamic` is True, False or None, not {dynamic!r}."
        )
    if backend is not None and backend not in NATIVE:
        if backend in EAGER:
            return False
        if isinstance(backend, str):
            raise InvalidBackend(
                f"Invalid backend: '{backend}', see `torch._dynamo.list_backends()` for available "
                f"backends.\nNative code comes from {NATIVE[0]!r}; {EAGER[0]!r} runs a "
                "function as it is."
            )
        raise InvalidBackend(
            f"Invalid backend: {backend!r}\nA backend of one's own compiles an FX graph, which "
            "dynagrad does not make. Leave `backend` out: the results are the same."
        )
    if mode and mode not in MODES:
        raise RuntimeError(
            f"Unrecognized mode={mode}, should be one of: {', '.join(MODES[1:])}\n"
            f"dynagrad has another one, {MODES[0]}."
        )
    for key, value in (options or {}).items():
        known = _OPTIONS.get(str(key).replace("-", "_"))
        if known is None:
            raise RuntimeError(
                f"Unexpected optimization option {key}, known options are {sorted(_OPTIONS)}"
            )
        if known is not object and type(value) is not known:
            raise RuntimeError(
                f"Unexpected type of attr {key}, got {type(value).__name__} should be "
                f"{known.__name__}"
            )
    return True
