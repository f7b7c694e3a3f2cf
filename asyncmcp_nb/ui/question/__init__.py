"""What a server asks back, and how a person answers it."""
