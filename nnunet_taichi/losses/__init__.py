"""The losses of section IV: pure tensor functions, and the modules that use them."""
