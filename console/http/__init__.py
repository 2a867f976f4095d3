"""Requests and responses of all pages: middleware, fragments, uploads and error pages."""
