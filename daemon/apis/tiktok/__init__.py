"""TikTok Shop's Partner API: signing, tokens, operations, webhook signatures."""
