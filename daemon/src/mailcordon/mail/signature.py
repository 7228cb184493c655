"""What a DKIM signature says about a message, and whom it speaks for (RFC 6376; features 9.05, 9.06)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """A verified DKIM signature (RFC 6376)."""

    domain: str
    """The signing domain (`d=`), lower case."""
    is_valid: bool
    fields: tuple[str, ...] = ()
    """Lower-case names as in `h=`: the n-th `subject` covers the n-th Subject field from the bottom."""
    identity: str = ""
    """On whose behalf (`i=`); empty where it was not given."""
    key_bits: int = 0
    """Length of the key; 0 where it is not known."""

    @property
    def ascii_domain(self) -> str:
        """The signing domain in its ASCII form."""
        return ascii_form(self.domain)

    def covers(self, name: str, n: int) -> bool:
        """Whether the n-th field of that name from the bottom cannot have changed since it was signed."""
        return self.is_valid and self.fields.count(name.lower()) >= n

    def is_by_author(self, address: str) -> bool:
        """Whether the identity is that address, or everybody in its domain."""
        local, _, domain = (self.identity or f"@{self.domain}").rpartition("@")
        own_local, _, own_domain = address.rpartition("@")
        return self.is_valid and ascii_form(domain) == ascii_form(own_domain) and local in ("", own_local)


def ascii_form(domain: str) -> str:
    """A domain in lower case, international labels in their ASCII form; what is no domain stays as it is."""
    try:
        return domain.lower() if domain.isascii() else domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain.lower()
