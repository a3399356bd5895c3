"""All our planners, and the command that makes each kind of plans."""

from nnunet_taichi.planning import planners, slim
from nnunet_taichi.planning.paper import nnUNetPlannerTaichiPaper

DEFAULT, PAPER = planners.nnUNetPlannerTaichi.__name__, nnUNetPlannerTaichiPaper.__name__
PLANNERS: dict[str, type[planners.NamedPlanner]] = {
    planner.__name__: planner
    for planner in (
        planners.nnUNetPlannerTaichi,
        planners.nnUNetPlannerTaichiResEncM,
        planners.nnUNetPlannerTaichiResEncL,
        planners.nnUNetPlannerTaichiResEncXL,
        slim.nnUNetPlannerTaichiSlim,
        slim.nnUNetPlannerTaichiSlimResEncM,
        slim.nnUNetPlannerTaichiSlimResEncL,
        slim.nnUNetPlannerTaichiSlimResEncXL,
        nnUNetPlannerTaichiPaper,
    )
}

_STOCK, _OURS = ("nnUNetv2_plan_and_preprocess",), ("nnunet_taichi", "plan_and_preprocess")
_SHORT = {DEFAULT: (), PAPER: ("--paper",)}

PLANNING = {  # plans -> command; plans of other names must exist already
    "nnUNetPlans": _STOCK,
    **{f"nnUNetResEncUNet{size}Plans": (*_STOCK, "-pl", f"nnUNetPlannerResEnc{size}") for size in ("M", "L", "XL")},
    **{planner.default_name: (*_OURS, *_SHORT.get(name, ("-pl", name))) for name, planner in PLANNERS.items()},
}
