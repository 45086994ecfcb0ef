"""tiktok-pipe17: a daemon that keeps a merchant's TikTok Shop and Pipe17 in step. Start reading at `daemon.app`."""

__version__ = "0.1.0"
