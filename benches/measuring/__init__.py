"""What the benches measure, and with what."""
