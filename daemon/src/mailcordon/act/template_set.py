"""The templates in force: the administrator's, and the packaged ones for what he has none (B11.09; features 5.39)."""

import codecs
import importlib.resources
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcordon.act.notice_context import NoticeContext, sample_contexts
from mailcordon.act.template import NoticeTemplate
from mailcordon.act.wording import Kind, Wording
from mailcordon.config.settings import Settings
from mailcordon.errors import TemplateError

log = logging.getLogger(__name__)

FALLBACK_LANGUAGE = "en_US"


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """The templates of one language."""

    own: Mapping[Kind, NoticeTemplate]
    """The administrator's."""
    packaged: Mapping[Kind, NoticeTemplate]

    def word(self, kind: Kind, context: NoticeContext, log_id: str) -> Wording:
        """The words of a notification. When the administrator's template fails, the packaged one stands in."""
        own = self.own.get(kind)
        if own is not None:
            try:
                return own.render(context)
            except TemplateError as error:
                log.error("(%s) template fails, taking the packaged one: %s", log_id, error)  # noqa: TRY400
        return self.packaged[kind].render(context)


class Templates:
    """The templates of all languages that the settings name, compiled once."""

    def __init__(self, settings: Settings) -> None:
        """What is wrong with the administrator's templates stands in `problems`; the packaged ones take their place."""
        self.problems: list[str] = []
        self._sets = {language: self._read(settings.l10n_directory, language) for language in settings.languages}

    def of(self, language: str) -> TemplateSet:
        """Those of one of the languages."""
        return self._sets[language]

    def _read(self, directory: str, language: str) -> TemplateSet:
        packaged = packaged_language(language)
        own: dict[Kind, NoticeTemplate] = {}
        place = Path(directory, language) if directory else None
        if place is not None and place.is_dir():
            own = dict(self._own(place))
        elif packaged is None:
            known = ", ".join(packaged_languages())
            self.problems.append(
                f"l10n_language: there are no templates for {language}; packaged are {known}, "
                "others need a directory of that name in l10n_directory"
            )
        source = packaged_directory() / (packaged or FALLBACK_LANGUAGE)
        return TemplateSet(own, {kind: read_template(source / kind.file_name) for kind in Kind})

    def _own(self, place: Path) -> Iterator[tuple[Kind, NoticeTemplate]]:
        try:
            encoding = _encoding(place)
        except TemplateError as error:
            self.problems.append(str(error))
            return
        for kind in Kind:
            try:
                path = place / kind.file_name
                if not path.exists():
                    continue
                template = read_template(path, encoding)
                for sample in sample_contexts():
                    template.render(sample)
                yield kind, template
            except TemplateError as error:
                self.problems.append(str(error))
            except OSError as error:
                self.problems.append(f"{path}: cannot be read: {error.strerror}")


def template_problems(settings: Settings) -> Sequence[str]:
    """One line for everything that is wrong with the templates: file, line and reason.

    What is compiled here, before workers are forked, is theirs, too.
    """
    problems = [*settings.once(Templates).problems]
    if settings.l10n_directory and not Path(settings.l10n_directory).is_dir():
        problems.append(f"l10n_directory: {settings.l10n_directory} is not a directory that can be read")
    return problems


def read_template(path: Path, encoding: str = "utf-8") -> NoticeTemplate:
    """Raises TemplateError when it cannot be read or used."""
    try:
        return NoticeTemplate(path.read_text(encoding=encoding), str(path))
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise TemplateError(f"{path}: is not in {encoding}; the file charset beside it may name another one") from None


def packaged_directory() -> Path:
    """The directory with a directory for each language that comes with the program."""
    return Path(str(importlib.resources.files("mailcordon.act") / "l10n"))


def packaged_languages() -> list[str]:
    """Their names."""
    return sorted(path.name for path in packaged_directory().iterdir() if path.is_dir())


def packaged_language(language: str) -> str | None:
    """The packaged one of that name, or of the same language elsewhere: `de_DE` for `de_AT`."""
    names = packaged_languages()
    if language in names:
        return language
    return next((name for name in names if name[:2] == language.replace("-", "_").partition("_")[0].lower()), None)


def _encoding(place: Path) -> str:
    """The charset of the templates in a directory, which its file `charset` names (B11.09)."""
    path = place / "charset"
    try:
        name = path.read_text(encoding="ascii").strip()
        return codecs.lookup(name).name
    except FileNotFoundError:
        return "utf-8"
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror}") from None
    except (LookupError, ValueError):
        raise TemplateError(f"{path}: does not name a charset such as utf-8 or iso-8859-1") from None
