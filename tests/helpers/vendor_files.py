"""Small JEOL, Velox and Phenom files, written byte by byte.

The layouts follow what RosettaSciIO's readers and their comments say of them, and were compared
with the measured files of its own tests: marks, order, types of numbers, and padding.
"""

import bz2
import json
import struct

import h5py
import numpy as np

# JEOL Analysis Station, .pts: words of 16 bits: the upper four say what the other twelve are.
X, Y, SEM_SIGNAL, PHOTON = 0x8000, 0x9000, 0xA000, 0xB000
CLOCKS = (0x6000, 0x7000)
"""Two words that stand in the stream at intervals and hold no photons."""

JEOL_COEF_A, JEOL_COEF_B, JEOL_ZERO_CHANNEL = 0.01, -0.0008, 96
JEOL_SCAN_SIZE_MM, JEOL_MAGNIFICATION = 178.0, 40_000


def write_jeol(path, frames, sem_signal=None, unfinished=None):
    """Write frames of counts with the axes (sweep, y, x, 4096 channels).

    ``sem_signal`` is a picture stored with each sweep. One sweep more was stopped after its first
    ``unfinished`` rows, with a photon in each of their pixels.
    """
    n_frames, height, width, n_channels = frames.shape
    assert n_channels == 4096
    words = []
    for frame in frames:
        words += _sweep(frame, sem_signal, height)
    if unfinished is not None:
        one_each = np.zeros(frames.shape[1:], dtype=int)
        one_each[:, :, 200] = 1
        words += _sweep(one_each, sem_signal, unfinished)
    header = _jeol_header(width, height, n_frames + (unfinished is not None))
    stream = np.array(words, dtype="<u2").tobytes()
    header_at, data_at = 305, 16_384
    start = struct.pack("<I8s", 304, b"PTTDFILE")
    start += struct.pack("<6I", 131_072, 1, header_at, len(header), data_at, len(stream))
    start += bytes(128 + 132) + struct.pack("<d", 42_832.75)  # group, memo, days since 1899-12-30
    content = start.ljust(header_at, b"\0") + bytes(12) + header
    assert len(content) < data_at
    path.write_bytes(content.ljust(data_at, b"\0") + stream)
    return path


def _sweep(frame, sem_signal, rows):
    """Return the words of a sweep; coordinates count 4096 steps over the map, whatever its size."""
    _, width, _ = frame.shape
    step = 4096 // width
    words = []
    for y in range(rows):
        words.append(Y | y * step)
        for x in range(width):
            channels = np.repeat(np.arange(4096), frame[y, x])
            if len(channels) or sem_signal is not None:
                words.append(X | x * step)
            words += [PHOTON | int(channel) for channel in channels]
            if sem_signal is not None:
                words.append(SEM_SIGNAL | int(sem_signal[y, x]))
            if x % 5 == 0:
                words += CLOCKS
    return words


def _jeol_header(width, height, n_sweeps):
    """Return the tree of names and values that describes a measurement."""
    seen = {
        "Doc": [
            _jeol_value("RealTime", "d", 36.5),
            _jeol_value("DwellTime(msec)", "d", 0.1),
            _jeol_value("Sweep", "H", n_sweeps),
            _jeol_value("CoefA", "d", JEOL_COEF_A),
            _jeol_value("CoefB", "d", JEOL_COEF_B),
        ],
        "Meas Cond": [
            _jeol_value("Tpl", "c", "T4"),
            _jeol_value("Pixels", "c", f"{width}x{height}"),
        ],
        "MeasCond": [
            _jeol_value("AccKV", "f", 200.0),
            _jeol_value("Mag", "i", JEOL_MAGNIFICATION),
        ],
    }
    measured = _jeol_group("AnalyzableMap MeasData", [_jeol_group(*each) for each in seen.items()])
    template = _jeol_group("T4", [_jeol_value("DigZ", "H", JEOL_ZERO_CHANNEL)])
    microscope = [
        _jeol_value("DetT", "c", "EX24075JGT"),
        _jeol_value("MnKaRES", "f", 138.0),
        _jeol_value("DirAng", "f", 90.0),
        _jeol_value("ElevAng", "f", 22.0),
        _jeol_value("ScanSize", "f", JEOL_SCAN_SIZE_MM),
    ]
    pages = [
        _jeol_value("PARAMPAGE1", "c", "EDXRF", [_jeol_group("Tpl", [template])]),
        _jeol_value("PARAMPAGE0", "c", "SEM", microscope),
    ]
    parameters = _jeol_group("PTTD Param", [_jeol_group("Params", pages)])
    return parameters + _jeol_group("PTTD Data", [measured]) + b"\xff"


def _jeol_value(name, kind, value, children=()):
    """Return an entry: its name, type and value, what belongs to it, and a mark at its end."""
    number = {"H": 2, "i": 3, "f": 4, "d": 5, "c": 12}[kind]
    packed = value.encode() + b"\0" if kind == "c" else struct.pack(f"<{kind}", value)
    return _jeol_entry(name, number, packed, children)


