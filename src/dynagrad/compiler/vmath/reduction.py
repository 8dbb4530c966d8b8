"""Arguments of sin, cos and tan less a multiple of pi / 2. Imports value.

Up to 2^16 by pi / 2 in three parts (Cody and Waite); beyond by an integer product with those bits
of 2 / pi that matter (Payne and Hanek), which is slow and always right.
"""

from .value import (
    Value,
    fast_two_sum,
    fma,
    rounded,
    two_product,
    two_sum,
    where,
)

#: up to where `near` holds
LIMIT = 65536.0
TWO_OVER_PI = 0.6366197723675814
#: pi / 2 as a sum
HALF_PI = {
    "float": tuple(map(float.fromhex, ("0x1.921fb6p+0", "-0x1.777a5cp-25", "-0x1.ee59dap-50"))),
    "double": (
        float.fromhex("0x1.921fb54442d18p+0"),
        float.fromhex("0x1.1a62633145c07p-54"),
        float.fromhex("-0x1.f1976b7ed8fbcp-110"),
    ),
}
#: its first part as a sum whose parts are exact when multiplied by an integer up to 2^16
SHORT = {
    "float": tuple(map(float.fromhex, ("0x1.92p+0", "0x1.fap-12", "0x1.6p-20"))),
    "double": tuple(map(float.fromhex, ("0x1.921fb5444p+0", "0x1.68cp-39"))),
}
#: 2 / pi, times 2^1216, rounded down
BITS = 1216
TWO_OVER_PI_BITS = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e0"
    "06492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f4"
    "9c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d"
    "7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab",
    16,
)
LOW_HALF = 0xFFFFFFFF
TABLE = "@vmath.two_over_pi"
#: the exponent, with its bias, of 2^16 in float
FIRST = 127 + 16


def near(x: Value) -> tuple[Value, Value, Value]:
    """(n, h, l): x = n pi / 2 + h + l, |h| <= pi / 4, for |x| <= 2^16. Of the integer n the low
    bits.
    """
    number, n = rounded(x, TWO_OVER_PI)
    first, second, third = HALF_PI[x.element]
    if x.e.has_fma:
        h = fma(number, -first, x)
    else:
        h = x
        for part in SHORT[x.element]:
            h = h - number * part
    product, error = two_product(number, second)
    total, rest = two_sum(h, -product)
    return n, *fast_two_sum(total, fma(number, -third, rest - error))


def anywhere(x: Value) -> tuple[Value, Value, Value]:
    """As `near`, for all x; infinity gives NaN."""
    is_far = abs(x) > LIMIT
    pairs = zip(far(x), near(x), strict=True)
    n, h, low = (where(is_far, there, here) for there, here in pairs)
    return n, h, low


def far(x: Value) -> tuple[Value, Value, Value]:
    """As `near`, for finite |x| > 2^16; NaN for infinity."""
    a = abs(x)
    n, h, low = (far_float if x.element == "float" else far_double)(a)
    h = where(a < float("inf"), h, float("nan"))
    is_negative = x < 0.0
    return where(is_negative, 0 - n, n), where(is_negative, -h, h), where(is_negative, -low, low)


def far_float(a: Value) -> tuple[Value, Value, Value]:
    """`far` for positive floats: 24 bits times 96 bits of 2 / pi, which leaves 62 of a fraction."""
    first, second, third = words_for_float((a.bits >> 23) - FIRST)
    mantissa = (a.bits & 0x7FFFFF) | 0x800000
    wide = mantissa.to("i64", "zext")
    product = (mantissa * first).to("i64", "zext") << 32
    product = product + wide * second.to("i64", "zext")
    product = product + ((wide * third.to("i64", "zext")) >> 32)
    # quarters of a circle, to the nearest; the rest is a fraction of one, from -1/2 to 1/2
    n = (product + (1 << 61)) >> 62
    h = (product - (n << 62)).to("double", "sitofp") * (HALF_PI["double"][0] * 2.0**-62)
    head = h.to("float", "fptrunc")
    tail = (h - head.to("double", "fpext")).to("float", "fptrunc")
    return n.to("i32", "trunc"), head, tail


