"""Records from outside as pydantic models: what is wrong with one is said with its place and its key.

Only the readers of data sets import this module; pydantic takes a while to load.
"""

from __future__ import annotations

import ast
import base64
import json
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from rewards.errors import DataError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidatorFunctionWrapHandler
    from pydantic_core import ErrorDetails


class Record(BaseModel):
    """A record of a data set: values are of their types, none is converted; other keys are left alone."""

    model_config = ConfigDict(strict=True)


R = TypeVar("R", bound=Record)

_TYPES = {
    "string_type": "text",
    "list_type": "a list",
    "int_type": "a whole number",
    **dict.fromkeys(("dict_type", "model_type"), "an object"),
}
"""Pydantic's kinds of errors -> what was expected."""


def read_record(
    model: type[R], record: Mapping[str, Any], where: str, *, inside: str = "", context: Mapping[str, Any] | None = None
) -> R:
    """Return a record as its model.

    Args:
        model: what it should be.
        record: what it is.
        where: its place, ``file:line`` or the like.
        inside: where it is in the record at that place, e.g. ``states[0]``.
        context: what the model's validators need to know besides.

    Raises:
        DataError: a key is missing or null, or holds something else; the first of them is named.
    """
    try:
        return model.model_validate(record, context=None if context is None else dict(context))
    except ValidationError as error:
        raise _data_error(error.errors(include_url=False)[0], record, where, inside) from None


def wrong(key: str, where: str, expected: str, found: Any) -> DataError:
    """Return the error for a key that holds the wrong thing."""
    return DataError(f"{where}: key {key!r}: expected {expected}, found {shown(found)}")


def wrong_value(expected: str, *found: Any) -> PydanticCustomError:
    """Return the error that a validator raises; *found* only where it is a part of the value."""
    return PydanticCustomError("wrong_value", "{expected}", {"expected": expected, "found": found})


def expected(what: str) -> WrapValidator:
    """Say of a type in words what is expected, whatever is wrong with the value or within it."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise wrong_value(what) from None

    return WrapValidator(check)


def _present(value: Any) -> Any:
    if value is None:
        raise wrong_value("a value")
    return value


Present = Annotated[Any, AfterValidator(_present)]
"""Anything but null."""


def _image_bytes(item: Any) -> Any:
    content = item.get("bytes") if isinstance(item, dict) else item
    if not isinstance(content, bytes):
        raise wrong_value("the bytes of an image", content)
    return content


StoredImage = Annotated[bytes, BeforeValidator(_image_bytes)]
"""An image in a Parquet file: bytes, or an object that holds them."""


def _decoded(cell: Any) -> Any:
    try:
        images = json.loads(cell) if cell.startswith("[") else [cell]
        return tuple(base64.b64decode(image, validate=True) for image in images)
    except (AttributeError, ValueError, TypeError, RecursionError):
        raise wrong_value("base64, or a JSON array of base64") from None


EncodedImages = Annotated[tuple[bytes, ...], BeforeValidator(_decoded)]
"""The images of one cell of a table: base64, or a JSON array of that."""


def _literal(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise wrong_value("a list") from None
    return list(value) if isinstance(value, tuple) else value


Texts = Annotated[list[str], BeforeValidator(_literal)]
"""A list of texts, or the Python text of one, as tables hold it."""

TextLists = Annotated[list[list[str]], BeforeValidator(_literal)]
"""Lists of texts, likewise."""


def read_letter(value: str, key: str, where: str, *, options: tuple[str, ...] | None) -> str:
    """Return the letter of an option, in upper case.

    Args:
        value: what the record holds.
        key: under which key.
        where: the record's place.
        options: the options that were read from the question, or None where they could not be.

    Raises:
        DataError: it is no letter, or one beyond the last option.
    """
    letter = value.strip().upper()
    letters = "ABCDEFGH"[: len(options) if options else None]
    if len(letter) != 1 or letter not in letters:
        raise wrong(key, where, f"a letter A-{letters[-1]}, one of the question's options", value)
    return letter


def _data_error(details: ErrorDetails, record: Mapping[str, Any], where: str, inside: str) -> DataError:
    """Return pydantic's error as this project words it; of a record within the record the place says which."""
    keys, found, context = details["loc"], details["input"], details.get("ctx", {})
    inner = max(at for at, key in enumerate(keys) if isinstance(key, str))
    key, holder = _dotted(keys[inner:]), _at(record, keys[:inner])
    place = ": ".join(filter(None, (where, _dotted((inside, *keys[:inner])))))
    absent = "missing" if details["type"] == "missing" else "null"
    if absent == "missing" or (found is None and inner == len(keys) - 1):
        return DataError(f"{place}: key {key!r} is {absent}; the record has {', '.join(map(str, holder))}")
    if details["type"] == "wrong_value":
        outer = ": ".join(filter(None, (where, inside)))
        return wrong(_dotted(keys), outer, context["expected"], *(context["found"] or (found,)))
    return wrong(key, place, _TYPES.get(details["type"], details["msg"]), found)


def _at(record: Any, keys: tuple[int | str, ...]) -> Any:
    for key in keys:
        record = record[key]
    return record


def _dotted(keys: tuple[int | str, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys if key != "").removeprefix(".")
