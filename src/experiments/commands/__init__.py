"""What a command line does. Nothing else prints or knows Hydra."""
