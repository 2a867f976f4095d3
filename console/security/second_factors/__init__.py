"""Second factors: what allauth needs of us, passkeys, the second step of signing in, and roles that need one."""
