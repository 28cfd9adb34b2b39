use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("venti.yaml")).map_err(|problem| problem.to_line())
}

#[test]
fn each_mistake_has_its_place() {
    let table: &[(&str, &str)] = &[
        ("", "venti.yaml:1:1: `title` is missing (name the site: `title: My thinkpieces`)"),
        ("title:\n", "venti.yaml:1:1: `title` is missing (name the site: `title: My thinkpieces`)"),
        ("title: \"  \"\n", "venti.yaml:1:8: `title` must not be empty"),
        (
            "title: 1984\n",
            "venti.yaml:1:8: `title` must be text, not the number 1984 (put it in quotes if it is text: \"1984\")",
        ),
        ("title: [a]\n", "venti.yaml:1:8: `title` must be text, not a list"),
        (
            "- title\n",
            "venti.yaml:1:1: the YAML must be a mapping of keys to values (`key: value`), not a list",
        ),
        (
            "just words\n",
            "venti.yaml:1:1: the YAML must be a mapping of keys to values (`key: value`), not the text \"just words\"",
        ),
        ("titel: x\n", "venti.yaml:1:1: unknown key `titel` (did you mean `title`?)"),
        (
            "title: x\nauthor: {nmae: A}\n",
            "venti.yaml:2:10: unknown key `nmae` (did you mean `name`?)",
        ),
        (
            "title: x\nzebra: 1\n",
            "venti.yaml:2:1: unknown key `zebra` (valid keys: title, tagline, base_url, language, author, theme, accent, fonts, nav, footer, strings, seeds, essays, pages, output, model, device, dtype, batch_size, threads, generation, blocklist, publish, paginate, feed_limit, words_per_minute, social_cards, minify, noindex)",
        ),
        (
            "title: x\ntitle: y\n",
            "venti.yaml:2:1: the key `title` is given twice (keep one of them)",
        ),
        (
            "title: My site: a blog\n",
            "venti.yaml:1:15: invalid YAML: mapping values are not allowed in this context (put text that contains a colon in double quotes)",
        ),
        (
            "title: x\n\tpaginate: 3\n",
            "venti.yaml:2:1: invalid YAML: found a tab character that violates indentation (indent with spaces; YAML does not allow tabs here)",
        ),
        (
            "title: \"x\n",
            "venti.yaml:2:1: invalid YAML: found unexpected end of stream (a quotation mark, `[` or `{` before this point is never closed)",
        ),
        (
            "title: *x\n",
            "venti.yaml:1:8: there is no anchor (`&…`) with this name (put text that starts with `*` in double quotes)",
        ),
        (
            "title: !x y\n",
            "venti.yaml:1:8: YAML tags (`!…`) are not supported (put text that starts with `!` in double quotes)",
        ),
        (
            "title: x\n---\ntitle: y\n",
            "venti.yaml:2:1: a second YAML document starts here (remove this line)",
        ),
        (
            "title: x\nbase_url: example.com\n",
            "venti.yaml:2:11: `base_url` must be an http(s) URL, but does not start with https:// or http:// (write the full URL: https://example.com/page)",
        ),
        (
            "title: x\nbase_url: https://example.com/?a=b\n",
            "venti.yaml:2:11: `base_url` must not contain `?` or `#` (page paths are appended to this URL, as in https://example.com/blog/tags/)",
        ),
        (
            "title: x\nlanguage: english please\n",
            "venti.yaml:2:11: `language` must be a language tag (such as `en`, `de` or `pt-BR`)",
        ),
        (
            "title: x\naccent: #1a8917\n",
            "venti.yaml:2:1: `accent` has no value: `#1a8917` is a comment (put the text in double quotes)",
        ),
        (
            "title: x\naccent: \"green\"\n",
            "venti.yaml:2:9: `accent` must be a colour (write six hexadecimal digits in quotes, because `#` starts a comment: accent: \"#1a8917\")",
        ),
        (
            "title: x\naccent: 123456\n",
            "venti.yaml:2:9: `accent` must be text, not the number 123456 (write it in quotes and with a `#`: accent: \"#123456\")",
        ),
        (
            "title: x\naccent: \"1a8917\"\n",
            "venti.yaml:2:9: `accent` must be a colour (write it in quotes and with a `#`: accent: \"#1a8917\")",
        ),
        (
            "title: x\nstrings:\n  archive: #x\n",
            "venti.yaml:3:3: `archive` has no value: `#x` is a comment (put the text in double quotes)",
        ),
        (
            "title: x\nfonts: Georgia\n",
            "venti.yaml:2:8: `fonts` must be a mapping of keys to values (`key: value`), not the text \"Georgia\"",
        ),
        (
            "title: x\nfonts: {serif: \"a; } b { c: d\"}\n",
            "venti.yaml:2:16: `fonts.serif` must be a CSS list of font families (separate the families with commas, as in `Georgia, \"Times New Roman\", serif`)",
        ),
        (
            "title: x\nnav:\n  - {name: A}\n",
            "venti.yaml:3:5: `nav[1]` must have a `name` and a `url` (such as `- { name: Tags, url: tags/ }`)",
        ),
        (
            "title: x\nnav:\n  - {name: A, url: \"javascript:alert(1)\"}\n",
            "venti.yaml:3:20: `nav[1].url` must be an http(s) URL, but does not start with https:// or http:// (write the full URL: https://example.com/page)",
        ),
        (
            "title: x\nseeds: ../seeds\n",
            "venti.yaml:2:8: `seeds` must be a path inside the project (relative, with forward slashes and without `..`, such as `content/seeds`)",
        ),
        (
            "title: x\noutput: content\n",
            "venti.yaml:2:9: `output` (content) and `seeds` (content/seeds) must be separate folders, with neither inside the other (give each its own folder)",
        ),
        (
            "title: x\nseeds: a\nessays: A\n",
            "venti.yaml:3:9: `essays` (A) and `seeds` (a) must be separate folders, with neither inside the other (give each its own folder)",
        ),
        (
            "title: x\ndevice: gpu\n",
            "venti.yaml:2:9: `device` must be one of auto, cpu, cuda, metal, not the text \"gpu\"",
        ),
        (
            "title: x\npublish: reviwed\n",
            "venti.yaml:2:10: `publish` must be one of auto, reviewed, not the text \"reviwed\" (did you mean `reviewed`?)",
        ),
        (
            "title: x\nbatch_size: 0\n",
            "venti.yaml:2:13: `batch_size` must be a whole number from 1 to 4096, not 0",
        ),
        (
            "title: x\nbatch_size: many\n",
            "venti.yaml:2:13: `batch_size` must be `auto` or a whole number from 1 to 4096",
        ),
        (
            "title: x\ngeneration: {temperature: -1}\n",
            "venti.yaml:2:27: `generation.temperature` must be from 0 to 100, not -1",
        ),
        (
            "title: x\ngeneration: {temperature: .nan}\n",
            "venti.yaml:2:27: `generation.temperature` must be a finite number, not the number .nan",
        ),
        (
            "title: x\ngeneration: {top_p: 1.5}\n",
            "venti.yaml:2:21: `generation.top_p` must be from 0 to 1, not 1.5",
        ),
        (
            "title: x\ngeneration: {candidates: 0}\n",
            "venti.yaml:2:26: `generation.candidates` must be from 1 to 64, not 0",
        ),
        (
            "title: x\ngeneration: {min_words: 300, max_words: 200}\n",
            "venti.yaml:2:25: `generation.min_words` must not exceed max_words, but 300 is more than 200",
        ),
        (
            "title: x\ngeneration: {stop: [\"\"]}\n",
            "venti.yaml:2:20: `generation.stop` must not contain an empty string, which would end every essay at once",
        ),
        (
            "title: x\ngeneration: {max_rounds: 2.5}\n",
            "venti.yaml:2:26: `generation.max_rounds` must be a whole number of at least 0, not the number 2.5",
        ),
        (
            "title: x\nblocklist: [\"a(\"]\n",
            "venti.yaml:2:13: `blocklist[1]` must be a valid regular expression: unclosed group (escape special characters with a backslash)",
        ),
        (
            "title: x\nblocklist: [\"a*\"]\n",
            "venti.yaml:2:13: `blocklist[1]` must not match the empty string, or it would reject every essay",
        ),
        (
            "title: x\npaginate: 0\n",
            "venti.yaml:2:11: `paginate` must be a whole number from 1 to 100000, not 0",
        ),
        (
            "title: x\nminify: yes\n",
            "venti.yaml:2:9: `minify` must be true or false, not the text \"yes\"",
        ),
        (
            "title: \"ü\" \nstrings: {ü: ü, é: [1]}\n",
            "venti.yaml:2:20: `strings.é` must be text, not a list",
        ),
        (
            "title: a\u{0}b\n",
            "venti.yaml:1:9: the character U+0000 is not allowed here (delete it; it is invisible in most editors)",
        ),
        (
            "title: x\ntheme: themes/mine\n",
            "venti.yaml:2:8: `theme` must be the name of a theme (for your own theme in `themes/NAME/`, write only NAME)",
        ),
        (
            "title: x\nauthor: {avatar: \"../me.png\"}\n",
            "venti.yaml:2:18: `author.avatar` must be a path inside the project (relative, with forward slashes and without `..`, such as `img/me.png`)",
        ),
        (
            "title: x\n? [a]\n: b\n",
            "venti.yaml:2:3: a key must be text (put text that contains `{`, `[` or `?` in double quotes)",
        ),
        (
            "title: x\nstrings: {a: {b: [}}\n",
            "venti.yaml:2:19: invalid YAML: did not find expected node content (indent all keys of a mapping by the same amount; put text that contains quotation marks in double quotes, and write each double quote inside it as \\\")",
        ),
        (
            "title: x\nmodel: --help\n",
            "venti.yaml:2:8: `model` must not start with a dash (such as `venti-mini`, `gpt2`, `owner/name` or `./a-folder`)",
        ),
        (
            "title: x\nseeds: .git/hooks\n",
            "venti.yaml:2:8: `seeds` must be a path inside the project (relative, with forward slashes and without `..`, such as `content/seeds`)",
        ),
    ];
    for (text, expected) in table {
        let found = parse(text).map(|_| ()).expect_err(text);
        assert_eq!(&found, expected, "{text:?}");
    }
}

