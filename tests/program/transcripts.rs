//! What the program says, word for word: the transcripts in `tests/cmd/`.

#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    cases.env("NO_COLOR", "1").env("COLUMNS", "100").case("tests/cmd/*.md");
    if cfg!(not(feature = "model")) {
        cases.skip("tests/cmd/model*.md");
    }
}
