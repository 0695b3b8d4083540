"""What is compared, one a file, each run in a process of its own."""
