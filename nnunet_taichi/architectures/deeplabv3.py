"""DeepLabV3 (Chen et al., 2017) on ResNet-50, as torchvision builds it."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nnunet_taichi.architectures.blocks import Output
from nnunet_taichi.architectures.precision import fast_on_cpu

WIDTH = 256  # channels before the logits


class DeepLabV3(nn.Module):
    """Atrous spatial pyramid pooling on ResNet-50 with output stride 8, for any image size.

    Args:
        input_channels: Number of channels of the image and of the first convolution.
        num_classes: Number of channels of the logits.
        cpu_bf16: Whether the forward pass may use bf16 on a CPU; see `fast_on_cpu`.
    """

    def __init__(self, input_channels: int, num_classes: int, cpu_bf16: bool = True) -> None:
        super().__init__()
        from torchvision.models.segmentation import deeplabv3_resnet50  # lazily, as timm

        model = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=False)
        self.cpu_bf16, self.backbone = cpu_bf16, model.backbone
        if input_channels != 3:
            self.backbone.conv1 = nn.Conv2d(input_channels, 64, 7, 2, 3, bias=False)
        self.head = nn.Sequential(*list(model.classifier)[:-1])
        self.output = Output(WIDTH, num_classes)

    @fast_on_cpu
    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, num_classes, H, W) of images (B, C, H, W).

        Raises:
            ValueError: A training batch has one image, whose pooled features cannot be normalised over the batch.
        """
        if self.training and len(image) == 1:
            raise ValueError("DeepLabV3 trains on 2 images or more (a GPU): raise batch_size in the plans.")
        logits = self.output(self.head(self.backbone(image)["out"]))  # (B, num_classes, H / 8, W / 8)
        return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)

    @property
    def imagenet_encoders(self) -> dict[str, nn.Module]:
        """The encoder that can start from ImageNet, by timm's name."""
        return {"resnet50": self.backbone}
