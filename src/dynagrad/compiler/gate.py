"""The native gate of compiled functions: one C function that looks whether a recorded course fits,
runs it, and hands out its results. Imports native, foreign, layout.

It is the same code for all functions. What is compared, and what happens afterwards, are
instructions of four words (operation, a, b, c), which `entry.py` writes from a variant. Anything
that does not fit goes to the Python function behind the gate, which knows all cases.

| operation | holds if, or does |
|---|---|
| EQUAL     | the word at a is b |
| DIFFERS   | the word at a is not b |
| HALF      | the 32 bits at a are b |
| LIST      | element b of the list a is c |
| DICT      | the dict a has c under the key b (c 0: has no such key) |
| ATTRIBUTE | attribute b of a is c |
| CONTEXT   | the context variable a has the value b |
| COUNT     | there are a arguments |
| SAME      | argument a is b |
| NUMBER    | argument a is a float with the bits b |
| TENSOR    | argument a is a tensor as the block b says; its address goes into the table |
| OPTION    | the dict a has a float under b; it is stored at c |
| SKIP      | if the words at a and b are equal, skip c instructions |
| COPY      | the word at a is stored at b |
| GRADIENT  | the slot a holds b with c references, or None while b has c - 1 |
| SET       | (afterwards) the slot a gets b |
| TICK      | (afterwards) the counter a goes on; b gets its number, c counts up |
| EITHER    | the word at a is b or c |
| EQUALS    | at a there are b pairs (address, value): each address holds its value |
| UNCHANGED | the same, and if they all hold, skip c instructions |
"""

import ctypes
from functools import cache
from typing import Any

import numpy as np

from . import native
from .foreign import entry, python_api
from .layout import Layout, layout

OPERATIONS = (
    *("EQUAL", "DIFFERS", "HALF", "LIST", "DICT", "ATTRIBUTE", "CONTEXT", "COUNT", "SAME"),
    *("NUMBER", "TENSOR", "OPTION", "SKIP", "COPY", "GRADIENT", "SET", "TICK", "EITHER"),
    *("EQUALS", "UNCHANGED"),
)
CODE = {name: number for number, name in enumerate(OPERATIONS)}
#: what the code reaches through its table, in this order
_API = (
    *("PyDict_GetItem", "PyObject_GetAttr", "PyErr_Clear", "Py_DecRef", "Py_IncRef"),
    *("PyContextVar_Get", "PyObject_Vectorcall", "PyType_GenericNew", "PyTuple_New"),
)
#: words of a function's state, of a course, and of an output
STATE = ("courses", "count", "behind", "api", "last")
COURSE = (
    *("before", "n_before", "after", "n_after", "step", "table", "outputs", "n_outputs"),
    *("results", "n_results", "kind", "busy", "run", "runs"),
)
OUTPUT = ("slot", "ndim", "shape", "strides", "dtype", "edge")
#: what a course gives: nothing but a result in `results`, a tuple of them, or what `run` returns
ONE, TUPLE, RUN = range(3)
#: the kinds of results: (kind, what)
OBJECT, NEW, ARGUMENT = range(3)


def _word(base: str, index: int, name: str, kind: str = "i64") -> str:
    return (
        f"  %{name}.at = getelementptr i64, ptr {base}, i64 {index}\n"
        f"  %{name} = load {kind}, ptr %{name}.at\n"
    )


