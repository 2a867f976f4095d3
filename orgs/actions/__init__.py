"""Every write to orgs and people: keyword-only, atomic, with who and when, leaving audit rows."""
