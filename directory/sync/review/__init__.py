"""Third stage: check a plan against limits and approval before the first write."""
