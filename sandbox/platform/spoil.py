"""What a faulty request gets instead of its answer, byte for byte as seen in the field."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

import orjson
from aiohttp import web

from sandbox.platform.answers import Answer, Code, Shape
from sandbox.platform.faults import Fault, Kind

JSON = "application/json"
_PAGE = "<!DOCTYPE html><html><head><title>系统维护</title></head><body><h1>系统维护中,请稍后再试</h1></body></html>"


_LOGIN = (
    "<!DOCTYPE html><html><head><title>网络准入认证</title></head><body><form action='/login'>"
    "用户名<input name='user'>密码<input type='password' name='password'></form></body></html>"
)
_CONTRADICTIONS = {
    "two_codes": '{"code":200,"infcode":40003,"message":"成功"}'.encode(),
    "twice": b'{"code":200,"code":40003}',
    "failure": '{"code":200,"success":false,"message":"数据入库失败"}'.encode(),
    "inside": b'{"code":200,"data":{"code":40003}}',
    "redirect": b'{"code":200}',
    "deep": '{"code":200,"message":"成功","data":{"rows":[{"code":40003,"message":"失败"}]}}'.encode(),
    "partly": '{"code":200,"message":"部分成功，3条未入库","total":10,"successNum":7}'.encode(),
    "later": '{"code":200,"message":"已受理"}'.encode(),
}


def answer(judgement: Answer, shape: Shape) -> web.Response:
    """An honest answer. Every judgement travels with HTTP 200; only the body says what happened."""
    return web.Response(body=shape.write(judgement), content_type=JSON, charset="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One request that a fault strikes."""

    request: web.Request
    fault: Fault
    honest: web.Response
    """What it would have got without the fault; an empty response where nothing was judged."""
    shape: Shape

    def says(self, code: Code) -> web.Response:
        """An answer with this code in place of the honest one."""
        return answer(Answer(code=code), self.shape)


async def spoil(scene: Scene) -> web.StreamResponse:
    """The response of a struck request. LATE gets its honest answer: the lateness itself is the fault."""
    if scene.fault.kind is Kind.CUT:
        return await _cut(scene.request, scene.honest)
    return _SPOILT[scene.fault.kind](scene)


def hang_up(request: web.Request) -> web.Response:
    """Close the connection at once; whatever is written afterwards goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, honest: web.Response) -> web.StreamResponse:
    """Promise the whole body, send half of it, hang up."""
    body = honest.body if isinstance(honest.body, bytes) else b"{}"
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _http_error(request: web.Request, status: int, *, retry_after_s: int | None = None) -> web.Response:
    """The error page of the platform's framework: JSON with a member `status` that is no answer code."""
    fields = {"timestamp": formatdate(), "status": status, "error": "Service Unavailable", "path": request.path}
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return web.Response(status=status, headers=headers, body=orjson.dumps(fields), content_type=JSON)


def _outage(scene: Scene) -> web.Response:
    return _http_error(scene.request, 503) if scene.fault.form in {None, "503"} else hang_up(scene.request)


def _contradiction(fault: Fault) -> web.Response:
    form = fault.form or "two_codes"
    status, headers = {"redirect": 302, "later": 202}.get(form, 200), {"Location": "/elsewhere"} if form == "redirect" else {}
    return web.Response(status=status, headers=headers, body=_CONTRADICTIONS[form], content_type=JSON, charset="utf-8")


def _in_string(honest: web.Response) -> web.Response:
    body = honest.body if isinstance(honest.body, bytes) else b"{}"
    return web.Response(body=orjson.dumps(body.decode()), content_type=JSON, charset="utf-8")


def _throttled(fault: Fault) -> web.Response:
    headers, seconds = {}, 1 if fault.retry_after_s is None else fault.retry_after_s
    if fault.form == "date":
        headers["Retry-After"] = formatdate(time.time() + seconds, usegmt=True)
    elif fault.form == "absurd":
        headers["Retry-After"] = "Mon, 01 Jan 99999999999 00:00:00 GMT"
    elif fault.form != "none":
        headers["Retry-After"] = str(seconds)
    return web.Response(status=429, headers=headers, text="请求过于频繁", content_type="text/plain", charset="utf-8")


def _json(fields: dict[str, object]) -> web.Response:
    return web.Response(body=orjson.dumps(fields), content_type=JSON, charset="utf-8")


_SPOILT: Mapping[Kind, Callable[[Scene], web.Response]] = {
    Kind.LOST: lambda scene: hang_up(scene.request),
    Kind.LATE: lambda scene: scene.honest,
    Kind.SYSTEM: lambda scene: scene.says(Code.SYSTEM),
    Kind.UNAUTHORISED: lambda scene: scene.says(Code.UNAUTHORISED),
    Kind.WRONG_KEY: lambda scene: scene.says(Code.UNOPENED),
    Kind.HTML: lambda _: web.Response(text=_PAGE, content_type="text/html", charset="utf-8"),
    Kind.HTTP: lambda scene: _http_error(scene.request, scene.fault.status, retry_after_s=scene.fault.retry_after_s),
    Kind.GATEWAY: lambda _: _json({"errcode": "ACG.1401", "errmsg": "网关转发失败"}),
    Kind.ZERO: lambda _: _json({"code": 0, "err_msg": "数据处理异常,请稍后重试"}),
    Kind.CODE: lambda scene: _json({"code": scene.fault.code, "message": "机构信息未备案"}),
    Kind.CONTRADICTION: lambda scene: _contradiction(scene.fault),
    Kind.STRING: lambda scene: _in_string(scene.honest),
    Kind.LOGIN: lambda _: web.Response(text=_LOGIN, content_type="text/html", charset="utf-8"),
    Kind.THROTTLED: lambda scene: _throttled(scene.fault),
    Kind.OUTAGE: _outage,
}
