"""Faults in words: each is said with its place and size, and clean data raise no alarm."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.diagnostics import find_faults
from napari_xrf_denoise.denoising.diagnostics.statistics import count_statistics
from napari_xrf_denoise.io import read
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra


def faults_of(image):
    return find_faults(count_statistics(image), image)


@pytest.fixture(scope="module")
def scans():
    """Three scans of one sample, and a function that makes others of its rate."""
    _, rate = simulate_map((40, 36), n_channels=256, counts_per_pixel=100, seed=4)

    def make(dose=(1, 1, 1), kind="scan", seed=0):
        dose = np.asarray(dose, dtype=float)
        dose = dose.reshape(*dose.shape, *[1] * (4 - dose.ndim))
        counts = np.random.default_rng(seed).poisson(dose * rate).astype(np.uint16)
        return SpectrumImage(counts, EnergyAxis(0, 0.08, 256), kind, name="scans")

    return make


def only(words):
    """The one fault of an image."""
    assert len(words) == 1, words
    return words[0]


def changed(image, change):
    counts = np.array(image.counts)
    change(counts)
    return image.replace(counts=counts)


@pytest.mark.parametrize("counts_per_pixel", [3, 30, 300])
def test_clean_maps_raise_no_alarm(counts_per_pixel):
    for seed in range(10):
        shape = [(24, 24), (9, 40), (40, 9)][seed % 3]
        image, rate = simulate_map(
            shape, n_channels=[64, 256][seed % 2], counts_per_pixel=counts_per_pixel, seed=seed
        )
        assert faults_of(image) == [], seed
        rng = np.random.default_rng(seed)
        for kind, dose in (("scan", [1, 1, 1]), ("detector", [1, 0.6, 0.3])):
            counts = rng.poisson(np.array(dose)[:, None, None, None] * rate)
            assert faults_of(SpectrumImage(counts, image.energy, kind)) == [], (seed, kind)


@pytest.mark.parametrize("repeats", [1, 2, 32])
def test_clean_spectra_raise_no_alarm(repeats):
    for seed in range(5):
        assert (
            faults_of(simulate_spectra(n_repeats=repeats, n_channels=1024, seed=seed)[0]) == []
        ), seed


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 8), (1, 1, 1, 5000), (3, 1, 1, 100), (1, 2, 2, 4096), (2, 1, 5, 17)]
)
def test_odd_shapes_raise_no_alarm(shape):
    image = SpectrumImage(np.random.default_rng(0).poisson(900, shape))
    assert faults_of(image) == []


def test_the_measured_files_raise_only_the_alarms_they_deserve(shared_data):
    pytest.importorskip("rsciio")
    for name in ("05_xrf_spectra.csv", "88_ES-LP_G8_selection2_cropped2.hspy"):
        assert faults_of(read(shared_data / name)) == []
    said = only(faults_of(read(shared_data / "P45_the_default_job.bcf")))
    assert "rows 0 to 19 hold about 1.5 times the counts of rows 21 to 74" in said
    assert "row 20 in part" in said
    assert "--y 21:75" in said


def test_a_measured_map_that_was_changed_is_said_to_be(shared_data):
    pytest.importorskip("rsciio")
    image = read(shared_data / "SiO2_EDS_SI.hspy")
    assert "rows, columns and channels are too alike" in only(faults_of(image))
    # Seen without any check: of silicon, 3 and 6 counts are more frequent than their neighbours
    # allow in pixels of like counts of oxygen, by 5 and 23 %, other values less.
    counts = np.asarray(image.counts)[0]
    oxygen = counts[:, :, 20:60].sum(axis=2)
    silicon = counts[(oxygen >= 30) & (oxygen < 60)][:, 160:190]
    numbers = np.bincount(silicon.ravel()).astype(float)
    for value, least in ((3, 1.03), (6, 1.18)):
        allowed = numbers[value - 1] * numbers[value + 1] * (value + 1) / value
        assert numbers[value] ** 2 > least * allowed


def test_the_measured_detector_elements_have_scales_of_their_own(shared_data):
    image = read(
        shared_data / "2xfm_0011_2xfm3__0.h5",
        dataset=[f"/MAPS_RAW/data_{letter}" for letter in "abcd"],
        energy_axis=0, repeat_kind="detector", energy_offset=-0.00418, energy_gain=0.0095216,
    )  # fmt: skip
    said = only(faults_of(image))
    assert "energy scales differ" in said
    assert "detector element 3: -" in said
    assert "detector element 2: +" in said
    assert "--align or align_repeats(image)" in said
    assert count_statistics(image).is_poisson


@pytest.mark.parametrize(("channels", "words"), [(1, "only 1 channel:"), (7, "only 7 channels:")])
def test_too_few_channels_for_a_spectrum_are_said(channels, words):
    image = SpectrumImage(np.random.default_rng(0).poisson(9, (1, 12, 12, channels)))
    said = only(faults_of(image))
    assert said.startswith(words)
    assert "--energy-axis" in said


def test_too_few_counts_are_said():
    few = SpectrumImage(np.random.default_rng(0).poisson(0.01, (1, 20, 20, 20)))
    assert "only " in only(faults_of(few))
    thin = SpectrumImage(np.random.default_rng(0).poisson(1e-3, (1, 60, 60, 400)))
    assert "too few to learn what pixels have in common" in only(faults_of(thin))


def test_statistics_that_are_not_poisson_are_said_once(scans):
    image = scans()
    one = image.select(repeats=0)
    assert "multiples of 3" in only(faults_of(one.replace(counts=one.counts * 3)))
    said = only(faults_of(one.replace(counts=one.counts / np.float32(0.25))))
    assert "multiples of 4" in said
    said = only(faults_of(one.replace(counts=one.counts / np.float32(0.3))))
    assert "not whole numbers" in said
    assert "all are multiples of 3.33333" in said
    assert "with --unit 3.33333 or to_photon_counts(image, 3.33333)" in said
    said = only(faults_of(image.replace(counts=image.counts // 2)))
    assert "too alike for any sample" in said
    # Photons of rates that differ from scan to scan and pixel to pixel.
    unsteady = scans(np.random.default_rng(0).gamma(9, 1 / 9, (3, 40, 36, 1)))
    assert "variance over repeats" in only(faults_of(unsteady))


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        ((1, 1, 0), "repeat 2 holds next to no counts"),
        ((1, 1, 1, 0.5), "repeat 3 holds 0.50 times the counts of the others"),
        ((1, 0.9, 0.8, 0.7, 0.6), "counts fall steadily from the first to the last repeat"),
        ((1, 1, 1, 0.7, 0.7, 0.7), "counts jump at repeat 3: from there on 0.70 times"),
    ],
)
def test_scans_of_different_counts_are_said(scans, dose, words):
    assert words in only(faults_of(scans(dose)))


def test_detector_elements_may_see_different_counts_but_not_none(scans):
    assert faults_of(scans((1, 0.7, 0.4), "detector")) == []
    assert "detector element 2 holds next to no" in only(faults_of(scans((1, 1, 0), "detector")))


def test_an_unfinished_scan_is_said(scans):
    def stop(counts):
        counts[2, 25:] = 0

    statistics, said = faults_of(changed(scans(), stop))
    assert "variance over repeats" in statistics
    assert "repeat 2: rows 25 to 39 are empty while the others hold counts there" in said


def test_a_scan_that_lost_the_beam_is_said(scans):
    dose = np.ones((3, 40))
    dose[1, 20:] = 0.5
    said = faults_of(scans(dose))
    assert any("repeat 1 changes within the map: from row 20 on" in fault for fault in said)
    assert not any("repeat 0" in fault or "repeat 2" in fault for fault in said)


def test_a_moved_sample_is_said(scans):
    image = scans()
    counts = np.stack([image.counts[0, :-4], image.counts[1, :-4], image.counts[2, 4:]])
    said = faults_of(image.replace(counts=counts))
    assert any("the sample moved: repeat 2 shifted" in fault for fault in said)
    assert any("-4." in fault or "-3.9" in fault for fault in said)


@pytest.mark.parametrize(
    ("rows", "share", "words"),
    [
        (slice(0, 1), 0.4, "row 0 holds about 0."),
        (slice(25, None), 0.85, "rows 25 to 39 hold about 0.8"),
        (slice(10, 16), 0.5, "rows 10 to 15 hold about 0."),
    ],
)
def test_rows_that_were_measured_for_a_shorter_time_are_said(rows, share, words):
    # An even sample, in which small steps are seen too.
    dose = np.ones((40, 1, 1))
    dose[rows] = share
    spectrum = simulate_spectra(n_repeats=1, n_channels=255, seed=0)[1][0, 0] / 250
    counts = np.random.default_rng(0).poisson(dose * spectrum * np.ones((40, 50, 1)))
    said = only(faults_of(SpectrumImage(counts[None])))
    assert said.startswith(words)


def test_an_unfinished_map_is_said(scans):
    def stop(counts):
        counts[:, 30:] = 0
        counts[:, 29, 10:] = 0

    rows, pixels = faults_of(changed(scans(), stop))
    assert rows.startswith("rows 30 to 39 are empty")
    assert pixels.startswith("26 of 1440 pixels are empty")
    assert "rows 29 to 29, columns 10 to 35" in pixels


def test_masked_pixels_are_said(scans):
    mask = np.ones((40, 36), dtype=bool)
    mask[5:9, 10:20] = False
    said = only(faults_of(scans().select(mask=mask)))
    assert said.startswith("40 of 1440 pixels are empty")
    assert "rows 5 to 8, columns 10 to 19" in said


def test_channels_that_are_no_spectrum_are_said(scans):
    def add(counts):
        rng = np.random.default_rng(5)
        counts[..., -1] += rng.poisson(5, counts.shape[:3]).astype(np.uint16)
        counts[..., 140] += rng.poisson(2, counts.shape[:3]).astype(np.uint16)

    overflow, hot = faults_of(changed(scans(), add))
    assert overflow.startswith("channel 255 holds ")
    assert hot.startswith("channel 140 (11.2 keV) holds ")
    assert "--energy 0:20.36" in overflow


@pytest.mark.parametrize("per_pixel", [60, 0.5])
def test_an_overflow_is_the_only_thing_said_with_its_share_of_the_counts(scans, per_pixel):
    image = scans((1,))

    def fill(counts):
        size = counts.shape[:3]
        counts[..., -1] = per_pixel if per_pixel > 1 else np.indices(size).sum(axis=0) % 2

    image = changed(image, fill)
    said = only(faults_of(image))
    counts = np.asarray(image.counts, dtype=float)
    assert f"({100 * counts[..., -1].sum() / counts.sum():.2g} % of all)" in said
    assert "the dose gain is that of these counts, too" in said


def test_long_lists_of_repeats_are_cut_short():
    rate = 50 * np.exp(-0.5 * ((np.arange(600) - 300) / 8) ** 2)
    shifts = np.tile([-5, 5], 10)
    counts = np.random.default_rng(0).poisson([np.roll(20 * rate, s) for s in shifts])
    said = faults_of(SpectrumImage(counts[:, None, None], repeat_kind="detector"))
    assert any("and 14 more" in fault for fault in said)
