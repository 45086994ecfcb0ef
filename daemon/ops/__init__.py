"""What an operator touches: command line, web side, metrics, logs, systemd, nightly jobs."""
