"""Write the images of the documentation that show what commands print and what their pages look like.

    python docs/generate_images.py            # all of them; or some: explain view report audit sheet

Everything on them is real output. Scenes are rendered by the ray caster (the extra ``train``), those of the contact
sheet also by Mitsuba (``render``); pages are taken in the Chromium that is installed, by playwright (the extra
``test``). The completions are invented, by `examples/view_inputs.py` and `examples/report_inputs.py`; ``explain`` shows
a row of `examples/tvr_predictions.jsonl`.
"""  # noqa: INP001

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME: Final = Path(__file__).resolve().parents[1]
IMAGES: Final = HOME / "docs" / "images"
COLUMNS: Final = 88
PALETTE: Final = 256  # colors of a page as PNG: a quarter of the bytes
EXPLAINED: Final = ("examples/tvr_predictions.jsonl", "--line", "39")


def star(*args: str, folder: Path = HOME, **environment: str) -> str:
    """Run a command in a folder and return what it prints."""
    python = os.environ | {"PYTHONPATH": str(HOME)} | environment
    command = [sys.executable, "-m", "star_cli", *args]
    done = subprocess.run(command, cwd=folder, env=python, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return done.stdout


def explain(_: Path) -> None:
    """What ``star explain`` prints on a terminal, as SVG."""
    printed = star("explain", *EXPLAINED, FORCE_COLOR="1", COLUMNS=str(COLUMNS), TERM="xterm-256color")
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(printed.rstrip()))
    svg = console.export_svg(title=f"star explain {' '.join(EXPLAINED)}", unique_id="explain")
    # Fonts from elsewhere are not loaded; every terminal's own will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    (IMAGES / "explain.svg").write_text(svg, encoding="utf-8")


def view(folder: Path) -> None:
    """A group of completions in ``star view``."""
    star("data", "generate", "scenes", "--count", "12", "--images", "raycast", "--size", "256", folder=folder)
    star("data", "cot", "scenes", "--teacher", "oracle", "--out", "scenes/chains.jsonl", folder=folder)
    invent("view_inputs.py", "scenes/chains.jsonl", "runs", folder=folder)
    star("view", "runs/first", "--images", "scenes", "--groups", "all", "--out", "view.html", folder=folder)
    with opened(folder / "view.html", width=1400, height=880) as page:
        page.wait_for_selector(".row")
        page.select_option("#sort", "instructive")
        page.locator("#list > *").filter(has_text="step 20").first.click()
        page.wait_for_timeout(300)
        save(page, "view.png")


def report(folder: Path) -> None:
    """A report of two runs."""
    invent("report_inputs.py", ".", folder=folder)
    for name, args in {"before": ("--benchmark", "tvr"), "after": ("--benchmark", "tvr")}.items():
        (folder / f"{name}.json").write_text(star("score", f"{name}.jsonl", *args, "--json", folder=folder))
    (folder / "rewards.json").write_text(star("score", "after.jsonl", "--task", "trance", "--json", folder=folder))
    inputs = ("before.json", "after.json", "rewards.json", "training=completions/")
    star("report", *inputs, "-o", "report.html", folder=folder)
    with opened(folder / "report.html", width=1180, height=1400) as page:
        save(page, "report.png")


def audit(folder: Path) -> None:
    """What ``star audit`` says of the paper's formula read literally."""
    star("audit", "--preset", "paper", "--no-search", "--no-cost", "--html", "audit.html", folder=folder)
    with opened(folder / "audit.html", width=1180, height=860) as page:
        save(page, "audit.png")


def sheet(_: Path) -> None:
    """All shapes, sizes, colors, materials and views, by both renderers.

    Rows: rubber, metal, glass, and a generated scene; columns: center, left, right by the ray caster, then by Mitsuba.
    """
    from benchmarks.tvr.world import COLORS, MATERIALS, SHAPES, SIZES, VIEWS, State  # noqa: PLC0415
    from trainers.scenes.cameras import nominal_stage  # noqa: PLC0415
    from trainers.scenes.render import BACKENDS, render  # noqa: PLC0415  the other images do without Mitsuba
    from trainers.scenes.tvr import Scene, generate_scene  # noqa: PLC0415

    places = ((-14, -15), (-15, 1), (-13, 16), (0, -17), (-1, -5), (1, 6), (0, 17), (14, -14), (15, 1), (14, 15))

    def made_of(material: int) -> Scene:
        values = [(k % len(COLORS), k % len(SHAPES), (k + k // 3) % len(SIZES), material) for k in range(10)]
        state = State(np.array(values, dtype=np.int8), np.array(places, dtype=np.int32))
        return Scene(0, state, state, (), np.linspace(0, 1.4, 10), nominal_stage())

    scenes = [*map(made_of, range(len(MATERIALS))), generate_scene(0, 23)]
    kinds = [(backend, seen) for backend in BACKENDS for seen in VIEWS]
    rows = [np.concatenate([render(scene, seen, (176, 132), by) for by, seen in kinds], 1) for scene in scenes]
    Image.fromarray(np.concatenate(rows, 0)).save(IMAGES / "contact-sheet.png", optimize=True)


def invent(script: str, *args: str, folder: Path) -> None:
    """Run a script of ``examples``."""
    command = [sys.executable, str(HOME / "examples" / script), *args]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"PYTHONPATH": str(HOME)})  # noqa: S603


@contextmanager
def opened(file: Path, *, width: int, height: int) -> Iterator[Any]:
    """Open a page in Chromium, on light paper."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        page.goto(file.resolve().as_uri())
        yield page
        browser.close()


def save(page: Any, name: str) -> None:
    """Write what is seen of a page, in few colors."""
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(PALETTE, kmeans=4, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


MADE: Final = {"explain": explain, "view": view, "report": report, "audit": audit, "sheet": sheet}

if __name__ == "__main__":
    for each in sys.argv[1:] or MADE:
        with tempfile.TemporaryDirectory() as place:
            MADE[each](Path(place))
