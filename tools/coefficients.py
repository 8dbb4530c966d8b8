"""The coefficients of compiler/vmath: minimax polynomials by Remez' exchange, in many digits.

    python tools/coefficients.py [NAME ...]

prints each polynomial, the highest power first, as it stands in the source, and the largest
weighted error before its coefficients are rounded. Needs mpmath.
"""

import math
import sys
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
Function = Callable[[mp.mpf], mp.mpf]


def remez(
    f: Function, low: float, high: float, degree: int, weight: Function
) -> tuple[list, float]:
    """The polynomial of a degree that is nearest to f on an interval, in weighted error.

    The reference points of an exchange are the extremes of the error on a fine grid of
    Chebyshev's points, which contain no zero, where many of the functions here are 0/0.
    """
    a, b = mp.mpf(low), mp.mpf(high)
    count = 40 * (degree + 2)
    grid = [
        (a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)
    ]
    values, weights = [f(x) for x in grid], [abs(weight(x)) for x in grid]
    chosen = [k * (count - 1) // (degree + 1) for k in range(degree + 2)]
    coefficients: list = []
    worst = mp.inf
    for _ in range(40):
        rows = [
            [grid[k] ** j for j in range(degree + 1)] + [(-1) ** i / weights[k]]
            for i, k in enumerate(chosen)
        ]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([values[k] for k in chosen]))
        coefficients, level = list(solution)[: degree + 1][::-1], abs(solution[degree + 1])
        errors = [
            w * (mp.polyval(coefficients, x) - y)
            for x, y, w in zip(grid, values, weights, strict=True)
        ]
        extremes: list[int] = []
        for k in range(count):
            if extremes and (errors[k] > 0) == (errors[extremes[-1]] > 0):
                if abs(errors[k]) > abs(errors[extremes[-1]]):
                    extremes[-1] = k
            else:
                extremes.append(k)
        while len(extremes) > degree + 2:
            extremes.pop(0 if abs(errors[extremes[0]]) < abs(errors[extremes[-1]]) else -1)
        worst = max(map(abs, errors))
        if len(extremes) < degree + 2 or worst < level * (1 + mp.mpf("1e-3")):
            break
        chosen = extremes
    return coefficients, float(worst)


def relative(f: Function) -> Function:
    """The weight of relative errors."""
    return lambda x: 1 / f(x)


def of_root(f: Function) -> Function:
    """An odd function over its argument, as a function of the square."""
    return lambda s: f(mp.sqrt(s)) / mp.sqrt(s)


def scaled_erfc(c: float) -> Function:
    """exp(x^2) * (1 + 2 x) * erfc(x) as a function of t = (x - c) / (x + c)."""

    def f(t: mp.mpf) -> mp.mpf:
        x = c * (1 + t) / (1 - t)
        return (1 + 2 * x) * mp.exp(x**2) * mp.erfc(x)

    return f


LN2 = mp.log(2)
HALF, ROOT = 0.3467, 0.7072
#: name -> (function, interval, degree in float and in double, weight)
POLYNOMIALS: dict[str, tuple] = {
    # e^r = 1 + r + r^2 * EXP(r)
    "EXP": (lambda r: (mp.expm1(r) - r) / r**2, -HALF, HALF, 4, 9, lambda r: r**2 / mp.exp(r)),
    # 2^r = 1 + r * EXP2(r)
    "EXP2": (lambda r: mp.expm1(r * LN2) / r, -0.5001, 0.5001, 5, 11, lambda r: r / 2**r),
    # expm1(r) = r + r^2 * EXPM1(r)
    "EXPM1": (lambda r: (mp.expm1(r) - r) / r**2, -HALF, HALF, 5, 10, lambda r: r**2 / mp.expm1(r)),
    # log(1 + f) = f - f^2 / 2 + f^3 * LOG(f)
    "LOG": (
        lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
        ROOT - 1.0001,
        0.4143,
        8,
        8,
        lambda f: f**3 / mp.log1p(f),
    ),
    # log((1 + s) / (1 - s)) = 2 s + s * z * ATANH(z), z = s^2
    "ATANH": (
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        1e-9,
        0.02945,
        3,
        6,
        lambda z: z / (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    # log((1 + s) / (1 - s)) = 2 s + s * z * (2 / 3) + s * z^2 * ATANH_TAIL(z)
    "ATANH_TAIL": (
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2 - 2 * z / 3) / z**2,
        1e-9,
        0.02945,
        2,
        7,
        lambda z: z**2 / (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    # sin r = r + r^3 * SIN(r^2), cos r = 1 - r^2 / 2 + r^4 * COS(r^2)
    "SIN": (
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        1e-9,
        0.617,
        2,
        5,
        lambda z: z / (mp.sin(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    "COS": (lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, 1e-9, 0.617, 2, 5, lambda z: z**2),
    # tanh x = x + x^3 * TANH(x^2), up to 0.625
    "TANH": (
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        1e-9,
        0.3907,
        4,
        11,
        lambda z: z / (mp.tanh(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    # erf x = x + x * ERF(x^2), up to 1; erfc x = exp(LOG_ERFC(x)), where 1 - erfc x is wanted
    "ERF": (
        lambda z: of_root(mp.erf)(z) - 1,
        1e-9,
        1.0001,
        6,
        11,
        lambda z: 1 / of_root(mp.erf)(z),
    ),
    "LOG_ERFC": (lambda a: mp.log(mp.erfc(a)), 0.999, 4.0, 7, 0, lambda a: mp.erfc(a) / mp.erf(a)),
    "LOG_ERFC64": (
        lambda a: mp.log(mp.erfc(a)),
        0.999,
        6.0,
        0,
        17,
        lambda a: mp.erfc(a) / mp.erf(a),
    ),
    # erfc x = exp(-x^2) / (1 + 2 x) * ERFC((x - c) / (x + c)), from 1/2 to where it vanishes
    "ERFC": (scaled_erfc(2.25), -0.6364, 0.6466, 10, 0, relative(scaled_erfc(2.25))),
    "ERFC64": (scaled_erfc(3.75), -0.7648, 0.7610, 0, 21, relative(scaled_erfc(3.75))),
    # sinh x = x + x^3 * SINH(x^2), up to 1
    "SINH": (
        lambda z: (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        1e-9,
        1.0001,
        3,
        7,
        lambda z: z / (mp.sinh(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    # asin x = x + x^3 * ASIN(x^2), up to 1/2
    "ASIN": (
        lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        1e-9,
        0.25001,
        4,
        11,
        lambda z: z / (mp.asin(mp.sqrt(z)) / mp.sqrt(z)),
    ),
    # atan x = x + x^3 * ATAN(x^2), up to tan(pi / 8)
    "ATAN": (
        lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        1e-9,
        0.17158,
        3,
        9,
        lambda z: z / (mp.atan(mp.sqrt(z)) / mp.sqrt(z)),
    ),
}


def main(names: list[str]) -> None:
    """Print the polynomials of these names, or all, as the source of vmath/coefficients.py."""
    for name in names or POLYNOMIALS:
        f, low, high, single, double, weight = POLYNOMIALS[name]
        print(f"{name.removesuffix('64')} = {{")
        for kind, degree, digits in (("float", single, 9), ("double", double, 17)):
            if degree:
                coefficients, error = remez(f, low, high, degree, weight)
                print(f"    # error 2^{math.log2(error):.1f}")
                print(f'    "{kind}": (', ", ".join(mp.nstr(c, digits) for c in coefficients), "),")
        print("}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
