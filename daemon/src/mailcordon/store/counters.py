"""What the store counts; each writer has its own."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class StoreCounters:
    """Since the start of the worker."""

    gen_mail_id_retries: int = 0
    """Ids that were another message's already (B2.27, features 11.17)."""
    transactions: int = 0
    """Committed."""
    messages: int = 0
    """Written as a whole, those from files included."""
    spooled: int = 0
    """Put into a file, as the data base did not take them."""
    replayed: int = 0
    """Taken from such files."""
    refused: int = 0
    """Never to be taken by the data base."""
    lost_connections: int = 0

    def by_name(self) -> dict[str, int]:
        """For the log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
