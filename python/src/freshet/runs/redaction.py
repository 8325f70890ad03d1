"""Hides secrets in what a record holds, by the rules of the engine. When in doubt it masks more."""

from __future__ import annotations

import re

MASK = "***"
_WORDS = (
    r"password|passwd|passphrase|secret|token|credential|authorization|apikey|api_key|api-key|access_key"
    r"|private_key|key\.pem|jaas\.config"
)
_SENSITIVE = re.compile(_WORDS, re.IGNORECASE)
_HARMLESS = re.compile(r"(file|path|location)$", re.IGNORECASE)
_USER = re.compile(r"""://[^\s"']*@""")
_ASSIGNED = re.compile(
    rf"""(?P<name>[A-Za-z0-9_.-]*(?:{_WORDS})[A-Za-z0-9_.-]*)(?P<between>["']?\ *[=:]\ *)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:bearer\ +|basic\ +)?\S+)""",
    re.IGNORECASE,
)


def is_sensitive(name: str) -> bool:
    """Whether a value under this name must never be shown. A name that says where a secret is stored is not."""
    return _SENSITIVE.search(name) is not None and _HARMLESS.search(name) is None


def value(text: str, name: str) -> str:
    return MASK if is_sensitive(name) else redacted(text)


def redacted(text: str) -> str:
    """The text with the user part of URLs and the values after sensitive names masked."""

    def hide(found: re.Match[str]) -> str:
        if not is_sensitive(found["name"]):
            # What follows a harmless name may hold another one.
            return found["name"] + found["between"] + redacted(found["value"])
        quote = found["value"][0] if found["value"][0] in "\"'" else ""
        return f"{found['name']}{found['between']}{quote}{MASK}{quote}"

    return _ASSIGNED.sub(hide, _USER.sub(f"://{MASK}@", text))
