"""Fetch the real servers' distributions by Maven, once, into `.servers/` of the checkout."""

import contextlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.1.1"
ELASTICSEARCH_VERSION: Final = "8.19.21"
CONSUMERS: Final = Path(__file__).resolve().parents[2] / "docs" / "contracts" / "consumers"
NOBODY: Final = 65534
"""The user Elasticsearch runs as when we are root, which it refuses to be."""

_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>veille</groupId><artifactId>servers</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.elasticsearch.distribution.integ-test-zip</groupId>
      <artifactId>elasticsearch</artifactId>
      <version>{ELASTICSEARCH_VERSION}</version><type>zip</type>
    </dependency>
  </dependencies>
</project>
"""


def missing() -> str:
    """Why the real servers can't run here, in one phrase; empty when they can."""
    if os.name != "posix":
        return "the real servers are only started on Linux and macOS"
    if not shutil.which("java"):
        return "Java 17 or newer is not installed (`java` is not on the PATH)"
    if not shutil.which("mvn") and not _artifacts_ready(cache_dir()):
        return "Maven is not installed (`mvn` is not on the PATH)"
    return ""


def missing_for_consumers() -> str:
    """Why the programs of `docs/contracts/consumers` can't run here, in one phrase; empty when they
    can."""
    if not shutil.which("javac"):
        return "the Java compiler is not installed (`javac` is not on the PATH)"
    if not shutil.which("node"):
        return "Node is not installed (`node` is not on the PATH)"
    if not shutil.which("npm") and not _packages_ready(cache_dir()):
        return "npm is not installed (`npm` is not on the PATH)"
    return ""


def cache_dir() -> Path:
    """`.servers/` of the checkout, or /var/tmp where another user could not reach the checkout."""
    if given := os.environ.get("VEILLE_SERVERS_DIR"):
        return Path(given).absolute()
    checkout = Path(__file__).resolve().parents[2]
    if os.name == "posix" and os.geteuid() == 0 and not _open_to_all(checkout):
        return Path("/var/tmp/veille-servers")  # noqa: S108 # on purpose: nobody can read it
    return checkout / ".servers"


def java_home() -> Path:
    """Where the `java` on the PATH lives."""
    found = shutil.which("java")
    assert found, missing()
    return Path(found).resolve().parents[1]


def kafka_classpath() -> str:
    """The class path of a Kafka broker."""
    return f"{_artifacts()}/*"


def elasticsearch_home() -> Path:
    """The unpacked distribution of Elasticsearch."""
    home = cache_dir() / f"elasticsearch-{ELASTICSEARCH_VERSION}"
    if not home.is_dir():
        archive = _artifacts() / f"elasticsearch-{ELASTICSEARCH_VERSION}.zip"
        _unpack(archive, home)
    return home


def node_modules() -> Path:
    """The Node program's packages, as the lock file of `docs/contracts/consumers` pins them."""
    cache = cache_dir()
    if not _packages_ready(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache):
            if not _packages_ready(cache):
                _fetch_packages(cache / "node")
    return cache / "node" / "node_modules"


def _packages_ready(cache: Path) -> bool:
    done = cache / "node" / "done"
    return done.is_file() and done.read_bytes() == (CONSUMERS / "package-lock.json").read_bytes()


def _fetch_packages(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(CONSUMERS / name, folder / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"npm could not fetch the packages:\n{run.stdout}\n{run.stderr}")
    shutil.copyfile(folder / "package-lock.json", folder / "done")


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def _artifacts_ready(cache: Path) -> bool:
    done = cache / "artifacts" / "done"
    return done.is_file() and done.read_text() == _POM


def _artifacts() -> Path:
    cache = cache_dir()
    folder = cache / "artifacts"
    if _artifacts_ready(cache):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(cache):  # another process of the same tests may have fetched them meanwhile
        if not _artifacts_ready(cache):
            _fetch(cache, folder)
    return folder


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """While it lasts, no other process is here: Maven copies over what another copies."""
    import fcntl  # not on Windows, where no server is started

    with (cache / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(cache: Path, folder: Path) -> None:
    pom = cache / "pom.xml"
    pom.write_text(_POM)
    command = ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies"]
    run = subprocess.run(
        [*command, f"-DoutputDirectory={folder}"], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(f"Maven could not fetch the servers:\n{run.stdout}\n{run.stderr}")
    (folder / "done").write_text(_POM)


def _unpack(archive: Path, home: Path) -> None:
    """Into a folder beside, then renamed: two sessions may do this at once."""
    beside = home.with_name(f"{home.name}.{os.getpid()}")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(beside)
    unpacked = beside / home.name
    for path in (unpacked, *unpacked.rglob("*")):
        runs = path.is_dir() or path.parent.name == "bin"
        path.chmod(0o755 if runs else 0o644)
    try:
        unpacked.rename(home)
    except OSError:
        if not home.is_dir():
            raise
    shutil.rmtree(beside, ignore_errors=True)
