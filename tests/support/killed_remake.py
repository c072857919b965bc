"""A process that makes a month anew and kills itself at a step, as `kill -9` would.

`python -m tests.support.killed_remake URL PREFIX MONTH STEP`: before the request whose method and
path hold STEP, or after it where STEP begins with `after `.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from streams.settings import Store as StoreSettings
from streams.store.elasticsearch import ElasticsearchStore
from streams.store.es_small import Small


async def run(url: str, prefix: str, month: str, step: str) -> None:
    """Never returns where the step is met. `month` may be a small index, such as `state`."""
    store = ElasticsearchStore(StoreSettings(url=url, prefix=prefix, refresh_seconds=0.2))
    await store.open()
    remake = store.remake()
    ask, wanted = remake.ask, step.removeprefix("after ")

    async def dying(method: str, path: str, body: Any = None) -> Any:
        met = wanted in f"{method} {path}"
        if met and wanted == step:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await ask(method, path, body)
        if met:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    remake.ask = dying
    if month.startswith(f"{prefix}-mentions-"):
        await remake.run(month)
    else:
        await Small(remake).run(month)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
