"""Templates of the lines that begin and end an SMTP session (B6.01), with amavisd's placeholders: `${product}`."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_NAMES = ("helo-name", "protocol", "product", "version")


def _banner(raw: object) -> str:
    if not isinstance(raw, str) or not raw.isprintable() or not raw.strip():
        raise ValueError(f"{raw!r} is not a line of text")
    unknown = [name for name in _PLACEHOLDER.findall(raw) if name not in _NAMES]
    if unknown:
        known = ", ".join(f"${{{name}}}" for name in _NAMES)
        raise ValueError(f"${{{unknown[0]}}} is not known; there are {known}")
    return raw


Banner = Annotated[str, BeforeValidator(_banner)]


def fill(banner: str, values: Mapping[str, str]) -> str:
    """The banner with its placeholders replaced; `values` has all of them."""
    return _PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], banner)
