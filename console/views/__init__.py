"""Views, one module an area; a view only checks permission, reads in the viewer's scope, calls one action, renders."""
