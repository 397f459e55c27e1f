"""A report in a real Chromium: no table is cut at the usual width of a window."""

import os
import shutil

import pytest

from benchmarks import evaluate
from benchmarks.report.make import make_report, write
from benchmarks.viewspatial.scoring import TYPES
from tests.benchmarks.report.report_inputs import write_rows

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    assert "CI" not in os.environ, "CI has a Chromium: see .ci/run"
    pytest.skip("no Chromium is installed", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

CUT = """[...document.querySelectorAll("*")].filter(each => getComputedStyle(each).overflowX != "visible"
    && each.clientWidth && each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"""


def test_tables_fit_a_window_of_1400_pixels(tmp_path):
    """With several completions of each prompt, which have a table of their own."""
    results = []
    for name, said in {"before": "AABB", "after": "ABAB"}.items():
        rows = [
            {
                "id": f"{n}",
                "prompt_id": f"{n // 2}",
                "completion": letter,
                "answer": "A. left",
                "question_type": TYPES[0],
            }
            for n, letter in enumerate(said * 3)
        ]
        report = evaluate(write_rows(tmp_path / f"{name}.jsonl", rows), "viewspatial", "both").as_dict()
        results.append(str(write_rows(tmp_path / f"{name}.json", [report])))
    page_file = tmp_path / "report.html"
    page_file.write_text(write(make_report(results), "html"), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(page_file.as_uri())
        assert "several attempts" in page.inner_text("body")
        assert page.evaluate(CUT) == []
        browser.close()
