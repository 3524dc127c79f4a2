"""Health checks, reload, quit, and the redirects to the first page."""

from http import HTTPStatus

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.errors import PromscrapeError
from promscrape.web.api.envelope import encode
from promscrape.web.api.status import build_info
from promscrape.web.options import WebOptions
from promscrape.web.reply import Reply, error, redirect, text
from promscrape.web.router import Handler, Route
from promscrape.web.state import Service

_NAME = "Prometheus Agent"


def management_routes(service: Service, options: WebOptions) -> list[Route]:
    """Return the routes of sections 4.1 and 5 that are no pages."""
    reload, quit_ = _always(_forbidden()), _always(_forbidden())
    if options.enable_lifecycle:
        reload, quit_ = _reload(service), _quit(service)
    healthy, ready = (text(f"{_NAME} is {word}.\n") for word in ("Healthy", "Ready"))
    use_post = text("Only POST or PUT requests allowed", HTTPStatus.METHOD_NOT_ALLOWED)
    return [
        Route("GET", "/", _first_page(options)),
        Route("GET", "/graph", _query_page(options)),
        Route("GET", "/version", _always(_version())),
        Route("GET", "/federate", _always(_federate()), gated=True),
        Route("GET", "/-/healthy", _always(healthy)),
        Route("HEAD", "/-/healthy", _always(Reply())),
        Route("GET", "/-/ready", _always(ready), gated=True),
        Route("HEAD", "/-/ready", _always(Reply()), gated=True),
        *(Route(method, "/-/reload", reload) for method in ("POST", "PUT")),
        *(Route(method, "/-/quit", quit_) for method in ("POST", "PUT")),
        Route("GET", "/-/reload", _always(use_post)),
        Route("GET", "/-/quit", _always(use_post)),
    ]


def _always(reply: Reply) -> Handler:
    async def answer(_: BaseRequest) -> Reply:
        return reply

    return answer


def _forbidden() -> Reply:
    return text("Lifecycle API is not enabled.", HTTPStatus.FORBIDDEN)


def _reload(service: Service) -> Handler:
    async def reload(_: BaseRequest) -> Reply:
        try:
            await service.reload()
        except PromscrapeError as exc:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return error(f"failed to reload config: {exc}", status)
        return Reply()

    return reload


def _quit(service: Service) -> Handler:
    async def quit_(_: BaseRequest) -> Reply:
        if service.quit():
            return text("Requesting termination... Goodbye!")
        return text("Termination already in progress.")

    return quit_


def _first_page(options: WebOptions) -> Handler:
    return _always(redirect(f"{options.external_url.encoded_path}/agent", HTTPStatus.FOUND))


def _query_page(options: WebOptions) -> Handler:
    async def query_page(request: BaseRequest) -> Reply:
        location = f"{options.external_url.encoded_path}/query?{request.rel_url.raw_query_string}"
        return redirect(location, HTTPStatus.FOUND)

    return query_page


def _version() -> Reply:
    return Reply(body=encode(build_info()) + b"\n")


def _federate() -> Reply:
    reply = error("unsupported operation with WAL-only storage", HTTPStatus.INTERNAL_SERVER_ERROR)
    return msgspec.structs.replace(reply, compressible=True)
