"""A cluster to discover targets in, for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from tests.support.kubernetes_api import KubernetesAPI


@pytest.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    async with KubernetesAPI() as api:
        yield api
