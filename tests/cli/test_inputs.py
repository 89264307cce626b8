import numpy as np
import pytest

from napari_xrf_denoise.cli.inputs import Input


def test_nothing_said_is_nothing_recorded():
    assert Input().as_record() == {}
    assert Input(seed=5).as_record() == {}  # of no use without --align


def test_what_is_said_is_recorded_as_it_was_typed():
    given = Input(energy_axis=0, dataset="/lab/cube", y="0:4", align=True, seed=5)
    assert given.as_record() == {
        "energy_axis": 0, "dataset": "/lab/cube", "y": "0:4", "align": True, "seed": 5,
    }  # fmt: skip


@pytest.mark.parametrize("other", [np.ones((3, 5)), np.ones((4, 4))])
def test_another_mask_of_the_same_name_is_another_part(tmp_path, other):
    path = tmp_path / "mask.npy"
    np.save(path, np.ones((4, 4)))
    given = Input(mask=path)
    before = given.as_record()
    assert given.as_record() == before
    path.unlink()
    np.save(path, other)
    assert given.as_record() != before
