"""REST surface, events, live view and pages of the camera."""
