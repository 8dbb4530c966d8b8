; The native gate of compiled functions. gate.py says what its words mean, and puts numbers in the
; place of the names that begin with a dollar sign: operations, offsets in objects, places of words.

; Whether all of n instructions hold.
define internal i1 @run(ptr %code, i64 %n, ptr %args, i64 %nargs, ptr %table, ptr %api) {
entry:
  %room = alloca i64
  %PyDict_GetItem.at = getelementptr i64, ptr %api, i64 $api_PyDict_GetItem
  %PyDict_GetItem = load ptr, ptr %PyDict_GetItem.at
  %PyObject_GetAttr.at = getelementptr i64, ptr %api, i64 $api_PyObject_GetAttr
  %PyObject_GetAttr = load ptr, ptr %PyObject_GetAttr.at
  %PyErr_Clear.at = getelementptr i64, ptr %api, i64 $api_PyErr_Clear
  %PyErr_Clear = load ptr, ptr %PyErr_Clear.at
  %Py_DecRef.at = getelementptr i64, ptr %api, i64 $api_Py_DecRef
  %Py_DecRef = load ptr, ptr %Py_DecRef.at
  %Py_IncRef.at = getelementptr i64, ptr %api, i64 $api_Py_IncRef
  %Py_IncRef = load ptr, ptr %Py_IncRef.at
  %PyContextVar_Get.at = getelementptr i64, ptr %api, i64 $api_PyContextVar_Get
  %PyContextVar_Get = load ptr, ptr %PyContextVar_Get.at
  %float.at = getelementptr i64, ptr %api, i64 $api_float
  %float = load i64, ptr %float.at
  %none.at = getelementptr i64, ptr %api, i64 $api_none
  %none = load i64, ptr %none.at
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i.next, %next], [%i.jump, %jump]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %yes
body:
  %at = shl i64 %i, 2
  %pc = getelementptr i64, ptr %code, i64 %at
  %op.at = getelementptr i64, ptr %pc, i64 0
  %op = load i64, ptr %op.at
  %a.at = getelementptr i64, ptr %pc, i64 1
  %a = load i64, ptr %a.at
  %b.at = getelementptr i64, ptr %pc, i64 2
  %b = load i64, ptr %b.at
  %c.at = getelementptr i64, ptr %pc, i64 3
  %c = load i64, ptr %c.at
  switch i64 %op, label %no [
    i64 $EQUAL, label %do.EQUAL
    i64 $HALF, label %do.HALF
    i64 $LIST, label %do.LIST
    i64 $DICT, label %do.DICT
    i64 $ATTRIBUTE, label %do.ATTRIBUTE
    i64 $CONTEXT, label %do.CONTEXT
    i64 $COUNT, label %do.COUNT
    i64 $SAME, label %do.SAME
    i64 $NUMBER, label %do.NUMBER
    i64 $TENSOR, label %do.TENSOR
    i64 $OPTION, label %do.OPTION
    i64 $SKIP, label %do.SKIP
    i64 $COPY, label %do.COPY
    i64 $GRADIENT, label %do.GRADIENT
    i64 $SET, label %do.SET
    i64 $TICK, label %do.TICK
    i64 $EITHER, label %do.EITHER
    i64 $EQUALS, label %do.EQUALS
    i64 $UNCHANGED, label %do.UNCHANGED
    i64 $FLOAT, label %do.FLOAT]
do.EQUALS:
  %p.EQUALS = inttoptr i64 %a to ptr
  %e.EQUALS = getelementptr [2 x i64], ptr %p.EQUALS, i64 %b
  br label %pair.EQUALS
pair.EQUALS:
  %q.EQUALS = phi ptr [%p.EQUALS, %do.EQUALS], [%l.EQUALS, %same.EQUALS3]
  %m.EQUALS = icmp ult ptr %q.EQUALS, %e.EQUALS
  br i1 %m.EQUALS, label %one.EQUALS0, label %next
one.EQUALS0:
  %a.EQUALS0 = getelementptr i64, ptr %q.EQUALS, i64 0
  %x.EQUALS0 = load ptr, ptr %a.EQUALS0
  %y.EQUALS0 = getelementptr i64, ptr %q.EQUALS, i64 1
  %v.EQUALS0 = load i64, ptr %y.EQUALS0
  %w.EQUALS0 = load i64, ptr %x.EQUALS0
  %r.EQUALS0 = icmp eq i64 %w.EQUALS0, %v.EQUALS0
  br i1 %r.EQUALS0, label %one.EQUALS1, label %no
