"""What all docks share: jobs, forms, plots, widgets, preferences."""
