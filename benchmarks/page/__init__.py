"""The frame that every page has: one head with its security policy, one set of colors, one way to escape.

Reports, audits and the recipes' pages are documents (`benchmarks.report.html`); the browser for rollouts
(`benchmarks.view`) has a page of its own in the same frame.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from benchmarks.plain_text import plain

if TYPE_CHECKING:
    from jinja2 import Environment

CONTENT_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Of a page without scripts: should a text ever slip through unescaped, the browser still runs and loads nothing."""


def render(package: str, name: str, **values: Any) -> str:
    """Return a page: the template *name* of *package*, which extends ``frame.html``.

    Every text among the values is escaped, and its control characters are written as escapes (`plain_text.plain`).
    """
    return str(_environment(package).get_template(name).render(**values))


@cache
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  30 ms

    return Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in (package, "benchmarks.page")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    """Write control characters as escapes in whatever is put into a page, but not in markup that is finished."""
    return plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def theme() -> str:
    """Return the style that all pages and charts begin with: colors, light and dark."""
    return files("benchmarks.page").joinpath("theme.css").read_text(encoding="utf-8")
