//! `venti new "quote"`: adds a seed.

use std::io;

use jiff::civil::Date;
use miette::miette;

use super::import::list::has_front_matter;
use super::workspace::Workspace;
use crate::cli::New;
use crate::terminal::Terminal;
use content::new_seed::NewSeed;

/// Writes the seed and prints its path.
pub fn run(site: &Workspace, args: New, terminal: &Terminal, today: Date) -> miette::Result<()> {
    let seeds = site.load_seeds()?;
    let quote = if args.quote == "-" {
        io::read_to_string(io::stdin())
            .map_err(|e| miette!("cannot read the quote from standard input: {e}"))?
    } else {
        args.quote
    };
    if has_front_matter(&quote) {
        return Err(miette!(
            help = "save it as a file in content/seeds/, or give only the quote",
            "the text has front matter, so it is a whole seed and not a quote"
        ));
    }
    let seed = NewSeed {
        title: args.title,
        author: args.author,
        source: args.source,
        tags: args.tags,
        draft: args.draft,
        slug: args.slug.unwrap_or_default(),
        ..NewSeed::new(quote.trim().to_owned(), today)
    };
    for path in site.add_seeds(&seeds, vec![seed], false)? {
        terminal.did("wrote", path.display());
    }
    terminal.say("run `venti build` to write its essay and render the site");
    Ok(())
}
