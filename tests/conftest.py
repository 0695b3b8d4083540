"""What all tests stand on."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C, and all they start too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
