"""A message as a mail: text, HTML and the chart, in the form that every program reads."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from connectors.post import utc_now

CHART_ID: Final = "chart.png"


def build(
    *,
    subject: str,
    text: str,
    html: str,
    png: bytes,
    sender: tuple[str, str],
    to: list[tuple[str, str]],
    copies: list[str],
    answer_to: list[str],
    key: str,
) -> EmailMessage:
    """`multipart/alternative` of text and of HTML with its chart. `Message-ID` is made of `key`,
    so that mail programs show a repeat once. Raises `ValueError` for an address that is none."""
    mail = EmailMessage(policy=SMTP)
    domain = sender[1].rpartition("@")[2]
    mail["Subject"] = " ".join(subject.split())
    mail["From"] = _address(*sender)
    mail["To"] = [_address(*each) for each in to]
    if copies:
        mail["Cc"] = [_address("", each) for each in copies]
    if answer_to:
        mail["Reply-To"] = [_address("", each) for each in answer_to]
    mail["Date"] = format_datetime(utc_now())
    name = re.sub(r"[^A-Za-z0-9]", "", key) or "veille"
    mail["Message-ID"] = f"<{name}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
    mail["X-Veille-Key"] = name
    mail.set_content(text, cte="quoted-printable")
    shown = html if png else without_chart(html)
    mail.add_alternative(shown, subtype="html", cte="quoted-printable")
    if png:
        part = mail.get_payload()[1]  # type: ignore[index] # the HTML just added
        part.add_related(  # type: ignore[union-attr]
            png, "image", "png", cid=f"<{CHART_ID}>", filename=CHART_ID, disposition="inline"
        )
    return mail


def without_chart(html: str) -> str:
    """The HTML with no place where the chart would be."""
    return re.sub(rf'<img src="cid:{re.escape(CHART_ID)}"[^>]*>', "", html)


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(" ".join(str(name or "").split()), user, domain)
