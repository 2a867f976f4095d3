"""Every write to orgs and users: keyword-only arguments, one transaction, who and when, audit rows."""
