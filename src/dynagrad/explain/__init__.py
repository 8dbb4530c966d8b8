"""What no error message says: why a gradient is what it is (`why`), who keeps a graph alive
(`why_alive`), and the mode which notes where histories end (`explaining`). Imports core.
"""

from .alive import Alive as Alive
from .alive import why_alive as why_alive
from .gradient import why as why
from .notes import explaining as explaining
from .reason import Place as Place
from .reason import Reason as Reason

__all__ = ["Alive", "Place", "Reason", "explaining", "why", "why_alive"]
