"""Data sets as nnU-Net raw data sets.

A converter is a module with SUMMARY, DEFAULT_NAME, `add_arguments(parser)` and `find_cases(args) -> Findings`. What it
finds is written by the one writer, `raw_dataset`. A module that has `run(args)` instead does its own work.
"""
