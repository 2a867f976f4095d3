"""Fourth stage: apply the stored plan in batches."""
