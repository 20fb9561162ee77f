from collections.abc import AsyncGenerator

import pytest

from ark_temporal.llm import ModelPool
from tests.integration.llm.providers import CASES, Asker, Case


@pytest.fixture
async def pool() -> AsyncGenerator[ModelPool]:
    pool = ModelPool()
    yield pool
    await pool.aclose()


@pytest.fixture(params=CASES, ids=[case.provider for case in CASES])
def asker(request: pytest.FixtureRequest, pool: ModelPool) -> Asker:
    case = request.param
    assert isinstance(case, Case)
    return Asker(pool, case)
