"""Random steps for the census: a module full of state, statements that read or write it in every
way, and changes to the state between two calls.
"""

import collections
import enum
import itertools
import linecache
import random
import types
from typing import Any

import toy_framework

STATE = """
import abc, collections, contextlib, dataclasses, datetime, enum, functools, itertools, logging
import math, operator, os, random, re, string, time, threading, types, typing, weakref
import numpy as np
import toy_framework as toy
from toy_framework import Tensor, tanh

scale = 3.0
count = 2
name = "tanh"
flag = True
nothing = None
betas = (0.9, (0.5, [1.5]))
numbers = [1.0, 2.0, -0.0]
empty = []
config = {"lr": 0.1, "layers": [1, 2, 3], "on": True, (1, "a"): 2.5}
nested = {"a": {"b": [1, {"c": 2.0}]}}
default = collections.defaultdict(list, a=[1.0])
ordered = collections.OrderedDict(x=1.0, y=2.0)
counted = collections.Counter("aab")
queue = collections.deque([1.0, 2.0])
words = {"b", "a", "c"}
frozen = frozenset({1, 2})
array = np.ones(3)
layers = [toy.Linear(1.0, 2.0), toy.Linear(0.5, 1.0)]
history = []
ticks = itertools.count()
source = iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
rng = random.Random(7)
weight = Tensor(1.5)
log = logging.getLogger("census")
Point = collections.namedtuple("Point", "x y")
point = Point(1.0, [2.0])
reference = weakref.ref(weight)
local = threading.local()
local.value = 4.0

class Color(enum.Enum):
    RED = 1
    BLUE = 2
color = Color.RED

@dataclasses.dataclass
class Config:
    lr: float = 0.1
    sizes: list = dataclasses.field(default_factory=lambda: [1, 2])
settings = Config()

@dataclasses.dataclass(frozen=True)
class Frozen:
    lr: float = 0.25
sealed = Frozen()

class Slotted:
    __slots__ = ("a", "b")
    def __init__(self): self.a = 2.0
slotted = Slotted()

class Meta(type):
    factor = 2.0
    def __getitem__(cls, key): return cls.table[key]

class Base:
    shared = 1.25
    def __init__(self): self.inner = {"k": 2.0}; self.n = 3
    def method(self, x): return x * self.shared
    @property
    def double(self): return self.inner["k"] * 2
    @staticmethod
    def static(x): return x * scale
    @classmethod
    def klass(cls, x): return x * cls.shared
    def bump(self): self.n += 1; return self.n

class User(Base, metaclass=Meta):
    table = {"t": 5.0}
    def method(self, x): return super().method(x) * 2
    def __call__(self, x): return x * self.n
    def __getattr__(self, name):
        if name.startswith("_"): raise AttributeError(name)
        return float(len(name))
    def __len__(self): return self.n
    def __iter__(self): return iter(self.inner.values())
    def __getitem__(self, key): return self.inner[key]
    def __contains__(self, key): return key in self.inner
    def __enter__(self): return self.n
    def __exit__(self, *error): return None
    def __add__(self, other): return self.n + other
    def __bool__(self): return self.n > 0
    def __eq__(self, other): return self.n == other
    __hash__ = object.__hash__
    def __format__(self, spec): return str(self.n)
user = User()

class Descriptor:
    def __init__(self): self.value = 2.0
    def __get__(self, thing, cls=None): return self.value
    def __set__(self, thing, value): self.value = value
class Described:
    d = Descriptor()
described = Described()

class Net(toy.Module):
    gain = 1.5
    def __init__(self):
        self.first = toy.Linear(1.0, 0.0); self.blocks = [toy.Linear(2.0, 1.0)]
        self.options = {"p": 0.5}; self.plain = 2.0
    def forward(self, x, extra=1.0):
        for block in self.blocks: x = block(x)
        return self.first(x) * self.options["p"] * self.gain * extra
net = Net()
opt = toy.SGD(net.parameters(), 0.1)

def helper(x, by=2.0, *, more=[1.0]): return x * by * more[0]
def with_list(x, seen=[]): return x * (len(seen) + 1)
def remembers(x, seen=[]):
    seen.append(1)
    return x * len(seen)
def decorate(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs): return f(*args, **kwargs) * scale
    return wrapper
@decorate
def decorated(x): return x * count
def make(factor):
    seen = [factor]
    def inner(x): return x * factor * seen[0]
    def change(): seen[0] += 1; return seen[0]
    def rebind():
        nonlocal factor
        factor += 1
        return factor
    def shift(x):
        nonlocal factor
        factor = x
    return inner, change, rebind, shift
inner, change, rebind, shift = make(2.0)
def counter():
    global count
    count += 1
    return count
def called(x): return x * called.calls
called.calls = 2.0
def counts(x):
    counts.calls += 1
    return x * counts.calls
counts.calls = 0
@functools.lru_cache
def cached(n): return n * scale
half = functools.partial(helper, by=0.5)
def generate(n):
    for i in range(n): yield i * scale
running = generate(100)
def star(*args, **kwargs): return args[0] * len(args) * sum(kwargs.values())
def recurse(n): return 1.0 if n == 0 else scale * recurse(n - 1)
def same(values): return values
times = lambda x: x * scale
@contextlib.contextmanager
def context():
    yield scale
@contextlib.contextmanager
def noisy():
    history.append("in")
    yield 2.0
ops = {"mul": operator.mul, "helper": helper}
table = [helper, times]
"""

