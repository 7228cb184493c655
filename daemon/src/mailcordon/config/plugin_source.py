"""Where a plugin is found: its file, or the name of a module that is installed."""

import re
from typing import Annotated

from pydantic import BeforeValidator

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def is_file(source: str) -> bool:
    """Whether it is a file, and not the name of a module."""
    return source.startswith("/")


def _plugin_source(raw: object) -> str:
    if not isinstance(raw, str) or not (is_file(raw) or (_MODULE.fullmatch(raw) and not raw.endswith(".py"))):
        raise ValueError(f"{raw!r} is neither the absolute path of a file nor the name of a module")
    return raw


PluginSource = Annotated[str, BeforeValidator(_plugin_source)]
