"""Every constant of the method, once."""

from dataclasses import dataclass
from typing import Literal, get_origin


@dataclass(frozen=True)
class TaiChiConfig:
    """The method of Wang et al. (JBHI 2024) in numbers and choices; a variant is a `dataclasses.replace` of it.

    Equations and sections are the paper's. Where the paper is silent, the comment says how the value was chosen.

    Raises:
        ValueError: a field has a value that it does not know.
    """

    # --- what the paths learn (sections III and V)
    lesion_path_only: bool = False  # model 1 of table I: one U-Net, which has nobody to exchange anything with
    mutual_learning: Literal["complementary", "consistent"] = "complementary"  # table II: "consistent" both the lesion

    # --- network (section III)
    attention: bool = True  # C2-attention between the bottlenecks (section III-B)
    attention_scale: Literal["none", "sqrt_positions"] = "none"  # as written; see benchmarks/attention_scale.py
    attention_gate: bool = False  # a learned factor for each channel, at first 0, of what equations 8-9 add
    attention_values: Literal["shared", "normalised", "own"] = "shared"  # "shared": equation 7; "normalised": the same,
    # standardised over positions; "own": each path's
    head: Literal["none", "mlp", "conv"] = "mlp"  # complementary head; figure 10 (b, c) "mlp", (a) "conv"
    head_input: Literal["logits", "features"] = "logits"  # what equations 10-11 refine
    head_order: Literal["negative_first", "positive_first"] = "negative_first"  # figure 10 (c); (b) is the other
    head_expansion: int = 2  # MLP width on features: 32 -> 64 -> 32
    head_logit_channels: int = 64  # MLP width on logits, where an expansion of one channel would be two
    prediction: Literal["fused", "lesion", "background"] = "fused"  # what the host gets: both paths, O_p, or 1 - O_n
    lesion_share: float = 0.5  # weight of the lesion path in the fused logits; the background path has the rest

    # --- loss (section IV)
    complementary_loss: bool = True  # equation 18
    complementary_weight: float = 1.0  # of equation 18
    complementary_learner: Literal["both", "background"] = "both"  # which paths get the gradient of equation 18
    background_dice: Literal["background", "lesion", "both"] = "background"  # dice of the background path: O_n with G_n
    # (equation 16), 1 - O_n with the lesion, or their mean
    fused_weight: float = 0.0  # of dice and cross-entropy on the fused output; the paper has none
    dice_smooth: float = 1e-5  # keeps equation 16 finite on empty sets
    deep_supervision: bool = True  # the host's scales; the paper has none

    # --- easy to hard (section IV-C)
    easy_to_hard: bool = True
    difficulty_terms: Literal["literal", "masked"] = "masked"  # equations 21-22 as written, or sparing the other lesion
    difficulty_weight: float = 1.0  # of the second term of equations 21-22
    warmup_fraction: float = 0.25  # of the epochs, for equation 21; the paper gives no length
    miner_width: float = 0.25  # of the plan's widths, in whole percents, for the U-Net++ that mines; 1: all of them
    miner_fraction: float = 0.3  # epochs of that U-Net++ for one of TaiChiNet; for both see benchmarks/mining.py
    near_empty: float = 0.01  # share of the lesion below which a mined set is warned about

    # --- machine
    cpu_bf16: bool = True  # bf16 and channels_last where the processor has AMX or AVX512-BF16
    max_lost_epochs: int = 10  # an interrupted training loses at most these, or 1% of a shorter one (never under 1)

    # --- networks to compare with
    imagenet_weights: str | None = None  # folder of `resnet34.pth` and the like for borrowed encoders; None: random

    def __post_init__(self) -> None:
        """Refuse values that nothing would read."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, not {getattr(self, name)!r}.")
        if self.lesion_path_only and (self.attention or self.head != "none" or self.complementary_loss):
            raise ValueError('lesion_path_only needs attention=False, head="none" and complementary_loss=False.')
        for name in ("warmup_fraction", "miner_fraction", "lesion_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction between 0 and 1, not {getattr(self, name)!r}.")
        if self.miner_width not in [percent / 100 for percent in range(1, 101)]:
            raise ValueError(f"miner_width is a fraction from 0.01 to 1 in steps of 0.01, not {self.miner_width!r}.")

    @property
    def fusion(self) -> tuple[float, float]:
        """Weights of the background path's logits and the lesion path's in the fused ones."""
        rest = 1 - self.lesion_share
        return (rest if self.mutual_learning == "consistent" else -rest), self.lesion_share


_CHOICES = {name: kind.__args__ for name, kind in TaiChiConfig.__annotations__.items() if get_origin(kind) is Literal}

MACHINE = ("cpu_bf16", "max_lost_epochs", "imagenet_weights")  # fields that are no part of the method

OUTPUTS = {  # what `prediction` chooses among, as tables and figures call it
    "fused": "fused",
    "lesion": "lesion path",
    "background": "background path",
}
PUBLISHED = TaiChiConfig()  # the method of version 0.1.0; if a default above changes, its old value is written here


@dataclass(frozen=True)
class PaperProtocol:
    """How the paper trains (section V-B), whatever the network; where it is silent, the comment says how it is read."""

    image_size: int = 224  # pixels a side, to which all images are resized
    batch_size: int = 16
    epochs: int = 40  # each as many images as the fold's training set has
    learning_rate: float = 1e-4  # of Adam; "initial", but no schedule is given: constant
    max_rotation: float = 10.0  # degrees to either side, beside the multiples of 90
    gamma: tuple[float, float] = (0.5, 1.5)
    shear: tuple[float, float] = (0.6, 1.3)  # around 1: read as 1 + the slope; literal slopes leave nothing upright
    probability: float = 0.5  # of each augmentation, in each image; not given


PAPER = PaperProtocol()
