"""CSV files of users: their text, header and rows, and all that is wrong with them."""
