"""Preparing a full Elasticsearch: lifecycle, snapshots, analyzers, rights, versions."""

import pytest

from streams.errors import StoreError
from streams.settings import Store as StoreSettings
from tests.support.elastic_apis import elastic_apis
from tests.support.initialising import planned


async def test_policies_are_put_where_the_server_has_them() -> None:
    async with elastic_apis() as server:
        server.repositories.add("backup")
        settings = StoreSettings(url=server.url, prefix="v", snapshot_repository="backup")
        plan = await planned(settings)
        assert [change.what for change in plan.changes][:2] == ["policy", "template"]
        assert (plan.words, server.put) == ([], {})
        await planned(settings, apply=True)
        assert set(server.put["/_ilm/policy/v-months"]["policy"]["phases"]) == {"hot", "warm"}
        assert server.put["/_slm/policy/v-nightly"]["config"]["indices"] == ["v-*"]
        template = server.put["/_index_template/v-mentions"]["template"]
        assert template["settings"]["index"]["lifecycle"] == {"name": "v-months"}
        words = template["mappings"]["properties"]["words"]["properties"]
        assert (words["fr"]["analyzer"], words["ru"]["analyzer"]) == ("french", "russian")
        again = await planned(settings)
        assert [change for change in again.changes if change.what != "alias"] == []


async def test_missing_rights_are_named_each() -> None:
    async with elastic_apis() as server:
        server.lacking = {"manage_ilm", "all"}
        with pytest.raises(StoreError, match=r"manage_ilm on the cluster, all on v-\*"):
            await planned(StoreSettings(url=server.url, prefix="v"))


async def test_a_repository_that_is_not_there_is_named() -> None:
    async with elastic_apis() as server:
        settings = StoreSettings(url=server.url, prefix="v", snapshot_repository="nowhere")
        with pytest.raises(StoreError, match="no snapshot repository 'nowhere'"):
            await planned(settings)


@pytest.mark.parametrize("version", ["7.17.1", "8.18.9", "10.0.0"])
async def test_other_versions_are_refused(version: str) -> None:
    async with elastic_apis() as server:
        server.version = version
        with pytest.raises(StoreError, match=f"Elasticsearch {version}; Veille needs 8.19 or 9"):
            await planned(StoreSettings(url=server.url, prefix="v"))
