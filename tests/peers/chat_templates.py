"""What jinja2 makes of chat templates, set up as transformers does it, for the tests of host/chat.

Writes host/chat/tests/fixtures.json: "conversations" (lines of JSON), "templates" (name, template, number of the
conversation, variables, whether a generation prompt is asked for, and the text with the byte ranges of its
{% generation %} blocks, or the message of raise_exception, or that it fails), "floats" (a number in JSON and how Python
spells it), "times" (a format of strftime and the text at a fixed time) and "dumps" (a value in JSON, settings, and what
json.dumps makes of it).
Usage: pip install jinja2==3.1.6; python chat_templates.py
"""
import datetime
import json
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

from chat_templates_cases import CASES

OUT = Path(__file__).resolve().parents[2] / "host" / "chat" / "tests" / "fixtures.json"
NOW = datetime.datetime(2025, 3, 7, 9, 5, 3, 42)


class Raised(Exception):
    pass


class Generation(jinja2.ext.Extension):
    """Notes where the text of each {% generation %} block is, as transformers' extension does."""

    tags = {"generation"}
    written, ranges, is_used = [], [], False

    def parse(self, parser):
        Generation.is_used = True
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

    def _note(self, caller):
        text = caller()
        start = len("".join(self.written).encode())
        self.ranges.append([start, start + len(text.encode())])
        return text


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise Raised(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def rendered(case):
    given = json.loads(case["conversation"])
    names = {"messages": given["messages"], "tools": given.get("tools"), "documents": None,
             "add_generation_prompt": case["prompt"], **case["variables"]}
    Generation.written, Generation.ranges, Generation.is_used = [], [], False
    try:
        for block in environment().from_string(case["template"]).generate(**names):
            Generation.written.append(block)
    except Raised as error:
        return {"raised": str(error)}
    except (jinja2.exceptions.TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
        return {"fails": f"{type(error).__name__}: {error}"}
    return {"text": "".join(Generation.written), "generated": Generation.ranges if Generation.is_used else None}


FLOATS = ["0.0", "-0.0", "1.0", "0.1", "1e16", "1e15", "123456789012345680.0", "1e22", "1e-4", "1e-5", "1.5e-7",
          "1.7976931348623157e308", "5e-324", "2.5", "100.0", "1e100", "-1.25e-10", "9007199254740993.0", "3.14159"]
FORMATS = ["%d %b %Y", "%Y-%m-%d", "%A, %B %d, %Y", "%H:%M:%S", "%I:%M %p", "%j %U %W %w %u", "%y %C", "%e|%k|%l", "%-d %-m",
           "%D %F %T %R %r", "%c", "%x %X", "%f", "%%", "%Z|%z|", "%h %n %t", "%G-W%V", "%g", "%s %", "ü %d"]
DUMPS = [
    ('{"b": 1, "a": [1, 2.0, null, true, "é\\u0007\\"\\\\/\\u2028"], "c": {}, "d": []}', {}),
    ('{"b": {"z": 1, "y": [1, {"x": "雨 🇨🇳"}]}, "a": 1}', {"indent": 4}),
    ('{"b": {"z": 1, "y": [1, {"x": "\\u007f雨 🇨🇳"}]}, "a": 1}', {"ensure_ascii": True}),
    ('{"b": {"z": 1, "y": []}, "a": {}}', {"indent": 2, "sort_keys": True}),
    ('{"b": [1, 2], "a": {"x": 1}}', {"separators": [",", ":"]}),
    ('{"b": [1, 2], "a": {"x": 1}}', {"separators": [",", ":"], "indent": 0}),
    ('[[1, [2]], "<a href=\'x\'>&amp;</a>"]', {"indent": "\t"}),
    ('[-0.0, 1e16, 1e-5, 12345678901234567890, -3]', {}),
]

if __name__ == "__main__":
    templates, conversations = [], []
    for name, template, conversation, options in CASES:
        if not isinstance(conversation, str):
            conversation = json.dumps(conversation, ensure_ascii=False)
        case = {"name": name, "template": template, "conversation": conversation,
                "variables": {"bos_token": "<s>", "eos_token": "</s>", **options.get("variables", {})},
                "prompt": options.get("prompt", False)}
        found = rendered(case)
        if conversation not in conversations:
            conversations.append(conversation)
        templates.append({**case, "conversation": conversations.index(conversation), **found})
    found = {
        "made_with": f"jinja2 {jinja2.__version__}",
        "conversations": conversations,
        "templates": templates,
        "floats": [[text, repr(json.loads(text))] for text in FLOATS],
        "times": [[format, NOW.strftime(format)] for format in FORMATS if format != "%s %"],
        "dumps": [[text, options, json.dumps(json.loads(text), **{"ensure_ascii": False, **options})]
                  for text, options in DUMPS],
    }
    lines = [f"{json.dumps(name)}: " + (json.dumps(value) if isinstance(value, str) else "[\n" + ",\n".join(
        json.dumps(item, ensure_ascii=False) for item in value) + "]") for name, value in found.items()]
    OUT.write_text("{" + ",\n".join(lines) + "}\n")
    for case in templates:
        shown = case.get("text", case.get("raised", case.get("fails")))
        print(f"{case['name']}: {shown!r}")
