"""Targets from the applications that Eureka knows."""

import pytest

from promscrape.discovery.eureka import KIND
from tests.support.entries import until
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

TEXT = "server: '{url}/eureka/'"
# As the REST operations of Eureka 1.x are documented, with a data center of Amazon.
FULL = """<?xml version="1.0" encoding="UTF-8"?>
<applications><versions__delta>1</versions__delta><apps__hashcode>UP_1_</apps__hashcode>
 <application><name>CONFIG</name><instance>
  <instanceId>config-1</instanceId><hostName>config-1.example.com</hostName><app>CONFIG</app>
  <ipAddr>192.0.2.1</ipAddr><status>DOWN</status><overriddenstatus>UNKNOWN</overriddenstatus>
  <port enabled="true">8080</port><securePort enabled="false">443</securePort>
  <countryId>1</countryId>
  <dataCenterInfo class="com.netflix.appinfo.AmazonInfo"><name>Amazon</name>
   <metadata><ami-id>ami0001</ami-id><zone>a</zone></metadata></dataCenterInfo>
  <leaseInfo><renewalIntervalInSecs>30</renewalIntervalInSecs></leaseInfo>
  <metadata class="java.util.Collections$EmptyMap"><management.port>8090</management.port>
   <note>a &amp; b<i>c</i></note></metadata>
  <homePageUrl>http://h/</homePageUrl><statusPageUrl>http://h/s</statusPageUrl>
  <healthCheckUrl>http://h/c</healthCheckUrl><vipAddress>config</vipAddress>
  <secureVipAddress>config-s</secureVipAddress>
  <isCoordinatingDiscoveryServer>false</isCoordinatingDiscoveryServer>
 </instance></application>
</applications>"""
BARE = (
    "<applications><application><name>A</name><instance><hostName>::1</hostName>"
    "</instance></application></applications>"
)


async def test_an_instance_has_all_its_labels() -> None:
    """5.7, test 124: each from its element; all statuses are kept."""
    async with FakeAPI({"/eureka/apps": FULL}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, group.labels) == ("eureka", {})
    assert [dict(target) for target in group.targets] == [
        {
            "__address__": "config-1.example.com:8080",
            "instance": "config-1",
            "__meta_eureka_app_name": "CONFIG",
            "__meta_eureka_app_instance_hostname": "config-1.example.com",
            "__meta_eureka_app_instance_homepage_url": "http://h/",
            "__meta_eureka_app_instance_statuspage_url": "http://h/s",
            "__meta_eureka_app_instance_healthcheck_url": "http://h/c",
            "__meta_eureka_app_instance_ip_addr": "192.0.2.1",
            "__meta_eureka_app_instance_vip_address": "config",
            "__meta_eureka_app_instance_secure_vip_address": "config-s",
            "__meta_eureka_app_instance_status": "DOWN",
            "__meta_eureka_app_instance_country_id": "1",
            "__meta_eureka_app_instance_id": "config-1",
            "__meta_eureka_app_instance_port": "8080",
            "__meta_eureka_app_instance_port_enabled": "true",
            "__meta_eureka_app_instance_secure_port": "443",
            "__meta_eureka_app_instance_secure_port_enabled": "false",
            "__meta_eureka_app_instance_datacenterinfo_name": "Amazon",
            "__meta_eureka_app_instance_datacenterinfo_metadata_ami_id": "ami0001",
            "__meta_eureka_app_instance_datacenterinfo_metadata_zone": "a",
            "__meta_eureka_app_instance_metadata_management_port": "8090",
            "__meta_eureka_app_instance_metadata_note": "a &amp; b<i>c</i>",
        }
    ]


async def test_what_an_instance_leaves_out_is_empty_or_not_there() -> None:
    """5.7, test 124: without a port it is 80, also for an IPv6 address."""
    async with FakeAPI({"/eureka/apps": BARE}) as api:
        (target,) = await api.targets(KIND, TEXT)
    assert {name: value for name, value in target.items() if value} == {
        "__address__": "[::1]:80",
        "__meta_eureka_app_name": "A",
        "__meta_eureka_app_instance_hostname": "::1",
        "__meta_eureka_app_instance_country_id": "0",
    }
    assert "__meta_eureka_app_instance_port" not in target


async def test_no_applications_are_an_update() -> None:
    """B-4."""
    async with FakeAPI({"/eureka/apps": "<applications/>"}) as api:
        assert await api.targets(KIND, TEXT) == []


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_failure_keeps_the_targets(fault: Fault) -> None:
    """C-4, B-6."""
    async with FakeAPI({"/eureka/apps": FULL}) as api:
        await api.check_failure(KIND, TEXT, fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, f"{TEXT}, bearer_token: hidden", "hidden")


@pytest.mark.parametrize(
    "body",
    [
        "<html/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><applications>&b;</applications>',
        "<applications>&b;</applications>",
        b"\xff\xfe<applications/>",
    ],
)
async def test_an_answer_that_is_no_list_of_applications_is_refused(body: object) -> None:
    """5.7: entities could make a small answer fill the memory."""
    async with (
        FakeAPI({"/eureka/apps": body}) as api,
        api.discovering(KIND, TEXT) as found,
    ):
        await until(lambda: found.logs.entries)
        assert "unexpected answer" in str(found.logs.entries[0]["err"])
        assert not found.published.updates
