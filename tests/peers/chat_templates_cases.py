"""The templates and conversations of chat_templates.py: (name, template, conversation, options)."""

TWO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
LONG = {"messages": [
    {"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "Größe?"},
    {"role": "assistant", "content": "16 410 km²"}, {"role": "user", "content": "雨?"},
    {"role": "assistant", "content": " yes ", "reasoning_content": None}, {"role": "user", "content": "bye"}]}
TOOLS = {"messages": [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"type": "function", "function": {"name": "sky", "arguments": {"town": "Zürich", "days": 2, "all": True}}}]},
    {"role": "tool", "name": "sky", "content": "{\"temp\": 7.5}"},
    {"role": "assistant", "content": "7.5 °C"}],
    "tools": [{"type": "function", "function": {"name": "sky", "description": "the \"sky\" <b>", "parameters": {
        "type": "object", "properties": {"zone": {"type": "string", "enum": ["C", "F"]}, "items": {"default": 1.5}},
        "required": ["zone"]}}}]}
PARTS = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a "}, {"type": "image"},
                                                   {"type": "text", "text": "b"}]}]}
MIXED = {"messages": [{"role": "user", "content": "x", "n": 3, "f": 2.0, "t": True, "z": None, "big": 1e20,
                       "list": [3, 1, 2], "map": {"b": 1, "a": "it's", "c": [None, False, 1.5]},
                       "text": "one, two,, three", "empty": ""}]}
EMPTY = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": ""}]}

CHATML = """{% for message in messages %}
<|im_start|>{{ message['role'] }}
{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}{% else %}
{{ message.content }}<|im_end|>{% endif %}

{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
"""
TRIMMED = """{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {{- '<a>\\n' }}
        {%- generation %}
        {{- message.content | trim }}
        {{- eos_token + '\\n' }}
        {%- endgeneration %}
    {%- else %}
        {{- '<' + message.role + '>' + message.content + '\\n' }}
    {%- endif %}
{%- endfor %}
"""
LINES = """{% for m in messages %}
  {% if m.role == 'assistant' %}
    [a]
    {% generation %}
      {{ m.content }}
    {% endgeneration %}
    [/a]
  {% endif %}
  after {%+ if true %} x{% endif +%}
{% endfor %}
"""
SCOPE = """{% set ns = namespace(n=0) %}{% set x = 1 %}{% for m in messages %}{% generation %}{% set x = 2 %}\
{% set ns.n = ns.n + 1 %}{{ m.content }}{{ x }}{{ loop.index }}{% if loop.last %}!{% endif %}{% endgeneration %}\
{{ x }}|{% endfor %}{{ x }}{{ ns.n }}"""
MACRO = """{% macro turn(m, end='<end>') %}{{ m.role | upper }}: {{ m.content }}{{ end }}{% endmacro %}\
{% macro wrap(x) %}[{{ caller() }}{{ x }}]{% endmacro %}
{% for m in messages %}{{ turn(m) }}{{ turn(m, end=eos_token) }}\
{% call wrap('y') %}{{ m.role }}{% endcall %}{% endfor %}"""
PLAIN = """{# {% generation %} is only named here #}{{ '{% generation %}' }}{% raw %}
  {% generation %} {{ x }}
{% endraw %}
{%- raw -%}  {% endgeneration %}  {%- endraw -%}  z
{% raw %} q
   {% endraw %}
end"""


def one(name, template, conversation=MIXED, **options):
    return (name, template, conversation, options)


def each(prefix, conversation, templates):
    return [one(f"{prefix} {template}", template, conversation) for template in templates]


