"""A report as a PDF, printed by a local Chromium without a window."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from streams.errors import ConfigError, VeilleError

SECONDS: Final = 120
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def chromium() -> str:
    """Where it is: `CHROMIUM`, else the usual names and places. Raises `ConfigError`."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    found = found or next((place for place in _PLACES if Path(place).is_file()), None)
    if not found or not shutil.which(found):
        raise ConfigError(
            f"{named or 'Chromium'}: not found, and a PDF is printed by it. Remedy: install "
            "Chromium or Chrome, name it in CHROMIUM, or take --html and print that"
        )
    return found


def write_pdf(page: str, path: Path) -> None:
    """Print one page, which has all it needs within. Raises `ConfigError`, `VeilleError`."""
    browser = chromium()
    with tempfile.TemporaryDirectory(prefix="veille-report-") as name:
        folder = Path(name)
        source, made = folder / "report.html", folder / "report.pdf"
        source.write_text(page, encoding="utf-8", errors="replace")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder / 'profile'}",
            f"--print-to-pdf={made}",
            source.as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # it refuses to run as root with one
        _print(command, made)
        shutil.copyfile(made, path)


def _print(command: list[str], made: Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 # our own words
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VeilleError(f"{command[0]}: {error}. Remedy: take --html and print that") from None
    if done.returncode or not made.is_file():
        said = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise VeilleError(
            f"{command[0]} ended with {done.returncode} and no PDF: {said}. Remedy: take --html "
            "and print that"
        )
