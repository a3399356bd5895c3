"""Which command makes which plans."""

_HOST, _OURS = ("nnUNetv2_plan_and_preprocess",), ("nnunet_taichi", "plan_and_preprocess")

PLANNING = {  # others must exist
    "nnUNetPlans": _HOST,
    "nnUNetTaichiPlans": _OURS,
    "nnUNetTaichiPaperPlans": (*_OURS, "--paper"),
    **{f"nnUNetResEncUNet{size}Plans": (*_HOST, "-pl", f"nnUNetPlannerResEnc{size}") for size in ("M", "L", "XL")},
    **{
        f"nnUNetTaichiResEncUNet{size}Plans": (*_OURS, "-pl", f"nnUNetPlannerTaichiResEnc{size}")
        for size in ("M", "L", "XL")
    },
}
