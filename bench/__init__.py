"""Timed comparisons; never part of the tests. README.md here says what each figure means and how to repeat it."""
