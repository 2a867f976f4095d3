"""What pages show about archives: bytes by org, what is due, and the effects of keeping them longer."""
