"""Real places for payloads, each test's own: a prefix in Redis, a bucket on a server that speaks S3."""

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from moto.server import ThreadedMotoServer
from redis.exceptions import ConnectionError as NoRedisError

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
REGION = "eu-west-1"
RedisPlace = tuple[str, Any, str]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret-of-the-test"}


def redis_place() -> Iterator[RedisPlace]:
    """A storage URL, a client to look with, and the prefix; emptied afterwards."""
    prefix = f"ark-test-{secrets.token_hex(6)}:"
    client: Any = redis.Redis.from_url(REDIS_URL)  # pyright: ignore[reportUnknownMemberType]
    try:
        client.ping()
    except NoRedisError:
        client.close()
        pytest.skip(f"no Redis at {REDIS_URL.rpartition('@')[2]}; REDIS_URL names another")
    try:
        yield f"{REDIS_URL}?prefix={prefix}", client, prefix
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)
    finally:
        client.close()


def s3_server() -> Iterator[str]:
    """The URL of a server that speaks S3, on a socket of its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