def _tests(at: Layout) -> dict[str, str]:
    """For each operation its block; it ends with a branch to %next, %no or one of its own."""

    def held(value: str, expected: str = "%c") -> str:
        return (
            f"  %r.{{0}} = icmp eq i64 {value}, {expected}\n"
            "  br i1 %r.{0}, label %next, label %no\n"
        )

    load = "  %p.{0} = inttoptr i64 %a to ptr\n  %w.{0} = load i64, ptr %p.{0}\n"
    argument = "  %g.{0} = getelementptr i64, ptr %args, i64 %a\n  %x.{0} = load i64, ptr %g.{0}\n"
    pairs = (
        "  %p.{0} = inttoptr i64 %a to ptr\n  br label %pair.{0}\n"
        "pair.{0}:\n  %j.{0} = phi i64 [0, %do.{0}], [%l.{0}, %same.{0}]\n"
        "  %m.{0} = icmp ult i64 %j.{0}, %b\n  br i1 %m.{0}, label %one.{0}, label %ALL\n"
        "one.{0}:\n  %k.{0} = shl i64 %j.{0}, 1\n"
        "  %q.{0} = getelementptr i64, ptr %p.{0}, i64 %k.{0}\n  %x.{0} = load ptr, ptr %q.{0}\n"
        "  %y.{0} = getelementptr i64, ptr %q.{0}, i64 1\n  %v.{0} = load i64, ptr %y.{0}\n"
        "  %w.{0} = load i64, ptr %x.{0}\n  %r.{0} = icmp eq i64 %w.{0}, %v.{0}\n"
        "  br i1 %r.{0}, label %same.{0}, label %SOME\n"
        "same.{0}:\n  %l.{0} = add i64 %j.{0}, 1\n  br label %pair.{0}\n"
    )
    return {
        "EQUALS": pairs.replace("ALL", "next").replace("SOME", "no"),
        "UNCHANGED": pairs.replace("ALL", "jump").replace("SOME", "next"),
        "EQUAL": load + held("%w.{0}", "%b"),
        "EITHER": load
        + "  %s.{0} = icmp eq i64 %w.{0}, %c\n  br i1 %s.{0}, label %next, label %second.{0}\n"
        "second.{0}:\n" + held("%w.{0}", "%b"),
        "DIFFERS": load
        + "  %r.{0} = icmp ne i64 %w.{0}, %b\n  br i1 %r.{0}, label %next, label %no\n",
        "HALF": "  %p.{0} = inttoptr i64 %a to ptr\n  %h.{0} = load i32, ptr %p.{0}\n"
        "  %w.{0} = zext i32 %h.{0} to i64\n" + held("%w.{0}", "%b"),
        "LIST": "  %q.{0} = add i64 %a, 24\n  %p.{0} = inttoptr i64 %q.{0} to ptr\n"
        "  %i.{0} = load ptr, ptr %p.{0}\n  %e.{0} = getelementptr i64, ptr %i.{0}, i64 %b\n"
        "  %w.{0} = load i64, ptr %e.{0}\n" + held("%w.{0}"),
        "DICT": "  %w.{0} = call i64 %PyDict_GetItem(i64 %a, i64 %b)\n" + held("%w.{0}"),
        "ATTRIBUTE": "  %w.{0} = call i64 %PyObject_GetAttr(i64 %a, i64 %b)\n"
        "  %z.{0} = icmp eq i64 %w.{0}, 0\n"
        "  br i1 %z.{0}, label %none.{0}, label %some.{0}\n"
        "none.{0}:\n  call void %PyErr_Clear()\n  br label %no\n"
        "some.{0}:\n  call void %Py_DecRef(i64 %w.{0})\n" + held("%w.{0}"),
        "CONTEXT": "  %s.{0} = call i32 %PyContextVar_Get(i64 %a, i64 0, ptr %room)\n"
        "  %w.{0} = load i64, ptr %room\n  call void %Py_DecRef(i64 %w.{0})\n"
        + held("%w.{0}", "%b"),
        "COUNT": held("%nargs", "%a"),
        "SAME": argument + held("%x.{0}", "%b"),
        "NUMBER": argument + "  %o.{0} = inttoptr i64 %x.{0} to ptr\n"
        "  %t.{0} = getelementptr i64, ptr %o.{0}, i64 1\n  %k.{0} = load i64, ptr %t.{0}\n"
        "  %f.{0} = icmp eq i64 %k.{0}, %float\n  br i1 %f.{0}, label %is.{0}, label %no\n"
        "is.{0}:\n  %v.{0} = getelementptr i64, ptr %o.{0}, i64 2\n"
        "  %w.{0} = load i64, ptr %v.{0}\n" + held("%w.{0}", "%b"),
        "TENSOR": "  %r.{0} = call i1 @tensor(i64 %a, i64 %b, ptr %args, ptr %table, ptr %api)\n"
        "  br i1 %r.{0}, label %next, label %no\n",
        "OPTION": "  %x.{0} = call i64 %PyDict_GetItem(i64 %a, i64 %b)\n"
        "  %z.{0} = icmp eq i64 %x.{0}, 0\n  br i1 %z.{0}, label %no, label %some.{0}\n"
        "some.{0}:\n  %o.{0} = inttoptr i64 %x.{0} to ptr\n"
        "  %t.{0} = getelementptr i64, ptr %o.{0}, i64 1\n  %k.{0} = load i64, ptr %t.{0}\n"
        "  %f.{0} = icmp eq i64 %k.{0}, %float\n  br i1 %f.{0}, label %is.{0}, label %no\n"
        "is.{0}:\n  %v.{0} = getelementptr i64, ptr %o.{0}, i64 2\n"
        "  %w.{0} = load i64, ptr %v.{0}\n  %d.{0} = inttoptr i64 %c to ptr\n"
        "  store i64 %w.{0}, ptr %d.{0}\n  br label %next\n",
        "SKIP": load + "  %q.{0} = inttoptr i64 %b to ptr\n  %u.{0} = load i64, ptr %q.{0}\n"
        "  %r.{0} = icmp eq i64 %w.{0}, %u.{0}\n  br i1 %r.{0}, label %jump, label %next\n",
        "COPY": load + "  %q.{0} = inttoptr i64 %b to ptr\n  store i64 %w.{0}, ptr %q.{0}\n"
        "  br label %next\n",
        "GRADIENT": load + "  %o.{0} = inttoptr i64 %b to ptr\n  %n.{0} = load i64, ptr %o.{0}\n"
        "  %r.{0} = icmp eq i64 %w.{0}, %b\n  br i1 %r.{0}, label %held.{0}, label %other.{0}\n"
        "held.{0}:\n  %h.{0} = icmp eq i64 %n.{0}, %c\n  br i1 %h.{0}, label %next, label %no\n"
        "other.{0}:\n  %l.{0} = add i64 %n.{0}, 1\n  %m.{0} = icmp eq i64 %l.{0}, %c\n"
        "  %y.{0} = icmp eq i64 %w.{0}, %none\n  %u.{0} = and i1 %m.{0}, %y.{0}\n"
        "  br i1 %u.{0}, label %next, label %no\n",
        "SET": load + "  %r.{0} = icmp eq i64 %w.{0}, %b\n"
        "  br i1 %r.{0}, label %next, label %set.{0}\n"
        "set.{0}:\n  call void %Py_IncRef(i64 %b)\n  store i64 %b, ptr %p.{0}\n"
        "  %z.{0} = icmp eq i64 %w.{0}, 0\n  br i1 %z.{0}, label %next, label %old.{0}\n"
        "old.{0}:\n  call void %Py_DecRef(i64 %w.{0})\n  br label %next\n",
        "TICK": load + "  %u.{0} = add i64 %w.{0}, 1\n  store i64 %u.{0}, ptr %p.{0}\n"
        "  %q.{0} = inttoptr i64 %b to ptr\n  store i64 %w.{0}, ptr %q.{0}\n"
        "  %o.{0} = inttoptr i64 %c to ptr\n  %v.{0} = load i64, ptr %o.{0}\n"
        "  %x.{0} = add i64 %v.{0}, 1\n  store i64 %x.{0}, ptr %o.{0}\n  br label %next\n",
    }


