"""Training of the networks of tables IV to VII, with nnU-Net's unchanged loop and loss, on nnU-Net's plans."""

from collections.abc import Mapping
from typing import Any

from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import nn

from nnunet_taichi.architectures.backbones import load_imagenet_weights
from nnunet_taichi.config import MACHINE
from nnunet_taichi.nnunet.predictor import unwrap
from nnunet_taichi.trainers.durable import DurableTrainer

ARCHITECTURES = "nnunet_taichi.architectures"


class ComparisonTrainer(DurableTrainer):
    """Train a network of the literature.

    Attributes:
        network_name: Dotted name of the network. It is imported when the network is built, since some need timm.
        sized_by_plan: Whether the network has the plan's stages and widths, in 2D and 3D. Otherwise it is as published,
            in 2D.
        several_outputs: Whether the network returns a list in training, as with deep supervision. nnU-Net scores the
            first output.
        missing_weights: Error to raise if training starts without the ImageNet weights that it needs.

    Raises:
        ValueError: The network is 2D as published, and the plan is 3D.
    """

    network_name: str
    sized_by_plan = False
    several_outputs = False
    missing_weights: FileNotFoundError | None = None

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the class's network in place of the plan's; nnU-Net calls this without an instance."""
        if not cls.sized_by_plan and len(configuration_manager.patch_size) != 2:
            raise ValueError(f"{cls.__name__} is a 2D network as published: train the configuration 2d.")
        kwargs = cls.size(configuration_manager.network_arch_init_kwargs) if cls.sized_by_plan else {}
        return get_network_from_plans(
            cls.network_name,
            kwargs | {"cpu_bf16": cls.config.cpu_bf16},
            configuration_manager.network_arch_init_kwargs_req_import if cls.sized_by_plan else (),
            num_input_channels,
            num_output_channels,
            deep_supervision=enable_deep_supervision if cls.several_outputs else None,
        )

    @classmethod
    def size(cls, arch_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the network's keyword arguments, given those of the plan's U-Net."""
        return dict(arch_kwargs)

    def recorded_configuration(self) -> dict[str, Any]:
        """Return the network's name and the constants that it uses; those of TaiChiNet's method do not concern it."""
        return {"network": self.network_name} | {name: getattr(self.config, name) for name in MACHINE}

    def initialize(self) -> None:
        """Set whether there are several outputs, and start encoders from ImageNet if so configured.

        Weights are not loaded when the network is built, because prediction also builds it, and needs no such files.
        """
        self.enable_deep_supervision = self.several_outputs
        super().initialize()
        folder = self.config.imagenet_weights
        used = folder or "not used, all weights are random"
        if folder is not None:
            try:
                load_imagenet_weights(getattr(unwrap(self.network), "imagenet_encoders", {}), folder)
            except FileNotFoundError as error:  # validating a trained model needs none
                self.missing_weights, used = error, "not found"
        self.print_to_log_file(f"ImageNet weights: {used}")

    def prepare(self) -> None:
        """Refuse to train from other initial weights than configured.

        Raises:
            FileNotFoundError: ImageNet weights are configured, but do not exist.
        """
        if not self.was_initialized:
            self.initialize()
        if self.missing_weights is not None and self.current_epoch == 0:
            raise self.missing_weights
        super().prepare()

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Switch deep supervision of a network with several outputs; others have nothing to switch."""
        if self.several_outputs:
            super().set_deep_supervision_enabled(enabled)
