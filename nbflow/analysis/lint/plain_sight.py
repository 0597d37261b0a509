"""What should not stand in a shared file: secrets, and paths of one person's machine.

A finding never repeats the secret: it shows its first characters, so that its owner knows which.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from nbflow.analysis.lint.look import Look, lines_of
from nbflow.core.diagnostic import Diagnostic, Severity

_SHAPES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(shape))
    for kind, shape in (
        ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{40,}"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a Slack webhook", r"\bhooks\.slack\.com/services/T\w+/B\w+/\w+"),
        ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
        ("a Databricks token", r"\bdapi[0-9a-f]{32}\b"),
        ("a SendGrid key", r"\bSG\.[\w-]{20,}\.[\w-]{40,}"),
        ("a package index token", r"\bpypi-AgE[\w-]{40,}|\bnpm_[A-Za-z0-9]{36}\b"),
        ("an Azure storage key", r"\bAccountKey=[A-Za-z0-9+/]{40,}=*"),
        ("an API key", r"\bsk-(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Z])[\w-]{20,}"),
        ("a signed token (JWT)", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
        ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    )
)
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@'\"]*:([^\s@'\"/]+)@[\w.$\[{-]", re.I)
_NAMED: Final = re.compile(
    r"(?P<name>(?:passw(?:or)?d|passphrase|pwd|secret|token|api_?key|access_?key"
    r"|account_?key|private_?key|credential)[\w-]{0,40})"
    r"(?:[\"']?\]?\s*(?::\s*\w+\s*)?(?:=|:)\s*|[\"']\s*,\s*|\s+)"
    r"(?P<prefix>[bruBRU]?)(?P<quote>[\"'])(?P<value>[^\"'\n]+)(?P=quote)(?!\s*(?:\]|\)\s*\[))",
    re.IGNORECASE,
)
_IN_TEXT: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("a secret", re.compile(r"\bBearer\s+([A-Za-z0-9._-]{16,})")),
    (
        "a secret",
        re.compile(r"(?:%(?:set_)?env|\bexport)\s+\w*(?:KEY|TOKEN|SECRET)\w*\s*[= ]\s*([^\s'\"]+)"),
    ),
    (
        "a password",
        re.compile(
            r"(?:user|uid|dbname|host|server)=[^,()\s;]*[\s;](?:[^,()]*[\s;])?"
            r"(?:password|pwd)=([^\s;'\",(){}$]+)",
            re.IGNORECASE,
        ),
    ),
)
"""Secrets that are part of a longer text: headers, shell lines, connection strings."""
_PASSWORD: Final = re.compile(r"passw(?:or)?d|passphrase|pwd", re.IGNORECASE)
_ABOUT: Final = re.compile(
    r"(?:url|uri|path|file|name|field|column|col|label|type|id|endpoint|env|var|scope|hash|regex"
    r"|pattern|prompt|header|mode|policy|length|len|count|sep|size|pad|map|min|max|dir|hint|help"
    r"|text|title|message|msg)s?$",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"example|changeme|change_me|change-me|placeholder|redacted|dummy|sample|your|insert|todo|fixme"
    r"|xxx|\*\*\*|\.\.\.|…|^<.*>$|^\{.*\}$|^\$|\{\w*\}|^%|^env|^none$|^null$|^true$|^false$|^test"
    r"|^fake|^secret$|^pass(?:word)?$|^pwd$|^token$|^(.)\1*$|^1234",
    re.IGNORECASE,
)
_LEAST_PASSWORD: Final = 4
_LEAST_KEY: Final = 16
_LEAST_BITS: Final = 3.0


def secrets(look: Look) -> Iterator[Diagnostic]:
    """Keys, tokens and passwords written into a cell, one finding for each line."""
    for cell in look.code:
        for line, text in lines_of(cell.cell.source):
            found = secret_in(text)
            if found is not None:
                kind, start = found
                yield cell.finding(
                    "secret",
                    Severity.WARNING,
                    f"{kind} stands here in plain sight ({start}…)",
                    line=line,
                    hint="make it invalid where it came from, for it is in the file's history; "
                    "read the new one from the environment: os.environ['NAME']",
                )


def secret_in(line: str) -> tuple[str, str] | None:
    """What kind of secret a line holds, and as much of it as may be shown; None if there is none.

    >>> secret_in("password = 'Zebra-crossing-7'"), secret_in("password = 'changeme'")
    (('a password', 'Zebr'), None)
    >>> secret_in("password = os.environ['DB_PASSWORD']"), secret_in("sep_token = '[SEP]'")
    (None, None)
    """
    for kind, shape in _SHAPES:
        match = shape.search(line)
        if match is not None and not _PLACEHOLDER.search(match[0]):
            return kind, _start(match[0])
    match = _URL.search(line)
    if match is not None and not _PLACEHOLDER.search(match[1]) and "{" not in match[1]:
        return "a password in an address", _start(match[1])
    for kind, shape in _IN_TEXT:
        match = shape.search(line)
        if match is not None and _is_secret(match[1], kind):
            return kind, _start(match[1])
    for match in _NAMED.finditer(line):
        kind = "a password" if _PASSWORD.search(match["name"]) else "a secret"
        if not _ABOUT.search(match["name"]) and _is_secret(match["value"], kind):
            return kind, _start(match["value"])
    return None


def _is_secret(value: str, kind: str) -> bool:
    """A password is nearly any word; a key is long and looks drawn at random."""
    if _PLACEHOLDER.search(value) or any(c.isspace() for c in value) or "://" in value:
        return False
    if kind == "a password":
        return len(value) >= _LEAST_PASSWORD and not _is_word(value)
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= _LEAST_KEY and mixed and entropy(value) >= _LEAST_BITS


def _is_word(value: str) -> bool:
    """Names a column or a field, as in `{"password": "str"}`."""
    return len(value) < 8 and value.isalpha() and value.islower()


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits for each.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    total = len(text)
    shares = (count / total for count in Counter(text).values())
    return -sum(share * math.log2(share) for share in shares) or 0.0


def _start(secret: str) -> str:
    """Enough to know which it is, and never more than a quarter."""
    return secret[: min(4, len(secret) // 4)]


_MACHINE_PATH: Final = re.compile(
    r"(?:(?<=[\"'\s=(,])|^)(?:file://)?"
    r"(/(?:home|Users)/[\w.-]+(?=/)|/root(?=/)|[A-Za-z]:(?:\\\\?|/)(?:Users|Documents)\b)"
)


def absolute_paths(look: Look) -> Iterator[Diagnostic]:
    """Paths below somebody's home: they lead nowhere on another machine."""
    for cell in look.cells:
        for line, text in lines_of(cell.cell.source):
            code = "" if text.lstrip().startswith(("#", "--")) else text
            found = _MACHINE_PATH.search(code)
            if found is not None:
                yield cell.finding(
                    "absolute-path",
                    Severity.INFO,
                    f"the path {found[1]}… is there on one machine only",
                    line=line,
                    hint="write it from the notebook's folder, or make it a parameter",
                )
