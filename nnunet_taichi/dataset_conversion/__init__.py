"""Conversion of data sets into nnU-Net raw data sets.

A converter is a module with SUMMARY, DEFAULT_NAME and `find_cases(source, ...) -> Findings`. One writer, `raw_dataset`,
writes what any converter finds. `new_images` makes new images fit a converted data set.
"""
