"""Automatic differentiation from scratch: rules, tape, engine, carriers.

This file rebuilds the heart of dynagrad in a few hundred lines. Read it from the top; run it with

    python docs/from_scratch.py

and every claim in it is checked (the tests run it too). It needs NumPy alone. Names are those of
the real thing, so that afterwards `ops/elementwise.py`, `core/tape.py` and `core/engine.py` read as
the same story with more cases.
"""

from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count

import numpy as np

# --------------------------------------------------------------------------------------------------
# 1. Rules
#
# A program, whatever its size, does a few kinds of things to its numbers: it adds, multiplies,
# takes a tanh. If we know the derivative of each kind, the chain rule does the rest. So the whole
# knowledge of calculus is a table.
#
# Say `out = tanh(x)`, somewhere inside a computation that ends in one number L, the loss. Write g
# for dL/d(out): how L reacts to a small change of `out`. The chain rule says how L reacts to x:
# dL/dx = g * (1 - tanh(x)^2). A rule is this formula: it takes g, the *cotangent* of the result,
# and returns the cotangent of an input.
#
# Such a product "cotangent times derivative" is called a vector-Jacobian product, vjp. For an
# operation on arrays the derivative would be a huge matrix (every output by every input); the vjp
# never builds it.

RULES = {}


def rule(fun, *vjps):
    """Register the vjps of `fun`, one for each input."""
    RULES[fun] = vjps


def names_of(vjp):
    """What a rule asks for, besides g."""
    return vjp.__code__.co_varnames[1 : vjp.__code__.co_argcount]


# Each vjp is called with g, and with whatever its other parameter names ask for: `x` and `y` are
# the inputs, `out` is the result. What a rule does not name need not be kept in memory.

rule(np.add, lambda g: g, lambda g: g)
rule(np.subtract, lambda g: g, lambda g: -g)
rule(np.multiply, lambda g, y: g * y, lambda g, x: g * x)
rule(np.negative, lambda g: -g)
rule(np.exp, lambda g, out: g * out)
rule(np.reciprocal, lambda g, out: -g * out * out)
rule(np.tanh, lambda g, out: g * (1 - out * out))


# Operations that move numbers rather than compute them are linear: their vjp is the reverse
# movement. We give them names of our own and let them meet foreign types as NumPy's functions do,
# through `primitive`.


def primitive(kernel):
    """Make a kernel on ndarrays a function that other classes may take over."""

    def fun(*arrays, **metadata):
        for x in arrays:
            if hasattr(type(x), "__array_function__") and type(x) is not np.ndarray:
                return x.__array_function__(fun, (type(x),), arrays, metadata)
        return kernel(*arrays, **metadata)

    return fun


@primitive
def sum_to(x, *, shape):
    """Sum x down to a shape from which it could have been broadcast."""
    lead = x.ndim - len(shape)
    repeated = [i + lead for i, n in enumerate(shape) if n == 1]
    return x.sum(axis=(*range(lead), *repeated), keepdims=True).reshape(shape)


@primitive
def broadcast_to(x, *, shape):
    """Repeat x along new axes, and along those of size 1."""
    return np.broadcast_to(x, shape)


@primitive
def transpose(x):
    """The matrix with rows and columns exchanged."""
    return x.T


@primitive
def matmul(x, y):
    """The product of two matrices."""
    return x @ y


rule(sum_to, lambda g, x: broadcast_to(g, shape=x.shape))
rule(broadcast_to, lambda g, x: sum_to(g, shape=x.shape))
rule(transpose, lambda g: transpose(g))
rule(matmul, lambda g, y: matmul(g, transpose(y)), lambda g, x: matmul(transpose(x), g))

# That is all of calculus that this file knows. Note that the rules are ordinary array expressions:
# `1 - out * out`. Section 4 turns that into a pun with consequences.

# --------------------------------------------------------------------------------------------------
# 2. The tape
#
# Derivatives are needed in reverse: we know dL/dL = 1 and walk from the loss back to the inputs. So
# while the program runs forward, we write down what it does. Each recorded operation is a Node. A
# Node knows which nodes made its inputs (`edges`), and the values that its rules will ask for
# (`saved`).
#
# Nothing is declared beforehand: if the program takes another branch today, another graph is
# recorded. That is what "dynamic graph" means.

tick = count(1).__next__


class Node:
    """One recorded operation. `seq` is its place in time: a node is always younger than the nodes
    of its inputs.
    """

    def __init__(self, fun, edges, saved):
        self.fun, self.edges, self.saved, self.seq = fun, edges, saved, tick()


class Leaf:
    """The end of the tape: a tensor made by the user.

    Tensor and graph hold the leaf; were the leaf to hold the tensor in turn, they would keep each
    other alive for ever. (The real one holds its tensor weakly; here we file by identity.)
    """

    seq = 0


