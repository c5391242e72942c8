//! Tests of checks, types and the builder.

use super::*;
use crate::{PluginError, Result, Sizes, Value as Constant};

fn setting(key: &str, value: Constant) -> Setting {
    Setting { key: key.into(), value }
}

fn number(key: &str, value: f64) -> Setting {
    setting(key, Constant::Number(value))
}

fn integer(key: &str, value: i64) -> Setting {
    setting(key, Constant::Integer(value))
}

fn text(key: &str, value: &str) -> Setting {
    setting(key, Constant::Text(value.into()))
}

fn matrix(space: Space, columns: u32) -> Type {
    Type::Matrix { space, columns }
}

const ROW: Type = Type::Matrix { space: Space::Row, columns: 12 };
const SOURCE: Type = Type::Matrix { space: Space::Source, columns: 12 };
const SEQUENCE: Type = Type::Matrix { space: Space::Sequence, columns: 12 };

/// What an op makes of inputs of these types, parameters of these shapes and these attributes.
fn inferred(
    op: &str,
    inputs: &[Type],
    shapes: &[&[u32]],
    attributes: Vec<Setting>,
) -> std::result::Result<Type, String> {
    let parameter = |shape: &&[u32]| Parameter {
        name: "p".into(),
        shape: shape.to_vec(),
        init: "zeros".into(),
        scale: 0.0,
        decay: true,
        aliases: vec![],
    };
    let network = Network { parameters: shapes.iter().map(parameter).collect(), ..Network::default() };
    let layer = Layer {
        op: op.into(),
        scope: "here".into(),
        inputs: (0..inputs.len() as u32).collect(),
        parameters: (0..shapes.len() as u32).collect(),
        attributes,
    };
    super::check::infer(&network, &layer, inputs)
}

#[track_caller]
fn is(op: &str, inputs: &[Type], shapes: &[&[u32]], attributes: &[Setting], expected: Type) {
    assert_eq!(inferred(op, inputs, shapes, attributes.to_vec()), Ok(expected), "{op}");
}

#[track_caller]
fn refused(op: &str, inputs: &[Type], shapes: &[&[u32]], attributes: &[Setting], expected: &str) {
    let error = inferred(op, inputs, shapes, attributes.to_vec()).expect_err(expected);
    assert!(error.contains(expected), "{op}: {error}");
}

#[test]
fn tables_and_products_have_types() {
    is("embedding", &[Type::Index(Space::Source)], &[&[5, 3]], &[integer("offset", 2)], matrix(Space::Source, 3));
    refused("embedding", &[ROW], &[&[5, 3]], &[], "input 0 is [row, 12], expected an index such as input.ids");
    refused(
        "embedding",
        &[Type::Index(Space::Row)],
        &[&[5]],
        &[],
        "parameter 0 has shape [5], expected two dimensions",
    );
    is("linear", &[SEQUENCE], &[&[7, 12], &[7]], &[], matrix(Space::Sequence, 7));
    is("linear", &[ROW], &[&[12, 7]], &[text("layout", "in-out")], matrix(Space::Row, 7));
    refused("linear", &[ROW], &[&[12, 7]], &[], "the weight [12, 7] multiplies 7 columns, the input has 12");
    refused("linear", &[ROW], &[&[7, 12], &[12]], &[], "parameter 1 has shape [12], expected [7]");
    refused("linear", &[ROW], &[&[7, 12]], &[text("layout", "out")], "layout is \"out\"");
    refused("linear", &[ROW], &[], &[], "0 parameters, expected 1 to 2");
    is("conv", &[ROW], &[&[12, 4], &[12]], &[], ROW);
    refused("conv", &[ROW], &[&[4, 12]], &[], "parameter 0 has shape [4, 12], expected [12, taps]");
    refused("conv", &[SEQUENCE], &[&[12, 4]], &[], "expected rows of tokens, got whole sequences");
}

#[test]
fn norms_have_types() {
    let epsilon = [number("epsilon", 1e-5)];
    is("layer_norm", &[ROW], &[&[12], &[12]], &epsilon, ROW);
    is("rms_norm", &[SOURCE], &[&[4]], &epsilon, SOURCE);
    is("rms_norm", &[ROW], &[], &[integer("epsilon", 0)], ROW);
    refused("rms_norm", &[ROW], &[&[5]], &epsilon, "the weight has shape [5], expected a divisor of 12 columns");
    refused("layer_norm", &[ROW], &[&[12], &[4]], &epsilon, "parameter 1 has shape [4], expected [12]");
    refused("rms_norm", &[ROW], &[&[12]], &[], "epsilon must be a number from 0 on");
    refused("rms_norm", &[ROW], &[&[12]], &[number("epsilon", -1.0)], "epsilon must be a number from 0 on");
    refused("rms_norm", &[ROW], &[&[12]], &[number("epsilon", f64::NAN)], "attribute epsilon must be a finite number");
    refused("rms_norm", &[ROW], &[&[12]], &[number("eps", 1.0)], "unknown attribute \"eps\"");
    refused("rms_norm", &[ROW], &[], &[epsilon[0].clone(), epsilon[0].clone()], "attribute epsilon is given twice");
    refused("rms_norm", &[ROW], &[], &[text("epsilon", "1e-5")], "attribute epsilon must be a number");
}