_LOADED = (*_API, "float", "none", "zero", "array", "new_array", "tensor_type")


def _api(*names: str) -> str:
    """The loads of what a function needs from the table."""
    lines = ""
    for name in names:
        kind = "ptr" if name in _API or name == "new_array" else "i64"
        lines += _word("%api", _LOADED.index(name), name, kind)
    return lines


def _run_function(at: Layout) -> str:
    """`i1 @run(...)`: whether all instructions hold."""
    cases = " ".join(f"i64 {CODE[name]}, label %do.{name}" for name in OPERATIONS)
    used = (*_API[:6], "float", "none")
    text = (
        "define internal i1 @run(ptr %code, i64 %n, ptr %args, i64 %nargs, ptr %table, ptr %api) {\n"
        f"entry:\n  %room = alloca i64\n{_api(*used)}  br label %loop\n"
        "loop:\n  %i = phi i64 [0, %entry], [%i.next, %next], [%i.jump, %jump]\n"
        "  %more = icmp ult i64 %i, %n\n  br i1 %more, label %body, label %yes\n"
        "body:\n  %at = shl i64 %i, 2\n  %pc = getelementptr i64, ptr %code, i64 %at\n"
        + _word("%pc", 0, "op")
        + _word("%pc", 1, "a")
        + _word("%pc", 2, "b")
        + _word("%pc", 3, "c")
        + f"  switch i64 %op, label %no [{cases}]\n"
    )
    for name, block in _tests(at).items():
        text += f"do.{name}:\n{block.format(name)}"
    return text + (
        "jump:\n  %i.more = add i64 %i, %c\n  %i.jump = add i64 %i.more, 1\n  br label %loop\n"
        "next:\n  %i.next = add i64 %i, 1\n  br label %loop\n"
        "yes:\n  ret i1 true\nno:\n  ret i1 false\n}\n"
    )


