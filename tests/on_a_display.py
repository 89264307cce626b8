"""Run a command in a window system; on a Debian-like Linux as root, install what it needs.

The tests open real napari windows. Where there is a screen the command simply runs. On Linux
without one it runs in a virtual X server, whose packages are installed when they are missing and
that is possible, or named when it is not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = (
    "xvfb",
    "xauth",
    *["libegl1", "libgl1", "libxkbcommon-x11-0", "libdbus-1-3", "libfontconfig1"],
    *["libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1", "libxcb-randr0"],
    *["libxcb-render-util0", "libxcb-shape0", "libxcb-xinerama0"],
)


def main(command: list[str]) -> int:
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        return subprocess.call(command)
    missing = missing_packages()
    if missing:
        if not can_install():
            print(
                "The tests open real windows and need a virtual screen. Please install:\n"
                f"  sudo apt-get install {' '.join(missing)}\n"
                "or, on other systems, Xvfb and the XCB, EGL and GL libraries that Qt 6 needs, "
                "or run the tests where there is a screen."
            )
            return 1
        install(missing)
    return subprocess.call(
        ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1600x1000x24", *command]
    )


def missing_packages() -> list[str]:
    """Return what is not installed; of a system without dpkg, whether Xvfb is there."""
    if shutil.which("dpkg-query") is None:
        return [] if shutil.which("xvfb-run") else ["xvfb"]
    found = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in found.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in installed]


def can_install() -> bool:
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A package list of yesterday or a network hiccup is no reason to fail: once more, refreshed.
    for attempt in range(3):
        update = subprocess.call(["apt-get", "update", "-q"], env=environment)
        add = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        if subprocess.call(add, env=environment) == 0:
            return
        print(f"installing the display libraries failed (update: {update}), attempt {attempt + 1}")
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
