"""What is at no address of ours, or is asked in no way that it can be: a page for a browser, problem details for a program."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from registration.pages.language import PageLanguage
from registration.pages.site import Site
from shared.http import language_of, no_route
from shared.negotiation import prefers_page
from shared.problems import Problem


def answer_no_route(site: Site) -> ExceptionHandler:
    async def answer(request: Request, error: Exception) -> Response:
        problem = no_route(request, error)
        said = site.of_address(request)
        if said is not None:  # where there are pages alone, whoever asks
            return _page(site, request, said, problem)
        if prefers_page(request.headers.get("accept", "")):
            answered = _page(site, request, site.wished(request), problem)
        else:
            answered = problem.response(language_of(request))
        answered.headers["Vary"] = "Accept, Accept-Language"
        return answered

    return answer


def _page(site: Site, request: Request, said: PageLanguage, problem: Problem) -> Response:
    if problem.status == 404:
        return site.no_such_page(request, said)
    # Its detail leads to the API, where nobody who reads pages looks for anything.
    return site.problem(request, said, Problem(problem.status, problem.code, problem.title, headers=problem.headers))
