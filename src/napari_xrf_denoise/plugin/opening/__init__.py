"""Opening and saving: reader, writer, samples, the dialog that asks how to read a file."""
