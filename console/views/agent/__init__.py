"""What backup programs on devices ask of the console: to be registered, whether they may back up, and to take reports."""
