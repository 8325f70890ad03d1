"""Where files are: on this machine, or in an object store through Arrow's file systems."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import FreshetError, MissingExtra


@dataclass(frozen=True)
class Place:
    """A file or directory, and the file system that has it."""

    filesystem: Any
    path: str
    name: str

    def open(self) -> Any:
        """A stream of the file's bytes, unpacked."""
        compression = "gzip" if self.path.endswith(".gz") else None
        try:
            return self.filesystem.open_input_stream(self.path, compression=compression)
        except (OSError, FileNotFoundError) as fault:
            raise FreshetError(f"{self.name} cannot be read: {fault}") from fault

    @property
    def is_directory(self) -> bool:
        import pyarrow.fs

        (info,) = self.filesystem.get_file_info([self.path])
        if info.type == pyarrow.fs.FileType.NotFound:
            raise FreshetError(f"there is no {self.name}")
        return bool(info.type == pyarrow.fs.FileType.Directory)

    def exists(self) -> bool:
        import pyarrow.fs

        (info,) = self.filesystem.get_file_info([self.path])
        return bool(info.type != pyarrow.fs.FileType.NotFound)

    def child(self, name: str) -> Place:
        return Place(self.filesystem, f"{self.path.rstrip('/')}/{name}", f"{self.name.rstrip('/')}/{name}")


def place(path: str | Path, filesystem: Any = None, *, extra: str = "frames") -> Place:
    """The place that a path or URL names; `extra` is the one that installs what is missing.

    With `s3://`, credentials and region come from the environment, as for other programs: AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names another server,
    as does `?endpoint=` in the address.
    """
    try:
        import pyarrow.fs
    except ImportError as fault:
        raise MissingExtra(extra, "pyarrow") from fault
    text = str(path)
    if filesystem is not None:
        return Place(filesystem, text, text)
    if text.startswith("s3://"):
        parts = urlsplit(text)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "@" in parts.netloc or "@" in query.get("endpoint", ""):
            raise FreshetError(
                "the address has credentials, which would end up in logs",
                fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        endpoint = (
            query.get("endpoint")
            or query.get("endpoint_override")
            or os.environ.get("AWS_ENDPOINT_URL_S3")
            or os.environ.get("AWS_ENDPOINT_URL")
        )
        options: dict[str, Any] = {}
        if endpoint:
            scheme, _, host = endpoint.rpartition("://")
            options = {"endpoint_override": host.rstrip("/"), "scheme": scheme or query.get("scheme", "https")}
        region = query.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region or endpoint:
            options["region"] = region or "us-east-1"
        store = pyarrow.fs.S3FileSystem(connect_timeout=5, request_timeout=30, **options)
        return Place(store, f"{parts.netloc}{unquote(parts.path)}".rstrip("/"), f"s3://{parts.netloc}{parts.path}")
    if "://" in text and not text.startswith("file://"):
        raise FreshetError(f"{text} is no place that can be read", fix="give a path or s3://BUCKET/KEY")
    local = text.removeprefix("file://")
    return Place(pyarrow.fs.LocalFileSystem(), str(Path(local).absolute()), text)
