"""Where results may go, known before there are any."""

from pathlib import Path

import pytest

from napari_xrf_denoise.saving import check_folder


def test_a_folder_that_is_there_or_can_be_made_is_left_as_it_was(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="Linux has such a folder")
def test_a_folder_that_takes_no_files_of_anybody_is_refused():
    # Permissions alone would let the superuser write there.
    with pytest.raises(PermissionError, match="/proc/figures: /proc cannot be written; choose"):
        check_folder(Path("/proc/figures"))
    with pytest.raises(PermissionError, match=r"^/proc cannot be written; choose"):
        check_folder(Path("/proc"))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("gold")
    with pytest.raises(NotADirectoryError, match=r"notes.txt is no folder; choose another folder"):
        check_folder(tmp_path / "notes.txt" / "pictures")
