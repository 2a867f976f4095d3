"""The pages on which files come back from archives: as a zip for the browser, or into a new folder on the computer."""
