"""The examples in the README work as they are written."""

import re
from pathlib import Path

import pytest
import yaml

from connectors import registry
from connectors.base import Context
from streams import settings
from streams.criteria.check import check
from streams.criteria.loading import load_topics
from tests.docs.tree import ROOT

BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
TOPICS = [block for block in BLOCKS if "topics" in yaml.safe_load(block)]
SETTINGS = [block for block in BLOCKS if block not in TOPICS]


def test_the_readme_shows_topics_and_sources() -> None:
    assert TOPICS
    assert SETTINGS


@pytest.mark.parametrize("block", TOPICS)
def test_topics_find_their_samples(block: str, tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(block, "utf-8")
    topics = load_topics(path)
    assert topics
    assert all(topic.matches and topic.rejects for topic in topics)
    assert check(topics) == []


@pytest.mark.parametrize("block", SETTINGS)
def test_settings_are_accepted_with_their_sources(block: str, tmp_path: Path) -> None:
    (tmp_path / "veille.yaml").write_text(block, "utf-8")
    read = settings.load(tmp_path)
    for source in read.sources:
        known = {option.name for option in registry.find(source.connector).spec.options}
        assert set(source.options) <= known | {"base_url"}
        registry.build(source.connector, Context(options=source.options))
