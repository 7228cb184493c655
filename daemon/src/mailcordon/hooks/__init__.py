"""Plugins of the administrator: what they may import stands here, nothing else is promised (docs/plugins.md)."""

from mailcordon.errors import HookError
from mailcordon.hooks.evidence import AbuseContact, OwnReceived, SignedField
from mailcordon.hooks.specs import hookimpl
from mailcordon.hooks.view import Message
from mailcordon.mail.feedback import FeedbackType

__all__ = ["AbuseContact", "FeedbackType", "HookError", "Message", "OwnReceived", "SignedField", "hookimpl"]
