"""Workers: the processes, here or elsewhere, in which stacks train."""