#[test]
fn attention_and_positions_have_types() {
    let heads = |heads, kv_heads| vec![integer("heads", heads), integer("kv_heads", kv_heads)];
    let keys = matrix(Space::Row, 6);
    is("attention", &[ROW, keys, keys], &[], &heads(4, 2), ROW);
    refused("attention", &[ROW, keys, keys], &[], &heads(4, 3), "4 heads share 3 heads of keys");
    refused("attention", &[ROW, keys, keys], &[], &heads(4, 4), "expected heads of one width");
    refused("attention", &[ROW, keys, ROW], &[], &heads(4, 2), "expected heads of one width");
    let full = [heads(4, 4), vec![text("span", "full")]].concat();
    is("attention", &[ROW, SOURCE, SOURCE], &[], &full, ROW);
    refused("attention", &[ROW, SOURCE, SOURCE], &[], &heads(4, 4), "must have span \"full\", got \"causal\"");
    refused("attention", &[SOURCE, ROW, ROW], &[], &full, "the source cannot attend to the text");
    refused("attention", &[ROW, SOURCE, ROW], &[], &full, "queries are of rows, keys of sources and values of rows");
    let window = [heads(4, 4), vec![text("span", "window")]].concat();
    refused("attention", &[ROW; 3], &[], &window, "expected window, a whole number from 1 on");
    is("attention", &[ROW; 3], &[], &[window, vec![integer("window", 8)]].concat(), ROW);
    let bias = |heads| Type::Bias { heads };
    is("attention", &[ROW, ROW, ROW, bias(4)], &[], &heads(4, 4), ROW);
    refused(
        "attention",
        &[ROW, ROW, ROW, bias(2)],
        &[],
        &heads(4, 4),
        "input 3 is a bias of 2 heads, expected a bias of 4",
    );
    is("relative_bias", &[], &[&[32, 4]], &[integer("max_distance", 128)], bias(4));
    refused("relative_bias", &[], &[&[3, 4]], &[integer("max_distance", 128)], "3 buckets up to distance 128");
    let theta = |head| vec![integer("head_width", head), number("theta", 10_000.0)];
    is("rotary", &[SOURCE], &[], &theta(4), SOURCE);
    refused("rotary", &[ROW], &[], &theta(5), "head_width is 5, expected a divisor of 12 columns");
    refused("rotary", &[ROW], &[], &theta(3), "rotary_width is 3, expected an even number");
    refused("rotary", &[SEQUENCE], &[], &theta(4), "sequences have no positions");
    let frequencies = |n| vec![integer("head_width", 4), setting("frequencies", Constant::Numbers(vec![0.5; n]))];
    is("rotary", &[ROW], &[], &frequencies(2), ROW);
    refused("rotary", &[ROW], &[], &frequencies(4), "4 frequencies, expected 2, one for each pair");
}

#[test]
fn recurrence_and_sequences_have_types() {
    let weights: [&[u32]; 4] = [&[20, 12], &[20, 5], &[20], &[20]];
    is("lstm", &[ROW], &weights, &[], matrix(Space::Row, 5));
    refused("gru", &[ROW], &weights, &[], "parameter 1 has shape [20, 5], expected [3 · state, state]");
    refused("rnn", &[ROW], &[&[5, 11], &[5, 5]], &[], "parameter 0 has shape [5, 11], expected [5, 12]");
    refused("rnn", &[ROW], &[&[5, 12], &[5, 5]], &[text("activation", "gelu")], "activation is \"gelu\"");
    refused("lstm", &[SEQUENCE], &weights, &[], "expected rows of tokens, got whole sequences");
    is("pool", &[SOURCE], &[], &[text("kind", "mean")], SEQUENCE);
    refused("pool", &[ROW], &[], &[text("kind", "max")], "kind is \"max\", expected \"first\", \"last\" or \"mean\"");
    refused("pool", &[SEQUENCE], &[], &[text("kind", "mean")], "expected rows of tokens");
    is("bag", &[Type::Index(Space::Row)], &[], &[integer("columns", 9)], matrix(Space::Sequence, 9));
    let columns = &[integer("columns", 9)];
    refused("bag", &[Type::Index(Space::Source)], &[], columns, "an index per source, expected one per row");
    refused("bag", &[ROW], &[], columns, "input 0 is [row, 12], expected an index such as input.ids");
    refused("bag", &[Type::Index(Space::Row)], &[], &[], "the result has no columns");
    is("expand", &[SEQUENCE], &[], &[], ROW);
    refused("expand", &[ROW], &[], &[], "the input has a row per row, expected one per sequence");
    is("shift", &[ROW], &[], &[integer("by", 2)], ROW);
    refused("shift", &[ROW], &[], &[integer("by", -1)], "attribute by must be a whole number from 0 on");
}