one.EQUALS1:
  %a.EQUALS1 = getelementptr i64, ptr %q.EQUALS, i64 2
  %x.EQUALS1 = load ptr, ptr %a.EQUALS1
  %y.EQUALS1 = getelementptr i64, ptr %q.EQUALS, i64 3
  %v.EQUALS1 = load i64, ptr %y.EQUALS1
  %w.EQUALS1 = load i64, ptr %x.EQUALS1
  %r.EQUALS1 = icmp eq i64 %w.EQUALS1, %v.EQUALS1
  br i1 %r.EQUALS1, label %one.EQUALS2, label %no
one.EQUALS2:
  %a.EQUALS2 = getelementptr i64, ptr %q.EQUALS, i64 4
  %x.EQUALS2 = load ptr, ptr %a.EQUALS2
  %y.EQUALS2 = getelementptr i64, ptr %q.EQUALS, i64 5
  %v.EQUALS2 = load i64, ptr %y.EQUALS2
  %w.EQUALS2 = load i64, ptr %x.EQUALS2
  %r.EQUALS2 = icmp eq i64 %w.EQUALS2, %v.EQUALS2
  br i1 %r.EQUALS2, label %one.EQUALS3, label %no
one.EQUALS3:
  %a.EQUALS3 = getelementptr i64, ptr %q.EQUALS, i64 6
  %x.EQUALS3 = load ptr, ptr %a.EQUALS3
  %y.EQUALS3 = getelementptr i64, ptr %q.EQUALS, i64 7
  %v.EQUALS3 = load i64, ptr %y.EQUALS3
  %w.EQUALS3 = load i64, ptr %x.EQUALS3
  %r.EQUALS3 = icmp eq i64 %w.EQUALS3, %v.EQUALS3
  br i1 %r.EQUALS3, label %same.EQUALS3, label %no
same.EQUALS3:
  %l.EQUALS = getelementptr i64, ptr %q.EQUALS, i64 8
  br label %pair.EQUALS
do.UNCHANGED:
  %p.UNCHANGED = inttoptr i64 %a to ptr
  %e.UNCHANGED = getelementptr [2 x i64], ptr %p.UNCHANGED, i64 %b
  br label %pair.UNCHANGED
pair.UNCHANGED:
  %q.UNCHANGED = phi ptr [%p.UNCHANGED, %do.UNCHANGED], [%l.UNCHANGED, %same.UNCHANGED3]
  %m.UNCHANGED = icmp ult ptr %q.UNCHANGED, %e.UNCHANGED
  br i1 %m.UNCHANGED, label %one.UNCHANGED0, label %jump
one.UNCHANGED0:
  %a.UNCHANGED0 = getelementptr i64, ptr %q.UNCHANGED, i64 0
  %x.UNCHANGED0 = load ptr, ptr %a.UNCHANGED0
  %y.UNCHANGED0 = getelementptr i64, ptr %q.UNCHANGED, i64 1
  %v.UNCHANGED0 = load i64, ptr %y.UNCHANGED0
  %w.UNCHANGED0 = load i64, ptr %x.UNCHANGED0
  %r.UNCHANGED0 = icmp eq i64 %w.UNCHANGED0, %v.UNCHANGED0
  br i1 %r.UNCHANGED0, label %one.UNCHANGED1, label %next
one.UNCHANGED1:
  %a.UNCHANGED1 = getelementptr i64, ptr %q.UNCHANGED, i64 2
  %x.UNCHANGED1 = load ptr, ptr %a.UNCHANGED1
  %y.UNCHANGED1 = getelementptr i64, ptr %q.UNCHANGED, i64 3
  %v.UNCHANGED1 = load i64, ptr %y.UNCHANGED1
  %w.UNCHANGED1 = load i64, ptr %x.UNCHANGED1
  %r.UNCHANGED1 = icmp eq i64 %w.UNCHANGED1, %v.UNCHANGED1
  br i1 %r.UNCHANGED1, label %one.UNCHANGED2, label %next
