//! What a library in the program's own process prints: it must not get between the results.

use crate::plugins::built;
use crate::program::trainyard;

#[test]
fn a_flood_of_prints_is_not_in_the_results() {
    let library = built("tests/guests/hostile-filter").native;
    let library = library.to_str().expect("text");
    let settings = "behaviour = 'print-flood in judge'";
    let arguments = ["filter", "--plugin", library, "--trust", "native", "--config", settings];
    let ran = trainyard(&arguments).input("{\"text\": \"one\"}\n{\"text\": \"two\"}\n").run();
    assert_eq!(ran.code, 0, "{}", ran.stderr.lines().last().unwrap_or_default());
    let results: Vec<_> = ran.stdout.lines().map(|line| line.starts_with('{')).collect();
    assert_eq!(results, [true, true]);
    let printed = ran.stderr.lines().filter(|line| line.starts_with("line ")).count();
    assert_eq!(printed, 100_000);
}
