"""The way to an endpoint past the router.

Theory. A router tries patterns one after the other and wraps what it finds; that costs more than acceptance itself. So
a request that names the path of an endpoint exactly goes there at once, and every other one takes the way of all: what
an endpoint answers does not depend on the way to it.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from communicator_impl.services.draining import Application, Receive, Scope, Send

__all__ = ["direct"]


def direct(routes: Sequence[BaseRoute], others: Application) -> Application:
    """Return the application with the endpoints of plain paths before its router."""
    plain = [route for route in routes if isinstance(route, Route) and not route.param_convertors]
    endpoints = {(method, route.path): route.endpoint for route in plain for method in route.methods or ()}

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await others(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return called
