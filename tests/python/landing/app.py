"""An extractor in Python: mirrors a URL, lands what it makes, and prints, which ends in the log."""

import os
import sys

from wit_world import exports
from componentize_py_types import Err
from wit_world.imports import http, run, zone


class Entry(exports.Entry):
    async def extract(self) -> None:
        print("environment", dict(os.environ), "arguments", sys.argv[1:])
        try:
            print("files", os.listdir("/"))
        except OSError as error:
            print("no files:", type(error).__name__)
        url = run.param("url")
        if url is None:
            raise Err("set the parameter `url`")
        source = zone.Source.open(run.name())
        slot = zone.Slot("csv", None)
        receipt = await source.mirror(http.Request(url), slot)
        await source.land_bytes(f"path,size\n{receipt.path},{receipt.size}\n".encode(), slot)