def _jeol_group(name, children):
    return _jeol_entry(name, 0, b"", children)


def _jeol_entry(name, number, packed, children):
    label = name.encode() + b"\0"
    head = b"\x01" + struct.pack("<i", len(label)) + label
    return head + struct.pack("<ii", number, len(packed)) + packed + b"".join(children) + b"\xff"


# Velox, .emd: HDF5 with JSON inside

NEXT_PIXEL = 65_535
VELOX_DISPERSION_EV, VELOX_OFFSET_EV, VELOX_PIXEL_M = 10.0, -250.0, 3.6e-9


def write_velox(path, elements, eels=None):
    """Write counts with the axes (detector element, frame, y, x, channel), as Velox 11 does.

    ``eels`` is a spectrum image (y, x, loss) that was measured with the X-rays.
    """
    _, n_frames, height, width, n_channels = elements.shape
    names = [f"SuperXG2{number}" for number in range(1, len(elements) + 1)]
    with h5py.File(path, "w") as file:
        _velox_json(file, "Version", {"version": "11", "format": "Velox"})
        # The picture measured with the spectra tells their shape.
        picture = file.create_group("Data/Image/3997ddbe7d8c448e97ed660387f5ac44")
        shape = (height, width, n_frames)
        picture.create_dataset("Data", shape, dtype=np.uint16, chunks=(height, width, 1))
        _velox_metadata(picture, "HAADF", names)
        cube = file.create_group("Data/SpectrumImage/fb57a4c0cb494f738fc9894e320e5caf")
        frames = {"startFramePosition": "1", "endFramePosition": str(n_frames)}
        _velox_json(cube, "SpectrumImageSettings", frames)
        _velox_metadata(cube, names[0], names)
        for number, (name, counts) in enumerate(zip(names, elements, strict=True)):
            stream = file.create_group(f"Data/SpectrumStream/{number:032x}")
            settings = {"bincount": str(n_channels), "StreamEncoding": "uint16"}
            _velox_json(stream, "AcquisitionSettings", settings)
            stream["Data"] = _velox_stream(counts)[:, None]
            _velox_metadata(stream, name, names)
        _velox_json(file, "Displays/ImageDisplay/0282727a72d64d60b6bff9a1e9ae1f3b", {"id": "HAADF"})
        if eels is not None:
            losses = file.create_group("Data/EelsSpectrumImage/4705390e52d444428a79cbab418b3747")
            losses["Data"] = eels.transpose(1, 2, 0)
            _velox_metadata(losses, "EELS", names)
            scale = {"Data": {"offset": 800.0, "dispersion": 0.15}}
            _velox_bytes(losses, "AcquisitionMetadata", scale)
    return path


def _velox_stream(frames):
    """Return each photon's channel, and after those of a pixel the mark of the next one."""
    values = []
    for spectrum in frames.reshape(-1, frames.shape[-1]):
        values += [*np.repeat(np.arange(len(spectrum)), spectrum), NEXT_PIXEL]
    return np.array(values, dtype=np.uint16)


def _velox_metadata(group, detector, names):
    detectors = {
        f"Detector-{number}": {
            "DetectorName": name,
            "DetectorType": "AnalyticalDetector",
            "Dispersion": str(VELOX_DISPERSION_EV),
            "OffsetEnergy": str(VELOX_OFFSET_EV),
            "LiveTime": "0.245",
            "RealTime": "0.256",
        }
        for number, name in enumerate([*names, "HAADF"])
    }
    place = {
        "Detector": detector,
        "PixelSize": {"width": str(VELOX_PIXEL_M), "height": str(VELOX_PIXEL_M)},
        "PixelUnitX": "m",
        "PixelUnitY": "m",
        "Offset": {"x": "0", "y": "0"},
    }
    content = {
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1709189884"}},
        "Scan": {"DwellTime": "0.001", "FrameTime": "0.288"},
        "Detectors": detectors,
        "BinaryResult": place,
        "CustomProperties": {},
    }
    _velox_bytes(group, "Metadata", content)


def _velox_json(group, name, content):
    group.create_dataset(name, data=[json.dumps(content).encode()], dtype=h5py.string_dtype())


def _velox_bytes(group, name, content):
    """Write JSON as a column of bytes with zeros after it."""
    padded = json.dumps(content).encode().ljust(8_000, b"\0")
    group[name] = np.frombuffer(padded, dtype=np.uint8)[:, None]


# Phenom ProSuite, .elid: numbers one after the other, compressed as a whole

PHENOM_OFFSET_EV, PHENOM_DISPERSION_EV = -36.5, 9.9
PHENOM_PICTURE_PIXELS, PHENOM_PICTURE_PIXEL_NM = 20, 500.0


