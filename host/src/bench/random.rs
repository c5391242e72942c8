//! Batches of random tokens, with the rows that a task has.

use crate::base::random::Stream;
use crate::feed::tasks::{TaskConfig, Values};
use crate::rows::{Columns, Rows, SourceText};
use crate::run::{DataSizes, RunConfig};

/// Tokens and targets that are drawn uniformly, the same for the same seed and `index`, in full windows. Of a masked
/// task every seventh token is predicted, close to BERT's 15 %.
pub(super) fn random_batch(config: &RunConfig, sizes: DataSizes, index: u64) -> Rows {
    let (sequences, context) = (config.train.batch, config.model.context());
    let n = sequences * context;
    let stream = Stream::new(config.run.seed, "bench");
    let below = |from: u64, n: usize, most: usize| -> Vec<u32> {
        (from..from + n as u64).map(|i| (stream.uniform(i) * most as f64) as u32).collect()
    };
    let first = index * 3 * n as u64;
    let mut rows = Rows::windows(below(first, n, sizes.vocab), context);
    let (second, third) = (first + n as u64, first + 2 * n as u64);
    let columns = |n: usize, most: usize, position: Vec<u32>| Columns {
        target: below(second, n, most),
        weight: vec![1.0; n],
        target_bytes: vec![1.0; n],
        position,
        ..Columns::default()
    };
    match &config.task {
        TaskConfig::Labels(task) => {
            rows.group = (0..sequences as u32).collect();
            rows.columns = columns(sequences, sizes.labels, vec![0; sequences]);
            if task.values != Values::One {
                rows.columns.targets =
                    below(third, sequences * sizes.labels, 2).into_iter().map(|target| target as f32).collect();
            }
        }
        TaskConfig::Tags(task) if task.word_features => {
            rows.group = vec![0; sequences];
            rows.columns = columns(sequences, sizes.labels, (0..sequences as u32).collect());
        }
        TaskConfig::Tags(_) => rows.columns = columns(n, sizes.labels, rows.columns.position),
        TaskConfig::Masked(_) => {
            let at: Vec<u32> = (0..n as u32).step_by(7).collect();
            rows.group = at.iter().map(|token| token / context as u32).collect();
            let starts = |group: u32| rows.group.partition_point(|&other| other < group) as u32;
            let position = (0..).zip(&rows.group).map(|(row, &group)| row - starts(group)).collect();
            rows.columns = columns(at.len(), sizes.vocab, position);
            rows.at = Some(at);
        }
        TaskConfig::Seq2Seq(_) | TaskConfig::Denoise(_) => {
            let ids = below(third, n, sizes.vocab);
            let (positions, valid) = (rows.document_position.clone(), vec![context as u32; sequences]);
            rows.source = Some(SourceText { ids, positions, valid, length: context });
            rows.columns = columns(n, sizes.vocab, rows.columns.position);
        }
        TaskConfig::Embeddings(_) => {
            rows.columns = columns(n, 1, rows.columns.position);
            rows.columns.targets = below(third, n, 2).into_iter().map(|target| target as f32).collect();
        }
        TaskConfig::Causal | TaskConfig::Chat(_) => rows.columns = columns(n, sizes.vocab, rows.columns.position),
    }
    if !config.task.continues_text() {
        rows.types = vec![0; n];
    }
    rows
}
