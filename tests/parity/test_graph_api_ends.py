"""Edges as ends of a pass, hooks on several gradients, saved values by name, writes to saved
tensors, against PyTorch.
"""

import pickle
import warnings
from collections import UserDict

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), requires_grad=True)


@cases
def edges_as_ends(torch, say):
    graph, grad = torch.autograd.graph, torch.autograd.grad
    x = leaf(torch)
    y = x * 2
    z = y.sum()
    ex, ey, ez = (graph.get_gradient_edge(t) for t in (x, y, z))
    say(ey.node.name(), ey.output_nr, ey.ownership_token, ex.node.name())
    say(grad(z, [ex, ey, x, y], retain_graph=True))
    say(grad(ez, ex, retain_graph=True), grad(ey, ex, torch.ones(2), retain_graph=True))
    say.error(grad, ey, ex, retain_graph=True)
    say.error(grad, [ey], [x], [torch.ones(3)], retain_graph=True)
    say.error(grad, z, graph.GradientEdge(3, 0))
    say.error(grad, z, graph.GradientEdge(None, 0))
    say.error(graph.get_gradient_edge, torch.ones(2))
    other = leaf(torch)
    unused = graph.get_gradient_edge(other)
    say.error(grad, z, unused, retain_graph=True)
    say(grad(z, unused, retain_graph=True, allow_unused=True))
    say.error(grad, z, unused, retain_graph=True, materialize_grads=True)
    torch.autograd.backward(z, inputs=ey, retain_graph=True)
    say(x.grad)
    torch.autograd.backward(z, inputs=[ex, x], retain_graph=True)
    say(x.grad)
    torch.autograd.backward([ey, z], [torch.ones(2), None], retain_graph=True)
    say(x.grad)


@cases
def inputs_in_a_dict(torch, say):
    x, w = leaf(torch), leaf(torch, 3.0, 4.0)
    z = (x * w).sum()
    found = torch.autograd.grad(z, {"a": x, "b": w}, retain_graph=True)
    say(type(found).__name__, found)
    z.backward(inputs={"q": w}, retain_graph=True)
    say(x.grad, w.grad)
    say.error(torch.autograd.grad, z, UserDict(a=x))
    say.error(torch.autograd.backward, z, inputs=UserDict(a=x))
    say.error(torch.autograd.backward, z, torch.ones(()), grad_variables=torch.ones(()))
    say.warning(
        lambda: torch.autograd.backward(z, grad_variables=torch.ones(()), retain_graph=True)
    )
    say.warning(lambda: torch.autograd.grad(z, x, only_inputs=False, retain_graph=True))


@cases
def backward_to_inputs_is_delivery(torch, say):
    x, w = leaf(torch), leaf(torch, 3.0, 4.0)
    log = []
    for name, t in (("x", x), ("w", w)):
        t.register_hook(lambda g, name=name: log.append(f"{name} hook"))
        t.register_post_accumulate_grad_hook(lambda t, name=name: log.append((name, t.grad)))
    x.grad = torch.ones(2)
    kept = x.grad
    y = x * w
    y.grad_fn.register_hook(lambda i, o: log.append([g is None for g in i]))
    y.sum().backward(inputs=[x], retain_graph=True)
    say(log, kept is x.grad, w.grad)
    y.sum().backward(inputs=[y])
    say(log, y.grad)


@cases
def several_gradients(torch, say):
    register = torch.autograd.graph.register_multi_grad_hook
    a, b = leaf(torch), leaf(torch, 3.0, 4.0)
    c, d = a * b, a * b
    log = []
    handle = register((a, b, c, d), lambda grads: log.append([g is not None for g in grads]))
    any_of = register((a, b, c, d), lambda grad: log.append(grad.tolist()), mode="any")
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c + d).sum().backward(retain_graph=True)
    torch.autograd.grad(c.sum(), [c], retain_graph=True)
    say(log)
    handle.remove()
    any_of.remove()
    c.sum().backward(retain_graph=True)
    say(len(log))
    say.error(register, [a], print, mode="some")
    say.error(register, [3], print)
    first = register([c], lambda grads: 1 / 0)
    say.error(c.sum().backward, retain_graph=True)
    first.remove()
    again = register([c, a], lambda grads: log.append([g.tolist() for g in grads]))
    c.sum().backward()
    say(log, again is None)


