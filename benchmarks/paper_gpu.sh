#!/usr/bin/env bash
# All rows of the paper's tables on BUSI by the paper's own protocol, on one GPU; then memory and seconds of each.
# Usage: benchmarks/paper_gpu.sh SRC [FOLDS], for example: benchmarks/paper_gpu.sh Dataset_BUSI_with_GT "0 1"
# nnU-Net, this package and its variables must be set up: see the README.
set -euo pipefail
here=$(dirname "$0")
nnunet_taichi convert busi "$1" -d 224 -n BUSI224 --resize 224 --overwrite
nnunet_taichi plan_and_preprocess -d 224 --paper -c 2d
python "$here/networks.py"
python "$here/planner_memory.py"
for fold in ${2:-0 1 2 3 4}; do # side by side on the one GPU
  python "$here/busi.py" -d 224 -f "$fold" -tr all --recipe Paper_seed1 -p nnUNetTaichiPaperPlans \
    -device cuda --name "paper_224_gpu_fold$fold" &
done
wait
