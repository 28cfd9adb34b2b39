//! Runs the transcripts in `tests/cmd/`, which pin the program's output word for word. Each may have an
//! initial folder (`.in`) and an expected one (`.out`).

#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    let day = "1767225600"; // 2026-01-01
    cases.env("NO_COLOR", "1").env("COLUMNS", "100").env("SOURCE_DATE_EPOCH", day);
    cases.case("tests/cmd/*.md");
}