#: words of the block of a TENSOR instruction; shape and strides (in bytes) follow
TENSOR_BLOCK = ("type", "requires", "ndim", "dtype", "slot", "low", "high", "spans", "n_spans")


def _tensor_function(at: Layout) -> str:
    """`i1 @tensor(...)`: whether an argument is a tensor as its block says."""
    words = "".join(_word("%block", i, name) for i, name in enumerate(TENSOR_BLOCK))
    return (
        "define internal i1 @tensor(i64 %a, i64 %b, ptr %args, ptr %table, ptr %api) {\nentry:\n"
        "  %block = inttoptr i64 %b to ptr\n"
        + words
        + _api("none", "zero", "array")
        + f"""  %arg.at = getelementptr ptr, ptr %args, i64 %a
  %x = load ptr, ptr %arg.at
  %x.type.at = getelementptr i64, ptr %x, i64 1
  %x.type = load i64, ptr %x.type.at
  %c0 = icmp eq i64 %x.type, %type
  br i1 %c0, label %typed, label %no
typed:
  %e.at = getelementptr i8, ptr %x, i64 {at.edge}
  %e = load i64, ptr %e.at
  %plain = icmp eq i64 %e, %none
  %wants = icmp ne i64 %requires, 0
  %c1 = xor i1 %plain, %wants
  br i1 %c1, label %edged, label %no
edged:
  %v.at = getelementptr i8, ptr %x, i64 {at.family}
  %v = load i64, ptr %v.at
  %alone = icmp eq i64 %v, %none
  br i1 %alone, label %shown, label %related
related:
  %v.ptr = inttoptr i64 %v to ptr
  %rebased.at = getelementptr i8, ptr %v.ptr, i64 {at.rebased}
  %rebased = load i64, ptr %rebased.at
  %c2 = icmp eq i64 %rebased, %zero
  br i1 %c2, label %shown, label %no
shown:
  %y.at = getelementptr i8, ptr %x, i64 {at.array}
  %y = load ptr, ptr %y.at
  %y.type.at = getelementptr i64, ptr %y, i64 1
  %y.type = load i64, ptr %y.type.at
  %c3 = icmp eq i64 %y.type, %array
  br i1 %c3, label %arrayed, label %no
arrayed:
  %y.dtype.at = getelementptr i8, ptr %y, i64 {at.dtype}
  %y.dtype = load i64, ptr %y.dtype.at
  %y.ndim.at = getelementptr i8, ptr %y, i64 {at.ndim}
  %y.ndim.half = load i32, ptr %y.ndim.at
  %y.ndim = zext i32 %y.ndim.half to i64
  %c4 = icmp eq i64 %y.dtype, %dtype
  %c5 = icmp eq i64 %y.ndim, %ndim
  %c6 = and i1 %c4, %c5
  br i1 %c6, label %sized, label %no
sized:
  %shape.at = getelementptr i64, ptr %y, i64 4
  %shape = load ptr, ptr %shape.at
  %strides.at = getelementptr i64, ptr %y, i64 5
  %strides = load ptr, ptr %strides.at
  %wanted = getelementptr i64, ptr %block, i64 {len(TENSOR_BLOCK)}
  br label %axis
axis:
  %k = phi i64 [0, %sized], [%k.next, %same]
  %k.more = icmp ult i64 %k, %ndim
  br i1 %k.more, label %compare, label %placed
compare:
  %n.at = getelementptr i64, ptr %shape, i64 %k
  %n = load i64, ptr %n.at
  %m.at = getelementptr i64, ptr %wanted, i64 %k
  %m = load i64, ptr %m.at
  %s.at = getelementptr i64, ptr %strides, i64 %k
  %s = load i64, ptr %s.at
  %k.other = add i64 %k, %ndim
  %t.at = getelementptr i64, ptr %wanted, i64 %k.other
  %t = load i64, ptr %t.at
  %c7 = icmp eq i64 %n, %m
  %c8 = icmp eq i64 %s, %t
  %c9 = and i1 %c7, %c8
  br i1 %c9, label %same, label %no
same:
  %k.next = add i64 %k, 1
  br label %axis
placed:
  %data.at = getelementptr i64, ptr %y, i64 2
  %data = load i64, ptr %data.at
  %slot.at2 = getelementptr i64, ptr %table, i64 %slot
  store i64 %data, ptr %slot.at2
  %from = add i64 %data, %low
  %to = add i64 %data, %high
  %misfit = and i64 %data, 7
  %spans.ptr = inttoptr i64 %spans to ptr
  br label %span
span:
  %j = phi i64 [0, %placed], [%j.next, %apart]
  %j.more = icmp ult i64 %j, %n_spans
  br i1 %j.more, label %overlap, label %yes
overlap:
  %j2 = shl i64 %j, 1
  %p.at = getelementptr i64, ptr %spans.ptr, i64 %j2
  %p = load i64, ptr %p.at
  %j3 = add i64 %j2, 1
  %q.at = getelementptr i64, ptr %spans.ptr, i64 %j3
  %q = load i64, ptr %q.at
  %below = icmp ule i64 %to, %p
  %above = icmp ule i64 %q, %from
  %c10 = or i1 %below, %above
  br i1 %c10, label %apart, label %no
apart:
  %j.next = add i64 %j, 1
  br label %span
yes:
  ret i1 true
no:
  ret i1 false
}}
"""
    )


