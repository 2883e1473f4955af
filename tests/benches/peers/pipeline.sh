#!/usr/bin/env bash
# Land one URL with the programs that every machine has. `cargo bench` compares `host` with it.
#
#     pipeline.sh URL DIRECTORY
#
# The content is hashed and compressed as it arrives, at the same time. The file is named by its day and its SHA-256,
# and appears when it is whole. Content that is there already is found only once all of it is compressed.
#
# It is what one would write by hand: it keeps no state, takes no lock, sends no validators, and syncs nothing, so a
# power cut may leave a torn file behind. `host` does all of these.
set -euo pipefail
url=$1 directory=$2

mkdir -p "$directory"
temporary=$directory/.tmp-$$
trap 'rm -f "$temporary" "$temporary.sum"' EXIT

# The hash has a process of its own, which the shell has to wait for by hand.
exec {hash}> >(sha256sum >"$temporary.sum")
hashing=$!
curl -fsS "$url" | tee "/dev/fd/$hash" | gzip -6 >"$temporary"
exec {hash}>&-
wait "$hashing"

read -r digest _ <"$temporary.sum"
name=$directory/$(date -u +%F)_${digest:0:8}.csv.gz
[[ -e $name ]] || mv "$temporary" "$name"
