"""The JSON schema of values that pydantic cannot describe itself, for `check-config --schema`."""

from typing import Any

from pydantic import WithJsonSchema

from mailcordon.mail.category import Destiny

Schema = dict[str, Any]

NAMED = "x-named"
"""Key of the name under which a schema belongs into the definitions."""

_LOOKUPS = {"boolean": "yes-no-lookup", "number": "number-lookup", "string": "text-lookup", None: "lookup-of-lookups"}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_PATH: Schema = {"type": "string", "pattern": "^/"}


def _table(kind: str, body: Schema) -> Schema:
    return {"type": "object", "properties": {kind: body}, "required": [kind], "additionalProperties": False}


def _named(name: str, schema: Schema) -> WithJsonSchema:
    """A schema that stands in the definitions once, however many settings have it."""
    return WithJsonSchema({NAMED: name, **schema})


def schema_of_lookup(value_type: str | None) -> WithJsonSchema:
    """For a lookup whose values have that JSON type; None for values that are lookups themselves."""
    value: Schema = {} if value_type is None else {"anyOf": [{"type": value_type}, {"const": "undef"}]}
    expression: Schema = {"type": "array", "prefixItems": [{"type": "string"}, value], "minItems": 2, "maxItems": 2}
    tables = [
        _table("constant", value),
        _table("hash", {"type": "object", "additionalProperties": value}),
        _table("regexp", {"type": "array", "items": {"anyOf": [{"type": "string"}, expression]}}),
        _table("hash_file", _PATH),
    ]
    if value_type == "boolean":
        tables += [_table("acl", _TEXTS), _table("acl_file", _PATH), _TEXTS]
    one = {"anyOf": [value, *tables]}
    return _named(_LOOKUPS[value_type], {"anyOf": [*one["anyOf"], {"type": "array", "items": one}]})


_BANNED: Schema = {
    "type": "array",
    "items": {
        "anyOf": [
            {"type": "string"},
            {
                "type": "array",
                "prefixItems": [
                    {"type": "string"},
                    {"anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 1}, {"enum": [0, 1]}]},
                ],
                "minItems": 2,
                "maxItems": 2,
            },
        ]
    },
}
SCHEMA_OF_BANNED_TABLE = _named("banned-rules", _BANNED)
SCHEMA_OF_BANNED_LOOKUP = schema_of_lookup(None)

_NETWORKS = [
    _table("hash", {"type": "object", "additionalProperties": {"type": "boolean"}}),
    _table("file", _PATH),
]
SCHEMA_OF_NETWORKS = _named(
    "networks",
    {"anyOf": [*_NETWORKS, {"type": "array", "items": {"anyOf": [{"type": "string"}, *_NETWORKS]}}]},
)
SCHEMA_OF_DESTINY = _named(
    "destiny",
    {"type": "string", "pattern": f"^([dD]_)?({'|'.join(d.name.lower() + '|' + d.name for d in Destiny)})$"},
)
SCHEMA_OF_DELIVERY = _named("delivery-method", {"anyOf": [{"type": "string"}, {**_TEXTS, "minItems": 1}]})
_SOCKET: Schema = {"type": "string", "pattern": r"^(/|.*:[0-9]{1,5}$)"}
SCHEMA_OF_SOCKET = _named("socket-address", _SOCKET)
SCHEMA_OF_SOCKETS = _named("socket-addresses", {"anyOf": [_SOCKET, {"type": "array", "items": _SOCKET, "minItems": 1}]})


def schema_of_one_or_list(schema: Schema) -> WithJsonSchema:
    """For a list that may stand as one value where it has only one."""
    return WithJsonSchema({"anyOf": [schema, {"type": "array", "items": schema}]})
