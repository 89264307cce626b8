"""Many files: each by itself, and what was done already is not done again."""

import os
import subprocess
import sys

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise import io
from napari_xrf_denoise.batch import runner as batch
from napari_xrf_denoise.batch.runner import Task, plan, run, seconds_left
from napari_xrf_denoise.denoising import plan_run
from tests.helpers.patience import PATIENCE

PCA = {"method": "pca", "preset": "fast"}
GAIN = 8.0


class Engine:
    """Stands in for reading and denoising: adds up the repeats, and says what it was told to."""

    def __init__(self, fail=None, warnings=()):
        self.seen = []
        self.fail = fail or {}
        self.warnings = warnings

    def __call__(self, path, *, on_progress, should_stop):
        self.seen.append(path.name)
        if path.name in self.fail:
            raise self.fail[path.name]
        for fraction in (0.25, 0.5, 1.0):
            if should_stop is not None and should_stop():
                raise xrf.Cancelled("stopped in the test")
            on_progress(xrf.core.Progress("training", fraction))
        image = xrf.read(path)
        report = xrf.QualityReport(
            GAIN, (7.0, 9.0), 1.0, "a test", self.warnings, choices={"method": "pca"}
        )
        record = {"source": image.name, "report": report.as_dict()}
        counts = image.counts.sum(axis=0, keepdims=True).astype(np.float32)
        result = image.with_one_repeat(
            counts, repeat_kind="scan", metadata={**image.metadata, "denoising": record}
        )
        return xrf.Denoised(counts[0], result, report, None)


@pytest.fixture
def files(tmp_path, make_image):
    folder = tmp_path / "scans"
    folder.mkdir()
    return [
        xrf.write(folder / f"{name}.h5", make_image((2, 3, 4, size)))
        for name, size in (("gold", 40), ("ore", 48), ("vase", 56))
    ]


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results" / "of today"


def states(tasks):
    return [task.state for task in tasks]


def test_each_file_gets_its_result_with_the_record_of_what_it_was_made_of(files, results):
    tasks = run(plan(files, results), PCA, make=Engine())
    assert states(tasks) == ["done"] * 3
    assert sorted(path.name for path in results.iterdir()) == [
        "gold_denoised.h5", "ore_denoised.h5", "vase_denoised.h5",
    ]  # fmt: skip
    for file, task in zip(files, tasks, strict=True):
        raw, result = xrf.read(file), xrf.read(task.target)
        np.testing.assert_array_equal(result.counts[0], raw.counts.sum(axis=0))
        record = result.metadata["denoising"]["batch"]
        assert record["file"] == file.name
        assert record["bytes"] == file.stat().st_size
        assert record["settings"]["method"] == "pca"
        assert (task.dose_gain, task.fraction) == (GAIN, 1.0)
        assert task.gain_words == "8.0 (7.0 to 9.0)"


def test_a_plan_touches_nothing(files, results):
    tasks = plan(files, results)
    assert states(tasks) == ["waiting"] * 3
    assert not results.exists()


def test_an_error_stays_with_its_file(files, results, tmp_path):
    broken = tmp_path / "scans" / "broken.h5"
    broken.write_bytes(files[0].read_bytes()[:2000])
    sources = [broken, tmp_path / "missing.h5", *files]
    engine = Engine(fail={"ore.h5": RuntimeError("odd"), "gold.h5": MemoryError("9 GB")})
    tasks = run(plan(sources, results), PCA, make=engine)
    assert states(tasks) == ["failed", "failed", "failed", "failed", "done"]
    for source, task in zip(sources[:4], tasks, strict=False):
        assert source.name in task.message
    assert "report this as a bug" in tasks[3].message
    assert "Traceback" in tasks[3].details
    assert "not enough memory" in tasks[2].message
    assert [path.name for path in results.iterdir()] == ["vase_denoised.h5"]


def test_two_files_with_one_result_are_refused_before_anything_starts(files, results, tmp_path):
    other = tmp_path / "gold.csv"
    with pytest.raises(xrf.SettingsError, match=r"gold\.h5 and .*gold\.csv .*gold_denoised\.h5"):
        plan([*files, other], results)


