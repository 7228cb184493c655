"""What is in Debian's package clamav-testfiles: everything hides the program `clam.exe`."""

from pathlib import Path

FILES = {file.name: file for file in Path("/usr/share/clamav-testfiles").iterdir()}

_PACKED = "the program itself, made smaller by a packer of programs: banned as it is, unpacked by virus scanners"
NOT_OPENED = {
    "clam.exe": "the program itself",
    "clam-aspack.exe": _PACKED,
    "clam-fsg.exe": _PACKED,
    "clam-mew.exe": _PACKED,
    "clam-pespin.exe": _PACKED,
    "clam-petite.exe": _PACKED,
    "clam-upack.exe": _PACKED,
    "clam-upx.exe": _PACKED,
    "clam-wwpack.exe": _PACKED,
    "clam-yc.exe": _PACKED,
    "clam.ea05.exe": "compiled AutoIt script: a program, banned as it is, opened by virus scanners",
    "clam.ea06.exe": "compiled AutoIt script: a program, banned as it is, opened by virus scanners",
    "clam_ISmsi_ext.exe": "installer of InstallShield: a program, banned as it is, opened by virus scanners",
    "clam_ISmsi_int.exe": "installer of InstallShield: a program, banned as it is, opened by virus scanners",
    "clam_IScab_ext.exe": "InstallShield's own cabinets, inside of a program that is banned as it is",
    "clam_IScab_int.exe": "InstallShield's own cabinets, inside of a program that is banned as it is",
    "clam_cache_emax.tgz": "nested more deeply than MAXLEVELS as packaged, which is told as over limits",
    "clam.exe.html": "base64 in a page of HTML outside of MIME stays text (features 7.06); virus scanners look at it",
    "clam.pdf": "documents of Adobe go to the virus scanners as a whole",
    "clam.sis": "no program of Debian opens installation files of Symbian: told as unreadable",
}
"""Why the program does not come out."""
TEXTS = {"clam.exe.mbox.uu", "clam.exe.binhex"}
"""Opened only where the decoders of encoded texts are switched on (features 7.05)."""
