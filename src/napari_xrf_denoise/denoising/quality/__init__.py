"""How good a result is: dose gain, residuals, suspect places, the report."""