linecache.cache["<census state>"] = (len(STATE), None, STATE.splitlines(True), "<census state>")
STATE_CODE = compile(STATE, "<census state>", "exec")

#: each becomes a line of a step; y is a tensor, z a Python number, `given` a dict argument
STATEMENTS = """
y = y * scale
y = helper(y) + count
y = helper(y, more=[2.0])
y = getattr(toy, name)(y)
z = betas[0] + betas[1][1][0]
z = sum(numbers) + len(empty)
z = numbers[-1] + numbers[count]
z = sum(numbers[1:])
z = config["lr"] * config[1, "a"]
z = config.get("missing", 1.0) + config.get("lr")
y = y * 2.0 if "missing" in config else y
y = y * 2.0 if 3 in config["layers"] else y
z = nested["a"]["b"][1]["c"]
z = default["a"][0]
z = len(default["zz"])
z = sum(ordered.values())
z = counted["a"] + counted["q"]
z = queue[0]
z = float(len(queue))
z = float(len("".join(words)))
z = float("".join(words) == "abc")
z = float("a" in words) + len(words) + len(frozen)
z = float(sum(frozen))
z = float(next(iter(words)) == "a")
z = float(sorted(words)[0] == "a")
z = float(list({"q", "r", "s"})[0] == "q")
z = float(list({object(), helper})[0] is helper)
z = float(array.sum())
z = float(np.sqrt(scale))
z = np.float32(scale) * 1.0
z = float(np.random.rand())
y = toy.stack(numbers)
y = toy.stack([y, weight, layers[0].weight])
y = toy.stack(list(config["layers"]), scale=scale)
y = toy.stack(array)
for layer in layers: y = layer(y)
for layer in reversed(layers): y = layer(y)
for i, (a, b) in enumerate(zip(numbers, config["layers"])): y = y * (a + b + i + 1)
for k, v in config.items(): y = y * len(str(k))
for k in config: y = y * len(str(k))
for v in generate(3): y = y + v
for v in user: y = y * v
for v in y: z = 2.0
for p in net.parameters(): y = y * p
y = y * next(ticks)
y = y * next(source)
for v in source: break
y = y * next(running)
y = y * random.random()
y = y * rng.random()
y = y * random.Random(3).random()
z = time.time() * 0 + 1
z = float(datetime.datetime.now().year > 1)
z = float(os.environ.get("CENSUS_TEST", "1"))
z = float(os.getenv("CENSUS_TEST") is None)
z = float(os.path.join("a", name) == "a/tanh")
z = float(os.getpid() > 0)
z = float(threading.get_ident() > 0)
z = local.value
z = float(id(config) > 0)
z = float(hash(name) > 0)
z = float(hash(settings.lr) > 0)
history.append(z)
history += [1]
history[:] = [z]
h = history; h.append(1)
h = same(history); h.extend([1])
h = [history, 1]; h[0].append(1)
h = {"a": history}; h["a"].insert(0, 1)
h = history.append; h(1)
list.append(history, 2)
config["lr"] = config["lr"] * 0.5
config.update(lr=0.2)
config.setdefault("new", 1)
config.pop("new", None)
nested["a"]["b"][1]["c"] += 1
given["k"] = 3.0
given["l"].append(1)
words.add("d")
default["new"].append(1)
counted["a"] += 1
queue.append(1.0)
settings.lr = settings.lr * 0.9
setattr(settings, "lr", 0.3)
settings.sizes.append(3)
user.n += 1
z = user.bump()
user.inner["k"] = 3.0
User.shared = 2.0
User.table["t"] += 1
slotted.a += 1.0
slotted.b = 1.0
described.d = 4.0
count = 5
net.plain = net.plain + 1
net.options["p"] = 0.25
net.blocks.append(toy.Linear(1.0, 1.0))
z = counter()
z = change()
z = rebind()
shift(3.0)
y = remembers(y)
y = counts(y)
counts.calls = 3
del config["on"]
local.value = 5.0
globals()["scale"] = 4.0
exec("scale = 4.0")
z = eval("scale")
z = vars(settings)["lr"]
z = settings.__dict__["lr"]
settings.__dict__["lr"] = 0.7
z = globals()["scale"]
math.pi2 = 3.0
toy.extra = 3.0
y = inner(y)
y = decorated(y)
y = with_list(y)
y = half(y)
y = called(y)
y = y * cached(2)
y = y * recurse(3)
y = times(y)
y = table[1](y)
y = ops["mul"](y, scale)
y = ops["helper"](y)
y = star(y, 1, 2, a=scale, **ordered)
y = star(*[y, 2], **{"b": count})
y = helper(*(y, 3.0))
y = functools.partial(helper, by=scale)(y)
y = functools.reduce(operator.mul, [y, *numbers])
z = settings.lr + settings.sizes[0] + len(settings.sizes)
z = Config(lr=scale).lr
z = Config().sizes[1] * 1.0
h = Config(); h.lr = z; z = h.lr + 1
z = dataclasses.replace(settings, lr=0.5).lr
z = dataclasses.asdict(settings)["lr"]
z = sealed.lr
z = Frozen(lr=scale).lr
z = slotted.a
z = float(hasattr(slotted, "b"))
z = getattr(slotted, "b", 1.0)
z = user.double + user.shared + user.n
z = user.static(2.0) + user.klass(1.0) + User.static(1.0)
y = user.method(y)
y = user(y)
z = user.anything
z = float(hasattr(user, "_nothing"))
z = len(user) + user["k"]
z = float("k" in user) + (user + 1)
z = float(bool(user)) + float(user == 3)
z = float(f"{user}")
with user as n: z = n
with context() as n: z = n
with noisy() as n: z = n
with toy.no_grad(): y = y * scale
with toy.no_grad(), contextlib.nullcontext(count) as n: z = n
z = User.table["t"] + User.shared + User.factor
z = User["t"]
z = described.d
z = point.x + point.y[0]
z = point._replace(x=scale).x
z = Point(*numbers[:2]).y
a, b, *rest = numbers; z = a + b + len(rest)
a, b = point; z = a
z = float(color is Color.RED)
z = color.value * 1.0
z = float(Color(2).name == "BLUE")
y = net(y)
y = net(y, extra=scale)
z = net.plain + net.gain + net.options["p"]
y = toy.apply(times, y)
y = toy.apply(lambda v: v * count, y)
y = toy.apply(user.method, y)
y = toy.apply(settings, y) if False else y
y = opt.step(lambda: y * scale)
z = opt.param_groups[0]["lr"]
opt.zero_grad()
opt.param_groups[0]["lr"] = 0.5
z = y.item() * 2.0
z = math.sqrt(y.item() * 0 + 4)
z = abs(y.item()) + 1
z = round(y.item(), 2)
z = float(f"{y.item():.2f}") + float(f"{y:.1f}")
z = float("%.2f" % y.item())
z = numbers[int(y.item()) * 0]
z = {1.0: 2.0}.get(y.item(), 3.0)
z = float("{:.2f}".format(scale))
z = max(numbers) + min(count, 1) + abs(scale)
z = max(numbers, key=lambda v: v * scale)
z = sorted(config["layers"], key=lambda v: -v)[0]
z = sum(v * scale for v in numbers)
z = sum([v * scale for v in numbers if v > count])
z = sum({k: v for k, v in ordered.items()}.values())
z = sum(map(lambda v: v * scale, numbers))
z = sum(map(float, config["layers"]))
z = len(list(filter(None, numbers)))
z = any(v > 1 for v in numbers) + all(numbers)
z = float(len({**config, "z": 1}))
z = float(len([*numbers, *config["layers"]]))
z = float(len(numbers + config["layers"]))
z = float(numbers == [1.0, 2.0, -0.0]) + float(numbers < [5.0])
z = float(config == {}) + float(betas == ())
z = float(numbers is config) + float(nothing is None)
z = float(str(numbers) == "[1.0]") + len(f"{numbers} {config!r}")
z = float(len(repr(settings)))
z = float(len(repr(user.inner)))
z = len(f"{name:>10}{scale}") + len(name.upper().replace("a", "b").split("n"))
z = float(",".join([name, "b"]) == "tanh,b")
z = float(bool(re.match("t.*", name)))
z = len(string.ascii_letters) * 1.0
z = float(isinstance(settings, Config)) + float(isinstance(y, toy.Tensor))
z = float(isinstance(numbers, collections.abc.Sequence))
z = float(type(settings) is Config) + float(issubclass(User, Base))
z = float(callable(helper)) + float(type(scale).__name__ == "float")
z = float(helper.__name__ == "helper") + float(helper.__defaults__[0])
z = math.floor(scale) + math.pi
z = float(round(scale, 1)) + divmod(7, count)[0] + pow(2, count)
z = int("3") + float("2.5") + int(scale)
z = (lambda v: v + scale)(1.0)
z = sum(itertools.chain(numbers, [1.0]))
z = sum(x for x in itertools.islice(itertools.count(), 3))
z = float(reference() is not None)
z = typing.cast(float, scale)
z = float(log.isEnabledFor(10))
log.info("hello")
print("")
open("/dev/null").close()
import math as m; z = m.pi
from collections import OrderedDict as O; z = len(O(a=scale))
import json; z = 1.0
z = given["k"] + len(given["l"])
z = sum(given["l"]) + given["n"]["deep"]
for k in given: z = z + len(k)
y = y * number
y = given["t"] * z
y = given["t"] * given.get("k", 1.0)
z = number * 2 if number > 1 else number
z = number + len([*given.values()])
flag = not flag
z = 1.0 if flag else 2.0
z = 1.0 if empty else 2.0
z = 1.0 if nothing is None else 2.0
z = 1.0 if numbers and config else 2.0
assert z is not None, "no number"
if (w := scale) > 2: z = w
try: z = config["lr"]
except KeyError: z = 0.0
try: z = config["none"]
except KeyError: z = 0.0
try: z = scale
finally: z = z + 1
while z < 5: z = z + abs(scale) + 1
match count:
    case 2: z = 2.0
    case _: z = 3.0
class Inside: value = scale
def nested_function(v, by=scale): return v * by * z
h = []; h.append(y); h.append(h[0] * scale); y = h[-1]
h = {}; h["a"] = y; h.update(b=scale); y = h["a"] * h["b"]
h = set(); h.add(1); h.add(count); z = sum(h)
h = [0.0] * 3; h[1] = scale; z = sum(h)
h = list(numbers); h.sort(); h.pop(); z = sum(h)
h = dict(config); h["lr"] = 5.0; z = h["lr"]
h = numbers.copy(); h[0] = 9.0; z = h[0]
h = config["layers"][:]; h.reverse(); z = h[0] * 1.0
h = User(); h.n = count; z = h.bump()
h = Slotted(); h.b = scale; z = h.a + h.b
h = types.SimpleNamespace(a=scale); z = h.a
h = object.__new__(Base); h.n = 1; z = h.n
h = iter(numbers); z = next(h) + next(h)
h = generate(4); z = next(h) + next(h)
h = (v * scale for v in numbers); z = next(h)
h = toy.Linear(scale, 1.0); y = h(y)
h, z = z, scale
z = [v for v in numbers][0] + {v: 1 for v in numbers}[1.0]
"""

