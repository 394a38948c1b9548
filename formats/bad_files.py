"""The invalid vectors: one for each rule of SPEC.md that a file can break."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from good_files import (
    MODEL,
    File,
    chunk,
    filtered,
    png_file,
    rgb_file,
    some_filter,
    split_chunks,
    synthetic,
    synthetic_alpha,
    zeros_stream,
)
from numpy.typing import NDArray
from PIL import Image

from aecodec.codec import Codec
from aecodec.coding.encoder import symbol_chooser, symbol_writer
from aecodec.format.payload import SymbolEncoder
from aecodec.format.quality import q_to_quality
from aecodec.model.loaded import LoadedModel, load_model
from aecodec.model.quantize import as_indexes, as_symbols


@dataclass(frozen=True)
class Invalid:
    """A file that every decoder refuses; its name begins with the section it breaks."""

    name: str
    what: str
    error: str
    data: bytes
    found_by: str = "info"
    """info: before any payload is looked at; decode: afterwards"""


def invalid_vectors(codec: Codec) -> Iterator[Invalid]:
    """All of them, by section."""
    one = rgb_file(codec)
    data = codec.encode(synthetic(70, 24, 3, seed=2), q_to_quality(one.q), one.tile)
    two = replace(one, width=70, chunks=tuple(split_chunks(data)))
    yield from bad_headers(one)
    yield from bad_chunks(one)
    yield from bad_lists(one, two)
    yield from bad_tiles(one, two)
    yield from bad_alphas(one)
    yield from bad_filters(one, some_filter(1), some_filter(1, 1001))
    yield from bad_previews(one)
    yield from bad_payloads(one, load_model(MODEL))


def bad_headers(one: File) -> Iterator[Invalid]:
    """Section 2."""
    good = one.data()
    tiles = "the side of a tile is a multiple of 64 up to 2048, not"
    sides = "are not in 1 to 1048575"
    many = replace(one, width=2**15, height=2**15)
    large = replace(one, width=2**14 + 1, height=2**14, tile=2048)
    empty = (chunk(b"TIDX", bytes(4 * 72)), *[chunk(b"TILE")] * 72)
    for name, what, error, data in (
        ("2-cut", "the header is cut", "cut inside the header: 31 bytes of 32", good[:31]),
        ("2.1-nothing", "no bytes at all", "the signature is missing", b""),
        ("2.1-cut", "the signature is cut", "cut inside the signature: 5 bytes", good[:5]),
        ("2.1-png", "another format", "the signature is missing", b"\x89PNG" + good[4:]),
        ("2.1-text", "LF for CR LF", "transferred as text", good.replace(b"\r\n", b"\n", 1)),
        ("2.1-7-bit", "the high bit is lost", "transferred as text", b"\x09" + good[1:]),
        ("2.2-draft", "version 0", "version 0 was a draft", replace(one, version=0).data()),
        ("2.2-newer", "version 2", "a newer aecodec is needed", replace(one, version=2).data()),
        ("2.4-width-0", "width 0", f"0x24 {sides}", replace(one, width=0).data()),
        ("2.4-height-0", "height 0", f"40x0 {sides}", replace(one, height=0).data()),
        ("2.4-width", "width 2^20", f"1048576x24 {sides}", replace(one, width=2**20).data()),
        ("2.4-height", "height 2^20", f"40x1048576 {sides}", replace(one, height=2**20).data()),
        ("2.5-mode", "mode 2", "unknown colour mode 2", replace(one, mode=2).data()),
        ("2.6-q", "q 64", "q 64 is not in 0 to 63", replace(one, q=64).data()),
        ("2.7-tile-0", "tiles of 0", f"{tiles} 0", replace(one, tile=0).data()),
        ("2.7-tile-33", "tiles of 2112", f"{tiles} 2112", replace(one, tile=2112).data()),
        ("2.7-tiles", "2^18 tiles", "262144 tiles are over the limit of 65536", many.data()),
        ("2.8-crc", "another q", "damaged header: its CRC", good[:26] + b"\x15" + good[27:]),
    ):
        yield Invalid(name, what, error, data)
    unknown = replace(one, model_id=b"\1\2\3\4\5\6\7\x08").data()
    yield Invalid("2.3-model", "unknown model", "0102030405060708", unknown, "decode")
    what = "more pixels than a decoder takes unless it is told to"
    error = "16385x16384 is over the limit of 268435456 pixels"
    yield Invalid("2.4-pixels", what, error, replace(large, chunks=empty).data(), "decode")


def bad_chunks(one: File) -> Iterator[Invalid]:
    """Sections 3.1, 3.2 and 3.4: one chunk by itself."""
    good, tile = one.data(), one.chunks[-1]
    letters = "a chunk type is 4 ASCII letters"
    for name, what, error, chunks in (
        ("3.1-cut-head", "cut in a chunk's head", "cut inside the head", (tile[:7],)),
        ("3.1-cut-data", "cut in a chunk's data", "cut inside the chunk TILE", (tile[:20],)),
        ("3.1-cut-crc", "cut in a chunk's CRC", "cut inside the chunk TILE", (tile[:-1],)),
        ("3.1-crc", "CRC of a tile", "damaged chunk TILE", (tile[:-5] + good[-1:] * 5,)),
        ("3.1-crc-type", "type, with the CRC of another", "damaged chunk tILE",
         (tile[:4] + b"tILE" + tile[8:],)),
        ("3.1-crc-skipped", "CRC of an unknown chunk", "damaged chunk test",
         (chunk(b"test")[:-1] + b"!", tile)),
        ("3.1-digit", "a digit in a type", letters, (chunk(b"te5t"), tile)),
        ("3.1-8-bit", "a letter beyond ASCII in a type", letters, (chunk(b"te\xdft"), tile)),
        ("3.2-critical", "an unknown critical chunk", "unknown critical chunk DATA",
         (chunk(b"DATA"), tile)),
        ("3.2-case", "a known type in other letters", "unknown critical chunk Alph",
         (chunk(b"Alph"), tile)),
        ("3.4-ancillary", "2^24 + 1 bytes announced", "the limit is 16777216",
         (struct.pack(">I", 2**24 + 1) + b"exif",)),
        ("3.4-unknown", "2^24 + 1 bytes announced", "the limit is 16777216",
         (struct.pack(">I", 2**24 + 1) + b"test",)),
        ("3.4-critical", "2^28 + 1 bytes announced", "the limit is 268435456",
         (struct.pack(">I", 2**28 + 1) + b"TILE",)),
    ):  # fmt: skip
        yield Invalid(name, what, error, replace(one, chunks=chunks).data())


def bad_lists(one: File, two: File) -> Iterator[Invalid]:
    """Sections 3.3 and 3.4: chunks together."""
    for kind in (b"iccp", b"exif", b"xmpx", b"prvw", b"FLTR", b"ALPH"):
        name, some = kind.decode(), chunk(kind, b"\0\2\0\0\0" if kind == b"prvw" else bytes(5))
        data = replace(one, chunks=(some, some, *one.chunks)).data()
        yield Invalid(f"3.3-two-{name}", f"{name} twice", f"a second chunk {name}", data)
    data = replace(two, chunks=(two.chunks[0], *two.chunks)).data()
    error = "tile 0 (column 0, row 0): the chunk TIDX is not the tile of the index"
    yield Invalid("3.5-two-TIDX", "TIDX twice", error, data)
    data = replace(one, chunks=()).data()
    yield Invalid("3.3-no-chunk", "nothing after the header", "cut: no chunk TILE", data)
    data = replace(one, chunks=(chunk(b"exif", b"II*\0"),)).data()
    yield Invalid("3.3-no-tile", "no tile", "cut: no chunk TILE", data)
    data = replace(one, chunks=(chunk(b"many"),) * 65 + one.chunks).data()
    yield Invalid("3.4-chunks", "65 chunks before the tiles", "more than 64 chunks", data)
    data = replace(two, chunks=(chunk(b"many"),) * 64 + two.chunks).data()
    yield Invalid("3.4-chunks-TIDX", "64 chunks before TIDX", "more than 64 chunks", data)
    index = chunk(b"TIDX", struct.pack(">II", 2**28 + 1, 0))
    data = replace(two, chunks=(index, *two.chunks[1:])).data()
    yield Invalid("3.4-index", "TIDX of 2^28 + 1 bytes", "the limit is 268435456", data)


def bad_tiles(one: File, two: File) -> Iterator[Invalid]:
    """Section 3.5."""
    tile, (index, left, right) = one.chunks[0], two.chunks
    moved = chunk(b"TIDX", struct.pack(">II", len(left) - 11, len(right) - 13))
    short, other = chunk(b"TIDX", index[8:12]), chunk(b"tILE", right[8:-4])
    wrong = "is not the tile of the index"
    for name, what, error, chunks in (
        ("no-index", "two tiles without TIDX", "a picture of 2 tiles needs a chunk TIDX",
         (left, right)),
        ("index-short", "TIDX of one tile for two", "TIDX has 4 bytes", (short, left, right)),
        ("index-wrong", "TIDX with an edge a byte off", wrong, (moved, left, right)),
        ("one-of-two", "the second tile is missing", "tile 1 (column 1, row 0): cut",
         (index, left)),
        ("between", "another chunk between tiles", "tile 1 (column 1, row 0)",
         (index, left, chunk(b"test"), right)),
        ("not-a-tile", "another type at a tile's place", wrong, (index, left, other)),
        ("three", "a tile too many", "bytes left over after the last tile", (*two.chunks, right)),
    ):  # fmt: skip
        yield Invalid(f"3.5-{name}", what, error, replace(two, chunks=chunks).data())
    short = chunk(b"TIDX", tile[:4])
    for name, what, error, chunks in (
        ("index-of-one", "TIDX for one tile", "has no chunk TIDX", (short, tile)),
        ("left-over", "a byte after the tile", "1 bytes left over", (tile, b"\0")),
        ("metadata-last", "metadata after the tile", "left over", (tile, chunk(b"exif"))),
    ):
        yield Invalid(f"3.5-{name}", what, error, replace(one, chunks=chunks).data())


def bad_alphas(one: File) -> Iterator[Invalid]:
    """Section 3.6."""
    alpha = synthetic_alpha(one.width, one.height)
    good, wide = png(alpha), png(synthetic_alpha(one.width + 1, one.height))
    form = "the chunk ALPH is not 8-bit gray of 40x24 pixels"
    deep = png(np.zeros((one.height, one.width), np.uint16))
    colour = png(np.zeros((one.height, one.width, 3), np.uint8))
    for name, what, error, data in (
        ("nothing", "no bytes at all", "ALPH is cut", b""),
        ("cut", "the PNG file is cut in its data", "ALPH cannot be decoded", good[:60]),
        ("gif", "another format", "ALPH is not a PNG file", b"GIF89a" + good[6:]),
        ("size", "a column more than the picture", form, wide),
        ("16-bit", "16-bit gray", form, deep),
        ("rgb", "RGB", form, colour),
        *bad_png_chunks(one, filtered(alpha)),
        *bad_zlib_streams(one, filtered(alpha)),
    ):
        data = replace(one, chunks=(chunk(b"ALPH", data), *one.chunks)).data()
        yield Invalid(f"3.6-{name}", f"ALPH: {what}", error, data, "decode")


def bad_png_chunks(one: File, lines: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    """PNG files, good ones most of them, that ALPH does not hold: name, what, error, data."""
    size, whole = (one.width, one.height), zlib.compress(lines)
    good, head, end = png_file(*size, whole), png_file(*size)[:33], chunk(b"IEND")
    idat, left, right = (chunk(b"IDAT", part) for part in (whole, whole[:20], whole[20:]))
    interlaced = png_file(*size, whole, interlaced=True)
    yield "interlaced", "IHDR says that it is interlaced", "without interlacing", interlaced
    kind = chunk(b"tRNS", bytes(2))
    yield "ancillary", "tRNS", "the chunk tRNS of the PNG file", head + kind + idat + end
    kind = chunk(b"PLTE", bytes(3))
    yield "critical", "PLTE", "the chunk PLTE of the PNG file", head + kind + idat + end
    kind = chunk(b"tEXt", b"a\0b")
    yield "between", "tEXt between IDAT", "the chunk tEXt", head + left + kind + right + end
    yield "after", "tEXt after IDAT", "the chunk tEXt of the PNG file", head + idat + kind + end
    yield "two-IHDR", "IHDR twice", "the chunk IHDR of the PNG file", head + head[8:] + idat + end
    wrong = idat[:-4] + bytes(4)
    yield "crc", "the CRC of IDAT, all else is right", "damaged chunk IDAT", head + wrong + end
    yield "crc-IEND", "the CRC of IEND", "damaged chunk IEND", good[:-4] + bytes(4)
    yield "no-IDAT", "no IDAT", "its zlib stream is cut", head + end
    yield "no-IEND", "no IEND", "its chunk IEND is missing", head + idat
    yield "IEND-data", "IEND with a byte", "the chunk IEND", head + idat + chunk(b"IEND", b"\0")
    yield "behind", "a byte behind IEND", "the chunk IEND of the PNG file", good + b"\0"


def bad_zlib_streams(one: File, lines: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    """PNG files of right chunks around zlib streams that are none, or too many."""
    whole, packer = zlib.compress(lines), zlib.compressobj(zdict=lines[:99])
    with_dictionary = packer.compress(lines) + packer.flush()
    damaged, behind = "its zlib stream is damaged", "bytes follow its zlib stream"
    for name, what, error, stream in (
        ("zlib-header", "no zlib header", damaged, whole[2:]),
        ("zlib-window", "a window of 65536", damaged, b"\x88\x1c" + whole[2:]),
        ("zlib-dictionary", "a preset dictionary", damaged, with_dictionary),
        ("zlib-code", "an incomplete code of distances", damaged, zeros_stream(2)),
        ("zlib-adler", "another Adler-32", damaged, whole[:-1] + bytes((whole[-1] ^ 1,))),
        ("zlib-cut", "no Adler-32", "its zlib stream is cut", whole[:-4]),
        ("zlib-behind", "a byte behind the zlib stream", behind, whole + b"\0"),
        ("zlib-twice", "the Adler-32 twice", behind, whole + whole[-4:]),
        ("lines-fewer", "a line less", "943 bytes of samples, not 984", zlib.compress(lines[:-41])),
        ("lines-more", "a byte more", "more than 984 bytes", zlib.compress(lines + b"\0")),
        ("lines-filter", "a filter 5", "the filter 5", zlib.compress(b"\5" + lines[1:])),
    ):
        yield name, what, error, png_file(one.width, one.height, stream)


def bad_filters(one: File, good: bytes, large: bytes) -> Iterator[Invalid]:
    """Section 3.7; large: with a number of 1001."""
    form, gray = "FLTR is not a filter of 0, 1 or 2 limits", "FLTR in a picture of mode gray"
    for name, what, error, data, mode, found_by in (
        ("cut", "four bytes", form, good[:4], 0, "info"),
        ("limits", "3 limits", form, b"\3" + good[1:], 0, "info"),
        (
            "table",
            "a table 64",
            "FLTR names a table above 63",
            good[:3] + b"\x40" + good[4:],
            0,
            "info",
        ),
        ("gray", "in a gray picture", gray, good, 1, "info"),
        ("number", "a number of 1001", "beyond 1000", large, 0, "decode"),
        ("words", "a word left over", "the filter's payload", good + b"\1\1\1\1", 0, "decode"),
        ("length", "a byte more", "the filter's payload", good + b"\1", 0, "decode"),
    ):
        chunks = (chunk(b"FLTR", data), *one.chunks)
        file = replace(one, mode=mode, chunks=chunks)
        yield Invalid(f"3.7-{name}", f"FLTR: {what}", error, file.data(), found_by)


def bad_previews(one: File) -> Iterator[Invalid]:
    """Section 3.8."""
    size = "of 40x24 pixels, not at most 512"
    wide = replace(one, width=1025)
    for name, what, error, data, file in (
        ("cut", "two bytes", "the chunk prvw has 2 bytes", b"\0\2", one),
        ("reduction-0", "at 1/0", f"prvw is 1/0 {size}", bytes(7), one),
        ("reduction-1", "at 1/1", f"prvw is 1/1 {size}", b"\0\1\0" + bytes(4), one),
        ("side", "513 pixels wide", "prvw is 1/2 of 1025x24", b"\0\2\0" + bytes(4), wide),
        ("q", "a q 64", "prvw has q 64", b"\0\2\x40" + bytes(4), one),
    ):
        data = replace(file, chunks=(chunk(b"prvw", data), *file.chunks)).data()
        yield Invalid(f"3.8-{name}", f"prvw: {what}", error, data)


def png(samples: NDArray[Any]) -> bytes:
    """Samples -> a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "PNG")
    return buffer.getvalue()


