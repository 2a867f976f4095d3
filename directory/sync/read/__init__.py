"""First stage: read every server of a run."""