def words_for_float(k: Value) -> list[Value]:
    """The 96 bits of 2 / pi that matter for floats from 2^(16 + k) to twice that, highest first,
    as three words. The bits lie in seven words, whose four from k / 32 on are shifted together.
    """
    words = [(TWO_OVER_PI_BITS >> (BITS + 8 - 31 - 32 * j)) & LOW_HALF for j in range(7)]
    chosen = []
    for j in range(4):
        word = where(k >= 32, k.constant(words[j + 1]), words[j])
        word = where(k >= 64, words[j + 2], word)
        chosen.append(where(k >= 96, words[j + 3], word))
    return [chosen[j].call("fshl", chosen[j + 1], k & 31) for j in range(3)]


def far_double(a: Value) -> tuple[Value, Value, Value]:
    """`far` for positive doubles."""
    parts = product_with_two_over_pi(a)
    n = ((parts[0] + (1 << 29)) >> 30) & 3
    first = (parts[0] + (1 << 29) - (n << 30)) & LOW_HALF
    exact = [to_double(first) - 2.0**29, *map(to_double, parts[1:])]
    fractions = [part * 2.0 ** (-30 - 32 * k) for k, part in enumerate(exact)]
    h, low = fast_two_sum(fractions[0], fractions[1])
    h, low = fast_two_sum(h, low + (fractions[2] + fractions[3]))
    head, tail = two_product(h, HALF_PI["double"][0])
    tail = tail + fma(h, HALF_PI["double"][1], low * HALF_PI["double"][0])
    return n, *fast_two_sum(head, tail)


def product_with_two_over_pi(a: Value) -> list[Value]:
    """a * 2 / pi modulo 4 for a > 2^16: two bits before the point and 126 after it, 32 bits a
    value, the highest first.

    a = m 2^e. Bits of 2 / pi before the (e - 1)th give multiples of 4; from there 192 bits count,
    whose lowest 64 bits of the product only carry.
    """
    bits = a.bits
    mantissa = (bits & ((1 << 52) - 1)) | (1 << 52)
    m0, m1 = mantissa & LOW_HALF, mantissa >> 32
    start = (BITS - 191 + 1 + 1075) - (bits >> 52)
    # what is infinite or not far gets any bits that there are
    start = where((start >= 0) & (start < BITS - 128), start, 0)
    words = [load_bits(start, k) for k in range(6)]
    carry = (m0 * words[1] + m1 * words[0]) >> 32
    parts: list[Value] = []
    for k in range(2, 6):
        lower = m0 * words[k] + carry
        both = (lower & LOW_HALF) + m1 * words[k - 1]
        parts.insert(0, both & LOW_HALF)
        carry = (lower >> 32) + (both >> 32)
    return parts


def load_bits(start: Value, k: int) -> Value:
    """32 bits of 2 / pi from bit `start` + 32 k on, counted from the lowest."""
    data = TWO_OVER_PI_BITS.to_bytes(BITS // 8 + 16, "little")
    return (load((start >> 3) + 4 * k, data) >> (start & 7)) & LOW_HALF


def load(place: Value, data: bytes) -> Value:
    """The 64-bit integers at a distance in bytes from the beginning of a table, lane by lane."""
    e, count = place.e, place.lanes
    text = "".join(f"\\{byte:02X}" for byte in data)
    e.declared[TABLE] = (
        f'{TABLE} = private unnamed_addr constant [{len(data)} x i8] c"{text}", align 8'
    )

    def one(index: str) -> str:
        address = e.let(f"getelementptr inbounds i8, ptr {TABLE}, i64 {index}")
        return e.let(f"load i64, ptr {address}, align 1")

    if count == 1:
        return place.new(one(place.name))
    result = "poison"
    for lane in range(count):
        index = e.let(f"extractelement {place.kind} {place.name}, i64 {lane}")
        value = one(index)
        result = e.let(f"insertelement {place.kind} {result}, i64 {value}, i64 {lane}")
    return place.new(result)


def to_double(x: Value) -> Value:
    """An integer from 0 to 2^32 - 1, in 64 bits, as a double: by its bits below 2^52."""
    return (x | (0x433 << 52)).float - 2.0**52
