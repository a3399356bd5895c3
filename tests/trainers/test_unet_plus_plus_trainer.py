from contract import TrainerContract


class TestUNetPlusPlus(TrainerContract):
    trainer_name = "nnUNetTrainerUNetPlusPlus"
