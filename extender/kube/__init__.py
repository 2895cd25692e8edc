"""The Kubernetes API as raw bytes: requests and watch streams. Config, TLS and tokens come from the kubernetes package.

Never here: objects of the API, caches, retries. Who calls decides what an answer means.
"""

from extender.kube.client import ActingAs, KubeApi, KubeError, Response

__all__ = ["ActingAs", "KubeApi", "KubeError", "Response"]
