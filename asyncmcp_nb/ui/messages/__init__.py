"""What servers logged and told, by level."""
