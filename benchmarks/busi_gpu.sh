#!/usr/bin/env bash
# Stock nnU-Net against TaiChi on BUSI at 256 px, all five folds, the same 40 epochs of one pass each, on one GPU.
# Usage: benchmarks/busi_gpu.sh SRC [FOLDS], for example: benchmarks/busi_gpu.sh Dataset_BUSI_with_GT "0 1"
# nnU-Net, this package and its variables must be set up: see the README.
set -euo pipefail
folds=${2:-0 1 2 3 4}
nnunet_taichi convert busi "$1" -d 256 -n BUSI256 --resize 256 --overwrite
nnUNetv2_plan_and_preprocess -d 256 -c 2d
batch_size=$(python -c "
import json, os
plans = json.load(open(os.path.join(os.environ['nnUNet_preprocessed'], 'Dataset256_BUSI256', 'nnUNetPlans.json')))
print(plans['configurations']['2d']['batch_size'])")
iterations=$((518 / batch_size)) # one pass over the 518 training cases of a fold
# nnU-Net starts 12 + 6 processes a training, which is 90 for five folds: the cores are shared out instead
cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc) # these two are of threads, and nproc would obey them
share=$((cores / $(wc -w <<<"$folds")))
export nnUNet_n_proc_DA=${nnUNet_n_proc_DA:-$((share > 0 ? share : 1))}
for fold in $folds; do # side by side on the one GPU
  python "$(dirname "$0")/busi.py" -d 256 -f "$fold" --recipe "40epochs_${iterations}iterations_seed1" \
    -device cuda --name "busi_256_gpu_fold$fold" &
done
wait
