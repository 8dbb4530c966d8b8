"""From a graph to native code: fewer kinds of operations (`normalise`), loops (`schedule`), memory
(`plan`), and text (`segments`, `loops`, `reductions`, `products`, `scatter`, `pull`, `moves`,
`elements`, `emit`; for steps of few numbers `powers`, and `repeat` for many of them). `backend`
makes programs of graphs, `recall` those that are known already. Imports ir, vmath, kernels and
native.
"""
