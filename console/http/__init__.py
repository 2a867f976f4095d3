"""Requests and answers, whatever the page: middleware, fragments of pages, uploads, and pages of errors."""
