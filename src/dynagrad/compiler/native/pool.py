"""Threads for parallel loops of native code.

A region is a function `void kernel(ptr args, i64 begin, i64 end)` and a range 0..n in chunks: it is
called for `[0, chunk)`, `[chunk, 2 chunk)`, ... and the rest, each once, whatever the number of
threads, so that results do not depend on it. The threads take chunks from one counter; the caller
takes part, and at the end waits for those alone that are in the midst of a chunk. So a thread that
is late, or never runs on a busy machine, costs nothing.

The workers are threads of the system: they start at the first region, know nothing of Python (nor
may kernels), spin for some microseconds between regions and then sleep on a condition variable.
One region at a time has them; a region that begins meanwhile, in another thread of Python or
within a kernel, is done by its caller alone. Before a fork they end, and start again at the next
region, in parent and child. Where there are no POSIX threads, on Windows, callers do all work
themselves.

Kernels have the stack of a thread: half a megabyte on macOS, less on musl. Imports native and
settings.
"""

import atexit
import ctypes
import os
import sys
from typing import Any

from ...functions.settings import get_num_threads, watch_num_threads
from .llvm import build, host, lock

__all__ = ["address", "parallel_for", "started"]

_MOST = 256
#: How generated code says that it spins, by the first part of LLVM's triple.
_PAUSES = {
    "x86_64": ("call void @llvm.x86.sse2.pause()", "declare void @llvm.x86.sse2.pause()"),
    "aarch64": ("call void @llvm.aarch64.hint(i32 1)", "declare void @llvm.aarch64.hint(i32)"),
}
_PAUSES["arm64"] = _PAUSES["aarch64"]

#: What the code needs of the system, in the order of its table.
_SYSTEM = (
    *("pthread_mutex_init", "pthread_cond_init", "pthread_mutex_lock", "pthread_mutex_unlock"),
    *("pthread_cond_wait", "pthread_cond_broadcast", "pthread_create", "pthread_join"),
    "sched_yield",
)

