"""How a gateway starts: with TLS, with files that are no good, and what it keeps."""

import ssl
import stat
from pathlib import Path

import httpx2
import pytest

from ark_temporal.secrets import Secrets
from tests.integration.certificates import write_certificate
from tests.integration.lab import Lab
from worker.gateway.access.config import (
    AccessConfig,
    AccessFile,
    AccessFileError,
    hash_token,
    load_access,
    new_token,
    read_grants,
    token_entry,
)
from worker.gateway.app import GatewayError, admin_token_file, gateway, kept_secret, refuse_openness
from worker.gateway.services import GatewayOptions
from worker.serving import CannotListenError


async def test_https_is_served_and_one_token_is_kept(lab: Lab, tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "127.0.0.1")
    options = GatewayOptions(port=0, tls=files, state_directory=tmp_path / "state")
    trusted = ssl.create_default_context(cafile=str(files[0]))
    tokens: set[str] = set()
    for _ in range(2):
        async with (
            gateway(lab.connection, Secrets([], {}), options) as url,
            httpx2.AsyncClient(verify=trusted) as client,
        ):
            assert url.startswith("https://127.0.0.1:")
            token = admin_token_file(options).read_text().strip()
            tokens.add(token)
            bearer = {"authorization": f"Bearer {token}"}
            assert (await client.get(f"{url}/api/v1/runs", headers=bearer)).status_code == 200
            assert (await client.get(f"{url}/api/v1/runs")).status_code == 401
    assert len(tokens) == 1
    assert stat.S_IMODE(admin_token_file(options).stat().st_mode) == 0o600


async def test_what_cannot_be_served_is_said(lab: Lab, tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path, "127.0.0.1")
    for tls in ((key, cert), (cert, tmp_path / "nowhere"), (tmp_path / "nowhere", key)):
        with pytest.raises(CannotListenError, match="TLS files cannot be used"):
            async with gateway(lab.connection, Secrets([], {}), GatewayOptions(port=0, tls=tls)):
                pass
    with pytest.raises(GatewayError, match=r"On 0\.0\.0\.0 others reach the gateway"):
        refuse_openness(GatewayOptions(host="0.0.0.0"))
    refuse_openness(GatewayOptions(host="0.0.0.0", access=tmp_path))


async def test_pages_that_are_named_may_call_and_hosts_that_are_named_may_be_addressed(
    lab: Lab, tmp_path: Path
) -> None:
    options = GatewayOptions(
        port=0,
        state_directory=tmp_path,
        cors_origins=("https://ui.example",),
        hosts=("ark.internal",),
        public_url="https://ark.example/",
    )
    async with gateway(lab.connection, Secrets([], {}), options) as url, httpx2.AsyncClient() as client:
        assert url == "https://ark.example"
        listens = admin_token_file(options)
        assert listens.exists()
    async with (
        gateway(
            lab.connection,
            Secrets([], {}),
            GatewayOptions(
                port=0,
                state_directory=tmp_path,
                cors_origins=("https://ui.example",),
                hosts=("ark.internal",),
            ),
        ) as url,
        httpx2.AsyncClient() as client,
    ):
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        good = await client.options(f"{url}/api/v1/runs", headers={"origin": "https://ui.example", **asks})
        assert good.headers["access-control-allow-origin"] == "https://ui.example"
        assert "access-control-allow-credentials" not in good.headers
        bad = await client.options(f"{url}/api/v1/runs", headers={"origin": "https://evil.example", **asks})
        assert "access-control-allow-origin" not in bad.headers
        for host, status in (("ark.internal", 200), ("ARK.internal:80", 200), ("ark.example", 421)):
            assert (await client.get(f"{url}/healthz", headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tokens: [{name: a, roles: {}}]", r"tokens\[0\]: Give `sha256` or `secretRef`"),
        ("tokens: [{name: a, sha256: abc, roles: {}}]", r"tokens\[0\]\.sha256"),
        (f"tokens: [{{name: a, sha256: {'0' * 64}, roles: {{x: [king]}}}}]", r"tokens\[0\]\.roles\.x"),
        (f"tokens: [{{name: a, sha256: {'0' * 64}, roles: {{'A b': [viewer]}}}}]", r"tokens\[0\]\.roles"),
        ("issuers: [{issuer: http://x.example, audience: a}]", "must begin with https://"),
        ("tokens: {}", "tokens"),
        ("more: 1", "more"),
        ("a: [", "is no YAML"),
        ("\x00", "is no YAML"),
    ],
)
def test_access_files_that_are_no_good_are_refused_with_the_place(
    tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "access.yaml"
    file.write_text(text)
    with pytest.raises(AccessFileError, match=why):
        load_access(file)


def test_nobody_is_in_an_access_file_twice(tmp_path: Path) -> None:
    entry = token_entry("ann", new_token(), {"*": ["viewer"]}).partition("\n")[2]
    file = tmp_path / "access.yaml"
    file.write_text(f"tokens:\n{entry}{entry}")
    with pytest.raises(AccessFileError, match='several entries for the token "ann"'):
        load_access(file)
    with pytest.raises(AccessFileError, match="cannot be read"):
        AccessFile(tmp_path / "nowhere")


def test_an_entry_has_the_hash_and_not_the_token(tmp_path: Path) -> None:
    token = new_token()
    entry = token_entry("ann", token, read_grants(["viewer", "shop=approver", "shop=submitter"]))
    assert token not in entry
    file = tmp_path / "access.yaml"
    file.write_text(entry)
    [known] = load_access(file).tokens
    assert known.sha256 == hash_token(token)
    assert known.roles == {"*": {"viewer"}, "shop": {"approver", "submitter"}}
    for bad in ("king", "=viewer", "shop=", ""):
        with pytest.raises(ValueError, match="is no role"):
            read_grants([bad])
    assert token not in repr(AccessConfig())


def test_secrets_that_are_kept_are_made_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    made = kept_secret(file)
    assert kept_secret(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("short")
    with pytest.raises(GatewayError, match="is no secret of ours"):
        kept_secret(file)
    with pytest.raises(GatewayError, match="cannot be kept"):
        kept_secret(file / "below")
