//! The C header has the sizes and offsets of the Rust structs: a C program prints them, this test compares.

use std::fmt::Write;
use std::mem::{offset_of, size_of};
use std::process::Command;
use trainyard_plugin::abi;

/// Every struct of the header, its Rust type and its fields.
macro_rules! structs {
    ($($c:literal = $rust:ty { $($field:ident),* }),* $(,)?) => {{
        let (mut program, mut expected) = (String::new(), String::new());
        $(
            let _ = writeln!(program, "printf(\"{0} %zu\\n\", sizeof({0}));", $c);
            let _ = writeln!(expected, "{} {}", $c, size_of::<$rust>());
            $(
                let _ = writeln!(program, "printf(\"{0}.{1} %zu\\n\", offsetof({0}, {1}));", $c, stringify!($field));
                let _ = writeln!(expected, "{}.{} {}", $c, stringify!($field), offset_of!($rust, $field));
            )*
        )*
        (program, expected)
    }};
}

fn sizes() -> (String, String) {
    structs! {
        "trainyard_str" = abi::Str { ptr, len },
        "trainyard_setting" = abi::Setting { key, tag, integer, number, text, numbers, texts },
        "trainyard_token_batch" = abi::TokenBatch { ids, ends },
        "trainyard_verdict" = abi::Verdict { keep, has_score, has_text, score, reason, text, spans },
        "trainyard_node" = abi::Node { op, inputs, attributes },
        "trainyard_output" = abi::Output { name, sum, weight },
        "trainyard_text_pair" = abi::TextPair { hypothesis, references },
        "trainyard_prompted_pair" = abi::PromptedPair { prompt, pair },
        "trainyard_prompts_table" = abi::PromptsTable { size, update },
        "trainyard_signature_table" = abi::SignatureTable { size, signature },
        "trainyard_span" = [u32; 2] {},
        "trainyard_host" = abi::Host {
            size, context, error, bytes, special, tokens, verdict, graph, info, number, log
        },
        "trainyard_header" = abi::Header { size, version, kind, identity, create, destroy, ability },
        "trainyard_tokenizer_table" = abi::TokenizerTable { header, observe, train, load, vocabulary, encode, decode },
        "trainyard_filter_table" = abi::FilterTable { header, two_pass, observe, state, merge, judge },
        "trainyard_measures" = abi::Measures { size, context, rule, values },
        "trainyard_measures_table" = abi::MeasuresTable { size, rules, measure },
        "trainyard_loss_table" = abi::LossTable { header, describe },
        "trainyard_metric_table" = abi::MetricTable { header, info, describe },
        "trainyard_size" = abi::Size { name, value },
        "trainyard_parameter" = abi::Parameter { name, shape, init, scale, decay, aliases },
        "trainyard_layer" = abi::Layer { op, scope, inputs, parameters, attributes },
        "trainyard_head" = abi::Head { name, value },
        "trainyard_network" = abi::Network { op_set, parameters, layers, heads, blocks, ignored },
        "trainyard_networks" = abi::Networks { size, context, network, settings },
        "trainyard_model_table" = abi::ModelTable { header, describe, import_config, export_config },
        "trainyard_text_metric_table" = abi::TextMetricTable { header, info, update, state, merge, value },
    }
}

#[test]
fn header_has_the_layout_of_the_rust_structs() {
    let (program, mut expected) = sizes();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (source, binary) = (dir.path().join("sizes.c"), dir.path().join("sizes"));
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-sdk/include");
    let constants = "printf(\"%d %d %d %d %d\\n\", TRAINYARD_ABI_VERSION, TRAINYARD_OK, TRAINYARD_FAILED, \
                     TRAINYARD_PANICKED, TRAINYARD_OP_SET);";
    let program = format!(
        "#include \"trainyard_plugin.h\"\n#include <stdio.h>\nint main(void) {{\n{program}{constants}\nreturn 0;\n}}\n"
    );
    let _ = writeln!(
        expected,
        "{} {} {} {} {}",
        abi::VERSION,
        abi::OK,
        abi::FAILED,
        abi::PANICKED,
        trainyard_plugin::graph::ops::OP_SET
    );
    std::fs::write(&source, program).expect("writable");
    for (compiler, standard) in [("cc", "-std=c11"), ("c++", "-std=c++17")] {
        let mut compile = Command::new(compiler);
        compile.args([standard, "-Wall", "-Wextra", "-Wno-unused", "-Werror", "-I", include]);
        if compiler == "c++" {
            compile.args(["-x", "c++"]);
        }
        let compiled = compile.arg(&source).arg("-o").arg(&binary).output();
        let Ok(compiled) = compiled else {
            assert_ne!(compiler, "cc", "a C compiler is needed to build this workspace");
            continue; // C++ is not
        };
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let printed = Command::new(&binary).output().expect("it was built").stdout;
        assert_eq!(String::from_utf8_lossy(&printed), expected, "{compiler}");
    }
}
