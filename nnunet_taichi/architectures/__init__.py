"""Networks. They do not depend on nnU-Net's files or folders."""

TAICHINET = "nnunet_taichi.architectures.taichinet.TaiChiNet"  # the dotted name by which nnU-Net locates it
