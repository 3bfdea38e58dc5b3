"""`webhooks.parse`: deliveries that are too large, too deep or of the wrong shape are refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import InvalidArgument, InvalidDelivery, WebhookError, webhooks
from tests.values import JSON_VALUES, assert_not_quadratic, examples
from tests.webhooks.deliveries import DELIVERY, PAYLOADS, RUN, SECRET, delivery, signed


def refuse(headers: dict[str, str], body: bytes, **options: Any) -> InvalidDelivery:
    """Check that a correctly signed delivery is refused, and return the error."""
    with pytest.raises(InvalidDelivery) as caught:
        webhooks.parse(headers, body, secret=SECRET, **options)
    assert str(caught.value).isprintable()
    return caught.value


def test_large_bodies() -> None:
    """A body of more than `max_size` bytes is refused with 413, before its signature is checked."""
    headers, body = delivery("push")
    assert refuse(headers, body, max_size=len(body) - 1).status == 413
    assert webhooks.parse(headers, body, secret=SECRET, max_size=len(body)).name == "push"
    assert refuse({}, bytes(webhooks.MAX_SIZE + 1)).status == 413
    with pytest.raises(InvalidArgument, match="max_size must be an int"):
        webhooks.parse(headers, body, secret=SECRET, max_size=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "100,000"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "101"),
        (b'{"text":"\\"[","a":' + b"[" * 200 + b"]" * 200 + b"}", "201"),
    ],
)
def test_deep_bodies(body: bytes, depth: str) -> None:
    """A body that nests too deeply is refused, and the error names its depth and the limit."""
    assert f"nested {depth} deep; at most 100 levels" in str(refuse(*signed("push", body)))
    accepted = b'{"a":' * 100 + b"1" + b"}" * 100
    assert webhooks.parse(*signed("push", accepted), secret=SECRET).name == "push"


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'""', b"1.5", b"null"])
def test_bodies_of_many_values(value: bytes) -> None:
    """A body of too many values of any kind is refused, and the error names the limit."""
    few, many = (b'{"a":[' + value + (b"," + value) * count + b"]}" for count in (9, 1_000_000))
    error = refuse(*signed("push", many))
    assert error.status == 413
    assert "values; at most 1,000,000 are accepted" in str(error)
    assert len(webhooks.parse(*signed("push", few), secret=SECRET).payload["a"]) == 10


def test_a_body_with_the_most_values() -> None:
    """A body may have 1,000,000 values, with the object and the array around them."""
    for count in (999_998, 999_999):
        body = b'{"numbers": [%s]}' % b",".join([b"0"] * count)
        if count == 999_998:
            event = webhooks.parse(*signed("push", body), secret=SECRET)
            assert len(event.payload["numbers"]) == count
        else:
            assert refuse(*signed("push", body)).status == 413


def test_brackets_in_texts_do_not_count() -> None:
    """Brackets in a string do not count as nesting, even with quotes and backslashes."""
    text = '[{"\\' * 1000
    event = webhooks.parse(*delivery("push", compare=text), secret=SECRET)
    assert event.payload["compare"] == text


@pytest.mark.parametrize("unit", [b'"', b'\\"', b"\\", b'"\\"', b"[", b'{"'])
def test_checking_the_depth_takes_linear_time(unit: bytes) -> None:
    """Eight times as much of a hostile body takes about eight times as long to refuse."""

    def work(count: int) -> None:
        with pytest.raises(InvalidDelivery):
            webhooks.parse(*signed("push", unit * count), secret=SECRET)

    assert_not_quadratic(work)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{}]",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"payload=%7B%7D",
        rb'{"a": "\ud83d"}',
        rb'{"a": [{"\uDE00\ud83d": 1}]}',
    ],
)
def test_bodies_that_are_not_json_objects(body: bytes) -> None:
    """A body that is not a JSON object in UTF-8 is refused with 400."""
    assert refuse(*signed("push", body)).status == 400


def test_escaped_characters() -> None:
    """Escapes of any character are accepted, also as two halves, and look-alikes of escapes."""
    body = rb'{"compare": "\ud83d\ude00 \u00e9 \\ud83d"}'
    event = webhooks.parse(*signed("push", body), secret=SECRET)
    assert event.payload["compare"].encode() == "\U0001f600 \u00e9 \\ud83d".encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"payload", b"payload=1&payload=2", b"other=%7B%7D", b"payload=\xff", b"a=1&" * 50],
)
def test_malformed_forms(body: bytes) -> None:
    """A form without exactly one payload is refused."""
    kind = "application/x-www-form-urlencoded"
    assert "form" in str(refuse(*signed("push", body, Content_Type=kind)))


def test_a_form_is_as_strict_as_json() -> None:
    """The payload in a form is checked like a body of JSON."""
    body = f"payload={quote('[' * 200)}".encode()
    refuse(*signed("push", body, Content_Type="application/x-www-form-urlencoded; charset=utf-8"))


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("workflow_run", {"workflow_run": None}, "workflow_run"),
        ("workflow_run", {"workflow_run": {**RUN, "id": "30433642"}}, "id"),
        ("workflow_run", {"workflow_run": {**RUN, "id": True}}, "id"),
        ("workflow_run", {"workflow_run": {**RUN, "created_at": "yesterday"}}, "created_at"),
        ("workflow_run", {"workflow_run": {**RUN, "repository": []}}, "repository"),
        ("workflow_run", {"repository": None}, "repository"),
        ("workflow_job", {"workflow_job": {"id": 1}}, "run_id"),
        ("ping", {"hook_id": "1"}, "hook_id"),
        ("push", {"repository": {"id": 1}}, "full_name"),
        ("push", {"installation": {"id": "7"}}, "installation.id"),
        ("push", {"installation": [7]}, "installation"),
        ("push", {"action": {"evil": 1}}, "action"),
        ("push", {"sender": {"id": 1}}, "login"),
    ],
)
def test_wrong_types(name: str, changes: dict[str, Any], field: str) -> None:
    """A field of the wrong type is refused, and the error names the field."""
    error = refuse(*delivery(name, **changes))
    assert field in str(error)
    assert name in str(error)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"X_GitHub_Event": None}, 400),
        ({"X_GitHub_Event": "a/b"}, 400),
        ({"X_GitHub_Event": "push\n"}, 400),
        ({"X_GitHub_Event": "push\u0661"}, 400),
        ({"X_GitHub_Delivery": None}, 400),
        ({"X_GitHub_Delivery": "../../etc"}, 400),
        ({"X_GitHub_Delivery": "x" * 101}, 400),
        ({"Content_Type": "text/xml"}, 415),
        ({"Content_Type": "\x1b[2J"}, 415),
    ],
)
def test_wrong_headers(changes: dict[str, Any], status: int) -> None:
    """A missing or strange event name, delivery id or content type is refused."""
    headers, body = signed("push", delivery("push")[1], **changes)
    assert refuse(headers, body).status == status


def test_two_different_headers() -> None:
    """A header that is given twice with different values is refused, as it may be smuggled."""
    headers, body = delivery("push")
    twice = [*headers.items(), ("x-github-event", "ping")]
    with pytest.raises(InvalidDelivery, match="two different headers x-github-event"):
        webhooks.parse(twice, body, secret=SECRET)
    same = [*headers.items(), ("x-github-delivery", DELIVERY)]
    assert webhooks.parse(same, body, secret=SECRET).name == "push"


@given(name=st.sampled_from(sorted(PAYLOADS)), values=st.dictionaries(st.text(), JSON_VALUES))
@examples(300)
def test_any_json(name: str, values: dict[str, Any]) -> None:
    """Any JSON, signed, either becomes an event or is refused with a `WebhookError`."""
    keys = [*PAYLOADS[name]]
    changed = {keys[len(key) % len(keys)]: value for key, value in values.items()}
    body = json.dumps({**PAYLOADS[name], **changed}).encode()
    with suppress(WebhookError):
        event = webhooks.parse(*signed(name, body), secret=SECRET)
        assert event.name == name
        assert json.dumps(event.payload) == json.dumps(json.loads(body))
