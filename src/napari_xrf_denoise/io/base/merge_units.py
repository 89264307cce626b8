"""Units of energy as files write them."""

from __future__ import annotations

KEV = {"kev": 1.0, "ev": 1e-3}
"""keV in a unit, by its name in small letters."""
