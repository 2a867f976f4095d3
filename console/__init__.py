"""The Django project: settings, processes and all pages."""