#: `state` says in one word what the threads must agree on: the number of workers that take part
#: (bits 0 to 15), whether the region is open to more (bit 16), and which region it is (the bits
#: above). A worker joins by adding one to a state that it saw open; while it takes part, the
#: caller does not return, so the region's fields stay what they are. Whoever holds `owner` may
#: write those fields, `started` and `handles`.
#:
#: Who waits gives its processor away now and then, for the thread that it waits for may be in need
#: of just that one.
#:
#: No wake-up is lost: a caller opens the region and then looks for sleepers, a worker counts itself
#: among them and then looks for an open region, all in one sequentially consistent order; and a
#: broadcast waits for the mutex, which a worker holds until it sleeps.
_IR = """\
@owner = internal global i64 0, align 128
@state = internal global i64 0, align 128
@next = internal global i64 0, align 128
@sleepers = internal global i64 0, align 128
@region = internal global { ptr, ptr, i64, i64 } zeroinitializer, align 128
@wanted = internal global i64 1, align 128
@started = internal global i64 0, align 8
@stop = internal global i64 0, align 8
@system = internal global [9 x ptr] zeroinitializer, align 8
@mutex = internal global [128 x i8] zeroinitializer, align 128
@condition = internal global [128 x i8] zeroinitializer, align 128
@handles = internal global [256 x i64] zeroinitializer, align 128

define void @setup(ptr %table) nounwind {
  call void @llvm.memcpy.p0.p0.i64(ptr @system, ptr %table, i64 72, i1 false)
  %mutex.init = load ptr, ptr @system
  %cond.init = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 1)
  %1 = call i32 %mutex.init(ptr @mutex, ptr null)
  %2 = call i32 %cond.init(ptr @condition, ptr null)
  ret void
}

define internal void @lock() nounwind noinline {
  %f = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 2)
  %1 = call i32 %f(ptr @mutex)
  ret void
}

define internal void @unlock() nounwind noinline {
  %f = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 3)
  %1 = call i32 %f(ptr @mutex)
  ret void
}

define internal void @wait() nounwind noinline {
  %f = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 4)
  %1 = call i32 %f(ptr @condition, ptr @mutex)
  ret void
}

define internal void @wake() nounwind noinline {
  call void @lock()
  %f = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 5)
  %1 = call i32 %f(ptr @condition)
  call void @unlock()
  ret void
}

define internal void @yield() nounwind noinline {
  %f = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 8)
  %1 = call i32 %f()
  ret void
}

define internal void @pause(i64 %turn) nounwind alwaysinline {
entry:
  %low = and i64 %turn, 63
  %often = icmp ne i64 %low, 0
  br i1 %often, label %spin, label %give.way
spin:
  PAUSE
  br label %end
give.way:
  call void @yield()
  br label %end
end:
  ret void
}

define internal void @take_chunks(ptr %kernel, ptr %args, i64 %n, i64 %chunk) nounwind {
entry:
  br label %loop
loop:
  %begin = atomicrmw add ptr @next, i64 %chunk monotonic
  %left = icmp slt i64 %begin, %n
  br i1 %left, label %work, label %end
work:
  %sum = add i64 %begin, %chunk
  %stop = call i64 @llvm.smin.i64(i64 %sum, i64 %n)
  call void %kernel(ptr %args, i64 %begin, i64 %stop)
  br label %loop
end:
  ret void
}

define internal ptr @worker(ptr %unused) nounwind {
entry:
  br label %free
free:
  %last = phi i64 [ -1, %entry ], [ %which, %work ]
  br label %look
look:
  %turn = phi i64 [ 0, %free ], [ %again, %spin ], [ 0, %join ], [ 0, %awake ]
  %seen = load atomic i64, ptr @state acquire, align 8
  %which = lshr i64 %seen, 16
  %ready = call i1 @is_new(i64 %which, i64 %last)
  br i1 %ready, label %join, label %idle
join:
  %more = add i64 %seen, 1
  %pair = cmpxchg ptr @state, i64 %seen, i64 %more acquire monotonic
  %joined = extractvalue { i64, i1 } %pair, 1
  br i1 %joined, label %work, label %look
work:
  %kernel = load ptr, ptr @region
  %args = load ptr, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 1)
  %n = load i64, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 2)
  %chunk = load i64, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 3)
  call void @take_chunks(ptr %kernel, ptr %args, i64 %n, i64 %chunk)
  %left = atomicrmw sub ptr @state, i64 1 release
  br label %free
idle:
  %stop = load atomic i64, ptr @stop acquire, align 8
  %ends = icmp ne i64 %stop, 0
  br i1 %ends, label %end, label %spin.or.sleep
spin.or.sleep:
  %again = add i64 %turn, 1
  %soon = icmp ult i64 %turn, SPINS
  br i1 %soon, label %spin, label %sleep
spin:
  call void @pause(i64 %again)
  br label %look
sleep:
  call void @lock()
  %1 = atomicrmw add ptr @sleepers, i64 1 seq_cst
  br label %asleep
asleep:
  %now = load atomic i64, ptr @state seq_cst, align 8
  %now.which = lshr i64 %now, 16
  %now.ready = call i1 @is_new(i64 %now.which, i64 %last)
  %now.stop = load atomic i64, ptr @stop seq_cst, align 8
  %now.ends = icmp ne i64 %now.stop, 0
  %rises = or i1 %now.ready, %now.ends
  br i1 %rises, label %awake, label %still
still:
  call void @wait()
  br label %asleep
awake:
  %2 = atomicrmw sub ptr @sleepers, i64 1 seq_cst
  call void @unlock()
  br label %look
end:
  ret ptr null
}

define internal i1 @is_new(i64 %which, i64 %last) nounwind alwaysinline {
  %open = trunc i64 %which to i1
  %other = icmp ne i64 %which, %last
  %both = and i1 %open, %other
  ret i1 %both
}

define internal void @start(i64 %wanted) nounwind noinline {
entry:
  %create = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 6)
  br label %loop
loop:
  %count = load i64, ptr @started
  %with.caller = add i64 %count, 1
  %missing = icmp ult i64 %with.caller, %wanted
  br i1 %missing, label %one, label %end
one:
  %place = getelementptr [256 x i64], ptr @handles, i64 0, i64 %count
  %failed = call i32 %create(ptr %place, ptr null, ptr @worker, ptr null)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %next, label %enough
next:
  store i64 %with.caller, ptr @started
  br label %loop
enough:
  store atomic i64 %with.caller, ptr @wanted monotonic, align 8
  br label %end
end:
  ret void
}

define void @parallel_for(ptr %kernel, ptr %args, i64 %n, i64 %asked) nounwind {
entry:
  %chunk = call i64 @llvm.smax.i64(i64 %asked, i64 1)
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %many = icmp ugt i64 %wanted, 1
  %split = icmp sgt i64 %n, %chunk
  %share = and i1 %many, %split
  br i1 %share, label %take, label %alone
take:
  %pair = cmpxchg ptr @owner, i64 0, i64 1 acquire monotonic
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %owned, label %alone
owned:
  %started = load i64, ptr @started
  %with.caller = add i64 %started, 1
  %missing = icmp ult i64 %with.caller, %wanted
  br i1 %missing, label %first, label %open
first:
  call void @start(i64 %wanted)
  br label %open
open:
  store ptr %kernel, ptr @region
  store ptr %args, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 1)
  store i64 %n, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 2)
  store i64 %chunk, ptr getelementptr ({ ptr, ptr, i64, i64 }, ptr @region, i64 0, i32 3)
  store atomic i64 0, ptr @next monotonic, align 8
  %closed = load atomic i64, ptr @state monotonic, align 8
  %opened = add i64 %closed, 196608
  store atomic i64 %opened, ptr @state seq_cst, align 8
  %asleep = load atomic i64, ptr @sleepers seq_cst, align 8
  %some = icmp ne i64 %asleep, 0
  br i1 %some, label %rouse, label %work
rouse:
  call void @wake()
  br label %work
work:
  call void @take_chunks(ptr %kernel, ptr %args, i64 %n, i64 %chunk)
  %before = atomicrmw sub ptr @state, i64 65536 acq_rel
  br label %finish
finish:
  %turn = phi i64 [ 0, %work ], [ %again, %unfinished ]
  %now = load atomic i64, ptr @state acquire, align 8
  %busy = and i64 %now, 65535
  %none = icmp eq i64 %busy, 0
  br i1 %none, label %done, label %unfinished
unfinished:
  %again = add i64 %turn, 1
  call void @pause(i64 %again)
  br label %finish
done:
  store atomic i64 0, ptr @owner release, align 8
  br label %end
alone:
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %own, label %end
own:
  %begin = phi i64 [ 0, %alone ], [ %sum, %own ]
  %sum = add i64 %begin, %chunk
  %until = call i64 @llvm.smin.i64(i64 %sum, i64 %n)
  call void %kernel(ptr %args, i64 %begin, i64 %until)
  %more = icmp slt i64 %sum, %n
  br i1 %more, label %own, label %end
end:
  ret void
}

define void @halt() nounwind {
entry:
  br label %take
take:
  %pair = cmpxchg ptr @owner, i64 0, i64 1 acquire monotonic
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %owned, label %later
later:
  call void @yield()
  br label %take
owned:
  store atomic i64 1, ptr @stop seq_cst, align 8
  call void @wake()
  %join = load ptr, ptr getelementptr ([9 x ptr], ptr @system, i64 0, i64 7)
  br label %loop
loop:
  %count = load i64, ptr @started
  %any = icmp ne i64 %count, 0
  br i1 %any, label %one, label %end
one:
  %rest = add i64 %count, -1
  %place = getelementptr [256 x i64], ptr @handles, i64 0, i64 %rest
  %handle = load i64, ptr %place
  %1 = call i32 %join(i64 %handle, ptr null)
  store i64 %rest, ptr @started
  br label %loop
end:
  store atomic i64 0, ptr @stop seq_cst, align 8
  ret void
}

define void @resume(i64 %threads) nounwind {
  store atomic i64 %threads, ptr @wanted monotonic, align 8
  store atomic i64 0, ptr @owner release, align 8
  ret void
}

define i64 @count() nounwind {
  %count = load atomic i64, ptr @started monotonic, align 8
  ret i64 %count
}

declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
DECLARE
"""
#: How often a worker looks for the next region before it sleeps: some 50 microseconds.
_SPINS = 2000


