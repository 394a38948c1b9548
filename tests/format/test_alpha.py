"""alpha.py against SPEC 3.6; the vectors hold a file for each of its rules."""

import tracemalloc
import zlib

import numpy as np
import pytest

from aecodec.errors import FormatError
from aecodec.format.alpha import read_alpha, reduced_alpha, write_alpha
from tests.chunks import ihdr, png_file
from tests.photos import photo


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (33, 17), (600, 500)])
def test_round_trip(size: tuple[int, int]) -> None:
    alpha = photo(*size)[..., 0].copy()
    assert np.array_equal(read_alpha(write_alpha(alpha), *size), alpha)


def test_any_other_byte_is_refused_and_any_cut_and_any_byte_more() -> None:
    data = write_alpha(photo(13, 7)[..., 0].copy())
    changed = [data[:n] + bytes((data[n] ^ 0x55,)) + data[n + 1 :] for n in range(len(data))]
    for damaged in (*changed, *(data[:n] for n in range(len(data))), data + b"\0"):
        with pytest.raises(FormatError, match="ALPH"):
            read_alpha(damaged, 13, 7)


def test_no_more_is_unpacked_than_there_are_lines() -> None:
    data = png_file([ihdr(64, 64), (b"IDAT", zlib.compress(bytes(50_000_000)))])
    tracemalloc.start()
    with pytest.raises(FormatError, match="more than 4160 bytes"):
        read_alpha(data, 64, 64)
    assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    tracemalloc.stop()


@pytest.mark.parametrize("reduction", [1, 2, 3, 8, 40])
def test_means_are_rounded_halves_up(reduction: int) -> None:
    alpha = photo(37, 25)[..., 0].copy()
    found = reduced_alpha(alpha, reduction)
    assert found.shape == (-(-25 // reduction), -(-37 // reduction))
    for (row, column), mean in np.ndenumerate(found):
        top, left = row * reduction, column * reduction
        box = alpha[top : top + reduction, left : left + reduction]
        assert mean == int(np.floor(box.mean() + 0.5))
    opaque = np.full((700, 2000), 255, np.uint8)
    assert reduced_alpha(opaque, 600).min() == 255
