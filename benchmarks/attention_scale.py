"""Does the C2-attention score need a scale? Trains the paper's network on phantoms with and without 1/sqrt(N).

Writes attention_scale_SIZE.csv: loss, gradient norm of the queries and keys, and the entropy of the score (1 is
uniform, 0 a single channel) along the way. Usage: python benchmarks/attention_scale.py [--steps 60] [--size 128]
"""

import argparse
import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nnunet_taichi.architectures.taichinet import TaiChiNet, paper_taichinet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.losses.taichi_loss import TaiChiLoss
from nnunet_taichi.phantoms import phantom


def batches(steps: int, size: int, batch_size: int = 8) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw the same batches for every run: images in [0, 1] and masks, (B, 1, size, size)."""
    rng = np.random.default_rng(0)
    pairs = [[phantom(rng, size) for _ in range(batch_size)] for _ in range(steps)]
    stack = lambda arrays: torch.from_numpy(np.stack(arrays)[:, None].astype(np.float32))  # noqa: E731
    return [(stack([i for i, _ in pair]) / 255, stack([m for _, m in pair])) for pair in pairs]


def entropy(network: TaiChiNet, image: torch.Tensor) -> float:
    """Return the mean entropy of the lesion path's score over that of a uniform one."""
    attention = network.attention
    with torch.no_grad():
        n, p = (path.encoder(image)[-1] for path in (network.negative, network.positive))
        query = attention.positive["query"](p).flatten(2)
        key = torch.cat((attention.negative["key"](n), attention.positive["key"](p)), 1).flatten(2)
        scale = query.shape[2] ** -0.5 if attention.scaled else 1.0
        score = (query * scale @ key.transpose(1, 2)).softmax(-1)
        return (-(score * score.clamp_min(1e-30).log()).sum(-1).mean() / math.log(score.shape[-1])).item()


def train(scale: str, seed: int, data: list[tuple[torch.Tensor, torch.Tensor]]) -> list[dict]:
    """Train one network with the paper's Adam and return a row a step."""
    torch.manual_seed(seed)
    config = replace(TaiChiConfig(), attention_scale=scale, easy_to_hard=False)
    network, loss_function = paper_taichinet(1, 1, config), TaiChiLoss(1, regions=True, config=config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    rows = []
    for step, (image, mask) in enumerate(data):
        optimizer.zero_grad()
        loss = loss_function(network(image), [mask])
        loss.backward()
        scores = [p.grad.norm() for name, p in network.attention.named_parameters() if "query" in name or "key" in name]
        row = {"scale": scale, "seed": seed, "step": step, "loss": round(loss.item(), 4)}
        row["score_gradient"] = f"{torch.stack(scores).norm().item():.2e}"
        if step % 10 == 0 or step == len(data) - 1:
            row["entropy"] = round(entropy(network, image), 4)
        rows.append(row)
        optimizer.step()
    return rows


def main() -> None:
    """Run both and write the CSV beside this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    data = batches(args.steps, args.size)
    rows = [row for seed in range(args.seeds) for s in ("none", "sqrt_positions") for row in train(s, seed, data)]
    with open(Path(__file__).with_name(f"attention_scale_{args.size}.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, ["scale", "seed", "step", "loss", "score_gradient", "entropy"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
