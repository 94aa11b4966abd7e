"""Keys that mails are signed with (DKIM, RFC 6376 and 8463), and the DNS records that prove them. No I/O."""

from __future__ import annotations

import base64
import enum
import hashlib
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from newsletter.core.deliverability import tags_of
from newsletter.core.findings import Finding, ok, problem, unchecked, warning

if TYPE_CHECKING:
    from newsletter.core.findings import DnsAnswer

SHORTEST_RSA: Final = 1024  # bits; receivers do not verify with less (RFC 8301, 3.2)
ADVISED_RSA: Final = 2048
LONGEST_RSA: Final = 4096  # verifiers need not take more
LONGEST_STRING: Final = 255  # octets of one string in a TXT record (RFC 1035, 3.3)

_PADDING: Final = padding.PKCS1v15()
_DIGEST: Final = utils.Prehashed(hashes.SHA256())


class Algorithm(enum.StrEnum):
    """How a signature is made: the names of the tag ``a=``."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class UnusableKeyError(ValueError):
    """A private key with which no mail can be signed; ``advice`` says what to do."""

    def __init__(self, message: str, advice: str) -> None:
        self.message, self.advice = message, advice
        super().__init__(f"{message} ({advice})")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the selector under which the DNS holds its public half."""

    selector: str
    algorithm: Algorithm
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def bits(self) -> int:
        """The length of an RSA key; 256 for Ed25519."""
        return self.private.key_size if isinstance(self.private, RSAPrivateKey) else 256

    def sign(self, digest: bytes) -> bytes:
        """Return the signature of a SHA-256 digest: PKCS #1 1.5 (RFC 8301), or Ed25519 of the digest (RFC 8463, 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _DIGEST)
        return self.private.sign(digest)

    def public(self) -> str:
        """Return the public key as records hold it in ``p=``: base64 of DER for RSA, of the 32 octets for Ed25519."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        else:
            encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return base64.b64encode(public.public_bytes(encoding, form)).decode("ascii")

    def record(self) -> str:
        """Return the TXT record that stands at ``<selector>._domainkey.<domain>``."""
        kind = "rsa" if self.algorithm is Algorithm.RSA else "ed25519"
        return f"v=DKIM1; k={kind}; p={self.public()}"

    def name(self, domain: str) -> str:
        """Return where its record stands."""
        return f"{self.selector}._domainkey.{domain}"


def read_key(pem: str, selector: str, algorithm: Algorithm | None = None) -> SigningKey:
    """Return the key in a PEM text; UnusableKeyError where it is none to sign with, or not one for ``algorithm``."""
    anew = "make one with `newsletter dkim generate`"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of short keys; we say it with the file's name
            private = serialization.load_pem_private_key(pem.encode("ascii", "replace"), None)
    except TypeError:
        raise UnusableKeyError("the key is locked with a password", "unlock it: openssl pkey -in FILE") from None
    except (ValueError, UnsupportedAlgorithm):  # without what the library says, which may repeat the text
        raise UnusableKeyError("it holds no private key in PEM form", anew) from None
    if isinstance(private, RSAPrivateKey):
        return _checked(SigningKey(selector, Algorithm.RSA, private), algorithm)
    if isinstance(private, Ed25519PrivateKey):
        return _checked(SigningKey(selector, Algorithm.ED25519, private), algorithm)
    raise UnusableKeyError("the key is neither RSA nor Ed25519, and DKIM knows no others", anew)


def _checked(key: SigningKey, algorithm: Algorithm | None) -> SigningKey:
    if algorithm not in (None, key.algorithm):
        raise UnusableKeyError(f"the key is one for {key.algorithm}, not for {algorithm}", "set algorithm to auto")
    if key.algorithm is Algorithm.RSA and key.bits < SHORTEST_RSA:
        advice = "make one of 2048 bits with `newsletter dkim generate`"
        raise UnusableKeyError(
            f"the key has only {key.bits} bits, and receivers refuse signatures of such keys", advice
        )
    return key


def make_key(algorithm: Algorithm, bits: int = ADVISED_RSA) -> str:
    """Return a new private key as PEM (PKCS #8, not locked)."""
    is_rsa = algorithm is Algorithm.RSA
    private = rsa.generate_private_key(65537, bits) if is_rsa else Ed25519PrivateKey.generate()
    form, locking = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, form, locking).decode("ascii")


def strings_of(record: str) -> list[str]:
    """Return a record in the strings of at most 255 octets that a zone file holds it in."""
    return [record[start : start + LONGEST_STRING] for start in range(0, len(record), LONGEST_STRING)]


def zone_line(key: SigningKey, domain: str) -> str:
    """Return the line of a zone file that publishes a key."""
    return f"{key.name(domain)}. IN TXT ( " + " ".join(f'"{each}"' for each in strings_of(key.record())) + " )"


def judge_key(key: SigningKey, domain: str, answer: DnsAnswer) -> Finding:
    """Judge whether the TXT records at a key's name let receivers verify what is signed with it."""
    name = key.name(domain)
    if answer.fault:
        return unchecked("dkim", answer)
    publish = "publish what `newsletter dkim show` prints"
    records = [tags for record in answer.records if "p" in (tags := tags_of(record))]
    if not records:
        said = "another TXT record" if answer.records else "no record"
        return problem("dkim", f"there is {said} at {name}, so every signature of ours fails", publish)
    if len(records) > 1:
        return problem(
            "dkim", f"there are {len(records)} keys at {name}, and receivers may take any", "keep ours alone"
        )
    return _judge_tags(key, name, records[0], publish)


def _judge_tags(key: SigningKey, name: str, tags: dict[str, str], publish: str) -> Finding:
    kind = "rsa" if key.algorithm is Algorithm.RSA else "ed25519"
    if not tags["p"]:
        return problem("dkim", f"the key at {name} is withdrawn (p= is empty)", "publish it again, or make another key")
    if tags["p"] != key.public():
        advice = f"{publish}, or put the private key that belongs to it into its file"
        return problem(
            "dkim", f"the key at {name} is not ours (sha256 {_short(tags['p'])}, ours {_short(key.public())})", advice
        )
    if tags.get("v", "DKIM1") != "DKIM1":
        return problem("dkim", f"the record at {name} says v={tags['v']}, and receivers pass over it", publish)
    if tags.get("k", "rsa").lower() != kind:
        return problem("dkim", f"the record at {name} says k={tags.get('k', 'rsa')}, and our key is {kind}", publish)
    return _judge_limits(key, name, tags, publish)


def _judge_limits(key: SigningKey, name: str, tags: dict[str, str], publish: str) -> Finding:
    if "sha256" not in tags.get("h", "sha256").lower().split(":"):
        return problem("dkim", f"the record at {name} does not allow sha256 (h={tags['h']})", publish)
    if not {"*", "email"} & set(tags.get("s", "*").lower().split(":")):
        return problem("dkim", f"the record at {name} is not for mail (s={tags['s']})", publish)
    if "y" in tags.get("t", "").lower().split(":"):
        return warning("dkim", f"the key at {name} is marked as a test (t=y)", "remove that once it works")
    if key.algorithm is Algorithm.RSA and key.bits < ADVISED_RSA:
        return warning("dkim", f"the key at {name} has {key.bits} bits", "make one of 2048 bits")
    return ok("dkim", f"{name} holds our key ({key.algorithm}, {key.bits} bits)")


def _short(public: str) -> str:
    return hashlib.sha256(public.encode()).hexdigest()[:12]
