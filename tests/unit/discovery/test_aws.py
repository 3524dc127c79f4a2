"""The key that stands for the whole AWS family."""

import pytest

from promscrape.discovery.aws import AwsSDConfig
from promscrape.discovery.aws_access import AwsAccess, AwsFilter
from promscrape.discovery.ec2 import Ec2SDConfig
from promscrape.discovery.ecs import EcsSDConfig
from promscrape.discovery.elasticache import ElasticacheSDConfig
from promscrape.discovery.lightsail import LightsailSDConfig
from promscrape.discovery.msk import MskSDConfig
from promscrape.discovery.rds import RdsSDConfig
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.secret import Secret


@pytest.mark.parametrize(
    "own",
    [
        Ec2SDConfig(),
        EcsSDConfig(),
        ElasticacheSDConfig(),
        LightsailSDConfig(),
        MskSDConfig(),
        RdsSDConfig(),
    ],
    ids=lambda own: type(own).__name__,
)
def test_a_role_has_the_defaults_of_its_own_key(own: AwsAccess) -> None:
    """A-2: what is 0 or empty is as the role has it, its concurrency with it."""
    role = type(own).__module__.rpartition(".")[2]
    bare = AwsSDConfig(role=role, port=0, refresh_interval=Duration())
    assert bare.of_role() == own
    assert list(bare.check()) == []


def test_a_role_takes_over_what_is_its_own() -> None:
    """A-2: and leaves the rest, as Prometheus does without a word."""
    http_client = HTTPClientConfig(follow_redirects=False)
    filters = (AwsFilter(name="a", values=("b",)),)
    config = AwsSDConfig(
        role="ec2",
        region="r",
        secret_key=Secret("s"),
        port=9100,
        filters=filters,
        clusters=("c",),
        http_client=http_client,
    )
    assert config.of_role() == Ec2SDConfig(
        region="r", secret_key=Secret("s"), port=9100, filters=filters, http_client=http_client
    )