#[test]
fn columns_have_types() {
    refused(
        "add",
        &[ROW, matrix(Space::Row, 11)],
        &[],
        &[],
        "the inputs are [row, 12] and [row, 11], expected two of one",
    );
    refused("mul", &[ROW, SOURCE], &[], &[], "the inputs are [row, 12] and [source, 12]");
    refused("mul", &[ROW, Type::Index(Space::Row)], &[], &[], "input 1 is an index per row, expected a matrix");
    is("concat", &[ROW, matrix(Space::Row, 3)], &[], &[], matrix(Space::Row, 15));
    refused("concat", &[ROW, SOURCE], &[], &[], "input 1 has a row per source, input 0 one per row");
    let huge = matrix(Space::Row, u32::MAX);
    refused("concat", &[huge, huge], &[], &[], "more columns than there are numbers for");
    let columns = |first, width| vec![integer("first", first), integer("width", width)];
    is("slice", &[ROW], &[], &columns(4, 8), matrix(Space::Row, 8));
    refused("slice", &[ROW], &[], &columns(4, 9), "of an input with 12");
    refused("slice", &[ROW], &[], &columns(4, 0), "the result has no columns");
    refused("slice", &[ROW], &[], &columns(i64::from(u32::MAX), i64::from(u32::MAX)), "of an input with 12");
    refused("dropout", &[ROW], &[], &[number("rate", 1.0)], "rate is 1, expected 0 to below 1");
    refused("gelu", &[ROW], &[], &[text("form", "quick")], "form is \"quick\"");
    refused("relux", &[ROW], &[], &[], "unknown op \"relux\"; did you mean \"relu\"?");
    refused("relu", &[ROW, ROW], &[], &[], "2 inputs, expected 1");
}

/// A decoder that uses every function of the builder that language models need.
fn decoder(vocab: u32, context: u32) -> Result<Network> {
    let g = Net::new();
    let x = g.embedding("wte", g.ids(), vocab, 8)
        + g.embedding_with("wpe", g.positions(), [context + 2, 8], 2, Init::Zeros);
    let x = g.block("h.0", || {
        let h = g.scope("attn", || {
            let h = g.layer_norm("ln", x, 1e-5);
            let qkv = g.linear("c_attn", h, 24, Linear::BIAS.in_out());
            let [q, k, v] = [0, 8, 16].map(|first| qkv.slice(first, 8));
            g.linear("c_proj", q.attend(k, v, &Attention::causal(2)), 8, Linear::BIAS.in_out()).dropout(0.1)
        });
        x + h
    });
    g.alias("wte.weight", "transformer.wte.weight");
    g.ignore(&["*.attn.bias"]);
    g.head("logits", g.tied("wte", x));
    g.network()
}

#[test]
fn builder_names_and_shares_parameters() {
    let network = decoder(50, 16).expect("it is well typed");
    let names: Vec<_> = network.parameters.iter().map(|parameter| (&*parameter.name, &*parameter.shape)).collect();
    let expected: [(&str, &[u32]); 8] = [
        ("wte.weight", &[50, 8]),
        ("wpe.weight", &[18, 8]),
        ("h.0.attn.ln.weight", &[8]),
        ("h.0.attn.ln.bias", &[8]),
        ("h.0.attn.c_attn.weight", &[8, 24]),
        ("h.0.attn.c_attn.bias", &[24]),
        ("h.0.attn.c_proj.weight", &[8, 8]),
        ("h.0.attn.c_proj.bias", &[8]),
    ];
    assert_eq!(names, expected);
    assert_eq!(count(&network), 50 * 8 + 18 * 8 + 16 + 8 * 24 + 24 + 64 + 8);
    assert_eq!((&*network.blocks, &*network.ignored), (&["h.0".to_owned()][..], &["*.attn.bias".to_owned()][..]));
    assert_eq!(network.parameters[0].aliases, ["transformer.wte.weight"]);
    let decays: Vec<_> = network.parameters.iter().map(|parameter| parameter.decay).collect();
    assert_eq!(decays, [true, true, false, false, true, false, true, false], "matrices alone");
    let ids = network.layers.iter().filter(|layer| layer.op == "input.ids").count();
    assert_eq!(ids, 1, "an input is one layer however often it is used");
}

