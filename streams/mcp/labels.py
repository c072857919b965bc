"""Labels that an assistant says for a person: kept, journalled and taken back as those of staff."""

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.label_changes import Change
from streams.labelling import Labelling
from streams.mcp.answers import Labelled
from streams.mcp.questions import Questions, Unanswerable
from streams.mcp.telling import told


class Labels:
    """Over one `Labelling`; `by` is the person, and each label says that it came this way."""

    def __init__(self, labelling: Labelling, questions: Questions, by: str) -> None:
        self._labelling = labelling
        self._questions = questions
        self._by = f"{by} (mcp)"

    async def label(self, mention_id: str, seen: int, given: Mapping[str, Any]) -> Labelled:
        """What is `None` stays as it was. Raises `VeilleError`."""
        said = {name: value for name, value in given.items() if value is not None}
        if not said:
            raise Unanswerable(f"nothing to say. Remedy: give one of {', '.join(given)}")
        try:
            change = msgspec.convert({"mention_id": mention_id, "seen": seen, **said}, Change)
        except msgspec.ValidationError as error:
            raise Unanswerable(f"{mention_id[:80]!r}: {error}. Remedy: shorten it") from None
        outcome = (await self._labelling.change([change], by=self._by))[0]
        mention = await self._questions.mention(mention_id)
        if outcome.state == "conflict":
            raise Unanswerable(
                f"{mention_id!r}: somebody said something else meanwhile. "
                f"Remedy: look at it again, then say it with seen={outcome.seen}"
            )
        return Labelled(mention=told(mention))
