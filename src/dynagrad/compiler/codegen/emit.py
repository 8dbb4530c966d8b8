"""LLVM IR as text: one function is written instruction by instruction. Imports NumPy only.

Text is parsed by LLVM at about a megabyte in ten milliseconds, and reads as the language reference
prints it. Every value has a type that travels with it as a string (`float`, `double`, `i1`, `i64`,
`ptr`, `<16 x float>`); a name that was written once is never written again.
"""

import re
import struct
from functools import cache
from typing import Any

import numpy as np

#: how elements lie in memory and in registers: NumPy dtype character -> LLVM type
MEMORY = {"f": "float", "d": "double", "?": "i8", "b": "i8", "B": "i8", "h": "i16", "i": "i32"}
MEMORY |= {"l": "i64", "q": "i64", "e": "half"}

_VECTOR = re.compile(r"<(\d+) x (\w+)>")
_SUFFIX = {"float": "f32", "double": "f64", "half": "f16"}


@cache
def lanes(kind: str) -> int:
    """How many elements a value of this type has (1 for scalars)."""
    match = _VECTOR.fullmatch(kind)
    return int(match[1]) if match else 1


@cache
def element(kind: str) -> str:
    """The type of one element of a vector type; a scalar type itself."""
    match = _VECTOR.fullmatch(kind)
    return match[2] if match else kind


@cache
def like(kind: str, scalar: str) -> str:
    """The type with as many lanes as `kind` and elements of type `scalar`."""
    n = lanes(kind)
    return scalar if n == 1 else f"<{n} x {scalar}>"


@cache
def suffix(kind: str) -> str:
    """The part of an intrinsic's name that stands for a type: `f32`, `v16f32`, `i64`."""
    name = _SUFFIX.get(element(kind), element(kind))
    n = lanes(kind)
    return name if n == 1 else f"v{n}{name}"


def literal(kind: str, value: Any) -> str:
    """A constant of a type: floats by their bits, so that no digit is lost; splat for vectors."""
    one = element(kind)
    if one == "float":
        value = float(np.float32(value))
    if one in ("float", "double"):
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    elif one == "half":
        text = f"0xH{np.float16(value).view(np.uint16):04X}"
    elif one == "i1":
        text = "true" if value else "false"
    else:
        text = str(int(value))
    return text if lanes(kind) == 1 else f"splat ({one} {text})"


class Emitter:
    """The body of one function under construction.

    `lines` is the text; `declared` the declarations of the intrinsics used, which the module needs
    once. `has_fma` says whether the target has an instruction for x * y + z, rounded once; where it
    has none, `fma` rounds twice instead of calling a slow function.
    """

    def __init__(self, declared: dict[str, str] | None = None, *, has_fma: bool = True) -> None:
        self.has_fma = has_fma
        self.lines: list[str] = []
        self.declared: dict[str, str] = {} if declared is None else declared
        self.count = 0
        self.block = "entry"

    def name(self, stem: str = "v") -> str:
        """A name that no other value of this function has."""
        self.count += 1
        return f"%{stem}{self.count}"

    def let(self, text: str) -> str:
        """Give the result of an instruction a name."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append(f"  {text}")

    def begin(self, label: str) -> None:
        """Start a block; the one before must have ended with a branch."""
        self.lines.append(f"{label}:")
        self.block = label

    def label(self, stem: str) -> str:
        """A name for a block."""
        self.count += 1
        return f"{stem}{self.count}"

    def op(self, name: str, kind: str, *operands: str) -> str:
        """An arithmetic instruction, with its flags in the name: `fadd contract`."""
        return self.let(f"{name} {kind} {', '.join(operands)}")

    def call(self, intrinsic: str, kind: str, *operands: str) -> str:
        """An overloaded intrinsic whose operands all have its type: `fma`, `fabs`, `copysign`."""
        full = f"@llvm.{intrinsic}.{suffix(kind)}"
        if full not in self.declared:
            self.declared[full] = f"declare {kind} {full}({', '.join([kind] * len(operands))})"
        return self.let(f"call {kind} {full}({', '.join(f'{kind} {x}' for x in operands)})")

    def convert(self, name: str, value: str, kind: str, to: str) -> str:
        """A conversion: `bitcast`, `fptosi`, `sitofp`, `zext`, `fpext`, ..."""
        return self.let(f"{name} {kind} {value} to {to}")

    def compare(self, how: str, kind: str, x: str, y: str) -> str:
        """A comparison, `oeq`, `ult`, ... of floats and `eq`, `slt`, ... of integers."""
        op = "fcmp" if element(kind) in _SUFFIX else "icmp"
        return self.let(f"{op} {how} {kind} {x}, {y}")

    def select(self, condition: str, kind: str, x: str, y: str) -> str:
        """`x` where the condition holds, else `y`."""
        return self.let(f"select {like(kind, 'i1')} {condition}, {kind} {x}, {kind} {y}")

    def fma(self, kind: str, x: str, y: str, z: str) -> str:
        """`x * y + z`, rounded once if the target can."""
        if not self.has_fma:
            return self.op("fadd", kind, self.op("fmul", kind, x, y), z)
        return self.call("fma", kind, x, y, z)

    def polynomial(self, kind: str, x: str, coefficients: Any) -> str:
        """Horner's scheme, the highest power first."""
        first, *rest = coefficients
        value = literal(kind, first)
        for c in rest:
            value = self.fma(kind, value, x, literal(kind, c))
        return value
