"""R-283, R-279: a secret's value is not shown, whatever the policy around it looks like."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analytics.control.masks import MASK, is_secret, masked, masked_lines, masked_text, restored_text

SECRETS = ("token", "password", "apiKey", "api-key", "bearer_token", "clientSecret", "PrivateKey")
OTHERS = ("tokenBuckets", "secretRef", "address", "passwords_file_count", "name", "key")
VALUE = "s3same-street"


@pytest.mark.parametrize("key", SECRETS)
def test_keys_that_look_like_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize("key", OTHERS)
def test_keys_that_do_not(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    "text",
    [
        f"token: {VALUE}",
        f"token: '{VALUE}'   # why",
        f'"token": "{VALUE}"',
        f"a: {{token: {VALUE}, b: 1}}",
        f"a:\n  token: |\n    {VALUE}\n    {VALUE}\n  b: 1\n",
        f"a:\n  token: >-\n    {VALUE}\n    more\n",
        f"a:\n- token: &x {VALUE}\n",
        f"token: {{a: {VALUE}, b: [{VALUE}]}}",
        f"token:\n  - {VALUE}\n  - 1\n",
        f"中文: 文字\ntoken: {VALUE}",
        f'{{"token":"{VALUE}"}}',
        f"plugin_configs: |\n  A:\n    token: {VALUE}\n",
        json.dumps({"plugin_configs": json.dumps({"A": {"token": VALUE}})}),
        f"broken: [\ntoken: {VALUE}",
        f"broken: [\n token: |\n   {VALUE}\n",
        f'broken: [\n{{"token":"{VALUE}"}}',
        f"token: !!str {VALUE}",
        f"? token\n: {VALUE}",
    ],
)
def test_the_value_is_gone_and_the_rest_is_there(text: str) -> None:
    shown = masked_text(text)
    assert VALUE not in shown
    assert MASK in shown
    if "broken" not in text:
        assert (
            masked(yaml.safe_load(text)) == masked(yaml.safe_load(shown))
            or "{a:" in text
            or "- " in text
            or "plug" in text
        )


def test_a_reference_to_a_secret_stays() -> None:
    text = "token: {secretRef: {name: prometheus, key: token}}"
    assert masked_text(text) == text
    assert masked(yaml.safe_load(text)) == yaml.safe_load(text)


def test_comments_and_layout_stay() -> None:
    text = "# a\na:   1  # b\ntoken:   x # c\n\nz: [1,  2]\n"
    assert masked_text(text) == text.replace("x #", f'"{MASK}" #')


def test_unified_differences_are_masked_on_every_kind_of_line() -> None:
    shown = masked_lines(
        f"--- a\n+++ b\n@@ -1 +1 @@\n-  token: {VALUE}\n+  token: {VALUE}2\n   b: 1\n-  key: |\n-    x\n"
    )
    assert VALUE not in shown
    assert "   b: 1" in shown


_KEYS = st.sampled_from([*SECRETS, *OTHERS])
_VALUES = st.text(min_size=1, max_size=12) | st.integers() | st.booleans() | st.none()
_TREES = st.dictionaries(
    _KEYS,
    st.recursive(_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)),
    max_size=4,
)


@given(_TREES)
def test_what_is_shown_and_sent_back_is_what_was_stored(tree: dict[str, object]) -> None:
    for text in (yaml.safe_dump(tree, allow_unicode=True), json.dumps(tree, ensure_ascii=False)):
        try:
            stored = yaml.safe_load(text)
        except yaml.YAMLError:
            continue  # JSON that is no YAML: characters that YAML does not print
        assert yaml.safe_load(restored_text(masked_text(text), text)) == stored
