"""Encodes once, for photos, clips and live views, and keeps the media of its people."""
