"""Data sets x trainers x folds as jobs: what each needs, its command, and whether it is done."""
