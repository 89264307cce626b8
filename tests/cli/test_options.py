"""Options that several commands share."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from napari_xrf_denoise.cli.options import options_from_fields


@dataclass(frozen=True, kw_only=True)
class Box:
    width: Annotated[int, typer.Option(help="Width.")] = 1
    color: str = "red"


@dataclass(frozen=True, kw_only=True)
class Lid(Box):
    height: Annotated[int, typer.Option(help="Height.")] = 2


def test_annotated_fields_are_options_in_the_place_of_their_class():
    made = []

    def command(name: str, *, lid: Lid, last: bool = False):
        made.append((name, lid, last))

    run = options_from_fields(command)
    parameters = inspect.signature(run).parameters
    assert list(parameters) == ["name", "height", "width", "last"]
    assert parameters["width"].default == 1
    run(name="tin", height=5, width=4, last=True)
    assert made == [("tin", Lid(width=4, height=5), True)]


@pytest.mark.parametrize("command", ["denoise", "apply", "convert"])
def test_commands_that_read_a_part_have_the_same_options(run, command):
    _, out, _ = run(command, "--help")
    options = [line.split()[0] for line in out.splitlines() if line.startswith("  --")]
    shared = [
        "--repeats", "--y", "--x", "--energy", "--mask", "--rebin", "--align", "--unit",
        "--energy-axis", "--repeat-axis", "--repeat-kind", "--energy-offset", "--energy-gain",
        "--dataset",
    ]  # fmt: skip
    assert [option for option in options if option in shared] == shared
