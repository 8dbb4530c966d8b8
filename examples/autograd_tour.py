"""A tour of the graph, printed: leaves, gradients, in-place rules, detaching and hooks.

Errors are part of the tour: they are caught, and their type and first sentence printed.

    dynagrad run examples/autograd_tour.py
    python examples/autograd_tour.py     (where PyTorch is installed)
"""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Callable

import torch
from _figures import BLUE, GREY, ORANGE, command_line, new_figure, save
from matplotlib.axes import Axes


def heading(text: str) -> None:
    """Print the title of a station of the tour."""
    print(f"\n{text}\n{'-' * len(text)}")


def say(text: str) -> None:
    """Print an explanation."""
    print(textwrap.fill(" ".join(text.split()), width=88))


def show(name: str, value: object) -> None:
    """Print a value with the expression that gave it, without memory addresses."""
    shown = re.sub(r" object at 0x\w+", "", str(value)).replace("\n", "\n" + " " * (len(name) + 7))
    print(f"    {name} = {shown}")


def show_error(what: str, action: Callable[[], object]) -> None:
    """Run something that must fail and print how it fails."""
    try:
        action()
    except (RuntimeError, ValueError, TypeError) as error:
        sentence = re.split(r"\.\s|\n", f"{error} ", maxsplit=1)[0].strip()
        print(f"    {what}\n      {type(error).__name__}: {sentence}")
    else:
        raise AssertionError(f"{what} should have failed")


def make_graph() -> tuple[torch.Tensor, ...]:
    """The graph of y = (w + x) (w + 1) at w = 1, x = 2."""
    w = torch.tensor([1.0], requires_grad=True)
    x = torch.tensor([2.0], requires_grad=True)
    a = w + x
    b = w + 1
    return w, x, a, b, a * b


def node_label(node: object) -> str:
    """A node's name and, where it delivers to a leaf, the leaf's value."""
    leaf = getattr(node, "variable", None)
    return node.name() if leaf is None else f"{node.name()} of the leaf {leaf.tolist()}"


def leaves_and_results() -> None:
    """Station 1."""
    heading("1. Leaves and results")
    say("""Tensors that you make are leaves. Whatever is computed from a leaf that requires a
        gradient requires one too, and remembers in grad_fn which operation made it.""")
    w, x, a, b, y = make_graph()
    show("w, x, a, b, y are leaves", [t.is_leaf for t in (w, x, a, b, y)])
    show("they require a gradient", [t.requires_grad for t in (w, x, a, b, y)])
    show("w.grad_fn", w.grad_fn)
    show("a.grad_fn", a.grad_fn)
    show("y", y)
    data = torch.arange(3.0)
    show("torch.arange(3.0).requires_grad", data.requires_grad)
    show("after requires_grad_()", data.requires_grad_())
    show_error(
        "torch.tensor([1, 2], requires_grad=True)",
        lambda: torch.tensor([1, 2], requires_grad=True),
    )


def walking_the_graph() -> None:
    """Station 2."""
    heading("2. The graph behind a result")
    say("""next_functions leads from a result back to the leaves. Two paths end in the same
        accumulator of w: their contributions will be added there.""")
    *_, y = make_graph()

    def walk(node: object, depth: int) -> None:
        print("    " + "  " * depth + node_label(node))
        for below, _ in node.next_functions:
            if below is not None:
                walk(below, depth + 1)

    walk(y.grad_fn, 0)
    through_a, through_b = (node for node, _ in y.grad_fn.next_functions)
    shared = through_a.next_functions[0][0] is through_b.next_functions[0][0]
    show("both paths meet in one accumulator", shared)
    say("A constant has no node: the second edge of b = w + 1 leads nowhere.")
    show("b.grad_fn.next_functions[1]", through_b.next_functions[1])


