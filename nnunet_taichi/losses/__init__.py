"""The objective of section IV: pure tensor functions, and the module that combines them."""
