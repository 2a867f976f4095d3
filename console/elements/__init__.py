"""Small parts of pages and tables: badges, icons, times, differences, buttons and addresses."""
