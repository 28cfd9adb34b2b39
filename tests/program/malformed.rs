//! Invalid content: every mistake is reported with its file, line and column, and nothing is written.

use crate::project::{Project, SMALL};

/// An invalid seed, the position of the mistake, and part of the message.
const SEEDS: [(&str, &str, &str); 15] = [
    ("---\nquot: \"Typo.\"\n---\n", "seed.md:2:1", "quote"),
    ("---\nquote: 3\n---\n", "seed.md:2:8", "text"),
    ("---\nquote: \"\"\n---\n", "seed.md:2:8", "quote"),
    ("---\ntitle: No quote\n---\n", "seed.md", "quote"),
    ("---\nquote: \"A.\"\ntags: one\n---\n", "seed.md:3:7", "list"),
    ("---\nquote: \"A.\"\ndate: tomorrow\n---\n", "seed.md:3:7", "date"),
    ("---\nquote: \"A.\"\nsource: javascript:x\n---\n", "seed.md:3:9", "http"),
    ("---\nquote: \"A.\"\nslug: tags\n---\n", "seed.md:3:7", "tags"),
    ("---\nquote: \"A.\"\ntakes: 0\n---\n", "seed.md:3:8", "takes"),
    ("---\nquote: \"A.\"\ngeneration: { temprature: 1 }\n---\n", "seed.md:3:15", "temperature"),
    ("---\nquote: \"A.\"\ngeneration: { top_p: 2 }\n---\n", "seed.md:3:22", "top_p"),
    ("---\nquote: \"A.\"\ndraft: maybe\n---\n", "seed.md:3:8", "true"),
    ("---\nquote: \"A.\"\nquote: \"B.\"\n---\n", "seed.md", "quote"),
    ("---\nquote: \"A.\n---\n", "seed.md", "quot"),
    ("---\nquote: A.\n", "seed.md:1:1", "---"),
];

/// An invalid configuration, the position of the mistake, and part of the message.
const CONFIGS: [(&str, &str, &str); 10] = [
    ("", "venti.yaml", "title"),
    ("title: A\ntagelline: x\n", "venti.yaml:2:1", "tagline"),
    ("title: [A]\n", "venti.yaml:1:8", "title"),
    ("title: A\nbase_url: example.com\n", "venti.yaml:2:11", "http"),
    ("title: A\npaginate: 0\n", "venti.yaml:2:11", "paginate"),
    ("title: A\ngeneration: { candidates: 0 }\n", "venti.yaml:2:27", "candidates"),
    ("title: A\noutput: ../site\n", "venti.yaml:2:9", "inside the project"),
    ("title: A\nblocklist: [\"(\"]\n", "venti.yaml:2:13", "regular expression"),
    ("title: A\ndevice: tpu\n", "venti.yaml:2:9", "auto"),
    ("title: A\n\tx: 1\n", "venti.yaml:2", "tab"),
];

#[test]
fn each_invalid_seed_is_reported_with_its_place() {
    for (text, place, word) in SEEDS {
        let project = Project::new(SMALL);
        project.write("content/seeds/seed.md", text);
        let said = project.fails(&["build"], 1);
        assert!(said.contains(&format!("content/seeds/{place}")), "{text}\n{said}");
        assert!(said.contains(word), "{word}: {text}\n{said}");
        assert!(!project.path("output").exists() && !project.path("content/essays").exists());
    }
}

#[test]
fn each_invalid_configuration_is_reported_with_its_place() {
    for (text, place, word) in CONFIGS {
        let project = Project::new(text);
        project.seed("seed", "A quote.");
        let said = project.fails(&["build"], 1);
        assert!(said.contains(place), "{text}\n{said}");
        assert!(said.contains(word), "{word}: {text}\n{said}");
        assert!(!project.path("output").exists() && !project.path("content/essays").exists());
    }
}

#[test]
fn all_invalid_files_are_reported_in_one_run() {
    let project = Project::new(SMALL);
    for (n, (text, _, _)) in SEEDS.iter().enumerate() {
        project.write(&format!("content/seeds/broken-{n}.md"), text);
    }
    project.write("content/seeds/latin1.md", b"---\nquote: caf\xe9\n---\n");
    project.write("content/essays/lost.md", "No front matter.");
    for name in ["one", "two"] {
        project.write(&format!("content/pages/{name}.md"), "---\ntitel: x\n---\n");
    }
    let said = project.fails(&["build"], 1);
    for name in ["essays/lost", "pages/one", "pages/two"] {
        assert!(said.contains(&format!("content/{name}.md")), "{name}: {said}");
    }
    for n in 0..SEEDS.len() {
        assert!(said.contains(&format!("broken-{n}.md")), "{n}: {said}");
    }
    assert!(said.contains("latin1.md"), "{said}");
}

#[test]
fn both_seeds_of_a_conflict_are_named() {
    let project = Project::new(SMALL);
    project.write("content/seeds/a.md", "---\nquote: A.\nslug: same\n---\n");
    project.write("content/seeds/b.md", "---\nquote: B.\nslug: same\n---\n");
    let said = project.fails(&["build"], 1);
    assert!(said.contains("a.md") && said.contains("b.md") && said.contains("same"), "{said}");

    let project = Project::new(SMALL);
    project.write("content/seeds/a.md", "---\nquote: A.\ntags: [C]\n---\n");
    project.write("content/seeds/b.md", "---\nquote: B.\ntags: [\"C++\"]\n---\n");
    let said = project.fails(&["build"], 1);
    assert!(said.contains("C++") && said.contains("\"C\""), "{said}");
}

#[cfg(feature = "embedded-model")]
#[test]
fn a_page_that_clashes_with_a_list_is_reported_before_anything_is_written() {
    const FRONT: &str = "date: 2025-12-31\ntags: [t]\nauthor: Ada Runway\ntakes: 2\n";
    for (page, list) in [
        ("tags/t.md", "the list of the tag \"t\""),
        ("tags/t/index.html", "the list of the tag \"t\""),
        ("authors/ada-runway.md", "the list of the author \"Ada Runway\""),
        ("archive/2025/12.md", "the list of the month 2025-12"),
        ("seed/take-2.md", ""),
        ("seed/takes.md", "a page of the takes"),
    ] {
        let project = Project::new(SMALL);
        project.write("content/seeds/seed.md", format!("---\n{FRONT}---\nA quote.\n"));
        project.write(&format!("content/pages/{page}"), "A page.");
        let said = project.fails(&["build"], 1);
        for place in [&format!("content/pages/{page}"), "content/seeds/seed.md", list] {
            assert!(said.contains(place), "{page}: {said}");
        }
        assert!(!project.path("content/essays").exists() && !project.path("output").exists());
    }
}

#[test]
fn outside_a_site_there_is_a_hint() {
    let said = Project::empty().fails(&["build"], 1);
    assert!(said.contains("venti init"), "{said}");
}

#[test]
fn an_invalid_command_line_is_a_usage_error() {
    let said = Project::empty().fails(&["biuld"], 2);
    assert!(said.contains("build"), "{said}");
    Project::empty().fails(&["build", "--no-such-flag"], 2);
}
