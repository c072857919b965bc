"""`veille import` into a cluster, killed on the way: what it left is brought in once."""

from pathlib import Path

import pytest

from tests.faults.arena import record, until
from tests.support.exports import brandwatch
from tests.support.replays import counted, installation_in, stored
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process, veille_json

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]

ROWS = 6_000


@pytest.mark.long
def test_an_import_that_is_killed_is_begun_again(
    kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path
) -> None:
    env = installation_in(tmp_path, kafka=kafka.address, elasticsearch=elasticsearch.url)
    (tmp_path / "topics.yaml").write_text("topics:\n  - {id: acme, query: acme}\n")
    path = tmp_path / "mentions.csv"
    path.write_text("".join(brandwatch(ROWS)))
    with Process("worker", "--instance", "w", env=env, log=tmp_path / "worker.log") as worker:
        with Process("import", str(path), env=env, log=tmp_path / "import.log") as first:
            until(lambda: counted(env) > 0, "a mention", seconds=180)
            first.kill()
        summary = veille_json("import", str(path), "--json", env=env)
        assert summary["waiting"] is True
        until(lambda: counted(env) >= ROWS // 10, "all mentions", seconds=180)
        assert worker.stop() == 0
    found = stored(env)
    assert len(found) == ROWS // 10
    assert {one.topic for one in found.values()} == {"acme"}
    record(
        fault="`veille import` is killed (`kill -9`) while its posts go to Kafka",
        behaviour="what was handed on is judged; a second run sends the rest, and what was sent "
        "twice counts once",
        remedy="the same command again",
        figure=f"{ROWS:,} rows, {ROWS // 10:,} mentions",
    )
