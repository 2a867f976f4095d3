"""Django admin for data fixes: the same actions as everywhere, for SYSADMIN only."""
