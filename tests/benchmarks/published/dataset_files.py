"""The golden files of the data sets, and how tests read them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.datasets import json_lines, load

DATA = Path(__file__).parents[2] / "golden" / "datasets"
SPAR = "spar7m/spar/scannet/qa_jsonl/train"


def samples(name, path, **options):
    return {sample.id: sample for sample in load(name, DATA / path, **options)}


def records(path):
    return [record for _, record in json_lines(DATA / path)]


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image) if isinstance(image, bytes) else image).convert("RGB"))
