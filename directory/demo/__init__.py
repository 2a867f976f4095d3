"""The demo: a college called Kestrel, as its directory sees it and as Rollcall saw it last term."""