def test_a_result_never_replaces_one_of_the_files(files):
    folder = files[0].parent
    source = folder / "gold_denoised.h5"
    source.write_bytes(files[0].read_bytes())
    with pytest.raises(xrf.SettingsError, match="would replace"):
        plan([*files, source], folder, overwrite=True)


def test_a_file_that_is_named_twice_is_done_once(files, results):
    again = files[0].parent / ".." / "scans" / "gold.h5"
    assert [task.source for task in plan([files[0], again], results)] == [files[0]]


@pytest.mark.parametrize("suffix", [".h5", ".hspy", ".ome.tif", ".zarr"])
def test_what_is_done_is_not_done_again(files, results, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    run(plan(files[:2], results, suffix=suffix), PCA, make=Engine())
    engine = Engine()
    tasks = run(plan(files, results, suffix=suffix), dict(reversed(PCA.items())), make=engine)
    assert states(tasks) == ["skipped", "skipped", "done"]
    assert engine.seen == ["vase.h5"]
    assert tasks[0].dose_gain == GAIN
    assert tasks[0].gain_words == "8.0 (7.0 to 9.0)"
    assert all(task.target.name.endswith(f"_denoised{suffix}") for task in tasks)


def change_file(file, target):
    os.utime(file, ns=(1, 1))


def other_content(file, target):
    target.write_bytes(b"notes of last year")


def older_version(file, target):
    image = xrf.read(target)
    record = image.metadata["denoising"]
    old = {**record, "batch": {**record["batch"], "version": "0.0.1"}}
    xrf.write(target, image.replace(metadata={**image.metadata, "denoising": old}), overwrite=True)


@pytest.mark.parametrize("change", [change_file, other_content, older_version, "settings"])
def test_what_is_something_else_is_kept_until_it_may_be_replaced(files, results, change):
    how = dict(PCA)
    [made] = run(plan(files[:1], results), how, make=Engine())
    if change == "settings":
        how["seed"] = 5
    else:
        change(files[0], made.target)
    before = made.target.read_bytes()
    engine = Engine()
    [task] = run(plan(files[:1], results), how, make=engine)
    assert task.state == "failed"
    assert "exists already" in task.message
    assert "another folder" in task.message
    assert made.target.read_bytes() == before
    assert engine.seen == []
    [task] = run(plan(files[:1], results, overwrite=True), how, make=engine)
    assert task.state == "done"
    assert xrf.read(made.target).metadata["denoising"]["batch"]["version"] == xrf.__version__


def test_defaults_and_the_device_make_no_other_job(files, results):
    run(plan(files[:1], results), PCA, make=Engine())
    [task] = run(plan(files[:1], results), {**PCA, "seed": 0, "device": "cpu"}, make=Engine())
    assert task.state == "skipped"


class Told(batch.Sources):
    """Files about which something is said, of one of them something else later."""

    def __init__(self, said):
        self._said = said

    def read_options(self, path):
        return self._said[path.name]


def test_a_file_that_is_read_in_another_way_is_another_job(files, results):
    said = {"gold.h5": {"y": "0:2"}, "ore.h5": {}}

    def again(said):
        return states(run(plan(files[:2], results), PCA, sources=Told(said), make=Engine()))

    assert again(said) == ["done", "done"]
    assert xrf.read(results / "gold_denoised.h5").metadata["denoising"]["batch"]["input"] == {
        "y": "0:2"
    }
    assert again(said) == ["skipped", "skipped"]
    assert again({**said, "gold.h5": {"y": "0:1"}}) == ["failed", "skipped"]
    assert again({**said, "gold.h5": {}}) == ["failed", "skipped"]
    assert again({**said, "ore.h5": {"x": "0:1"}}) == ["skipped", "failed"]


def test_results_can_be_made_anew(files, results):
    run(plan(files[:1], results), PCA, make=Engine())
    engine = Engine()
    [task] = run(plan(files[:1], results, overwrite=True), PCA, resume=False, make=engine)
    assert (task.state, engine.seen) == ("done", ["gold.h5"])
    [task] = run(plan(files[:1], results), PCA, resume=False, make=engine)
    assert task.state == "failed"
    assert task.message.startswith("gold_denoised.h5 exists already; allow overwriting")


def test_the_device_is_that_of_the_caller_unless_a_setting_names_one(files, results):
    [task] = run(plan(files[:1], results), PCA, device="toaster")
    assert "device 'toaster' cannot be used here" in task.message
    [task] = run(plan(files[:1], results), {**PCA, "device": "cpu"}, device="toaster")
    assert "toaster" not in task.message


def test_a_stop_during_a_file_leaves_nothing_of_it_and_can_be_gone_on_with(files, results):
    engine = Engine()
    tasks = run(plan(files, results), PCA, should_stop=lambda: len(engine.seen) == 2, make=engine)
    assert states(tasks) == ["done", "stopped", "waiting"]
    assert [path.name for path in results.iterdir()] == ["gold_denoised.h5"]
    engine = Engine()
    tasks = run(tasks, PCA, make=engine)
    assert states(tasks) == ["skipped", "done", "done"]
    assert engine.seen == ["ore.h5", "vase.h5"]


def test_a_stop_between_files_begins_no_other(files, results):
    ended = []

    def note(index, task):
        if task.state == "done":
            ended.append(task)

    tasks = run(
        plan(files, results),
        PCA,
        on_change=note,
        should_stop=lambda: len(ended) == 1,
        make=Engine(),
    )
    assert states(tasks) == ["done", "waiting", "waiting"]


def test_changes_are_told_in_order(files, results):
    told = []
    tasks = run(
        plan(files, results), PCA, on_change=lambda *change: told.append(change), make=Engine()
    )
    assert [task for _, task in told[:3]] == [
        Task(file, task.target, size=file.stat().st_size)
        for file, task in zip(files, tasks, strict=True)
    ]
    for index, last in enumerate(tasks):
        mine = [task for row, task in told if row == index]
        assert mine[-1] == last
        assert list(dict.fromkeys(states(mine))) == ["waiting", "running", "done"]
        shares = [task.fraction for task in mine]
        assert shares == sorted(shares)
        assert "training" in [task.stage for task in mine]
        assert mine[-1].stage == ""


def test_warnings_of_a_result_are_told(files, results):
    engine = Engine(warnings=("row 3 is empty", "row 9 is empty"))
    [task] = run(plan(files[:1], results), PCA, make=engine)
    assert "row 3 is empty (and 1 more)" in task.message
    assert "row 9 is empty" in task.details


def test_a_result_that_cannot_be_written_is_saved_elsewhere(files, results, monkeypatch, tmp_path):
    write = io.write

    def full_disk(path, image, **options):
        if results in path.parents:
            raise OSError(28, "the disk is full")
        return write(path, image, **options)

    monkeypatch.setattr(io, "write", full_disk)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    [task] = run(plan(files[:1], results), PCA, make=Engine())
    assert task.state == "failed"
    assert "the disk is full" in task.message
    [rescued] = tmp_path.glob("xrf-denoise-*/gold_denoised.h5")
    assert str(rescued) in task.message
    raw = xrf.read(files[0])
    np.testing.assert_array_equal(xrf.read(rescued).counts[0], raw.counts.sum(axis=0))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"method": "magic"}, "method"),
        ({"preset": "quick"}, "preset"),
        ({"method": "pca", "preset": "tutorial"}, "preset"),
        ({"method": "pca", "ranks": 3}, "did you mean 'rank'"),
        ({"epohcs": 3}, "epohcs"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_settings_are_refused_before_a_file_is_read(tmp_path, how, words):
    with pytest.raises(xrf.SettingsError, match=words):
        run(plan([tmp_path / "missing.h5"], tmp_path), how)


@pytest.mark.parametrize("suffix", [".png", "h5", "", ".csv"])
def test_suffixes_that_cannot_keep_the_record_are_refused(files, results, suffix):
    with pytest.raises(xrf.SettingsError, match=r"expected one of \.h5"):
        plan(files, results, suffix=suffix)


def test_a_file_in_place_of_the_folder_is_refused(files):
    with pytest.raises(OSError, match="choose another folder"):
        plan(files, files[0])


def a_task(state, size, *, seconds=0.0, fraction=0.0):
    return Task("a.h5", "b.h5", state=state, size=size, seconds=seconds, fraction=fraction)


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        # 100 bytes took 20 s, so that 300 take 60 s.
        ([a_task("done", 100, seconds=20, fraction=1), a_task("waiting", 300)], 60),
        # 50 + 100 bytes in 30 s; half of the second file and the third are left: 100 + 50 bytes.
        (
            [
                a_task("done", 50, seconds=10, fraction=1),
                a_task("running", 200, seconds=20, fraction=0.5),
                a_task("waiting", 50),
            ],
            30,
        ),
        # Files that were there or failed say nothing about the pace, and need no more time.
        (
            [
                a_task("skipped", 900, seconds=0.1, fraction=1),
                a_task("failed", 900, seconds=1),
                a_task("done", 10, seconds=5, fraction=1),
                a_task("waiting", 20),
            ],
            10,
        ),
        ([a_task("running", 100, seconds=9, fraction=0.01)], None),
        ([a_task("waiting", 100)], None),
        ([], None),
    ],
)
def test_the_time_left_follows_the_pace_so_far(tasks, expected):
    assert seconds_left(tasks) == (None if expected is None else pytest.approx(expected))


