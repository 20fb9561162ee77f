"""Keys, and payloads under them."""

import base64
import os
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from ark_temporal.storage import DirectoryDriver, Keyring, data_converter, keyring_from
from ark_temporal.storage.converter import STORED_FROM_BYTES
from ark_temporal.storage.encryption import (
    EncryptionCodec,
    EncryptionError,
    EncryptionKeysError,
    parse_keys,
)

OLD, NEW = f"old:{'b2xk' * 10}b2w=", f"new:{'bmV3' * 10}bmU="
"""The same in every process: they are in the names of tests."""
PROMPT = "the codename is ZEBRAFISH"


def keyring(*keys: str) -> Keyring:
    return parse_keys(",".join(keys), "the test")


async def test_a_payload_is_encrypted_whole_and_comes_back() -> None:
    codec = EncryptionCodec(keyring(NEW))
    given = [
        Payload(metadata={"encoding": b"json/plain", "kind": b"prompt"}, data=PROMPT.encode()),
        Payload(),
    ]
    encoded = await codec.encode(given)
    assert all(PROMPT.encode() not in each.SerializeToString() for each in encoded)
    assert set(encoded[0].metadata) == {"encoding", "encryption-key-id"}
    assert encoded[0].metadata["encryption-key-id"] == b"new"
    assert await codec.decode(encoded) == given
    again = await codec.encode(given)
    assert again[0].data != encoded[0].data, "no two ciphertexts are alike"


async def test_an_old_key_still_reads_and_the_first_one_writes() -> None:
    payload = Payload(data=PROMPT.encode())
    [before] = await EncryptionCodec(keyring(OLD)).encode([payload])
    rotated = EncryptionCodec(keyring(NEW, OLD))
    [after] = await rotated.encode([payload])
    assert after.metadata["encryption-key-id"] == b"new"
    assert await rotated.decode([before, after]) == [payload, payload]


async def test_what_was_never_encrypted_is_read_as_it_is() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    assert await EncryptionCodec(keyring(NEW)).decode([payload]) == [payload]


async def test_an_unknown_key_is_named_and_those_that_are_here_too() -> None:
    [encoded] = await EncryptionCodec(keyring(OLD)).encode([Payload(data=b"x")])
    with pytest.raises(EncryptionError, match=r'the key "old", and here are only: "new"') as caught:
        await EncryptionCodec(keyring(NEW)).decode([encoded])
    assert "ARK_ENCRYPTION_KEYS" in str(caught.value)


@pytest.mark.parametrize("damage", ["data", "cut", "empty", "key id"])
async def test_what_was_tampered_with_is_not_decrypted(damage: str) -> None:
    codec = EncryptionCodec(keyring(NEW, OLD.replace(OLD.partition(":")[2], NEW.partition(":")[2])))
    [encoded] = await codec.encode([Payload(data=PROMPT.encode())])
    match damage:
        case "data":
            encoded.data = encoded.data[:-1] + bytes([encoded.data[-1] ^ 1])
        case "cut":
            encoded.data = encoded.data[:-1]
        case "empty":
            encoded.data = b""
        case _:  # the same key under another id: the id is part of what is authenticated
            encoded.metadata["encryption-key-id"] = b"old"
    with pytest.raises(EncryptionError, match="cannot be decrypted"):
        await codec.decode([encoded])


async def test_without_keys_the_error_names_the_key_and_the_variable(tmp_path: Path) -> None:
    driver = DirectoryDriver(tmp_path)
    for value in (PROMPT, PROMPT + "x" * STORED_FROM_BYTES):
        encoded = await data_converter(driver, keyring(NEW)).encode([value])
        with pytest.raises(
            EncryptionError, match=r'the key "new", and no encryption key .*ARK_ENCRYPTION_KEYS'
        ):
            await data_converter(driver).decode(encoded, [str])
        assert await data_converter(driver, keyring(NEW)).decode(encoded, [str]) == [value]


async def test_stored_payloads_and_failures_are_ciphertext(tmp_path: Path) -> None:
    converter = data_converter(DirectoryDriver(tmp_path), keyring(NEW))
    await converter.encode([PROMPT * 10_000])
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert PROMPT.encode() not in file.read_bytes()
    failure = Failure()
    await converter.encode_failure(ApplicationError(PROMPT, PROMPT, type="Odd"), failure)
    assert PROMPT.encode() not in failure.SerializeToString()
    told = await converter.decode_failure(failure)
    assert isinstance(told, ApplicationError)
    assert (told.message, list(told.details), told.type) == (PROMPT, [PROMPT], "Odd")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no encryption key"),
        ("secretsecret", 'key 1 is not "id:key"'),
        (f"{NEW},secretsecret", 'key 2 is not "id:key"'),
        ("a b:xxxx", "key 1 is not"),
        ("k:s3cr&t", '"k" is not in base64'),
        ("k:" + base64.b64encode(b"s3cret").decode(), '"k" has 6 bytes, not 32'),
        (f"{NEW},{NEW}", 'two keys of the id "new"'),
    ],
)
def test_what_is_no_key_is_said_without_a_part_of_it(text: str, told: str) -> None:
    with pytest.raises(EncryptionKeysError) as caught:
        parse_keys(text, "The test")
    assert told in str(caught.value)
    parts = [part for entry in text.split(",") for part in entry.split(":")[-1:] if part]
    assert not any(part in str(caught.value) for part in parts)


def test_keys_come_from_a_variable_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# made in May\n{NEW}\n\n{OLD}  # until August\n")
    assert keyring_from({}) is None
    for environ in ({"ARK_ENCRYPTION_KEYS": f"{NEW}, {OLD}"}, {"ARK_ENCRYPTION_KEYS_FILE": str(file)}):
        found = keyring_from(environ)
        assert found is not None
        assert found.ids == ("new", "old")
        assert repr(found) == "Keyring(new, old)"
    for environ, told in (
        ({"ARK_ENCRYPTION_KEYS": NEW, "ARK_ENCRYPTION_KEYS_FILE": str(file)}, "keep one"),
        ({"ARK_ENCRYPTION_KEYS_FILE": str(tmp_path / "nowhere")}, "cannot be read"),
        ({"ARK_ENCRYPTION_KEYS_FILE": str(tmp_path)}, "cannot be read"),
    ):
        with pytest.raises(EncryptionKeysError, match=told):
            keyring_from(environ)
    file.write_bytes(os.urandom(64) + b"\xff")
    with pytest.raises(EncryptionKeysError, match="no encryption keys"):
        keyring_from({"ARK_ENCRYPTION_KEYS_FILE": str(file)})
