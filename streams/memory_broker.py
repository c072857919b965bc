"""The embedded broker: librdkafka's in-process Kafka, shipped inside confluent-kafka's wheel.

It speaks the real protocol on a local port and keeps about 5 MB a partition in memory, dropping
the oldest data beyond that (see `streams.offsets.LagGate`). Where the wheel lets us reach the C
library, its groups start without Kafka's three seconds of waiting for more members.
"""

import ctypes
from pathlib import Path
from typing import Any, Self

import confluent_kafka


class MemoryBroker:
    """A broker for the life of the object; `address` is `host:port` on loopback."""

    def __init__(self) -> None:
        self.address = ""
        self._keep: Any = None

    def __enter__(self) -> Self:
        self._keep = _by_library() or _BySetting()
        self.address = self._keep.address
        return self

    def __exit__(self, *_: object) -> None:
        self._keep.close()
        self._keep = None


class _BySetting:
    """Through `test.mock.num.brokers`: works wherever the wheel does, and starts slower."""

    def __init__(self) -> None:
        self._producer = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self._producer.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def close(self) -> None:
        del self._producer


class _ByLibrary:
    """Through the public C functions of `rdkafka_mock.h`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        _declare(library)
        error = ctypes.create_string_buffer(512)
        conf = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(conf, b"log_level", b"0", error, 512)
        self._handle = library.rd_kafka_new(0, conf, error, 512)
        if not self._handle:
            raise OSError(error.value.decode(errors="replace"))
        self._cluster = library.rd_kafka_mock_cluster_new(self._handle, 1)
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        servers: bytes = library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        self.address = servers.decode()

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)


def _by_library() -> _ByLibrary | None:
    for path in _libraries():
        try:
            return _ByLibrary(ctypes.CDLL(str(path)))
        except (OSError, AttributeError):
            continue
    return None


def _libraries() -> list[Path]:
    package = Path(confluent_kafka.__file__).parent
    folders = (package.parent / "confluent_kafka.libs", package / ".dylibs")
    return [path for folder in folders for path in sorted(folder.glob("*rdkafka*"))]


def _declare(library: ctypes.CDLL) -> None:
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (ctypes.c_int, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
