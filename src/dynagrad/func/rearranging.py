"""torch.func.rearrange: dimensions split, ordered and joined as a pattern says. Imports core and
functions.
"""

import math
import re
from typing import Any

from ..core.tensor import Tensor
from ..functions.joining import stack
from ..functions.shape import permute, reshape

#: one dimension of a side of a pattern: the names of the factors that it consists of
Group = tuple[str, ...]


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """The tensor with its dimensions as the pattern says, as in "b (h s) c -> b h (s c)".

    Each side names all dimensions; parentheses join several into one, whose sizes follow from the
    tensor and from `axes_lengths` (all but one of each group must be known). "..." stands for any
    number of dimensions, "1" for one of size 1. A list of tensors is stacked first. Source: A.
    Rogozhnikov, "Einops: clear and reliable tensor manipulations" (2022).
    """
    x = stack(tuple(tensor)) if isinstance(tensor, list | tuple) else tensor
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"{pattern!r} has no two sides\nWrite it as in 'b c h w -> b h w c'.")
    left, right = _groups(sides[0], pattern), _groups(sides[1], pattern)
    _check_names(left, right, pattern)
    left, right = _spelled(left, right, x.ndim, pattern)
    sizes = _sizes(left, tuple(x.shape), axes_lengths, pattern)
    names = [name for group in left for name in group]
    parts = reshape(x, tuple(sizes[name] for name in names))
    order = [names.index(name) for group in right for name in group]
    turned = permute(parts, order) if order != list(range(len(order))) else parts
    return reshape(turned, tuple(math.prod(sizes[name] for name in group) for group in right))


def _groups(side: str, pattern: str) -> list[Group]:
    """The dimensions of one side; an ellipsis is a group of its own, a 1 an empty one."""
    found: list[Group] = []
    inside: list[str] | None = None
    for word in re.findall(r"\.\.\.|[A-Za-z_]\w*|\S", side):
        if word == "(" and inside is None:
            inside = []
        elif word == ")" and inside is not None:
            found.append(tuple(inside))
            inside = None
        elif word == "1" or word == "..." or word.isidentifier():
            names = () if word == "1" else (word,)
            if inside is None:
                found.append(names)
            else:
                inside.extend(names)
        else:
            raise ValueError(f"{word!r} has no place in the pattern {pattern!r}")
    if inside is not None:
        raise ValueError(f"a parenthesis is not closed in the pattern {pattern!r}")
    return found


def _check_names(left: list[Group], right: list[Group], pattern: str) -> None:
    sides = [[name for group in groups for name in group] for groups in (left, right)]
    for names in sides:
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} stands twice on one side of the pattern {pattern!r}")
    lone = set(sides[0]) ^ set(sides[1])
    if lone:
        raise ValueError(
            f"identifiers only on one side of the pattern {pattern!r}: {', '.join(sorted(lone))}"
        )


def _spelled(left: list[Group], right: list[Group], rank: int, pattern: str) -> tuple:
    """Both sides with a name for each dimension that the ellipsis stands for."""
    dots = ("...",)
    if any("..." in group and group != dots for group in left):
        raise ValueError(f"an ellipsis stands in parentheses on the left of {pattern!r}")
    extra = rank - len(left) + (dots in left)
    if extra < 0 or (extra and dots not in left):
        raise ValueError(
            f"the pattern {pattern!r} is for {len(left)} dimensions; the tensor has {rank}"
        )
    names = tuple(f"...{i}" for i in range(extra))

    def spell(groups: list[Group]) -> list[Group]:
        found: list[Group] = []
        for group in groups:
            if group == dots:
                found += [(name,) for name in names]
            else:
                found.append(sum(((names if n == "..." else (n,)) for n in group), ()))
        return found

    return spell(left), spell(right)


def _sizes(
    left: list[Group], shape: tuple[int, ...], given: dict[str, int], pattern: str
) -> dict[str, int]:
    """The size of each name."""
    known = dict(given)
    unused = set(given) - {name for group in left for name in group}
    if unused:
        raise ValueError(f"not in the pattern {pattern!r}: {', '.join(sorted(unused))}")
    for group, size in zip(left, shape, strict=True):
        open_names = [name for name in group if name not in known]
        product = math.prod(known[name] for name in group if name in known)
        if len(open_names) > 1:
            raise ValueError(
                f"the sizes of {' and '.join(open_names)} do not follow from {size}\n"
                f"Give all but one of them: rearrange(x, {pattern!r}, {open_names[0]}=2)."
            )
        if open_names and product and size % product == 0:
            known[open_names[0]] = size // product
        elif open_names or product != size:
            raise ValueError(
                f"a dimension of size {size} cannot be {' * '.join(group) or '1'} in the pattern "
                f"{pattern!r}"
            )
    return known
