"""The table of a training's curves, which trainers write and reports read: one row per epoch."""

CURVES = "taichi_curves.csv"  # in the fold's folder
CURVE_COLUMNS = (
    "epoch",  # from 0
    "stage",  # whole, easy or hard
    "iterations",
    "seconds",
    "learning_rate",
    "train_loss",
    "val_loss",
    "pseudo_dice",  # nnU-Net's estimate, mean over classes or regions
    "gpu_peak_gib",
    "easy_share",  # of the lesion pixels in the epoch's batches, 0 to 1
    "hard_share",
)  # all further columns are terms of the loss, `loss_...`