one.UNCHANGED2:
  %a.UNCHANGED2 = getelementptr i64, ptr %q.UNCHANGED, i64 4
  %x.UNCHANGED2 = load ptr, ptr %a.UNCHANGED2
  %y.UNCHANGED2 = getelementptr i64, ptr %q.UNCHANGED, i64 5
  %v.UNCHANGED2 = load i64, ptr %y.UNCHANGED2
  %w.UNCHANGED2 = load i64, ptr %x.UNCHANGED2
  %r.UNCHANGED2 = icmp eq i64 %w.UNCHANGED2, %v.UNCHANGED2
  br i1 %r.UNCHANGED2, label %one.UNCHANGED3, label %next
one.UNCHANGED3:
  %a.UNCHANGED3 = getelementptr i64, ptr %q.UNCHANGED, i64 6
  %x.UNCHANGED3 = load ptr, ptr %a.UNCHANGED3
  %y.UNCHANGED3 = getelementptr i64, ptr %q.UNCHANGED, i64 7
  %v.UNCHANGED3 = load i64, ptr %y.UNCHANGED3
  %w.UNCHANGED3 = load i64, ptr %x.UNCHANGED3
  %r.UNCHANGED3 = icmp eq i64 %w.UNCHANGED3, %v.UNCHANGED3
  br i1 %r.UNCHANGED3, label %same.UNCHANGED3, label %next
same.UNCHANGED3:
  %l.UNCHANGED = getelementptr i64, ptr %q.UNCHANGED, i64 8
  br label %pair.UNCHANGED
do.EQUAL:
  %p.EQUAL = inttoptr i64 %a to ptr
  %w.EQUAL = load i64, ptr %p.EQUAL
  %r.EQUAL = icmp eq i64 %w.EQUAL, %b
  br i1 %r.EQUAL, label %next, label %no
do.EITHER:
  %p.EITHER = inttoptr i64 %a to ptr
  %w.EITHER = load i64, ptr %p.EITHER
  %s.EITHER = icmp eq i64 %w.EITHER, %c
  br i1 %s.EITHER, label %next, label %second.EITHER
second.EITHER:
  %r.EITHER = icmp eq i64 %w.EITHER, %b
  br i1 %r.EITHER, label %next, label %no
do.HALF:
  %p.HALF = inttoptr i64 %a to ptr
  %h.HALF = load i32, ptr %p.HALF
  %w.HALF = zext i32 %h.HALF to i64
  %r.HALF = icmp eq i64 %w.HALF, %b
  br i1 %r.HALF, label %next, label %no
do.LIST:
  %l.LIST = inttoptr i64 %a to ptr
  %s.LIST = getelementptr i64, ptr %l.LIST, i64 2
  %n.LIST = load i64, ptr %s.LIST
  %m.LIST = icmp ult i64 %b, %n.LIST
  br i1 %m.LIST, label %within.LIST, label %no
within.LIST:
  %p.LIST = getelementptr i64, ptr %l.LIST, i64 3
  %i.LIST = load ptr, ptr %p.LIST
  %e.LIST = getelementptr i64, ptr %i.LIST, i64 %b
  %w.LIST = load i64, ptr %e.LIST
  %r.LIST = icmp eq i64 %w.LIST, %c
  br i1 %r.LIST, label %next, label %no
do.DICT:
  %w.DICT = call i64 %PyDict_GetItem(i64 %a, i64 %b)
  %r.DICT = icmp eq i64 %w.DICT, %c
  br i1 %r.DICT, label %next, label %no
do.ATTRIBUTE:
  %w.ATTRIBUTE = call i64 %PyObject_GetAttr(i64 %a, i64 %b)
  %z.ATTRIBUTE = icmp eq i64 %w.ATTRIBUTE, 0
  br i1 %z.ATTRIBUTE, label %none.ATTRIBUTE, label %some.ATTRIBUTE
none.ATTRIBUTE:
  call void %PyErr_Clear()
  br label %no
some.ATTRIBUTE:
  call void %Py_DecRef(i64 %w.ATTRIBUTE)
  %r.ATTRIBUTE = icmp eq i64 %w.ATTRIBUTE, %c
  br i1 %r.ATTRIBUTE, label %next, label %no
do.CONTEXT:
  %s.CONTEXT = call i32 %PyContextVar_Get(i64 %a, i64 0, ptr %room)
  %w.CONTEXT = load i64, ptr %room
  call void %Py_DecRef(i64 %w.CONTEXT)
  %r.CONTEXT = icmp eq i64 %w.CONTEXT, %b
  br i1 %r.CONTEXT, label %next, label %no
do.COUNT:
  %r.COUNT = icmp eq i64 %nargs, %a
  br i1 %r.COUNT, label %next, label %no
