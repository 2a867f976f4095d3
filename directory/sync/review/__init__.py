"""Third stage: hold a plan against limits and approval before the first write."""
