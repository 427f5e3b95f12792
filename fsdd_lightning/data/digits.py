"""The classes."""

CLASSES = tuple(str(digit) for digit in range(10))
