"""Creates users by hand and from CSV files, with the scripts of their org's servers."""