do.SAME:
  %g.SAME = getelementptr i64, ptr %args, i64 %a
  %x.SAME = load i64, ptr %g.SAME
  %r.SAME = icmp eq i64 %x.SAME, %b
  br i1 %r.SAME, label %next, label %no
do.NUMBER:
  %g.NUMBER = getelementptr i64, ptr %args, i64 %a
  %x.NUMBER = load i64, ptr %g.NUMBER
  %o.NUMBER = inttoptr i64 %x.NUMBER to ptr
  %t.NUMBER = getelementptr i64, ptr %o.NUMBER, i64 1
  %k.NUMBER = load i64, ptr %t.NUMBER
  %f.NUMBER = icmp eq i64 %k.NUMBER, %float
  br i1 %f.NUMBER, label %is.NUMBER, label %no
is.NUMBER:
  %v.NUMBER = getelementptr i64, ptr %o.NUMBER, i64 2
  %w.NUMBER = load i64, ptr %v.NUMBER
  %r.NUMBER = icmp eq i64 %w.NUMBER, %b
  br i1 %r.NUMBER, label %next, label %no
do.FLOAT:
  %g.FLOAT = getelementptr i64, ptr %args, i64 %a
  %x.FLOAT = load ptr, ptr %g.FLOAT
  %t.FLOAT = getelementptr i64, ptr %x.FLOAT, i64 1
  %k.FLOAT = load i64, ptr %t.FLOAT
  %f.FLOAT = icmp eq i64 %k.FLOAT, %float
  br i1 %f.FLOAT, label %is.FLOAT, label %no
is.FLOAT:
  %v.FLOAT = getelementptr i64, ptr %x.FLOAT, i64 2
  %w.FLOAT = load i64, ptr %v.FLOAT
  %d.FLOAT = inttoptr i64 %b to ptr
  store i64 %w.FLOAT, ptr %d.FLOAT
  br label %next
do.TENSOR:
  %r.TENSOR = call i1 @tensor(i64 %a, i64 %b, ptr %args, ptr %table, ptr %api)
  br i1 %r.TENSOR, label %next, label %no
do.OPTION:
  %x.OPTION = call i64 %PyDict_GetItem(i64 %a, i64 %b)
  %z.OPTION = icmp eq i64 %x.OPTION, 0
  br i1 %z.OPTION, label %no, label %some.OPTION
some.OPTION:
  %o.OPTION = inttoptr i64 %x.OPTION to ptr
  %t.OPTION = getelementptr i64, ptr %o.OPTION, i64 1
  %k.OPTION = load i64, ptr %t.OPTION
  %f.OPTION = icmp eq i64 %k.OPTION, %float
  br i1 %f.OPTION, label %is.OPTION, label %no
is.OPTION:
  %v.OPTION = getelementptr i64, ptr %o.OPTION, i64 2
  %w.OPTION = load i64, ptr %v.OPTION
  %d.OPTION = inttoptr i64 %c to ptr
  store i64 %w.OPTION, ptr %d.OPTION
  br label %next
do.SKIP:
  %p.SKIP = inttoptr i64 %a to ptr
  %w.SKIP = load i64, ptr %p.SKIP
  %q.SKIP = inttoptr i64 %b to ptr
  %u.SKIP = load i64, ptr %q.SKIP
  %r.SKIP = icmp eq i64 %w.SKIP, %u.SKIP
  br i1 %r.SKIP, label %jump, label %next
do.COPY:
  %p.COPY = inttoptr i64 %a to ptr
  %w.COPY = load i64, ptr %p.COPY
  %q.COPY = inttoptr i64 %b to ptr
  store i64 %w.COPY, ptr %q.COPY
  br label %next
do.GRADIENT:
  %p.GRADIENT = inttoptr i64 %a to ptr
  %w.GRADIENT = load i64, ptr %p.GRADIENT
  %o.GRADIENT = inttoptr i64 %b to ptr
  %n.GRADIENT = load i64, ptr %o.GRADIENT
  %r.GRADIENT = icmp eq i64 %w.GRADIENT, %b
  br i1 %r.GRADIENT, label %held.GRADIENT, label %other.GRADIENT
held.GRADIENT:
  %h.GRADIENT = icmp eq i64 %n.GRADIENT, %c
  br i1 %h.GRADIENT, label %next, label %no
