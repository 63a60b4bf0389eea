"""Pictures by torch and diffusers, always in a child process. Importing this package loads neither."""
