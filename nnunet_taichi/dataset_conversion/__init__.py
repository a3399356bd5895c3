"""Data sets as nnU-Net raw data sets.

A converter is a module with SUMMARY, DEFAULT_NAME and `find_cases(source, ...) -> Findings`. What it finds is written
by the one writer, `raw_dataset`. `new_images` makes new images fit a converted data set.
"""
