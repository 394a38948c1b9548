"""`python -m aecodec.desktop`: tell this user's desktop what .aec files are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
TARGETS = {"aecodec.xml": "mime/packages", "aecodec.thumbnailer": "thumbnailers"}


@click.command()
def main() -> None:
    """Install the MIME type image/x-aec and the thumbnailer for this user.

    They go under $XDG_DATA_HOME, by default ~/.local/share.
    """
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    for name, folder in TARGETS.items():
        (base / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name, base / folder / name)
        click.echo(f"installed {base / folder / name}")
    if shutil.which("update-mime-database"):
        subprocess.run(["update-mime-database", str(base / "mime")], check=True)
    else:
        click.echo("update-mime-database (package shared-mime-info) is missing: run it later")


if __name__ == "__main__":
    main()
