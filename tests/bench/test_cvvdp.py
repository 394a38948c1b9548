"""CVVDP: the values of its package, whose import leaves nothing behind."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch

pytest.importorskip("skimage")
pytest.importorskip("scipy")

from aecodec.bench import cvvdp
from aecodec.bench.cvvdp import GaussianBlur, jod
from aecodec.bench.photos import read_bundled
from tests.photos import jpeg
from tests.processes import run_python

installed = pytest.mark.skipif(find_spec("pycvvdp") is None, reason="cvvdp is not installed")


@installed
@pytest.mark.parametrize(
    ("name", "values"),
    [("astronaut.png", (8.33998, 9.62403, 9.89038)), ("coffee.png", (7.8641, 9.40677, 9.78555))],
)
def test_values_are_those_of_the_whole_package(name: str, values: tuple[float, ...]) -> None:
    """Of JPEG at quality 10, 50 and 90; measured with stand-ins for all that it depends on."""
    (image,) = (photo.image[:256, :256] for photo in read_bundled() if photo.name == name)
    found = [jod(image, jpeg(image, quality)) for quality in (10, 50, 90)]
    assert found == pytest.approx(values, abs=1e-3)
    assert jod(image, image) == 10


@installed
def test_the_import_says_nothing_and_leaves_nothing_behind() -> None:
    code = """if True:
        import sys, warnings
        import numpy as np
        from aecodec.bench.cvvdp import STAND_INS, jod
        warnings.simplefilter("error")
        path, image = list(sys.path), np.zeros((40, 30, 3), np.uint8)  # dark: it would warn
        image.flags.writeable = False
        assert jod(image, image) == 10
        assert sys.path == path
        assert not {"pycvvdp", "pycvvdp.utils", "interp", "third_party"} & sys.modules.keys()
        assert all(sys.modules[name].__spec__ for name in STAND_INS if name in sys.modules)
    """
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_module_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cvvdp.STAND_INS:
        monkeypatch.setitem(sys.modules, name, None)  # as if it was not installed
    assert [module.__name__ for module in cvvdp._stand_ins()] == list(cvvdp.STAND_INS)
    monkeypatch.setitem(sys.modules, "torchvision.transforms", ModuleType("torchvision.transforms"))
    assert "torchvision.transforms" not in [module.__name__ for module in cvvdp._stand_ins()]


def test_the_blur_is_gaussian_with_mirrored_borders() -> None:
    from scipy.ndimage import gaussian_filter

    x = np.random.default_rng(5).random((2, 1, 20, 30), dtype=np.float32)
    found = GaussianBlur(13, 3).forward(torch.from_numpy(x))
    wanted = gaussian_filter(x, 3, mode="mirror", radius=6, axes=(2, 3))
    assert found.numpy() == pytest.approx(wanted, abs=1e-6)
