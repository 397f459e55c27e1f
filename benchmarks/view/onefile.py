"""The page as one file: the most instructive groups with their images in it, and nothing else to load."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.files.write import write_whole
from benchmarks.view.app import SCRIPTS, asset, page
from benchmarks.view.listing import Query, find_groups, items
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.view.app import View

GROUPS: Final = 24
"""Groups that are written unless it is said how many."""
SIDE: Final = 640
"""Pixels of the longer side of an image in the file."""
MOST_BYTES: Final = 400 * 2**20
"""Of a page that is written."""
_SAMPLE: Final = 10  # groups by which its size is told


class OneFile(NamedTuple):
    """A page that can be written.

    Attributes:
        html: all of it.
        groups, rows, images: what is in it.
        of_groups: how many groups there are.
    """

    html: str
    groups: int
    rows: int
    images: int
    of_groups: int

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.html.encode())

    def write(self, path: Path) -> None:
        """Write it."""
        write_whole(path, self.html)


def estimated_size(view: View, *, groups: int | None = GROUPS) -> int:
    """Return about how many bytes the page will have, from a few of its groups, spread over all; see `make_onefile`.

    Raises:
        ConfigError: it would be larger than a browser opens.
    """
    chosen = _chosen(view, groups)
    if len(chosen) <= _SAMPLE:
        return make_onefile(view, groups=groups).size
    some = chosen[:: len(chosen) // _SAMPLE]
    frame = _made(view, []).size
    each = (_made(view, some).size - frame) / len(some)
    size = frame + int(each * len(chosen))
    if size > MOST_BYTES:
        fitting = max(int(0.9 * (MOST_BYTES - frame) / each), 1)
        raise ConfigError(
            f"the page would have about {size >> 20:,} MB, which no browser opens; --groups {fitting} fits"
        )
    return size


def make_onefile(view: View, *, groups: int | None = GROUPS) -> OneFile:
    """Return the page with some groups in it.

    Args:
        view: what is shown.
        groups: how many; None for all.

    Raises:
        DataError: the files have changed.
    """
    return _made(view, _chosen(view, groups))


def _chosen(view: View, groups: int | None) -> list[int]:
    found: list[int] = find_groups(view.runs[0], Query(sort="instructive"), view.partners).tolist()
    return found if groups is None else found[:groups]


def _made(view: View, chosen: list[int]) -> OneFile:
    run = view.runs[0]
    images: dict[str, str] = {}
    keys: dict[str, str] = {}
    shown = [_shown(view, 0, group, images, keys) for group in chosen]
    details: list[dict[int, Any]] = [dict(zip(chosen, shown, strict=True))]
    if len(view.runs) > 1:
        others = _others(shown)
        details.append({group: _shown(view, 1, group, images, keys) for group in others})
    of_list = {item["group"]: item for item in items(run, chosen, view.partners)}
    data = {
        "runs": view.summaries(),
        "items": [of_list[group] for group in sorted(chosen)],
        "instructive": chosen,
        "groups": details,
        "images": images,
    }
    rows = int(run.groups.size[chosen].sum())
    html = page(embedded=data, policy=_policy(), title=run.name)
    return OneFile(html, len(chosen), rows, len(images), len(run.groups))


def _others(shown: list[dict[str, Any]]) -> list[int]:
    """Return the groups of the second run that are shown beside these."""
    partners = (next(iter(each.values()))["partner"] for each in shown)
    return sorted({each for each in partners if each is not None})


def _shown(view: View, run: int, group: int, images: dict[str, str], keys: dict[str, str]) -> dict[str, Any]:
    """Return a group under each preset of its reward, and put its images among those of the page, each once."""
    first = view.group(run, group)
    (row,) = view.runs[run].rows(view.runs[run].groups.of(group)[:1])
    named = view.images.of(row) if first["images"] else []
    embedded = []
    for (_, name), image in zip(first["images"], named, strict=True):
        try:
            picture = view.images.shrink(image, SIDE)
        except DataError as error:
            embedded.append(["", error.message])
            continue
        key = keys.setdefault(sha256(picture.content).hexdigest(), f"i{len(keys)}")
        images.setdefault(key, f"data:{picture.kind};base64,{base64.b64encode(picture.content).decode()}")
        embedded.append([key, name])
    first["images"] = embedded
    others = {preset: view.group(run, group, preset) | {"images": embedded} for preset in first["presets"][1:]}
    return {first["preset"]: first} | {preset: _changed(first, other) for preset, other in others.items()}


def _changed(first: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what of a group is another under another preset; of its rows, in their order there, likewise."""
    usual = {row["row"]: row for row in first["rows"]}
    rows = [{"row": row["row"], **_differences(usual[row["row"]], row)} for row in other["rows"]]
    return _differences(first, other) | {"rows": rows}


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in other.items() if value != one[key]}


def _policy() -> str:
    """Allow the page's own scripts and style, by their hashes, and images that are in it."""
    scripts, (style,) = ([_hash(asset(name)) for name in names] for names in (SCRIPTS, ("page.css",)))
    return (
        f"default-src 'none'; script-src {' '.join(scripts)}; style-src {style}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
