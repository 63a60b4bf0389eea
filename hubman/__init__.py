"""hubman: a model-hub manager and local registry for image-generation models.

Importing the package loads nothing else; the command line is `hubman.cli:main`.
"""

__version__ = "0.1.0"
