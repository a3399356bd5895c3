"""Hand-made plans and dataset.json dictionaries for networks that train in milliseconds."""

from typing import Any

DATASET = "Dataset001_Tiny"
UNETS = "dynamic_network_architectures.architectures.unet"
RESAMPLERS = ("data", "seg", "probabilities")

LABELS = {
    "one label": {"background": 0, "lesion": 1},
    "three labels": {"background": 0, "a": 1, "b": 2, "c": 3},
    "one region": {"background": 0, "lesion": [1, 2, 3]},
    "three regions": {"background": 0, "whole": [1, 2, 3], "part": [2, 3], "core": 3},
}


def make_dataset_json(labels: dict[str, Any]) -> dict[str, Any]:
    regions = any(isinstance(label, list) for label in labels.values())
    order = {"regions_class_order": list(range(1, len(labels)))} if regions else {}
    return {"channel_names": {"0": "ultrasound"}, "labels": labels, "file_ending": ".png", "numTraining": 12, **order}


def make_plans(
    dim: int = 2, unet: str = "PlainConvUNet", patch: int = 32, features: tuple[int, ...] = (4, 8, 8)
) -> dict[str, Any]:
    """Plans with the one configuration `2d` or `3d_fullres`, as the host hands them to a trainer."""
    configuration = {
        "data_identifier": "tiny",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [patch] * dim,
        "median_image_size_in_voxels": [float(patch)] * dim,
        "spacing": [1.0] * dim,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        **{f"resampling_fn_{name}": "resample_data_or_seg_to_shape" for name in RESAMPLERS},
        **{
            f"resampling_fn_{name}_kwargs": {
                "is_seg": name == "seg",
                "order": 1,
                "order_z": 0,
                "force_separate_z": None,
            }
            for name in RESAMPLERS
        },
        "architecture": make_architecture(dim, unet, features),
        "batch_dice": True,
    }
    return {
        "dataset_name": DATASET,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [1.0] * 3,
        "original_median_shape_after_transp": [1, patch, patch],
        "image_reader_writer": "NaturalImage2DIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {configuration_name(dim): configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
        "continue_training": False,
    }


def make_architecture(dim: int, unet: str, features: tuple[int, ...]) -> dict[str, Any]:
    stages = len(features)
    blocks = "n_blocks_per_stage" if unet == "ResidualEncoderUNet" else "n_conv_per_stage"
    return {
        "network_class_name": unet if "." in unet else f"{UNETS}.{unet}",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(features),
            "conv_op": f"torch.nn.modules.conv.Conv{dim}d",
            "kernel_sizes": [[3] * dim] * stages,
            "strides": [[1] * dim] + [[2] * dim] * (stages - 1),
            blocks: [1] * stages,
            "n_conv_per_stage_decoder": [1] * (stages - 1),
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dim}d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def configuration_name(dim: int) -> str:
    return "2d" if dim == 2 else "3d_fullres"
