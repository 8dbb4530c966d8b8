"""The words of mt19937 and what is made of them: uniform values, normal ones, events.

To the last bit what core.random makes of the same words; see there for the formulas. Imports
library, code.
"""

import math
from functools import cache

import numpy as np

from ...core.random import box_muller as bm
from ..codegen.emit import like, literal
from .code import Kernel, Module
from .library import Family, address

__all__ = ["KERNELS"]

BLOCK, MIDDLE = 624, 397
#: words that are made or used at once, whatever the CPU
WIDE = 16
WORDS = f"<{WIDE} x i32>"
#: blocks of 16 normal values for one thread at a time
CHUNK = 256


# --- Words ---------------------------------------------------------------------------------------


class _Bits:
    """Vectors of 32-bit words that operators act on."""

    def __init__(self, k: Kernel, name: str) -> None:
        self.k, self.name = k, name

    def _op(self, op: str, other: "int | _Bits") -> "_Bits":
        right = other.name if isinstance(other, _Bits) else literal(WORDS, other)
        return _Bits(self.k, self.k.op(op, WORDS, self.name, right))

    def __and__(self, other: "int | _Bits") -> "_Bits":
        return self._op("and", other)

    def __or__(self, other: "int | _Bits") -> "_Bits":
        return self._op("or", other)

    def __xor__(self, other: "int | _Bits") -> "_Bits":
        return self._op("xor", other)

    def __lshift__(self, other: int) -> "_Bits":
        return self._op("shl", other)

    def __rshift__(self, other: int) -> "_Bits":
        return self._op("lshr", other)

    def __neg__(self) -> "_Bits":
        return _Bits(self.k, self.k.op("sub", WORDS, "zeroinitializer", self.name))


def _write_words(k: Kernel) -> None:
    """(state, words): blocks begin to end of the stream, the state of 624 words being that of the
    block before. The state has room for the next block behind it.
    """
    state, words = k.argument(0), k.argument(1)

    def load(index: str, offset: int) -> _Bits:
        place = k.at(state, k.add(index, offset), "i32")
        return _Bits(k, k.let(f"load {WORDS}, ptr {place}, align 4"))

    def block(number: str, _: list[str]) -> None:
        out = k.at(words, k.mul(number, BLOCK), "i32")

        def some(i: str, _: list[str]) -> None:
            this, following = load(i, 0), load(i, 1)
            joined = (this & 0x80000000) | (following & 0x7FFFFFFF)
            twist = -(following & 1) & 0x9908B0DF
            word = load(i, MIDDLE) ^ (joined >> 1) ^ twist
            place = k.at(state, k.add(i, BLOCK), "i32")
            k.do(f"store {WORDS} {word.name}, ptr {place}, align 4")
            word = word ^ (word >> 11)
            word = word ^ ((word << 7) & 0x9D2C5680)
            word = word ^ ((word << 15) & 0xEFC60000)
            word = word ^ (word >> 18)
            k.do(f"store {WORDS} {word.name}, ptr {k.at(out, i, 'i32')}, align 4")

        k.loop(0, BLOCK, WIDE, some)

        def move(i: str, _: list[str]) -> None:
            k.do(f"store {WORDS} {load(i, BLOCK).name}, ptr {k.at(state, i, 'i32')}, align 4")

        k.loop(0, BLOCK, WIDE, move)

    k.loop("%begin", "%end", 1, block)


# --- Uniform values ------------------------------------------------------------------------------


def _pick(k: Kernel, place: str, first: int, step: int, count: int) -> str:
    """Words first, first + step, ... of memory."""
    n = count * step
    kind = f"<{n} x i32>"
    all_of_them = k.let(f"load {kind}, ptr {place}, align 4")
    return k.shuffle(kind, all_of_them, "poison", range(first, n, step))


def _unit64(k: Kernel, place: str, n: int) -> tuple[str, str]:
    """n float64 uniforms from 2 n words, and their type."""
    kind, part = f"<{n} x double>", f"<{n} x i32>"
    high = k.op("and", part, _pick(k, place, 0, 2, n), literal(part, 0x1FFFFF))
    value = k.convert("sitofp", high, part, kind)
    value = k.op("fmul", kind, value, literal(kind, 2.0**32))
    low = k.convert("uitofp", _pick(k, place, 1, 2, n), part, kind)
    value = k.op("fadd", kind, value, low)
    return k.op("fmul", kind, value, literal(kind, 2.0**-53)), kind


