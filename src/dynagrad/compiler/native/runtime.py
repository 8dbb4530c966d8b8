"""Functions that LLVM calls by itself, where the CPU has no instruction: those of the C library by
address, and conversions of float16, which no library is sure to have, as IR. Imports nothing of the
library.
"""

import ctypes
import sys

__all__ = ["HALF", "addresses", "needs_half"]

#: Filling and copying memory; on Windows, the check of large stack frames.
_MEMORY = ("memset", "memcpy", "memmove", "memcmp", "bcmp", "__chkstk")
#: `frem`, intrinsics such as llvm.sin, and rounding and fma on older CPUs.
_MATHS = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp10 exp2 expm1
fabs floor fma fmax fmaximum fmaximum_num fmin fminimum fminimum_num fmod frexp ldexp llrint llround
log log10 log1p log2 lrint lround modf nearbyint pow remainder rint round roundeven sin sincos sinh
sqrt tan tanh tgamma trunc
""".split()


def addresses() -> dict[str, int]:
    """Where those functions of the C library lie that there are here."""
    if sys.platform == "win32":
        libraries = [ctypes.CDLL(name) for name in ("ucrtbase", "vcruntime140", "ntdll")]
    else:
        libraries = [ctypes.CDLL(None)]
    found = {}
    for name in (*_MEMORY, *_MATHS, *(f"{name}f" for name in _MATHS)):
        for library in libraries:
            if hasattr(library, name):
                found[name] = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
                break
    for suffix in ("", "f"):  # rounds halves to even too, as nobody changes how it rounds
        found.setdefault(f"roundeven{suffix}", found[f"nearbyint{suffix}"])
    return found


def needs_half(code: bytes) -> bool:
    """Whether object code calls one of the conversions below."""
    return any(name in code for name in (b"__extendhfsf2", b"__truncsfhf2", b"__truncdfhf2"))


#: The conversions that code for x86-64 without F16C calls. To float: a product with a power of two
#: shifts the exponent and takes care of denormals. From float: the integer sum rounds to even, and
#: a sum with 0.5 does it for denormals. From double: by way of a float that is rounded to odd, so
#: that nothing is rounded twice (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded
#: sums").
HALF = """\
define float @__extendhfsf2(half %x) nounwind {
  %short = bitcast half %x to i16
  %bits = zext i16 %short to i32
  %sign = and i32 %bits, 32768
  %high = shl i32 %sign, 16
  %size = and i32 %bits, 32767
  %shifted = shl i32 %size, 13
  %small = bitcast i32 %shifted to float
  %scaled = fmul float %small, 0x46F0000000000000
  %number = bitcast float %scaled to i32
  %isnan = icmp ugt i32 %size, 31744
  %isinf = icmp uge i32 %size, 31744
  %quiet = select i1 %isnan, i32 2143289344, i32 2139095040
  %special = or i32 %shifted, %quiet
  %result = select i1 %isinf, i32 %special, i32 %number
  %signed = or i32 %result, %high
  %y = bitcast i32 %signed to float
  ret float %y
}

define half @__truncsfhf2(float %x) nounwind {
  %bits = bitcast float %x to i32
  %size = and i32 %bits, 2147483647
  %sign = lshr i32 %bits, 16
  %high = and i32 %sign, 32768
  %last = lshr i32 %size, 13
  %odd = and i32 %last, 1
  %up = add i32 %odd, 3355447295
  %sum = add i32 %size, %up
  %normal = lshr i32 %sum, 13
  %positive = bitcast i32 %size to float
  %shifted = fadd float %positive, 5.000000e-01
  %shifted.bits = bitcast float %shifted to i32
  %denormal = sub i32 %shifted.bits, 1056964608
  %issmall = icmp ult i32 %size, 947912704
  %finite = select i1 %issmall, i32 %denormal, i32 %normal
  %payload = and i32 %last, 1023
  %nan = or i32 %payload, 32256
  %isnan = icmp ugt i32 %size, 2139095040
  %special = select i1 %isnan, i32 %nan, i32 31744
  %islarge = icmp uge i32 %size, 1199570944
  %result = select i1 %islarge, i32 %special, i32 %finite
  %signed = or i32 %result, %high
  %short = trunc i32 %signed to i16
  %y = bitcast i16 %short to half
  ret half %y
}

define half @__truncdfhf2(double %x) nounwind {
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %bits = bitcast float %near to i32
  %odd = and i32 %bits, 1
  %iseven = icmp eq i32 %odd, 0
  %isrounded = fcmp one double %back, %x
  %ischanged = and i1 %iseven, %isrounded
  %back.size = call double @llvm.fabs.f64(double %back)
  %size = call double @llvm.fabs.f64(double %x)
  %isabove = fcmp ogt double %back.size, %size
  %step = select i1 %isabove, i32 -1, i32 1
  %other = add i32 %bits, %step
  %chosen = select i1 %ischanged, i32 %other, i32 %bits
  %odd.float = bitcast i32 %chosen to float
  %y = call half @__truncsfhf2(float %odd.float)
  ret half %y
}

declare double @llvm.fabs.f64(double)
"""
