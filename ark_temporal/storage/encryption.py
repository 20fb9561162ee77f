"""Encryption of all that a history and its storage hold: AES-256-GCM, with keys that can be changed.

Temporal then sees ciphertext, and beside it only ids, types, search attributes and times. The first key
encrypts, every key decrypts: a new key goes to the front, and an old one away when no run needs it any more.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from ark_temporal.storage.content import aside

KEYS_VARIABLE = "ARK_ENCRYPTION_KEYS"
KEYS_FILE_VARIABLE = "ARK_ENCRYPTION_KEYS_FILE"

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
"""Metadata of an encrypted payload, as Temporal's own samples call it."""

_KEY_BYTES, _NONCE_BYTES = 32, 12
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM = f'"id:key", where the key is {_KEY_BYTES} bytes in base64'


class EncryptionKeysError(ValueError):
    """The encryption keys that were given are none. Its message has no part of a key."""


class EncryptionError(RuntimeError):
    """Something encrypted cannot be read here."""


class Keyring:
    """The keys, the first of which encrypts.

    Args:
        keys: 32 bytes each, by id.

    Raises:
        EncryptionKeysError: There is none, or one has another length.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        for id, key in keys.items():
            if len(key) != _KEY_BYTES:
                raise EncryptionKeysError(
                    f'Encryption key "{id}" has {len(key)} bytes, not {_KEY_BYTES}. '
                    "`ark-temporal storage keygen` makes one."
                )
        if not keys:
            raise EncryptionKeysError("There is no encryption key. `ark-temporal storage keygen` makes one.")
        self._ciphers = {id: AESGCM(key) for id, key in keys.items()}
        self._current = next(iter(keys))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys' ids, that of the encrypting one first."""
        return tuple(self._ciphers)

    def encrypt(self, plain: bytes, purpose: bytes) -> tuple[str, bytes]:
        """Encrypt with the first key.

        Args:
            plain: What to hide.
            purpose: What it is for; decrypting asks for the same.

        Returns:
            The key's id, and nonce with ciphertext.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, plain, _bound(self._current, purpose))
        return self._current, nonce + sealed

    def decrypt(self, id: str, sealed: bytes, purpose: bytes) -> bytes:
        """Undo `encrypt`.

        Raises:
            EncryptionError: The key is not here, or this was not encrypted with it for that purpose.
        """
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(id)
        if cipher is None:
            known = ", ".join(f'"{each}"' for each in self._ciphers)
            raise EncryptionError(
                f'This is encrypted with the key "{id}", and here are only: {known}. Add that key behind the '
                f"first one in {KEYS_VARIABLE} or its file."
            )
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(id, purpose))
        except (InvalidTag, ValueError):
            raise EncryptionError(
                f'This cannot be decrypted with the key "{id}": it was damaged, or the key of that id was '
                "another one when it was encrypted."
            ) from None


class EncryptionCodec(PayloadCodec):
    """Encrypts each payload whole, its metadata included. What is not encrypted is read as it is."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads."""
        return [await aside(each.ByteSize(), lambda each=each: self._encode(each)) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads.

        Raises:
            EncryptionError: A key is not here, or a payload was damaged.
        """
        return [await aside(len(each.data), lambda each=each: self._decode(each)) for each in payloads]

    def _encode(self, payload: Payload) -> Payload:
        id, sealed = self._keyring.encrypt(payload.SerializeToString(), _PAYLOAD)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: id.encode()}, data=sealed)

    def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(self._keyring.decrypt(_key_id(payload), payload.data, _PAYLOAD))


def refuse_encrypted(payloads: Sequence[Payload]) -> None:
    """Say what is missing where encrypted payloads arrive without a codec.

    Raises:
        EncryptionError: One is encrypted.
    """
    for payload in payloads:
        if payload.metadata.get("encoding") == ENCODING:
            raise EncryptionError(
                f'This is encrypted with the key "{_key_id(payload)}", and no encryption key is set here. '
                f"Set {KEYS_VARIABLE} or {KEYS_FILE_VARIABLE} as for the workers of that run."
            )


def keyring_from(environ: Mapping[str, str]) -> Keyring | None:
    """The keys that the environment gives; None where it gives none.

    Raises:
        EncryptionKeysError: They cannot be read, or are none.
    """
    told, file = environ.get(KEYS_VARIABLE), environ.get(KEYS_FILE_VARIABLE)
    if told and file:
        raise EncryptionKeysError(f"{KEYS_VARIABLE} and {KEYS_FILE_VARIABLE} are both set: keep one of them.")
    if told:
        return parse_keys(told, KEYS_VARIABLE)
    if not file:
        return None
    try:
        return parse_keys(Path(file).expanduser().read_text(encoding="ascii"), f"The file {file}")
    except OSError as error:
        raise EncryptionKeysError(f"{KEYS_FILE_VARIABLE}: {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise EncryptionKeysError(f"The file {file} has no encryption keys in it: write {_FORM}.") from None


def parse_keys(text: str, origin: str) -> Keyring:
    """Read keys: `id:base64`, by commas or one on each line; `#` begins a comment.

    Args:
        text: The keys.
        origin: Where they come from, for errors.

    Raises:
        EncryptionKeysError: It is something else.
    """
    lines = [line.partition("#")[0] for line in text.splitlines()]
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(entries, 1):
        id, colon, encoded = entry.partition(":")
        if not colon or not _ID.fullmatch(id):
            raise EncryptionKeysError(f"{origin}: key {number} is not {_FORM}.")
        if id in keys:
            raise EncryptionKeysError(f'{origin} has two keys of the id "{id}": give each its own.')
        try:
            keys[id] = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            raise EncryptionKeysError(f'{origin}: the key "{id}" is not in base64.') from None
    return Keyring(keys)


def new_key(id: str | None = None) -> str:
    """A new key, as the environment and a file of keys have it.

    Raises:
        EncryptionKeysError: The id has characters that none may have.
    """
    id = id or f"k{secrets.token_hex(4)}"
    if not _ID.fullmatch(id):
        raise EncryptionKeysError(
            "The id of a key has up to 64 letters, digits, dots, dashes and underscores."
        )
    return f"{id}:{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}"


_PAYLOAD = b"payload"


def _bound(id: str, purpose: bytes) -> bytes:
    """What a ciphertext is bound to."""
    return b"ark-temporal 1\0" + id.encode() + b"\0" + purpose


def _key_id(payload: Payload) -> str:
    return payload.metadata.get(KEY_ID, b"").decode(errors="replace")
