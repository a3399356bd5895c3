#!/usr/bin/env bash
# All rows of the paper's tables on BUSI by the paper's own protocol, on one GPU; then memory and seconds of each.
# Usage: benchmarks/paper_gpu.sh SRC [FOLDS], for example: benchmarks/paper_gpu.sh Dataset_BUSI_with_GT "0 1"
# nnU-Net, this package and its variables must be set up: see the README.
set -euo pipefail
here=$(dirname "$0")
folds=${2:-0 1 2 3 4}
nnunet_taichi convert busi "$1" -d 224 -n BUSI224 --resize 224 --overwrite
nnunet_taichi plan_and_preprocess -d 224 --paper -c 2d
python "$here/networks.py"
python "$here/planner_memory.py"
# nnU-Net starts 12 + 6 processes a training, which is 90 for five folds: the cores are shared out instead
cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc) # these two are of threads, and nproc would obey them
share=$((cores / $(wc -w <<<"$folds")))
export nnUNet_n_proc_DA=${nnUNet_n_proc_DA:-$((share > 0 ? share : 1))}
for fold in $folds; do # side by side on the one GPU
  python "$here/busi.py" -d 224 -f "$fold" -tr all --recipe Paper_seed1 -p nnUNetTaichiPaperPlans \
    -device cuda --name "paper_224_gpu_fold$fold" &
done
wait
