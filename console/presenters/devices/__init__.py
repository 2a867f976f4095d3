"""What pages show about devices: their facts, the acts that fit, and the effects of each act."""
