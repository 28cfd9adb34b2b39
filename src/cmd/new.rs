//! `venti new "quote"`: one more seed.

use jiff::civil::Date;

use super::{Site, terminal::Terminal};
use crate::cli::New;
use crate::content::new_seed::NewSeed;

/// Writes the seed and says where it is.
pub fn run(site: &Site, args: New, terminal: &Terminal, today: Date) -> miette::Result<()> {
    let seeds = site.load_seeds()?;
    let seed = NewSeed {
        title: args.title,
        author: args.author,
        source: args.source,
        tags: args.tags,
        draft: args.draft,
        slug: args.slug.unwrap_or_default(),
        ..NewSeed::new(args.quote.trim().to_owned(), today)
    };
    for path in site.add_seeds(&seeds, vec![seed], false)? {
        terminal.did("wrote", path.display());
    }
    terminal.say("`venti build` writes its essay and renders the site.");
    Ok(())
}
