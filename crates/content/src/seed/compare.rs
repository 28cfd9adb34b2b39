//! Finds conflicts between seeds: shared slugs and aliases, and tags or authors that share a URL.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::read::{KeyLocation, alias_page, same_tag};
use super::{Seed, Tag};
use crate::problem::Problem;
use crate::slug;

/// A function that creates a [`Problem`] at a location in a seed's file.
pub type Show<'s> = &'s dyn Fn(&Seed, KeyLocation<'_>, String) -> Problem;

/// Finds conflicts between seeds, and between seeds and other pages of the site. A conflict between two
/// seeds is reported for the later one.
pub fn compare(seeds: &[Seed], routes: &[String], show: Show<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    compare_slugs(seeds, routes, show, &mut problems);
    compare_tags(seeds, show, &mut problems);
    compare_authors(seeds, show, &mut problems);
    compare_aliases(seeds, routes, show, &mut problems);
    problems
}

fn compare_slugs(seeds: &[Seed], routes: &[String], show: Show<'_>, problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, &Path> = HashMap::with_capacity(seeds.len());
    for seed in seeds {
        let slug = seed.slug.as_str();
        let problem = |message| show(seed, KeyLocation::Slug, message);
        if slug::is_device(slug) {
            problems.push(
                problem(format!("the slug `{slug}` is the name of a device on Windows"))
                    .hint("rename the file, or set a different `slug:`"),
            );
        } else if is_route(slug, routes) {
            let owner = match routes.iter().find(|route| route.eq_ignore_ascii_case(slug)) {
                Some(route) => format!("`{route}` in the folder of pages"),
                None => format!("a page that Venti makes, /{slug}"),
            };
            problems.push(
                problem(format!("the slug `{slug}` is already used by {owner}"))
                    .hint("rename the file, or set a different `slug:`"),
            );
        } else if let Some(other) = first.get(slug) {
            problems.push(
                problem(format!("the slug `{slug}` is already used by {}", other.display()))
                    .hint("rename one of the files, or set a different `slug:`"),
            );
        } else {
            first.insert(slug, &seed.path);
        }
    }
}

fn is_route(slug: &str, routes: &[String]) -> bool {
    slug::RESERVED.contains(&slug) || routes.iter().any(|route| route.eq_ignore_ascii_case(slug))
}

fn compare_tags(seeds: &[Seed], show: Show<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, (&Tag, &Path)> = BTreeMap::new();
    for seed in seeds {
        let clash = seed.tags.iter().find_map(|tag| match first.get(tag.slug.as_str()) {
            Some((other, path)) if other.name != tag.name => Some((tag, *other, *path)),
            Some(_) => None,
            None => {
                first.insert(&tag.slug, (tag, &seed.path));
                None
            }
        });
        if let Some((tag, other, path)) = clash {
            let message = format!("{} ({})", same_tag(&tag.name, other), path.display());
            problems.push(
                show(seed, KeyLocation::Tag(tag), message)
                    .hint("spell them the same way, or rename one"),
            );
        }
    }
}

fn compare_authors(seeds: &[Seed], show: Show<'_>, problems: &mut Vec<Problem>) {
    // Skip known names before making a slug, because most names occur many times and making a slug is
    // slow.
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut first: BTreeMap<String, (&str, &Path)> = BTreeMap::new();
    for seed in seeds {
        let Some(name) = seed.author.as_deref() else { continue };
        if names.contains(name) {
            continue;
        }
        let slug = slug::of(name);
        if let Some((other, path)) = first.get(&slug) {
            let message = format!(
                "the authors {name:?} and {other:?} would share the URL authors/{slug} ({})",
                path.display()
            );
            problems.push(
                show(seed, KeyLocation::Author, message)
                    .hint("spell them the same way, or rename one"),
            );
            continue;
        }
        names.insert(name);
        first.insert(slug, (name, &seed.path));
    }
}

fn compare_aliases(seeds: &[Seed], routes: &[String], show: Show<'_>, problems: &mut Vec<Problem>) {
    let pages: HashMap<&str, &Seed> = seeds.iter().map(|seed| (&*seed.slug, seed)).collect();
    let mut taken: HashMap<String, &Seed> = HashMap::new();
    // Aliases that are files, so that nothing can be inside them.
    let all = seeds.iter().flat_map(|seed| &seed.aliases);
    let files: BTreeSet<String> = all
        .map(|alias| alias.trim_matches('/').to_lowercase())
        .filter(|alias| alias.ends_with(".html"))
        .collect();
    for seed in seeds {
        for (index, alias) in seed.aliases.iter().enumerate() {
            let page = alias_page(alias);
            let head = page.split('/').next().unwrap_or_default();
            let path = alias.trim_matches('/').to_lowercase();
            let around = path.match_indices('/').map(|(at, _)| &path[..at]);
            let file = around.into_iter().find(|folder| files.contains(*folder));
            let takes = pages.get(head).filter(|_| is_of_takes(&page));
            let clash = match (taken.get(&page), pages.get(&*page), takes) {
                (Some(owner), ..) => Some(format!("already an alias of {}", owner.path.display())),
                (_, Some(owner), _) => Some(format!("already the URL of {}", owner.path.display())),
                (.., Some(owner)) => Some(format!("reserved for {}", owner.path.display())),
                _ if file.is_some() => {
                    Some(format!("inside the alias /{}, which is a file", file.unwrap_or_default()))
                }
                _ if is_route(head, routes) => Some(format!("reserved: the site uses /{head}")),
                _ if is_route(&page, routes) || slug::FILES.contains(&page.as_str()) => {
                    Some(format!("reserved: the site has a file /{page}"))
                }
                _ => None,
            };
            match clash {
                Some(owner) => {
                    let message = format!("the alias {alias} is {owner}");
                    problems.push(
                        show(seed, KeyLocation::Alias(index), message)
                            .hint("remove it, or choose another"),
                    );
                    break;
                }
                None => {
                    taken.insert(page, seed);
                }
            }
        }
    }
}

/// Whether a page under a seed's URL belongs to its takes: `slug/take-2`, `slug/takes` or below.
fn is_of_takes(page: &str) -> bool {
    let below = page.split('/').nth(1).unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    below == "takes" || below.strip_prefix("take-").is_some_and(is_number)
}
