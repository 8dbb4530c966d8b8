"""Convolutions of images (NCHW) and the gradients of their inputs. Imports correlate, planes.

With stride 1 and few taps the windows are read from a copy of the image with a border of zeros;
otherwise patches are laid out as the columns of a matrix first, or gradients of patches are added
back. Gradients of weights: see conv_weight.
"""

from collections.abc import Callable, Sequence

from .correlate import Correlation, correlate, slack
from .ir import Code, Plan, Room
from .machine import Machine
from .planes import Convolution, Window, columns, from_columns, pad, unpad, zero

__all__ = ["Convolution", "forward", "grad_input"]

Epilogue = Callable[[Code, str, str, str, str], str]
#: What is done for a group of an image.
Group = Callable[[str, str], None]


def is_direct(conv: Convolution, machine: Machine) -> bool:
    """Whether windows are read in place: stride 1, and rows long enough for vectors."""
    wide = conv.out[1]
    return (
        conv.stride == (1, 1)
        and conv.kernel[1] <= 8
        and (2 * wide >= machine.lanes(conv.scalar) or conv.kernel == (1, 1))
    )


def forward(
    name: str,
    conv: Convolution,
    machine: Machine,
    *,
    bias: bool = False,
    epilogue: Epilogue | None = None,
    operands: Sequence[str] = (),
) -> Plan:
    """`void @name(ptr %x, ptr %w, [ptr %bias], ptr %y, ptr operands..., ptr %scratch, i64 %begin,
    i64 %end)`: y = conv2d(x, w, bias). A unit is an image.

    `epilogue` is that of gemm: rows are image * outputs + channel, columns positions. Some results
    are computed twice, so its operands must not overlap y.
    """
    e = Code(machine, conv.scalar)
    room = Room(e)
    inputs, outputs = conv.inputs // conv.groups, conv.outputs // conv.groups
    (high, wide), positions = conv.padded, conv.out[0] * conv.out[1]
    direct = is_direct(conv, machine)
    window = Window(inputs, conv.size, conv.padded, *conv.padding)
    c = _over_image(conv) if direct else _over_columns(conv)
    planes = room.take(inputs * high * wide + slack(c, machine))
    patches = planes if direct else room.take(conv.depth * positions)

    def group(n: str, g: str) -> None:
        image = e.add(e.mul(n, conv.groups), g)
        source = e.at("%x", e.mul(image, inputs * conv.size[0] * conv.size[1]))
        pad(e, source, planes, window)
        if not direct:
            columns(e, planes, patches, conv, positions)
        row, top = e.mul(image, outputs), e.mul(g, outputs)

        def first(o: str) -> str:
            return e.load(e.at("%bias", e.add(top, o)))

        def finish(value: str, o: str, column: str, kind: str) -> str:
            assert epilogue is not None
            return epilogue(e, value, e.add(row, o), column, kind)

        ends = e.at("%w", e.mul(top, conv.depth)), e.at("%y", e.mul(row, positions))
        hooks = first if bias else None, finish if epilogue else None
        correlate(e, c, patches, *ends, *hooks)

    if positions and conv.outputs:
        if any(conv.padding):
            zero(e, planes, inputs * high * wide)
        _images(e, conv, group)
    pointers = ["%x", "%w", *["%bias"] * bias, "%y", *(f"%{x}" for x in operands)]
    return room.plan(name, pointers, conv.images if positions and conv.outputs else 0)


def _over_image(conv: Convolution) -> Correlation:
    """The convolution of a group, read from its padded image."""
    (high, wide), (kh, kw) = conv.padded, conv.kernel
    channels, outputs = conv.inputs // conv.groups, conv.outputs // conv.groups
    return Correlation(
        *(conv.scalar, channels, outputs, high * wide, wide, conv.out, conv.kernel),
        *(conv.dilation, (conv.depth, kh * kw, kw, 1), conv.out[0] * conv.out[1]),
    )


