"""What is seen of a batch while it runs."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from napari_xrf_denoise.batch.task import Task
from napari_xrf_denoise.cli import progress_table as cli_table
from napari_xrf_denoise.cli.progress_table import BatchView, LiveTable, batch_view
from napari_xrf_denoise.core.progress import Progress


def a_task(name, state="waiting", **fields):
    return Task(Path(name), Path("out") / name, state=state, **fields)


@pytest.fixture
def screen():
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=12, color_system=None)


def test_a_log_has_one_line_for_each_beginning_and_each_end(capsys):
    view = BatchView([a_task("a.h5"), a_task("b.h5")])
    with view:
        for index, name in enumerate(("a.h5", "b.h5")):
            for fraction in (0.0, 0.3, 0.6):
                view.show(index, a_task(name, "running", fraction=fraction, stage="training"))
        view.show(0, a_task("a.h5", "done", gain_words="8.0 (7.0 to 9.0)", warnings=("row 3",)))
        view.show(1, a_task("b.h5", "failed", message="b.h5: all counts are zero"))
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"a.h5: done, dose gain: 8.0 (7.0 to 9.0), result: {Path('out') / 'a.h5'}"
    ]
    assert printed.err.splitlines() == [
        "[1/2] a.h5", "[2/2] b.h5", "a.h5: warning: row 3", "error: b.h5: all counts are zero",
    ]  # fmt: skip


def test_a_log_tells_now_and_then_how_far_a_long_file_is(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cli_table.time, "monotonic", lambda: now[0])
    view = BatchView([a_task("a.h5")])
    for seconds in range(0, 70, 5):
        now[0] = 1000.0 + seconds
        view.show(0, a_task("a.h5", "running", fraction=seconds / 100, stage="training"))
    assert capsys.readouterr().err.splitlines() == [
        "[1/1] a.h5", "[1/1] a.h5 30 %, training", "[1/1] a.h5 60 %, training",
    ]  # fmt: skip


def test_a_log_of_one_long_run_has_a_line_now_and_then(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(cli_table.time, "monotonic", lambda: now[0])
    move = cli_table.log_progress("Denoising a.h5")
    for seconds in range(0, 70, 5):
        now[0] = 1000.0 + seconds
        move(Progress("training", seconds / 100, None))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "Denoising a.h5", "Denoising a.h5: 30 %, training", "Denoising a.h5: 60 %, training",
    ]  # fmt: skip


def test_a_terminal_keeps_a_table_and_errors_in_full(screen, capsys):
    long = "all counts are zero, " * 20
    with LiveTable([a_task("a.h5"), a_task("b.h5")], screen) as view:
        view.show(0, a_task("a.h5", "done", fraction=1.0, gain_words="8.0 (7.0 to 9.0)"))
        view.show(1, a_task("b.h5", "failed", message=long))
    table = screen.file.getvalue()
    [row] = [line for line in table.splitlines() if "a.h5" in line][-1:]
    assert [word in row for word in ("done", "100", "8.0 (7.0 to 9.0)")] == [True] * 3
    assert "Dose gain (×)" in table
    [cut] = [line for line in table.splitlines() if "b.h5" in line][-1:]
    assert len(cut) <= 100
    assert "all counts are zero" in cut
    assert long.strip() in capsys.readouterr().err


def test_a_long_list_shows_the_rows_around_the_running_file(screen):
    tasks = [a_task(f"{number:02}.h5", "done", fraction=1.0) for number in range(40)]
    tasks[25:] = [a_task(f"{number:02}.h5") for number in range(25, 40)]
    tasks[24] = a_task("24.h5", "running", fraction=0.4, stage="training")
    view = LiveTable(tasks, screen)
    screen.print(view._now())
    drawn = screen.file.getvalue()
    assert "24.h5" in drawn
    assert "training" in drawn
    assert "01.h5" not in drawn
    assert "24 of 40 files" in drawn
    assert len(drawn.splitlines()) <= 12


def test_where_nobody_looks_there_are_plain_lines():
    assert type(batch_view([])) is BatchView
