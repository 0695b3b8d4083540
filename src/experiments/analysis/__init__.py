"""Records to tables, words, pictures and reports. Reads records only; never trains."""
