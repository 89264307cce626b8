"""The data model: spectrum images, energy axes, factored counts; errors, progress, Poisson."""
