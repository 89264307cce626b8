"""Faults of counts that a scientist must know: one module finds one kind, `listing` says them."""

from .checks import find_faults

__all__ = ["find_faults"]