def test_maps_are_denoised_and_a_model_is_applied(tmp_path):
    truths, files = [], []
    for seed in (1, 2):
        image, truth = xrf.simulate_map(shape=(12, 10), n_channels=96, seed=seed)
        truths.append(truth)
        files.append(xrf.write(tmp_path / f"map {seed}.h5", image))
    tasks = run(plan(files, tmp_path / "learned"), PCA)
    assert states(tasks) == ["done", "done"], [task.message for task in tasks]
    for file, made, truth in zip(files, tasks, truths, strict=True):
        raw, result = xrf.read(file).counts[0], xrf.read(made.target).counts[0]
        truth = truth.reshape(raw.shape)
        assert np.mean((result - truth) ** 2) < np.mean((raw - truth) ** 2)

    # A plan for any file is the same job as the arguments that it was made from.
    again = run(plan(files, tmp_path / "learned"), plan_run(**PCA))
    assert states(again) == ["skipped", "skipped"]
    planned = run(plan(files[:1], tmp_path / "planned"), plan_run(**PCA))
    np.testing.assert_array_equal(
        xrf.read(planned[0].target).counts, xrf.read(tasks[0].target).counts
    )

    model = xrf.denoise(xrf.read(files[0]), **PCA).model
    applied = run(plan(files, tmp_path / "applied"), model)
    assert states(applied) == ["done", "done"]
    saved = xrf.Model.load(model.save(tmp_path / "m.safetensors"))
    assert states(run(plan(files, tmp_path / "applied"), saved)) == ["skipped", "skipped"]
    other = xrf.denoise(xrf.read(files[1]), **PCA).model
    assert states(run(plan(files, tmp_path / "applied"), other)) == ["failed", "failed"]


def test_files_of_another_energy_axis_fail_by_themselves(tmp_path, make_image):
    image, _ = xrf.simulate_map(shape=(12, 10), n_channels=96, seed=1)
    model = xrf.denoise(image, **PCA).model
    files = [
        xrf.write(tmp_path / "other.h5", make_image((1, 3, 4, 40))),
        xrf.write(tmp_path / "map.h5", image),
    ]
    tasks = run(plan(files, tmp_path / "out"), model)
    assert states(tasks) == ["failed", "done"]
    assert "the model expects 96" in tasks[0].message


def test_planning_loads_no_torch_and_no_window():
    code = (
        "import sys\n"
        "from napari_xrf_denoise.batch.runner import plan\n"
        "plan(['a.h5'], '.')\n"
        "assert not {'torch', 'napari', 'qtpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