#: a change of the state between two calls
CHANGES = """
scale = 4.0
scale = 3
scale = float("3.0")
count = 3
count = True
name = "plain_tanh"; toy.plain_tanh = lambda x: x
flag = False
nothing = 1
betas = (0.9, (0.5, [1.5]))
betas[1][1][0] = 2.5
numbers[0] = 5.0
numbers[2] = 0.0
numbers.append(7.0)
numbers = [1.0, 2.0, -0.0]
empty.append(1)
config["lr"] = 0.3
config["new"] = 1
config["missing"] = 4.0
config["layers"].append(4)
config["layers"][0] = 9
config["layers"] = [1, 2]
config["on"] = config.pop("on"); config["lr"] = config.pop("lr")
del config["on"]
nested["a"]["b"][1]["c"] = 7.0
nested["a"] = {"b": [1, {"c": 3.0}]}
default["a"] = [3.0]
default["zz"].append(1)
ordered.move_to_end("x"); ordered["y"] = 5.0
counted["a"] = 7
queue.appendleft(9.0)
words.add("zz")
words.discard("a")
frozen = frozenset({1, 5})
array[0] = 7.0
layers.append(toy.Linear(2.0, 2.0))
layers[0], layers[1] = layers[1], layers[0]
weight = Tensor(9.0)
color = Color.BLUE
settings.lr = 0.9
settings.sizes.append(7)
settings = Config(lr=0.5)
settings.__class__ = Frozen if False else Config
slotted.a = 7.0
slotted.b = 3.0
user.inner["k"] = 9.0
user.inner = {"k": 4.0}
user.n = 7
user.anything = 2.0
user.shared = 8.0
user.method = lambda x: x
user.static = lambda x: x * 9
user._nothing = 1
User.shared = 9.0
User.double = 5.0
User.method = lambda self, x: x
User.anything = 3.0
User.__len__ = lambda self: 9
User.__iter__ = lambda self: iter([9.0])
User.__add__ = lambda self, other: 90
User.__bool__ = lambda self: False
User.__enter__ = lambda self: 99
User.__getattribute__ = lambda self, a: 5 if a == "n" else object.__getattribute__(self, a)
Base.method = lambda self, x: x * 7
Base.__init__ = lambda self: setattr(self, "n", 50)
User.table["t"] = 8.0
User.table = {"t": 1.0}
Meta.factor = 9.0
Meta.__getitem__ = lambda cls, key: 9.0
vars(Described)["d"].value = 6.0
Described.d = 5.0
Descriptor.__get__ = lambda self, thing, cls=None: 11.0
Color = None
Config.__init__.__defaults__ = (9.0, *Config.__init__.__defaults__[1:])
point = Point(5.0, [1.0])
point.y[0] = 9.0
local.value = 9.0
net.blocks.append(toy.Linear(3.0, 3.0))
net.options["p"] = 0.75
Net.gain = 2.5
Net.forward = lambda self, x, extra=1.0: x
helper.__defaults__ = (5.0,)
helper.__kwdefaults__["more"][0] = 3.0
helper.__kwdefaults__["more"] = [4.0]
helper.__code__ = (lambda x, by=2.0, *, more=None: x).__code__
helper = lambda x, by=1.0, more=None: x
helper.__name__ = "other"
with_list.__defaults__[0].append(1)
shift(9.0)
change()
called.calls = 5.0
half.keywords["by"] = 3.0
half = functools.partial(helper, by=7.0)
times = lambda x: x
table[1] = helper
table.reverse()
ops["mul"] = operator.add
ops["helper"] = times
generate = lambda n: iter([5.0])
context = contextlib.nullcontext
os.environ["CENSUS_TEST"] = "7"
os.environ.pop("CENSUS_TEST", None)
math.pi = 3.0
len = lambda x: 77
sum = lambda *x: 77.0
tanh = None
toy.tanh = lambda x: x
string.ascii_letters = "abc"
log.setLevel(5)
history.append(1)
next(ticks)
random.seed(1)
given["k"] = 8.0
given["l"].append(5)
given["l"] = given["l"] + [1]
given["n"]["deep"] = 8.0
given["more"] = 1
number = 7.0
number = 2
"""


