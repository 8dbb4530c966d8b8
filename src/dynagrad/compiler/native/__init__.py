"""Below generated code: LLVM (`llvm`, the only file that knows llvmlite), the CPU (`target`), the
disk cache (`cache`), threads (`pool`), and functions of others by address (`foreign`, `runtime`).
Imports nothing of the compiler.
"""
