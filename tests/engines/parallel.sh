#!/bin/sh
# GNU parallel: the shards of a plan, 16 at a time on this machine. Say it again after a failure: `--resume-failed` runs
# those that failed, and a shard that is done lands nothing new.
set -eu
host plan padelnomics --backfill 2025-01-01..2026-01-01 --step 1d --json >plan.jsonl
seq 0 "$(($(wc -l <plan.jsonl) - 1))" |
    parallel --jobs 16 --retries 3 --joblog shards.log --resume-failed \
        host run --plan plan.jsonl --shard {} --wait=10m --quiet
