"""Pipe17's unified API v3: key, envelope, paging, and every assumption the public record leaves open."""
