"""What ``star_tvr.yaml`` beside this file names."""

from star_r1.lmms import process_results

__all__ = ["images", "process_results"]


def images(doc: dict) -> list:
    """Return the images of a row: of `star data export --to trl` with a column of images."""
    return [image.convert("RGB") for image in doc.get("images") or []]
