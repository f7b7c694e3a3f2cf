"""Input schemas as published servers have them: their names, types and keywords, in our words."""

from __future__ import annotations

from typing import Any, Final

DRAFT_7: Final = "http://json-schema.org/draft-07/schema#"
"""What ``zod-to-json-schema`` writes."""


def zod(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object as ``zod-to-json-schema`` writes it."""
    return {
        "type": "object",
        "properties": properties,
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
        "$schema": DRAFT_7,
    }


def pydantic(title: str, properties: dict[str, Any], *required: str, **defs: Any) -> dict[str, Any]:
    """An object as ``model_json_schema`` writes it."""
    titled = {
        name: {"title": name.replace("_", " ").title(), **schema}
        if "$ref" not in schema
        else schema
        for name, schema in properties.items()
    }
    return {
        **({"$defs": defs} if defs else {}),
        "properties": titled,
        **({"required": list(required)} if required else {}),
        "title": title,
        "type": "object",
    }


def optional(schema: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """``Optional[X] = None`` as pydantic writes it."""
    return {"anyOf": [schema, {"type": "null"}], "default": None, **rest}


STRING: Final = {"type": "string"}
NUMBER: Final = {"type": "number"}
OWNER_AND_REPO: Final = {
    "owner": {"type": "string", "description": "Repository owner"},
    "repo": {"type": "string", "description": "Repository name"},
}

SERVERS: Final[dict[str, dict[str, Any]]] = {
    "filesystem_read_text_file": zod(
        {
            "path": STRING,
            "tail": {"type": "number", "description": "the last N lines"},
            "head": {"type": "number", "description": "the first N lines"},
        },
        "path",
    ),
    "filesystem_write_file": zod({"path": STRING, "content": STRING}, "path", "content"),
    "filesystem_edit_file": zod(
        {
            "path": STRING,
            "edits": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "oldText": {"type": "string", "description": "must match exactly"},
                        "newText": STRING,
                    },
                    "required": ["oldText", "newText"],
                    "additionalProperties": False,
                },
            },
            "dryRun": {"type": "boolean", "default": False, "description": "preview as a diff"},
        },
        "path",
        "edits",
    ),
    "filesystem_read_multiple_files": zod(
        {"paths": {"type": "array", "items": STRING, "minItems": 1}}, "paths"
    ),
    "filesystem_list_directory_with_sizes": zod(
        {"path": STRING, "sortBy": {"type": "string", "enum": ["name", "size"], "default": "name"}},
        "path",
    ),
    "filesystem_search_files": zod(
        {
            "path": STRING,
            "pattern": STRING,
            "excludePatterns": {"type": "array", "items": STRING, "default": []},
        },
        "path",
        "pattern",
    ),
    "git_log": pydantic(
        "GitLog",
        {
            "repo_path": STRING,
            "max_count": {"type": "integer", "default": 10},
            "start_timestamp": optional(STRING, description="ISO 8601, or such as '2 weeks ago'"),
            "end_timestamp": optional(STRING),
        },
        "repo_path",
    ),
    "git_add": pydantic(
        "GitAdd",
        {"repo_path": STRING, "files": {"type": "array", "items": STRING}},
        "repo_path",
        "files",
    ),
    "git_diff": pydantic(
        "GitDiff",
        {"repo_path": STRING, "target": STRING, "context_lines": {"type": "integer", "default": 3}},
        "repo_path",
        "target",
    ),
    "git_branch": pydantic(
        "GitBranch",
        {
            "repo_path": {"type": "string", "description": "The path to the Git repository."},
            "branch_type": STRING,
            "contains": optional(STRING),
            "not_contains": optional(STRING),
        },
        "repo_path",
        "branch_type",
    ),
    "fetch_fetch": pydantic(
        "Fetch",
        {
            "url": {
                "type": "string",
                "format": "uri",
                "minLength": 1,
                "description": "URL to fetch",
            },
            "max_length": {
                "type": "integer",
                "default": 5000,
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1000000,
            },
            "start_index": {"type": "integer", "default": 0, "minimum": 0},
            "raw": {"type": "boolean", "default": False},
        },
        "url",
    ),
    "memory_create_entities": zod(
        {
            "entities": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": STRING,
                        "entityType": STRING,
                        "observations": {"type": "array", "items": STRING},
                    },
                    "required": ["name", "entityType", "observations"],
                    "additionalProperties": False,
                },
            }
        },
        "entities",
    ),
    "memory_create_relations": {
        "type": "object",
        "properties": {
            "relations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"from": STRING, "to": STRING, "relationType": STRING},
                    "required": ["from", "to", "relationType"],
                },
            }
        },
        "required": ["relations"],
    },
    "memory_read_graph": {"type": "object", "properties": {}},
    "time_convert_time": {
        "type": "object",
        "properties": {
            "source_timezone": {"type": "string", "description": "IANA name; 'UTC' by default"},
            "time": {"type": "string", "description": "24-hour format (HH:MM)"},
            "target_timezone": {"type": "string"},
        },
        "required": ["source_timezone", "time", "target_timezone"],
    },
    "sqlite_read_query": {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "SELECT SQL query to execute"}},
        "required": ["query"],
    },
    "postgres_query": {"type": "object", "properties": {"sql": {"type": "string"}}},
    "puppeteer_navigate": {
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "URL to navigate to"},
            "launchOptions": {"type": "object", "description": "as JSON; null for the defaults"},
            "allowDangerous": {"type": "boolean"},
        },
        "required": ["url"],
    },
    "puppeteer_screenshot": {
        "type": "object",
        "properties": {
            "name": STRING,
            "selector": STRING,
            "width": {"type": "number", "description": "in pixels (default: 800)"},
            "height": {"type": "number", "description": "in pixels (default: 600)"},
            "encoded": {"type": "boolean"},
        },
        "required": ["name"],
    },
    "playwright_browser_click": zod(
        {
            "element": STRING,
            "ref": {"type": "string", "description": "from the page snapshot"},
            "doubleClick": {"type": "boolean"},
            "button": {"type": "string", "enum": ["left", "right", "middle"]},
            "modifiers": {
                "type": "array",
                "items": {
                    "type": "string",
                    "enum": ["Alt", "Control", "ControlOrMeta", "Meta", "Shift"],
                },
            },
        },
        "element",
        "ref",
    ),
    "playwright_browser_fill_form": zod(
        {
            "fields": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": STRING,
                        "type": {
                            "type": "string",
                            "enum": ["textbox", "checkbox", "radio", "combobox", "slider"],
                        },
                        "ref": STRING,
                        "value": {"type": "string", "description": "of a checkbox, true or false"},
                    },
                    "required": ["name", "type", "ref", "value"],
                    "additionalProperties": False,
                },
            }
        },
        "fields",
    ),
    "playwright_browser_tabs": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": ["list", "new", "close", "select"]},
            "index": {"type": "number", "description": "of the tab, for close and select"},
        },
        "required": ["action"],
        "additionalProperties": False,
    },
    "everything_annotated_message": zod(
        {
            "messageType": {"type": "string", "enum": ["error", "success", "debug"]},
            "includeImage": {"type": "boolean", "default": False},
        },
        "messageType",
    ),
    "everything_get_resource_reference": zod(
        {"resourceId": {"type": "number", "minimum": 1, "maximum": 100}}, "resourceId"
    ),
    "everything_print_env": zod({}),
    "everything_elicitation": {
        "type": "object",
        "properties": {
            "color": {"type": "string", "description": "Favorite color"},
            "number": {"type": "integer", "minimum": 1, "maximum": 100},
            "pets": {
                "type": "string",
                "enum": ["cats", "dogs", "birds"],
                "enumNames": ["Cats", "Dogs", "Birds"],
            },
            "email": {"type": "string", "format": "email"},
            "born": {"type": "string", "format": "date"},
            "site": {"type": "string", "format": "uri"},
            "level": {
                "type": "string",
                "oneOf": [{"const": "lo", "title": "Low"}, {"const": "hi", "title": "High"}],
            },
            "many": {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "items": {"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            },
            "subscribe": {"type": "boolean", "default": True},
        },
        "required": ["color"],
    },
    "github_create_issue": {
        "type": "object",
        "properties": {
            **OWNER_AND_REPO,
            "title": STRING,
            "body": STRING,
            "assignees": {"type": "array", "items": STRING},
            "labels": {"type": "array", "items": STRING},
            "milestone": NUMBER,
        },
        "required": ["owner", "repo", "title"],
    },
    "github_list_issues": {
        "type": "object",
        "properties": {
            **OWNER_AND_REPO,
            "state": {"type": "string", "enum": ["OPEN", "CLOSED"]},
            "orderBy": {"type": "string", "enum": ["CREATED_AT", "UPDATED_AT", "COMMENTS"]},
            "direction": {"type": "string", "enum": ["ASC", "DESC"]},
            "since": {"type": "string", "description": "ISO 8601 timestamp"},
            "perPage": {"type": "number", "minimum": 1, "maximum": 100},
            "after": STRING,
        },
        "required": ["owner", "repo"],
    },
    "github_push_files": {
        "type": "object",
        "properties": {
            **OWNER_AND_REPO,
            "branch": STRING,
            "files": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["path", "content"],
                    "properties": {"path": STRING, "content": STRING},
                },
            },
            "message": STRING,
        },
        "required": ["owner", "repo", "branch", "files", "message"],
    },
    "slack_post_message": {
        "type": "object",
        "properties": {
            "channel_id": STRING,
            "text": {"type": "string", "description": "The message text to post"},
        },
        "required": ["channel_id", "text"],
    },
    "slack_conversations_history": {
        "type": "object",
        "properties": {
            "channel_id": {"type": "string", "description": "Cxxxxxxxxxx or #general"},
            "include_activity_messages": {"type": "boolean", "default": False},
            "limit": {"type": "string", "default": "1d"},
        },
        "required": ["channel_id"],
    },
    "sentry_search_issues": zod(
        {
            "organizationSlug": STRING,
            "regionUrl": {"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]},
            "projectSlugOrId": {"type": ["string", "null"], "default": None},
            "query": {"type": "string", "default": "is:unresolved"},
            "sort": {"type": "string", "enum": ["date", "freq", "new", "user"], "default": "date"},
            "limit": {"type": "number", "minimum": 1, "maximum": 100, "default": 10},
        },
        "organizationSlug",
    ),
    "stripe_create_price": zod(
        {
            "product": STRING,
            "unit_amount": {"type": "integer", "description": "in cents"},
            "currency": {"type": "string", "minLength": 3, "maxLength": 3},
            "recurring": {
                "type": "object",
                "properties": {
                    "interval": {"type": "string", "enum": ["day", "week", "month", "year"]},
                    "interval_count": {"type": "integer"},
                },
                "required": ["interval"],
                "additionalProperties": False,
            },
            "metadata": {"type": "object", "additionalProperties": STRING},
        },
        "product",
        "unit_amount",
        "currency",
    ),
    "sequentialthinking": {
        "type": "object",
        "properties": {
            "thought": {"type": "string", "description": "Your current thinking step"},
            "nextThoughtNeeded": {"type": "boolean"},
            "thoughtNumber": {"type": "integer", "minimum": 1},
            "totalThoughts": {"type": "integer", "minimum": 1},
            "isRevision": {"type": "boolean"},
            "branchId": {"type": "string"},
        },
        "required": ["thought", "nextThoughtNeeded", "thoughtNumber", "totalThoughts"],
    },
    "brave_web_search": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "max 400 chars, 50 words"},
            "count": {"type": "number", "description": "1-20, default 10", "default": 10},
            "offset": {"type": "number", "default": 0},
        },
        "required": ["query"],
    },
    "notion_create_page": {
        "type": "object",
        "$defs": {
            "richText": {
                "type": "object",
                "properties": {
                    "text": {
                        "type": "object",
                        "properties": {
                            "content": {"type": "string", "maxLength": 2000},
                            "link": {
                                "type": ["object", "null"],
                                "properties": {"url": STRING},
                                "required": ["url"],
                            },
                        },
                        "required": ["content"],
                    },
                    "type": {"enum": ["text"]},
                },
                "required": ["text"],
                "additionalProperties": False,
            },
            "block": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "type": {"enum": ["paragraph"]},
                            "rich_text": {"type": "array", "items": {"$ref": "#/$defs/richText"}},
                        },
                        "required": ["type"],
                    },
                    {
                        "type": "object",
                        "properties": {
                            "type": {"enum": ["bulleted"]},
                            "children": {"type": "array", "items": {"$ref": "#/$defs/block"}},
                        },
                        "required": ["type"],
                    },
                ]
            },
        },
        "properties": {
            "parent": {"type": "object", "properties": {"page_id": {"type": "string"}}},
            "children": {"type": "array", "items": {"$ref": "#/$defs/block"}},
        },
        "required": ["parent"],
    },
    "fastmcp_book_trip": pydantic(
        "book_tripArguments",
        {
            "traveller": {"$ref": "#/$defs/Person"},
            "seat": {"$ref": "#/$defs/Seat", "default": "aisle"},
            "leaves": {"type": "string", "format": "date-time"},
            "nights": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "companions": optional({"type": "array", "items": {"$ref": "#/$defs/Person"}}),
            "price": {
                "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}]
            },
        },
        "traveller",
        "leaves",
        "nights",
        "price",
        Person={
            "properties": {
                "name": {"title": "Name", "type": "string", "maxLength": 80},
                "born": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            },
            "required": ["name", "born"],
            "title": "Person",
            "type": "object",
        },
        Seat={"enum": ["aisle", "window"], "title": "Seat", "type": "string"},
    ),
    "fastmcp_draw": pydantic(
        "drawArguments",
        {
            "shape": {
                "discriminator": {
                    "mapping": {"circle": "#/$defs/Circle", "square": "#/$defs/Square"},
                    "propertyName": "kind",
                },
                "oneOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}],
            }
        },
        "shape",
        Circle={
            "properties": {
                "kind": {"const": "circle", "default": "circle", "type": "string"},
                "radius": {"type": "number", "exclusiveMinimum": 0},
            },
            "required": ["radius"],
            "title": "Circle",
            "type": "object",
        },
        Square={
            "properties": {
                "kind": {"const": "square", "default": "square", "type": "string"},
                "side": {"type": "number"},
            },
            "required": ["side"],
            "title": "Square",
            "type": "object",
        },
    ),
}
"""By server and tool."""
