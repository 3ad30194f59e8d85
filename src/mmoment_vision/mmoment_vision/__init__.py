"""Faces, hands and gestures of a camera picture, and the overlay that shows them."""
