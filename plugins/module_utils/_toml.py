# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small TOML 1.0 writer: what Ansible hands over as a dictionary becomes a stable, readable text.

The target needs no TOML library. Keys are sorted, values first, then tables, then arrays of tables, so that the same
settings always give the same text whatever order they were merged in.
"""

from __future__ import annotations

import math
import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_LINE_LENGTH = 100


def dumps(settings):
    """The settings, a dictionary, as TOML. A value of None leaves its key out.

    Raises GatewayError, naming the key, for a value that TOML cannot hold.
    """
    lines = []
    _table(lines, (), settings)
    return "\n".join(lines).lstrip("\n") + "\n" if lines else ""


def _table(lines, path, table):
    plain = {}
    tables = {}
    arrays = {}
    for name, value in table.items():
        if isinstance(value, dict):
            tables[str(name)] = value
        elif _is_array_of_tables(value):
            arrays[str(name)] = value
        elif value is not None:
            plain[str(name)] = value
    for name in sorted(plain):
        _assignment(lines, path + (name,), plain[name])
    for name in sorted(tables):
        inner = path + (name,)
        # A table that only holds further tables needs no header of its own.
        if not tables[name] or _has_plain_value(tables[name]):
            lines.extend(["", "[%s]" % _header(inner)])
        _table(lines, inner, tables[name])
    for name in sorted(arrays):
        for element in arrays[name]:
            lines.extend(["", "[[%s]]" % _header(path + (name,))])
            _table(lines, path + (name,), element)


def _has_plain_value(table):
    return any(
        value is not None and not isinstance(value, dict) and not _is_array_of_tables(value)
        for value in table.values()
    )


def _is_array_of_tables(value):
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(item, dict) for item in value)


def _assignment(lines, path, value):
    key = _key(path[-1])
    text = _value(path, value)
    if len(key) + len(text) + 3 > _LINE_LENGTH and isinstance(value, (list, tuple)):
        lines.append("%s = [" % key)
        lines.extend("    %s," % _value(path, item) for item in value)
        lines.append("]")
    else:
        lines.append("%s = %s" % (key, text))


def _value(path, value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise GatewayError("%s: %d does not fit into 64 bits" % (_named(path), value))
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return _string(path, value)
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(_value(path, item) for item in value)
    if isinstance(value, dict):
        pairs = [
            "%s = %s" % (_key(str(name)), _value(path + (str(name),), value[name]))
            for name in sorted(value, key=str)
            if value[name] is not None
        ]
        return "{ %s }" % ", ".join(pairs) if pairs else "{}"
    if value is None:
        raise GatewayError("%s: a list cannot hold null" % _named(path))
    raise GatewayError("%s: TOML has no value for %s" % (_named(path), type(value).__name__))


def _float(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)


def _string(path, value):
    out = []
    for char in value:
        code = ord(char)
        if 0xD800 <= code <= 0xDFFF:
            raise GatewayError("%s: holds bytes that are not UTF-8" % _named(path))
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif code < 32 or code == 127:
            out.append("\\u%04X" % code)
        else:
            out.append(char)
    return '"%s"' % "".join(out)


def _key(name):
    return name if _BARE_KEY.match(name) else _string((name,), name)


def _header(path):
    return ".".join(_key(name) for name in path)


def _named(path):
    """The path as it stands in a message; unlike a header it must never fail."""
    return ".".join(path).encode("ascii", "backslashreplace").decode("ascii")
