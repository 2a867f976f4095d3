"""What runs store in the database, as rows and back."""