@cases
def callbacks_at_the_end(torch, say):
    queue = torch.autograd.Variable._execution_engine.queue_callback
    say.error(queue, lambda: None)
    log = []
    x = leaf(torch)

    def hook(g):
        queue(lambda: (log.append("first"), queue(lambda: log.append("second"))))
        log.append("hook")

    x.register_hook(hook)
    x.register_post_accumulate_grad_hook(lambda t: log.append("post"))
    (x * 2).sum().backward()
    say(log, x.grad)

    def failing(g):
        queue(lambda: 1 / 0)

    y = leaf(torch)
    y.register_hook(failing)
    say.error((y * 2).sum().backward)
    say(y.grad)


@cases
def nodes_are_called(torch, say):
    x = leaf(torch)
    y = x * 2
    u, v = (x * 1).unbind()
    say(y.grad_fn(torch.ones(2)), u.grad_fn(torch.ones(()), None), y.grad_fn(None))
    say.error(y.grad_fn)
    say.error(y.grad_fn, 1)
    say.error(u.grad_fn, torch.ones(()))
    say(y.grad_fn.next_functions[0][0](torch.ones(2)), x.grad)
    say((x.exp()).grad_fn(torch.ones(2)))
    node = torch.autograd.graph.Node
    say(isinstance(y.grad_fn, node), isinstance(3, node), issubclass(type(y.grad_fn), node))
    say.error(setattr, y.grad_fn, "unknown", 3)
    with pytest.raises(TypeError, match="abstract class Node"):
        node()


@cases
def versions(torch, say):
    graph = torch.autograd.graph
    a, b = leaf(torch), leaf(torch)
    graph.increment_version(a)
    graph.increment_version([a, a, b])
    graph.increment_version(())
    say(a._version, b._version)
    for wrong in (3, None, [3]):
        say.error(graph.increment_version, wrong)
    y = a.exp()
    graph.increment_version(y)
    say.error(y.sum().backward)


@cases
def writes_to_saved_tensors(torch, say):
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors

    def nested():
        with allow(), allow():
            pass

    say.error(nested)
    a = torch.ones(2, 3, requires_grad=True)
    with allow() as context:
        b = a.clone()
        out = (b**2).sum()
        b.sin_()
        c = b.exp()
        c[0].mul_(3)
        b.view(6)[:2].zero_()
        say(len(context.cloned) > 0)
        out.sum().backward(retain_graph=True)
        say(a.grad)
        c.sum().backward()
        say(a.grad)
        d = torch.ones(3)
        e = (a * d).sum()
        d.add_(1)
        e.backward(retain_graph=True)
        say(a.grad)
    say(len(context.cloned), len(context.original))
    say.error(e.backward)


#: an operation on x and y, with the names of tensors and of other values that its node shows
SAVED = {
    "mul": (lambda torch, x, y: x * y, "self other"),
    "div": (lambda torch, x, y: x / y, "self other"),
    "exp": (lambda torch, x, y: x.exp(), "result"),
    "pow": (lambda torch, x, y: x**3, "self exponent"),
    "square": (lambda torch, x, y: x**2, "self exponent"),
    "powers": (lambda torch, x, y: torch.pow(x, y), "self exponent result"),
    "constant": (lambda torch, x, y: x * y.detach(), "self other"),
    "mm": (lambda torch, x, y: x.reshape(1, 2) @ y.reshape(2, 1), "self mat2"),
    "dot": (lambda torch, x, y: x @ y, "self tensor"),
    "max": (lambda torch, x, y: x.reshape(1, 2).max(1)[0], "dim keepdim indices self_sym_sizes"),
    "sum": (lambda torch, x, y: x.sum(), "self_sym_sizes"),
    "sum_along": (lambda torch, x, y: x.sum(0), "self_sym_sizes dim keepdim"),
    "softmax": (lambda torch, x, y: x.softmax(0), "dim result"),
    "sort": (lambda torch, x, y: x.sort(0)[0], "dim indices"),
    "where": (lambda torch, x, y: torch.where(x > 1, x, y), "condition"),
    "cat": (lambda torch, x, y: torch.cat([x, y]), "dim"),
    "add": (lambda torch, x, y: x.add(y, alpha=3), "alpha"),
    "gather": (lambda torch, x, y: x.gather(0, torch.tensor([1])), "dim index"),
    "index": (lambda torch, x, y: x[torch.tensor([1])], "indices self_sym_sizes"),
    "clamp": (lambda torch, x, y: x.clamp(0, 1), "self min max"),
    "leaky": (lambda torch, x, y: torch.nn.functional.leaky_relu(x, 0.1), "self negative_slope"),
    "logsumexp": (lambda torch, x, y: x.logsumexp(0), "self result dim keepdim"),
    "prod": (lambda torch, x, y: x.prod(), "self"),
    "lerp": (lambda torch, x, y: torch.lerp(x, y, y), "self end weight"),
}


