"""What a step's Python reads and changes: user frames are followed instruction by instruction
while the step runs once (`census`, `watch`, `follow`, `bytecode`, `instructions`), and each read
becomes a guard, each side effect a reason (`reads`, `guards`, `attributes`, `calls`, `operands`,
`purity`). Imports nothing of the compiler.
"""
