"""What untrusted text may try: orders to a model, links, images, markup, tool calls, escapes."""

from __future__ import annotations

import re

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|preceding|all|any|these|your)\b.{0,30}\b(?:instructions?|prompts?|rules?|directions?|messages?|context|guidelines)\b"
    r"|\b(?:ignore|disregard|forget|override|bypass)\b.{0,60}\b(?:instructions?|prompts?|rules?|messages?|context|guidelines)\s+(?:above|before|you (?:were|have been) given)\b"
    r"|\b(?:system|developer|hidden) (?:prompt|message|instruction)s?\b|\byou (?:are now|must now|will now|have to now)\b|\bnew instructions?\b|\b(?:reveal|print|repeat|output|leak|send|exfiltrate)\b.{0,40}\b(?:prompt|instructions?|"
    r"secrets?|passwords?|api keys?|credentials|conversation)\b|\bas an ai\b|\bjailbreak\b|\bact as\b.{0,20}\b(?:if|an?|the)\b.{0,30}\b(?:assistant|admin|root|user|model)\b|<\|?(?:im_start|im_end|system|assistant|user|endoftext)\b"
    r"|\[/?(?:INST|SYS)\]|<<SYS>>|\b(?:assistant|system|user)\s*:\s*\S|\btool_?calls?\b|\bfunction_?calls?\b|\b(?:respond|reply|answer|say) (?:only )?(?:with|that)\b.{0,60}[\"'“‘]"
    r"|\b(?:visit|click|open|go to|follow)\b.{0,40}(?:https?://|www\.|\blinks?\b|\bhere\b)|\binstead of answering\b|\bdo not (?:answer|cite|follow|mention)\b|\b(?:always|only|must) (?:recommend|cite|mention|include|output)\b.{0,30}\b(?:this|our|the following)\b",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:https?|ftp|file|data|javascript|mailto):\S|www\.\w|\]\(|!\[|\b[\w-]+\.(?:com|org|net|io|ai|dev|xyz|ru|cn|info|biz|example|test)\b(?:/\S*)?",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<\s*/?\s*[a-zA-Z!][^<>]*>?|&(?:#\w+|[a-z]{2,8});|```|`[^`]+`|\{\s*\"\w+\"\s*:|\$\(|\{\{|\}\}")
_ESCAPE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f​-‏‪-‮⁦-⁩]|\\x1b|\\u001b|\x1b")
_COMMAND = re.compile(
    r"(?:^|[\s;|&`(])(?:rm\s+-\w|sudo\s|curl\s|wget\s|bash\s+-c|powershell|chmod\s|eval\s*\(|exec\s*\(|import\s+os\b|os\.system|DROP\s+TABLE)",
    re.IGNORECASE,
)


# One of these stands in whatever the two patterns find; looking for them is twenty times as fast, and nearly no sentence has one.
_SIGNS = (
    *(
        "ignore",
        "disregard",
        "forget",
        "override",
        "bypass",
        "prompt",
        "message",
        "instruction",
        "secret",
        "password",
        "api key",
        "credential",
    ),
    *(
        "conversation",
        "as an ai",
        "jailbreak",
        "act as",
        "<",
        "[/",
        "[inst",
        "[sys",
        "tool_call",
        "toolcall",
        "function_call",
        "functioncall",
    ),
    *("do not ", "rm -", "sudo", "curl", "wget", "bash", "powershell", "chmod", "eval", "exec", "import", "os.system", "drop"),
    "instead of answering",
)
_PAIRS = (
    (("you",), ("now",)),
    ((":",), ("assistant", "system", "user")),
    (("respond", "reply", "answer", "say"), ('"', "'", "“", "‘")),
    (("visit", "click", "open", "go to", "follow"), ("http", "www.", "link", "here")),
    (("always", "only", "must"), ("recommend", "cite", "mention", "include", "output")),
)


def gives_orders(text: str) -> bool:
    """Whether a sentence of an abstract speaks to a model rather than to a reader."""
    return _may_order(text) and (_ORDERS.search(text) is not None or _COMMAND.search(text) is not None)


def _may_order(text: str) -> bool:
    # What the patterns take for the same letter in any case.
    plain = text.lower() if text.isascii() else text.replace("İ", "i").casefold().replace("ı", "i")
    plain = " ".join(plain.split())
    if any(any(a in plain for a in some) and any(b in plain for b in others) for some, others in _PAIRS):
        return True
    return any(sign in plain for sign in _SIGNS)


def harm(text: str) -> str:
    """What a model's sentence holds that must not be shown, in a few words; empty where nothing.

    Args:
        text: a sentence as the model wrote it.
    """
    for what, pattern in (
        ("an escape sequence", _ESCAPE),
        ("a link", _LINK),
        ("markup", _MARKUP),
        ("a command", _COMMAND),
        ("an instruction", _ORDERS),
    ):
        if pattern.search(text):
            return f"it holds {what}"
    return ""
