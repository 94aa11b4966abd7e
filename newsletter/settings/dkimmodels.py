"""The settings of signing mails (DKIM)."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from newsletter.settings.values import FilePath, LowerCase, Section, complaint

MOST_KEYS = 5
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
SELECTOR = re.compile(rf"{_LABEL}(\.{_LABEL})*")  # RFC 6376, 3.1
DOMAIN = re.compile(rf"({_LABEL}\.)+{_LABEL}")


def check_domain(value: str) -> str:
    """Return a domain as it is on the wire."""
    try:
        value = value if value.isascii() else value.encode("idna").decode("ascii")
    except UnicodeError:
        value = ""
    if not DOMAIN.fullmatch(value):
        raise complaint("this is not a domain", "write it as example.org")
    return value


class DkimKeySettings(Section):
    """A key that mails are signed with."""

    selector: str = Field(description="Under which name the DNS holds its public half: `<selector>._domainkey`.")
    private_key: SecretStr | None = Field(
        default=None, description="The key itself (PEM), instead of `private_key_file`; better kept in a file."
    )
    private_key_file: FilePath | None = Field(
        default=None, description="The file that holds it (PEM), as `newsletter dkim generate` writes it."
    )
    algorithm: Annotated[Literal["auto", "rsa-sha256", "ed25519-sha256"], LowerCase] = Field(
        default="auto", description="How it signs; `auto` by the kind of key."
    )

    @model_validator(mode="after")
    def check_key(self) -> Self:
        """Refuse a selector that is no name in the DNS, and a key that is not given or given twice."""
        if not SELECTOR.fullmatch(self.selector):
            raise complaint(f"selector “{self.selector[:40]}” is not a name in the DNS", "use letters, digits, hyphens")
        if (self.private_key is None) == (self.private_key_file is None):
            given = "both private_key and private_key_file are" if self.private_key else "no private key is"
            raise complaint(f"{given} given", "name its file as private_key_file")
        return self


class DkimSettings(Section):
    """Signing mails (DKIM). Leave it out when the relay signs them, as most do."""

    domain: Annotated[str, LowerCase, AfterValidator(check_domain)] | None = Field(
        default=None, description="Who signs (`d=`). Default: the sender's domain."
    )
    keys: tuple[DkimKeySettings, ...] = Field(
        min_length=1, max_length=MOST_KEYS, description="The keys: one of RSA, and perhaps one of Ed25519 beside it."
    )

    @model_validator(mode="after")
    def check_selectors(self) -> Self:
        """Refuse two keys at one place."""
        selectors = [key.selector.lower() for key in self.keys]
        twice = next((each for each in selectors if selectors.count(each) > 1), None)
        if twice is not None:
            raise complaint(f"two keys have the selector “{twice}”", "give each its own")
        return self
