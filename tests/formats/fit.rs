//! Which tensor of a folder belongs to which parameter.

use super::{Tensors, numbers};
use std::fs;
use std::path::Path;
use trainyard::formats::hf::{Fit, NewRows, Request, Wanted};
use trainyard::formats::safetensors::Weights;

/// The parameters of a network with a table, a block and a head.
fn network() -> Vec<Wanted> {
    let wanted = |name: &str, shape: &[usize], aliases: &[&str]| Wanted {
        name: name.into(),
        shape: shape.to_vec(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
    };
    vec![
        wanted("model.embed.weight", &[6, 4], &["embeddings.weight"]),
        wanted("model.layers.0.norm.weight", &[4], &["model.layers.0.norm.gamma"]),
        wanted("model.layers.0.proj.weight", &[4, 8], &[]),
        wanted("head.bias", &[6], &[]),
    ]
}

fn fit(folder: &Path, wanted: &[Wanted], vocab: usize) -> trainyard::Result<(Fit, Weights)> {
    let weights = Weights::open(folder)?;
    let ignored = ["*.inv_freq".to_owned(), "*.mask".to_owned()];
    let request = Request { family: "toy", wanted, ignored: &ignored, vocab: (vocab, 6), new_head: false };
    Ok((Fit::new(&request, &weights)?, weights))
}

/// The tensors of a folder, `names`, fit; each parameter gets the numbers of the tensor of the same place.
#[track_caller]
fn fits(names: [&str; 4], more: &[(&str, &[usize])]) {
    let dir = tempfile::tempdir().unwrap();
    let wanted = network();
    let mut all: Vec<(&str, &[usize])> =
        names.iter().zip(&wanted).map(|(name, wanted)| (*name, &*wanted.shape)).collect();
    all.extend(more);
    let tensors = Tensors::new(&all);
    tensors.save(dir.path());
    let (fit, mut weights) = fit(dir.path(), &wanted, 6).unwrap();
    for (name, wanted) in names.iter().zip(&wanted) {
        let read = fit.read(&wanted.name, &mut weights, NewRows::Mean).unwrap();
        assert_eq!(numbers(&read), numbers(&tensors.0[*name]), "{}", wanted.name);
    }
}

#[test]
fn parameters_have_several_names() {
    let own = ["model.embed.weight", "model.layers.0.norm.weight", "model.layers.0.proj.weight", "head.bias"];
    fits(own, &[]);
    let old = ["embeddings.weight", "model.layers.0.norm.gamma", "model.layers.0.proj.weight", "head.bias"];
    fits(old, &[("model.layers.0.inv_freq", &[3])]);
    // of the base model, and with something around it
    fits(["embed.weight", "layers.0.norm.gamma", "layers.0.proj.weight", "head.bias"], &[("layers.0.mask", &[1])]);
    let module = [
        "module.model.embed.weight",
        "module.model.layers.0.norm.weight",
        "module.model.layers.0.proj.weight",
        "module.head.bias",
    ];
    fits(module, &[("module.x.mask", &[1])]);
}

#[test]
fn a_tied_head_may_be_there_or_not() {
    let own = ["model.embed.weight", "model.layers.0.norm.weight", "model.layers.0.proj.weight", "head.bias"];
    fits(own, &[("lm_head.weight", &[6, 4])]);
}

/// The tensors of a folder do not fit.
#[track_caller]
fn refused(names: &[(&str, &[usize])], expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    Tensors::new(names).save(dir.path());
    let text = fit(dir.path(), &network(), 6).expect_err(expected).to_string();
    assert_eq!(text, format!("{}: {expected}", dir.path().display()));
}

#[test]
fn what_does_not_fit_is_named() {
    let embed: (&str, &[usize]) = ("model.embed.weight", &[6, 4]);
    let norm: (&str, &[usize]) = ("model.layers.0.norm.weight", &[4]);
    let proj: (&str, &[usize]) = ("model.layers.0.proj.weight", &[4, 8]);
    let bias: (&str, &[usize]) = ("head.bias", &[6]);
    let cure = "fix config.json, or get the folder again";
    refused(&[embed, norm, proj], &format!("misses 1 tensor that config.json asks for: head.bias; {cure}"));
    refused(
        &[embed, norm, ("model.layers.0.proj.weight", &[8, 4]), bias],
        &format!("has 1 tensor of another shape: model.layers.0.proj.weight [8, 4], expected [4, 8]; {cure}"),
    );
    let extra = ["z.1", "z.2", "z.3", "z.4", "z.5", "z.6", "z.7"].map(|name| (name, &[1_usize][..]));
    let all = [&[embed, norm, proj, bias], &extra[..]].concat();
    refused(&all, &format!("has 7 tensors that are nothing in this toy: z.1, z.2, z.3, z.4, z.5 and 2 more; {cure}"));
    refused(
        &[norm, ("other.a", &[1]), ("other.b", &[1])],
        "its tensors are not those of the family toy: 3 of 4 are missing, such as model.embed.weight, \
         model.layers.0.proj.weight, head.bias; it has model.layers.0.norm.weight, other.a, other.b: does config.json \
         belong to these weights?",
    );
}

#[test]
fn a_vocabulary_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = network();
    let names: Vec<_> = wanted.iter().map(|wanted| (wanted.name.clone(), wanted.shape.clone())).collect();
    let names: Vec<(&str, &[usize])> = names.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let tensors = Tensors::new(&names);
    tensors.save(dir.path());
    (wanted[0].shape, wanted[3].shape) = (vec![8, 4], vec![8]);
    let (fit, mut weights) = fit(dir.path(), &wanted, 8).unwrap();
    assert_eq!(fit.grown().collect::<Vec<_>>(), ["head.bias", "model.embed.weight"]);
    let before = numbers(&tensors.0["model.embed.weight"]);
    let mean: Vec<f64> = (0..4).map(|column| (0..6).map(|row| before[row * 4 + column]).sum::<f64>() / 6.0).collect();
    let grown = numbers(&fit.read("model.embed.weight", &mut weights, NewRows::Mean).unwrap());
    assert_eq!((&grown[..24], grown.len()), (&before[..], 32));
    for row in [&grown[24..28], &grown[28..]] {
        assert!(row.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?} {mean:?}");
    }
    let zeros = numbers(&fit.read("model.embed.weight", &mut weights, NewRows::Zeros).unwrap());
    assert_eq!(&zeros[24..], [0.0; 8]);
    // a vocabulary does not shrink
    (wanted[0].shape, wanted[3].shape) = (vec![5, 4], vec![5]);
    let error = self::fit(dir.path(), &wanted, 5).unwrap_err().to_string();
    assert!(error.contains("has 2 tensors of another shape: model.embed.weight [6, 4], expected [5, 4]"), "{error}");
}

#[test]
fn a_head_that_is_not_the_embedding_is_an_error_only_where_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = network();
    wanted.push(Wanted { name: "lm_head.weight".into(), shape: vec![6, 4], aliases: Vec::new() });
    let names: Vec<_> = network().into_iter().map(|wanted| (wanted.name, wanted.shape)).collect();
    let names: Vec<(&str, &[usize])> = names.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    Tensors::new(&names).save(dir.path());
    let error = fit(dir.path(), &wanted, 6).unwrap_err().to_string();
    assert!(error.contains("misses 1 tensor that config.json asks for: lm_head.weight"), "{error}");
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
}
