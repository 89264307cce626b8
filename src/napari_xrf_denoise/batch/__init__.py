"""Many files, one after the other: plan, run, records, results."""
