"""The partition tag of a message: a fixed value, or one made of the time of its reception (features 11.02 to 11.04)."""

from datetime import datetime

from mailcordon.config.message_settings import MessageSettings

NO_TAG = "0"


def partition_tag(settings: MessageSettings, received_at: datetime) -> str:
    """The tag of a message that was received then; local time counts, as it does for amavisd."""
    tag = settings.partition_tag
    return received_at.strftime(tag) if "%" in tag else tag


def shown_tag(tag: str) -> str:
    """The tag as the log has it: empty where there is none."""
    return "" if tag.lstrip("0") == "" else tag


def with_tag(mail_id: str, tag: str) -> str:
    """How a message in SQL is named, e.g. `aX3C4f6btXgX[25]` (features 12.08)."""
    return f"{mail_id}[{tag}]" if shown_tag(tag) else mail_id
