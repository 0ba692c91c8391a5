#!/usr/bin/env bash
# A night of the intent pipeline at scale: made-up users, all parts at work, and what it took.
#
#   benches/night.sh [USERS] [CARDS]
#
# USERS (default: 1000000) come from `nightloom synth intent`; the job is jobs/intent_synthetic.toml with their tables, two
# epochs instead of twelve and no masked stage; CARDS (default: 50000) are written, 29 KB each. All of it lies in target/night.
# The table at the end needs python3. Set PROGRAM to take another release binary than the one built here, and DEVICE to run on
# a GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

users=${1:-1000000}
cards=${2:-50000}
program=${PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --release --quiet
    program=target/release/nightloom
fi

folder=target/night
data=$folder/data-$users
mkdir -p "$folder"
if [ ! -f "$data/synthetic.json" ]; then
    "$program" synth intent --users "$users" --seed 1 --format parquet --out "$data"
fi
job=$folder/job-$users-$cards.toml
sed -e "s#\.\./datasets/intent/synthetic/\([a-z]*\)\.csv#data-$users/\1.parquet#" \
    -e 's#"\.\./datasets#"../../datasets#' -e 's#"\.\./runs"#"runs"#' \
    -e 's/^epochs = .*/epochs = 2/' -e 's/^baseline_epochs = .*/baseline_epochs = 2/' \
    -e 's/^masked_epochs = .*/masked_epochs = 0/' -e 's/^batch = .*/batch = 512/' \
    -e "s/^write = .*/write = $cards/" jobs/intent_synthetic.toml >"$job"

# A finished run is not run again: this one shall be.
rm -rf "$folder/runs"
started=$(date +%s.%N)
measured=()
if [ -x /usr/bin/time ]; then
    measured=(/usr/bin/time -f "%M KiB at the most" -o "$folder/memory.txt")
fi
: >"$folder/memory.txt"
"${measured[@]}" "$program" run "$job" --device "${DEVICE:-auto}"
ended=$(date +%s.%N)

run=$(ls -d "$folder"/runs/*/)
python3 - "$run" "$started" "$ended" "$folder/memory.txt" <<'PYTHON'
import datetime
import json
import pathlib
import sys

run, started, ended, memory = pathlib.Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
at = lambda event: datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
begun = next(at(event) for event in events if event["event"] == "run_started")
stages = [event for event in events if event["event"] == "stage_finished"]
answered = at(next(event for event in events if event["event"] == "run_finished")) - at(stages[-1])
users = sum(1 for _ in (run / "tables" / "intents.csv").open()) - 1
cards = list((run / "cards").glob("*.html"))
print()
print(f"reading          {begun - started:8.1f} s")
print(f"training, trees  {at(stages[-1]) - begun:8.1f} s")
print(f"answering        {answered:8.1f} s   {users} users, {users / answered:.0f} a second, with {len(cards)} cards")
print(f"all              {ended - started:8.1f} s   {pathlib.Path(memory).read_text().strip()}")
if cards:
    print(f"a card           {sum(card.stat().st_size for card in cards) / len(cards):8.0f} bytes")
PYTHON
