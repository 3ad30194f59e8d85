"""Picture sources, the frame ring and the camera node of Mmoment."""
