"""A model's computation as a graph that TensorBoard draws: taken from the recorded graph of one
call. Imports core and nn.
"""

from typing import Any

from ...autograd.grad_mode import enable_grad
from ...core.pytree import flatten
from ...core.tensor import Tensor
from ...extras import optional
from ...nn.modules.module import Module

_PURPOSE = "torch.utils.tensorboard"


def graph(model: Module, args: Any, verbose: bool = False) -> Any:
    """The GraphDef of `model(*args)`: a node for each recorded operation and each parameter."""
    # Held until the end: a leaf that nobody holds is gone from its graph.
    given = [_recorded(a) for a in (args if isinstance(args, tuple | list) else (args,))]
    parts: list[Any] = list(model.modules())
    was_training = [m.training for m in parts]
    model.eval()
    try:
        with enable_grad():
            found = model(*given)
    finally:
        for module, training in zip(parts, was_training, strict=True):
            module.training = training
    results = [t for t in flatten(found)[0] if isinstance(t, Tensor)]
    made = _nodes(model, results)
    pb = optional("tensorboard.compat.proto.graph_pb2", "tensorboard", _PURPOSE)
    versions = optional("tensorboard.compat.proto.versions_pb2", "tensorboard", _PURPOSE)
    if verbose:
        for node in made:
            print(f"{node.name}: {node.op}({', '.join(node.input)})")
    return pb.GraphDef(node=made, versions=versions.VersionDef(producer=22))


def _recorded(value: Any) -> Any:
    """An input that leaves its trace in the graph."""
    is_number = isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex())
    return value.detach().requires_grad_() if is_number else value  # pyright: ignore


def _nodes(model: Module, results: list[Tensor]) -> list[Any]:
    pb = optional("tensorboard.compat.proto.node_def_pb2", "tensorboard", _PURPOSE)
    named = {id(p): name for name, p in model.named_parameters()}
    names: dict[Any, str] = {}
    made: dict[Any, Any] = {}
    todo = [t.grad_fn for t in results if t.grad_fn is not None]
    while todo:
        node: Any = todo.pop()
        if node in names:
            continue
        leaf = getattr(node, "variable", None)
        if leaf is None:
            kind = node.name().removesuffix("0").removesuffix("Backward")
            names[node] = f"{type(model).__name__}/{kind}_{len(names)}"
        elif id(leaf) in named:
            kind, names[node] = "Parameter", named[id(leaf)].replace(".", "/")
        else:
            kind, names[node] = "IO Node", f"input/{len(names)}"
        made[node] = pb.NodeDef(name=names[node], op=kind)
        todo += [below for below, _ in node.next_functions if below is not None]
    for node, definition in made.items():
        definition.input.extend(names[b] for b, _ in node.next_functions if b is not None)
    outputs = []
    for i, t in enumerate(results):
        inputs = [names[t.grad_fn]] if t.grad_fn is not None else []
        outputs.append(pb.NodeDef(name=f"output/{i}", op="IO Node", input=inputs))
    return [*made.values(), *outputs]
