"""Prefect: a flow that plans, and a task for each shard, 16 at a time."""

import json
import os
import subprocess

from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

EXTRACTOR = os.environ.get("EXTRACTOR", "padelnomics")
WINDOW = os.environ.get("WINDOW", "2025-01-01..2026-01-01")


class Refused(Exception):
    """The order is wrong, or a grant is missing: no repetition mends that."""


def may_be_repeated(_task, _run, state) -> bool:
    return not isinstance(state.result(raise_on_failure=False), Refused)


# `--wait` has a shard wait for another run that is at its days, in the place of exit code 75.
@task(retries=3, retry_delay_seconds=10, retry_condition_fn=may_be_repeated, task_run_name="{shard[key]}")
def run(shard: dict) -> dict:
    ran = subprocess.run([*shard["argv"], "--json", "--wait=10m"], capture_output=True, text=True)
    if ran.returncode in (2, 77):
        raise Refused(ran.stderr)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr)
    report = json.loads(ran.stdout)
    return {key: report[key] for key in ("run_id", "files_written", "files_skipped", "duplicates")}


@flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
def backfill() -> list[dict]:
    command = ["host", "plan", EXTRACTOR, "--backfill", WINDOW, "--step", "1d", "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    futures = run.map([json.loads(line) for line in printed.splitlines()])
    wait(futures)
    return [future.result() for future in futures]


if __name__ == "__main__":
    print(json.dumps(backfill()))
