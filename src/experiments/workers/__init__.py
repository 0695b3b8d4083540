"""Workers: the processes, on this machine or on others, in which stacks train."""
