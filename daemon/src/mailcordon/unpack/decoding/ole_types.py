"""What kind of OLE document it is, by its streams (MS-CFB)."""

from pathlib import Path
from typing import Any

from mailcordon.unpack.decoding.zip_types import MACRO

_INSTALLER = "000C1084-0000-0000-C000-000000000046"
_BY_STREAM = {
    "worddocument": "doc",
    "workbook": "xls",
    "book": "xls",
    "powerpoint document": "ppt",
    "visiodocument": "vsd",
    "__properties_version1.0": "msg",
}
ENCRYPTED_PACKAGE = "encryptedpackage"
"""Lower case name of the stream that holds an encrypted OOXML document (MS-OFFCRYPTO 2.3.4.4)."""
_MACRO_STORAGES = frozenset({"vba", "_vba_project_cur", "macros"})


def open_ole(file: Path) -> Any | None:
    """The document, opened with olefile; None when that cannot read it. The caller closes it."""
    import olefile

    try:
        return olefile.OleFileIO(str(file))
    except Exception:  # noqa: BLE001 - whatever it stumbles over in hostile octets: it is not readable
        return None


def ole_types(file: Path) -> tuple[str, ...]:
    """Short types beside `doc`, which stands for every OLE document."""
    document = open_ole(file)
    if document is None:
        return ()
    with document:
        try:
            paths = document.listdir(streams=True, storages=True)
            root = str(document.root.clsid).upper()
        except Exception:  # noqa: BLE001 - as above
            return ()
    found: list[str] = []
    if root == _INSTALLER:
        found.append("msi")
    top = {path[0].lower() for path in paths if path}
    found += [short for stream, short in _BY_STREAM.items() if stream in top and short not in found]
    if any(storage.lower() in _MACRO_STORAGES for path in paths for storage in path):
        found.append(MACRO)
    return tuple(found)
