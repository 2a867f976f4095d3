"""When syncs are due, the queues of the workers, and which processes are alive."""
