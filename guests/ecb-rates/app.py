"""Lands the euro's reference rates: a file for each month of a backfill, or else the newest ones.

https://data.ecb.europa.eu/help/api/data
"""

from collections.abc import Iterator
from datetime import date as Day, timedelta

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
            await source.land(await rates(f"{url}&lastNObservations=1"), "csv")
            return

        # Each window has a cursor of its own: the newest month of it that has landed.
        done = run.cursor() or ""
        for first, last in months(day(window.start), day(window.end)):
            month = first.isoformat()[:7]
            if month <= done:
                continue
            date = zone.Date(first.year, first.month, first.day)
            try:
                await source.land(await rates(f"{url}&startPeriod={first}&endPeriod={last}"), "csv", date)
            except landing.LandingError as error:
                # These days may have none: a weekend, or the future.
                if error.status != 404:
                    raise
                landing.info(f"there are no rates from {first} to {last}")
            await run.checkpoint(month)


async def rates(url: str) -> bytes:
    """The rates at a URL, as CSV."""
    body = await landing.fetch(url)
    header = body.split(b"\n", 1)[0].strip().split(b",")
    if b"TIME_PERIOD" not in header or b"OBS_VALUE" not in header:
        raise landing.LandingError(f"{url}: this is no CSV of rates")
    return body


def months(start: Day, end: Day) -> Iterator[tuple[Day, Day]]:
    """The months of a window, each by its first and its last day in it; `end` is not in it."""
    while start < end:
        following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield start, min(following, end) - timedelta(days=1)
        start = following


def day(of: zone.Date) -> Day:
    return Day(of.year, of.month, of.day)
