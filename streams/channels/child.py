"""The process that runs Apprise: it reads one job, does it, says what happened, and ends.

A process of its own, because Apprise's services block, start threads and can't be interrupted, and
because here every connection they make can be checked. The job comes by standard input: addresses
hold passwords, which must not show in a list of processes.
"""

import logging
import smtplib
import ssl
import sys
from typing import Any, Final, Literal

import apprise
import msgspec
from apprise.plugins.email.base import NotifyEmail, PGPMode

from connectors.errors import NotAllowed
from streams.channels.guard import guard
from streams.channels.mail import build

LOCAL: Final = frozenset({"syslog", "dbus", "kde", "qt", "glib", "gnome", "macosx", "windows"})
"""Services that speak to this machine's own desktop or log, where nobody looks."""
MAIL_SECONDS: Final = 20.0
_TYPES: Final = {
    "low": "info",
    "medium": "warning",
    "high": "warning",
    "critical": "failure",
    "over": "success",
}
_SUITES: Final = {"ssl": 465, "starttls": 587, "insecure": 25}


class Job(msgspec.Struct, kw_only=True):
    """`check` looks at the address alone; `send` sends. `type` is a severity or `over`."""

    task: Literal["check", "send"]
    url: str
    allow_hosts: list[str] = []
    key: str = ""
    subject: str = ""
    text: str = ""
    short: str = ""
    html: str = ""
    png: bytes = b""
    type: str = "low"


class Outcome(msgspec.Struct, kw_only=True):
    """`host` is set for services that the user names the server of."""

    done: bool
    why: str = ""
    service: str = ""
    host: str = ""
    port: int = 0
    fatal: bool = False


def main() -> None:
    """Read a job, print an outcome."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(work(job)))


def work(job: Job) -> Outcome:
    notes = _Notes()
    plugin = instantiate(job.url, notes)
    if plugin is None:
        why = notes.text() or "no service has such an address"
        return Outcome(done=False, why=why, fatal=True)
    outcome = Outcome(done=True, service=str(plugin.service_name), **_server(plugin))
    if job.task == "check":
        return outcome
    guard(job.allow_hosts)
    try:
        if type(plugin) is NotifyEmail and plugin.pgp_mode == PGPMode.NONE:
            outcome.why = send_mail(plugin, job)
        else:
            outcome.done = _notify(plugin, job)
            outcome.why = notes.text()
    except NotAllowed as error:
        return msgspec.structs.replace(outcome, done=False, why=str(error), fatal=True)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return msgspec.structs.replace(outcome, done=False, why=_said(error))
    return outcome


def instantiate(url: str, notes: logging.Handler) -> Any:
    """The service of an address; `None`, with a note, where there is none."""
    log = logging.getLogger("apprise")
    log.addHandler(notes)
    log.setLevel(logging.WARNING)
    log.propagate = False
    asset = apprise.AppriseAsset(
        app_id="Veille",
        app_desc="Veille",
        app_url="",
        http_redirects=False,
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    scheme = url.partition(":")[0].lower()
    if scheme in LOCAL:
        notes.handle(logging.LogRecord("", 40, "", 0, f"{scheme}:// reaches nobody", None, None))
        return None
    try:
        return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # noqa: BLE001 # a hundred parsers, and what they raise may hold the address
        return None


def _server(plugin: Any) -> dict[str, Any]:
    if isinstance(plugin, NotifyEmail):
        port = plugin.port or _SUITES.get(str(plugin.secure_mode), 25)
        return {"host": str(plugin.smtp_host), "port": int(port)}
    if "host" not in plugin.template_tokens or not plugin.host:
        return {}
    return {"host": str(plugin.host), "port": int(plugin.port or 443)}


def _notify(plugin: Any, job: Job) -> bool:
    title, _, body = job.short.partition("\n")
    if "overflow=" not in job.url:  # a text message holds less than we have to say
        plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
    kind = apprise.NotifyType(_TYPES.get(job.type, "info"))
    told = apprise.NotifyFormat.TEXT
    return bool(plugin.notify(title=title, body=body or title, notify_type=kind, body_format=told))


def send_mail(plugin: Any, job: Job) -> str:
    """Send a mail of our own making as the address says. Raises `OSError`, `SMTPException`."""
    mail = build(
        subject=job.subject,
        text=job.text,
        html=job.html,
        png=job.png,
        sender=(plugin.from_addr[0] or "Veille", plugin.from_addr[1]),
        to=[(name or "", address) for name, address in plugin.targets],
        copies=sorted(plugin.cc),
        answer_to=sorted(plugin.reply_to),
        key=job.key,
    )
    everyone = [address for _, address in plugin.targets] + sorted(plugin.cc | plugin.bcc)
    with _connected(plugin) as server:
        refused = server.send_message(mail, plugin.from_addr[1], everyone)
    took = f"{plugin.smtp_host} took it for {len(everyone) - len(refused)} of {len(everyone)}"
    return took if refused else f"{plugin.smtp_host} took it"


def _connected(plugin: Any) -> smtplib.SMTP:
    mode = str(getattr(plugin.secure_mode, "value", plugin.secure_mode))
    port = plugin.port or _SUITES.get(mode, 25)
    context = ssl.create_default_context()
    if not plugin.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if mode == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            plugin.smtp_host, port, timeout=MAIL_SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(plugin.smtp_host, port, timeout=MAIL_SECONDS)
    try:
        if mode == "starttls":
            server.starttls(context=context)
        if plugin.user and plugin.password:
            server.login(plugin.user, plugin.password)
    except BaseException:
        server.close()
        raise
    return server


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"the mail server answered {error.smtp_code}: {text}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {str(code) for code, _ in error.recipients.values()}
        return f"the mail server refused every address ({', '.join(sorted(codes))})"
    return str(error) or type(error).__name__


class _Notes(logging.Handler):
    """What Apprise says while it works."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def text(self) -> str:
        return "; ".join(dict.fromkeys(self._lines))[:500]


if __name__ == "__main__":
    main()
