"""Last stage: log lines, mails and summaries of a run."""
