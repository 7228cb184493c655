"""Address extensions that tell a recipient's mail sorter what his mail is (contract B9.10)."""

from mailcordon.config.lookup_key import LookupKey


def with_extension(address: str, extension: str, delimiter: str, *, replace: bool) -> str:
    """`address` with `extension`, which may begin with a delimiter of its own.

    `replace` puts it in the place of one that is there already; otherwise the new one follows it.
    """
    key = LookupKey(address, delimiter)
    local = key.bare if replace else key.local
    at = "@" + address.rpartition("@")[2] if "@" in address else ""
    added = extension if extension[0] in delimiter else delimiter[0] + extension
    return f"{local}{added}{at}"
