"""The form in which jobs and records go between a mail worker and its decoder processes: lines of JSON.

Nothing that a decoder process writes is trusted: hostile mail may have taken it over. Hence no pickles, and hence
everything is looked at before it counts; files are told by their names inside the directory of the job alone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mailcordon.errors import ProtocolError
from mailcordon.unpack.job import Job, Looked, Member, OpenedBy, PartFile, Problem, ProblemKind, Quota, Record

MAX_LINE = 256 * 1024
"""Octets of a record; the longest name with every character escaped takes 12 KiB."""

_FILE_NAME = re.compile(r"p[0-9]{3,9}", re.ASCII)
_LOCATION = re.compile(r"1(?:\.[0-9]{1,9})*", re.ASCII)
_SHORT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}", re.ASCII)
_ATTRIBUTES = re.compile(r"[UCDSLB]*", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_TEXT = 4096
_KINDS = {kind.name: kind for kind in ProblemKind}


def job_to_line(job: Job) -> bytes:
    """A job for `job_of_line`."""
    values = {
        "directory": str(job.directory),
        "parts": [{**asdict(part), "file": part.file.name} for part in job.parts],
        "quota": asdict(job.quota),
        "memory": job.memory,
        "switched_off": sorted(job.switched_off),
    }
    return json.dumps(values).encode() + b"\n"


def job_of_line(line: bytes) -> Job:
    """The job that `job_to_line` wrote; it comes from the mail worker and is trusted."""
    values = json.loads(line)
    directory = Path(values["directory"])
    parts = (
        PartFile(**{**part, "file": directory / part["file"], "names": tuple(part["names"])})
        for part in values["parts"]
    )
    return Job(directory, tuple(parts), Quota(**values["quota"]), values["memory"], frozenset(values["switched_off"]))


def record_to_line(record: Record) -> bytes:
    """A record for `record_of_line`."""
    values: list[Any]
    match record:
        case Looked():
            values = ["looked", record.location, list(record.short_types), record.full_type, record.attributes]
        case Member():
            file = None if record.file is None else record.file.name
            values = ["member", record.location, record.name, record.size, file, record.content_type, record.attributes]
        case Problem():
            values = ["problem", record.kind.name, record.location, record.text]
        case OpenedBy():
            values = ["opened", record.location, record.decoder, record.keep]
    return json.dumps(values).encode() + b"\n"


def record_of_line(line: bytes, directory: Path) -> Record:
    """What `record_to_line` wrote about the job in `directory`. Raises ProtocolError for anything else."""
    try:
        kind, *values = json.loads(line)
        return _READERS[kind](directory, *values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProtocolError("a decoder process wrote what is no record") from error


def _looked(_: Path, location: object, short_types: object, full_type: object, attributes: object) -> Looked:
    if not isinstance(short_types, list):
        raise TypeError
    types = tuple(_matching(_SHORT_TYPE, short_type) for short_type in short_types)
    return Looked(_matching(_LOCATION, location), types, _line(full_type), _matching(_ATTRIBUTES, attributes))


def _member(
    directory: Path,
    location: object,
    name: object,
    size: object,
    file: object,
    content_type: object,
    attributes: object,
) -> Member:
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise TypeError
    path = None if file is None else directory / _matching(_FILE_NAME, file)
    return Member(
        _matching(_LOCATION, location), _text(name), size, path, _line(content_type), _matching(_ATTRIBUTES, attributes)
    )


def _problem(_: Path, kind: str, location: object, text: object) -> Problem:
    return Problem(_KINDS[kind], _matching(_LOCATION, location), _line(text))


def _opened(_: Path, location: object, decoder: object, keep: object) -> OpenedBy:
    return OpenedBy(_matching(_LOCATION, location), _line(decoder), keep is True)


_READERS: dict[str, Callable[..., Record]] = {
    "looked": _looked,
    "member": _member,
    "problem": _problem,
    "opened": _opened,
}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:_MAX_TEXT]


def _line(value: object) -> str:
    return _UNPRINTABLE.sub("?", _text(value))


def _matching(expression: re.Pattern[str], value: object) -> str:
    text = _text(value)
    if not expression.fullmatch(text):
        raise ValueError
    return text