def write_phenom(path, counts, compression="lzw"):
    """Write a picture with a spectrum of a spot and, of all of it, a map (y, x, channel)."""
    spot = np.arange(counts.shape[-1])
    analyses = [
        b"\x02" + _phenom_analysis(spot, number=1) + struct.pack("<2d", 0, 0),
        b"\x04" + _phenom_analysis(counts.sum(axis=(0, 1)), number=2) + _phenom_map(counts),
    ]
    picture = _phenom_tiff(compression) + _phenom_text("Image 1")
    picture += struct.pack("<I", len(analyses)) + b"".join(analyses)
    no_more = struct.pack("<2I", 0, 0)  # analyses without a picture, and combinations of analyses
    content = struct.pack("<4siI", b"EID2", 4, 1) + picture + no_more
    path.write_bytes(bz2.compress(content))
    return path


def _phenom_text(text):
    return struct.pack("<I", len(text)) + text.encode()


def _phenom_tiff(compression):
    """Return the picture as TIFF; Phenom's program compresses it with LZW."""
    pixels = bytes(range(200)) * 2
    n_pixels = PHENOM_PICTURE_PIXELS
    assert len(pixels) == n_pixels**2
    data = lzw(pixels) if compression == "lzw" else pixels
    size = f'unit="nm">{PHENOM_PICTURE_PIXEL_NM}'
    about = (
        '<?xml version="1.0" encoding="UTF-8"?><FeiImage>'
        f"<pixelWidth {size}</pixelWidth><pixelHeight {size}</pixelHeight>"
        "<time>2019-08-07T09:37:31</time>"
        '<acquisition><scan><highVoltage unit="kV">-15</highVoltage><spotSize>4.3</spotSize>'
        "<scanScale>1</scanScale><detectors><SED><gain>0</gain></SED></detectors>"
        '</scan></acquisition><workingDistance unit="mm">8.1</workingDistance></FeiImage>'
    ).encode() + b"\0"
    data_at = 8
    about_at = data_at + len(data) + len(data) % 2
    tags = [
        (254, 4, 1, 0),
        (256, 4, 1, n_pixels),
        (257, 4, 1, n_pixels),
        (258, 3, 1, 8),
        (259, 3, 1, 5 if compression == "lzw" else 1),
        (262, 3, 1, 1),
        (273, 4, 1, data_at),
        (277, 3, 1, 1),
        (278, 4, 1, n_pixels),
        (279, 4, 1, len(data)),
        (34_683, 2, len(about), about_at),
    ]
    tags_at = about_at + len(about) + len(about) % 2
    content = struct.pack("<2sHI", b"II", 42, tags_at) + data
    content = content.ljust(about_at, b"\0") + about
    content = content.ljust(tags_at, b"\0") + struct.pack("<H", len(tags))
    content += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return struct.pack("<I", len(content)) + content


def lzw(values):
    """Compress bytes as TIFF's LZW does, with a table that is cleared before it has to grow.

    So every code keeps nine bits: 256 clears the table, 257 ends the data.
    """
    codes = []
    for start in range(0, len(values), 200):
        codes += [256, *values[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _phenom_analysis(spectrum, number):
    """Return what every analysis begins with: no cut-out picture, its spectrum, how it was made."""
    return b"".join(
        [
            struct.pack("<I", 0),
            struct.pack("<2dI", PHENOM_OFFSET_EV, PHENOM_DISPERSION_EV, len(spectrum)),
            b"".join(variable_length(value) for value in spectrum),
            _phenom_detector(),
            struct.pack("<2I", 0, 0),  # elements included, elements excluded
            struct.pack("<2I", 0, 0),  # channels of the background, oxides
            struct.pack("<?iI", True, number, 0),  # automatic, number, families chosen by hand
            struct.pack("<BI", 2, 0),  # no drift correction; elements ignored
        ]
    )


def _phenom_detector():
    # High tension, elevation, azimuth, live and real time, peaking times, resolution.
    content = struct.pack("<8d", 15e3, 0.5, 0.0, 9.5, 10.0, 2e-6, 1e-7, 132.0)
    content += _phenom_text("MVE000000-0000-L")
    # Two working distances, area, distance, tilt, correction; the detector, spectra as measured.
    return content + struct.pack("<6dBB", 8e-3, 8e-3, 25e-6, 0.03, 0.0, 0.0, 1, 2)


def _phenom_map(counts):
    height, width, n_channels = counts.shape
    return b"".join(
        [
            struct.pack("<4dI", -0.5, -0.5, 0.5, 0.5, 0),  # place in the picture; no colours
            struct.pack("<3I", width, height, n_channels),
            struct.pack("<2d", PHENOM_OFFSET_EV, PHENOM_DISPERSION_EV),
            _phenom_detector(),
            struct.pack("<2?", False, False),  # one real and one live time for all pixels
            b"".join(variable_length(value) for value in counts.ravel()),
            struct.pack("<2d", 10.0, 9.5),
        ]
    )


def variable_length(value):
    """Return a number in groups of seven bits, lowest first; the eighth says that more follow."""
    value = int(value)
    groups = []
    while value >= 128:
        groups.append(value % 128 | 128)
        value //= 128
    return bytes([*groups, value])