#[test]
fn builder_keeps_the_first_mistake_with_its_scope_and_line() {
    let g = Net::new();
    let x = g.embedding("wte", g.ids(), 50, 8);
    let y = g.block("h.3", || x + g.linear("fc", x, 9, Linear::PLAIN));
    let z = y + g.linear("later", y, 7, Linear::PLAIN);
    g.head("logits", z);
    let error = g.network().expect_err("widths differ").message;
    assert!(
        error.starts_with("h.3 (add): the inputs are [row, 8] and [row, 9], expected two of one type, at "),
        "{error}"
    );
    assert!(error.contains("network/tests.rs:"), "{error}");
    let g = Net::new();
    let x = g.embedding("wte", g.ids(), 50, 8);
    g.parameter("wte.weight", &[49, 8], Init::Zeros);
    g.head("logits", g.tied("wte", x));
    let expected = "parameter wte.weight has shape [50, 8], here it is used with [49, 8]";
    assert_eq!(g.network(), Err(PluginError::internal(expected)));
    let g = Net::new();
    let x = g.embedding("wte", g.ids(), 50, 8);
    g.head("logits", g.tied("wtf", x));
    assert_eq!(g.network(), Err(PluginError::internal("there is no parameter wtf.weight to be tied to")));
}

#[test]
#[should_panic(expected = "a value of another network; use one Net")]
fn values_of_two_networks_do_not_mix() {
    let (g, other) = (Net::new(), Net::new());
    let _ = g.embedding("a", g.ids(), 5, 4) + other.embedding("a", other.ids(), 5, 4);
}

#[test]
fn sizes_are_compared() {
    let network = decoder(50, 16).expect("it is well typed");
    let error = |sizes: Sizes| check_for(&network, &sizes).err().map(|error| error.message);
    assert_eq!(error(Sizes::new(50, 16)), None);
    assert_eq!(error(Sizes::new(50, 12)), None, "more positions than needed");
    let expected =
        "wpe (embedding): wpe.weight has 18 rows, the first 2 unused, too few for 17 positions of the context";
    assert_eq!(error(Sizes::new(50, 17)).as_deref(), Some(expected));
    let expected = "wte (linear): the head \"logits\" has 50 columns, expected 3, one for each label: take the model's \
                    head for classes, or a model that has one";
    assert_eq!(error(Sizes::new(50, 16).labels(3)).as_deref(), Some(expected));
}

#[test]
fn a_bag_has_a_column_for_every_token() {
    let g = Net::new();
    g.head("logits", g.linear("classifier", g.bag(g.ids(), 50), 3, Linear::BIAS));
    let network = g.network().expect("it is well typed");
    let error = |sizes: Sizes| check_for(&network, &sizes.labels(3)).err().map(|error| error.message);
    assert_eq!(error(Sizes::new(50, 16)), None);
    let expected = "layer 1 (bag): 50 columns are too few for 51 tokens of the vocabulary";
    assert_eq!(error(Sizes::new(51, 16)).as_deref(), Some(expected));
}

#[test]
fn what_changes_no_head_is_refused() {
    let good = decoder(50, 16).expect("it is well typed");
    let error = |change: &dyn Fn(&mut Network)| {
        let mut network = good.clone();
        change(&mut network);
        check(&network).expect_err("it is wrong").message
    };
    let unused = |network: &mut Network| {
        network.parameters.push(Parameter { name: "unused".into(), aliases: vec![], ..network.parameters[0].clone() });
    };
    assert!(error(&unused).starts_with("parameter unused changes no head: no gradient would reach it"));
    let alias = |network: &mut Network| network.parameters[1].aliases.push("wte.weight".into());
    assert_eq!(error(&alias), "two parameters are named \"wte.weight\"");
    let block = |network: &mut Network| network.blocks.push("a b".into());
    assert!(error(&block).starts_with("the scope of a block \"a b\" has other characters than ASCII's"));
    let cyclic = |network: &mut Network| network.layers[1].inputs = vec![1];
    assert_eq!(error(&cyclic), "wte (embedding): input 1 is not an earlier layer (a network has no cycles)");
    let set = |network: &mut Network| network.op_set = 3;
    assert_eq!(error(&set), "op set 3 is unknown, expected 1 to 2");
    let many = |network: &mut Network| network.layers.resize(MAX_LAYERS + 1, network.layers[0].clone());
    assert_eq!(error(&many), "the network has 100001 layers, at most 100000 are allowed");
}

#[test]
fn sizes_have_names() {
    let sizes = Sizes::new(50, 16).labels(3);
    assert_eq!(Sizes::from_named(sizes.named()), sizes);
    assert_eq!(Sizes::from_named([("later", 7), ("context", 16)]), Sizes::new(0, 16));
}
