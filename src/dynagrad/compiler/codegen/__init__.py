"""From a graph to native code: fewer kinds of operations (`normalise`), loops (`schedule`), memory
(`plan`), and text (`segments`, `loops`, `reductions`, `products`, `scatter`, `pull`, `moves`,
`elements`, `emit`). `backend` makes programs of graphs, `recall` those that are known already.
Imports ir, vmath, kernels and native.
"""
