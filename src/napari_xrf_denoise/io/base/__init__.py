"""What all readers share: contents of a file, signatures, stacks of files, metadata."""
