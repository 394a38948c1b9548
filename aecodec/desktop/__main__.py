"""`python -m aecodec.desktop`: tell this user's desktop what .aec files are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import click

from aecodec import __version__
from aecodec.cli.main import aecodec
from aecodec.desktop.man import manual
from aecodec.files import reason

HERE = Path(__file__).resolve().parent
TARGETS = {
    "aecodec.xml": "mime/packages",
    "aecodec.thumbnailer": "thumbnailers",
    "aecodec.magic": "aecodec",
    "aecodec.ExifTool_config": "aecodec",
}
USES = """\
file(1): cat {folder}/aecodec.magic >> ~/.magic
exiftool: exiftool -config {folder}/aecodec.ExifTool_config photo.aec"""


@click.command()
@click.option("--man", is_flag=True, help="Write the manual page to standard output, no more.")
def main(man: bool) -> None:
    """Install MIME type, thumbnailer and manual page of .aec files for this user.

    They go under $XDG_DATA_HOME, by default ~/.local/share, as does what file(1) and exiftool can
    be told; how is said.
    """
    page = manual(aecodec, "aecodec", __version__)
    if man:
        click.echo(page, nl=False)
        return
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    for name, folder in TARGETS.items():
        _install(base / folder / name, (HERE / name).read_text("utf-8"))
    _install(base / "man" / "man1" / "aecodec.1", page)
    if shutil.which("update-mime-database"):
        subprocess.run(["update-mime-database", str(base / "mime")], check=True)
    else:
        click.echo("update-mime-database (package shared-mime-info) is missing: run it later")
    click.echo(USES.format(folder=base / "aecodec"))


def _install(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {reason(error)}") from error
    click.echo(f"installed {path}")


if __name__ == "__main__":
    main()