class _Pool:
    """The pool of the process: its code, loaded, and what Python calls of it."""

    def __init__(self) -> None:
        pause, declaration = _PAUSES.get(host().triple.partition("-")[0], ("", ""))
        text = _IR.replace("PAUSE", pause).replace("SPINS", str(_SPINS))
        library = build(text.replace("DECLARE", declaration))
        self.address = library.address("parallel_for")
        whole = ctypes.c_int64
        self.run = library.function(
            *("parallel_for", None, ctypes.c_void_p, ctypes.c_void_p, whole, whole)
        )
        self.halt = library.function("halt", None)
        self.resume = library.function("resume", None, whole)
        self.count = library.function("count", whole)
        if sys.platform != "win32":
            libc = ctypes.CDLL(None)
            places = [ctypes.cast(getattr(libc, name), ctypes.c_void_p) for name in _SYSTEM]
            library.function("setup", None, ctypes.c_void_p)((ctypes.c_void_p * 9)(*places))
            self.resize(get_num_threads())
            watch_num_threads(self.resize)
            atexit.register(self.resize, 1)
            # Children start their own; and nobody forks while a region runs.
            os.register_at_fork(
                before=self.halt, after_in_parent=self.restart, after_in_child=self.restart
            )

    def resize(self, threads: int) -> None:
        """Use so many threads from now on, the caller among them."""
        self.halt()
        self.resume(min(threads, _MOST))

    def restart(self) -> None:
        """After a fork: the workers may start again."""
        self.resume(min(get_num_threads(), _MOST))


_pools: list[_Pool] = []


def _pool() -> _Pool:
    if not _pools:
        with lock:
            if not _pools:
                _pools.append(_Pool())
    return _pools[0]


def address() -> int:
    """Where native code finds `void parallel_for(ptr kernel, ptr args, i64 n, i64 chunk)`."""
    return _pool().address


def parallel_for(kernel: int, args: Any, n: int, chunk: int) -> None:
    """Call the native function at address `kernel` with `args`, a pointer, for all chunks of 0..n.

    It runs without Python's lock, in as many threads as dynagrad.get_num_threads() says.
    """
    _pool().run(kernel, args, n, chunk)


def started() -> int:
    """The number of workers there are at the moment: none before the first region."""
    return _pools[0].count() if _pools else 0
