"""What `import torch` finds in a worker process of a program that runs under the alias.

A worker that is started afresh (multiprocessing's spawn and forkserver) takes over `sys.path` but
not `sys.meta_path`. `alias_torch` therefore puts this folder on the path: the alias is made here,
and the module `torch` of the alias takes the place of this one.
"""

from dynagrad.alias import alias_torch

alias_torch()
