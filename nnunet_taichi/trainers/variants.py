"""The paper's ablations. Each differs from TaiChiNet, or from another ablation, in what its docstring names."""

from dataclasses import replace

from nnunet_taichi.config import PUBLISHED
from nnunet_taichi.trainers.taichi import nnUNetTrainerTaichi


class nnUNetTrainerTaichi_Published(nnUNetTrainerTaichi):
    """Last row of table I: the full method, as in version 0.1.0. Later defaults of nnUNetTrainerTaichi do not apply."""

    config, is_frozen = PUBLISHED, True


class nnUNetTrainerTaichi_Model7(nnUNetTrainerTaichi_Published):
    """Table I: the full method without training from easy to hard."""

    config = replace(PUBLISHED, easy_to_hard=False)


class nnUNetTrainerTaichi_Model6(nnUNetTrainerTaichi_Model7):
    """Table I: model 7 without the complementary head, that is, two paths with complementary loss and attention."""

    config = replace(nnUNetTrainerTaichi_Model7.config, head="none")


class nnUNetTrainerTaichi_Model5(nnUNetTrainerTaichi_Model7):
    """Table I: model 7 without attention, that is, two paths with complementary loss and head."""

    config = replace(nnUNetTrainerTaichi_Model7.config, attention=False)


class nnUNetTrainerTaichi_Model4(nnUNetTrainerTaichi_Model6):
    """Table I: model 6 without complementary loss, that is, two paths with attention."""

    config = replace(nnUNetTrainerTaichi_Model6.config, complementary_loss=False)


class nnUNetTrainerTaichi_Model3(nnUNetTrainerTaichi_Model6):
    """Table I: model 6 without attention, that is, two paths with complementary loss."""

    config = replace(nnUNetTrainerTaichi_Model6.config, attention=False)


class nnUNetTrainerTaichi_Model2(nnUNetTrainerTaichi_Model3):
    """Table I: two independent paths, whose logits are averaged."""

    config = replace(nnUNetTrainerTaichi_Model3.config, complementary_loss=False)


class nnUNetTrainerTaichi_Model1(nnUNetTrainerTaichi_Model2):
    """Tables I and II: U-Net_p, the plan's U-Net for the lesion alone.

    There is no background path, attention, head, complementary loss or training from easy to hard. The loss is
    cross-entropy and Dice.
    """

    config = replace(nnUNetTrainerTaichi_Model2.config, lesion_path_only=True)


class nnUNetTrainerTaichi_ConsML(nnUNetTrainerTaichi_Published):
    """Table II: consistent mutual learning, in which both paths learn the lesion."""

    config = replace(PUBLISHED, mutual_learning="consistent")


class nnUNetTrainerTaichi_ConvHead(nnUNetTrainerTaichi_Published):
    """Table III (a): a head of 3x3 convolutions."""

    config = replace(PUBLISHED, head="conv")


class nnUNetTrainerTaichi_SwappedHead(nnUNetTrainerTaichi_Published):
    """Table III (b): the lesion path is refined first."""

    config = replace(PUBLISHED, head_order="positive_first")
