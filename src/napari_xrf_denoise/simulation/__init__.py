"""Measurements with known truth."""
