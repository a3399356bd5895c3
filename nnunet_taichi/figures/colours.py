"""The one palette of all figures: hues of Okabe and Ito, which colour-blind readers can tell apart, and greys."""

SKY, ORANGE, GREEN, YELLOW = "#56B4E9", "#E69F00", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY, INK, MUTED, LINE, GRID = "#595959", "#1f2328", "#57606a", "#d0d7de", "#eaeef2"

FIRST, OTHER, ACCENT = GREY, BLUE, VERMILION  # the first run; the other runs; what must stand out
ON_GREY = (SKY, ORANGE, GREEN, VERMILION, YELLOW, PURPLE)  # for masks over ultrasound images: the others are too dark
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)  # for lines on white
