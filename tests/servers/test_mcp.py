"""The tools of `veille mcp` over the real Elasticsearch."""

import pytest
from mcp import Client
from mcp.types import CallToolResult

from streams.criteria.topics import Topic
from streams.mcp.questions import Questions
from streams.mcp.server import build
from tests.support.mentions import elasticsearch_case, mention
from tests.support.servers import Elasticsearch


@pytest.mark.elasticsearch
async def test_figures_and_pages_are_those_of_the_cluster(elasticsearch: Elasticsearch) -> None:
    async with elasticsearch_case(elasticsearch.url) as case:
        await case.store.write([mention(n, tone="neg") for n in range(30)])
        store = await case.seen()
        questions = Questions(store, lambda: [Topic(id="brand", query="post")])
        async with Client(build(questions)) as client:
            counted = await client.call_tool("count_mentions", {"filters": {"sentiment": "neg"}})
            assert isinstance(counted, CallToolResult)
            assert counted.structured_content
            assert counted.structured_content["neg"] == 30
            first = await client.call_tool("search_mentions", {"limit": 25})
            assert isinstance(first, CallToolResult)
            assert first.structured_content
            cursor = first.structured_content["cursor"]
            rest = await client.call_tool("search_mentions", {"limit": 25, "cursor": cursor})
            assert isinstance(rest, CallToolResult)
            assert rest.structured_content
            pages = (first.structured_content, rest.structured_content)
            seen = [one["id"] for page in pages for one in page["mentions"]]
            assert len(seen) == len(set(seen)) == 30
            foreign = await client.call_tool(
                "search_mentions", {"filters": {"lang": "fr"}, "cursor": cursor}
            )
            assert isinstance(foreign, CallToolResult)
            assert foreign.is_error