def _write_unit32(k: Kernel) -> None:
    """(words, out): vectors of 16 float32 uniforms."""
    words, out = k.argument(0), k.argument(1)
    kind = like(WORDS, "float")

    def some(i: str, _: list[str]) -> None:
        at = k.mul(i, WIDE)
        value = k.let(f"load {WORDS}, ptr {k.at(words, at, 'i32')}, align 4")
        value = k.op("and", WORDS, value, literal(WORDS, 0xFFFFFF))
        value = k.convert("sitofp", value, WORDS, kind)
        value = k.op("fmul", kind, value, literal(kind, 2.0**-24))
        k.store(value, k.at(out, at), kind)

    k.loop("%begin", "%end", 1, some)


def _write_unit64(k: Kernel) -> None:
    """(words, out): vectors of 8 float64 uniforms."""
    words, out = k.argument(0), k.argument(1)

    def some(i: str, _: list[str]) -> None:
        value, kind = _unit64(k, k.at(words, k.mul(i, 16), "i32"), 8)
        k.store(value, k.at(out, k.mul(i, 8)), kind)

    k.loop("%begin", "%end", 1, some)


def _write_events(k: Kernel) -> None:
    """(words, out, p): vectors of 8 events, 1 where a float64 uniform is below p, else 0."""
    words, out, p = k.argument(0), k.argument(1), k.argument(2, "double")

    def some(i: str, _: list[str]) -> None:
        value, kind = _unit64(k, k.at(words, k.mul(i, 16), "i32"), 8)
        below = k.compare("olt", kind, value, k.splat(p, kind))
        if k.scalar == "i8":
            made = k.convert("zext", below, "<8 x i1>", "<8 x i8>")
            k.do(f"store <8 x i8> {made}, ptr {k.at(out, k.mul(i, 8))}, align 1")
        else:
            to = f"<8 x {k.scalar}>"
            made = k.select(below, to, literal(to, 1.0), literal(to, 0.0))
            k.store(made, k.at(out, k.mul(i, 8)), to)

    k.loop("%begin", "%end", 1, some)


# --- Normal values -------------------------------------------------------------------------------


class _Single:
    """Float32 arithmetic on vectors of n, each step rounded as core.random rounds it."""

    def __init__(self, k: Kernel, n: int) -> None:
        self.k = k
        self.kind, self.wide, self.whole = f"<{n} x float>", f"<{n} x double>", f"<{n} x i32>"

    def op(self, name: str, x: str, y: str | float) -> str:
        return self.k.op(name, self.kind, x, self._text(y))

    def bits(self, name: str, x: str, y: str | int) -> str:
        y = y if isinstance(y, str) else literal(self.whole, y)
        return self.k.op(name, self.whole, x, y)

    def _text(self, x: str | float) -> str:
        return x if isinstance(x, str) else literal(self.kind, x)

    def fma(self, x: str, y: str | float, z: str | float) -> str:
        """x y + z; without an instruction for it in float64, where the product is exact."""
        k, operands = self.k, [x, self._text(y), self._text(z)]
        if k.has_fma:
            return k.call("fma", self.kind, *operands)
        a, b, c = [k.convert("fpext", v, self.kind, self.wide) for v in operands]
        total = k.op("fadd", self.wide, k.op("fmul", self.wide, a, b), c)
        return k.convert("fptrunc", total, self.wide, self.kind)

    def horner(self, x: str, coefficients: tuple[float, ...]) -> str:
        y = self._text(coefficients[0])
        for c in coefficients[1:]:
            y = self.fma(y, x, c)
        return y

    def log(self, j: str) -> str:
        """log(j / 2**24) of integers: see box_muller.log32."""
        k = self.k
        number = k.convert("sitofp", j, self.whole, self.kind)
        bits = k.convert("bitcast", number, self.kind, self.whole)
        e = self.bits("ashr", self.bits("sub", bits, int(bm.SQRT_HALF_BITS)), 23)
        m = self.bits("sub", bits, self.bits("shl", e, 23))
        m = self.op("fsub", k.convert("bitcast", m, self.whole, self.kind), 1.0)
        e = k.convert("sitofp", self.bits("sub", e, 24), self.whole, self.kind)
        z = self.op("fmul", m, m)
        y = self.op("fmul", self.horner(m, bm.LOG), m)
        y = self.fma(y, z, self.op("fmul", e, bm.LOG2_LOW))
        y = self.op("fsub", y, self.op("fmul", z, 0.5))
        return self.fma(e, bm.LOG2_HIGH, self.op("fadd", y, m))

    def sincos(self, j: str) -> tuple[str, str]:
        """Sine and cosine of 2 pi j / 2**24: see box_muller.sincos32."""
        k = self.k
        x = self.op("fmul", k.convert("sitofp", j, self.whole, self.kind), bm.TWO_PI_24)
        octant = self.op("fmul", x, bm.FOUR_OVER_PI)
        octant = k.convert("fptosi", octant, self.kind, self.whole)
        octant = self.bits("and", self.bits("add", octant, 1), -2)
        turns = k.convert("sitofp", octant, self.whole, self.kind)
        for part in bm.QUARTER_PI:
            x = self.fma(turns, -part, x)
        z = self.op("fmul", x, x)
        cosine = self.op("fmul", self.horner(z, bm.COS), z)
        cosine = self.op("fadd", self.fma(cosine, z, self.op("fmul", z, -0.5)), 1.0)
        sine = self.op("fmul", self.horner(z, bm.SIN), z)
        sine = self.fma(sine, x, x)
        swap = k.compare("ne", self.whole, self.bits("and", octant, 2), "zeroinitializer")
        turned = k.select(swap, self.kind, cosine, sine), k.select(swap, self.kind, sine, cosine)
        following = self.bits("add", octant, 2)
        return self._signed(turned[0], octant), self._signed(turned[1], following)

    def _signed(self, x: str, octant: str) -> str:
        sign = self.bits("shl", self.bits("and", octant, 4), 29)
        flipped = self.bits("xor", self.k.convert("bitcast", x, self.kind, self.whole), sign)
        return self.k.convert("bitcast", flipped, self.whole, self.kind)


