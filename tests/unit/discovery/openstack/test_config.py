"""The ways to a token."""

from collections.abc import Mapping

import pytest

from promscrape.discovery.openstack.config import Access, access_of
from promscrape.discovery.openstack.provider import KIND
from promscrape.errors import DiscoveryError
from tests.support.entries import entry_of

ROLE = "role: instance, region: r"
FULL = {"OS_AUTH_URL": "http://a:5000", "OS_USERNAME": "me", "OS_PASSWORD": "hidden"}


@pytest.mark.parametrize(
    ("access", "identity", "scope"),
    [
        (
            Access("e", user_id="1", password="p", project_id="2"),
            {"user": {"id": "1", "password": "p"}},
            {"project": {"id": "2"}},
        ),
        (
            Access("e", user="me", password="p", domain_id="3", project="x"),
            {"user": {"name": "me", "domain": {"id": "3"}, "password": "p"}},
            {"project": {"name": "x", "domain": {"id": "3"}}},
        ),
        (Access("e", user_id="1", password="p"), {"user": {"id": "1", "password": "p"}}, None),
    ],
    ids=["ids", "names", "unscoped"],
)
def test_a_password_is_that_of_a_user(
    access: Access, identity: Mapping[str, object], scope: Mapping[str, object] | None
) -> None:
    """5.16: names are those of a domain."""
    expected: dict[str, object] = {"identity": {"methods": ["password"], "password": identity}}
    if scope:
        expected["scope"] = scope
    assert access.request() == {"auth": expected}


@pytest.mark.parametrize(
    ("access", "credential"),
    [
        (
            Access("e", credential_id="1", credential_secret="s"),
            {"id": "1", "secret": "s"},
        ),
        (
            Access("e", credential="c", credential_secret="s", user_id="1"),
            {"name": "c", "user": {"id": "1"}, "secret": "s"},
        ),
    ],
    ids=["id", "name"],
)
def test_an_application_credential_has_its_own_scope(
    access: Access, credential: Mapping[str, object]
) -> None:
    """5.16."""
    method = "application_credential"
    assert access.request() == {"auth": {"identity": {"methods": [method], method: credential}}}


@pytest.mark.parametrize("endpoint", ["http://a:5000", "http://a:5000/v3", "http://a:5000/v3/"])
def test_the_version_of_the_identity_api_is_added(endpoint: str) -> None:
    """5.16."""
    assert Access(endpoint).url == "http://a:5000/v3/auth/tokens"


def test_an_entry_without_an_endpoint_takes_all_from_the_environment() -> None:
    """5.16: what the entry says besides does not count."""
    entry = entry_of(KIND, f"{ROLE}, username: other, password: other")
    environ = FULL | {"OS_TENANT_NAME": "x", "OS_DOMAIN_ID": "d"}
    assert access_of(entry, environ) == Access(
        "http://a:5000", user="me", password="hidden", project="x", domain_id="d"
    )


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "OS_AUTH_URL"),
        (FULL | {"OS_USERNAME": ""}, "OS_USERID or OS_USERNAME"),
        (FULL | {"OS_PASSWORD": ""}, "OS_PASSWORD"),
        (FULL | {"OS_APPLICATION_CREDENTIAL_ID": "1"}, "OS_APPLICATION_CREDENTIAL_SECRET"),
    ],
)
def test_what_the_environment_lacks_fails_the_entry(
    environ: Mapping[str, str], missing: str
) -> None:
    """5.16, M-3: when the provider is made."""
    with pytest.raises(DiscoveryError) as caught:
        access_of(entry_of(KIND, ROLE), environ)
    assert str(caught.value) == f"identity_endpoint is not set, and neither is {missing}"


def test_an_entrys_access_shows_no_secret() -> None:
    """Config 14."""
    text = f"{ROLE}, identity_endpoint: 'http://a', password: hidden"
    access = access_of(entry_of(KIND, f"{text}, application_credential_secret: hidden"), {})
    assert access.password == access.credential_secret == "hidden"
    assert "hidden" not in repr(access)