other.GRADIENT:
  %l.GRADIENT = add i64 %n.GRADIENT, 1
  %m.GRADIENT = icmp eq i64 %l.GRADIENT, %c
  br i1 %m.GRADIENT, label %next, label %no
do.SET:
  %p.SET = inttoptr i64 %a to ptr
  %w.SET = load i64, ptr %p.SET
  %r.SET = icmp eq i64 %w.SET, %b
  br i1 %r.SET, label %next, label %set.SET
set.SET:
  call void %Py_IncRef(i64 %b)
  store i64 %b, ptr %p.SET
  %z.SET = icmp eq i64 %w.SET, 0
  br i1 %z.SET, label %next, label %old.SET
old.SET:
  call void %Py_DecRef(i64 %w.SET)
  br label %next
do.TICK:
  %p.TICK = inttoptr i64 %a to ptr
  %w.TICK = load i64, ptr %p.TICK
  %u.TICK = add i64 %w.TICK, 1
  store i64 %u.TICK, ptr %p.TICK
  %q.TICK = inttoptr i64 %b to ptr
  store i64 %w.TICK, ptr %q.TICK
  %o.TICK = inttoptr i64 %c to ptr
  %v.TICK = load i64, ptr %o.TICK
  %x.TICK = add i64 %v.TICK, 1
  store i64 %x.TICK, ptr %o.TICK
  br label %next
jump:
  %i.more = add i64 %i, %c
  %i.jump = add i64 %i.more, 1
  br label %loop
next:
  %i.next = add i64 %i, 1
  br label %loop
yes:
  ret i1 true
no:
  ret i1 false
}

; Whether argument a is a tensor as the block b says; where it lies goes into the table.
define internal i1 @tensor(i64 %a, i64 %b, ptr %args, ptr %table, ptr %api) {
entry:
  %block = inttoptr i64 %b to ptr
  %type.at = getelementptr i64, ptr %block, i64 $block_type
  %type = load i64, ptr %type.at
  %requires.at = getelementptr i64, ptr %block, i64 $block_requires
  %requires = load i64, ptr %requires.at
  %ndim.at = getelementptr i64, ptr %block, i64 $block_ndim
  %ndim = load i64, ptr %ndim.at
  %dtype.at = getelementptr i64, ptr %block, i64 $block_dtype
  %dtype = load i64, ptr %dtype.at
  %slot.at = getelementptr i64, ptr %block, i64 $block_slot
  %slot = load i64, ptr %slot.at
  %low.at = getelementptr i64, ptr %block, i64 $block_low
  %low = load i64, ptr %low.at
  %high.at = getelementptr i64, ptr %block, i64 $block_high
  %high = load i64, ptr %high.at
  %spans.at = getelementptr i64, ptr %block, i64 $block_spans
  %spans = load i64, ptr %spans.at
  %n_spans.at = getelementptr i64, ptr %block, i64 $block_n_spans
  %n_spans = load i64, ptr %n_spans.at
  %none.at = getelementptr i64, ptr %api, i64 $api_none
  %none = load i64, ptr %none.at
  %zero.at = getelementptr i64, ptr %api, i64 $api_zero
  %zero = load i64, ptr %zero.at
  %array.at = getelementptr i64, ptr %api, i64 $api_array
  %array = load i64, ptr %array.at
  %arg.at = getelementptr ptr, ptr %args, i64 %a
  %x = load ptr, ptr %arg.at
  %x.type.at = getelementptr i64, ptr %x, i64 1
  %x.type = load i64, ptr %x.type.at
  %c0 = icmp eq i64 %x.type, %type
  br i1 %c0, label %typed, label %no
typed:
  %e.at = getelementptr i8, ptr %x, i64 $at_edge
  %e = load i64, ptr %e.at
  %plain = icmp eq i64 %e, %none
  %wants = icmp ne i64 %requires, 0
  %c1 = xor i1 %plain, %wants
  br i1 %c1, label %edged, label %no
edged:
  %v.at = getelementptr i8, ptr %x, i64 $at_family
  %v = load i64, ptr %v.at
  %alone = icmp eq i64 %v, %none
  br i1 %alone, label %shown, label %related
related:
  %v.ptr = inttoptr i64 %v to ptr
  %rebased.at = getelementptr i8, ptr %v.ptr, i64 $at_rebased
  %rebased = load i64, ptr %rebased.at
  %c2 = icmp eq i64 %rebased, %zero
  br i1 %c2, label %shown, label %no
shown:
  %y.at = getelementptr i8, ptr %x, i64 $at_array
  %y = load ptr, ptr %y.at
  %y.type.at = getelementptr i64, ptr %y, i64 1
  %y.type = load i64, ptr %y.type.at
  %c3 = icmp eq i64 %y.type, %array
  br i1 %c3, label %arrayed, label %no
arrayed:
  %y.dtype.at = getelementptr i8, ptr %y, i64 $at_dtype
  %y.dtype = load i64, ptr %y.dtype.at
  %y.ndim.at = getelementptr i8, ptr %y, i64 $at_ndim
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
  %wanted = getelementptr i64, ptr %block, i64 $block_end
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
}

