"""Real Kafka and Elasticsearch for tests, benchmarks and `make servers`.

`Kafka()` and `Elasticsearch()` are context managers. Both keep address and data through `kill()`
and `restart()`, so that faults can be tried. Run as a program, it starts both, prints where they
answer, and stops them at Ctrl-C.
"""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.support import fetch

START_SECONDS = 120.0


class Server(ABC):
    """One server process in a group of its own, with its data and log in a folder that goes."""

    name: str

    def __init__(self, *, port: int = 0, data_dir: Path | None = None, brief: bool = False) -> None:
        """A `brief` one is there for minutes: its code is compiled quickly rather than well, so
        that it starts in half of the processor time, and does its work more slowly."""
        self.port = port or free_port()
        self._compiler = "-XX:TieredStopAtLevel=1" if brief else "-XX:TieredStopAtLevel=4"
        self._own_dir = data_dir is None
        self.dir = data_dir or Path(tempfile.mkdtemp(prefix=f"veille-{self.name}-"))
        self.log = self.dir / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def group(self) -> int:
        """The process group; raises `RuntimeError` while it does not run."""
        if self._process is None:
            raise RuntimeError(f"{self.name}: not started")
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until it answers. Raises `RuntimeError` with the end of its log."""
        if not any(self.dir.glob("prepared")):
            self._prepare()
            (self.dir / "prepared").touch()
        with self.log.open("ab") as log:
            self._process = self._spawn(log)
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Until it answers; raises `RuntimeError` with the end of its log."""
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at its start:\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: no answer in {seconds} s:\n{self._log_end()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """`kill -9`: no chance to clean up."""
        self._signal(signal.SIGKILL)
        self._reap()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after `pause`."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Start again with the same address and data, stopping first if it runs."""
        self._terminate()
        self.start()

    def stop(self) -> None:
        """Stop for good; data and log go, unless the folder was given."""
        atexit.unregister(self.stop)
        self._terminate()
        if self._own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _terminate(self) -> None:
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        self._reap()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(15)
        self._process = None

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.is_file() else ""


class Kafka(Server):
    """A KRaft broker and controller in one process, up in about three seconds."""

    name = "kafka"

    @property
    def bootstrap(self) -> str:
        """The same as `address`, by the name clients use."""
        return self.address

    def _prepare(self) -> None:
        controller = free_port()
        (self.dir / "server.properties").write_text(
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
controller.listener.names=CONTROLLER
log.dirs={self.dir / "data"}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.message.timestamp.after.max.ms=9223372036854775807
num.network.threads=2
num.io.threads=4
"""
        )
        (self.dir / "log4j2.properties").write_text(_LOG4J)
        with self.log.open("ab") as log:
            cluster = uuid.uuid4().hex[:22]
            config = str(self.dir / "server.properties")
            command = [*self._java("-Xmx128m"), "kafka.tools.StorageTool", "format"]
            run = subprocess.run(
                [*command, "-t", cluster, "-c", config], stdout=log, stderr=log, check=False
            )
        if run.returncode:
            raise RuntimeError(f"kafka: its storage can't be formatted:\n{self._log_end()}")

    def _java(self, heap: str) -> list[str]:
        options = ["-XX:+UseSerialGC", self._compiler, heap]
        logging = f"-Dlog4j2.configurationFile={self.dir / 'log4j2.properties'}"
        return ["java", *options, logging, "-cp", fetch.kafka_classpath()]

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [*self._java("-Xmx256m"), "kafka.Kafka", str(self.dir / "server.properties")]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if not _port_open(self.port):
            return False
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False


class Elasticsearch(Server):
    """A single node of Elasticsearch's core distribution, without security, up in ten seconds."""

    name = "elasticsearch"

    def __init__(
        self,
        *,
        port: int = 0,
        data_dir: Path | None = None,
        settings: str = "",
        heap_mb: int = 512,
        brief: bool = False,
    ) -> None:
        """`settings` are further lines of elasticsearch.yml."""
        super().__init__(port=port, data_dir=data_dir, brief=brief)
        self._settings = settings
        self._heap_mb = heap_mb

    @property
    def url(self) -> str:
        """`http://host:port`."""
        return f"http://{self.address}"

    def _prepare(self) -> None:
        config = self.dir / "config"
        shutil.copytree(fetch.elasticsearch_home() / "config", config)
        (config / "elasticsearch.yml").write_text(
            f"""node.name: veille-test
discovery.type: single-node
network.host: 127.0.0.1
http.port: {self.port}
transport.port: {free_port()}
path.data: {self.dir / "data"}
path.logs: {self.dir / "logs"}
xpack.security.enabled: false
action.auto_create_index: false
action.destructive_requires_name: false
cluster.routing.allocation.disk.threshold_enabled: false
{self._settings}
"""
        )
        (config / "jvm.options.d").mkdir(exist_ok=True)
        (self.dir / "tmp").mkdir()
        if os.geteuid() == 0:
            for path in (self.dir, *self.dir.rglob("*")):
                os.chown(path, fetch.NOBODY, fetch.NOBODY)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        heap = f"-Xms{self._heap_mb}m -Xmx{self._heap_mb}m"
        launcher = "-Xms4m -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
        env = {
            "PATH": os.environ.get("PATH", ""),
            "ES_JAVA_HOME": str(fetch.java_home()),
            "ES_PATH_CONF": str(self.dir / "config"),
            "ES_JAVA_OPTS": f"{heap} {self._compiler}",
            "CLI_JAVA_OPTS": launcher,
            "ES_TMPDIR": str(self.dir / "tmp"),
            "HOME": str(self.dir),
        }
        user = fetch.NOBODY if os.geteuid() == 0 else None
        return subprocess.Popen(
            [str(fetch.elasticsearch_home() / "bin" / "elasticsearch")],
            stdout=log,
            stderr=log,
            env=env,
            cwd=self.dir,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        health = f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s"
        try:
            with urllib.request.urlopen(health, timeout=3) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_open(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


_LOG4J = """status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server
logger.server.level=INFO
"""


def main() -> None:
    """Start both, print where they are, stop at Ctrl-C or SIGTERM."""
    if reason := fetch.missing():
        sys.exit(f"The real servers can't run here: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt), Kafka() as kafka, Elasticsearch() as elastic:
        lines = [
            f"VEILLE_KAFKA__BOOTSTRAP_SERVERS={kafka.bootstrap}",
            f"VEILLE_STORE__URL={elastic.url}",
            f"# logs: {kafka.log} and {elastic.log}; Ctrl-C stops both",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
