"""Files: `read` and `write` spectrum images, and tell which layout a file has.

One module holds one family of formats and ends in its `Layout`; `registry` lists them and
recognises a file, which is then passed on as a `Source` from the first look to its counts. Readers
return a `FileContents`; options, calibration, warnings and checks are applied in one place, by
`base.contents.build`. Libraries such as h5py are imported when a file of theirs is opened.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
