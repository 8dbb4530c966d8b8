"""The older path of torch.hub's `load_state_dict_from_url`. Imports hub."""

from ..hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
