"""Small parts that pages and tables show alike: badges, icons, times, differences, buttons and addresses."""
