"""A certificate for servers on this machine that nobody else knows."""

import ssl
from pathlib import Path

import pytest

from tests.integration.certificates import server_side, write_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate, with its key beside it as `key.pem`."""
    return write_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")[0]


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server with that certificate needs."""
    return server_side((certificate, certificate.parent / "key.pem"))
