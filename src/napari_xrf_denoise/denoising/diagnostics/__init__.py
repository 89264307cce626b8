"""Statistics of the counts, and checks for problems: one module a kind, `checks` words them."""

from .checks import find_faults

__all__ = ["find_faults"]
