from __future__ import annotations

import json
import sys

import pytest

from star_cli.doctor import find_template, read_prefill, scan

pytest.importorskip("jinja2")

TURNS = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>\n{% endfor %}"
PARTS = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<image>{% endif %}{% endfor %}{% endfor %}"
)
ASK = "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
OPEN = "{% if add_generation_prompt %}<|assistant|>\n<think>\n{% endif %}"
CLOSED = "{% if add_generation_prompt %}<|assistant|>\n<think>\n\n</think>\n\n{% endif %}"
SWITCH = (
    "{%- if add_generation_prompt %}{{- '<|assistant|>\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
)
RAISES = "{% if messages[0].content is string %}{{ raise_exception('parts only') }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "state", "switch", "scanned"),
    [
        (TURNS + ASK, "none", None, "none"),
        (TURNS + OPEN, "open", None, "open"),
        (TURNS + CLOSED, "closed", None, "unknown"),
        (TURNS + SWITCH, "none", (False, "closed"), "unknown"),
        (PARTS + OPEN, "open", None, "open"),
        (RAISES + PARTS + OPEN, "open", None, "open"),
        (TURNS + "{% generation %}{% endgeneration %}" + OPEN, "open", None, "open"),
        ("Think in <think></think>. " + TURNS + ASK, "none", None, "none"),
        ("{% for m in messages %}{% if loop.first %}{{ m.content }}{% break %}{% endif %}{% endfor %}" + OPEN,
         "open", None, "open"),
    ],
)  # fmt: skip
def test_what_a_template_writes(template, state, switch, scanned):
    prefill = read_prefill(template)
    assert (prefill.state, prefill.how, prefill.switch) == (state, "rendered", switch)
    assert scan(template) == scanned


def test_without_jinja2_the_template_is_scanned(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert read_prefill(TURNS + OPEN) == ("open", "scanned", None)


@pytest.mark.parametrize("template", ["{% if", "no question here", "{{ raise_exception('no') }}", "{{ 1 // 0 }}"])
def test_a_template_that_does_not_render(template):
    with pytest.raises(ValueError, match="does not render"):
        read_prefill(template)


def test_a_template_cannot_reach_out_of_its_sandbox():
    with pytest.raises(ValueError, match="unsafe"):
        read_prefill("{{ ().__class__.__mro__[1].__subclasses__() }}" + TURNS)


def test_where_a_template_is_found(tmp_path):
    with pytest.raises(LookupError, match="there is no chat template in chat_template"):
        find_template(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(
        json.dumps({"chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}]})
    )
    assert find_template(tmp_path) == ("d", config)
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "j"}))
    assert find_template(tmp_path)[0] == "j"
    (tmp_path / "chat_template.jinja").write_text("own")
    assert find_template(tmp_path) == ("own", tmp_path / "chat_template.jinja")
    assert find_template(config) == ("d", config)


@pytest.mark.parametrize("text", ["{broken", "[]", "{}", '{"chat_template": 5}', '{"chat_template": []}'])
def test_a_file_without_a_template(tmp_path, text):
    file = tmp_path / "tokenizer_config.json"
    file.write_text(text)
    with pytest.raises(LookupError, match="chat template"):
        find_template(tmp_path)
    with pytest.raises(LookupError, match="tokenizer_config"):
        find_template(file)
