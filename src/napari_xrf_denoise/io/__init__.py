"""Files: `read` and `write` spectrum images, and tell which layout a file has.

One module holds one family of formats, `registry` the one table of them. A new family is a short
module with ``recognise(path)`` and ``read(path, options)``, which returns a `FileContents`, and one
row in that table; axis options, calibration, warnings and checks are applied in one place, by
`base.contents.build`. Libraries such as h5py are imported when a file of theirs is opened.
"""

from __future__ import annotations

from .api import check_packages, read, write
from .images.pictures import write_pictures
from .provenance import is_own
from .registry import LAYOUTS, Layout, Recognition, describe, sniff, writable_suffixes

__all__ = [
    "LAYOUTS",
    "Layout",
    "Recognition",
    "check_packages",
    "describe",
    "is_own",
    "read",
    "sniff",
    "writable_suffixes",
    "write",
    "write_pictures",
]
