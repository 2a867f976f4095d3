"""Checks client certificates and their keys (PEM): whether they fit each other, their holder and validity. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

NO_CERTIFICATE = "no certificate in PEM form (-----BEGIN CERTIFICATE----- ...)"


def check_client_certificate(certificate: str, key: str) -> dict[str, str]:
    """Return the errors of a certificate (PEM, with intermediate ones below it) and its key, by setting."""
    if "PRIVATE KEY" in certificate:
        return {
            "client_certificate": "that holds a private key: it belongs into the field of the key, which is encrypted"
        }
    try:
        first = _first(certificate)
    except ValueError:
        return {"client_certificate": NO_CERTIFICATE}
    if problem := _wrong_key(first, key):
        return {"client_key": problem}
    return {}


def _first(certificate: str) -> Certificate:
    """Return the first certificate of a text; raise ValueError if there is none."""
    # Import here: it takes a fifth of the start of each reading process, and few servers have a client certificate.
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    return load_pem_x509_certificates(certificate.encode())[0]


def _wrong_key(certificate: Certificate, key: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # as above
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  # as above
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    if not key.strip():
        return "a client certificate needs its private key"
    if "PRIVATE KEY" not in key:
        return "no private key in PEM form (-----BEGIN PRIVATE KEY----- ...)"
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except TypeError:
        return "the key is encrypted: take its passphrase off first (openssl pkey -in key.pem -out plain.pem); it is encrypted here"
    except (ValueError, UnsupportedAlgorithm):
        return "the private key can't be read"
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return "the private key is not the one of the first client certificate"
    return ""


def validity(certificate: str, at: datetime) -> str:
    """Return why a certificate is not valid at a time; empty if it is valid, or can't be read as a certificate."""
    if not certificate:
        return ""
    try:
        first = _first(certificate)
    except ValueError:
        return ""
    if at > first.not_valid_after_utc:
        return f"the client certificate has expired on {first.not_valid_after_utc:%Y-%m-%d}"
    if at < first.not_valid_before_utc:
        return f"the client certificate is not valid before {first.not_valid_before_utc:%Y-%m-%d}"
    return ""


def ends(certificate: str) -> datetime:
    """Return the end of a certificate's validity."""
    return _first(certificate).not_valid_after_utc


def holder(certificate: str) -> str:
    """Return subject and issuer, which stay the same when the certificate is renewed; an unreadable text unchanged."""
    try:
        first = _first(certificate)
    except ValueError:
        return certificate
    return f"{first.subject.rfc4514_string()} by {first.issuer.rfc4514_string()}"


def subject(certificate: str) -> str:
    """Return the certificate's subject as a DN."""
    return _first(certificate).subject.rfc4514_string()
