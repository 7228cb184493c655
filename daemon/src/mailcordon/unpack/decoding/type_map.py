"""What libmagic says, and the short types that stand for it in rules and log lines (B12.07, features 5.47, 7.07)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LOOKED_AT = 512
"""Characters of a description that are looked at: it quotes from hostile files."""


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One line of the table: descriptions in which `pattern` is found are of these short types."""

    pattern: re.Pattern[str]
    types: tuple[str, ...]
    """Without dot; several where a file is of a kind and of a special kind (`exe`, `exe-ms`); may be empty."""


_TABLE = (
    # Libmagic takes many texts for programs without header; as `asc` they are not banned as programs (features 7.07).
    (r"^(?:DOS executable \(COM|COM executable for (?:MS-)?DOS)", "asc"),
    (r"^empty$", "empty"),
    (r"^(?:data|very short file|ERROR:|cannot open|Non-ISO extended-ASCII data)", "dat"),
    # Programs
    (r"^DOS executable \((?:block )?device driver", "exe exe-ms"),
    (r"^(?:PE32|MS-DOS executable|DOS executable|Microsoft PE|LE executable|NE executable)", "exe exe-ms"),
    (r"^MZ\b", "exe exe-ms"),
    (r"^(?:Windows|MS Windows) (?:Portable )?executable", "exe exe-ms"),
    (r"^(?:ELF|a\.out|Mach-O|.*\bCOFF (?:object|executable)|MIPSEB|MIPSEL|Plan 9 executable)", "exe exe-unix"),
    (r"^VAX (?:COFF )?executable|^VMS Alpha executable", "exe exe-vms"),
    (r"^(?:OS/2|MS-DOS) .*\bexecutable", "exe exe-ms"),
    (r"^compiled Java class data", "java"),
    (r"^(?:python|Python) .*byte-compiled", "pyc"),
    (r"^(?:Dalvik dex|Android binary)", "dex"),
    (r"^WebAssembly", "wasm"),
    # Archives
    (r"^Android package", "zip apk"),
    (r"^Java archive data", "zip jar"),
    (r"^(?:Zip archive|Zip multi-volume|OpenDocument|EPUB document|iOS App|Mozilla archive|Microsoft OOXML)", "zip"),
    (r"^Microsoft (?:Word|Excel|PowerPoint|Visio) 20(?:0[7-9]|1\d)", "zip"),
    (r"^7-zip archive", "7z"),
    (r"^RAR archive", "rar"),
    (r"^ARJ archive", "arj"),
    (r"^(?:ARC archive|PKARC|ARC\+ archive)", "arc"),
    (r"^Zoo archive", "zoo"),
    (r"^(?:LHarc|LHa|LHA|PMarc)\b", "lha"),
    (r"^StuffIt", "sit"),
    (r"^Microsoft Cabinet|^MS Cabinet", "cab"),
    (r"^InstallShield (?:Z|CAB|Cabinet)", "installshield"),
    (r"^(?:GNU |POSIX |old |Pax |pax |ustar |V7 |Star )?(?:\(?\w*\)? ?)?tar archive\b", "tar"),
    (r"\bcpio archive", "cpio"),
    (r"^Debian binary package", "deb"),
    (r"^(?:current |old |thin )?ar archive", "a"),
    (r"^RPM\b", "rpm"),
    (r"^(?:# )?ISO 9660|^UDF filesystem", "iso"),
    (r"^xar archive", "xar"),
    (r"^Windows imaging \(WIM\)", "wim"),
    (r"^Microsoft Disk Image(?: eXtended)?|^Microsoft Virtual Hard Disk|^VMware4? disk image|^QEMU QCOW", "vhd"),
    (r"^Squashfs filesystem", "squashfs"),
    (r"^zlib compressed Apple disk image|^Apple (?:driver|partition) map|^Apple disk image", "dmg"),
    (r"^ACE archive", "ace"),
    (r"^MS Windows HtmlHelp|^MS Windows HtmlHelp Data", "chm"),
    (r"^Symbian installation", "sis"),
    (r"^MS Compress archive|^MS-DOS COMPRESS|^MSZIP|^Microsoft compressed", "mslz"),
    # Single files, compressed
    (r"^gzip compressed", "gz"),
    (r"^bzip2 compressed", "bz2"),
    (r"^XZ compressed", "xz"),
    (r"^LZMA compressed", "lzma"),
    (r"^lzip compressed", "lz"),
    (r"^LRZIP compressed", "lrz"),
    (r"^lzop compressed", "lzo"),
    (r"^LZ4 compressed", "lz4"),
    (r"^Zstandard compressed", "zst"),
    (r"^compress'd data", "Z"),
    (r"^frozen file|^freeze", "F"),
    # Documents
    (r"^(?:Composite Document File|OLE 2 Compound|CDFV2|Microsoft (?:Word|Excel|PowerPoint|Office)\b)", "doc"),
    (r"^(?:Microsoft OneNote|OneNote)", "one"),
    (r"^Transport Neutral Encapsulation Format", "tnef"),
    (r"^Rich Text Format", "rtf"),
    (r"^PDF document", "pdf"),
    (r"^PostScript document", "ps"),
    (r"^(?:MS Windows|Windows) shortcut", "lnk"),
    (r"^(?:MS )?Windows (?:95 )?Internet shortcut|^Internet shortcut", "url"),
    (r"^TeX DVI", "dvi"),
    (r"^Macromedia Flash data|^Adobe Flash", "swf"),
    (r"^GNU message catalog", "mo"),
    # Keys and encrypted texts
    (r"^PGP (?:RSA |message Public-Key |symmetric key )?encrypted|^PGP message", "pgp pgp.enc"),
    (r"^(?:OpenPGP|PGP) (?:public|secret|private) key|^PGP signature", "pgp pgp.asc"),
    # Pictures, sounds, films
    (r"^JPEG", "image jpg"),
    (r"^GIF image", "image gif"),
    (r"^PNG image", "image png"),
    (r"^TIFF image", "image tif"),
    (r"^PC bitmap", "image bmp"),
    (r"^PCX\b", "image pcx"),
    (r"^MS Windows icon|^MS Windows cursor", "image ico"),
    (r"^SVG Scalable", "image svg"),
    (r"\bWeb/P image\b", "image webp"),
    (r"^(?:Windows metafile|Windows Enhanced Metafile)", "image wmf"),
    (r"^(?:MPEG ADTS|Audio file with ID3)", "audio mp3"),
    (r"^Ogg data", "audio ogg"),
    (r"^RIFF .*\bWAVE audio", "audio wav"),
    (r"^Sun/NeXT audio", "audio au"),
    (r"^Standard MIDI", "audio mid"),
    (r"^FLAC audio", "audio flac"),
    (r"^RIFF .*\bAVI\b", "movie avi"),
    (r"^MPEG sequence", "movie mpg"),
    (r"^Microsoft ASF", "movie wmv"),
    (r"^Apple QuickTime", "movie qt"),
    (r"^ISO Media", "movie mp4"),
    (r"^(?:WebM|Matroska data)", "movie mkv"),
    # Texts that stand for octets
    (r"^uuencoded|^xxencoded", "uue"),
    (r"BinHex", "hqx"),
    (r"^yEnc", "ync"),
    # Texts
    (r"^HTML document|^exported SGML", "html"),
    (r"\bDOS batch file", "txt bat"),
    (r"^XML\b.*\bdocument|^XML 1", "xml"),
    (r"^(?:news or mail|SMTP mail|RFC 822 mail|MIME entity|mail)\b.*text", "txt"),
    (r"^(?:ASCII text|.*\bASCII text)\b", "asc"),
    (r"\btext\b", "txt"),
)


def built_in_rules() -> tuple[TypeRule, ...]:
    """The table of this program; the first rule that matches decides."""
    return tuple(TypeRule(re.compile(pattern), tuple(types.split())) for pattern, types in _TABLE)


def types_of(description: str, rules: Sequence[TypeRule]) -> tuple[str, ...]:
    """Short types of what libmagic describes so; `dat` where no rule matches."""
    for rule in rules:
        if rule.pattern.search(description, 0, LOOKED_AT):
            return rule.types
    return ("dat",)
