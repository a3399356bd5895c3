"""Figures and their parts, whatever they show."""
