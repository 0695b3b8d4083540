"""Mistakes a user can make: each is shown as one message, without a traceback."""


class UserError(Exception):
    """Something the user can put right.

    The message says what is wrong, where, and what to do about it. The command line prints
    it alone and exits with status 1; any other exception is a defect and keeps its traceback.
    """


class ConfigError(UserError):
    """A configuration that cannot be run."""


class DataError(UserError):
    """A data file that is missing, malformed or does not fit its description."""


class RecordError(UserError):
    """A run's record that is missing, incomplete or corrupt."""


class TrackingError(UserError):
    """A tracker that refuses everything until somebody puts it right: a wrong address, say."""


class TrackerAwayError(TrackingError):
    """A tracker that does not work at the moment: the same may succeed later."""


class RefusedError(TrackingError):
    """One record that the tracker refuses; others may be taken."""
