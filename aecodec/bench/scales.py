"""The metrics by their names: what people call them, and the scales that BD-rates go by."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A field of `Measurement` and `RDPoint`, and the scale of its RD curves."""

    name: str
    title: str
    unit: str
    """of its own scale; "" where it has none"""
    digits: int
    """that tables show of it"""
    loss: tuple[float, float] | None = None
    """a and b of what is lost, a + b x: RD curves show -10 log10 of that, in dB, which is evener
    and rises with quality; None: they show x itself"""
    lost: str = ""
    """the same in words"""

    @property
    def end(self) -> str:
        """Of the keys of its BD-rates in the JSON, of which PSNR's are the plain ones."""
        return "" if self.name == "psnr" else f"_{self.name}"

    @property
    def even_unit(self) -> str:
        """The unit of its RD curves."""
        return "dB" if self.loss or self.unit == "dB" else "points"

    @property
    def scale(self) -> str:
        """What its RD curves show, in words."""
        what = f"-10 log10({self.lost})" if self.loss else self.title
        return f"{what}, in {self.even_unit}"

    def even(self, value: float | None) -> float | None:
        """A value on the scale of its RD curves; None: unknown, or infinite."""
        if value is None or self.loss is None:
            return value
        lost = self.loss[0] + self.loss[1] * value
        return -10 * math.log10(lost) if lost > 0 else None


METRICS = {
    metric.name: metric
    for metric in (
        Metric("psnr", "PSNR", "dB", 2),
        Metric("ms_ssim", "MS-SSIM", "", 4, loss=(1, -1), lost="1 - MS-SSIM"),
        Metric("ssimulacra2", "SSIMULACRA2", "", 1),
        Metric("cvvdp", "CVVDP", "JOD", 3, loss=(1, -0.1), lost="1 - CVVDP / 10"),
        Metric("butteraugli", "Butteraugli", "", 2, loss=(0, 1), lost="Butteraugli"),
        Metric("butteraugli_3norm", "Butteraugli 3-norm", "", 3, loss=(0, 1), lost="3-norm"),
    )
}
"""All of them, in the order of tables and plots."""
