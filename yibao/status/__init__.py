"""What `yibao status` asks, and how it decides on one reason for each part of a site."""