def _write_normals32(k: Kernel) -> None:
    """(words, out, mean, std): blocks of 16 float32 normal values, two at a time."""
    words, out = k.argument(0), k.argument(1)
    mean, std = [k.convert("fptrunc", k.argument(i, "double"), "double", "float") for i in (2, 3)]
    kind = "<16 x float>"

    def of_words(block: str, pair: bool) -> None:
        n = 16 if pair else 8
        f = _Single(k, n)
        start = k.mul(block, 16)
        found = f"<{2 * n} x i32>"
        all_of_them = k.let(f"load {found}, ptr {k.at(words, start, 'i32')}, align 4")
        low = k.op("and", found, all_of_them, literal(found, 0xFFFFFF))
        first = [*range(8), *range(16, 24)][:n]
        u1 = k.shuffle(found, low, "poison", first)
        u2 = k.shuffle(found, low, "poison", [i + 8 for i in first])
        log = f.log(f.bits("sub", literal(f.whole, 1 << 24), u1))
        radius = k.call("sqrt", f.kind, f.op("fmul", log, -2.0))
        sine, cosine = f.sincos(u2)
        made = [
            f.fma(f.op("fmul", radius, turn), k.splat(std, f.kind), k.splat(mean, f.kind))
            for turn in (cosine, sine)
        ]
        for i in range(n // 8):
            both = [*range(8 * i, 8 * i + 8), *range(n + 8 * i, n + 8 * i + 8)]
            value = k.shuffle(f.kind, made[0], made[1], both)
            k.store(value, k.at(out, k.add(start, 16 * i)), kind)

    even = k.op("and", "i64", k.sub("%end", "%begin"), "-2")
    until = k.add("%begin", even)
    k.loop("%begin", until, 2, lambda i, _: of_words(i, True))
    odd = k.compare("slt", "i64", until, "%end")
    k.when(odd, lambda: of_words(until, False))


def _write_normals64(k: Kernel) -> None:
    """(words, out, mean, std, log, sincos, cos, sin): blocks of 16 float64 normal values, by the C
    library's functions at the addresses given; where there is no sincos, by cos and sin.
    """
    words, out = k.argument(0), k.argument(1)
    mean, std = k.argument(2, "double"), k.argument(3, "double")
    log, together, cosine, sine = [k.argument(i) for i in range(4, 8)]
    has_sincos = k.compare("ne", "ptr", together, "null")
    one = "double"
    kind = "<8 x double>"
    buffer = k.let("alloca [16 x double], align 64")
    results = k.let("alloca [2 x double], align 16")
    k.declared["@llvm.fma.f64"] = "declare double @llvm.fma.f64(double, double, double)"

    def block(number: str, _: list[str]) -> None:
        start = k.mul(number, 16)
        for half in (0, 8):
            place = k.at(words, k.add(k.mul(number, 32), 2 * half), "i32")
            value = _unit64(k, place, 8)[0]
            if half:
                value = k.op("fmul", kind, value, literal(kind, 2 * math.pi))
            else:
                value = k.op("fsub", kind, literal(kind, 1.0), value)
            k.store(value, k.at(buffer, half), kind)

        def turn(theta: str) -> None:
            """The cosine and the sine, in `results`."""
            both, apart, after = (k.label(x) for x in ("both", "apart", "turned"))
            k.do(f"br i1 {has_sincos}, label %{both}, label %{apart}")
            k.begin(both)
            k.do(f"call void {together}(double {theta}, ptr {k.at(results, 1)}, ptr {results})")
            k.do(f"br label %{after}")
            k.begin(apart)
            for place, function in enumerate((cosine, sine)):
                value = k.let(f"call double {function}(double {theta})")
                k.store(value, k.at(results, place))
            k.do(f"br label %{after}")
            k.begin(after)

        def pair(i: str, _: list[str]) -> None:
            u1 = k.load(k.at(buffer, i))
            theta = k.load(k.at(buffer, k.add(i, 8)))
            logarithm = k.let(f"call double {log}(double {u1})")
            radius = k.call("sqrt", one, k.op("fmul", one, literal(one, -2.0), logarithm))
            turn(theta)
            for place in (0, 1):
                value = k.op("fmul", one, radius, k.load(k.at(results, place)))
                value = k.call("fma", one, value, std, mean)
                k.store(value, k.at(out, k.add(k.add(start, i), 8 * place)))

        k.loop(0, 8, 1, pair)

    k.loop("%begin", "%end", 1, block)


# --- Calls ---------------------------------------------------------------------------------------


def _write_made(module: Module) -> None:
    module.kernel("words", "float", _write_words)
    module.kernel("unit32", "float", _write_unit32)
    module.kernel("unit64", "double", _write_unit64)
    module.kernel("normals32", "float", _write_normals32)
    module.kernel("normals64", "double", _write_normals64)
    for scalar in ("float", "double", "i8"):
        module.kernel(f"events_{scalar}", scalar, _write_events)


_family = Family(_write_made)


def words(state: np.ndarray, blocks: int) -> np.ndarray:
    """The next blocks of 624 words. The state, of 1248 words, begins with the last block before
    they were tempered, and then with the new last one.
    """
    made = np.empty(blocks * BLOCK, np.uint32)
    _family.run("words", blocks, blocks, state, made)
    return made


def unit32(source: np.ndarray, out: np.ndarray) -> None:
    """Float32 uniforms, one for each word; their number is a multiple of 16."""
    _family.run("unit32", out.size // 16, 1 << 12, source, out)


def unit64(source: np.ndarray, out: np.ndarray) -> None:
    """Float64 uniforms, one for two words; their number is a multiple of 8."""
    _family.run("unit64", out.size // 8, 1 << 12, source, out)


def events(source: np.ndarray, p: float, out: np.ndarray) -> None:
    """1 with probability p, else 0, two words each; their number is a multiple of 8. `out` is of
    float32, float64 or bool.
    """
    scalar = {"f": "float", "d": "double", "?": "i8"}[out.dtype.char]
    _family.run(f"events_{scalar}", out.size // 8, 1 << 12, source, out, float(p))


def normals32(source: np.ndarray, mean: float, std: float, out: np.ndarray) -> None:
    """Float32 normal values in blocks of 16, one for each word."""
    _family.run("normals32", out.size // 16, CHUNK, source, out, float(mean), float(std))


def normals64(source: np.ndarray, mean: float, std: float, out: np.ndarray) -> None:
    """Float64 normal values in blocks of 16, one for two words."""
    numbers = float(mean), float(std)
    _family.run("normals64", out.size // 16, CHUNK, source, out, *numbers, *_functions())


@cache
def _functions() -> tuple[int, ...]:
    return tuple(map(address, ("log", "sincos", "cos", "sin")))


#: compiled together, and before a stream is locked: see WordStream._prepare
_ALL = (
    *("words", "unit32", "unit64", "normals32", "normals64"),
    *("events_float", "events_double", "events_i8"),
)
KERNELS = {
    f.__name__: (f, _family, _ALL) for f in (words, unit32, unit64, events, normals32, normals64)
}
