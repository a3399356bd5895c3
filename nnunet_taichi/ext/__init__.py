"""What `nnUNet_extTrainer` points at: one module, and no code of ours beyond it."""
