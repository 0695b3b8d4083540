"""Errors that the user can correct, each shown as one message without a traceback."""


class UserError(Exception):
    """An error that the user can correct.

    The message says what is wrong, where, and what to do about it. The command line prints only
    the message and exits with status 1. Any other exception is a defect and keeps its traceback.
    """


class ConfigError(UserError):
    """A configuration is invalid."""


class DataError(UserError):
    """A data file is missing, malformed or does not match its description."""


class RecordError(UserError):
    """The record of a run is missing, incomplete or corrupt."""


class TrackingError(UserError):
    """The tracker cannot be used until the user changes something, such as a wrong address."""


class TrackerAwayError(TrackingError):
    """The tracker is temporarily unavailable; a retry may succeed."""


class RefusedError(TrackingError):
    """The tracker rejects one record; it may accept others."""
