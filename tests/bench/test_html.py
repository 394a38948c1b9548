"""The report's page, opened and used in headless Chromium where there is one."""

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from aecodec import bench
from aecodec.bench import html, runner
from aecodec.bench.codecs import Jpeg, Jxl
from aecodec.bench.photos import Photo
from aecodec.bench.report import CodecResult, Failure, Report
from aecodec.bench.scales import METRICS
from aecodec.bench.view import EQUAL, RATES, Match, Views, matches, wanted_views
from aecodec.errors import AecodecError
from benchmarks.browser.measure import chromium
from tests.bench.synthetic import synthetic

TOOLS = {"ms_ssim": "pytorch_msssim", "ssimulacra2": "ssimulacra2", "cvvdp": "pycvvdp"}
MEASURED = ["psnr", *(name for name, tool in TOOLS.items() if find_spec(tool))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on two photos by four codecs, two of them published; Butteraugli is not there."""
    photos, folder = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("report")
    for seed in (1, 2):
        synthetic(200, 240, seed).picture().save(photos / f"photo{seed}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        patch.setattr(runner, "is_kodak", lambda photos, note: True)
        bench.run(photos, "jpeg,webp,bpg,vvc", folder, command="aecodec bench </script>")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Any]:
    """The page, loaded; it must neither speak to a network nor complain on the console."""
    playwright = pytest.importorskip("playwright.sync_api")
    try:
        found = chromium()
    except AecodecError as error:
        pytest.skip(str(error))
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(**found)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto((folder / "report.html").as_uri())
        page.wait_for_selector("#canvas[data-drawn]")
        yield page
        browser.close()
    asked = [each for each in complaints if not each.startswith("data:")]
    assert asked == [(folder / "report.html").as_uri()]


def canvas(page: Any) -> Any:
    """The viewer's pixels, uint8 [H, W, 3], once what was asked for is drawn."""
    page.wait_for_function("+canvas.dataset.drawn === view.turn")
    data = page.evaluate("canvas.toDataURL('image/png')").partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.slow
def test_plots_have_a_line_a_codec_each_with_its_own_mark_and_dash(page: Any) -> None:
    curves = page.locator("#plots figure").nth(0)
    assert curves.locator("path[stroke-dasharray]").count() == 4
    assert page.locator("#plots figure").nth(1).locator("path[stroke-dasharray]").count() == 2
    assert page.locator("#plots figure").count() == page.evaluate("METRICS.length") == len(MEASURED)
    styles = page.evaluate("data.codecs.map(c => Object.values(styleOf(c)).slice(0, 2).join())")
    assert len(set(styles)) == 4
    page.locator("#legend input").nth(1).uncheck()
    assert curves.locator("path[stroke-dasharray]").count() == 3
    page.locator("#legend input").nth(1).check()
    mean = curves.inner_html()
    page.select_option("#rd-image", "photo2.png")
    assert curves.inner_html() != mean
    assert page.locator("#row-table tbody tr").count() == 16
    assert page.locator("#row-table th").all_text_contents()[4:-2] == [
        METRICS[name].title for name in MEASURED
    ]
    page.select_option("#rd-image", "")


@pytest.mark.slow
def test_bd_rates_against_any_anchor_by_any_metric(page: Any, folder: Path) -> None:
    told = json.loads((folder / "report.json").read_text())["codecs"]
    codecs = {each["name"]: each for each in told}

    def shown() -> dict[str, str]:
        rows = page.locator("#bd-table tbody tr").all()
        cells = [row.locator("td").all_inner_texts() for row in rows]
        return {row[0].removesuffix(" (published)"): row[1] for row in cells}

    def every() -> dict[str, list[str]]:
        rows = page.locator("#bd-all tbody tr").all()
        cells = [row.locator("td").all_inner_texts() for row in rows]
        return {row[0].removesuffix(" (published)"): row for row in cells}

    options = page.locator("#metric option").all()
    assert [option.get_attribute("value") for option in options] == MEASURED
    for anchor, metric in (
        *(("webp", name) for name in MEASURED),
        ("jpeg", "psnr"),
        ("vtm", "psnr"),
    ):
        key = f"bd_rate{METRICS[metric].end}"
        page.select_option("#anchor", anchor)
        page.select_option("#metric", metric)
        assert shown().keys() == codecs.keys() - {anchor}
        for name, text in shown().items():
            percent = codecs[name][key][anchor]
            none = "not measured" if name in ("bpg", "vtm") else "no common range"
            assert text == (none if percent is None else f"{percent:+.1f} %")
            place = 1 + MEASURED.index(metric)
            assert every()[name][place] == text
    page.select_option("#anchor", "jpeg")
    assert page.locator("#image-table tbody tr").count() == 2
    speeds = page.locator("#speed-plots figure")
    assert [each.locator("svg text", has_text="webp").count() for each in speeds.all()] == [1, 1]


@pytest.mark.slow
def test_the_viewer_wipes_zooms_and_shows_errors(page: Any, folder: Path) -> None:
    page.select_option("#v-left", "original")
    page.select_option("#v-right", "jpeg")
    page.locator("#wipe").fill("1000")
    photo = synthetic(200, 240, 1).image
    assert np.array_equal(canvas(page)[::2, ::2][:, :-1], photo[:, :-1])  # the edge is at the right
    page.locator("#wipe").fill("0")
    right = canvas(page)[::2, ::2][:, 1:]
    assert 0 < np.abs(right.astype(int) - photo[:, 1:]).mean() < 20
    page.select_option("#v-zoom", "8")
    zoomed = canvas(page)[:, 16:]
    assert np.array_equal(zoomed[::16, ::16], np.asarray(right[:25, :29]))
    page.select_option("#v-show", "heat")
    page.locator("#wipe").fill("1000")
    assert canvas(page)[:, :-2].max() == 4  # the original has no errors: the darkest colour
    page.select_option("#v-show", "wipe")
    page.select_option("#v-zoom", "1")


@pytest.mark.slow
def test_the_viewer_tells_the_metric_that_is_chosen(page: Any) -> None:
    page.select_option("#v-left", "jpeg")
    assert page.locator("#v-metric option").count() == len(MEASURED)
    for name, pattern in (("ms_ssim", r"dB, MS-SSIM 0\.\d{4}"), ("psnr", r"PSNR \d+\.\d\d dB ?$")):
        page.select_option("#v-metric", name)
        canvas(page)
        assert re.search(pattern, page.locator("#c-left").inner_text())


@pytest.mark.slow
def test_the_scales_are_those_of_python(page: Any) -> None:
    for metric in METRICS.values():
        for value in (0.0, 0.7, 1.0, 9.3, 10.0):
            told = page.evaluate("([m, v]) => even(m, v)", [asdict(metric), value])
            assert told == pytest.approx(metric.even(value))


@pytest.mark.slow
def test_rates_are_called_equal_where_they_are(page: Any) -> None:
    page.select_option("#v-left", "jpeg")
    page.select_option("#v-right", "webp")
    found = set()
    for rate in page.locator("#v-rate-left option").all():
        page.select_option("#v-rate-left", rate.get_attribute("value"))
        canvas(page)
        left, right = page.evaluate("['left', 'right'].map(side => chosen(side).bpp)")
        equal = max(left, right) <= EQUAL * min(left, right)
        found.add(equal)
        box, told = page.locator("#v-equal"), page.locator("#v-rates").inner_text()
        assert box.is_checked() == box.is_enabled() == equal
        assert page.locator("#v-rate-right").is_enabled() == (not equal)
        assert told.startswith("Equal rates: " if equal else "Not at equal rates: ")
        assert f"{left:.3f} bpp left, {right:.3f} bpp right, " in told and " % " in told
    assert found == {True, False}


@pytest.mark.slow
def test_equal_rates_can_be_given_up_and_asked_for_again(page: Any) -> None:
    page.select_option("#v-left", "jpeg")
    page.select_option("#v-right", "webp")
    rates = page.locator("#v-rate-left option").all()
    for rate in rates:
        page.select_option("#v-rate-left", rate.get_attribute("value"))
        if page.locator("#v-equal").is_enabled():
            break
    matched = page.locator("#v-rate-right").input_value()
    page.locator("#v-equal").uncheck()
    others = [each.get_attribute("value") for each in page.locator("#v-rate-right option").all()]
    page.select_option("#v-rate-right", next(each for each in others if each != matched))
    canvas(page)
    assert page.locator("#v-rates").inner_text().startswith("Not at equal rates")
    page.locator("#v-equal").check()
    assert page.locator("#v-rate-right").input_value() == matched
    page.select_option("#v-right", "original")
    assert not page.locator("#v-equal").is_checked() and page.locator("#v-equal").is_disabled()
    canvas(page)
    assert page.locator("#v-rates").inner_text() == ""


@pytest.mark.slow
def test_nothing_is_off_the_edge_of_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.querySelector('details').open = true")
    page.wait_for_function("+$('plots').querySelector('svg').viewBox.baseVal.width < 400")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = "e => e.closest('.wide, svg') || e.getBoundingClientRect().right <= innerWidth"
    assert page.evaluate(f"[...document.body.querySelectorAll('*')].every({inside})")
    page.set_viewport_size({"width": 1200, "height": 900})


@pytest.mark.slow
def test_every_chart_has_points_a_caption_and_the_legend_in_view(page: Any) -> None:
    page.select_option("#anchor", "jpeg")
    page.select_option("#metric", "psnr")
    for figure in page.locator("figure").all():
        assert figure.locator("svg g g path").count() and figure.locator("figcaption").inner_text()
    page.locator("#plots figure").last.scroll_into_view_if_needed()
    assert page.evaluate("$('legend').getBoundingClientRect().top") >= 0
    page.select_option("#anchor", "vtm")
    if len(MEASURED) > 1:
        page.select_option("#metric", MEASURED[-1])
        assert page.locator("#speed-plots figure").count() == 0
        assert "No BD-rates by" in page.locator("#speed-plots").inner_text()
    for box in page.locator("#legend input").all():
        box.uncheck()
    assert page.locator("#plots").inner_text() == "No points of the codecs chosen."
    for box in page.locator("#legend input").all():
        box.check()


@pytest.mark.slow
def test_the_page_begins_with_what_was_found(page: Any, folder: Path) -> None:
    told = json.loads((folder / "report.json").read_text())["headline"]
    assert re.match(r"At equal \S+, webp needs \d+ % of JPEG's bytes", told)
    assert page.locator("#headline").inner_text().replace("\xa0", " ") == told
    assert (folder / "table.md").read_text().startswith(told + "\n")


def test_rates_within_three_percent_match() -> None:
    rates = {("jpeg", 0.4): 0.4, ("webp", 0.4): 0.412, ("webp", 1.0): 0.9, ("avif", 0.4): 0.388}
    pictures = {("a", rate, codec): {"bpp": bpp} for (codec, rate), bpp in rates.items()}
    views = Views([], pictures | {("b", 0.4, "jxl"): {"bpp": 0.4}})
    assert matches(views, "a", 0.4, "jpeg") == {
        "jpeg": [Match(0.4, True)],
        "webp": [Match(0.4, True), Match(1.0, False)],
        "avif": [Match(0.4, False)],
    }
    assert matches(views, "a", 1.0, "webp")["webp"] == [Match(1.0, True), Match(0.4, False)]
    assert matches(views, "b", 0.4, "jxl") == {"jxl": [Match(0.4, True)]}


@pytest.mark.slow
def test_the_page_prints_its_plots_and_tables(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.locator("#plots svg").first.is_visible()
    assert page.locator("#codec-table").is_visible()
    assert not page.locator("#anchor").is_visible() and not page.locator("#wipe").is_visible()
    page.emulate_media(media="screen")
    assert "None: every file was written" in page.locator("body").inner_text()


def test_data_cannot_end_the_script(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert text.count("</script>") == 2 and "bench \\u003c/script>" in text
    assert not re.search(r"""(src|href)=["']https?:|url\((?!#)|@import""", text)


def test_photos_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [Photo(f"{n}.png", np.full((8, 8, 3), n, np.uint8)) for n in range(3)]
    row = {"picture": "x" * 1000, "bpp": 0.4}
    pictures = {(photo.name, 0.4, "jpeg"): row for photo in photos}
    monkeypatch.setattr(html, "MAX_BYTES", 2500)
    text = html.html_report(Report("here", (), "", "", (), ()), Views(photos, pictures))
    assert re.findall(r'"name":"(\d.png)"', text) == ["0.png", "1.png"]
    assert text.count("x" * 1000) == 2


def test_views_are_at_settings_between_the_measured_ones() -> None:
    plain = dict(zip(RATES, RATES, strict=True))
    assert wanted_views(Jpeg(q=(10, 30)), {0.2: 10, 0.8: 30}, plain) == [(RATES[1], 20)]
    assert wanted_views(Jxl(d=(4.0, 0.5)), {0.2: 4.0, 0.8: 0.5}, plain) == [(0.4, 1.41)]
    assert wanted_views(Jpeg(q=(10, 30)), {0.2: 10, 0.8: 30}, {0.4: 0.41}) == [(0.4, 20)]
    assert wanted_views(Jpeg(), {0.2: 10}, plain) == []


def test_failures_are_on_the_page() -> None:
    failure = Failure("jpeg", 5, "a.png", "no luck")
    codec = CodecResult("jpeg", "1", "", "run", (), (), (failure,))
    text = html.html_report(Report("here", ("a.png",), "", "", (codec,), ()), Views([], {}))
    assert '"what":"no luck"' in text


def test_the_page_travels_with_the_package() -> None:
    listed = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert html.TEMPLATE.exists() and '"aecodec/bench/report.html"' in listed