class Operators:
    """Python's operators, for any carrier, by way of NumPy's functions."""

    def __add__(self, other):
        return np.add(self, other)

    def __mul__(self, other):
        return np.multiply(self, other)

    def __sub__(self, other):
        return np.subtract(self, other)

    def __rsub__(self, other):
        return np.subtract(other, self)

    def __neg__(self):
        return np.negative(self)


class Tensor(Operators):
    """An array and its edge into the graph: None, a Leaf or a Node."""

    def __init__(self, array, requires_grad=False):
        self.array = np.asarray(array, dtype=float)
        self.edge = Leaf() if requires_grad else None
        self.grad = None

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)

    # NumPy asks the operands of a ufunc, in turn, whether they want to take over. We do.
    def __array_ufunc__(self, ufunc, method, *inputs):
        return apply(ufunc, *inputs)

    def __array_function__(self, fun, types, arrays, metadata):
        return apply(fun, *arrays, **metadata)

    def __matmul__(self, other):
        return matmul(self, other)

    def sum(self):
        return sum_to(self, shape=())


recording = True


def apply(fun, *inputs, **metadata):
    """Compute `fun` on the arrays, and write a node if any input is part of a graph."""
    tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
    out = Tensor(fun(*(t.array for t in tensors), **metadata))
    if recording and any(t.edge is not None for t in tensors):
        values = {"out": out.array} | dict(zip("xy", (t.array for t in tensors), strict=False))
        saved = {name: values[name] for vjp in RULES[fun] for name in names_of(vjp)}
        saved["shapes"] = [t.shape for t in tensors]
        out.edge = Node(fun, [t.edge for t in tensors], saved)
    return out


@contextmanager
def record(flag):
    """Turn recording on or off for a while."""
    global recording
    held, recording = recording, flag
    yield
    recording = held


w = Tensor([1.0], requires_grad=True)
x = Tensor([2.0], requires_grad=True)
y = (w + x) * (w + 1)
assert y.edge.fun is np.multiply
assert [e.fun for e in y.edge.edges] == [np.add, np.add]
assert set(y.edge.saved) == {"x", "y", "shapes"}, "multiply keeps its factors, and not its product"

# --------------------------------------------------------------------------------------------------
# 3. The engine
#
# Walk back from the result. The only question is the order: a node may run once the cotangents of
# all its users have arrived and been added up (the chain rule for a variable that is used twice is
# a sum). A node's users are younger than it is. So take the youngest node that has a cotangent;
# everything that could still contribute to it is older, and therefore is not among its users. A
# heap by age is the whole scheduler.


def run(root, g, create_graph=False):
    """The cotangents of all leaves below `root`, as {leaf: cotangent}; g is the cotangent of the
    root.

    Without create_graph the rules run on arrays. With it they run on Tensors, and are recorded.
    """
    cotangents, heap = {root: g}, [(-root.seq, id(root), root)]
    leaves = {}
    while heap:
        _, _, node = heappop(heap)
        g = cotangents.pop(node)
        if isinstance(node, Leaf):
            leaves[node] = g
            continue
        saved = unpacked(node) if create_graph else node.saved
        for vjp, edge, shape in zip(RULES[node.fun], node.edges, node.saved["shapes"], strict=True):
            if edge is None:
                continue
            part = vjp(g, *(saved[name] for name in names_of(vjp)))
            if part.shape != shape:  # section 5
                part = sum_to(part, shape=shape)
            if edge in cotangents:
                cotangents[edge] = cotangents[edge] + part
            else:
                cotangents[edge] = part
                heappush(heap, (-edge.seq, id(edge), edge))
    return leaves


def unpacked(node):
    """The saved arrays as Tensors, in their old places in the graph: inputs hang on the edges, the
    result on the node.
    """

    def tensor(name):
        t = Tensor(node.saved[name])
        t.edge = node if name == "out" else node.edges["xy".index(name)]
        return t

    return {name: tensor(name) for name in node.saved if name != "shapes"}


def grad(output, inputs, create_graph=False):
    """The derivatives of a tensor with one element with respect to `inputs`."""
    g = np.ones(output.shape)
    with record(create_graph):
        leaves = run(output.edge, Tensor(g) if create_graph else g, create_graph)
    found = [leaves[t.edge] for t in inputs]
    return [g if isinstance(g, Tensor) else Tensor(g) for g in found]


def backward(output, inputs):
    """Add the derivatives to the inputs' `.grad`: a second call accumulates."""
    for t, g in zip(inputs, grad(output, inputs), strict=True):
        t.grad = g if t.grad is None else Tensor(t.grad.array + g.array)


backward(y, [w, x])
assert w.grad.array == [5.0] and x.grad.array == [2.0]  # dy/dw = (w + 1) + (w + x), dy/dx = w + 1
backward(y, [w, x])
assert w.grad.array == [10.0], "gradients add up until they are set to None"

