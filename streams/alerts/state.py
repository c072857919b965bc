"""What is wrong with the installation itself, as states of the store: one document an alert."""

from typing import Final

import msgspec

from connectors.post import Moment

ALERT: Final = "alert"
"""The kind of these states. Their id is `AlertState.kind`, with `:<of what>` where several of a
kind can stand at once (`dead-letters:my-feed`). One that is over is written as an empty document,
since states can't be taken away."""


class AlertState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that staff must know: `veille status` shows it, `--check` fails by it.

    `figures` are the numbers that the text speaks of, by name, for programs.
    """

    kind: str
    since: Moment
    text: str
    figures: dict[str, float] = {}
