"""Environment variables in the values of `external_labels`.

    "$" name | "${" anything "}"     name = [a-zA-Z_][a-zA-Z0-9_]*, or one of * # $ @ ! ? - 0-9

`$$` is a dollar. `${}` and a `${` without an end vanish; any other `$` is itself.
Source: Go's os.Expand, Prometheus config.Load.
"""

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\$(?:\{([^}]*)\}|\{|([*#$@!?\-0-9]|[a-zA-Z_][a-zA-Z0-9_]*))")


def expand(text: str, environ: Mapping[str, str], missing: Callable[[str], None]) -> str:
    """Return `text` with its variables filled in. `missing` hears of those unset or empty."""

    def value(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None or name in {"", "$"}:
            return name or ""
        if not environ.get(name):
            missing(name)
        return environ.get(name, "")

    return _REFERENCE.sub(value, text)


def escape(text: str) -> str:
    """Return a text that expands to `text`; the same where nothing in it would be expanded."""
    return text.replace("$", "$$") if _REFERENCE.search(text) else text
