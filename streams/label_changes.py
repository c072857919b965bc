"""Changes of labels, what becomes of them, and how they are journalled: pure.

`streams.labelling` keeps them.
"""

import contextlib
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.records import Label, Mention, SentimentLabel
from streams.store.journal import Entry
from streams.store.rules import label_time, millis, tone

MOST_TAGS: Final = 20
_JUST_AFTER: Final = timedelta(milliseconds=1)

Tag = Annotated[str, Meta(max_length=60)]


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a mention; what is left out stays as it is.

    `seen` is the time of the label the person saw (`label_time`, in milliseconds; 0: none). `clear`
    takes back all that was said before the rest is set. Names and notes are cut to one line each,
    tags to 60 characters.
    """

    mention_id: Annotated[str, Meta(min_length=1, max_length=512)]
    seen: int = 0
    sentiment: SentimentLabel | UnsetType | None = UNSET
    relevant: bool | UnsetType | None = UNSET
    note: Annotated[str, Meta(max_length=2_000)] | UnsetType = UNSET
    tags: Annotated[list[Tag], Meta(max_length=MOST_TAGS)] | UnsetType = UNSET
    assigned: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    spam: bool | UnsetType = UNSET
    clear: bool = False


class Undo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision to take back. `seen` is the time of the label as it is now, `of` that of the
    decision's own label (0: the same). Notes are not in the journal: what it was is told here."""

    mention_id: Annotated[str, Meta(min_length=1, max_length=512)]
    seen: int
    of: int = 0
    note: Annotated[str, Meta(max_length=2_000)] | UnsetType = UNSET


State = Literal["kept", "conflict", "gone"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change. `label` is the one that counts now, `before` the one before.

    `kept`: it counts. `conflict`: somebody was quicker, and `label` is theirs. `gone`: there is no
    such mention, or nothing to take back.
    """

    mention_id: str
    state: State
    seen: int = 0
    """What the next change has to tell: the time of `label`."""
    label: Label | None = None
    before: Label | None = None


def turns(changes: Sequence[Change]) -> list[list[Change]]:
    """The changes in order, cut before a mention comes again: the second sees the first."""
    cut: list[list[Change]] = []
    met: set[str] = set()
    for change in changes:
        if not cut or change.mention_id in met:
            cut.append([])
            met.clear()
        cut[-1].append(change)
        met.add(change.mention_id)
    return cut


def outcome_of(
    change: Change, mentions: dict[str, Mention], before: Label | None, *, by: str, now: datetime
) -> Outcome:
    """What becomes of a change on top of the ledger's label. What says the same as the label is
    kept without a word: an answer that was lost may be asked for again."""

    def found(state: State, label: Label | None) -> Outcome:
        seen = label_time(label)
        return Outcome(
            mention_id=change.mention_id, state=state, seen=seen, label=label, before=before
        )

    if change.mention_id not in mentions:
        return Outcome(mention_id=change.mention_id, state="gone")
    made = changed(before, change, by=by, at=now)
    if before is not None and same(made, before):
        return found("kept", before)
    if change.seen != label_time(before):
        return found("conflict", before)
    return found("kept", made)


def changed(before: Label | None, change: Change, *, by: str, at: datetime) -> Label:
    """The label after the change: newer than the one before, whatever the clocks."""
    old = Label(mention_id=change.mention_id, labeled_at=at) if before is None else before
    base = Label(mention_id=change.mention_id, labeled_at=at) if change.clear else old
    named: dict[str, Any] = {
        name: cleaned
        for name in ("sentiment", "relevant", "note", "tags", "assigned", "done", "spam")
        if (cleaned := _cleaned(name, getattr(change, name))) is not UNSET
    }
    later = at if before is None else max(at, before.labeled_at + _JUST_AFTER)
    return msgspec.structs.replace(base, labeled_at=later, by=by, **named)


def same(one: Label, other: Label) -> bool:
    """Whether two labels say the same, whoever said it when."""
    return _said(one) == _said(other)


def _said(label: Label) -> tuple[object, ...]:
    return (
        label.sentiment, label.relevant, label.note, tuple(label.tags), label.assigned, label.done,
        label.spam,
    )  # fmt: skip


def _cleaned(name: str, value: Any) -> Any:
    if name == "tags" and value is not UNSET:
        tags = (one_line(tag.strip().removeprefix("#")).lower() for tag in value)
        return list(dict.fromkeys(filter(None, tags)))
    return one_line(value) if name == "assigned" and value is not UNSET else value


def one_line(text: str) -> str:
    """The text without line ends, control characters and marks that turn its direction."""
    kept = (" " if letter.isspace() else letter for letter in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c)[0] != "C").split())


def entry_of(
    outcome: Outcome, mention: Mention, *, by: str, at: datetime, action: str, note: str
) -> Entry:
    """For the journal, without notes: they may quote a person, and what is erased stands nowhere.

    The same label has the same id, so that what is tried again is told once.
    """
    after = outcome.label or Label(mention_id=mention.id, labeled_at=at)
    labelled = msgspec.structs.replace(mention, label=after)
    return Entry(
        id=f"{action}:{mention.id}:{label_time(after)}",
        at=at,
        by=by,
        action=action,
        subject=mention.id,
        topic=mention.topic,
        before=_journalled(outcome.before) if outcome.before else None,
        after={**_journalled(after), "tone": tone(labelled)},
        note=note,
    )


def _journalled(label: Label) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(label)
    said.pop("mention_id", None)
    said.pop("note", None)
    return said


def restoring(entry: Entry) -> Change:
    """The change that makes the label say what it said before the entry, but for its note."""
    said = dict(entry.before) if isinstance(entry.before, dict) else {}
    return Change(
        mention_id=entry.subject,
        seen=journalled_time(entry.after),
        sentiment=said.get("sentiment"),
        relevant=said.get("relevant"),
        tags=list(said.get("tags", [])),
        assigned=said.get("assigned", ""),
        done=bool(said.get("done")),
        spam=bool(said.get("spam")),
    )


def journalled_time(said: object) -> int:
    at = said.get("labeled_at") if isinstance(said, dict) else None
    with contextlib.suppress(ValueError, TypeError):
        return millis(datetime.fromisoformat(str(at)))
    return 0
