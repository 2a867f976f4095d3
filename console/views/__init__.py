"""The pages, one module an area; a view only guards, fetches in scope, calls one action and renders."""
