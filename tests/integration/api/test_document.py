"""What is written about the API is what it is."""

import re
from pathlib import Path
from typing import Any

import pytest

from ark_temporal.manifests.base import NAME_PATTERN
from ark_temporal.resources.applying import KEPT_KINDS
from tests.integration.api.place import Api

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


async def document(api: Api) -> dict[str, Any]:
    return (await api.client.get(f"{api.url}/api/v1/openapi.json")).json()


async def test_the_page_names_each_route_with_its_role(api: Api) -> None:
    told: dict[str, str] = {}
    for routes, role in re.findall(
        r"^\| (`(?:GET|POST|PUT|DELETE) .*?`) \| (\w+) \|", PAGE.read_text(), re.MULTILINE
    ):
        told |= dict.fromkeys(re.findall(r"`(.*?)`", routes), role)
    paths = (await document(api))["paths"]
    assert told == {
        f"{method.upper()} {path.removeprefix('/api/v1')}": each["x-ark-role"]
        for path, methods in paths.items()
        for method, each in methods.items()
    }


async def test_the_document_is_whole(api: Api) -> None:
    told = await document(api)
    assert told["openapi"].startswith("3.1")
    assert told["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    ids: list[str] = []
    for path, methods in told["paths"].items():
        for method, each in methods.items():
            about = (method, path)
            ids.append(each["operationId"])
            assert each["summary"], about
            assert each["description"], about
            assert each["security"] == [{"bearer": []}], about
            assert {"401", "503"} <= each["responses"].keys(), about
            for status, answer in each["responses"].items():
                kinds = answer.get("content", {})
                assert kinds or status == "204", (about, status)
                if int(status) >= 400:
                    assert list(kinds) == ["application/problem+json"], (about, status)
            for parameter in each.get("parameters", []):
                assert parameter["description"], (about, parameter["name"])
                if parameter["name"] in ("namespace", "name", "team", "trigger"):
                    assert parameter["schema"]["pattern"] == NAME_PATTERN, (about, parameter["name"])
            for body in each.get("requestBody", {}).get("content", {}).values():
                name = body["schema"].get("$ref", "").rpartition("/")[2]
                schema = told["components"]["schemas"].get(name, body["schema"])
                assert schema.get("examples"), about
    assert len(ids) == len(set(ids))


async def test_what_can_be_applied_over_the_api_is_what_can_be_applied(api: Api) -> None:
    told = (await document(api))["paths"]["/api/v1/resources"]["get"]["parameters"]
    [kind] = [each["schema"] for each in told if each["name"] == "kind"]
    assert set(kind["enum"]) == KEPT_KINDS
