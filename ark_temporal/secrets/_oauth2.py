"""Access tokens by OAuth2 client credentials (RFC 6749, section 4.4)."""

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote_plus

from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.secrets._credentials import Surroundings, credential, named
from ark_temporal.secrets._http import Answer, Server
from ark_temporal.secrets.cached import Fetched
from ark_temporal.secrets.errors import SecretError

_USUAL_SECONDS = 300.0
"""How long a token is used whose server does not say how long it lives."""

_LONGEST_SECONDS = 86_400.0
_REASON = re.compile(r"[a-z_]{1,60}")


async def from_oauth2(secret: ArkSecret, around: Surroundings) -> Fetched:
    """A new token.

    Raises:
        SecretError: There is none to be had.
    """
    settings, label = secret.spec.oauth2, named(secret)
    assert settings is not None, "manifests were checked"
    client_id = settings.client_id
    if client_id is None:
        assert settings.client_id_from is not None, "manifests were checked"
        client_id = await credential(secret, settings.client_id_from, around)
    client_secret = await credential(secret, settings.client_secret_from, around)
    form: dict[str, str] = {**settings.params, "grant_type": "client_credentials"}
    if settings.scopes:
        form["scope"] = " ".join(settings.scopes)
    if settings.audience is not None:
        form["audience"] = settings.audience
    headers = {"Accept": "application/json"}
    if settings.style == "basic":
        headers["Authorization"] = _basic(client_id, client_secret)
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    server = Server(label, settings.timeout_seconds)
    answer = await server.ask("POST", settings.token_url, headers=headers, form=form)
    if 400 <= answer.status < 500:
        around.refused(secret)
    return _fetched(answer, label, settings.skew_seconds)


def _basic(client_id: str, client_secret: str) -> str:
    """Both are encoded as in forms first (RFC 6749, section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _fetched(answer: Answer, label: str, skew: float) -> Fetched:
    if answer.status != 200:
        raise _refused(answer, label)
    token, kind = answer.body.get("access_token"), answer.body.get("token_type", "Bearer")
    if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token.strip() == token):
        raise SecretError(f"{label}: the token server's answer holds no token.")
    if not token or not isinstance(kind, str) or kind.lower() != "bearer":
        raise SecretError(f"{label}: the token server's answer holds no bearer token.")
    lives = _seconds(answer.body)
    values: Mapping[str, str] = {"token": token, "authorization": f"Bearer {token}"}
    return Fetched(values, fresh_seconds=max(lives - skew, lives / 2), usable_seconds=lives)


def _seconds(body: Mapping[str, object]) -> float:
    """How long a token lives; some servers write the number as text."""
    told = body.get("expires_in")
    try:
        seconds = float(told) if isinstance(told, int | float | str) else _USUAL_SECONDS
    except ValueError:
        return _USUAL_SECONDS
    return min(max(seconds, 0.0), _LONGEST_SECONDS) if seconds == seconds else _USUAL_SECONDS


def _refused(answer: Answer, label: str) -> SecretError:
    """The standard's own word for what is wrong is repeated, and nothing else."""
    word = answer.body.get("error")
    reason = f" ({word})" if isinstance(word, str) and _REASON.fullmatch(word) else ""
    mend = (
        "Check the client's id, secret and scopes." if 400 <= answer.status < 500 else "Look at the server."
    )
    return SecretError(f"{label}: the token server answers HTTP {answer.status}{reason}. {mend}")
