"""Sample calls of derivatives of samples."""

DOMAINS = {
    "gamma_sample": ((0.5, 2), (0.5, 2)),
    "standard_gamma_grad": ((0.5, 2), (0.5, 2)),
    "dirichlet_grad": ((0.1, 0.9), (0.5, 2), (3, 4)),
}
BY_DEFINITION = {"gamma_sample": "the sample moves with its distribution's parameter"}
#: PyTorch has no second derivatives of samples
REFUSING = {"dirichlet_grad", "standard_gamma_grad"}
