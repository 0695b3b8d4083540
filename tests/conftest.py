"""What all tests stand on."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` a terminal
# that closes; what they start would ignore them too.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)
