"""What only saves time: with it or without, a network has the same bits."""
