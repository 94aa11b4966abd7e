"""What the judges are told of us: our keys, and what the DNS says."""

from __future__ import annotations

from newsletter.core.signing import strings_of
from tests.support.rspamd import CLIENT
from tests.support.signing import DOMAIN, both_keys

MESSAGE_ID = "<20261124.1.abcdef@example.org>"
KEYS = both_keys()
ZONE = {
    (DOMAIN, "TXT"): [f'"v=spf1 ip4:{CLIENT["ip"]} -all"'],
    (f"_dmarc.{DOMAIN}", "TXT"): [f'"v=DMARC1; p=reject; rua=mailto:postmaster@{DOMAIN}"'],
    (DOMAIN, "MX"): [f"10 mail.{DOMAIN}."],
    (DOMAIN, "A"): [CLIENT["ip"]],
    (f"mail.{DOMAIN}", "A"): [CLIENT["ip"]],
    ("5.113.0.203.in-addr.arpa", "PTR"): [f"mail.{DOMAIN}."],
    **{(key.name(DOMAIN), "TXT"): [" ".join(f'"{each}"' for each in strings_of(key.record()))] for key in KEYS},
}
