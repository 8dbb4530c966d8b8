"""What a kernel must know about the CPU to choose its blocks. Imports target."""

from typing import NamedTuple

from ..native.target import Target

__all__ = ["Machine", "machine_for"]

#: Bytes of an element.
SIZES = {"float": 4, "double": 8}


class Machine(NamedTuple):
    """Vector registers and caches: bytes of a register, how many there are, whether loads under a
    mask are one instruction, bytes of the first and second cache, whether arithmetic on a whole
    vector takes as long as on its halves one after the other.

    Only speed depends on it: code for any Machine is right on any CPU.
    """

    vector: int = 16
    registers: int = 16
    masks: bool = False
    l1: int = 32 << 10
    l2: int = 512 << 10
    halves: bool = False

    def lanes(self, scalar: str) -> int:
        """Elements of a full vector."""
        return self.vector // SIZES[scalar]


_WIDE = Machine(64, 32, True, 32 << 10, 1 << 20)
_AVX = Machine(32, 16, True)
_LEVELS = {"x86-64-v3": _AVX, "x86-64-v4": _WIDE, "generic": Machine(16, 32)}


def machine_for(target: Target) -> Machine:
    """The Machine of a target: from its features, else from its name, else the smallest."""
    features = target.features.split(",")
    if "+avx512f" in features and "+avx512vl" in features:
        # AMD's first cores with such vectors, znver4, have units of half their length.
        return _WIDE._replace(halves=target.cpu == "znver4")
    if "+avx2" in features and "+fma" in features:
        return _AVX
    if "+neon" in features:
        return Machine(16, 32)
    return _LEVELS.get(target.cpu, Machine())
