"""The table of a training's curves, which trainers write and reports read: one row an epoch."""

CURVES = "taichi_curves.csv"  # in the fold's folder
CURVE_COLUMNS = (
    "epoch",  # from 0
    "stage",  # whole, easy or hard
    "iterations",
    "seconds",
    "learning_rate",
    "train_loss",
    "val_loss",
    "pseudo_dice",  # the host's estimate, mean over classes or regions
    "gpu_peak_gib",
    "easy_share",  # of the lesion pixels that the epoch's batches held
    "hard_share",
)  # and whatever follows them: the terms of the loss, `loss_...`
