"""Keys and values of Kubernetes labels: what the API server accepts.

Source: Kubernetes apimachinery pkg/api/validate/content, IsLabelKey and IsLabelValue.
"""

import re

_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_NAME})?"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_MAX_BYTES, _MAX_SUBDOMAIN_BYTES = 63, 253

_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_NAME}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    f"or '12345', regex used for validation is '{_VALUE}')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN}')"
)


def key_faults(key: str) -> list[str]:
    """Return what is wrong with a label key: `name`, or `sub.domain/name`."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        form = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_NAME_RULE} {form}"]
    faults = _prefix_faults(prefix) if slash else []
    if not name:
        faults.append("name part must be non-empty")
    elif len(name.encode()) > _MAX_BYTES:
        faults.append(f"name part must be no more than {_MAX_BYTES} bytes")
    if not re.fullmatch(_NAME, name):
        faults.append(f"name part {_NAME_RULE}")
    return faults


def _prefix_faults(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    faults = []
    if len(prefix.encode()) > _MAX_SUBDOMAIN_BYTES:
        faults.append(f"prefix part must be no more than {_MAX_SUBDOMAIN_BYTES} bytes")
    if not re.fullmatch(_SUBDOMAIN, prefix):
        faults.append(f"prefix part {_SUBDOMAIN_RULE}")
    return faults


def value_faults(value: str) -> list[str]:
    """Return what is wrong with a label value."""
    faults = []
    if len(value.encode()) > _MAX_BYTES:
        faults.append(f"must be no more than {_MAX_BYTES} bytes")
    if not re.fullmatch(_VALUE, value):
        faults.append(_VALUE_RULE)
    return faults
