"""The acts on devices and archives that people do: each has its own rules, and calls the actions that syncs call too."""
