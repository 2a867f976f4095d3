"""Django's admin over every model, as the pages called data fixes."""