def _over_columns(conv: Convolution) -> Correlation:
    """The convolution of a group, as the product of a matrix with its patches."""
    positions, outputs = conv.out[0] * conv.out[1], conv.outputs // conv.groups
    return Correlation(
        *(conv.scalar, conv.depth, outputs, positions, positions, (1, positions), (1, 1)),
        *((1, 1), (conv.depth, 1, 0, 0), positions),
    )


def grad_input(name: str, conv: Convolution, machine: Machine) -> Plan:
    """`void @name(ptr %g, ptr %w, ptr %dx, ptr %scratch, i64 %begin, i64 %end)`: the gradient of
    conv2d's input from that of its result. A unit is an image.
    """
    e = Code(machine, conv.scalar)
    rh, rw = conv.reach
    size = conv.size[0] * conv.size[1]
    back = Convolution(
        *(conv.scalar, conv.images, conv.outputs, conv.inputs, conv.out, conv.kernel, (1, 1)),
        *((rh - conv.padding[0], rw - conv.padding[1]), conv.dilation, conv.groups),
    )
    if conv.stride == (1, 1) and size and is_direct(back, machine):
        group, room = _turned(e, conv, back)
    else:
        group, room = _scattered(e, conv)
    if size and conv.inputs:
        _images(e, conv, group)
    return room.plan(name, ["%g", "%w", "%dx"], conv.images if size and conv.inputs else 0)


def _turned(e: Code, conv: Convolution, back: Convolution) -> tuple[Group, Room]:
    """With stride 1: the convolution of the gradient with the weights, turned round."""
    room, machine = Room(e), e.machine
    inputs, outputs = conv.inputs // conv.groups, conv.outputs // conv.groups
    taps = conv.kernel[0] * conv.kernel[1]
    high, wide = back.padded
    size, positions = conv.size[0] * conv.size[1], conv.out[0] * conv.out[1]
    weights = (taps, inputs * taps, -conv.kernel[1], -1)
    c = Correlation(
        *(conv.scalar, outputs, inputs, high * wide, wide, conv.size),
        *(conv.kernel, conv.dilation, weights, size),
    )
    window = Window(outputs, conv.out, (high, wide), *back.padding)
    planes = room.take(outputs * high * wide + slack(c, machine))
    if window.top or window.left:
        zero(e, planes, outputs * high * wide)

    def group(n: str, g: str) -> None:
        image = e.add(e.mul(n, conv.groups), g)
        pad(e, e.at("%g", e.mul(image, outputs * positions)), planes, window)
        last = e.at("%w", e.add(e.mul(g, outputs * conv.depth), taps - 1))
        correlate(e, c, planes, last, e.at("%dx", e.mul(image, inputs * size)))

    return group, room


def _scattered(e: Code, conv: Convolution) -> tuple[Group, Room]:
    """In general: gradients of patches, each added to where the patch came from."""
    room = Room(e)
    inputs, outputs = conv.inputs // conv.groups, conv.outputs // conv.groups
    (high, wide), positions = conv.padded, conv.out[0] * conv.out[1]
    size = conv.size[0] * conv.size[1]
    c = Correlation(
        *(conv.scalar, outputs, conv.depth, positions, positions, (1, positions)),
        *((1, 1), (1, 1), (1, conv.depth, 0, 0), positions),
    )
    planes = room.take(inputs * high * wide)
    patches = room.take(conv.depth * positions)
    window = Window(inputs, conv.size, conv.padded, *conv.padding)

    def group(n: str, g: str) -> None:
        image = e.add(e.mul(n, conv.groups), g)
        zero(e, planes, inputs * high * wide)
        if positions:
            source = e.at("%g", e.mul(image, outputs * positions))
            correlate(e, c, source, e.at("%w", e.mul(g, outputs * conv.depth)), patches)
            from_columns(e, patches, planes, conv, positions)
        unpad(e, planes, e.at("%dx", e.mul(image, inputs * size)), window)

    return group, room


def _images(e: Code, conv: Convolution, body: Callable[[str, str], None]) -> None:
    def image(n: str, _: list[str]) -> None:
        e.loop(0, conv.groups, 1, lambda g, _: body(n, g))

    e.loop("%begin", "%end", 1, image)
