"""Dagster: a partition for each shard, an asset for each source, and what landed as metadata.

`dagster dev -f dagster_assets.py` shows them; a backfill in its page runs the partitions that you choose.
"""

import json
import os
import subprocess

import dagster as dg

EXTRACTOR = os.environ.get("EXTRACTOR", "padelnomics")
SOURCES = os.environ.get("SOURCES", "overpass eurostat").split()
WINDOW = os.environ.get("WINDOW", "2025-01-01..2026-01-01")

PLAN = ["host", "plan", EXTRACTOR, "--backfill", WINDOW, "--step", "1d", "--json"]
lines = subprocess.run(PLAN, check=True, capture_output=True, text=True).stdout.splitlines()
shards = {shard["key"]: shard for shard in map(json.loads, lines)}


@dg.multi_asset(
    specs=[dg.AssetSpec(source, skippable=True) for source in SOURCES],
    partitions_def=dg.StaticPartitionsDefinition(list(shards)),
    can_subset=False,
)
def landed(context: dg.AssetExecutionContext):
    ran = subprocess.run([*shards[context.partition_key]["argv"], "--json"], capture_output=True, text=True)
    said = ran.stderr.strip()
    if ran.returncode == 75:
        # Another run is at these days. That is no failure of this one.
        raise dg.RetryRequested(max_retries=100, seconds_to_wait=5)
    if ran.returncode in (1, 3):
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=10) from RuntimeError(said)
    if ran.returncode != 0:
        raise dg.Failure(said, allow_retries=False)
    report = json.loads(ran.stdout)
    for source in SOURCES:
        files = [file for file in report["files"] if file["path"].split("/")[0] == source]
        yield dg.MaterializeResult(
            asset_key=source,
            metadata={
                "run": report["run_id"],
                "new": sum(file["outcome"] == "written" for file in files),
                "unchanged": sum(file["outcome"] == "unchanged" for file in files),
                "bytes": sum(file["stored_size"] for file in files if file["outcome"] == "written"),
                "paths": [file["path"] for file in files[:100]],
            },
        )


defs = dg.Definitions(assets=[landed])
