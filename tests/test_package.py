"""What `import aecodec` offers, and where its data is."""

from pathlib import Path

import pytest

import aecodec
from aecodec import files
from tests.processes import run_python


def test_every_exported_name_is_there() -> None:
    assert aecodec.__all__ == sorted(aecodec.__all__)
    for name in aecodec.__all__:
        assert getattr(aecodec, name) is not None


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="module 'aecodec' has no attribute 'compress'"):
        _ = aecodec.compress  # type: ignore[attr-defined]


def test_every_error_is_an_aecodec_error() -> None:
    for error in (aecodec.ImageError, aecodec.FormatError, aecodec.ModelError):
        assert issubclass(error, aecodec.AecodecError)


def test_the_import_is_light() -> None:
    code = "import sys, aecodec; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    assert run_python(code).returncode == 0


def test_data_comes_from_the_wheel_or_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "aecodec")
    assert files.data_folder("weights") == tmp_path / "weights"
    assert files.data_folder("published") == tmp_path / "benchmarks" / "published"
    (tmp_path / "aecodec/_data/weights").mkdir(parents=True)
    assert files.data_folder("weights") == tmp_path / "aecodec/_data/weights"