def bad_payloads(one: File, loaded: LoadedModel) -> Iterator[Invalid]:
    """Section 4."""
    payload = one.chunks[0][8:-4]
    left = "data left after the last symbol"
    for name, what, error, data in (
        ("4.1-symbol", "a symbol of 40,000", "a symbol is beyond 32767", beyond(one, loaded)),
        ("4.4-length", "a byte more", "not a multiple of 4", payload + b"\1"),
        ("4.4-first-word", "the first word is 0", "payload: damaged", bytes(4) + payload),
        ("4.4-state", "a state left over", left, with_more(one, loaded, symbols=1)),
        ("4.4-words", "words left over", left, with_more(one, loaded, symbols=200)),
    ):
        file = replace(one, chunks=(chunk(b"TILE", data),))
        yield Invalid(name, f"payload: {what}", error, file.data(), "decode")


def beyond(one: File, loaded: LoadedModel) -> bytes:
    """A payload that begins with a symbol too large; the rest does not matter."""
    _, index = loaded.model.hyper_prior(torch.tensor([one.q]))
    symbols = torch.zeros_like(index)
    symbols.view(-1)[0] = 40_000
    encoder = SymbolEncoder(loaded.tables)
    encoder.put(as_symbols(symbols), as_indexes(index))
    return encoder.finish()


@torch.inference_mode()
def with_more(one: File, loaded: LoadedModel, symbols: int) -> bytes:
    """The payload of a tile whose latents are 0, and so many symbols more behind the last one."""
    config, encoder = loaded.model.config, SymbolEncoder(loaded.tables)
    y, z = torch.zeros(1, config.latent, 4, 4), torch.zeros(1, config.hyper, 1, 1)
    source = symbol_writer(encoder, symbol_chooser(y, z))
    loaded.model.walk_symbols(z.shape, one.q, source)
    encoder.put(np.zeros(symbols, np.int32), np.full(symbols, 63, np.uint8))
    return encoder.finish()