; A number that says which shapes the arguments have. courses.py computes the same of a course.
define internal i64 @hash(ptr %args, i64 %nargs, ptr %api) {
entry:
  %tensor_type.at = getelementptr i64, ptr %api, i64 $api_tensor_type
  %tensor_type = load i64, ptr %tensor_type.at
  %array_type.at = getelementptr i64, ptr %api, i64 $api_array
  %array_type = load i64, ptr %array_type.at
  br label %argument
argument:
  %i = phi i64 [0, %entry], [%i.next, %next]
  %h = phi i64 [%nargs, %entry], [%h.next, %next]
  %i.more = icmp ult i64 %i, %nargs
  br i1 %i.more, label %look, label %done
look:
  %x.at = getelementptr ptr, ptr %args, i64 %i
  %x = load ptr, ptr %x.at
  %x.type.at = getelementptr i64, ptr %x, i64 1
  %x.type = load i64, ptr %x.type.at
  %is.tensor = icmp eq i64 %x.type, %tensor_type
  br i1 %is.tensor, label %tensor, label %next
tensor:
  %y.at = getelementptr i8, ptr %x, i64 $at_array
  %y = load ptr, ptr %y.at
  %y.type.at = getelementptr i64, ptr %y, i64 1
  %y.type = load i64, ptr %y.type.at
  %is.array = icmp eq i64 %y.type, %array_type
  br i1 %is.array, label %array, label %next
array:
  %ndim.at = getelementptr i8, ptr %y, i64 $at_ndim
  %ndim.half = load i32, ptr %ndim.at
  %ndim = zext i32 %ndim.half to i64
  %shape.at = getelementptr i64, ptr %y, i64 4
  %shape = load ptr, ptr %shape.at
  br label %axis
axis:
  %k = phi i64 [0, %array], [%k.next, %mix]
  %g = phi i64 [%h, %array], [%g.next, %mix]
  %k.more = icmp ult i64 %k, %ndim
  br i1 %k.more, label %mix, label %next
mix:
  %n.at = getelementptr i64, ptr %shape, i64 %k
  %n = load i64, ptr %n.at
  %g.xor = xor i64 %g, %n
  %g.mul = mul i64 %g.xor, $HASH
  %g.high = lshr i64 %g.mul, 29
  %g.next = xor i64 %g.mul, %g.high
  %k.next = add i64 %k, 1
  br label %axis
next:
  %h.next = phi i64 [%h, %look], [%h, %tensor], [%g, %axis]
  %i.next = add i64 %i, 1
  br label %argument
done:
  ret i64 %h
}

