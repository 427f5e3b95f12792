"""The integer world: what a device computes, in numpy and integers. README.md is its specification."""
