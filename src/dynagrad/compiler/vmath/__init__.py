"""Elementary functions as LLVM IR: straight-line code on scalars and vectors of float and double.

    FUNCTIONS["exp"](emitter, x, kind)        -> the name of e^x
    FUNCTIONS["atan2"](emitter, y, x, kind)

`kind` is the type of the operands and of the result: `float`, `double`, or a vector of them such
as `<16 x float>`. There are no branches and no calls but of intrinsics, so a scalar loop is
vectorised by LLVM, and explicit vectors work as well; nothing may be marked `reassoc` or `fast`.
Code is right on every target: an Emitter with `has_fma=False` is for those without a fused
multiply-add (x86-64 below AVX2), where an intrinsic would be a slow call.

Errors in units of the last place, the largest seen, float and double alike, with fma (without, in
brackets where it is more):

    exp 0.9 (1.2)       exp2 1.0 (1.2)      expm1 1.4 (1.5)     log 0.9   log2, log10 1.0 (1.9)
    log1p 1.4           sigmoid 1.5         tanh 1.4            erf 1.0 (1.3)   sin, cos 0.95
    tan 2.4             asin 1.7 (1.8)      acos 1.2            atan, atan2 2.1 sinh 1.7
    cosh 1.3 (1.5)      asinh 1.8           acosh, atanh 2.1    pow 0.75   hypot 1.2
    softplus, logsigmoid 1.7                silu 2.3            rsqrt 1.5       erfc, gelu 3.8
    gelu_tanh 5 above -2; below it grows with the cube of x, as the exponent of e does

over all arguments, infinite, denormal and NaN among them, with zeros of the right sign; fmod and
remainder are exact.

Some pay for arguments that hardly occur: sin, cos and tan beyond 2^16, fmod and remainder (by a
call of the C library for each element) for large quotients. `NEAR` has quick versions for all
others, and `BEYOND[name](emitter, *operands, kind)` says, in an `i1` for each lane, where those do
not serve: so a loop may exist in two versions. `branching` takes the slow way only where an element
needs it: for explicit vectors, as no loop with a branch in it is vectorised.
"""

from ..codegen.emit import Emitter, lanes, like
from . import elementary, error, exponential, hyperbolic, power, trigonometric

__all__ = ["BEYOND", "BINARY", "FUNCTIONS", "NEAR", "branching"]

FUNCTIONS = {
    **elementary.FUNCTIONS,
    **exponential.FUNCTIONS,
    **hyperbolic.FUNCTIONS,
    **trigonometric.FUNCTIONS,
    **error.FUNCTIONS,
    **power.FUNCTIONS,
}
#: those with two operands
BINARY = frozenset({"atan2", "fmod", "hypot", "pow", "remainder"})
NEAR = {**trigonometric.NEAR, **elementary.NEAR}
BEYOND = {**trigonometric.BEYOND, **elementary.BEYOND}


def branching(e: Emitter, name: str, *operands_and_kind: str) -> str:
    """A function of NEAR for all arguments: its quick version, and after that a branch to the other
    one if any lane needs it. `e.block` must be the block at hand; afterwards it is another one.
    """
    kind = operands_and_kind[-1]
    quick = NEAR[name](e, *operands_and_kind)
    needs = BEYOND[name](e, *operands_and_kind)
    count = lanes(kind)
    if count > 1:
        mask = e.convert("bitcast", needs, like(kind, "i1"), f"i{count}")
        needs = e.compare("ne", f"i{count}", mask, "0")
    before, slow, after = e.block, e.label("slow"), e.label("after")
    e.do(f"br i1 {needs}, label %{slow}, label %{after}")
    e.begin(slow)
    right = FUNCTIONS[name](e, *operands_and_kind)
    e.do(f"br label %{after}")
    e.begin(after)
    return e.let(f"phi {kind} [ {quick}, %{before} ], [ {right}, %{slow} ]")
