"""Lands the euro's reference rates: a file for each month of a backfill, or else the newest ones.

https://data.ecb.europa.eu/help/api/data
"""

from collections.abc import Iterator
from datetime import date, timedelta

import landing
from wit_world.imports import run, zone

SERIES = "https://data-api.ecb.europa.eu/service/data/EXR"


class Entry(landing.Extractor):
    async def run(self) -> None:
        # One key names several series: D.GBP+USD.EUR.SP00.A is daily, both currencies, against the euro.
        currencies = "+".join(sorted(landing.param("currencies").upper().split()))
        url = f"{SERIES}/D.{currencies}.EUR.SP00.A?format=csvdata"
        source = landing.Source()

        window = run.backfill()
        if window is None:
            rates = await fetched(f"{url}&lastNObservations=1")
            if rates is not None:
                await source.land(rates, "csv")
            return

        # Each window has a cursor of its own: the newest month of it that has landed.
        done = run.cursor() or ""
        for first, last in months(day(window.start), day(window.end)):
            month = first.isoformat()[:7]
            if month <= done:
                continue
            rates = await fetched(f"{url}&startPeriod={first}&endPeriod={last}")
            if rates is not None:
                await source.land(rates, "csv", zone.Date(first.year, first.month, first.day))
            await run.checkpoint(month)


async def fetched(url: str) -> bytes | None:
    """The rates at a URL; none where there are none, as on a weekend."""
    try:
        body = await landing.fetch(url)
    except landing.LandingError as error:
        if error.status == 404:
            landing.info(f"there are no rates at {url}")
            return None
        raise
    header = body.split(b"\n", 1)[0].strip().split(b",")
    if b"TIME_PERIOD" not in header or b"OBS_VALUE" not in header:
        raise landing.LandingError(f"{url}: this is no CSV of rates")
    return body


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The months of a window, each by its first and its last day in it; `end` is not in it."""
    while start < end:
        following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield start, min(following, end) - timedelta(days=1)
        start = following


def day(of: zone.Date) -> date:
    return date(of.year, of.month, of.day)