def _gate_function(at: Layout) -> str:
    """`ptr @gate(self, args, nargs, names)`: the builtin's function."""
    course = "".join(_word("%course", i, name) for i, name in enumerate(COURSE))
    pointers = "".join(
        f"  %{name}.ptr = inttoptr i64 %{name} to ptr\n"
        for name in ("before", "after", "step", "table", "outputs", "results")
    )
    used = ("Py_DecRef", "Py_IncRef", "PyObject_Vectorcall", "PyType_GenericNew", "PyTuple_New")
    output = "".join(_word("%out", i, f"o.{name}") for i, name in enumerate(OUTPUT))
    return (
        "define ptr @gate(ptr %self, ptr %args, i64 %nargs, ptr %names) {\nentry:\n"
        + _word("%self", 4, "state.word")
        + "  %state = inttoptr i64 %state.word to ptr\n"
        + "".join(_word("%state", i, name) for i, name in enumerate(STATE))
        + "  %api = inttoptr i64 %api.word to ptr\n".replace("%api.word", "%api.w")
        + _api(*used, "none", "new_array", "tensor_type")
        + f"""  %made = alloca [16 x i64]
  %positional = icmp eq ptr %names, null
  %courses.ptr = inttoptr i64 %courses to ptr
  br i1 %positional, label %try, label %behind.call
try:
  %i = phi i64 [0, %entry], [%i.next, %unfit]
  %i.more = icmp ult i64 %i, %count
  br i1 %i.more, label %look, label %behind.call
look:
  %course.at = getelementptr ptr, ptr %courses.ptr, i64 %i
  %course = load ptr, ptr %course.at
{course}{pointers}  %idle = icmp eq i64 %busy, 0
  br i1 %idle, label %ask, label %unfit
ask:
  %fits = call i1 @run(ptr %before.ptr, i64 %n_before, ptr %args, i64 %nargs, ptr %table.ptr, ptr %api)
  br i1 %fits, label %chosen, label %unfit
unfit:
  %i.next = add i64 %i, 1
  br label %try
chosen:
  %course.word = ptrtoint ptr %course to i64
  store i64 %course.word, ptr %last.at
  %python = icmp eq i64 %kind, {RUN}
  br i1 %python, label %run.call, label %make
run.call:
  %run.ptr = inttoptr i64 %run to ptr
  %run.result = call ptr %PyObject_Vectorcall(ptr %run.ptr, ptr %args, i64 %nargs, ptr null)
  ret ptr %run.result
make:
  %k = phi i64 [0, %chosen], [%k.next, %placed]
  %k.more = icmp ult i64 %k, %n_outputs
  br i1 %k.more, label %array, label %step.call
array:
  %out.first = mul i64 %k, {len(OUTPUT)}
  %out = getelementptr i64, ptr %outputs.ptr, i64 %out.first
{output}  call void %Py_IncRef(i64 %o.dtype)
  %o.ndim.half = trunc i64 %o.ndim to i32
  %array.type.at = getelementptr i64, ptr %api, i64 {_LOADED.index("array")}
  %array.type = load i64, ptr %array.type.at
  %new = call i64 %new_array(i64 %array.type, i64 %o.dtype, i32 %o.ndim.half, i64 %o.shape, i64 %o.strides, i64 0, i32 0, i64 0)
  %failed = icmp eq i64 %new, 0
  br i1 %failed, label %error, label %placed
placed:
  %made.at = getelementptr i64, ptr %made, i64 %k
  store i64 %new, ptr %made.at
  %new.ptr = inttoptr i64 %new to ptr
  %data.at = getelementptr i64, ptr %new.ptr, i64 2
  %data = load i64, ptr %data.at
  %entry.at = getelementptr i64, ptr %table.ptr, i64 %o.slot
  store i64 %data, ptr %entry.at
  %k.next = add i64 %k, 1
  br label %make
error:
  ret ptr null
step.call:
  %status = call i32 %step.ptr(ptr %table.ptr)
  %done = icmp eq i32 %status, 0
  br i1 %done, label %leave, label %drop
drop:
  %d = phi i64 [0, %step.call], [%d.next, %dropping]
  %d.more = icmp ult i64 %d, %n_outputs
  br i1 %d.more, label %dropping, label %behind.call
dropping:
  %d.at = getelementptr i64, ptr %made, i64 %d
  %d.array = load i64, ptr %d.at
  call void %Py_DecRef(i64 %d.array)
  %d.next = add i64 %d, 1
  br label %drop
leave:
  %runs.more = add i64 %runs, 1
  store i64 %runs.more, ptr %runs.at
  %left = call i1 @run(ptr %after.ptr, i64 %n_after, ptr %args, i64 %nargs, ptr %table.ptr, ptr %api)
  %several = icmp eq i64 %kind, {TUPLE}
  br i1 %several, label %pack, label %result.first
pack:
  %tuple = call ptr %PyTuple_New(i64 %n_results)
  br label %result.first
result.first:
  %holder = phi ptr [null, %leave], [%tuple, %pack]
  br label %result
result:
  %r = phi i64 [0, %result.first], [%r.next, %stored]
  %r2 = shl i64 %r, 1
  %kind.at2 = getelementptr i64, ptr %results.ptr, i64 %r2
  %r.kind = load i64, ptr %kind.at2
  %r3 = add i64 %r2, 1
  %what.at = getelementptr i64, ptr %results.ptr, i64 %r3
  %what = load i64, ptr %what.at
  switch i64 %r.kind, label %given.object [i64 {NEW}, label %given.new i64 {ARGUMENT}, label %given.argument]
given.object:
  call void %Py_IncRef(i64 %what)
  br label %given
given.argument:
  %arg.at = getelementptr i64, ptr %args, i64 %what
  %arg = load i64, ptr %arg.at
  call void %Py_IncRef(i64 %arg)
  br label %given
given.new:
  %t = call i64 %PyType_GenericNew(i64 %tensor_type, i64 0, i64 0)
  %t.ptr = inttoptr i64 %t to ptr
  %mine.at = getelementptr i64, ptr %made, i64 %what
  %mine = load i64, ptr %mine.at
  %a.at = getelementptr i8, ptr %t.ptr, i64 {at.array}
  store i64 %mine, ptr %a.at
  %edge.first = mul i64 %what, {len(OUTPUT)}
  %edge.place = add i64 %edge.first, {OUTPUT.index("edge")}
  %edge.at = getelementptr i64, ptr %outputs.ptr, i64 %edge.place
  %edge = load i64, ptr %edge.at
  call void %Py_IncRef(i64 %edge)
  %e.at = getelementptr i8, ptr %t.ptr, i64 {at.edge}
  store i64 %edge, ptr %e.at
  call void %Py_IncRef(i64 %none)
  %v.at = getelementptr i8, ptr %t.ptr, i64 {at.family}
  store i64 %none, ptr %v.at
  br label %given
given:
  %one = phi i64 [%what, %given.object], [%arg, %given.argument], [%t, %given.new]
  br i1 %several, label %item, label %single
single:
  %one.ptr = inttoptr i64 %one to ptr
  ret ptr %one.ptr
item:
  %item.place = add i64 %r, 3
  %item.at = getelementptr i64, ptr %holder, i64 %item.place
  store i64 %one, ptr %item.at
  br label %stored
stored:
  %r.next = add i64 %r, 1
  %r.more = icmp ult i64 %r.next, %n_results
  br i1 %r.more, label %result, label %packed
packed:
  ret ptr %holder
behind.call:
  %behind.ptr = inttoptr i64 %behind to ptr
  %behind.result = call ptr %PyObject_Vectorcall(ptr %behind.ptr, ptr %args, i64 %nargs, ptr %names)
  ret ptr %behind.result
}}
"""
    )


