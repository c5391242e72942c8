//! The names of tensors: llama.cpp's from and to transformers'.

/// The names of a family, without `.weight` and `.bias` at their ends.
#[derive(Debug)]
pub struct Names {
    /// Stands before all names of the model without its head.
    pub prefix: &'static str,
    /// Says that names of tensors of a GGUF file get it when they are read.
    pub is_prefixed: bool,
    /// Names outside of the model: llama.cpp's, transformers'.
    pub heads: &'static [(&'static str, &'static str)],
    /// Names outside of the layers.
    pub top: &'static [(&'static str, &'static str)],
    /// Stands before the number of a layer.
    pub block: &'static str,
    /// Names in a layer.
    pub layer: &'static [(&'static str, &'static str)],
    /// Beginnings of names that GGUF has no place for.
    pub not_kept: &'static [&'static str],
}

/// Tensors of a GGUF file that hold no parameter.
const CONSTANTS: [&str; 5] = [
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
    ".attn_rot_embd",
    ".rope_freqs.weight",
];

/// Tensors of Hugging Face's files that hold no parameter.
const BUFFERS: [&str; 5] =
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq", "position_ids", "token_type_ids"];

/// What a tensor's name in one program means in the other.
#[derive(Debug, PartialEq, Eq)]
pub enum Name {
    /// The name there.
    Known(String),
    /// It holds no parameter.
    Constant,
    /// It is a parameter without a place there.
    NotKept,
    /// It belongs to no part of the family.
    Unknown,
}

impl Names {
    /// Returns transformers' name.
    pub fn of_transformers(&self, name: &str) -> Name {
        if CONSTANTS.iter().any(|end| name.ends_with(end)) {
            return Name::Constant;
        }
        let Some((stem, kind)) = name.rsplit_once('.').filter(|(_, kind)| is_kind(kind)) else { return Name::Unknown };
        if let Some((_, there)) = self.heads.iter().find(|(here, _)| *here == stem) {
            return Name::Known(format!("{there}.{kind}"));
        }
        let prefix = if self.is_prefixed { self.prefix } else { "" };
        if let Some((_, there)) = self.top.iter().find(|(here, _)| *here == stem) {
            return Name::Known(format!("{prefix}{there}.{kind}"));
        }
        let layer = stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
        let Some((index, part)) = layer.filter(|(index, _)| is_index(index)) else { return Name::Unknown };
        match self.layer.iter().find(|(here, _)| *here == part) {
            Some((_, there)) => Name::Known(format!("{prefix}{}{index}.{there}.{kind}", self.block)),
            None => Name::Unknown,
        }
    }

    /// Returns llama.cpp's name.
    pub fn of_llama(&self, name: &str) -> Name {
        if BUFFERS.iter().any(|end| name.ends_with(end)) {
            return Name::Constant;
        }
        let Some((stem, kind)) = name.rsplit_once('.') else { return Name::Unknown };
        // the names of norms in old files of TensorFlow's models
        let kind = match kind {
            "gamma" => "weight",
            "beta" => "bias",
            kind => kind,
        };
        if let Some((here, _)) = self.heads.iter().find(|(_, there)| *there == stem) {
            return Name::Known(format!("{here}.{kind}"));
        }
        let inner = stem.strip_prefix(self.prefix).unwrap_or(stem);
        if self.not_kept.iter().any(|start| format!("{inner}.").starts_with(start)) {
            return Name::NotKept;
        }
        if !is_kind(kind) {
            return Name::Unknown;
        }
        if let Some((here, _)) = self.top.iter().find(|(_, there)| *there == inner) {
            return Name::Known(format!("{here}.{kind}"));
        }
        let layer = inner.strip_prefix(self.block).and_then(|rest| rest.split_once('.'));
        let Some((index, part)) = layer.filter(|(index, _)| is_index(index)) else { return Name::Unknown };
        match self.layer.iter().find(|(_, there)| *there == part) {
            Some((here, _)) => Name::Known(format!("blk.{index}.{here}.{kind}")),
            None => Name::Unknown,
        }
    }
}

fn is_kind(kind: &str) -> bool {
    matches!(kind, "weight" | "bias")
}

fn is_index(index: &str) -> bool {
    !index.is_empty() && index.len() < 7 && index.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::family::{FAMILIES, by_model_type};
    use super::*;

    fn known(name: &str) -> Name {
        Name::Known(name.to_owned())
    }

    #[test]
    fn names_there_and_back() {
        for family in &FAMILIES {
            let names = family.names;
            let layers = names.layer.iter().map(|(here, _)| format!("blk.11.{here}"));
            let others = names.top.iter().chain(names.heads).map(|(here, _)| (*here).to_owned());
            for name in layers.chain(others).flat_map(|name| [format!("{name}.weight"), format!("{name}.bias")]) {
                let Name::Known(there) = names.of_transformers(&name) else { panic!("{name} is unknown") };
                assert_eq!(names.of_llama(&there), known(&name), "{}: {there}", family.model_type);
            }
        }
    }

    #[test]
    fn names_as_transformers_has_them() {
        let names = |model_type: &str| by_model_type(model_type).expect("a family").names;
        for (model_type, here, there) in [
            ("llama", "blk.3.attn_q.weight", "model.layers.3.self_attn.q_proj.weight"),
            ("llama", "output.weight", "lm_head.weight"),
            ("gemma2", "blk.0.ffn_norm.weight", "model.layers.0.pre_feedforward_layernorm.weight"),
            ("gpt2", "blk.1.attn_qkv.bias", "transformer.h.1.attn.c_attn.bias"),
            ("bert", "token_embd_norm.bias", "embeddings.LayerNorm.bias"),
        ] {
            assert_eq!(names(model_type).of_transformers(here), known(there));
        }
        assert_eq!(names("bert").of_llama("bert.embeddings.LayerNorm.gamma"), known("token_embd_norm.weight"));
        assert_eq!(names("gpt2").of_llama("h.0.ln_1.bias"), known("blk.0.attn_norm.bias"));
        assert_eq!(names("gpt2").of_llama("h.0.attn.bias"), Name::Constant);
        assert_eq!(names("bert").of_llama("bert.pooler.dense.weight"), Name::NotKept);
        assert_eq!(names("llama").of_transformers("rope_freqs.weight"), Name::Constant);
        for wrong in ["blk.x.attn_q.weight", "blk.0.ffn_gate_exps.weight", "token_embd", "token_embd.gamma", ""] {
            assert_eq!(names("llama").of_transformers(wrong), Name::Unknown, "{wrong}");
        }
    }
}
