//! What text filters share: word splitters, lines, n-grams, Unicode tables. For authors of plugins too: it needs
//! nothing of a system, and compiles to WASM.
