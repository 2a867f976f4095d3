"""Second stage: decide a change for every user in scope."""
