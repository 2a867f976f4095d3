"""Lists: filters, sorting, pages and exports."""
