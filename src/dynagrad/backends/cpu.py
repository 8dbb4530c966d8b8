"""torch.backends.cpu: what the processor can do, as NumPy found."""

import numpy as np

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The widest instructions of this processor: "AVX512", "AVX2" or "DEFAULT"."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {})  # pyright: ignore
    names = {*found.get("baseline", ()), *found.get("found", ())}
    if names & {"AVX512_SKX", "AVX512F", "X86_V4"}:
        return "AVX512"
    return "AVX2" if names & {"AVX2", "X86_V3"} else "DEFAULT"
