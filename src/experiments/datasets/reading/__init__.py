"""Tables in files: how they are opened, read as text, and how their cells are understood."""
