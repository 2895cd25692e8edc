"""Keys: signing the history so that a rewrite is seen, and sealing what is kept so that it cannot be read.

A key is the content of a file (a mounted Secret). For signing: an Ed25519 key in PEM (the private one signs and
verifies, the public one verifies), or any other 16 bytes and more, used with HMAC-SHA-256. For sealing: 16 bytes and
more, used with AES-256-GCM. All but HMAC needs the package `cryptography`, imported when such a key is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Any, Protocol

KEY_BYTES_MIN = 16
_PEM = b"-----BEGIN "
_NONCE_BYTES = 12


class BadKey(ValueError):
    """The key cannot be used; the message says why and what to do."""


class Signer(Protocol):
    def sign(self, message: bytes) -> str:
        """Raises BadKey for a key that can only verify."""
        ...

    def verify(self, message: bytes, signature: str) -> bool: ...


def signer_of(key: bytes) -> Signer:
    """Raises BadKey."""
    if key.lstrip().startswith(_PEM):
        return _Ed25519(key)
    return _Hmac(key)


class _Hmac:
    def __init__(self, key: bytes) -> None:
        self._key = _long_enough(key)

    def sign(self, message: bytes) -> str:
        return "hmac-sha256:" + hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def verify(self, message: bytes, signature: str) -> bool:
        return hmac.compare_digest(self.sign(message).encode(), signature.encode("utf-8", "replace"))


class _Ed25519:
    def __init__(self, key: bytes) -> None:
        pem = _cryptography("hazmat.primitives.serialization")
        kinds = _cryptography("hazmat.primitives.asymmetric.ed25519")
        self._private: Any = None
        try:
            if b"PRIVATE" in key:
                self._private = pem.load_pem_private_key(key, password=None)
                self._public = self._private.public_key()
            else:
                self._public = pem.load_pem_public_key(key)
        except (ValueError, TypeError) as wrong:
            raise BadKey(f"the PEM key cannot be read: {wrong}; give an unencrypted Ed25519 key") from wrong
        if not isinstance(self._public, kinds.Ed25519PublicKey):
            raise BadKey("the PEM key is of another kind; give an Ed25519 key")

    def sign(self, message: bytes) -> str:
        if self._private is None:
            raise BadKey("a public key can only verify; give the private one to sign with")
        return "ed25519:" + base64.b64encode(self._private.sign(message)).decode()

    def verify(self, message: bytes, signature: str) -> bool:
        wrong = _cryptography("exceptions").InvalidSignature
        kind, _, text = signature.partition(":")
        try:
            self._public.verify(base64.b64decode(text, validate=True), message)
        except (wrong, ValueError):
            return False
        return kind == "ed25519"


class Seal:
    """AES-256-GCM. `about` is bound to the text: it cannot be opened as anything else."""

    def __init__(self, key: bytes) -> None:
        """Raises BadKey."""
        self._wrong = _cryptography("exceptions").InvalidTag
        cipher = _cryptography("hazmat.primitives.ciphers.aead").AESGCM
        self._cipher = cipher(hashlib.sha256(b"trimtab seal\0" + _long_enough(key)).digest())

    def close(self, content: bytes, about: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = self._cipher.encrypt(nonce, content, about.encode())
        return nonce + sealed

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises ValueError: another key, or changed."""
        try:
            content: bytes = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except (self._wrong, ValueError) as wrong:
            raise ValueError("it was sealed with another key, or changed") from wrong
        return content


def _long_enough(key: bytes) -> bytes:
    # A file made with an editor or `echo` ends with a line end; a Secret made from a literal does not.
    bare = key.rstrip(b"\r\n")
    if len(bare) < KEY_BYTES_MIN:
        raise BadKey(f"the key has {len(bare)} bytes; give at least {KEY_BYTES_MIN}, for example 32 random ones in hex")
    return bare


def _cryptography(module: str) -> Any:
    import importlib  # noqa: PLC0415

    try:
        return importlib.import_module(f"cryptography.{module}")
    except ImportError as absent:
        raise BadKey(
            "this kind of key needs the package cryptography, which is not installed; install trimtab[seals], "
            "or sign with an HMAC key"
        ) from absent
