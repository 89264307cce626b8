"""``python -m napari_xrf_denoise``: the command line."""

from .cli.app import main

if __name__ == "__main__":
    main()
