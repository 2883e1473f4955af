"""Airflow: a task that plans, and a mapped task for each shard, 16 at a time."""

import json
import os
import subprocess
from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

EXTRACTOR = os.environ.get("EXTRACTOR", "padelnomics")
WINDOW = os.environ.get("WINDOW", "2025-01-01..2026-01-01")


@task
def plan() -> list[dict]:
    command = ["host", "plan", EXTRACTOR, "--backfill", WINDOW, "--step", "1d", "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


# `--wait` has a shard wait for another run that is at its days, in the place of exit code 75.
@task(
    retries=3,
    retry_delay=timedelta(seconds=30),
    max_active_tis_per_dagrun=16,
    map_index_template="{{ task.op_kwargs['shard']['key'] }}",
)
def run(shard: dict) -> dict:
    ran = subprocess.run([*shard["argv"], "--json", "--wait=10m"], capture_output=True, text=True)
    if ran.returncode in (2, 77):
        raise AirflowFailException(ran.stderr)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr)
    report = json.loads(ran.stdout)
    return {key: report[key] for key in ("run_id", "files_written", "files_skipped", "duplicates")}


@dag(schedule=None, catchup=False)
def backfill():
    run.expand(shard=plan())


backfill()
