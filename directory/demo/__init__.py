"""The demo: a college called Kestrel, as its directory is today and as Rollcall was last term."""