; The function of the builtin: METH_FASTCALL | METH_KEYWORDS.
define ptr @gate(ptr %self, ptr %args, i64 %nargs, ptr %names) {
entry:
  %state.word.at = getelementptr i64, ptr %self, i64 4
  %state.word = load i64, ptr %state.word.at
  %state = inttoptr i64 %state.word to ptr
  %courses.at = getelementptr i64, ptr %state, i64 $state_courses
  %courses = load i64, ptr %courses.at
  %count.at = getelementptr i64, ptr %state, i64 $state_count
  %count = load i64, ptr %count.at
  %behind.at = getelementptr i64, ptr %state, i64 $state_behind
  %behind = load i64, ptr %behind.at
  %api.at = getelementptr i64, ptr %state, i64 $state_api
  %api = load ptr, ptr %api.at
  %last.at = getelementptr i64, ptr %state, i64 $state_last
  %index.at = getelementptr i64, ptr %state, i64 $state_index
  %index = load i64, ptr %index.at
  %mask.at = getelementptr i64, ptr %state, i64 $state_mask
  %mask = load i64, ptr %mask.at
  %Py_DecRef.at = getelementptr i64, ptr %api, i64 $api_Py_DecRef
  %Py_DecRef = load ptr, ptr %Py_DecRef.at
  %Py_IncRef.at = getelementptr i64, ptr %api, i64 $api_Py_IncRef
  %Py_IncRef = load ptr, ptr %Py_IncRef.at
  %PyObject_Vectorcall.at = getelementptr i64, ptr %api, i64 $api_PyObject_Vectorcall
  %PyObject_Vectorcall = load ptr, ptr %PyObject_Vectorcall.at
  %PyType_GenericNew.at = getelementptr i64, ptr %api, i64 $api_PyType_GenericNew
  %PyType_GenericNew = load ptr, ptr %PyType_GenericNew.at
  %PyTuple_New.at = getelementptr i64, ptr %api, i64 $api_PyTuple_New
  %PyTuple_New = load ptr, ptr %PyTuple_New.at
  %none.at = getelementptr i64, ptr %api, i64 $api_none
  %none = load i64, ptr %none.at
  %new_array.at = getelementptr i64, ptr %api, i64 $api_new_array
  %new_array = load ptr, ptr %new_array.at
  %tensor_type.at = getelementptr i64, ptr %api, i64 $api_tensor_type
  %tensor_type = load i64, ptr %tensor_type.at
  %made = alloca [16 x i64]
  %positional = icmp eq ptr %names, null
  %courses.ptr = inttoptr i64 %courses to ptr
  br i1 %positional, label %start, label %behind.call
start:
  %few = icmp eq i64 %index, 0
  br i1 %few, label %try, label %many
many:
  %hash = call i64 @hash(ptr %args, i64 %nargs, ptr %api)
  %bucket = and i64 %hash, %mask
  %bucket.word = shl i64 %bucket, 1
  %index.ptr = inttoptr i64 %index to ptr
  %bucket.at = getelementptr i64, ptr %index.ptr, i64 %bucket.word
  %bucket.first = load i64, ptr %bucket.at
  %bucket.end.at = getelementptr i64, ptr %bucket.at, i64 1
  %bucket.end = load i64, ptr %bucket.end.at
  br label %try
try:
  %i = phi i64 [0, %start], [%bucket.first, %many], [%i.next, %unfit]
  %end = phi i64 [%count, %start], [%bucket.end, %many], [%end, %unfit]
  %i.more = icmp ult i64 %i, %end
  br i1 %i.more, label %look, label %behind.call
look:
  %course.at = getelementptr ptr, ptr %courses.ptr, i64 %i
  %course = load ptr, ptr %course.at
  %before.at = getelementptr i64, ptr %course, i64 $course_before
  %before = load i64, ptr %before.at
  %n_before.at = getelementptr i64, ptr %course, i64 $course_n_before
  %n_before = load i64, ptr %n_before.at
  %after.at = getelementptr i64, ptr %course, i64 $course_after
  %after = load i64, ptr %after.at
  %n_after.at = getelementptr i64, ptr %course, i64 $course_n_after
  %n_after = load i64, ptr %n_after.at
  %step.at = getelementptr i64, ptr %course, i64 $course_step
  %step = load i64, ptr %step.at
  %table.at = getelementptr i64, ptr %course, i64 $course_table
  %table = load i64, ptr %table.at
  %outputs.at = getelementptr i64, ptr %course, i64 $course_outputs
  %outputs = load i64, ptr %outputs.at
  %n_outputs.at = getelementptr i64, ptr %course, i64 $course_n_outputs
  %n_outputs = load i64, ptr %n_outputs.at
  %results.at = getelementptr i64, ptr %course, i64 $course_results
  %results = load i64, ptr %results.at
  %n_results.at = getelementptr i64, ptr %course, i64 $course_n_results
  %n_results = load i64, ptr %n_results.at
  %kind.at = getelementptr i64, ptr %course, i64 $course_kind
  %kind = load i64, ptr %kind.at
  %busy.at = getelementptr i64, ptr %course, i64 $course_busy
  %busy = load i64, ptr %busy.at
  %run.at = getelementptr i64, ptr %course, i64 $course_run
  %run = load i64, ptr %run.at
  %runs.at = getelementptr i64, ptr %course, i64 $course_runs
  %runs = load i64, ptr %runs.at
  %before.ptr = inttoptr i64 %before to ptr
  %after.ptr = inttoptr i64 %after to ptr
  %step.ptr = inttoptr i64 %step to ptr
  %table.ptr = inttoptr i64 %table to ptr
  %outputs.ptr = inttoptr i64 %outputs to ptr
  %results.ptr = inttoptr i64 %results to ptr
  %idle = icmp eq i64 %busy, 0
  br i1 %idle, label %ask, label %unfit
ask:
  %fits = call i1 @run(ptr %before.ptr, i64 %n_before, ptr %args, i64 %nargs, ptr %table.ptr,
      ptr %api)
  br i1 %fits, label %chosen, label %unfit
unfit:
  %i.next = add i64 %i, 1
  br label %try
chosen:
  %course.word = ptrtoint ptr %course to i64
  store i64 %course.word, ptr %last.at
  %python = icmp eq i64 %kind, $RUN
  br i1 %python, label %run.call, label %make
run.call:
  %run.ptr = inttoptr i64 %run to ptr
  call void %Py_IncRef(i64 %run)
  %run.result = call ptr %PyObject_Vectorcall(ptr %run.ptr, ptr %args, i64 %nargs, ptr null)
  call void %Py_DecRef(i64 %run)
  ret ptr %run.result
make:
  %k = phi i64 [0, %chosen], [%k.next, %placed]
  %k.more = icmp ult i64 %k, %n_outputs
  br i1 %k.more, label %array, label %step.call
array:
  %out.first = mul i64 %k, $output_words
  %out = getelementptr i64, ptr %outputs.ptr, i64 %out.first
  %o.slot.at = getelementptr i64, ptr %out, i64 $out_slot
  %o.slot = load i64, ptr %o.slot.at
  %o.ndim.at = getelementptr i64, ptr %out, i64 $out_ndim
  %o.ndim = load i64, ptr %o.ndim.at
  %o.shape.at = getelementptr i64, ptr %out, i64 $out_shape
  %o.shape = load i64, ptr %o.shape.at
  %o.strides.at = getelementptr i64, ptr %out, i64 $out_strides
  %o.strides = load i64, ptr %o.strides.at
  %o.dtype.at = getelementptr i64, ptr %out, i64 $out_dtype
  %o.dtype = load i64, ptr %o.dtype.at
  %o.edge.at = getelementptr i64, ptr %out, i64 $out_edge
  %o.edge = load i64, ptr %o.edge.at
  call void %Py_IncRef(i64 %o.dtype)
  %o.ndim.half = trunc i64 %o.ndim to i32
  %array.type.at = getelementptr i64, ptr %api, i64 $api_array
  %array.type = load i64, ptr %array.type.at
  %new = call i64 %new_array(i64 %array.type, i64 %o.dtype, i32 %o.ndim.half, i64 %o.shape,
      i64 %o.strides, i64 0, i32 0, i64 0)
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
  store i64 1, ptr %busy.at
  %left = call i1 @run(ptr %after.ptr, i64 %n_after, ptr %args, i64 %nargs, ptr %table.ptr,
      ptr %api)
  %several = icmp eq i64 %kind, $TUPLE
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
  switch i64 %r.kind, label %given.object [
    i64 $NEW, label %given.new
    i64 $ARGUMENT, label %given.argument
  ]
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
  %a.at = getelementptr i8, ptr %t.ptr, i64 $at_array
  store i64 %mine, ptr %a.at
  %edge.first = mul i64 %what, $output_words
  %edge.place = add i64 %edge.first, $out_edge
  %edge.at = getelementptr i64, ptr %outputs.ptr, i64 %edge.place
  %edge = load i64, ptr %edge.at
  call void %Py_IncRef(i64 %edge)
  %e.at = getelementptr i8, ptr %t.ptr, i64 $at_edge
  store i64 %edge, ptr %e.at
  call void %Py_IncRef(i64 %none)
  %v.at = getelementptr i8, ptr %t.ptr, i64 $at_family
  store i64 %none, ptr %v.at
  br label %given
given:
  %one = phi i64 [%what, %given.object], [%arg, %given.argument], [%t, %given.new]
  br i1 %several, label %item, label %single
single:
  store i64 0, ptr %busy.at
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
  store i64 0, ptr %busy.at
  ret ptr %holder
behind.call:
  %behind.ptr = inttoptr i64 %behind to ptr
  %behind.result = call ptr %PyObject_Vectorcall(ptr %behind.ptr, ptr %args, i64 %nargs, ptr %names)
  ret ptr %behind.result
}

; Runs a step n times, or until a check fails; how often it ran.
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
