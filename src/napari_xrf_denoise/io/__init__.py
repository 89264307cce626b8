"""Files: `read` and `write` spectrum images, and tell which layout a file has.

One module holds one family of formats, `registry` the one table of them. A new family is a short
module with ``recognise(path)`` and ``read(path, options)``, which returns a `FileContents`, and one
row in that table; axis options, calibration, warnings and checks are applied in one place, by
`base.contents.build`. Libraries such as h5py are imported when a file of theirs is opened.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
