"""What `veille connect` tells the store of its sources."""

from pathlib import Path

from connectors.account import Account, Row
from streams.connect import States, Told
from streams.durable import StoreCursors
from streams.store.sqlite import SqliteStore
from streams.tally import ACCOUNT


async def test_an_account_is_told_again_at_the_next_start(tmp_path: Path) -> None:
    """Whoever saved it may have been killed before it told."""
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    try:
        keeper, states = StoreCursors(store), States(store)
        account = Account(batch=7, hours={"2026-05-01T00": Row(read=1, published=1)})
        await keeper.save_account("news", {"etag": "a"}, account)
        assert await Told(keeper, states).load_account("news") == account
        assert await Told(keeper, states).load_account("unknown") == Account()
        await states.flush()
        told = await store.states(ACCOUNT)
        assert told.keys() == {"news"}
        assert told["news"]["batch"] == 7
    finally:
        await store.close()
