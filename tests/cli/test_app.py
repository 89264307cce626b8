"""The command line as a user types it."""

import sys
from pathlib import Path

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.cli.messages import complain


@pytest.fixture
def map_file(tmp_path):
    image, _ = xrf.simulate_map(shape=(12, 10), n_channels=128, seed=3)
    return xrf.write(tmp_path / "vase.h5", image)


@pytest.fixture
def spectra_file(tmp_path):
    image, _ = xrf.simulate_spectra(n_repeats=8, n_channels=512, seed=3)
    return xrf.write(tmp_path / "point.csv", image)


@pytest.mark.parametrize("command", ["demo", "info", "denoise", "apply", "convert"])
def test_every_command_explains_itself(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Usage" in out


def test_version_is_printed(run):
    assert run("--version") == (0, f"xrf-denoise {xrf.__version__}\n", "")


def test_info_says_layout_axes_calibration_and_counts(run, spectra_file):
    status, out, _ = run("info", spectra_file)
    assert status == 0
    assert "CSV table of spectra" in out
    assert "8 repeat(s) of kind scan, 1 x 1 pixels (y, x), 511 channels" in out
    assert "keV" in out
    assert "(Poisson)" in out


def test_denoise_writes_the_result_and_says_how_good_it_is(run, map_file, tmp_path):
    status, out, _ = run("denoise", map_file)
    assert status == 0
    assert "dose gain: " in out
    result = xrf.read(tmp_path / "vase_denoised.h5")
    raw = xrf.read(map_file)
    assert result.shape == raw.shape
    assert result.counts.sum() == pytest.approx(raw.counts.sum(), rel=0.01)
    assert result.metadata["denoising"]["source"] == "map"


def test_repeats_that_are_not_used_score_the_result(run, spectra_file, tmp_path):
    status, out, _ = run(
        "denoise", spectra_file, "--repeats", "0:4", "--preset", "tutorial", "--set", "epochs=20",
        "--figures", tmp_path / "pictures", "--save-model", "m.safetensors",
    )  # fmt: skip
    assert status == 0
    assert "measured by: 4 repeats that the result never saw" in out
    assert xrf.Model.load(tmp_path / "m.safetensors").n_parameters == 256
    pictures = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert pictures == {f"point_{kind}.png" for kind in ("data", "losses", "result", "details")}


def test_a_model_is_applied_to_another_file(run, map_file, tmp_path):
    run("denoise", map_file, "--save-model", "m.safetensors", "-o", "first.h5")
    status, out, _ = run("apply", "m.safetensors", map_file, "-o", "second.tif")
    assert status == 0
    assert "result: second.tif" in out
    np.testing.assert_allclose(
        xrf.read(tmp_path / "second.tif").counts, xrf.read(tmp_path / "first.h5").counts, rtol=1e-5
    )


def test_convert_takes_a_part_and_adds_up_neighbours(run, map_file, tmp_path):
    status, out, _ = run(
        "convert", map_file, "part.tif", "--y", "2:8", "--x", ":4", "--rebin", "2,2,4"
    )
    assert (status, out) == (0, "part.tif: 1 repeat(s), 3 x 2 pixels (y, x), 32 channels\n")
    raw = xrf.read(map_file).counts[:, 2:8, :4]
    assert xrf.read(tmp_path / "part.tif").counts.sum() == raw.sum()


def test_axes_and_calibration_that_a_file_lacks_are_given_as_options(run, tmp_path):
    counts = np.random.default_rng(0).poisson(2, (40, 9, 10)).astype(np.uint16)
    np.save(tmp_path / "cube.npy", counts)
    status, _, err = run("info", "cube.npy")
    assert status == 1
    assert "cube.npy" in err
    assert "--energy-axis" in err
    status, out, _ = run("info", "cube.npy", "--energy-axis", "0")
    assert status == 0
    assert "channels 0 to 39, not calibrated" in out
    assert "--energy-gain" in out
    status, out, _ = run("info", "cube.npy", "--energy-axis", "0", "--energy-gain", "0.02")
    assert "0 to 0.78 keV, 0.02 keV a channel" in out


def test_an_existing_result_is_refused_before_any_work(run, map_file, tmp_path, monkeypatch):
    (tmp_path / "vase_denoised.h5").write_text("last night")
    monkeypatch.setattr("napari_xrf_denoise.io.read", lambda *a, **k: pytest.fail("work began"))
    status, _, err = run("denoise", map_file)
    assert status == 1
    assert "vase_denoised.h5: exists already; use overwrite=True (--overwrite)" in err
    assert (tmp_path / "vase_denoised.h5").read_text() == "last night"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["denoise", "none.h5"], "none.h5"),
        (["denoise", "vase.h5", "-o", "x/y.h5"], "does not exist; create it first"),
        (["denoise", "vase.h5", "-o", "y.csv"], "y.csv: CSV holds spectra, not maps"),
        (["denoise", "vase.h5", "-o", "vase.h5", "--overwrite"], "would replace its source"),
        (["convert", "vase.h5", "vase.h5", "--overwrite"], "would replace its source"),
        (["denoise", "vase.h5", "--set", "seed=3"], "'seed' is given by the option --seed"),
        (["denoise", "vase.h5", "--seed", "99999999999999999999"], "below 2**63"),
        (["denoise", "vase.h5", "--repeats", "::0"], "--repeats: expected first:last+1"),
        (["denoise", "vase.h5", "--repeat-kind", "x"], "--repeat-kind: expected scan, frame"),
        (["denoise", "vase.h5", "--mask", "none.npy"], "--mask none.npy: there is no such file"),
        (
            ["denoise", "vase.h5", "--device", "toaster"],
            "--device: expected auto, cpu, cuda or mps",
        ),
        (["denoise", "vase.h5", "-o", "y.jpg"], "y.jpg: expected a name that ends in"),
        (["denoise", "vase.h5", "--set", "steps"], "--set: expected name=value, found 'steps'"),
        (["denoise", "vase.h5", "--set", "depth=3"], "unknown setting 'depth'"),
        (["denoise", "vase.h5", "--repeats", "a:b"], "--repeats: expected first:last+1"),
        (
            ["denoise", "vase.h5", "--repeats", "0:99"],
            "vase.h5: --repeats 0:99: the file has repeats 0 to 0, such as 0:1",
        ),
        (
            ["convert", "vase.h5", "y.h5", "--y", "100:200"],
            "--y 100:200: the file has rows 0 ",
        ),
        (["convert", "vase.h5", "y.h5", "--x", "4:11"], "--x 4:11: the file has columns 0 to 9"),
        (
            ["denoise", "none.h5", "--repeats", "9:3"],
            "--repeats 9:3: first is after last",
        ),
        (["denoise", "none.h5", "--energy", "5:2"], "--energy 5:2: low is above high"),
        (["convert", "vase.h5", "y.h5", "--energy", "90:99"], "vase.h5: energy axis: no channel"),
        (["denoise", "vase.h5", "--unit", "2"], "expected counts that are multiples of 2, found 1"),
        (["denoise", "vase.h5", "--unit", "0"], "--unit: expected a number above 0, found 0"),
        (["denoise", "vase.h5", "--energy", "5"], "--energy: expected low:high in keV"),
        (["denoise", "vase.h5", "--energy", "90:99"], "no channel between 90 and 99 keV"),
        (["denoise", "vase.h5", "--pairs", "repeats"], "(--pairs repeats) needs at least 2"),
        (["convert", "vase.h5", "y.h5", "--rebin", "2,2"], "--rebin: expected three whole numbers"),
        (["apply", "none.safetensors", "vase.h5"], "none.safetensors: no such model file"),
        (["apply", "vase.h5", "vase.h5"], "vase.h5: damaged, or not a model"),
    ],
)
def test_mistakes_are_one_message_and_leave_nothing_behind(
    run, map_file, tmp_path, arguments, words
):
    before = set(tmp_path.iterdir())
    status, _, err = run(*arguments)
    assert status == 1
    assert words in err
    assert "Traceback" not in err
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "name"),
    [("--figures", "pictures"), ("--figures", "new/pictures"), ("--save-model", "m.safetensors")],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    run, map_file, tmp_path, monkeypatch, option, name
):
    monkeypatch.setattr("napari_xrf_denoise.io.read", lambda *a, **k: pytest.fail("work began"))
    # Permissions say nothing of such a folder: Linux' /proc is one, a full disk another.
    closed = tmp_path / "closed"
    closed.mkdir()
    touch = type(closed).touch

    def refuse(path, *options, **named):
        if closed in path.parents:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        touch(path, *options, **named)

    monkeypatch.setattr(type(closed), "touch", refuse)
    status, _, err = run("denoise", map_file, option, closed / name)
    assert status == 1
    assert f"{closed} cannot be written; choose another folder" in err
    assert list(closed.iterdir()) == []