def blocks(text: str) -> list[str]:
    """The statements of a text: lines that go on another one (`except`, indented) belong to it."""
    found: list[str] = []
    for line in text.strip().splitlines():
        if found and (line.startswith((" ", "except", "finally"))):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


class Program:
    """One random step in a module of its own, and its arguments."""

    def __init__(self, seed: int, statements: list[str] | None = None) -> None:
        self.random = random.Random(seed)
        chosen = statements or self.random.choices(blocks(STATEMENTS), k=self.random.randint(1, 4))
        assigned = {"count", "flag"}
        head = ["def step(y, given, number=1.5):", "    z = 1.0"]
        if self.random.random() < 0.7:
            declared = sorted(n for n in assigned if any(s.startswith(f"{n} =") for s in chosen))
            head[1:1] = [f"    global {n}" for n in declared]
        body = [f"    {line}" for s in chosen for line in s.splitlines()]
        self.source = "\n".join([*head, *body, "    return y, z"])
        self.file = f"<census program {seed}>"
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.file] = (len(self.source), None, lines, self.file)
        self.module = types.ModuleType(f"census_program_{seed}")
        self.chosen = chosen

    def load(self) -> dict[str, Any]:
        space = self.module.__dict__
        exec(STATE_CODE, space)
        exec(compile(self.source, self.file, "exec"), space)
        self.given = {
            "t": toy_framework.Tensor(2.0),
            "k": 2.0,
            "l": [1.0, 2.0],
            "n": {"deep": 3.0},
        }
        self.number: Any = 1.5
        return space

    def arguments(self) -> tuple[tuple, dict]:
        kwargs = {} if self.number is None else {"number": self.number}
        return (toy_framework.Tensor(1.25), self.given), kwargs

    def change(self, text: str) -> None:
        """Run one change in the module."""
        space = self.module.__dict__
        space["given"], space["number"] = self.given, self.number
        exec(compile(text, "<change>", "exec"), space)
        self.given, self.number = space.pop("given"), space.pop("number")


