"""Names of parametrised tests."""


def plain(value: object) -> str:
    """Write *value* in printable ASCII without backslashes.

    Pytest escapes anything else anew each time that a process collects the tests, and then does not find its own names.
    """
    return f"{value!a:.60}".replace("\\", "/")
