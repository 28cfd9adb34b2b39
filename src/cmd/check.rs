//! `venti check`: reports problems with the built site.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::Incomplete;
use super::workspace::Workspace;
use crate::cli::Check;
use crate::terminal::{Terminal, print};
use content::config::Config;
use content::essay::EssayId;
use content::problem::{Problem, Problems, read_text};
use content::project::CONFIG_FILE;
use content::seed::Seed;
use content::store::Stored;
use site::check::{self, CheckReport, Finding, Rule, Severity, merged};
use text::numbers::count;
use write::plan::orphans;

/// Checks the site. Fails if there are errors or, with `--strict`, warnings.
pub fn run(site: &Workspace, args: &Check, terminal: &Terminal) -> miette::Result<()> {
    let project = &site.project;
    // As in a build, invalid seeds are fatal.
    let (seeds, essays) = site.load()?;
    let mut report = check::check(&project.root, &project.config, external_asked(args))?;
    report.findings.extend(project_findings(&seeds, &essays, &project.config));
    let mut summary = format!("{}, {}", count(report.pages, "page"), count(report.links, "link"));
    if external_asked(args) {
        summary += &check_external(&mut report, terminal);
    }
    let findings = merged(std::mem::take(&mut report.findings));
    let errors = at_least(&findings, Severity::Error);
    let warnings = findings.len() - errors;
    let verdict = match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, _) => count(warnings, "warning"),
        (_, 0) => count(errors, "error"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };

    if args.json {
        let whole = json!({
            "pages": report.pages,
            "links": report.links,
            "errors": errors,
            "warnings": warnings,
            "findings": findings,
        });
        print(format_args!("{whole:#}\n"))?;
    } else {
        show(&project.root, &findings, args.strict, terminal);
    }
    if errors > 0 || (args.strict && warnings > 0) {
        return Err(Incomplete(format!("checked {summary}: {verdict}"), None).into());
    }
    if !args.json {
        terminal.did("checked", format_args!("{summary}: {verdict}"));
    }
    Ok(())
}

fn at_least(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity <= severity).count()
}

/// Returns the findings about the project's own files.
fn project_findings(
    seeds: &[Seed],
    essays: &BTreeMap<EssayId, Stored>,
    config: &Config,
) -> Vec<Finding> {
    let orphan = |id: EssayId| {
        let path = essays[&id].path.to_string_lossy().replace('\\', "/");
        Finding::in_file(Rule::Orphan, path, "this essay has no seed, so it has no page")
            .hint("restore its seed, set `slug:` if the seed was renamed, or remove it with `venti clean --orphans`")
    };
    let mut findings: Vec<Finding> = orphans(seeds, essays).into_iter().map(orphan).collect();
    if config.base_url.is_none() {
        let message = "without `base_url` the site has no feeds, sitemap or canonical links";
        findings.push(
            Finding::in_file(Rule::BaseUrl, CONFIG_FILE, message)
                .hint("set it to the URL of the site: base_url: https://…"),
        );
    }
    findings
}

/// Prints the findings file by file, each with its source line.
fn show(root: &Path, findings: &[Finding], strict: bool, terminal: &Terminal) {
    for of_file in findings.chunk_by(|a, b| a.places[0].file == b.places[0].file) {
        let shown = of_file.iter().filter(|finding| {
            strict || finding.severity == Severity::Error || !terminal.is_quiet()
        });
        // The contents of the files were dropped after the check, so read this file again to show its
        // lines.
        let text = read_text(root, Path::new(&of_file[0].places[0].file)).ok();
        let problems: Vec<Problem> = shown.map(|f| problem(f, text.as_deref())).collect();
        if !problems.is_empty() {
            terminal.problems(&Problems(problems));
        }
    }
}

/// Converts a finding into a problem at the finding's first location. The message also gives the number
/// of other locations.
fn problem(finding: &Finding, text: Option<&str>) -> Problem {
    let place = &finding.places[0];
    let message = format!("{}{}", finding.message, finding.elsewhere());
    let problem = match (text, place.position) {
        (Some(text), Some(at)) => Problem::at(&place.file, text, at.offset, at.len, message),
        _ => Problem::in_file(&place.file, message),
    };
    let problem = match &finding.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    };
    match finding.severity {
        Severity::Error => problem,
        Severity::Warning => problem.as_warning(),
    }
}

#[cfg(feature = "external-links")]
fn external_asked(args: &Check) -> bool {
    args.external
}

/// Returns false, because this build cannot check external links.
#[cfg(not(feature = "external-links"))]
fn external_asked(_: &Check) -> bool {
    false
}

/// Checks the external links and returns their count, as text for the summary.
#[cfg(feature = "external-links")]
fn check_external(report: &mut CheckReport, terminal: &Terminal) -> String {
    let links = std::mem::take(&mut report.external);
    let addresses = check::external::addresses(links);
    let asked = match addresses.len() {
        1 => "1 external link".to_owned(),
        n => format!("{n} external links"),
    };
    terminal.did("checking", &asked);
    let limits = check::external::RequestLimits::default();
    report.findings.extend(check::external::check(addresses, &limits));
    format!(", {asked}")
}

#[cfg(not(feature = "external-links"))]
fn check_external(_: &mut CheckReport, _: &Terminal) -> String {
    String::new()
}
