"""Qdrant's HTTP API on a real socket, as far as memories ask for it; Qdrant's local mode gives the answers.

It shows that our side of the wire works, not how a real server behaves under load, in strict mode or in a
cluster.
"""

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from qdrant_client import QdrantClient, models

from tests.integration.memory.http_stub import Answer, Asked, HttpStub, http_stub

_COLLECTION: Final = re.compile(r"/collections/([^/?]+)(/[^?]*)?(\?.*)?")


class _Qdrant:
    def __init__(self, api_key: str) -> None:
        self.client = QdrantClient(location=":memory:", force_disable_check_same_thread=True)
        self._api_key = api_key
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("api-key", "") != self._api_key:
            return Answer({"status": {"error": f"Invalid API key {asked.headers.get('api-key')}"}}, 401)
        found = _COLLECTION.fullmatch(asked.path)
        if not found:
            return Answer({"status": {"error": "no such path"}}, 404)
        with self._lock:
            try:
                result = self._result(asked, found[1], (asked.method, found[2] or ""))
            except ValueError as refused:
                status = 404 if "not found" in str(refused) else 409 if "exists" in str(refused) else 400
                return Answer({"status": {"error": str(refused)}, "time": 0.0}, status)
        return Answer({"result": result, "status": "ok", "time": 0.0})

    def _result(self, asked: Asked, name: str, what: tuple[str, str]) -> Any:
        client = self.client
        updated = {"operation_id": 0, "status": "completed"}
        match what:
            case ("GET", "/exists"):
                return {"exists": client.collection_exists(name)}
            case ("GET", ""):
                return client.get_collection(name).model_dump(mode="json")
            case ("PUT", ""):
                vectors = models.VectorParams.model_validate(asked.body["vectors"])
                return client.create_collection(name, vectors_config=vectors)
            case ("PUT", "/index"):
                return updated
            case ("PUT", "/points"):
                client.upsert(
                    name, [models.PointStruct.model_validate(each) for each in asked.body["points"]]
                )
                return updated
            case ("POST", "/points"):
                found = client.retrieve(name, asked.body["ids"], with_payload=asked.body["with_payload"])
                return [each.model_dump(mode="json") for each in found]
            case ("POST", "/points/query"):
                query = models.QueryRequest.model_validate(asked.body)
                answer = client.query_points(
                    name, query=query.query, query_filter=query.filter, limit=query.limit or 10
                )
                return answer.model_dump(mode="json")
            case ("POST", "/points/delete"):
                selector = models.FilterSelector(filter=models.Filter.model_validate(asked.body["filter"]))
                client.delete(name, selector)
                return updated
            case _:
                raise ValueError(f"{what} not found")


@contextmanager
def qdrant_stub(api_key: str = "", port: int = 0) -> Generator[HttpStub]:
    """A server that does not outlive the block."""
    qdrant = _Qdrant(api_key)
    with http_stub(qdrant.answer, port) as stub:
        yield stub
    qdrant.client.close()
