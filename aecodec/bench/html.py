"""The report as one HTML file that needs nothing else: data, pictures, style and script inside."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aecodec.bench.measure import VIEW_SIDE, data_uri
from aecodec.bench.report import CodecResult, Report, rounded
from aecodec.bench.table import described_photos
from aecodec.bench.view import EQUAL, MAX_BYTES, RATES, Views, matches

TEMPLATE = Path(__file__).with_name("report.html")


def html_report(report: Report, views: Views) -> str:
    """The file's text: `report.html` with the data in its place."""
    content = {
        "headline": report.headline,
        "photos": described_photos(report),
        "photo_names": report.photo_names,
        "machine": report.machine,
        "command": report.command,
        "notes": report.notes,
        "metrics": [asdict(each) | {"scale": each.scale} for each in report.metrics],
        "codecs": [_codec(codec) for codec in report.codecs],
        "rows": [rounded(asdict(row)) for codec in report.codecs for row in codec.measurements],
        "views": _views(views),
    }
    # Within a script element only "<" could end the data early.
    data = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", data)


def _codec(codec: CodecResult) -> dict[str, Any]:
    """What the page shows of a codec."""
    content = asdict(codec)
    del content["measurements"]
    return content | {"label": codec.label}


def _picture(views: Views, photo: str, rate: float, codec: str) -> dict[str, Any]:
    """One picture of the viewer, and those that may stand beside it."""
    row = rounded(views.pictures[photo, rate, codec])
    found = matches(views, photo, rate, codec)
    near = {name: [asdict(each) for each in pictures] for name, pictures in found.items()}
    return {"photo": photo, "rate": rate, "codec": codec, "near": near, **row}


def _views(views: Views) -> dict[str, Any]:
    """The viewer's photos, as many as `MAX_BYTES` allow."""
    photos: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    total = 0
    for photo in views.photos:
        original = data_uri(photo.image)
        found = [_picture(views, *key) for key in views.pictures if key[0] == photo.name]
        total += len(original) + sum(len(each["picture"]) for each in found)
        if total > MAX_BYTES and photos:
            break
        photos.append({"name": photo.name, "picture": original})
        pictures += found
    return {
        "photos": photos,
        "pictures": pictures,
        "side": VIEW_SIDE,
        "rates": RATES,
        "equal": EQUAL,
    }
