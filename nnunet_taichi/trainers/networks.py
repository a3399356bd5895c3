"""A trainer for each network that the paper compares with (tables IV to VII)."""

from nnunet_taichi.trainers.comparison import ARCHITECTURES, ComparisonTrainer


class nnUNetTrainerUNet(ComparisonTrainer):
    """U-Net (Ronneberger et al., 2015), with the plan's widths."""

    network_name = f"{ARCHITECTURES}.unet.UNet"
    sized_by_plan = True


class nnUNetTrainerAttentionUNet(ComparisonTrainer):
    """Attention U-Net (Oktay et al., 2018), with the plan's widths."""

    network_name = f"{ARCHITECTURES}.attention_unet.AttentionUNet"
    sized_by_plan = True


class nnUNetTrainerDeepLabV3(ComparisonTrainer):
    """DeepLabV3 (Chen et al., 2017) on ResNet-50."""

    network_name = f"{ARCHITECTURES}.deeplabv3.DeepLabV3"


class nnUNetTrainerCENet(ComparisonTrainer):
    """CE-Net (Gu et al., 2019)."""

    network_name = f"{ARCHITECTURES}.ce_net.CENet"


class nnUNetTrainerFATNet(ComparisonTrainer):
    """FAT-Net (Wu et al., 2022)."""

    network_name = f"{ARCHITECTURES}.fat_net.FATNet"


class nnUNetTrainerAAUNet(ComparisonTrainer):
    """AAU-Net (Chen et al., 2022)."""

    network_name = f"{ARCHITECTURES}.aau_net.AAUNet"
