#!/bin/sh
# Slurm: an array of jobs, one for each shard, 16 at a time.
#
#   host plan padelnomics --backfill 2025-01-01..2026-01-01 --json > plan.jsonl
#   sbatch --array=0-364%16 slurm.sh
#
# With `RequeueExit=75` in slurm.conf, a shard whose days another run is at goes back to the queue.
#SBATCH --job-name=backfill
#SBATCH --requeue
#SBATCH --output=shard-%a.log
#SBATCH --open-mode=append
exec host run --plan plan.jsonl --shard env:SLURM_ARRAY_TASK_ID
