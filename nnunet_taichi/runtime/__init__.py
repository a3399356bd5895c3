"""Processes, locks and files, whatever they are for."""
