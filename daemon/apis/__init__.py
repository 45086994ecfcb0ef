"""The only room that knows HTTP: how each vendor is called, signed, paced and understood."""
