"""Kernels as LLVM IR that are more than a loop nest over elements: matrix products, convolutions,
pooling. Each is generated for its sizes, strides and type. Imports the emitter.
"""