#: `i64 @repeat(step, table, n)`: runs a step n times, or until a check fails; how often it ran
_REPEAT = """
define i64 @repeat(ptr %step, ptr %table, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i.next, %next]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %end
body:
  %status = call i32 %step(ptr %table)
  %done = icmp eq i32 %status, 0
  br i1 %done, label %next, label %end
next:
  %i.next = add i64 %i, 1
  br label %loop
end:
  ret i64 %i
}
"""


def text(at: Layout) -> str:
    """The module."""
    gate = _gate_function(at).replace("  %api = inttoptr i64 %api.w to ptr\n", "")
    gate = gate.replace(_word("%state", 3, "api"), _word("%state", 3, "api", "ptr"))
    return _run_function(at) + _tensor_function(at) + gate + _REPEAT


class Gate:
    """The gate's code in this process, and what it reaches."""

    def __init__(self, at: Layout) -> None:
        self.layout = at
        self.library = native.build(text(at), opt=2)
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 2, ctypes.c_int64)
        self.repeat = prototype(self.library.address("repeat"))
        names = python_api((*_API, "PyFloat_Type"))
        self.big = 1 << 62
        self.keep = (0, self.big)
        words = [names[name] for name in _API]
        words += [names["PyFloat_Type"], id(None), id(0), id(np.ndarray), _new_array(), 0]
        self.api = np.array(words, np.int64)

    def builtin(self, state: np.ndarray, name: str, tensor_type: type) -> Any:
        """A builtin whose state are the words of STATE at an array's address."""
        self.api[_LOADED.index("tensor_type")] = id(tensor_type)
        itself = state.ctypes.data.to_bytes(8, "little") + bytes(8)
        address = self.library.address("gate")
        return entry(address, name, self_object=itself, keywords=True, keep=(self, state, itself))


def _new_array() -> int:
    """The address of PyArray_NewFromDescr, number 94 of NumPy's C interface."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = get(np._core._multiarray_umath._ARRAY_API, None)  # pyright: ignore
    return ctypes.c_int64.from_address(table + 94 * 8).value


@cache
def gate() -> Gate | None:
    """The gate, None where this Python or NumPy does not allow it."""
    at = layout()
    return None if at is None else Gate(at)
