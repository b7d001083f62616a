"""What the CPU families share."""