#[test]
fn only_the_title_is_required() {
    let config = parse("title: T\n").expect("a title is enough");
    assert_eq!(config.title, "T");
    assert_eq!(config.language, "en");
    assert_eq!(config.author.name, "Venti");
    assert_eq!(
        (config.seeds.to_str(), config.output.to_str()),
        (Some("content/seeds"), Some("output"))
    );
    assert_eq!(
        (config.model.as_str(), config.batch_size, config.threads),
        ("venti-mini", None, None)
    );
    assert!(config.generation.is_empty());
    assert_eq!((config.paginate, config.feed_limit, config.words_per_minute), (12, 20, 265));
    assert_eq!((config.publish, config.minify, config.noindex), (Publish::Auto, true, false));
}

#[test]
fn every_key_is_read() {
    let text = r##"
title: "T: a title"
tagline: t
base_url: https://example.com/blog//
language: pt-BR
author: { name: N, bio: b, url: "http://n.example", avatar: img//./n.png }
theme: my_theme
accent: "#1A8"
fonts: { serif: "Georgia, serif", sans: "'Source Sans 3', sans-serif" }
nav: [{ name: Tags, url: /tags/ }, { name: Out, url: "https://out.example/" }]
footer: f
strings: { by: von }
seeds: s/
essays: ./e
pages: p
output: o
model: owner/name@main
device: cpu
dtype: bf16
batch_size: 4
threads: auto
generation: { temperature: 0, top_k: 3, stop: ["\n\n"] }
blocklist: ["\\bfoo\\b"]
publish: reviewed
paginate: 3
feed_limit: 4
words_per_minute: 200
social_cards: false
minify: false
noindex: true
"##;
    insta::assert_debug_snapshot!(parse(text).expect("every key is right"), @r##"
    Config {
        title: "T: a title",
        tagline: "t",
        base_url: Some(
            "https://example.com/blog",
        ),
        language: "pt-BR",
        author: Author {
            name: "N",
            bio: Some(
                "b",
            ),
            url: Some(
                "http://n.example",
            ),
            avatar: Some(
                "img/n.png",
            ),
        },
        theme: "my_theme",
        accent: Some(
            "#11aa88",
        ),
        fonts: Fonts {
            serif: Some(
                "Georgia, serif",
            ),
            sans: Some(
                "'Source Sans 3', sans-serif",
            ),
        },
        nav: [
            NavEntry {
                name: "Tags",
                url: "tags/",
            },
            NavEntry {
                name: "Out",
                url: "https://out.example/",
            },
        ],
        footer: Some(
            "f",
        ),
        strings: {
            "by": "von",
        },
        seeds: "s",
        essays: "e",
        pages: "p",
        output: "o",
        model: "owner/name@main",
        device: Cpu,
        dtype: Bf16,
        batch_size: Some(
            4,
        ),
        threads: None,
        generation: GenerationOverrides {
            temperature: Some(
                0.0,
            ),
            top_k: Some(
                3,
            ),
            top_p: None,
            min_p: None,
            typical_p: None,
            repetition_penalty: None,
            no_repeat_ngram_size: None,
            stop: Some(
                [
                    "\n\n",
                ],
            ),
            min_new_tokens: None,
            max_new_tokens: None,
            min_words: None,
            max_words: None,
            candidates: None,
            max_rounds: None,
            guidance_scale: None,
        },
        blocklist: [
            "\\bfoo\\b",
        ],
        publish: Reviewed,
        paginate: 3,
        feed_limit: 4,
        words_per_minute: 200,
        social_cards: false,
        minify: false,
        noindex: true,
    }
    "##);
}

#[test]
fn a_byte_order_mark_and_crlf_are_accepted() {
    assert_eq!(parse("\u{feff}title: T\r\ntagline: t\r\n"), parse("title: T\ntagline: t\n"));
}

#[test]
fn expanding_aliases_is_limited() {
    let mut bomb = String::from("title: x\nstrings:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        bomb += &format!("  a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let found = parse(&bomb).expect_err("an alias bomb");
    assert!(found.contains("too large after expanding its aliases"), "{found}");
    for deep in ["[", "{a: ", "- ", "? ", "!", "&", "*"] {
        assert!(
            parse(&format!(
                "title: x
nav:
  {}",
                deep.repeat(100_000)
            ))
            .is_err(),
            "{deep}"
        );
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn parsing_a_damaged_file_never_panics(at in 0usize..200, cut in 0usize..5, with in "[\\PC\t\r\n\"'#&*!|>{}\\[\\]:,-]{0,4}") {
        let good: Vec<char> = "title: \"a: b\"\nauthor: {name: é}\ngeneration:\n  temperature: 0.5\n  stop: [x, \"y\"]\nblocklist:\n  - 'z'\nfooter: |\n  ü\n  b\n".chars().collect();
        let at = at.min(good.len());
        let end = (at + cut).min(good.len());
        let text: String = good[..at].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&good[end..]).collect();
        if let Err(problem) = Config::parse(&text, Path::new("venti.yaml")) {
            let (line, column) = problem.place().expect("every mistake has a place");
            prop_assert!(line <= text.split('\n').count(), "{line}:{column}");
            crate::problem::Problems(vec![problem]).render(false, 80);
        }
    }
}

#[test]
fn a_backslash_in_double_quotes_has_its_hint() {
    for yaml in [r#"title: "C:\Users""#, r#"title: "\q""#, "title: T\nblocklist: [\"\\d+\"]"] {
        let problem = Config::parse(yaml, Path::new("venti.yaml")).expect_err(yaml);
        assert!(problem.to_line().contains("single quotes"), "{}", problem.to_line());
    }
}
