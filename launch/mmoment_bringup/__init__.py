"""Starts the Mmoment graph: launch files, parameter files and a supervisor."""
