"""The formulas of Kullback-Leibler divergences, registered by pairs of classes: of one family, of
multivariate normal ones, and between families.
"""

from . import between, gaussian, within

__all__ = ["between", "gaussian", "within"]