def test_a_file_is_no_folder_for_figures(run, map_file, tmp_path):
    (tmp_path / "notes.txt").write_text("gold")
    status, _, err = run("denoise", map_file, "--figures", "notes.txt")
    assert status == 1
    assert "notes.txt is no folder; choose another folder" in err


def test_a_device_is_refused_without_loading_torch(run, map_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, err = run("denoise", map_file, "--device", "gpu")
    assert (status, err) == (1, "error: --device: expected auto, cpu, cuda or mps, found 'gpu'")


def test_a_file_that_is_named_twice_is_one_file(run, map_file, tmp_path):
    status, out, _ = run("denoise", map_file, map_file, "-o", "once.h5", "--method", "pca")
    assert status == 0
    assert out.count("result: once.h5") == 1
    assert xrf.read(tmp_path / "once.h5").shape == (1, 12, 10, 128)


def test_a_log_says_that_a_run_began_and_results_alone_are_on_the_other_stream(run, map_file):
    status, out, err = run("denoise", map_file, "--method", "pca")
    assert status == 0
    assert err.startswith("Denoising vase.h5")
    assert out.startswith("method: pca")


def test_info_of_a_damaged_file_says_no_more_than_that(run, map_file, tmp_path):
    (tmp_path / "cut.h5").write_bytes(map_file.read_bytes()[:3000])
    status, out, err = run("info", "cut.h5")
    assert (status, out) == (1, "")
    assert "cut.h5" in err


def test_info_says_each_warning_once(run, tmp_path):
    counts = np.random.default_rng(0).poisson(2, (9, 10, 40)).astype(np.uint16)
    np.save(tmp_path / "cube.npy", counts)
    status, out, err = run("info", "cube.npy", "--energy-axis", "-1")
    assert status == 0
    assert (out + err).count("--energy-gain") == 1


def test_an_error_names_its_file_once(run, tmp_path):
    empty = xrf.SpectrumImage(np.zeros((1, 3, 3, 20), dtype=np.uint8), name="empty")
    xrf.write(tmp_path / "empty.h5", empty)
    status, _, err = run("denoise", "empty.h5")
    assert status == 1
    assert "error: empty.h5: all counts are zero" in err


def test_a_channel_of_20_kev_is_thought_to_be_one_of_20_ev(run, tmp_path):
    np.save(tmp_path / "cube.npy", np.ones((4, 5, 512), dtype=np.uint16))
    options = ("cube.npy", "--energy-axis", "-1", "--energy-gain")
    _, out, err = run("info", *options, "20")
    hint = "makes the last channel 10,220 keV; if eV are meant, give --energy-gain 0.02"
    assert (out + err).count(hint) == 1
    _, out, err = run("info", *options, "0.02")
    assert "if eV are meant" not in out + err


@pytest.fixture
def halves_file(tmp_path, map_file):
    raw = xrf.read(map_file)
    return xrf.write(tmp_path / "halves.h5", raw.replace(counts=raw.counts / np.float32(2)))


def test_counts_that_were_divided_are_photons_again(run, halves_file, map_file, tmp_path):
    status, _, err = run("denoise", halves_file)
    assert status == 1
    assert "all are multiples of 0.5: divide them by it" in err
    assert "--unit 0.5" in err
    status, _, err = run("convert", halves_file, "photons.h5", "--unit", "0.5")
    assert status == 0, err
    found = xrf.read(tmp_path / "photons.h5").counts
    np.testing.assert_array_equal(found, xrf.read(map_file).counts)
    status, out, err = run("denoise", halves_file, "--unit", "0.5", "--method", "pca")
    assert status == 0, err
    assert "not whole" not in out + err


def test_an_unknown_method_is_refused_with_the_known_ones(run, map_file):
    status, _, err = run("denoise", map_file, "--method", "magic")
    assert status == 2
    assert all(name in err for name in ("auto", "spectrum", "pca"))


def test_one_bad_file_does_not_take_the_others_with_it(run, map_file, tmp_path):
    (tmp_path / "bad.h5").write_text("no")
    status, out, err = run("denoise", "bad.h5", map_file, "--method", "pca", "-o", tmp_path / "out")
    assert status == 1
    assert "1 of 2 files failed" in err
    assert (tmp_path / "out" / "vase_denoised.h5").exists()
    assert out.count("dose gain") == 1


def test_a_mask_keeps_the_pixels_that_it_names(run, map_file, tmp_path):
    mask = np.zeros((12, 10), dtype=np.uint8)
    mask[2:6, 3:7] = 255
    np.save(tmp_path / "mask.npy", mask)
    status, _, _ = run("convert", map_file, "part.h5", "--mask", "mask.npy")
    assert status == 0
    inside = xrf.read(tmp_path / "part.h5").counts_map() > 0
    np.testing.assert_array_equal(inside, mask > 0)


def test_repeats_can_be_called_detector_elements(run, spectra_file, tmp_path):
    run("denoise", spectra_file, "--repeat-kind", "detector", "--set", "steps=3", "-o", "sum.h5")
    total = xrf.read(spectra_file).counts.sum()
    assert xrf.read(tmp_path / "sum.h5").counts.sum() == pytest.approx(total, rel=0.01)


@pytest.fixture
def elements_file(tmp_path):
    """Two detector elements, the second of which has each line six channels higher."""
    channels, places = np.arange(400), np.array([[[[150]]], [[[156]]]])
    rate = 5 + 900 * np.exp(-0.5 * ((channels - places) / 6) ** 2)
    counts = np.random.default_rng(0).poisson(rate, (2, 1, 1, 400)).astype(np.uint16)
    image = xrf.SpectrumImage(counts, repeat_kind="detector", name="elements")
    return xrf.write(tmp_path / "elements.h5", image)


def test_info_says_what_is_wrong_and_what_to_do(run, elements_file):
    status, out, _ = run("info", elements_file)
    assert status == 0
    assert "warning: energy scales differ" in out
    assert "--align" in out


@pytest.mark.parametrize("command", ["convert", "denoise"])
def test_align_brings_detector_elements_together(run, elements_file, tmp_path, command):
    options = ["aligned.h5"] if command == "convert" else ["-o", "aligned.h5", "--set", "steps=3"]
    status, out, err = run(command, elements_file, *options, "--align", "--energy", "100:220")
    assert status == 0
    assert "energy scales differ" not in out + err
    image = xrf.read(tmp_path / "aligned.h5")
    assert image.metadata["alignment"]["moved"] == [True, True]
    if command == "convert":
        near = image.counts[:, 0, 0].astype(float) - 5
        np.testing.assert_allclose(near @ np.arange(100, 220) / near.sum(axis=1), 153, atol=0.5)


def test_one_repeat_cannot_be_aligned(run, map_file):
    status, _, err = run("convert", map_file, "aligned.h5", "--align")
    assert status == 1
    assert "alignment needs at least 2 repeats, found 1" in err


def test_an_interrupted_run_says_so_and_leaves_nothing(run, map_file, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_xrf_denoise.denoising.denoise", interrupt)
    status, _, err = run("denoise", map_file)
    assert status == 130
    assert "no incomplete file was left behind" in err
    assert list(tmp_path.iterdir()) == [map_file]


def test_a_result_that_cannot_be_written_is_saved_elsewhere(run, map_file, tmp_path, monkeypatch):
    from napari_xrf_denoise import io

    write = io.write

    def full(path, image, **options):
        if tmp_path == path.resolve().parent:
            raise OSError(f"{path}: the disk is full")
        return write(path, image, **options)

    monkeypatch.setattr(io, "write", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    status, _, err = run("denoise", map_file, "--method", "pca")
    assert status == 1
    assert "the disk is full" in err
    assert "was saved as" in err
    (rescued,) = (tmp_path / "elsewhere").rglob("*.h5")
    assert xrf.read(rescued).shape == (1, 12, 10, 128)


def test_the_published_job_runs_on_the_measured_spectra(run, shared_data, tmp_path):
    status, out, _ = run(
        "denoise", shared_data / "05_xrf_spectra.csv", "--repeats", "0:4", "--preset", "tutorial",
        "--set", "epochs=50", "--figures", "pictures",
    )  # fmt: skip
    assert status == 0
    assert "measured by: 28 repeats" in out
    assert xrf.read(tmp_path / "05_xrf_spectra_denoised.h5").shape == (1, 1, 1, 4095)
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4


def test_a_setting_is_refused_before_the_file_is_read(run, tmp_path):
    (tmp_path / "damaged.h5").write_bytes(b"not read")
    status, out, err = run("denoise", "damaged.h5", "--method", "stack", "--set", "steps=x")
    assert (status, out) == (1, "")
    assert "steps" in err
    assert "damaged" not in err


def test_pictures_that_are_there_are_left_as_they_are(run, map_file, tmp_path):
    own = tmp_path / "pictures" / "vase_sum_spectrum.png"
    own.parent.mkdir()
    own.write_bytes(b"a picture")
    job = ("denoise", map_file, "--method", "pca", "--preset", "fast", "--figures", "pictures")
    status, out, err = run(*job)
    assert (status, out) == (1, "")
    assert "vase_sum_spectrum.png: exists already; add --overwrite" in err
    assert own.read_bytes() == b"a picture"
    assert run(*job, "--overwrite")[0] == 0
    assert own.read_bytes() != b"a picture"


def test_repeats_that_cannot_score_are_said_to_be(run, tmp_path):
    image, rate = xrf.simulate_map(shape=(8, 8), n_channels=128, seed=3)
    counts = np.random.default_rng(0).poisson(rate, (3, *rate.shape)).astype(np.uint16)
    frames = xrf.SpectrumImage(counts, image.energy, repeat_kind="frame")
    xrf.write(tmp_path / "frames.h5", frames)
    how = ("--repeats", "0:2", "--method", "pca", "--preset", "fast")
    status, _, err = run("denoise", "frames.h5", *how, "--save-model", "m.safetensors")
    assert status == 0, err
    assert "the repeats are frames; only scans that are left out can score a result" in err
    _, _, err = run("apply", "m.safetensors", "frames.h5", "--repeats", "0:2", "-o", "other.h5")
    assert "the other repeats do not score the result" in err


def test_an_error_of_the_system_names_its_file(capsys):
    complain(PermissionError(13, "Permission denied", "/lab/scratch"), Path("gold.h5"))
    assert "gold.h5: Permission denied: /lab/scratch" in capsys.readouterr().err
