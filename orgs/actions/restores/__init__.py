"""The actions about restores: downloads from the console, and restores that computers are asked for."""
