"""Helpers for extractors: errors with words, typed parameters, pages as an async iterator.

`wit_world` is the interface itself, which `host wit` prints; this module only makes it shorter to use.
"""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import http, run, zone

_UNSET = object()


class LandingError(Exception):
    """What failed, in one sentence; it ends the run unless it is caught."""

    def __init__(self, message: str, kind: str = "other", code: str = "", status: int | None = None):
        super().__init__(message)
        self.kind, self.code, self.status = kind, code, status


def _words(what: str, error: Err) -> LandingError:
    value = error.value
    kind = value.kind.name.lower().replace("_", "-")
    return LandingError(f"{what}: {value.message}", kind, value.code, getattr(value, "status", None))


def param(name: str, kind: type = str, default: object = _UNSET):
    """A parameter as `kind`; without a default it has to be set."""
    text = run.param(name)
    if text is None:
        if default is _UNSET:
            raise LandingError(f"the parameter `{name}` is not set: give it by `--param {name}=VALUE`")
        return default
    try:
        return text.lower() in ("1", "true", "yes") if kind is bool else kind(text)
    except ValueError as error:
        raise LandingError(f"the parameter `{name}` cannot be {text!r}: {error}") from None


def info(message: str) -> None:
    run.log(run.Level.INFO, message)


async def fetch(url: str, headers: dict[str, str] | None = None) -> bytes:
    """The body of a GET; a status that is no success is an error."""
    request = http.Request(url)
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        response = await http.fetch(request)
        if not 200 <= response.status() < 300:
            status = response.status()
            raise LandingError(f"{url}: the server answered with status {status}", "status", status=status)
        return await http.Response.bytes(response)
    except Err as error:
        raise _words(url, error) from None


async def pages(url: str, after: str | None, send: str = "after", read: str = "next") -> AsyncIterator[tuple[bytes, str | None]]:
    """The pages of an API whose answers name the next one: each page's bytes, and the cursor behind it."""
    while True:
        separator = "&" if "?" in url else "?"
        page = url if after is None else f"{url}{separator}{send}={quote(after, safe='')}"
        body = await fetch(page)
        after = json.loads(body).get(read)
        yield body, after
        if after is None:
            return


class Source:
    """One directory of the landing zone; without a name it is the extractor's own."""

    def __init__(self, name: str | None = None):
        self.name = name or run.name()
        try:
            self._source = zone.Source.open(self.name)
        except Err as error:
            raise _words(self.name, error) from None

    async def mirror(self, url: str, extension: str, date: zone.Date | None = None) -> zone.Receipt:
        """Have the host fetch a URL and land what it holds, if it is new; without a date on the run's own day."""
        try:
            return await self._source.mirror(http.Request(url), zone.Slot(extension, date))
        except Err as error:
            raise _words(url, error) from None

    async def land(self, content: bytes, extension: str, date: zone.Date | None = None) -> zone.Receipt:
        """Land content that the extractor made; without a date on the run's own day."""
        try:
            return await self._source.land_bytes(content, zone.Slot(extension, date))
        except Err as error:
            raise _words(self.name, error) from None


class Extractor(exports.Entry):
    """Subclass it as `Entry`, and write `run`."""

    async def run(self) -> None:
        raise NotImplementedError

    async def extract(self) -> None:
        try:
            await self.run()
        except (LandingError, ValueError, KeyError) as error:
            raise Err(str(error) or type(error).__name__) from None
