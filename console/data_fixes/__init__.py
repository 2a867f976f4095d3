"""Data fixes: Django admin for SYSADMINs, which calls the same actions as all other pages."""
