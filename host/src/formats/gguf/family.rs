//! The families of models, as llama.cpp and as transformers have them.

use super::names::Names;

/// What tells a family's tensors and settings apart.
#[derive(Debug)]
pub struct Family {
    /// Its `general.architecture` in llama.cpp.
    pub arch: &'static str,
    /// Its `model_type` in transformers.
    pub model_type: &'static str,
    /// Its class in transformers.
    pub class: &'static str,
    /// The names of its tensors.
    pub names: &'static Names,
    /// Whether rows of queries and keys are stored for rotary embeddings of neighbours, not of halves of a head.
    pub interleaved: bool,
    /// Whether weights of norms are stored plus 1: transformers adds it when it computes.
    pub is_norm_plus_one: bool,
    /// Whether transformers stores products as `[in, out]`.
    pub is_transposed: bool,
    /// Whether the output layer is the table of tokens, where `config.json` does not say.
    pub is_tied: bool,
    /// Rows that transformers' table of positions has in front of the first position.
    pub first_position: usize,
}

const fn family(arch: &'static str, model_type: &'static str, class: &'static str, names: &'static Names) -> Family {
    let first_position = 0;
    let (interleaved, is_norm_plus_one, is_transposed, is_tied) = (false, false, false, false);
    Family { arch, model_type, class, names, interleaved, is_norm_plus_one, is_transposed, is_tied, first_position }
}

/// All families; of several with one architecture, the first is the one that a file is taken for without further signs.
pub static FAMILIES: [Family; 11] = [
    Family { interleaved: true, ..family("llama", "llama", "LlamaForCausalLM", &LLAMA) },
    Family { interleaved: true, ..family("llama", "mistral", "MistralForCausalLM", &LLAMA) },
    family("qwen2", "qwen2", "Qwen2ForCausalLM", &LLAMA),
    family("qwen3", "qwen3", "Qwen3ForCausalLM", &LLAMA),
    Family { is_norm_plus_one: true, is_tied: true, ..family("gemma2", "gemma2", "Gemma2ForCausalLM", &GEMMA) },
    Family { is_norm_plus_one: true, is_tied: true, ..family("gemma3", "gemma3_text", "Gemma3ForCausalLM", &GEMMA) },
    family("phi2", "phi", "PhiForCausalLM", &PHI),
    family("phi3", "phi3", "Phi3ForCausalLM", &PHI3),
    Family { is_transposed: true, is_tied: true, ..family("gpt2", "gpt2", "GPT2LMHeadModel", &GPT2) },
    family("bert", "bert", "BertModel", &BERT),
    Family { first_position: 2, ..family("bert", "roberta", "RobertaModel", &ROBERTA) },
];

/// The architectures that are read, for messages.
pub fn architectures() -> String {
    let mut names: Vec<&str> = FAMILIES.iter().map(|family| family.arch).collect();
    names.dedup();
    names.join(", ")
}

/// The families that are written, for messages.
pub fn model_types() -> String {
    FAMILIES.iter().map(|family| family.model_type).collect::<Vec<_>>().join(", ")
}

/// The family of a `config.json`.
pub fn by_model_type(model_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.model_type == model_type)
}

static LLAMA: Names = Names {
    prefix: "model.",
    is_prefixed: true,
    heads: &[("output", "lm_head")],
    top: &[("token_embd", "embed_tokens"), ("output_norm", "norm")],
    block: "layers.",
    layer: &[
        ("attn_norm", "input_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("attn_output", "self_attn.o_proj"),
        ("ffn_norm", "post_attention_layernorm"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
    ],
    not_kept: &[],
};

static GEMMA: Names = Names {
    layer: &[
        ("attn_norm", "input_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("attn_output", "self_attn.o_proj"),
        ("post_attention_norm", "post_attention_layernorm"),
        ("ffn_norm", "pre_feedforward_layernorm"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("post_ffw_norm", "post_feedforward_layernorm"),
    ],
    ..LLAMA
};

static PHI: Names = Names {
    top: &[("token_embd", "embed_tokens"), ("output_norm", "final_layernorm")],
    layer: &[
        ("attn_norm", "input_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.dense"),
        ("ffn_up", "mlp.fc1"),
        ("ffn_down", "mlp.fc2"),
    ],
    ..LLAMA
};

static PHI3: Names = Names {
    layer: &[
        ("attn_norm", "input_layernorm"),
        ("attn_qkv", "self_attn.qkv_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("ffn_norm", "post_attention_layernorm"),
        ("ffn_up", "mlp.gate_up_proj"),
        ("ffn_down", "mlp.down_proj"),
    ],
    ..LLAMA
};

static GPT2: Names = Names {
    prefix: "transformer.",
    is_prefixed: true,
    heads: &[("output", "lm_head")],
    top: &[("token_embd", "wte"), ("position_embd", "wpe"), ("output_norm", "ln_f")],
    block: "h.",
    layer: &[
        ("attn_norm", "ln_1"),
        ("attn_qkv", "attn.c_attn"),
        ("attn_output", "attn.c_proj"),
        ("ffn_norm", "ln_2"),
        ("ffn_up", "mlp.c_fc"),
        ("ffn_down", "mlp.c_proj"),
    ],
    not_kept: &[],
};

static BERT: Names = Names {
    prefix: "bert.",
    is_prefixed: false,
    heads: &[],
    top: &[
        ("token_embd", "embeddings.word_embeddings"),
        ("token_types", "embeddings.token_type_embeddings"),
        ("position_embd", "embeddings.position_embeddings"),
        ("token_embd_norm", "embeddings.LayerNorm"),
    ],
    block: "encoder.layer.",
    layer: &[
        ("attn_q", "attention.self.query"),
        ("attn_k", "attention.self.key"),
        ("attn_v", "attention.self.value"),
        ("attn_output", "attention.output.dense"),
        ("attn_output_norm", "attention.output.LayerNorm"),
        ("ffn_up", "intermediate.dense"),
        ("ffn_down", "output.dense"),
        ("layer_output_norm", "output.LayerNorm"),
    ],
    not_kept: &["pooler.", "cls.", "classifier.", "lm_head."],
};

static ROBERTA: Names = Names { prefix: "roberta.", ..BERT };
