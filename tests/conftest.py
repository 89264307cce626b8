import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data, which are not part of the project; see its PROVENANCE.md."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("XRF_DENOISE_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"needs the measured data in {folder}; set XRF_DENOISE_DATA to their folder")
    return folder