M = "{% set m = messages[0] %}"
CASES = [
    one("chatml", CHATML, LONG), one("chatml prompt", CHATML, LONG, prompt=True), one("chatml empty", CHATML, EMPTY),
    one("trimmed", TRIMMED, LONG), one("trimmed one", TRIMMED, TWO), one("lines", LINES, LONG),
    one("scope", SCOPE, LONG), one("macro", MACRO, LONG), one("plain", PLAIN, TWO),
    one("crlf", "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\n{{ 'x\r\ny' }}\rc\r\n", TWO),
    one("trailing", "a\n\n", TWO), one("trailing 2", "{{ 1 }}\n{{ 2 }}\n", TWO), one("nothing", "", TWO),
    one("comment", "a\n  {# x #}\nb {#- y -#} c\n\t{#z#}d\n{# e\n f #}\n", TWO),
    one("generation twice", "{% generation -%}  a {%- endgeneration %} {%generation%}b{%endgeneration%}", TWO),
    one("generation plus", "x\n  {%+ generation +%}\n b {%+ endgeneration +%}\n c", TWO),
    one("generation unused", "{% if false %}{% generation %}b{% endgeneration %}{% endif %}c", TWO),
    one("raise", "{{ raise_exception('Roles must alternate:\\n user / assistant') }}", TWO),
    one("raise in if", "{% if messages[0].role != 'system' %}{{ raise_exception(\"No 'system'\") }}{% endif %}", TWO),
    one("raise number", "{{ raise_exception(3) }}", TWO),
    one("date", "{{ strftime_now('%d %b %Y') }}{% if strftime_now is defined %}!{% endif %}", TWO),
    one("break", "{% for m in messages %}{% if loop.index == 3 %}{% break %}{% endif %}{% if loop.first %}{% continue %}"
        "{% endif %}{{ loop.index0 }}{{ m.role }}{% endfor %}", LONG),
    one("reversed", "{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.content }}{{ loop.last }}{{ loop.revindex }}"
        "{% endfor %}{{ messages[1:][0].content }}{{ messages[-1].content }}{{ messages[1:3] | length }}"
        "{{ messages[::-1][0].role }}{{ messages[:-1] | length }}{{ (messages | list)[1].role }}", LONG),
    one("search", "{% set ns = namespace(found=-1, m=none) %}{% for m in messages[::-1] %}{% set index = (messages|length "
        "- 1) - loop.index0 %}{% if ns.found < 0 and m.role == 'user' %}{% set ns.found = index %}{% set ns.m = m %}"
        "{% endif %}{% endfor %}{{ ns.found }}{{ ns.m.content }}{{ index is defined }}", LONG),
    one("loop", "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ loop.cycle('a', 'b') }}"
        "{{ loop.previtem.role }}{{ loop.nextitem.role }}{{ loop.changed(m.role) }} {% else %}none{% endfor %}", LONG),
    one("loop empty", "{% for m in messages if m.role == 'x' %}{{ m }}{% else %}none{% endfor %}", LONG),
    one("loop pairs", "{% for k, v in messages[0].map.items() %}{{ k }}={{ v }};{% endfor %}"
        "{% for k in messages[0].map %}{{ k }}{% endfor %}{% for k, v in messages[0].map | dictsort %}{{ k }}{% endfor %}"
        "{% for k, v in messages[0].map | items %}{{ k }}{{ v }}{% endfor %}"),
    one("recursive", "{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}"
        "{% endif %}{% endfor %}"),
    one("parts", "{% for m in messages %}{% if m.content is string %}s{% elif m.content is iterable %}{% for p in "
        "m.content %}{% if p.type == 'text' %}{{ p['text'] | trim }}{% elif 'image' in p or p.type == 'image' %}<i>"
        "{% endif %}{% endfor %}{% endif %}{% endfor %}{{ messages[0].content | selectattr('type', 'equalto', 'text') | "
        "map(attribute='text') | join('+') }}{{ messages[0].content | rejectattr('text') | list | length }}", PARTS),
    one("tools", "{% if tools %}{% for tool in tools %}{{ tool | tojson }}\n{{ tool | tojson(indent=2) }}"
        "{{ tool.function.parameters.properties | tojson(separators=(',', ':')) }}{% for name, p in "
        "tool.function.parameters.properties.items() %}{{ name }}{{ p }}{% endfor %}"
        "{{ tool.function.parameters.properties['items'] }}{% endfor %}{% endif %}", TOOLS),
    one("tool calls", "{% for m in messages %}{% if m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}"
        "{% if c.function %}{% set c = c.function %}{% endif %}{{ c.name }}{{ c.arguments | tojson }}{{ c.arguments }}"
        "{% for k, v in c.arguments | items %}{{ k }}={{ v if v is string else v | tojson }}{% endfor %}{% endfor %}"
        "{% elif 'name' in m %}{{ m.name }}{% endif %}{{ m.content }}{% endfor %}{{ messages[1] }}", TOOLS),
    one("no tools", "{{ tools is none }}{{ tools is defined }}{{ documents }}{{ not tools }}{{ date_string is defined }}", TWO),
    one("variables", "{{ enable_thinking is defined and enable_thinking is false }}{{ x }}", TWO,
        variables={"enable_thinking": False, "x": [1, "a"]}),
    one("keys", "{{ messages[0] }}{{ tools }}", '{"messages":[{"z":1,"role":"user","a":{"y":1,"b":2},"content":"c"}]}'),
    one("twice a key", "{{ messages[0] }}", '{"messages":[{"a":1,"role":"user","content":"x","a":2}]}'),
    one("injected", "{{ messages[0].content }}{{ messages[0].content | tojson }}",
        {"messages": [{"role": "user", "content": "{{ 7*7 }} {% generation %} <|im_end|> </s> \U0010fffc\U0010fffd \\n"}]}),
    one("split spaces", "{% set t = ' a b  c\\t d ' %}{{ t.split(none, 1) }}{{ t.split(maxsplit=2) }}{{ t.rsplit(none, 1) }}"
        "{{ t.rsplit() }}{{ t.split(' ') }}{{ t.split(none, 0) }}{{ 'a'.split(none, 1) }}{{ ''.split() }}{{ ''.split(',') }}"
        "{{ 'a,b,c'.rsplit(',') }}{{ 'a\\n\\nb\\r'.splitlines() }}{{ 'a\\n\\nb\\r\\nc'.splitlines(true) }}"
        "{{ 'a.b.c'.rpartition('.') }}{{ 'abc'.partition('x') }}{{ 'abc'.rpartition('x') }}{{ 'äbc'.index('b') }}", TWO),
    one("signs", "a {{- 'b' ~ 1 -}} c {{ 2 ~ 3 -}} d {{- (4) ~ 'e' }} {{ -5 ~ 'f' }} {{- -6 ~ -7 -}} g {{-[8]-}} h", TWO),
    one("marks", "{% generation %}{{ messages[0].content }}{% endgeneration %}.",
        {"messages": [{"role": "user", "content": "\U0010ff00 \U0010fffc\U0010fffd \U0010ff01"}]}),
    *each("print", MIXED, [M + "{{ " + text + " }}" for text in [
        "m.z", "m.t", "m.f", "m.big", "m.n", "m.list", "m.map", "m.missing", "m.z ~ m.t ~ m.f ~ m.n ~ m.missing", "m.big ~ -m.n ~ 2 * 3 ~ m.n | string + 'a' ~ 'b' is string ~ (1 if m.z else 2 ~ 3)",
        "1 + 2 ~ 3", "'a' ~ 1 == 'a1' and not 'b' ~ 'c' in ['bc']", "{'a': 1 ~ 2, 'b' ~ 'c': [3 ~ 4, 5]}", "[1e20] | join ~ m.list[0 ~ '' | int] ~ m.text.split(',' ~ ' ')", "'a' ~ 'b' if 1 ~ 2 else 3", "[[1, (2, 3)], {}, []]", "(1, 2)[0] ~ [1][0] ~ {'a': 1}['a']", "1 is in [1, 2]", "'a' ~ 'b' is in ['ab']", "not 1 is in [2]", "m.list ~ ''",
        "m.content + 'y'", "m.missing + 'y'", "'y' + m.missing", "m.z + 'y'", "1 + 'y'", "'y' + 1", "m.missing.x",
        "m.z.x", "m['a']['b']", "m.content.x", "[1, 2] + [3]", "(1, 2)", "(1,)", "()", "{'a': 1, 2: (3, 'x')}", "['it\\'s', \"a\\\"b\", '\\n\\t\\\\é']",
        "7 // 2", "-7 // 2", "7 % 3", "-7 % 3", "7 / 2", "6 / 2", "2 ** 3", "2 ** -1", "1.5 * 2", "'ab' * 2", "[1] * 2", "1e3", "1_000", "0.1 + 0.2", "10 ** 20",
        "1 == 1.0", "true == 1", "m.z == none", "m.missing == none", "m.missing == m.other", "'a' < 'b'", "1 < 2 < 3", "m.list == [3, 1, 2]", "not m.empty",
        "m.empty or 'd'", "m.n and m.t", "m.z or m.missing", "'x' if m.z", "'x' if m.z else 'y'", "'x' in m.content", "'n' in m", "3 in m.list", "'q' not in m",
        "'a' in m.missing", "m.missing in ['a']", "'x' in m.z", "none in m.list", "m.list[5]", "m.list[-1]", "m.content[0]", "m.content[5]", "m.text[2:5]", "m.text[::-1]", "m.list[::2]",
        "m.list[1:]", "m.list[::-1]", "m.map.get('b')", "m.map.get('q')", "m.map.get('q', 5)", "m.map.keys() | list", "m.map.values() | list",
        "m.map.items() | list", "m.map | length", "m.missing | length", "m.n | length", "m.text.split(',')", "m.text.split(', ', 1)", "' a  b '.split()",
        "m.text.rsplit(',', 1)", "m.text.partition(',')", "m.text.removeprefix('one')", "m.text.removesuffix('three')", "m.text.replace('o', '0')",
        "m.text.replace('o', '0', 1)", "m.text.find('two')", "m.text.count(',')", "m.text.startswith('one')", "m.text.startswith(('x', 'one'))",
        "m.text.endswith('x')", "m.text.upper()", "m.text.title()", "m.text.capitalize()", "'  x\\n'.strip()", "'\\n\\nx\\n'.lstrip('\\n')",
        "'\\x1cx\\x1f'.strip() | length", "'\\x1cx\\x1f' | trim | length", "'xxaxx'.strip('x')", "'xxaxx'.rstrip('x')", "'a\\nb\\r\\nc\\x0bd'.splitlines()", "'-'.join(['a', 'b'])", "'{} {}'.format(1, 'a')",
        "'ß'.upper()", "'İ'.lower() | length", "'abc'.isalpha()", "'12'.isdigit()", "'a b'.isspace()", "'%s' | format('x')",
    ]]),
    *each("filter", MIXED, [M + "{{ " + text + " }}" for text in [
        "m.text | upper", "m.text | lower", "m.text | title", "m.text | capitalize", "m.z | upper", "m.t | string", "m.f | string", "m.z | string", "m.list | string",
        "' a ' | trim", "'xax' | trim('x')", "m.z | trim", "m.n | trim", "m.missing | trim", "m.z | default('d')", "m.z | default('d', true)", "m.missing | default('d')", "m.missing | d('d')",
        "m.empty | default('d')", "m.empty | default('d', boolean=true)", "m.list | join", "m.list | join(', ')", "m.map | join(',')", "[1, none, true, 2.0] | join('|')",
        "m.list | first", "m.list | last", "m.list | sort", "m.list | sort(reverse=true)", "m.list | sum", "m.list | max", "m.list | min", "m.list | reverse | list",
        "m.list | map('string') | list", "m.list | select('odd') | list", "m.list | reject('odd') | list", "[1, 1, 2] | unique | list", "'abc' | list", "'abc' | reverse", "'abc' | length",
        "'a b' | replace(' ', '_')", "'3' | int", "'x' | int", "'x' | int(7)", "'3.5' | float", "'x' | float", "' 4 ' | int", "'4.9' | int", "m.z | int", "m.t | int",
        "'ff' | int(base=16)", "m.n | float", "m.z | float(1.5)",
        "m.missing | default(value='d')", "m.missing | default(default_value='e')", "m.missing | default",
        "3.7 | int", "3.567 | round(1)", "3.5 | round", "-3 | abs",
        "'a\\nb' | indent(2)", "'a\\nb\\n' | indent", "'' | indent(2, true)", "'a\\n\\n' | indent('> ', true, true)", "m.list | upper", "[1e20] | upper", "m.n | replace('3', 'x')", "'aaa' | replace('a', 'b', 2)", "'%s-%d-%5.1f' | format('x', 3, 2.25)", "'{0}{1:>5}{a}'.format(1, 'x', a=2)", "'a\\n\\nb' | indent(2, true)", "'a\\nb' | indent(width=3, first=true, blank=true)", "'<a href=\"x\">\\'&' | e", "'<a>' | escape", "'<a>' | safe",
        "m.map | dictsort", "m.map | tojson", "m.map | tojson(indent=4)", "m.map | tojson(2)", "m.map | tojson(ensure_ascii=true)", "m.missing | tojson", "m.z | tojson",
        "'é<>&\\'' | tojson", "[1.0, 1e20, 1e-7] | tojson", "(1, 2) | tojson", "{1: 2, none: 3, true: 4, 1.5: 5} | tojson", "messages[0:1] | tojson", "m.map | tojson(sort_keys=true)", "'abc' | first",
        "m | attr('x')", "[{'a': 1}, {'a': 2}] | sum(attribute='a')", "[{'a': {'b': 1}}] | map(attribute='a.b') | list", "[{'a': 1}, {}] | map(attribute='a', default=0) | list",
        "m.map | items | list", "m.missing | items | list", "m.missing | list", "m.missing | join", "m.missing | first", "'a,b' | select | list",
    ]]),
    *each("test", MIXED, [M + "{{ " + text + " }}" for text in [
        f"{value} is {test}" for value in ["m.missing", "m.z", "m.t", "m.n", "m.f", "m.content", "m.list", "m.map", "m.list[1:]", "m.map.items()", "m.missing2.x"]
        for test in ["defined", "none", "string", "mapping", "sequence", "iterable", "number", "boolean", "true", "integer", "float"]
        if (value, test) != ("m.map.items()", "sequence")] + [
        "1 is odd", "2 is even", "4 is divisibleby 2", "1 is eq 1", "1 is sameas 1", "'a' is in 'abc'", "m.content is not string", "m is mapping and m.content is string", "'A' is upper", "raise_exception is callable", "1 is callable",
        "m.z is undefined", "m.list is not mapping", "1 is ne 2", "2 is gt 1", "'x' is equalto 'x'", "none is sameas none", "true is sameas true",
    ]]),
    *each("global", TWO, ["{{ range(3) | list }}", "{{ range(1, 7, 2) | list }}", "{{ dict(a=1, b=2) }}", "{{ namespace(a=1).a }}", 
                           "{{ nothing() }}", "{{ nothing }}", "{{ nothing.x }}", "{{ debug is defined }}", "{{ 'x' | nofilter }}", "{{ 'x' is notest }}", "{% if %}", "{{ 'x'"]),
    *each("literal", TWO, [
        r"{{ 'a\'b' }}",
        r'{{ "a\"b\\n\n\t\x41\u00e9\U0001F600\101\a\b\f\v\q\d" }}',
                           "{{ 'a' 'b' }}", "{{ 'a\nb' }}", "{{ 'a\\\nb' }}", "{{ 'ü{{ }} %} #}' }}",
                           "{{ true }}{{ True }}{{ false }}{{ None }}{{ none }}", "{{ [1, 2,] }}{{ {'a': 1,} }}", "{{ {'a': {'b': {}}} }}", "{{ {'a': 1}.a }}", "{{-1}}", "{{ - 1 }}", "{{+1}}", "{{ 1 if true else 2 }}"]),
    *each("statement", LONG, ["{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = (1, [2, 3]) %}{{ a }}{{ b }}", "{% set x = 1, 2 %}{{ x }}", "{% with a = 1 ~ 2, b = [3], c = (4, 5) -%}\n {{ a }}{{ b }}{{ c }}{% endwith %}",
                              "{%- macro f(a, b = [1, 2], c=none) -%}\n {{ a ~ b ~ c }}{{ a is defined }}{% endmacro %}\n{{ f(1) }}{{ f() }}{{ f(b=3, a=[4]) }}", "{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}",
                              "{% set ns = namespace(a=[], b={}) %}{% set ns.a = ns.a + [1] %}{% set ns.a = ns.a + [messages[0].role, {'x': ns.b}] -%}\n {{ ns.a }}", "{% if (1, 2) == (1, 2) and [1] == [1] %}y{% elif [] %}n{% endif %}", "{% call(x) f() %}{{ x }}{% endcall %}",
                              "{% macro f() %}{{ caller([1, 2], 3) }}{% endmacro %}{% call(x, y) f() %}{{ x }}{{ y }}{% endcall %}", "{% set a = b = 1 %}", "{% set x = 'a' 'b' ~ 1 -%}\n {{ x }}", "{% set x = messages | selectattr('role', 'eq', 'user') | list %}{{ x | length }}{{ x[0].content }}", "{% set x %} y {{ 1 }}{% endset %}[{{ x }}]", "{% with a=1 %}{{ a }}{% endwith %}{{ a }}", "{% filter upper %}a{% endfilter %}",
                              "{% if messages %}{% set y = 1 %}{% endif %}{{ y }}", "{% for m in messages %}{% set y = 1 %}{% endfor %}{{ y }}", "{% set y = 0 %}{% for m in messages %}{% set y = y + 1 %}{{ y }}{% endfor %}{{ y }}",
                              "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }},{% endfor %}", "{% set messages = messages[1:] %}{{ messages | length }}{{ messages[0].role }}",
                              "{% set loop_messages = messages[1:] if messages[0].role == 'system' else messages %}{% for m in loop_messages %}{{ (m.role == 'user') == (loop.index0 % 2 == 0) }}{% endfor %}",
                              "{% set d = {} %}{% set d = dict(d, a=1) %}{{ d }}", "{{ messages.append(1) }}", "{% for m in nothing %}x{% endfor %}", "{% for c in 'abc' %}{{ c }}{% endfor %}", "{% for m in none %}x{% endfor %}", "{% for m in messages[0].tool_calls %}x{% endfor %}",
                              "{% for m in messages if m.role in ['user'] and m.content is not in ['bye'] -%}\n {{ m.content }}{% endfor %}", "{% for c in 1, 2 if c > 1 %}{{ c }}{% endfor %}", "{% for k, v in {'a': 1, 'b': [2]}.items() if k ~ v in ['a1'] %}{{ k }}{% endfor %}",
                              "{% for c in ['a' ~ 1, 2] %}{{ c }}{% else %}n{% endfor %}", "{%- for c in (messages if true else none) | reverse -%}{{ c.role }}{%- endfor -%}", "{% for c in [[1], [2, [3]]] recursive %}{% if c is iterable %}({{ loop(c) }}){% else %}{{ c }}{% endif %}{% endfor %}",
                              "{%- if messages[0]['role'] == 'system' -%}\n  {{ messages[0]['content'] | trim }}\n{%- endif -%}\n x", "{% set x = messages | map(attribute='role') | list %}{{ x }}{{ x.index('user') }}{{ x.count('user') }}",
                              "{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(b=3, a=4) }}", "{% macro f(a) %}{% if a > 0 %}{{ a }}{{ f(a - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro f(a) %}{{ a }}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}"]),
]
