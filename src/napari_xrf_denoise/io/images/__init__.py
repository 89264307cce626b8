"""Images and arrays: TIFF, OME-TIFF, Zarr, OME-Zarr, NumPy; pictures of element maps."""
