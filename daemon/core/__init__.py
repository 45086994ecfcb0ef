"""Pure decisions, by subject. Nothing here does io, awaits, reads a clock, draws a random number or logs."""
