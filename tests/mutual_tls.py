"""A slapd that asks its clients for certificates, and knows its reader by one (SASL EXTERNAL)."""

from __future__ import annotations

from tests.directories import Authority, Directory

READER = "CN=rollcall,O=Example"


class MutualDirectory(Directory):
    """``certificate`` and ``key`` are the reader's; ``versions`` are the TLS versions, in GnuTLS's words.

    ``verify`` is slapd's word: ``demand`` lets nobody in without a certificate, ``allow`` takes any or none.
    """

    def __init__(self, *, ldif: str = "", verify: str = "demand", versions: str = "") -> None:
        super().__init__(ldif=ldif, certificate="good")
        self._verify = verify
        self._versions = versions
        self.authority = Authority()
        self.certificate, self.key = self.authority.issue_to(READER)

    def _tls_lines(self) -> str:
        assert self._folder
        self.ca_certificate = self.authority.pem
        certificate, key = self.authority.issue("good")
        for name, text in (("server.pem", certificate), ("server.key", key), ("ca.pem", self.ca_certificate)):
            (self._folder / name).write_text(text)
        lines = [
            f"TLSCertificateFile {self._folder}/server.pem",
            f"TLSCertificateKeyFile {self._folder}/server.key",
            f"TLSCACertificateFile {self._folder}/ca.pem",
            f"TLSVerifyClient {self._verify}",
            f"TLSCipherSuite {self._versions}" if self._versions else "",
            f'authz-regexp "^cn=rollcall,o=example$" "{self.reader_dn}"',
        ]
        return "\n".join(lines)
