"""What a step does to tensors: it is recorded while it runs (`session`, `trace`, `tracing`,
`number`), and what is left is a course that can stand for it (`conclude`, `results`, `variant`,
`snapshots`), with a backward pass where results need gradients (`differentiable`). Imports ir,
lowering and census.
"""
