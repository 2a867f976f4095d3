"""The effects of acts on users, counted in SQL: the same for one user and for 50,000."""