def gradients_accumulate() -> None:
    """Station 3."""
    heading("3. backward() fills .grad, and adds")
    say("""dy/dw = (w + 1) + (w + x) = 5. A second round adds 5 more, so gradients must be cleared
        between rounds: with zero_(), or by setting grad to None.""")
    w, x, a, b, y = make_graph()
    y.backward()
    show("w.grad, x.grad", (w.grad, x.grad))
    ((w + x) * (w + 1)).backward()
    show("w.grad after a second round", w.grad)
    w.grad.zero_()
    show("w.grad after zero_()", w.grad)
    ((w + x) * (w + 1)).backward()
    show("w.grad after one more round", w.grad)
    w.grad = None
    show("w.grad after w.grad = None", w.grad)

    say("Gradients of inner tensors are dropped as soon as they have been used:")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        show("a.grad", a.grad)
    show("it also warned", sorted({item.category.__name__ for item in caught}))
    w, x, a, b, y = make_graph()
    a.retain_grad()
    y.backward()
    show("a.grad after a.retain_grad()", a.grad)


def keeping_the_graph() -> None:
    """Station 4."""
    heading("4. A graph serves once, unless kept")
    w, x, a, b, y = make_graph()
    y.backward()
    say("After backward() the values saved for it are freed:")
    show_error("y.backward() again", y.backward)
    say("Either compute y anew, or keep the graph:")
    w, x, a, b, y = make_graph()
    y.backward(retain_graph=True)
    y.backward()
    show("w.grad after two walks through one graph", w.grad)


def gradients_returned() -> None:
    """Station 5."""
    heading("5. autograd.grad returns gradients")
    say("It gives a tuple and leaves .grad alone.")
    x = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
    w = torch.tensor([2.0, 1.0, 3.0], requires_grad=True)
    y = x @ w
    show("y", y)
    dx, dw = torch.autograd.grad(y, [x, w])
    show("dx", dx)
    show("dw", dw)
    show("x.grad", x.grad)

    say("Only what y was computed from has a gradient; a slice made afterwards does not count:")
    y = x @ w
    show_error("grad(y, x[:1])", lambda: torch.autograd.grad(y, x[:1], retain_graph=True))
    other = torch.ones(2, requires_grad=True)
    unused = torch.autograd.grad(y, [x, other], retain_graph=True, allow_unused=True)
    show("grad(y, [x, other], allow_unused=True)", unused)
    zeros = torch.autograd.grad(y, [x, other], materialize_grads=True)
    show("... materialize_grads=True", zeros)


def higher_orders() -> None:
    """Station 6."""
    heading("6. Derivatives of derivatives")
    say("create_graph=True records the backward pass too, so that it can be differentiated.")
    x = torch.tensor([3.0], requires_grad=True)
    value = torch.pow(x, 4)
    for order in range(1, 5):
        (value,) = torch.autograd.grad(value, x, create_graph=True)
        show(f"derivative {order} of x^4 at 3", value.item())
    (first,) = torch.autograd.grad(torch.pow(x, 2), x, create_graph=True)
    show("first derivative of x^2", first)
    (second,) = torch.autograd.grad(first, x)
    show("second derivative of x^2", second)


def weights() -> None:
    """Station 7."""
    heading("7. Several outputs need weights")
    w, x, a, b, y = make_graph()
    both = torch.cat([y, a + b], dim=0)
    show("both", both)
    show_error("both.backward()", both.backward)
    show_error(
        "both.backward(torch.ones(3))", lambda: both.backward(torch.ones(3), retain_graph=True)
    )
    both.backward(gradient=torch.tensor([1.0, 1.0]))
    show("w.grad with weights 1, 1 is 5 + 2", w.grad)
    w, x, a, b, y = make_graph()
    torch.autograd.backward([y, a + b], grad_tensors=[torch.tensor([1.0]), torch.tensor([10.0])])
    show("w.grad with weights 1, 10 is 5 + 20", w.grad)


def in_place() -> None:
    """Station 8."""
    heading("8. In-place operations")
    say("A leaf that requires a gradient must not be changed in place, nor through a view of it:")
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    show_error("w.add_(1)", lambda: w.add_(1))
    show_error("w[:1].mul_(2)", lambda: w[:1].mul_(2))
    say("Under no_grad it may; that is how optimisers step.")
    with torch.no_grad():
        w -= 0.5
    show("w", w)

    say("""Inner tensors may be changed as long as nobody needs the old value. The version counts
        the changes; exp saves its result for the backward pass, so a change is noticed:""")
    y = w.exp()
    show("y._version", y._version)
    y.add_(1)
    show("after y.add_(1)", y._version)
    show_error("y.sum().backward()", y.sum().backward)

    say("A sum saves nothing, and assigning to a part of a tensor is recorded like all else:")
    z = w + 1
    z[0] = w[1] * 3
    show("z", z)
    z.sum().backward()
    show("w.grad", w.grad)


