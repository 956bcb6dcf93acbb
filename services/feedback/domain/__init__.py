"""The rules of working together: pure, without a clock, chance or I/O. Time and ids come in as arguments."""
