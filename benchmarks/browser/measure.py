"""How long decoding takes in Chromium, beside Python on the same files, what a page fetches, and a
picture of the demo page.

Takes `make web-demo`, which builds decoder and page and exports the models, and Chromium on PATH.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from aecodec.codec import Codec
from aecodec.errors import AecodecError
from aecodec.light import LightCodec
from aecodec.model.store import find_model
from benchmarks.measuring import median_seconds
from benchmarks.pages import BENCHMARKS, ROOT, Page, table
from benchmarks.speed.measure import read_photo
from benchmarks.trees import kept_to, machine

WEB = ROOT / "web"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
COMMAND = "the command, its start included"
"""One of what decodes."""
LARGE = "4000x3000"
SIZES = {"768x512": (768, 512), LARGE: (4000, 3000)}
THREADS = 2
REPEATS = {"768x512": 5, LARGE: 3}
PAGE_HTML = "<!doctype html><title>aecodec</title><body></body>"
DECODE = """
async ([url, threads, repeats]) => {
    const { decode } = await import("/dist/index.js");
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const seconds = [];
    let early;
    for (let n = 0; n <= repeats; n++) {
        const start = performance.now();
        const onEarly = () => { early ??= (performance.now() - start) / 1000; };
        const asked = { models: "/models/", threads };
        await decode(bytes, n ? asked : { ...asked, onEarly });
        seconds.push((performance.now() - start) / 1000);
    }
    return { isolated: crossOriginIsolated, early, seconds };
}
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Codes a photo at two sizes, by default settings, and decodes both in all ways."""
    if not (WEB / "site").is_dir():
        raise AecodecError(f"there is no {WEB / 'site'}: make web-demo")
    codec = Codec()
    with TemporaryDirectory() as folder, kept_to(THREADS):
        site = Path(folder)
        (site / "index.html").write_text(PAGE_HTML)
        for name in ("dist", "models"):
            (site / name).symlink_to(WEB / name)
        files = {}
        for name, size in SIZES.items():
            files[name] = site / f"{name}.aec"
            files[name].write_bytes(codec.encode(read_photo(None, size)))
        rows = [row for name in SIZES for row in in_python(codec, name, files[name])]
        rows += in_chromium(site, files)
    take_picture(PAGE.file(options.name).with_suffix(".jpg"))
    return {"machine": machine(), "rows": rows, "fetched": fetched()}


def in_python(codec: Codec, name: str, file: Path) -> list[dict[str, Any]]:
    """By both engines, models loaded, and by the command, which loads them."""
    light, data, target = LightCodec(threads=THREADS), file.read_bytes(), file.with_suffix(".ppm")
    command = f"{sys.executable} -m aecodec decompress -f {file} -o {target}"
    calls = {
        "Python, PyTorch": lambda: codec.decode(data),
        "Python, ONNX Runtime": lambda: light.decode(data),
        COMMAND: lambda: os.system(command),
    }
    seconds = median_seconds(list(calls.values()), REPEATS[name], warm_up=1)
    return [
        {"size": name, "by": by, "threads": THREADS, "seconds": each}
        for by, each in zip(calls, seconds, strict=True)
    ]


def chromium() -> dict[str, Any]:
    """What Playwright launches. Raises AecodecError where there is none."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise AecodecError("there is no Chromium on PATH")
    sandbox = [] if hasattr(os, "getuid") and os.getuid() else ["--no-sandbox"]
    return {"executable_path": found, "args": sandbox}


@contextmanager
def opened(site: Path, **options: Any) -> Iterator[Any]:
    """A page of a new Chromium: index.html of a folder. Raises AecodecError where there is none."""
    from playwright.sync_api import sync_playwright  # late: publishing does without

    with served(site) as origin, sync_playwright() as driver:
        browser = driver.chromium.launch(**chromium())
        page = browser.new_page(**options)
        page.set_default_timeout(0)
        page.goto(origin)
        yield page
        browser.close()


def take_picture(path: Path) -> None:
    """Of the demo page, with a photo beside a JPEG of its bytes."""
    with opened(WEB / "site", viewport={"width": 1200, "height": 720}) as page:
        page.get_by_role("button", name="Astronaut").click()
        page.locator("#status", has_text="decoded in").wait_for()
        page.screenshot(path=path, type="jpeg", quality=85)


def in_chromium(site: Path, files: dict[str, Path]) -> list[dict[str, Any]]:
    """A new page for every file and number of threads; its first decode fetches all it takes."""
    rows = []
    for name, file in files.items():
        for threads in (1, THREADS):
            with opened(site) as page:
                told = page.evaluate(DECODE, [f"/{file.name}", threads, REPEATS[name]])
            if not told["isolated"]:
                raise AecodecError("the page has no threads: it is not isolated")
            first, *later = told["seconds"]
            row = {"size": name, "by": "Chromium", "threads": threads}
            times = {"seconds": median(later), "first": first, "early": told.get("early")}
            rows.append(row | times)
    return rows


class Isolated(SimpleHTTPRequestHandler):
    """Files of a folder, with what a page needs for threads."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing is told."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of its files, while it is wanted."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Isolated, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def fetched() -> list[dict[str, Any]]:
    """What a page fetches to show a file: bytes as they are, and packed by gzip as servers do."""
    model = WEB / "models" / find_model().model_id
    kinds = {
        "scripts (index.js, worker.js, images.js)": [
            WEB / "dist" / name for name in ("index.js", "worker.js", "images.js")
        ],
        "ONNX Runtime Web (WebAssembly and its script)": sorted((WEB / "dist").glob("ort-*")),
        "the model": sorted(model.iterdir()),
    }
    return [
        {
            "what": what,
            "bytes": sum(file.stat().st_size for file in files),
            "packed": sum(len(gzip.compress(file.read_bytes(), 6)) for file in files),
        }
        for what, files in kinds.items()
    ]


def tables(name: str, result: dict[str, Any]) -> dict[str, str]:
    """Seconds, and bytes."""
    head = ("picture", "by", "threads", "s", "s, first time in a page", "s until its first picture")
    rows = [
        [row["size"], row["by"], row["threads"], row["seconds"], row.get("first"), row.get("early")]
        for row in result["rows"]
    ]
    sizes = [[row["what"], f"{row['bytes']:,}", f"{row['packed']:,}"] for row in result["fetched"]]
    parts = [
        f"On {result['machine']}; medians.",
        table(head, [["" if cell is None else cell for cell in row] for row in rows]),
        table(("fetched once", "bytes", "packed by gzip"), sizes),
    ]
    return {name: "\n\n".join(parts)}


PAGE = Page(BENCHMARKS / "browser" / "README.md", ("times",), tables)
