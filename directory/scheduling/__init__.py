"""When syncs are due, the queues of the workers, and who is alive."""
