"""Networks; they know nothing of nnU-Net's files or folders."""

TAICHINET = "nnunet_taichi.architectures.taichinet.TaiChiNet"  # as nnU-Net locates it
