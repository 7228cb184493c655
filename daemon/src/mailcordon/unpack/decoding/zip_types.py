"""What kind of zip file it is, by the names of its members."""

from mailcordon.unpack.decoding.zip_structure import ZipStructure

MACRO = "macro"
"""Short type of documents that carry a program (VBA)."""

HEAD = 256
"""Octets at the beginning in which an OpenDocument has its type in clear."""

_PLAIN_AND_MACRO = {"word/": ("docx", "docm"), "xl/": ("xlsx", "xlsm"), "ppt/": ("pptx", "pptm")}
_BY_MIMETYPE = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
    b"application/vnd.oasis.opendocument.graphics": "odg",
    b"application/epub+zip": "epub",
}
_OPEN_DOCUMENT_MACROS = ("Basic/", "Scripts/")


def zip_types(zipped: ZipStructure, head: bytes) -> tuple[str, ...]:
    """Short types beside `zip`. `head` are the first octets of the file, where OpenDocument has its type in clear."""
    names = zipped.names
    lower = {name.lower() for name in names}
    if "[content_types].xml" in lower:
        macro = any(name.endswith("/vbaproject.bin") for name in lower)
        for folder, (plain, with_macro) in _PLAIN_AND_MACRO.items():
            if any(name.startswith(folder) for name in lower):
                return (with_macro, MACRO) if macro else (plain,)
        return ("ooxml",)
    if "mimetype" in names:
        for content_type, short in _BY_MIMETYPE.items():
            if content_type in head:
                macro = any(name.startswith(_OPEN_DOCUMENT_MACROS) for name in names)
                return (short, MACRO) if macro else (short,)
    if "androidmanifest.xml" in lower:
        return ("apk",)
    if "meta-inf/manifest.mf" in lower:
        return ("jar",)
    if len(names) < 100 and any(name.endswith(".kml") for name in lower):
        return ("kmz",)
    return ()
