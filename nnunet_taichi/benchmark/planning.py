"""Which command makes which plans."""

from nnunet_taichi.planning.plan import DEFAULT, PAPER, PLANNERS

_HOST, _OURS = ("nnUNetv2_plan_and_preprocess",), ("nnunet_taichi", "plan_and_preprocess")
_SHORT = {DEFAULT: (), PAPER: ("--paper",)}

PLANNING = {  # others must exist
    "nnUNetPlans": _HOST,
    **{f"nnUNetResEncUNet{size}Plans": (*_HOST, "-pl", f"nnUNetPlannerResEnc{size}") for size in ("M", "L", "XL")},
    **{planner.default_name: (*_OURS, *_SHORT.get(name, ("-pl", name))) for name, planner in PLANNERS.items()},
}
