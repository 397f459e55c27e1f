"""What ``star_tvr.yaml`` beside this file names; rows as `star data export --to trl` writes them, or text as prompt."""

from PIL import Image

from star_r1.lmms import process_results

__all__ = ["images", "process_results", "prompt"]


def prompt(doc: dict) -> str:
    """Return the text of a row's prompt, which an export holds as messages."""
    asked = doc["prompt"]
    return asked if isinstance(asked, str) else "\n".join(message["content"] for message in asked)


def images(doc: dict) -> list:
    """Return the images of a row, which an export holds as paths."""
    found = (Image.open(each) if isinstance(each, str) else each for each in doc.get("images") or [])
    return [image.convert("RGB") for image in found]
