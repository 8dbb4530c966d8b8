"""x"""

from . import exponential, hyperbolic, trigonometric, error

FUNCTIONS = exponential.FUNCTIONS | hyperbolic.FUNCTIONS | trigonometric.FUNCTIONS | error.FUNCTIONS
