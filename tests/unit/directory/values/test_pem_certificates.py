"""Client certificates and keys as PEM text: what does not fit is named by its setting, with what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from directory.values.pem_certificates import check_client_certificate, ends, holder, subject, validity
from tests.directories import Authority

AUTHORITY = Authority()
CERTIFICATE, KEY = AUTHORITY.issue_to("CN=reader", days=30)
OTHER, OTHER_KEY = AUTHORITY.issue_to("CN=reader", days=90)
ENCRYPTED = (
    serialization.load_pem_private_key(KEY.encode(), password=None)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    .decode()
)


class TestACertificateWithItsKey:
    def test_is_fine(self) -> None:
        assert check_client_certificate(CERTIFICATE, KEY) == {}

    def test_may_have_intermediate_ones_below_it(self) -> None:
        assert check_client_certificate(CERTIFICATE + OTHER, KEY) == {}

    @pytest.mark.parametrize(
        ("certificate", "key", "setting", "expected"),
        [
            (CERTIFICATE + KEY, KEY, "client_certificate", "that holds a private key"),
            ("", KEY, "client_certificate", "no certificate in PEM form"),
            ("nonsense", KEY, "client_certificate", "no certificate in PEM form"),
            (CERTIFICATE, "", "client_key", "a client certificate needs its private key"),
            (CERTIFICATE, CERTIFICATE, "client_key", "no private key in PEM form"),
            (CERTIFICATE, ENCRYPTED, "client_key", "the key is encrypted: take its passphrase off first"),
            (CERTIFICATE, KEY.replace(KEY.splitlines()[1], "AAAA"), "client_key", "the private key can't be read"),
            (CERTIFICATE, OTHER_KEY, "client_key", "is not the one of the first client certificate"),
        ],
    )
    def test_that_does_not_fit_is_told(self, certificate: str, key: str, setting: str, expected: str) -> None:
        [(named, problem)] = check_client_certificate(certificate, key).items()

        assert named == setting
        assert expected in problem


class TestTheTimeOfACertificate:
    def test_is_told_before_and_after_it(self) -> None:
        last = ends(CERTIFICATE)

        assert validity(CERTIFICATE, last) == ""
        assert "has expired on" in validity(CERTIFICATE, last + timedelta(seconds=1))
        assert "is not valid before" in validity(CERTIFICATE, datetime(2000, 1, 1, tzinfo=UTC))

    @pytest.mark.parametrize("text", ["", "nonsense"])
    def test_says_nothing_of_what_is_no_certificate(self, text: str) -> None:
        assert validity(text, datetime(2000, 1, 1, tzinfo=UTC)) == ""


class TestTheHolder:
    def test_stays_when_the_certificate_is_renewed(self) -> None:
        assert CERTIFICATE != OTHER
        assert holder(CERTIFICATE) == holder(OTHER)
        assert subject(CERTIFICATE) in holder(CERTIFICATE)

    def test_of_what_can_not_be_read_is_the_text(self) -> None:
        assert holder("nonsense") == "nonsense"
