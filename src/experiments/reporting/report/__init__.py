"""The comparison as files: what every sweep ends with, and the report of a whole study."""
