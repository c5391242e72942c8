//! The output of a loader is a function of its position alone: after a kill, on ranks, ahead of the trainer.

use super::packing::shard_of;
use tempfile::TempDir;
use trainyard::corpus::{Packing, SourceSpan};
use trainyard::feed::{Loader, Position, Recipe, Shard};
use trainyard::rows::Rows;

const TOKEN_BYTES: [u32; 1000] = [1; 1000];
const STEPS: u64 = 90;

/// Two sources of documents of uneven lengths, each of tokens of its own.
fn shard(folder: &TempDir) -> Shard {
    let documents: Vec<Vec<u32>> =
        (0..80u32).map(|i| (0..i * 37 % 23 + 1).map(|j| 1 + i * 12 + j % 12).collect()).collect();
    shard_of(folder, &documents)
}

/// Every packing, as it is and with weights that change twice.
fn recipes() -> Vec<Recipe> {
    let span = |name: &str, first_document, documents| SourceSpan {
        name: name.into(),
        first_document,
        documents,
        ..SourceSpan::default()
    };
    let mut recipes = Vec::new();
    for packing in [Packing::Concatenate, Packing::BestFit, Packing::Pad] {
        let plain = Recipe { packing, ..Recipe::new(16, 4, 9) };
        let sources = vec![span("a", 0, 30), span("b", 30, 50)];
        let phases = vec![(0, vec![1.0, 2.5]), (100, vec![4.0, 1.0]), (164, vec![0.0, 1.0])];
        recipes.extend([plain.clone(), Recipe { sources, phases, ..plain }]);
    }
    recipes
}

fn open<'a>(shard: &'a Shard, recipe: &Recipe, position: Position) -> Loader<'a> {
    Loader::with(shard, recipe, &TOKEN_BYTES, position).unwrap()
}

fn straight(shard: &Shard, recipe: &Recipe) -> Vec<Rows> {
    let mut loader = open(shard, recipe, Position::default());
    let batches: Vec<Rows> = (0..STEPS).map(|_| loader.next_batch()).collect();
    let sequences = STEPS * recipe.sequences_per_batch as u64;
    assert!(loader.epochs(loader.position()).iter().all(|source| source.epochs > 1.0), "the run must cross epochs");
    assert_eq!(loader.position(), Position { sample: sequences });
    batches
}

/// Killed at each step, with nothing kept but the position, the next batch is the same byte for byte.
#[test]
fn a_loader_killed_at_any_step_goes_on_exactly() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder);
    for recipe in recipes() {
        let batches = straight(&shard, &recipe);
        let mut position = Position::default();
        for (step, batch) in batches.iter().enumerate() {
            let reopened = Shard::open(shard.path()).unwrap();
            let again = open(&reopened, &recipe, position).next_batch();
            assert!(again == *batch, "{:?}: step {step} after a kill", recipe.packing);
            position = serde_json::from_str(&serde_json::to_string(&again.next).unwrap()).unwrap();
        }
    }
}

/// Any number of ranks that divides the batch sees the same global batches, in parts.
#[test]
fn ranks_share_the_same_batches() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder);
    for recipe in recipes() {
        let batches = straight(&shard, &recipe);
        for n_ranks in [1, 2, 4] {
            let ranks =
                (0..n_ranks).map(|rank| open(&shard, &recipe, Position::default()).part(rank, n_ranks).unwrap());
            let mut ranks: Vec<_> = ranks.collect();
            for (step, whole) in batches.iter().enumerate() {
                let parts: Vec<Rows> = ranks.iter_mut().map(Loader::next_batch).collect();
                let inputs: Vec<u32> = parts.iter().flat_map(|part| part.inputs.clone()).collect();
                let weight: Vec<f32> = parts.iter().flat_map(|part| part.columns.weight.clone()).collect();
                let position: Vec<u32> = parts.iter().flat_map(|part| part.columns.position.clone()).collect();
                assert!(
                    inputs == whole.inputs && weight == whole.columns.weight && position == whole.columns.position,
                    "step {step}"
                );
                assert!(parts.iter().all(|part| part.next == whole.next && part.sequences == 4 / n_ranks));
            }
        }
        // A run that stopped on two ranks goes on with four.
        let stopped = batches[40].next;
        let last = open(&shard, &recipe, stopped).part(3, 4).unwrap().next_batch();
        assert_eq!(last.inputs, batches[41].inputs[3 * 16..]);
    }
}

#[test]
fn ranks_that_do_not_share_evenly_are_refused() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder);
    for (rank, n_ranks) in [(0, 3), (0, 8), (2, 2), (0, 0)] {
        let loader = open(&shard, &recipes()[0], Position::default());
        let error = loader.part(rank, n_ranks).unwrap_err();
        let expected =
            format!("train.batch: expected a multiple of the number of ranks, which is {n_ranks}, got 4 (rank {rank})");
        assert_eq!((error.to_string(), error.exit_code()), (expected, 2));
    }
}

/// Batches that workers make ahead are those that the trainer would make, with any number of workers, from any position
/// on; dropping the queue in the middle ends the workers.
#[test]
fn workers_change_nothing() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder);
    for recipe in recipes() {
        let batches = straight(&shard, &recipe);
        for (workers, first) in [(0, 0), (1, 0), (2, 7), (3, 1), (8, 88)] {
            let position = if first == 0 { Position::default() } else { batches[first - 1].next };
            let loader = open(&shard, &recipe, position);
            std::thread::scope(|scope| {
                let mut ahead = loader.ahead(scope, workers);
                assert_eq!(ahead.position(), position);
                for batch in &batches[first..] {
                    assert!(ahead.next_batch().unwrap() == *batch, "{workers} workers");
                    assert_eq!(ahead.position(), batch.next);
                }
            });
        }
    }
}

/// A run that ends early, by an error or a panic of the trainer, leaves no thread behind.
#[test]
fn workers_end_with_the_trainer() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder);
    let recipe = &recipes()[3];
    let loader = open(&shard, recipe, Position::default());
    let panic = std::panic::catch_unwind(|| {
        std::thread::scope(|scope| {
            let mut ahead = loader.ahead(scope, 4);
            ahead.next_batch().unwrap();
            panic!("the trainer failed");
        })
    });
    // The scope has waited for all its threads, or the test would hang.
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the trainer failed"));
}
