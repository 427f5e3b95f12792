"""What is recognised."""

CLASSES = tuple(str(digit) for digit in range(10))
