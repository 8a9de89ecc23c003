"""Speaks with Ganger's tools as a program with the official Python client does, and prints what it saw as JSON.

The plan comes as JSON, in the file that the first argument names: `connect` is an argument vector for standard streams, or
null for the endpoint in the environment of an agent; `mode` is the client's word for the version of the protocol; `calls`
are names with arguments; `heard` is a file that it makes when a call says that it waits. What the protocol promises is checked here: whatever breaks it is in `broken`.
"""

import json
import os
import sys

import anyio
import httpx2
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def server(connect):
    if connect is not None:
        return StdioServerParameters(command=connect[0], args=connect[1:], env=dict(os.environ), cwd=os.getcwd())
    with open(os.environ["GANGER_MCP_TOKEN_FILE"], encoding="utf-8") as file:
        token = file.read().strip()
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return streamable_http_client(os.environ["GANGER_MCP_URL"], http_client=http)


def faults(schema, value):
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


async def list_tools(client, broken):
    """Page by page, to the end."""
    tools, cursor = {}, None
    for _ in range(100):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            if tool.name in tools:
                broken.append(f"{tool.name} is listed twice")
            tools[tool.name] = tool
        cursor = page.next_cursor
        if cursor is None:
            return tools
    broken.append("the list of tools does not end")
    return tools


def check_tool(tool, broken):
    for schema in filter(None, [tool.input_schema, tool.output_schema]):
        Draft202012Validator.check_schema(schema)
        if schema.get("type") != "object":
            broken.append(f"{tool.name}: a schema is not one of an object")
    if not tool.description:
        broken.append(f"{tool.name} has no description")


async def call(client, tool, name, arguments, broken, heard):
    if tool is None:
        broken.append(f"{name} is not listed")
        return None
    broken.extend(f"arguments of {name}: {fault}" for fault in faults(tool.input_schema, arguments))
    # The client itself refuses a result that does not fit; here it is said what does not.
    progress = []

    async def on_progress(value, total, message):
        if progress and value <= progress[-1][0]:
            broken.append(f"the progress of {name} does not increase")
        progress.append([value, message])
        if heard is not None:
            open(heard, "w").close()

    result = await client.call_tool(name, arguments, progress_callback=on_progress)
    shown = {"name": name, "error": bool(result.is_error), "text": "".join(c.text for c in result.content)}
    shown["progress"] = progress
    data = result.structured_content
    if data is not None and tool.output_schema is None:
        broken.append(f"{name} returns a structure, and says no schema of it")
    if tool.output_schema is not None and not result.is_error:
        broken.extend(f"result of {name}: {fault}" for fault in faults(tool.output_schema, data))
        if json.loads(shown["text"]) != data:
            broken.append(f"{name}: its text is not its structure")
    shown["data"] = data
    return shown


async def refusal(ask):
    try:
        await ask
    except MCPError as error:
        return error.code
    return None


async def pages(client, tool, arguments, key):
    """A tool that pages, one entry at a time."""
    found, cursor = [], None
    for _ in range(100):
        more = {} if cursor is None else {"cursor": cursor}
        data = (await client.call_tool(tool, {**arguments, **more, "limit": 1})).structured_content
        found.extend(data[key])
        cursor = data["next_cursor"]
        if cursor is None:
            break
    return found


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    broken = []
    async with Client(server(plan["connect"]), mode=plan["mode"]) as client:
        tools = await list_tools(client, broken)
        for tool in tools.values():
            check_tool(tool, broken)
        info = client.server_info
        seen = {
            "protocol": client.protocol_version,
            "server": info and {"name": info.name, "version": info.version},
            "instructions": client.instructions,
            "tools": {name: tool.annotations and tool.annotations.model_dump() for name, tool in tools.items()},
            "unknown_cursor": await refusal(client.session.list_tools(params={"cursor": "nowhere"})),
            "calls": [
                await call(client, tools.get(name), name, arguments, broken, plan.get("heard"))
                for name, arguments in plan["calls"]
            ],
            "pages": {tool: await pages(client, tool, {}, key) for tool, key in plan.get("pages", [])},
        }
    print(json.dumps({**seen, "broken": broken}))


anyio.run(main)
