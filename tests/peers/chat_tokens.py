"""Conversations as tokens, by transformers' `apply_chat_template`.

Writes ../golden/chat/: a byte-level tokenizer with special tokens, one that text may hold, and one that takes the space
before it; templates; and renders.json: conversations by name, as `lines` of JSON, and by template and conversation the
`text` with and without a generation prompt, its `ids`, and the assistant's `mask` (as 0 and 1) where the template marks
it, or the `error` that the template raises.

Usage: python chat_tokens.py      (made with transformers 4.57.6, tokenizers 0.22.1)
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent.parent / "golden" / "chat"
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Weather of a place", "parameters": {
    "type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}]


def say(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = {
    "short": [say("user", "Who wrote Emma?"), say("assistant", "Jane Austen.")],
    "system": [say("system", "Be brief."), say("user", "Two plus two?"), say("assistant", "4")],
    "turns": [say("user", "Red?"), say("assistant", "Rot"), say("user", "Blue?"), say("assistant", "Blau\n"),
              say("user", "Green?"), say("assistant", "Gr\u00fcn")],
    "spaces": [say("user", "  a \n"), say("assistant", "\n\n  b\tc  ")],
    "letters": [say("user", "\u4f60\u597d \U0001f44b\U0001f3fd"),
                say("assistant", "\u00c9t\u00e9 \u2014 \u05e9\u05dc\u05d5\u05dd")],
    "tokens": [say("user", "Say <|end|> and <note>, <pad> too"), say("assistant", "{{ 1 }} {% x %} <|start|>")],
    "tools": [say("user", "Weather in K\u00f6ln?"),
              say("assistant", "", tool_calls=[{"type": "function", "function": {
                  "name": "weather", "arguments": {"place": "K\u00f6ln", "days": 2.0}}}]),
              say("tool", "{\"sky\": \"grau\"}"), say("assistant", "Grey.")],
    "unanswered": [say("user", "a"), say("user", "b"), say("assistant", "c")],
}
TEMPLATES = {
    "marked": """{%- if tools %}
<|start|>tools
{%- for tool in tools %}

{{ tool | tojson }}
{%- endfor %}
<|end|>
{% endif %}
{% for message in messages %}
<|start|>{{ message.role }}
{% if message.role == 'assistant' %}
{% generation %}
{{ message.content }}{% for call in message.tool_calls %}{{ call.function.arguments | tojson }}{% endfor %}<|end|>
{% endgeneration %}
{% else %}
{{ message.content }}<|end|>
{% endif %}
{% endfor %}
{% if add_generation_prompt %}
<|start|>assistant
{% endif %}""",
    "strict": """{{ bos_token }}{% for message in messages %}\
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('user and assistant must alternate, got ' + message['role'] + ' at ' ~ loop.index) }}{% endif %}\
{% if message['role'] == 'user' %}{{ '[ASK] ' + message['content'].strip() + ' [/ASK]' }}\
{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}""",
    "plain": """{% set ns = namespace(system='') %}{% for m in messages if m.role == 'system' %}\
{% set ns.system = m.content %}\
{% endfor %}{% if ns.system %}{{ ns.system + '\\n' }}{% endif %}\
{% for m in messages | rejectattr('role', 'eq', 'system') %}\
{{ m.role | title }}: {{ m.content | trim }}<note>
{% endfor %}{% if add_generation_prompt %}Assistant: {% endif %}""",
}


def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    texts = list(TEMPLATES.values()) + [message["content"] for turns in CONVERSATIONS.values() for message in turns]
    made.train_from_iterator(texts * 2, trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<s>", "</s>"]))
    made.add_special_tokens([AddedToken("<|start|>", special=True, normalized=False),
                             AddedToken("<|end|>", special=True, normalized=False),
                             AddedToken("<pad>", special=True, normalized=False, lstrip=True)])
    made.add_tokens([AddedToken("<note>", normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def render(made, template, name):
    options = {"chat_template": template, "tools": TOOLS if name == "tools" else None}
    turns = CONVERSATIONS[name]
    try:
        text = made.apply_chat_template(turns, tokenize=False, **options)
        prompt = made.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **options)
    except Exception as error:  # jinja2's own class
        return {"error": str(error)}
    has_marks = "{% generation %}" in template
    tokens = made.apply_chat_template(turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=has_marks,
                                      **options)
    mask = tokens["assistant_masks"] if has_marks else None
    return {"text": text, "prompt": prompt, "ids": tokens["input_ids"], "mask": mask}


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    made.backend_tokenizer.save(str(HERE / "tokenizer.json"))
    for key, template in TEMPLATES.items():
        (HERE / f"{key}.jinja").write_text(template)
    renders = {key: {name: render(made, template, name) for name in CONVERSATIONS}
               for key, template in TEMPLATES.items()}
    lines = {name: json.dumps({"messages": turns} | ({"tools": TOOLS} if name == "tools" else {}), ensure_ascii=False)
             for name, turns in CONVERSATIONS.items()}
    result = {"lines": lines, "renders": renders}
    (HERE / "renders.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for key, found in renders.items():
        print(key, {name: found[name].get("error") or len(found[name]["ids"]) for name in found})
