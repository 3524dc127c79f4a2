"""The extension modules; everything else about the build stands in pyproject.toml."""

from setuptools import setup

# The compiled twins of the hot loops are listed here, each with `optional=True`: a machine
# without a C compiler installs the plain twins instead.
setup(ext_modules=[])