def freeze(thing: Any, seen: dict[int, Any] | None = None) -> Any:
    """All that can be reached from an object, as values that can be compared."""
    seen = {} if seen is None else seen
    kind = type(thing)
    if kind in (int, float, complex, bool, str, bytes, type(None)):
        return (kind.__name__, repr(thing))
    if isinstance(thing, float):
        return ("number", float(thing))
    if id(thing) in seen:
        return ("seen", seen[id(thing)][0])
    seen[id(thing)] = (len(seen), thing)  # kept, so that no id is used twice
    inside: list[Any] = []
    if isinstance(thing, dict):
        pairs = [(k, v) for k, v in thing.items() if k != "__builtins__"]
        inside = [(freeze(k, seen), freeze(v, seen)) for k, v in pairs]
    elif isinstance(thing, list | tuple | collections.deque):
        inside = [freeze(v, seen) for v in thing]
    elif isinstance(thing, set | frozenset):
        inside = sorted(repr(v) for v in thing)
    elif isinstance(thing, types.FunctionType):
        cells = [freeze(c.cell_contents, seen) for c in thing.__closure__ or ()]
        inside = [cells, freeze(thing.__defaults__, seen), freeze(thing.__kwdefaults__, seen)]
    elif isinstance(thing, types.GeneratorType):
        frame = thing.gi_frame
        inside = [None if frame is None else (frame.f_lasti, freeze(dict(frame.f_locals), seen))]
    elif isinstance(thing, random.Random):
        inside = [hash(thing.getstate())]
    elif isinstance(thing, itertools.count):
        inside = [repr(thing)]
    elif isinstance(thing, type | enum.Enum | types.ModuleType):
        own = getattr(thing, "__module__", "").startswith("census_program")
        if isinstance(thing, type) and own and not issubclass(thing, enum.Enum):
            inside = [freeze({k: v for k, v in vars(thing).items() if k[0] != "_"}, seen)]
    elif type(thing).__name__ == "ndarray":
        inside = [thing.tolist()]
    elif hasattr(thing, "__length_hint__"):
        inside = [thing.__length_hint__()]
    else:
        own = [n for n in getattr(kind, "__slots__", ()) if hasattr(thing, n)]
        inside = [(n, freeze(getattr(thing, n), seen)) for n in own]
    if hasattr(thing, "__dict__") and not isinstance(thing, type | types.ModuleType):
        if not isinstance(thing, enum.Enum) and kind.__module__ not in ("logging", "_thread"):
            inside.append(freeze(dict(vars(thing)), seen))
    return (kind.__name__, inside)


def state(space: dict[str, Any], given: Any) -> Any:
    """All state that a step can reach."""
    return freeze([{k: v for k, v in space.items() if k[0] != "_"}, given, hash(random.getstate())])