y = x
for _ in range(20_000):
    y = y + x
(g,) = grad(y, [x])
assert g.array == [20_001.0], "long chains are no problem: nothing here calls itself"

# --------------------------------------------------------------------------------------------------
# 4. Higher derivatives for nothing
#
# The rules are array expressions, and Tensors understand array expressions. Run the same rules on
# Tensors, with recording on, and the derivative is itself a recorded computation. There is no
# second table for second derivatives.

x = Tensor([3.0], requires_grad=True)
(first,) = grad(x * x * x, [x], create_graph=True)
(second,) = grad(first, [x], create_graph=True)
(third,) = grad(second, [x])
assert (first.array, second.array, third.array) == ([27.0], [18.0], [6.0])  # 3x^2, 6x, 6

# --------------------------------------------------------------------------------------------------
# 5. Broadcasting, once
#
# NumPy repeats a small array to match a larger one: matrix + row. The cotangent of the sum has the
# matrix's shape, the row wants one of its own shape: the sum over the repetitions, because each of
# them contributed. The engine does this at the edge, wherever shapes differ (`sum_to` in `run`). So
# no rule ever mentions it: `lambda g: g` is right for add, whatever the shapes. And sum_to is a
# primitive with a rule, so that section 4 still holds.

matrix = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
row = Tensor([1.0, 2.0, 3.0], requires_grad=True)
g_matrix, g_row = grad((matrix * row).sum(), [matrix, row])
assert g_matrix.shape == (2, 3) and np.array_equal(g_matrix.array, [[1, 2, 3], [1, 2, 3]])
assert g_row.shape == (3,) and np.array_equal(g_row.array, [3, 5, 7])

# --------------------------------------------------------------------------------------------------
# 6. A second carrier
#
# What flows through the rules decides what they mean. ndarrays: numbers. Tensors: a recorded
# computation. Let a class that only writes down what it sees flow through, and the rules print
# themselves.


class Symbol(Operators):
    """A carrier whose value is the text of a formula."""

    def __init__(self, text):
        self.text = text

    def __array_ufunc__(self, ufunc, method, *inputs):
        parts = [x.text if isinstance(x, Symbol) else f"{x:g}" for x in inputs]
        sign = {"add": "+", "subtract": "-", "multiply": "*"}.get(ufunc.__name__)
        if sign is not None:
            return Symbol(f"({parts[0]} {sign} {parts[1]})")
        return Symbol(f"-{parts[0]}" if ufunc is np.negative else f"{ufunc.__name__}({parts[0]})")


def derivative(fun):
    """The text of fun's rules, one for each input."""
    symbols = {name: Symbol(name) for name in ("g", "x", "y", "out")}
    return [vjp(symbols["g"], *(symbols[n] for n in names_of(vjp))).text for vjp in RULES[fun]]


assert derivative(np.tanh) == ["(g * (1 - (out * out)))"]
assert derivative(np.multiply) == ["(g * y)", "(g * x)"]

# --------------------------------------------------------------------------------------------------
# 7. What must not happen
#
# A saved value is a promise: it must be the same at the backward pass as it was when it was saved.
# An in-place write in between breaks the promise, silently, if nobody counts. The real tape keeps a
# counter for each piece of memory, compares it before a rule runs, and names the two source lines.
# Here is the failure that the counter exists for:

x = Tensor([2.0], requires_grad=True)
y = np.exp(x)
y.array += 1.0  # exp saved this very array: its derivative is its own value
(wrong,) = grad(y, [x])
assert not np.allclose(wrong.array, np.exp(2.0)), "a wrong gradient, and no word of warning"

# --------------------------------------------------------------------------------------------------
# 8. Training something
#
# A network of two layers learns the exclusive or. Everything above takes part: broadcasting in the
# biases, sums over shared inputs, the tape made anew in every step.

rng = np.random.default_rng(0)
inputs = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
targets = Tensor([[0], [1], [1], [0]])
shapes = ((2, 8), (8,), (8, 1), (1,))
parameters = [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]


def loss():
    """The squared error of the network."""
    w1, b1, w2, b2 = parameters
    error = np.tanh(inputs @ w1 + b1) @ w2 + b2 - targets
    return (error * error).sum()


before = loss().array
for _ in range(500):
    for p, g in zip(parameters, grad(loss(), parameters), strict=True):
        p.array -= 0.05 * g.array
after = loss().array
assert before > 1 and after < 1e-3

if __name__ == "__main__":
    print(f"tanh's derivative:  {derivative(np.tanh)[0]}")
    print(f"x^3 at 3, three times: {first.array[0]:g}, {second.array[0]:g}, {third.array[0]:g}")
    print(f"exclusive or: squared error {before:.3f} before training, {after:.6f} after")
    print("every assertion of this file holds")
