"""The constants of the method, each in one place."""

from dataclasses import dataclass
from typing import Literal, get_origin


@dataclass(frozen=True)
class TaiChiConfig:
    """The numbers and choices of the method of Wang et al. (JBHI 2024). `dataclasses.replace` makes a variant.

    Equations and sections are the paper's. Where the paper is silent, the comment says how the value was chosen.

    Raises:
        ValueError: A field has a value that it does not allow, or fields contradict one another.
    """

    # --- what the paths learn (sections III and V)
    lesion_path_only: bool = False  # whether there is only the lesion path: one U-Net (model 1 of table I)
    mutual_learning: Literal["complementary", "consistent"] = "complementary"  # with "complementary", the background
    # path learns the background; with "consistent", both paths learn the lesion (table II)

    # --- network (section III)
    attention: bool = True  # whether C2-attention connects the bottlenecks of the paths (section III-B)
    attention_scale: Literal["none", "sqrt_positions"] = "none"  # with "none", attention scores are as in the
    # paper; with "sqrt_positions", they are divided by sqrt(N), for N positions (see benchmarks/attention_scale.py)
    attention_gate: bool = False  # whether a learned factor for each channel, at first 0, scales what equations 8-9 add
    attention_values: Literal["shared", "normalised", "own"] = "shared"  # with "shared", values come from both paths
    # (equation 7); with "normalised", these are standardised over positions; with "own", each path uses only its own
    head: Literal["none", "mlp", "conv"] = "mlp"  # with "mlp", the complementary head is that of figure 10 (b, c);
    # with "conv", that of figure 10 (a); with "none", there is no head
    head_input: Literal["logits", "features"] = "logits"  # whether equations 10-11 refine logits or features
    head_order: Literal["negative_first", "positive_first"] = "negative_first"  # with "negative_first",
    # the head refines the background path first (figure 10 c); with "positive_first", the lesion path (figure 10 b)
    head_expansion: int = 2  # hidden width of the head on features, as a multiple of their number: 32 -> 64 -> 32
    head_logit_channels: int = 64  # hidden width of the head on logits (`head_expansion` would give one channel two)
    prediction: Literal["fused", "lesion", "background"] = "fused"  # what nnU-Net gets: with "fused", both paths
    # together; with "lesion", O_p of the lesion path; with "background", 1 - O_n of the background path
    lesion_share: float = 0.5  # weight of the lesion path in the fused logits; the background path has the rest

    # --- loss (section IV)
    complementary_loss: bool = True  # whether the loss has the complementary term (equation 18)
    complementary_weight: float = 1.0  # weight of the complementary term (equation 18)
    complementary_learner: Literal["both", "background"] = "both"  # which paths get the gradient of equation 18
    background_dice: Literal["background", "lesion", "both"] = "background"  # Dice loss of the background path:
    # with "background", of O_n and G_n (equation 16); with "lesion", of 1 - O_n and the lesion; with "both", the mean
    fused_weight: float = 0.0  # weight of Dice loss and cross-entropy on the fused output; the paper has no such term
    dice_smooth: float = 1e-5  # constant that keeps equation 16 finite on empty sets
    deep_supervision: bool = True  # whether the loss also takes nnU-Net's coarser scales; the paper has one scale

    # --- easy to hard (section IV-C)
    easy_to_hard: bool = True  # whether training goes from easy to hard pixels
    difficulty_terms: Literal["literal", "masked"] = "masked"  # with "literal", equations 21-22 are as written;
    # with "masked", their second term leaves out the lesion pixels that are not in the stage's set
    difficulty_weight: float = 1.0  # weight of the second term of equations 21-22
    warmup_fraction: float = 0.25  # share of the epochs for the easy stage (equation 21); the paper gives no length
    miner_width: float = 0.25  # widths of the U-Net++ that mines, as a share of the plan's, in steps of 0.01
    miner_fraction: float = 0.3  # epochs of the U-Net++ that mines, as a share of TaiChiNet's
    # (for `miner_width` and `miner_fraction`, see benchmarks/mining.py)
    near_empty: float = 0.01  # share of the lesion; the log warns of a mined set (easy or hard) that is smaller

    # --- machine
    cpu_bf16: bool = True  # whether to use bf16 and channels_last on a CPU that has AMX or AVX512-BF16
    max_lost_epochs: int = 10  # most epochs that an interruption costs; at most 1% of the training's, but at least 1

    # --- networks to compare with
    imagenet_weights: str | None = None  # folder with `resnet34.pth` and the like for borrowed encoders; None: random

    def __post_init__(self) -> None:
        """Refuse values that are not allowed, and fields that contradict one another."""
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
        """Weights of the background path's and of the lesion path's logits in the fused logits."""
        rest = 1 - self.lesion_share
        return (rest if self.mutual_learning == "consistent" else -rest), self.lesion_share


_CHOICES = {name: kind.__args__ for name, kind in TaiChiConfig.__annotations__.items() if get_origin(kind) is Literal}

MACHINE = ("cpu_bf16", "max_lost_epochs", "imagenet_weights")  # fields that are not part of the method

OUTPUTS = {  # the choices of `prediction`, and what tables and figures call them
    "fused": "fused",
    "lesion": "lesion path",
    "background": "background path",
}
PUBLISHED = TaiChiConfig()  # the method of version 0.1.0; if a default above changes, write its old value here


@dataclass(frozen=True)
class PaperProtocol:
    """How the paper trains any network (section V-B). Where the paper is silent, the comment says what was chosen."""

    image_size: int = 224  # height and width, in pixels, to which all images are resized
    batch_size: int = 16
    epochs: int = 40  # number of epochs, each of as many images as the fold's training set has
    learning_rate: float = 1e-4  # of Adam; "initial" in the paper, but without a schedule: constant
    max_rotation: float = 10.0  # largest rotation to either side, in degrees, in addition to multiples of 90
    gamma: tuple[float, float] = (0.5, 1.5)
    shear: tuple[float, float] = (0.6, 1.3)  # read as 1 + the slope; as slopes, they would leave nothing upright
    probability: float = 0.5  # of each augmentation, in each image; the paper gives none


PAPER = PaperProtocol()
