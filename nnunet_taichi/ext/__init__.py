"""The folder that `nnUNet_extTrainer` names. It holds one module, since nnU-Net imports all that are here."""
