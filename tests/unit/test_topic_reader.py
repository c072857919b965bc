import asyncio
import time

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.settings import Kafka
from streams.topic_reader import reading


async def _read(kafka: Kafka) -> None:
    async with reading(kafka, "veille.mentions", {}):
        pass


def test_where_no_broker_answers_that_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(KafkaConnectionError):
        asyncio.run(_read(Kafka(bootstrap_servers="127.0.0.1:9")))
    assert time.monotonic() - began < 30, "a broker that restarts is asked for two minutes"
