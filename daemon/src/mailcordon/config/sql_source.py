"""Data bases as `storage_sql_dsn` and `lookup_sql_dsn` name them (contract B2.26). Nothing here needs a driver."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import PlainSerializer, WithJsonSchema

from mailcordon.config.types import made_by
from mailcordon.errors import StoreError

HIDDEN = "***"
"""Stands where a password is, in everything that is shown."""
SQLITE = "sqlite"
_DIALECTS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    SQLITE: SQLITE,
}
_DRIVERS = {"pg": "postgresql", "pgpp": "postgresql", "mysql": "mysql", "mariadb": "mariadb", SQLITE: SQLITE}
_PERL = re.compile(r"dbi:(\w+)(?:\([^)]*\))?:(.*)", re.IGNORECASE | re.DOTALL)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/?#@]*:)[^/?#]*(?=@)")
_KEYS = ("dsn", "user", "password", "password_file", "password_env")
_FORMS = (
    "a data base is a URL such as postgresql://user@host/name, a list [dsn, user, password], or a table with "
    f"{', '.join(_KEYS)}"
)


@dataclass(frozen=True, slots=True)
class SqlSource:
    """One data base, and how to log in."""

    url: str
    """A URL of SQLAlchemy's form without a password."""
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    password_env: str | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this host."""
        return self.url.startswith(f"{SQLITE}:")

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a PostgreSQL."""
        return self.url.startswith("postgresql")

    def secret(self) -> str | None:
        """The password, read anew each time: it may have been changed. Blocks. Raises StoreError."""
        if self.password_file is not None:
            try:
                return self.password_file.read_text(encoding="utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                raise StoreError(f"cannot read {self.password_file}, the password of {self.url}: {reason}") from error
        if self.password_env is not None:
            if self.password_env not in os.environ:
                raise StoreError(f"no {self.password_env} in the environment, the password of {self.url}")
            return os.environ[self.password_env]
        return self.password

    def __str__(self) -> str:
        return self.url


def sql_source(raw: object) -> SqlSource:
    """Raises ValueError with a text that shows no password."""
    if isinstance(raw, SqlSource):
        return raw
    if isinstance(raw, str):
        return _source(raw)
    if isinstance(raw, (list, tuple)) and 1 <= len(raw) <= 3 and all(isinstance(item, str) for item in raw):
        return _source(*raw)
    if isinstance(raw, Mapping) and isinstance(raw.get("dsn"), str):
        unknown = [str(key) for key in raw if key not in _KEYS]
        if unknown or not all(isinstance(value, str) for value in raw.values()):
            raise ValueError(f"{_FORMS}, each a text" + (f"; not {', '.join(unknown)}" if unknown else ""))
        if sum(key in raw for key in ("password", "password_file", "password_env")) > 1:
            raise ValueError("a data base has one of password, password_file and password_env")
        source = _source(raw["dsn"], raw.get("user", ""), raw.get("password", ""))
        file, env = raw.get("password_file"), raw.get("password_env")
        if file is not None and not file.startswith("/"):
            raise ValueError(f"password_file: {file!r} is not an absolute path")
        return SqlSource(source.url, source.password, Path(file) if file else None, env)
    raise ValueError(_FORMS)


def sql_sources(raw: object) -> tuple[SqlSource, ...]:
    """A list of them, or one that stands alone. Raises ValueError."""
    if isinstance(raw, (str, Mapping)):
        return (sql_source(raw),) if raw else ()
    if not isinstance(raw, (list, tuple)):
        raise ValueError(_FORMS)  # noqa: TRY004 - pydantic collects ValueError
    if raw and isinstance(raw[0], str) and _PERL.fullmatch(raw[0]):
        # amavisd's own form without the outer brackets.
        return (sql_source(raw),)
    return tuple(sql_source(item) for item in raw)


def without_passwords(raw: Any) -> Any:
    """What stands in a fragment, for display."""
    if isinstance(raw, str):
        return _PASSWORD_IN_URL.sub(rf"\g<1>{HIDDEN}", raw)
    if isinstance(raw, Mapping):
        return {key: HIDDEN if key == "password" else without_passwords(value) for key, value in raw.items()}
    if isinstance(raw, (list, tuple)):
        hidden = [without_passwords(item) for item in raw]
        # Three texts may be three URLs, too.
        if len(raw) == 3 and all(isinstance(item, str) for item in raw) and "://" not in raw[2]:
            hidden[2] = HIDDEN
        return hidden
    return raw


def _source(dsn: str, user: str = "", password: str = "") -> SqlSource:
    match = _PERL.fullmatch(dsn)
    url = _url_of_perl(match[1], match[2]) if match else dsn
    scheme, colon, rest = url.partition("://")
    dialect = _DIALECTS.get(scheme.partition("+")[0].lower())
    if not colon or dialect is None:
        raise ValueError(f"{_FORMS}; known are {', '.join(_DIALECTS)}")
    if dialect == SQLITE:
        if not rest.startswith("//"):
            raise ValueError(
                "a SQLite data base needs an absolute path, as in sqlite:////var/lib/mailcordon/db/mail.db"
            )
        return SqlSource(f"{SQLITE}://{rest}")
    try:
        parts = urlsplit(f"{dialect}://{rest}")
        _ = parts.port
    except ValueError:
        raise ValueError("the URL of a data base has a host or port that cannot be") from None
    if not parts.path.strip("/"):
        raise ValueError("the URL of a data base must end in its name")
    login, at, host = parts.netloc.rpartition("@")
    name, has_password, secret = login.partition(":")
    name = quote(user, safe="") if user else name
    netloc = f"{name}@{host}" if name else f"{at and ''}{host}"
    stored = password or (unquote(secret) if has_password else "")
    return SqlSource(urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")), stored or None)


def _url_of_perl(driver: str, rest: str) -> str:
    """A URL for a DSN of Perl's DBI."""
    scheme = _DRIVERS.get(driver.lower())
    if scheme is None:
        raise ValueError(f"the driver {driver} is not one of Pg, mysql, MariaDB, SQLite")
    if "=" not in rest:
        values = {"dbname": rest}
    else:
        pairs = (item.partition("=") for item in re.split(r"[;:]", rest) if item)
        values = {key.strip().lower(): value.strip() for key, _, value in pairs}
    name = values.get("dbname") or values.get("database") or values.get("db") or ""
    if scheme == SQLITE:
        return f"{SQLITE}:///{name}"
    host = values.get("host") or values.get("hostaddr") or ""
    query = ""
    socket = values.get("mysql_socket") or values.get("mariadb_socket")
    if host.startswith("/"):
        host, query = "", f"?host={quote(host)}"
    elif socket:
        query = f"?unix_socket={quote(socket)}"
    elif not host and scheme in ("mysql", "mariadb"):
        host = "localhost"
    if ":" in host:
        host = f"[{host}]"
    port = f":{values['port']}" if values.get("port") else ""
    if port and not host:
        # A port alone also names the unix socket of a server.
        query = f"{query}&port={values['port']}" if query else f"?port={values['port']}"
        port = ""
    return f"{scheme}://{host}{port}/{quote(name)}{query}"


_SCHEMA_OF_ONE: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        {
            "type": "object",
            "properties": {key: {"type": "string"} for key in _KEYS},
            "required": ["dsn"],
            "additionalProperties": False,
        },
    ]
}
SqlSources = Annotated[
    tuple[SqlSource, ...],
    made_by(sql_sources),
    PlainSerializer(lambda sources: [str(source) for source in sources]),
    WithJsonSchema({"anyOf": [*_SCHEMA_OF_ONE["anyOf"], {"type": "array", "items": _SCHEMA_OF_ONE}]}),
]
