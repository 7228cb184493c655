"""Templates of log entries (B8.06, B8.07): one of ours by its name, or a text of the administrator's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import GetPydanticSchema, PlainSerializer, WithJsonSchema
from pydantic_core import core_schema

from mailcordon.config.template import CheckedTemplate, checked_template

MESSAGE_VARIABLES = frozenset(
    {
        "action",
        "actions",
        "author",
        "autolearn",
        "bad_header",
        "banned_names",
        "banned_parts",
        "banned_parts_as_attr",
        "banning_rule_comment",
        "banning_rule_key",
        "banning_rule_rhs",
        "category",
        "client_addr",
        "client_addr_port",
        "client_helo",
        "client_name",
        "client_protocol",
        "date",
        "hits",
        "log_id",
        "mail_id",
        "message_id",
        "milliseconds",
        "myhostname",
        "origin_addr",
        "originating",
        "os_fingerprint",
        "partition_tag",
        "policy_banks",
        "protocol",
        "quarantine",
        "queue_id",
        "queued_as",
        "recipients",
        "resent_message_id",
        "rss",
        "sender",
        "size",
        "smtp_reply",
        "subject",
        "tests",
        "tls",
        "user_agent",
        "virus_names",
    }
)
"""What a template of the main entry may name; docs/log.md says what each is."""
RECIPIENT_VARIABLES = MESSAGE_VARIABLES | frozenset(
    ("above_kill", "above_tag", "above_tag2", "is_local", "kill_level", "recipient_number", "tag2_level", "tag_level")
)
"""What a template of an entry about one recipient may name."""

VERBOSE = """\
{{ action }} {{ category }} {{ '{%s}' | format(actions | join(',')) }},
{%- if policy_banks %} {{ policy_banks | join('/') }}{% endif %}
{% if originating %} LOCAL{% endif %}
{% if client_addr_port %} {{ client_addr_port }}{% endif %}
{% if origin_addr %} [{{ origin_addr }}]{% endif %}
 {{ client_protocol }}/{{ protocol }} {{ sender }} -> {{ recipients | join(',') }}
{%- if tls %}, tls: {{ tls }}{% endif %}
{% if quarantine %}, quarantine: {{ quarantine | first }}{% endif %}
{% if queue_id %}, Queue-ID: {{ queue_id }}{% endif %}
{% if message_id %}, Message-ID: {{ message_id }}{% endif %}
{% if resent_message_id %}, Resent-Message-ID: {{ resent_message_id }}{% endif %}
, mail_id: {{ mail_id }}, Hits: {{ hits }}, size: {{ size }}
{%- if partition_tag %}, pt: {{ partition_tag }}{% endif %}
{% if queued_as %}, queued_as: {{ queued_as | join('/') }}{% endif %}
, Subject: "{{ subject | replace('"', "'") }}", From: {{ author | join(',') }}
{%- if user_agent %}, User-Agent: {{ user_agent }}{% endif %}
, helo={{ client_helo }}
{%- if tests %}, Tests: [{{ tests | join(',') }}]{% endif %}
{% if bad_header %}, bad header: {{ bad_header }}{% endif %}
{% if autolearn %}, autolearn={{ autolearn }}{% endif %}
, rss={{ rss }}, {{ milliseconds }} ms
"""
RECIPIENT = """\
{{ action }} {{ category }}, {{ sender }} -> {{ recipients | join(',') }}, Hits: {{ hits -}}
, tag={{ tag_level }}, tag2={{ tag2_level }}, kill={{ kill_level }}
{%- if queued_as %}, queued_as: {{ queued_as | first }}{% elif action == 'Passed' %}, fwd: {{ smtp_reply }}{% endif %}
, {{ 'L' if is_local else '0' }}/{{ 'Y' if above_tag else '0' }}/{{ 'Y' if above_tag2 else '0' -}}
/{{ 'Y' if above_kill else '0' }}
"""

SHORT_NAME = "short"
_MAIN: Mapping[str, str] = {"verbose": VERBOSE}
_RECIPIENT: Mapping[str, str] = {SHORT_NAME: RECIPIENT}


@dataclass(frozen=True, slots=True, eq=False)
class LogTemplate:
    """How an entry is written."""

    text: str
    """As in the configuration."""
    compiled: CheckedTemplate | None
    """None: there is to be no entry, or it is the main entry in its short form, which needs no template."""

    @property
    def is_off(self) -> bool:
        """There is to be no entry."""
        return not self.text


def _main(raw: object) -> LogTemplate:
    if raw == SHORT_NAME:
        return LogTemplate(SHORT_NAME, None)
    return _log_template(raw, _MAIN, MESSAGE_VARIABLES, (SHORT_NAME, *_MAIN))


def _recipient(raw: object) -> LogTemplate:
    return _log_template(raw, _RECIPIENT, RECIPIENT_VARIABLES, tuple(_RECIPIENT))


def _log_template(raw: object, ours: Mapping[str, str], known: frozenset[str], names: tuple[str, ...]) -> LogTemplate:
    if isinstance(raw, LogTemplate):
        return raw
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError
    if not raw.strip():
        return LogTemplate("", None)
    text = ours.get(raw, raw)
    if "{" not in text:
        raise ValueError(f"{raw!r} is neither {', '.join(names)}, empty, nor a template: nothing in it is replaced")
    return LogTemplate(raw, checked_template(text, known))


def _validated_by(make: Callable[[object], LogTemplate]) -> GetPydanticSchema:
    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(make))


_AS_TEXT = PlainSerializer(lambda template: template.text)
_SCHEMA = WithJsonSchema({"type": "string"})
MainTemplate = Annotated[LogTemplate, _validated_by(_main), _AS_TEXT, _SCHEMA]
RecipientTemplate = Annotated[LogTemplate, _validated_by(_recipient), _AS_TEXT, _SCHEMA]
