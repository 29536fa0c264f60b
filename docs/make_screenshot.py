"""Make the pictures of the report in the README: python docs/make_screenshot.py PAGE [PICTURE].

Needs Chromium (on Debian: the package chromium) and a report, as `make demo` leaves in demo/. Also
fails when the page writes anything to the browser's console.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)


def shoot(page: Path, picture: Path, width: int, height: int) -> list[str]:
    """Open a page, take its picture, and return what it wrote to the console."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium is needed; on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        run = subprocess.run(
            [
                browser,
                *QUIET,
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--screenshot={picture.resolve()}",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    return [line for line in run.stderr.splitlines() if "CONSOLE" in line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", default=Path("demo/report.html"))
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/_static/report.png"))
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=1500)
    options = parser.parse_args()
    written = shoot(options.page, options.picture, options.width, options.height)
    if written:
        sys.exit("the page wrote to the console:\n" + "\n".join(written))
    print(options.picture)


if __name__ == "__main__":
    main()
