"""HDF5 files: one module for each program that writes them, and the safe ways to read one."""
