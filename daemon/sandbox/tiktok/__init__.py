"""The simulated TikTok Shop; `TikTokSandbox` in `sandbox.py` is where to start reading."""

from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.pricing import Shipping, UnitSpec
from daemon.sandbox.tiktok.records import Address
from daemon.sandbox.tiktok.sandbox import TikTokSandbox

__all__ = ["Address", "Shipping", "TikTokOptions", "TikTokSandbox", "UnitSpec"]
