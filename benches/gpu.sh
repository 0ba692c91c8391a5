#!/usr/bin/env bash
# Checks and times nightloom on this machine's GPU, in one go and without any network.
#
#   benches/gpu.sh [PROGRAM] [FOLDER]
#
# PROGRAM is a release binary (built here if left out), FOLDER takes what is measured (default: target/gpu). Set DEVICE to
# take another device than the first hardware GPU (for instance DEVICE=software-gpu to try the script without one).
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-}
folder=${2:-target/gpu}
device=${DEVICE:-gpu}
if [ -z "$program" ]; then
    cargo build --release --quiet
    program=target/release/nightloom
fi
mkdir -p "$folder"

step() { printf '\n== %s\n' "$*"; }

step "devices"
"$program" devices | tee "$folder/devices.txt"

step "every op against its f64 reference on $device"
"$program" ops --check --device "$device" | tee "$folder/agreement.txt"

step "kernels on $device"
"$program" bench ops --device "$device" --json >"$folder/ops.json"
"$program" bench ops --device "$device" | tee "$folder/ops.txt"

step "training steps on $device"
"$program" bench step --device "$device" --json >"$folder/step.json"
"$program" bench step --device "$device" | tee "$folder/step.txt"

step "the growth job on $device and on the CPU"
for where in "$device" cpu; do
    "$program" run jobs/growth.toml --device "$where" --out "$folder/runs" --force --quiet | tee "$folder/growth-$where.txt"
done

echo
echo "written to $folder"
