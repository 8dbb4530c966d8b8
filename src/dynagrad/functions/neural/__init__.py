"""Functions of neural networks: activations, softmax, losses, normalization, embedding."""
