"""The texts of `smtp_reason_by_ccat`: what stands in them for facts about the mail (contract B5.11)."""

import re
from typing import Annotated

from pydantic import BeforeValidator

REASON_PLACEHOLDER = re.compile(r"%(.?)")
REASON_FACTS = "nihVF%"
"""%n log id, %i mail id, %h our host name, %V names of viruses, %F names of what is banned, %% a percent sign."""


def _reason_text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError
    if not raw.isprintable():
        raise ValueError(f"{raw!r} has control characters; a reason is one line")
    for match in REASON_PLACEHOLDER.finditer(raw):
        if not match[1] or match[1] not in REASON_FACTS:
            raise ValueError(f"{match[0]!r} stands for nothing; known are {', '.join('%' + c for c in REASON_FACTS)}")
    return raw


ReasonText = Annotated[str, BeforeValidator(_reason_text)]
