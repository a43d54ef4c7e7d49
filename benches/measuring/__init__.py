"""What `benches/delivery` measures, and with what."""
