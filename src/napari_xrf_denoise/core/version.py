"""The version of the program, which results and models carry."""

__version__ = "0.1.0"
