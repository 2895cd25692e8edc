"""Where policies come from: a file, or one ConfigMap. A source watches and offers texts; it never judges them."""

from extender.policy.sources.configmap import ConfigMapSource
from extender.policy.sources.file import FileSource

__all__ = ["ConfigMapSource", "FileSource"]
