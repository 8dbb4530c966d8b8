"""The steps of compiled.py as JAX users write them: a pure function of the state, jitted whole.

compiled.py starts this file with an interpreter that has JAX and asks over a pipe, a line of JSON
for each question: {"work": NAME, "repetitions": N} is answered by {"seconds": S}, the processor
time of one repetition. State that a step replaces is donated, as in a loop of training.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

# One processor, before XLA counts them to make its pool of threads.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax  # noqa: E402 - threads are set before the library loads
import jax.numpy as jnp  # noqa: E402

Run = Callable[[], Any]


def key(number: int) -> Any:
    """A source of random numbers."""
    return jax.random.PRNGKey(number)


def normal(number: int, *shape: int) -> Any:
    """Standard normals."""
    return jax.random.normal(key(number), shape)


def labels(number: int, count: int, classes: int) -> Any:
    """Class numbers."""
    return jax.random.randint(key(number), (count,), 0, classes)


def stepping(update: Callable[[Any], Any], state: Any) -> Run:
    """One call: the state goes in and is replaced."""
    jitted = jax.jit(update, donate_argnums=0)
    held = [jax.tree.map(jnp.array, state)]

    def run() -> Any:
        held[0] = jitted(held[0])
        return held[0]

    return run


def adam(loss: Callable[[Any], Any], parameters: Any, lr: float, decay: float = 0.0) -> Run:
    """Whole steps of Adam, or of AdamW with a decay."""
    zeros = jax.tree.map(jnp.zeros_like, parameters)

    def update(state: Any) -> Any:
        p, m, v, t = state
        g = jax.grad(loss)(p)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, root = lr / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        p = jax.tree.map(
            lambda p, m, v: p * (1 - lr * decay) - rate * m / (jnp.sqrt(v) / root + 1e-8), p, m, v
        )
        return p, m, v, t

    return stepping(update, (parameters, zeros, zeros, jnp.float32(0)))


def sgd(loss: Callable[[Any], Any], parameters: Any, lr: float, momentum: float = 0.0) -> Run:
    """Whole steps of gradient descent."""

    def update(state: Any) -> Any:
        p, b = state
        g = jax.grad(loss)(p)
        if momentum:
            g = b = jax.tree.map(lambda b, g: momentum * b + g, b, g)
        return jax.tree.map(lambda p, g: p - lr * g, p, g), b

    return stepping(update, (parameters, jax.tree.map(jnp.zeros_like, parameters)))


def pulled_back(function: Callable, given: tuple, g: Any) -> Run:
    """Forward and backward of a function with the gradient g of its result."""

    @jax.jit
    def both(given: tuple, g: Any) -> Any:
        out, back = jax.vjp(function, *given)
        return out, back(g)

    return lambda: both(given, g)


def layer(number: int, inputs: int, outputs: int) -> dict[str, Any]:
    """A linear layer."""
    bound = inputs**-0.5
    return {
        "w": jax.random.uniform(key(number), (inputs, outputs), minval=-bound, maxval=bound),
        "b": jnp.zeros(outputs),
    }


def linear(p: dict[str, Any], x: Any) -> Any:
    """x w + b."""
    return x @ p["w"] + p["b"]


def cross_entropy(scores: Any, classes: Any) -> Any:
    """The mean of minus the logarithms of the chances of the true classes."""
    logs = jax.nn.log_softmax(scores)
    return -jnp.take_along_axis(logs, classes[:, None], axis=1).mean()


def himmelblau() -> Run:
    def value(x: Any) -> Any:
        return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2

    return adam(value, jnp.array([-4.0, 0.0]), 1e-3)


def logistic_regression() -> Run:
    data = jnp.concatenate([normal(0, 100, 2) + 1.7, normal(1, 100, 2) - 1.7])
    target = jnp.concatenate([jnp.zeros(100), jnp.ones(100)])

    def loss(p: Any) -> Any:
        chance = jax.nn.sigmoid(linear(p, data))[:, 0]
        logs, others = (jnp.maximum(jnp.log(c), -100) for c in (chance, 1 - chance))
        return -(target * logs + (1 - target) * others).mean()

    return sgd(loss, layer(2, 2, 1), 0.01, 0.9)


def perceptron() -> Run:
    data, target = normal(0, 64, 784), labels(1, 64, 10)

    def loss(p: Any) -> Any:
        return cross_entropy(linear(p[1], jax.nn.relu(linear(p[0], data))), target)

    return sgd(loss, [layer(2, 784, 128), layer(3, 128, 10)], 0.1)


def wide_perceptron() -> Run:
    data, target = normal(0, 256, 1024), labels(1, 256, 10)

    def loss(p: Any) -> Any:
        h = jax.nn.relu(linear(p[0], data))
        return cross_entropy(linear(p[2], jax.nn.relu(linear(p[1], h))), target)

    return adam(loss, [layer(2, 1024, 4096), layer(3, 4096, 4096), layer(4, 4096, 10)], 1e-4)


def hessian() -> Run:
    x = normal(0, 50)
    of = jax.jit(
        jax.hessian(lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())
    )
    return lambda: of(x)


def elementwise() -> Run:
    a = jax.random.uniform(key(0), (4096, 4096))
    of = jax.jit(lambda a: jnp.tanh(a * 2 + 1) * jax.nn.sigmoid(a))
    return lambda: of(a)


def log_softmax() -> Run:
    x, target = normal(0, 4096, 8192), labels(1, 4096, 8192)
    both = jax.jit(jax.value_and_grad(cross_entropy))
    return lambda: both(x, target)


def layer_norm_of(x: Any, weight: Any, bias: Any) -> Any:
    """Rows of mean 0 and variance 1, scaled and shifted."""
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def layer_norm() -> Run:
    given = (normal(0, 8192, 1024), jnp.ones(1024), jnp.zeros(1024))
    return pulled_back(layer_norm_of, given, normal(1, 8192, 1024))


def convolved(x: Any, weight: Any, bias: Any, padding: int) -> Any:
    """A convolution of pictures (N, C, H, W)."""
    pad = [(padding, padding)] * 2
    return jax.lax.conv_general_dilated(x, weight, (1, 1), pad) + bias[:, None, None]


def convolution() -> Run:
    given = (normal(0, 8, 64, 56, 56), normal(1, 64, 64, 3, 3) / 24, jnp.zeros(64))
    return pulled_back(lambda *a: convolved(*a, 1), given, normal(2, 8, 64, 56, 56))


def pooled(x: Any) -> Any:
    """The largest of each 2 x 2."""
    window = (1, 1, 2, 2)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def lenet() -> Run:
    images, classes = normal(0, 64, 1, 28, 28), labels(1, 64, 10)
    kernels = [
        {"w": normal(2, 6, 1, 5, 5) / 5, "b": jnp.zeros(6)},
        {"w": normal(3, 16, 6, 5, 5) / 12, "b": jnp.zeros(16)},
    ]
    layers = [layer(4, 400, 120), layer(5, 120, 84), layer(6, 84, 10)]

    def loss(p: Any) -> Any:
        kernels, layers = p
        h = pooled(jax.nn.relu(convolved(images, kernels[0]["w"], kernels[0]["b"], 2)))
        h = pooled(jax.nn.relu(convolved(h, kernels[1]["w"], kernels[1]["b"], 0)))
        h = h.reshape(64, -1)
        for each in layers[:-1]:
            h = jax.nn.relu(linear(each, h))
        return cross_entropy(linear(layers[-1], h), classes)

    return adam(loss, (kernels, layers), 1e-3)


def gpt(width: int = 128, heads: int = 4, layers: int = 4, letters: int = 65) -> Run:
    numbers = jax.random.randint(key(0), (12, 65), 0, letters)
    read, following = numbers[:, :-1], numbers[:, 1:].reshape(-1)
    mask = jnp.tril(jnp.ones((64, 64), bool))
    norm = {"w": jnp.ones(width), "b": jnp.zeros(width)}

    def block(number: int) -> dict[str, Any]:
        sizes = {"qkv": (1, 3), "join": (1, 1), "up": (1, 4), "down": (4, 1)}
        made = {
            name: layer(number + i, a * width, b * width)
            for i, (name, (a, b)) in enumerate(sizes.items())
        }
        return {**made, "norm1": norm, "norm2": norm}

    def attended(p: Any, x: Any) -> Any:
        parts = jnp.split(linear(p["qkv"], x), 3, axis=2)
        q, k, v = (part.reshape(12, 64, heads, -1).transpose(0, 2, 1, 3) for part in parts)
        scores = q @ k.swapaxes(-1, -2) * (width // heads) ** -0.5
        y = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)) @ v
        return linear(p["join"], y.transpose(0, 2, 1, 3).reshape(12, 64, width))

    def loss(p: Any) -> Any:
        x = p["letter"][read] + p["place"]
        for each in p["blocks"]:
            x = x + attended(each, layer_norm_of(x, each["norm1"]["w"], each["norm1"]["b"]))
            h = linear(each["up"], layer_norm_of(x, each["norm2"]["w"], each["norm2"]["b"]))
            x = x + linear(each["down"], jax.nn.gelu(h, approximate=False))
        x = layer_norm_of(x, p["norm"]["w"], p["norm"]["b"]) @ p["letter"].T
        return cross_entropy(x.reshape(-1, letters), following)

    parameters = {
        "letter": normal(1, letters, width),
        "place": normal(2, 64, width),
        "blocks": [block(10 * (i + 1)) for i in range(layers)],
        "norm": norm,
    }
    return adam(loss, parameters, 1e-3, 0.1)


def lstm() -> Run:
    x, g = normal(0, 32, 16, 64), normal(1, 32, 16, 128)

    def outputs(p: Any, q: Any) -> Any:
        def cell(state: Any, row: Any) -> Any:
            h, c = state
            i, f, o, new = jnp.split(row + linear(q, h), 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(new)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = (jnp.zeros((16, 128)), jnp.zeros((16, 128)))
        return jax.lax.scan(cell, start, linear(p, x))[1]

    return pulled_back(outputs, (layer(2, 64, 512), layer(3, 128, 512)), g)


BUILDERS: dict[str, Callable[[], Run]] = {
    f.__name__: f
    for f in (
        *(himmelblau, logistic_regression, perceptron, wide_perceptron, hessian, elementwise),
        *(log_softmax, layer_norm, convolution, lenet, gpt, lstm),
    )
}


def seconds(run: Run, repetitions: int) -> float:
    """The processor's time for one repetition; the last result is waited for."""
    out = None
    start = time.process_time()
    for _ in range(repetitions):
        out = run()
    jax.block_until_ready(out)
    return (time.process_time() - start) / repetitions


def main() -> None:
    """Answer until the pipe is closed; one work is held at a time."""
    held: dict[str, Run] = {}
    print(json.dumps({"version": jax.__version__}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        name = question["work"]
        if name not in held:
            held.clear()
            held[name] = BUILDERS[name]()
            seconds(held[name], 2)
        print(json.dumps({"seconds": seconds(held[name], question["repetitions"])}), flush=True)


if __name__ == "__main__":
    main()
