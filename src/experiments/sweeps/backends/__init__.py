"""Where stacks are trained: one module an engine, all behind :class:`Backend`."""
