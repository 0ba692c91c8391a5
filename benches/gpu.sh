#!/usr/bin/env bash
# Checks and times nightloom on this machine's GPU, in one go and without any network, beside torch if python3 has it.
#
#   benches/gpu.sh [PROGRAM] [FOLDER]
#
# PROGRAM is a release binary (built here if left out), FOLDER takes what is measured (default: target/gpu); table.md in it
# sums it up. Set DEVICE to take another device than the first hardware GPU (DEVICE=software-gpu tries the script without
# one), and LARGE=no to leave out the sizes of a data centre's GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-}
folder=${2:-target/gpu}
device=${DEVICE:-gpu}
large=${LARGE:-yes}
if [ -z "$program" ]; then
    cargo build --release --quiet
    program=target/release/nightloom
fi
mkdir -p "$folder"

step() { printf '\n== %s\n' "$*"; }

# What fails is said and leaves its mark; what follows still runs.
failed=0
try() {
    "$@" || {
        echo "failed: $*" >&2
        failed=1
    }
}

step "devices"
"$program" devices | tee "$folder/devices.txt"

step "every op against its f64 reference on $device"
try "$program" ops --check --device "$device" >"$folder/agreement.txt"
cat "$folder/agreement.txt"

step "which forms are fastest here"
try "$program" tune --device "$device" | tee "$folder/tuned.txt"

step "products"
if [ "$large" = yes ]; then
    try "$program" bench product --size 4096 --device "$device" --json >"$folder/product-f32.json"
    try "$program" bench product --size 8192 --precision f16 --device "$device" --json >"$folder/product-f16.json"
else
    try "$program" bench product --size 256 --device "$device" --json >"$folder/product-f32.json"
fi

step "training steps on $device"
try "$program" bench step --device "$device" --json >"$folder/step.json"
if [ "$large" = yes ]; then
    for network in mlp-fleet-10000 conv1d-90-65536 encoder-64-4096; do
        try "$program" bench step "$network" --device "$device" --no-epochs --json >"$folder/step-$network.json"
    done
fi

step "kernels on $device"
try "$program" bench ops --device "$device" --json >"$folder/ops.json"

step "torch"
if [ "$large" = yes ] && python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    try python3 benches/peers/gpu/torch_gpu.py >"$folder/torch.json"
else
    echo "left out: python3 has no torch with CUDA here, or LARGE=no"
fi
try python3 benches/peers/gpu/table.py "$folder" | tee "$folder/table.md"

step "users answered a second on $device"
users=8192
if [ "$large" = yes ]; then
    users=1000000
fi
try "$program" bench intent --users "$users" --device "$device" | tee "$folder/intent.txt"

for job in growth intent; do
    step "the $job job on $device and on the CPU"
    for where in "$device" cpu; do
        try "$program" run "jobs/$job.toml" --device "$where" --out "$folder/runs" --force --quiet | tee "$folder/$job-$where.txt"
    done
done

echo
echo "written to $folder"
exit "$failed"
