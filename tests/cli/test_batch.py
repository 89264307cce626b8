"""Several files on the command line: each by itself, in the way of napari's Batch dock."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.batch import runner as batch

FAST = ("--method", "pca", "--preset", "fast")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "scans").mkdir()
    return [
        xrf.write(
            tmp_path / "scans" / f"{name}.h5",
            xrf.simulate_map(shape=(9, 8), n_channels=64, seed=seed)[0],
        )
        for seed, name in enumerate(("gold", "ore"))
    ]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_denoised_file_by_file(run, files, tmp_path):
    status, out, err = run("denoise", "scans", "-o", "out", *FAST)
    assert status == 0, err
    assert names(tmp_path / "out") == ["gold_denoised.h5", "ore_denoised.h5"]
    for file in files:
        raw, result = xrf.read(file), xrf.read(tmp_path / "out" / f"{file.stem}_denoised.h5")
        assert result.counts.sum() == pytest.approx(raw.counts.sum(), rel=0.02)
        assert f"{file.name}: done, dose gain: " in out
    assert out.endswith("2 done\n")
    assert "[2/2]" in err


def test_a_bad_file_is_named_with_its_error_and_the_others_go_on(run, files, tmp_path):
    (tmp_path / "scans" / "bad.h5").write_text("no")
    status, out, err = run("denoise", "scans/*.h5", "-o", "out", *FAST)
    assert status == 1
    assert "bad.h5: expected a file of spectra" in err
    assert "1 of 3 files failed" in err
    assert out.endswith("2 done, 1 failed\n")
    assert names(tmp_path / "out") == ["gold_denoised.h5", "ore_denoised.h5"]


def test_two_results_of_one_name_are_refused_before_any_work(run, files, tmp_path):
    (tmp_path / "more").mkdir()
    other = tmp_path / "more" / files[0].name
    other.write_bytes(files[0].read_bytes())
    status, out, err = run("denoise", files[0], other, "-o", "out", *FAST)
    assert (status, out) == (1, "")
    assert "would both have the result gold_denoised.h5; rename one of them" in err
    assert not (tmp_path / "out").exists()


def test_resume_keeps_what_is_done_and_does_the_rest(run, files, tmp_path):
    run("denoise", files[0], "-o", "out", "--resume", *FAST)
    first = tmp_path / "out" / "gold_denoised.h5"
    before = first.stat().st_mtime_ns
    status, out, _ = run("denoise", "scans", "-o", "out", "--resume", *FAST)
    assert status == 0
    assert "gold.h5: skipped" in out
    assert "ore.h5: done" in out
    assert first.stat().st_mtime_ns == before


def test_results_among_the_files_of_a_pattern_are_no_files_to_denoise(run, files, tmp_path):
    run("denoise", *files, "-o", "scans", *FAST)
    everything = sorted((tmp_path / "scans").iterdir())
    status, out, _ = run("denoise", *everything, "-o", "scans", "--resume", *FAST)
    assert (status, out.splitlines()[-1]) == (0, "2 already there")


def test_without_resume_results_that_are_there_are_refused_before_any_work(run, files, tmp_path):
    run("denoise", *files, "-o", "out", *FAST)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    status, out, err = run("denoise", *files, "-o", "out", *FAST)
    assert (status, out) == (1, "")
    assert "gold_denoised.h5: exists already (and 1 more); add --resume" in err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == kept
    status, out, _ = run("denoise", *files, "-o", "out", "--overwrite", *FAST)
    assert (status, out.splitlines()[-1]) == (0, "2 done")
    assert all(path.stat().st_mtime_ns > kept[path] for path in (tmp_path / "out").iterdir())


def test_another_part_or_setting_is_another_job(run, files, tmp_path):
    run("denoise", *files, "-o", "out", "--y", "0:8", *FAST)
    assert xrf.read(tmp_path / "out" / "gold_denoised.h5").shape == (1, 8, 8, 64)
    status, out, _ = run("denoise", *files, "-o", "out", "--y", "0:8", "--resume", *FAST)
    assert (status, out.splitlines()[-1]) == (0, "2 already there")
    status, _, err = run("denoise", *files, "-o", "out", "--resume", *FAST)
    assert status == 1
    assert "another part of the file" in err
    status, _, err = run("denoise", *files, "-o", "out", "--y", "0:8", "--resume", "--seed", "4")
    assert status == 1
    assert "other settings" in err


def test_a_batch_of_python_goes_on_on_the_command_line_and_the_other_way_round(
    run, files, tmp_path
):
    how = {"method": "pca", "preset": "fast"}
    batch.run(batch.plan(files[:1], tmp_path / "out"), how)
    status, out, _ = run("denoise", *files, "-o", "out", "--resume", *FAST)
    assert (status, out.splitlines()[-1]) == (0, "1 done, 1 already there")
    tasks = batch.run(batch.plan(files, tmp_path / "out"), how)
    assert [task.state for task in tasks] == ["skipped", "skipped"]


@pytest.fixture
def trained(tmp_path, files):
    model = xrf.denoise(xrf.read(files[0]), method="pca", preset="fast").model
    return model.save(tmp_path / "m.safetensors")


def test_one_model_denoises_many_files(run, files, trained, tmp_path):
    status, out, _ = run("apply", trained, "scans", "-o", "out")
    assert (status, out.splitlines()[-1]) == (0, "2 done")
    expected = xrf.apply(xrf.Model.load(trained), xrf.read(files[1]))
    result = xrf.read(tmp_path / "out" / "ore_denoised.h5")
    np.testing.assert_allclose(result.counts[0], expected.counts, rtol=1e-5)
    status, out, _ = run("denoise", "scans", "-o", "out", "--model", trained, "--resume")
    assert (status, out.splitlines()[-1]) == (0, "2 already there")


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (["--preset", "fast"], "preset"),
        (["--set", "rank=3"], "rank"),
        (["--save-model", "n.safetensors"], "--save-model"),
    ],
)
def test_a_model_has_its_settings_already(run, files, trained, extra, word):
    status, _, err = run("denoise", files[0], "--model", trained, *extra)
    assert status == 1
    assert "a trained model has its own settings" in err
    assert word in err


def test_results_can_have_another_format_and_pictures(run, files, tmp_path):
    status, _, err = run(
        "denoise", *files, "-o", "out", "--format", ".ome.tif", "--figures", "pictures", *FAST
    )
    assert status == 0, err
    assert names(tmp_path / "out") == ["gold_denoised.ome.tif", "ore_denoised.ome.tif"]
    pictures = names(tmp_path / "pictures")
    assert {name.split("_")[0] for name in pictures} == {"gold", "ore"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "all.h5"], "a batch (several files, or --resume) needs a folder"),
        (["--format", ".png"], "cannot be written as '.png'"),
        (["-o", "ALL.HDF5"], "needs a folder, found ALL.HDF5"),
        (["--device", "toaster"], "--device: expected auto, cpu, cuda or mps, found 'toaster'"),
        (["--y", "8:2"], "--y 8:2: first is after last"),
        (["--set", "ranks=3"], "unknown setting 'ranks'"),
        (["--save-model", "m.safetensors"], "--save-model: expected one file"),
    ],
)
def test_what_no_file_could_be_denoised_with_is_refused_at_once(
    run, files, tmp_path, options, words
):
    before = names(tmp_path)
    status, out, err = run("denoise", *files, *options)
    assert (status, out) == (1, "")
    assert err.count("error") == 1
    assert words in err
    assert names(tmp_path) == before


def test_an_interrupted_batch_says_how_to_go_on(run, files, tmp_path, monkeypatch):
    pca = xrf.denoise
    begun = []

    def interrupt(image, **options):
        begun.append(image)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return pca(image, **options)

    monkeypatch.setattr("napari_xrf_denoise.denoising.denoise", interrupt)
    status, _, err = run("denoise", *files, "-o", "out", *FAST)
    assert status == 130
    assert "--resume to continue" in err
    assert names(tmp_path / "out") == ["gold_denoised.h5"]


def test_warnings_of_reading_are_told_once_with_their_file(run, tmp_path):
    counts = xrf.simulate_map(shape=(9, 8), n_channels=64, seed=1)[0].counts
    for name in ("a", "b"):
        xrf.write(tmp_path / f"{name}.h5", xrf.SpectrumImage(counts))
    status, _, err = run("denoise", "a.h5", "b.h5", "-o", "out", *FAST)
    assert status == 0
    assert err.count("a.h5: warning: no energy calibration") == 1
    assert err.count("b.h5: warning: no energy calibration") == 1
