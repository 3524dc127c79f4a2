"""Targets from the droplets and databases of DigitalOcean."""

import msgspec
import pytest

from promscrape.discovery.digitalocean import KIND, Database, target_of_database
from tests.support.faults import Fault
from tests.support.web_api import FAILURES, FakeAPI

DROPLET = {
    "id": 3164444,
    "name": "example.com",
    "memory": 1024,
    "vcpus": 1,
    "disk": 25,
    "locked": False,
    "status": "active",
    "kernel": None,
    "created_at": "2020-07-21T18:37:44Z",
    "features": ["backups", "private_networking"],
    "image": {"id": 63663980, "name": "20.04 (LTS) x64", "slug": "ubuntu-20-04-x64"},
    "size": {},
    "size_slug": "s-1vcpu-1gb",
    "networks": {
        "v4": [
            {"ip_address": "10.128.192.124", "netmask": "255.255.0.0", "type": "private"},
            {"ip_address": "192.241.165.154", "netmask": "255.255.255.0", "type": "public"},
        ],
        "v6": [{"ip_address": "2604:a880:0:1010::18a:a001", "netmask": 64, "type": "public"}],
    },
    "region": {"name": "New York 3", "slug": "nyc3", "available": True},
    "tags": ["web", "env:prod"],
    "vpc_uuid": "760e09ef-dc84-11e8-981e-3cfdfeaae000",
}
BARE = {"id": 1, "networks": {"v4": [{"ip_address": "10.0.0.1", "type": "private"}]}, "tags": None}
DATABASE = {
    "id": "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30",
    "name": "backend",
    "engine": "pg",
    "version": "14",
    "connection": {"host": "public.db.example.com", "port": 25060, "user": "doadmin"},
    "private_connection": {"host": "private.db.example.com", "port": 25060},
    "num_nodes": 2,
    "region": "nyc3",
    "status": "online",
    "size": "db-s-2vcpu-4gb",
    "tags": ["production"],
}
NEXT = {"pages": {"next": "https://api.digitalocean.com/v2/droplets?page=2", "last": "x"}}
DROPLETS = {
    "/v2/droplets?page=1": {"droplets": [DROPLET], "links": NEXT, "meta": {"total": 3}},
    "/v2/droplets?page=2": {"droplets": [BARE, {"id": 2, "networks": {}}], "links": {}},
}
DATABASES = {
    "/v2/databases?page=1&per_page=100": {"databases": [DATABASE]},
    "/v2/databases?page=2&per_page=100": {"databases": [{"id": "b"}]},
    "/v2/databases?page=3&per_page=100": {"databases": []},
}
TEXT = "authorization: {credentials: hidden}"


async def test_a_droplet_has_all_its_labels() -> None:
    """5.4, test 124: of all pages; one without an IPv4 network is left out."""
    async with FakeAPI(DROPLETS, {"Authorization": "Bearer hidden"}) as api:
        group = await api.group(KIND, TEXT)
    assert (group.source, api.paths) == ("DigitalOcean", list(DROPLETS))
    full, bare = group.targets
    assert full == {
        "__address__": "192.241.165.154:80",
        "__meta_digitalocean_droplet_id": "3164444",
        "__meta_digitalocean_droplet_name": "example.com",
        "__meta_digitalocean_image": "ubuntu-20-04-x64",
        "__meta_digitalocean_image_name": "20.04 (LTS) x64",
        "__meta_digitalocean_private_ipv4": "10.128.192.124",
        "__meta_digitalocean_public_ipv4": "192.241.165.154",
        "__meta_digitalocean_public_ipv6": "2604:a880:0:1010::18a:a001",
        "__meta_digitalocean_region": "nyc3",
        "__meta_digitalocean_size": "s-1vcpu-1gb",
        "__meta_digitalocean_status": "active",
        "__meta_digitalocean_vpc": "760e09ef-dc84-11e8-981e-3cfdfeaae000",
        "__meta_digitalocean_features": ",backups,private_networking,",
        "__meta_digitalocean_tags": ",web,env:prod,",
    }
    assert bare["__address__"] == ":80"
    assert {name for name, value in bare.items() if value} == {
        "__address__",
        "__meta_digitalocean_droplet_id",
        "__meta_digitalocean_private_ipv4",
    }


async def test_a_database_has_all_its_labels() -> None:
    """5.4, tests 122 and 124: pages until an empty one."""
    async with FakeAPI(DATABASES) as api:
        group = await api.group(KIND, f"{TEXT}, role: databases, port: 9273")
    assert (group.source, api.paths) == ("DigitalOcean Databases", list(DATABASES))
    full, bare = group.targets
    assert full == {
        "__address__": "private.db.example.com:9273",
        "__meta_digitalocean_db_id": "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30",
        "__meta_digitalocean_db_name": "backend",
        "__meta_digitalocean_db_engine": "pg",
        "__meta_digitalocean_db_version": "14",
        "__meta_digitalocean_db_status": "online",
        "__meta_digitalocean_db_region": "nyc3",
        "__meta_digitalocean_db_size": "db-s-2vcpu-4gb",
        "__meta_digitalocean_db_num_nodes": "2",
        "__meta_digitalocean_db_private_host": "private.db.example.com",
        "__meta_digitalocean_db_host": "public.db.example.com",
        "__meta_digitalocean_db_tag_production": "true",
    }
    assert not {"__address__", "__meta_digitalocean_db_host"} & set(bare)


def test_a_tag_of_a_database_stays_as_it_is() -> None:
    """5.4, test 122 (REF-Q): also where no old-style label can be named so."""
    database = msgspec.convert(DATABASE | {"tags": ["a:b"], "private_connection": {}}, Database)
    target = target_of_database(database, 80)
    assert target["__meta_digitalocean_db_tag_a:b"] == "true"
    assert target["__address__"] == "public.db.example.com:80"


@pytest.mark.parametrize("fault", FAILURES)
@pytest.mark.parametrize("role", ["droplets", "databases"])
async def test_a_failure_keeps_the_targets(role: str, fault: Fault) -> None:
    """C-4, B-6."""
    tables = {
        "droplets": DROPLETS,
        "databases": DATABASES | {"/v2/databases?page=2&per_page=100": {"databases": []}},
    }
    async with FakeAPI(tables[role]) as api:
        await api.check_failure(KIND, f"{TEXT}, role: {role}", fault)


async def test_refused_access_is_told() -> None:
    """P-22."""
    async with FakeAPI({}) as api:
        await api.check_refused(KIND, TEXT, "hidden")
