"""Published results: what a source claims, what repeating it gave, and the verdict."""
