"""Mirrors a file, and follows an API page by page."""

import landing
from wit_world.imports import run


class Entry(landing.Extractor):
    async def run(self) -> None:
        base = landing.param("base_url")
        source = landing.Source()

        # A file: the host fetches it, and lands it if it is new. It never enters the sandbox.
        receipt = await source.mirror(f"{base}/prices.csv", "csv")
        landing.info(f"{receipt.path} holds {receipt.size} bytes")

        # An API whose answers name the next page: {"items": [...], "next": "a-cursor"}.
        # A run goes on at the cursor that the newest checkpoint kept.
        async for page, cursor in landing.pages(f"{base}/items", after=run.cursor()):
            await source.land(page, "json")
            if cursor is not None:
                await run.checkpoint(cursor)
