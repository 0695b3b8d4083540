"""What a run is: the schema of a configuration, and how one is checked and built."""