def stepping_out() -> None:
    """Station 9."""
    heading("9. Leaving the graph")
    x = torch.tensor(2.0, requires_grad=True)
    with torch.no_grad():
        constant = x**3
    y = x**2 + constant
    show("x**3 under no_grad", constant)
    y.backward()
    show("x.grad of x**2 + constant", x.grad)
    show_error("constant.backward()", constant.backward)

    say("detach() shares memory and version with the original, so a change is noticed:")
    s = torch.tensor([1.0, 2.0], requires_grad=True).sigmoid()
    s.detach().zero_()
    show_error("s.sum().backward()", s.sum().backward)
    say(".data shares the memory but not the version: a change goes unnoticed. Beware.")
    p = torch.tensor([1.0], requires_grad=True)
    y = p * p
    p.data *= 100
    y.backward()
    show("p", p)
    show("p.grad, though y was computed with p = 1", p.grad)

    say("Values leave the graph as numbers, lists or arrays:")
    show("p.item()", p.item())
    show_error("torch.ones(2, 3).item()", torch.ones(2, 3).item)
    show("torch.ones(2, 3).tolist()", torch.ones(2, 3).tolist())
    show_error("p.numpy()", p.numpy)
    show("p.detach().numpy()", p.detach().numpy())


def hooks() -> None:
    """Station 10."""
    heading("10. Hooks")
    say("A hook sees a tensor's gradient as it passes, and may replace it.")
    w, x, a, b, y = make_graph()
    a.register_hook(lambda grad: show("gradient of a", grad))
    handle = b.register_hook(lambda grad: grad * 10)
    y.backward(retain_graph=True)
    show("w.grad, with b's share times 10, is 2 + 30", w.grad)
    handle.remove()
    w.grad = None
    y.backward()
    show("w.grad without that hook", w.grad)


def draw_graph(axes: Axes, root: object) -> None:
    """Draw the nodes below `root`, each row one step further from it."""
    rows: list[list[object]] = [[root]]
    while rows[-1]:
        below = [n for node in rows[-1] for n, _ in node.next_functions if n is not None]
        rows.append(list(dict.fromkeys(below)))
    places = {
        node: ((column + 0.5) / len(row), -float(depth))
        for depth, row in enumerate(rows)
        for column, node in enumerate(row)
    }
    for node, (x, y) in places.items():
        leaf = getattr(node, "variable", None) is not None
        label = node_label(node).removeprefix("torch::autograd::").replace(" of", "\nof")
        ink, paper = ("black", ORANGE) if leaf else ("white", BLUE)
        box = {"boxstyle": "round,pad=0.6", "color": paper}
        axes.text(x, y, label, ha="center", va="center", color=ink, bbox=box, zorder=3)
        for below, _ in node.next_functions:
            if below is not None:
                foot, head = (x, y - 0.11), (places[below][0], places[below][1] + 0.17)
                arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.5}
                axes.annotate("", head, foot, arrowprops=arrow)
    axes.set(xlim=(0, 1), ylim=(0.6 - len(rows) + 1, 0.25))
    axes.set_title("The graph of y = (w + x)(w + 1), as backward() walks it")
    axes.axis("off")


def main() -> None:
    """Go round, then draw the first graph."""
    options = command_line(__doc__).parse_args()
    print("A tour of the graph: y = (w + x) (w + 1) at w = 1, x = 2")
    leaves_and_results()
    walking_the_graph()
    gradients_accumulate()
    keeping_the_graph()
    gradients_returned()
    higher_orders()
    weights()
    in_place()
    stepping_out()
    hooks()
    print()
    figure = new_figure(8, 4.5)
    *_, y = make_graph()
    draw_graph(figure.subplots(), y.grad_fn)
    save(figure, options.out, "autograd_tour")


if __name__ == "__main__":
    main()
