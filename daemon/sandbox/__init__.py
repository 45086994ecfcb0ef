"""The two simulated services (stateful, strict, nasty) that the demo, the selftest and every test layer run against."""
