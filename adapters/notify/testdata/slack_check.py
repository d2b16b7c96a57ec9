"""Reads a message for an incoming webhook from stdin and has Slack's own library check it: its blocks are known ones
within their limits, and nothing stands in them that the library does not write."""
import json
import sys

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block

message = json.load(sys.stdin)


def check(blocks):
    for block in blocks:
        parsed = Block.parse(block)
        if parsed is None:
            sys.exit(f"the library knows no block {block['type']}")
        parsed.validate_json()
        for part in [parsed.text] if getattr(parsed, "text", None) else getattr(parsed, "elements", None) or []:
            part.validate_json()
        if parsed.to_dict() != block:
            sys.exit(f"the library writes {parsed.to_dict()}, not {block}")


check(message["blocks"])
for attachment in message["attachments"]:
    check(attachment["blocks"])
    written = BlockAttachment(blocks=attachment["blocks"], color=attachment["color"], fallback=attachment["fallback"])
    written.validate_json()
    if written.to_dict() != attachment:
        sys.exit(f"the library writes {written.to_dict()}, not {attachment}")