@pytest.mark.parametrize("name", SAVED)
def test_saved_values_have_torchs_names(name: str) -> None:
    make, names = SAVED[name]

    def scenario(torch, say):
        x, y = leaf(torch), leaf(torch, 3.0, 4.0)
        node = make(torch, x, y).grad_fn
        for attribute in names.split():
            say(attribute, getattr(node, f"_saved_{attribute}"))
            say(f"_saved_{attribute}" in dir(node), hasattr(node, "_saved_nothing"))

    assert not differences(run(scenario, dynagrad), run(scenario, torch))


@cases
def saved_values_of_a_graph(torch, say):
    x = leaf(torch)
    y = x * x
    say(y.grad_fn._saved_self is x)
    z = y.exp()
    say(z.grad_fn._saved_result)
    raw = y.grad_fn._raw_saved_self
    log = []
    raw.register_hooks(
        lambda t: log.append("pack") or t.detach(), lambda t: log.append("un") or t * 2
    )
    say.error(raw.register_hooks, lambda t: t, lambda t: t)
    say.error(raw.register_hooks, 1, 2)
    say(y.grad_fn._saved_self, log)
    z.sum().backward()
    say(x.grad, log)
    say.error(lambda: y.grad_fn._saved_self)
    say.error(raw.register_hooks, lambda t: t, lambda t: t)


def twice(g):
    """A hook that can be pickled."""
    return g * 2


@cases
def handles(torch, say):
    x = leaf(torch)
    first, second = x.register_hook(twice), x.register_hook(twice)
    copies = pickle.loads(pickle.dumps([first, second]))
    say(len(copies), first.id < second.id)
    for copy in copies:
        copy.remove()
    (x * 1).sum().backward()
    say(x.grad)
    first.remove()
    first.remove()
    x.grad = None
    (x * 1).sum().backward()
    say(x.grad)


@cases
def hooks_that_add_and_remove(torch, say):
    log = []
    x = leaf(torch)
    y = x * 2

    def removing(g):
        log.append("removing")
        later.remove()
        own.remove()

    own = y.register_hook(removing)
    later = y.register_hook(lambda g: log.append("later"))
    y.register_hook(lambda g: y.register_hook(lambda g: log.append("added")) and None)
    y.sum().backward(retain_graph=True)
    say(log)
    y.sum().backward(retain_graph=True)
    say(log)


#: what a node's hook may return wrongly
ANSWERS = {
    "number": lambda torch: 3,
    "nothing": lambda torch: (),
    "two": lambda torch: (torch.ones(2), torch.ones(2)),
    "three": lambda torch: (torch.ones(2), None, None),
    "shape": lambda torch: (torch.ones(3), None),
    "dtype": lambda torch: (torch.ones(2, dtype=torch.double), None),
    "one_dtype": lambda torch: (torch.ones(2, dtype=torch.double),),
    "one_shape": lambda torch: (torch.ones(3),),
    "numbers": lambda torch: (3, 3),
    "list": lambda torch: [torch.ones(2)],
    "tensor": lambda torch: torch.ones(2),
    "none": lambda torch: (None, None),
    "one_none": lambda torch: (None,),
}


@pytest.mark.parametrize("kind", ["register_hook", "register_prehook"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_of_node_hooks(kind: str, answer: str) -> None:
    def scenario(torch, say):
        x, w = leaf(torch), leaf(torch, 3.0, 4.0)
        y = x * w
        handle = getattr(y.grad_fn, kind)(lambda *given: ANSWERS[answer](torch))
        say.error(y.sum().backward, retain_graph=True)
        say(x.grad, w.grad)
        handle.remove()
        y.sum().backward()
        say(x.grad, w.grad)

    assert not differences(run(scenario, dynagrad), run(scenario, torch))


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_agrees(scenario) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not differences(run(scenario, dynagrad), run(scenario, torch))
