"""The OME-XML of our TIFF files, and what is read from that of others.

Which OME axis the energy is. OME has five, X Y Z C T, and keeps further ones inside them with a
"modulo" annotation (OME model, "6D, 7D and 8D storage"), whose type ``lambda`` is a spectrum. The
energy is written as Z with ``ModuloAlongZ Type="lambda"``, and repeats as T:

* as C it would be thousands of colour channels: readers that split channels, as many napari
  readers do, would make a layer of each, and every channel needs its own XML element;
* as Z the file opens in Fiji as a stack with an energy slider, where "Plot Z-axis Profile" draws
  the spectrum, and a program that knows modulo recognises Z as a spectrum.

The annotation counts channels in whole numbers, since readers count its steps by floating-point
division; keV, and everything else that OME has no place for, are in a comment annotation as JSON.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.base.metadata import CREATOR

NAMESPACE = "napari-xrf-denoise/spectrum-image"
_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_MODULO = "http://www.openmicroscopy.org/Schemas/Additions/2011-09"
_LENGTHS = {"nm", "µm", "mm", "cm", "m", "km", "Å", "pm", "pixel"}
_SAME_UNIT = {"um": "µm", "micron": "µm", "microns": "µm", "\u03bcm": "µm"}
_SAME_UNIT |= {"A": "Å", "angstrom": "Å"}
_PIXEL_TYPES = {"float32": "float", "float64": "double"}


def ome_xml(image: SpectrumImage, dtype: str, provenance: str) -> bytes:
    """Return the description of a TIFF whose planes run over energy, then over repeats.

    `dtype` names the NumPy type that is written, `provenance` is JSON for our reader.
    """
    repeats, height, width, size = image.shape
    root = ElementTree.Element("OME", {"xmlns": _OME, "Creator": CREATOR})
    picture = _add(root, "Image", ID="Image:0", Name=printable(image.name))
    pixels = _add(
        picture,
        "Pixels",
        ID="Pixels:0",
        DimensionOrder="XYZCT",
        Type=_PIXEL_TYPES.get(dtype, dtype),
        SizeX=width,
        SizeY=height,
        SizeZ=size,
        SizeC=1,
        SizeT=repeats,
        **physical_sizes(image.pixel_size, image.pixel_unit),
    )
    _add(pixels, "Channel", ID="Channel:0:0", SamplesPerPixel=1)
    _add(pixels, "TiffData", IFD=0, PlaneCount=size * repeats)
    for annotation in ("Annotation:0", "Annotation:1"):
        _add(picture, "AnnotationRef", ID=annotation)
    annotations = _add(root, "StructuredAnnotations")
    modulo = _add(
        annotations,
        "XMLAnnotation",
        ID="Annotation:0",
        Namespace="openmicroscopy.org/omero/dimension/modulo",
    )
    along = _add(_add(modulo, "Value"), "Modulo", namespace=_MODULO)
    _add(
        along,
        "ModuloAlongZ",
        Type="lambda",
        TypeDescription="energy channel",
        Unit="channel",
        Start=0,
        Step=1,
        End=size - 1,
    )
    comment = _add(annotations, "CommentAnnotation", ID="Annotation:1", Namespace=NAMESPACE)
    _add(comment, "Value").text = provenance
    # ASCII, as TIFF wants its texts; other characters become references.
    text: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True)
    return text


def provenance_in(xml: str) -> str | None:
    """Return the JSON that `ome_xml` stored, or None when this is not ours."""
    root = parse(xml) if NAMESPACE in xml else None
    if root is None:
        return None
    for element in root.iter():
        if element.tag.endswith("CommentAnnotation") and element.get("Namespace") == NAMESPACE:
            return "".join(value.text or "" for value in element)
    return None


def pixel_size_in(xml: str) -> tuple[dict[str, float], str]:
    """Return the distances along Y and X where they are given, and their unit."""
    root = parse(xml)
    pixels = None if root is None else next(_elements(root, "Pixels"), None)
    if pixels is None:
        return {}, "pixel"
    spacing: dict[str, float] = {}
    units = set()
    for axis in "YX":
        try:
            spacing[axis] = float(pixels.get(f"PhysicalSize{axis}", ""))
        except ValueError:
            continue
        units.add(pixels.get(f"PhysicalSize{axis}Unit", "µm"))  # the schema's default
    return (spacing, units.pop()) if len(units) == 1 else ({}, "pixel")


def parse(xml: str) -> ElementTree.Element | None:
    """Return the root of OME-XML, or None when the text is none."""
    if "<OME" not in xml or "<!DOCTYPE" in xml:  # OME-XML has no DTD, entity bombs do
        return None
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None


def _elements(root: ElementTree.Element, name: str) -> Any:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def _add(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    return ElementTree.SubElement(
        parent, tag, {key: str(value) for key, value in attributes.items()}
    )


def physical_sizes(pixel_size: tuple[float, float], unit: str) -> dict[str, Any]:
    """Return the attributes for the pixel size (y, x), none for a unit that OME does not have."""
    unit = _SAME_UNIT.get(unit, unit)
    if unit not in _LENGTHS:
        return {}
    y, x = pixel_size
    return {
        "PhysicalSizeX": repr(x),
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": repr(y),
        "PhysicalSizeYUnit": unit,
    }


def printable(text: str) -> str:
    """Return text without the control characters that XML cannot hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)
