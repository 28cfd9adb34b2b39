//! Thinkpieces in pseudo-random order: sorted by key. Keys are hashes, so the order looks random to
//! a reader but is the same in every build.

use super::catalog::Catalog;
use super::json::inside_script;
use super::route;

/// Maximum number of cards on the random page, which also works without JavaScript.
const SHOWN: usize = 60;

/// Maximum number of paths in the script. More paths would only make the script larger.
const LEAPS: usize = 2000;

/// Returns the catalog indices of the thinkpieces on the random page.
pub fn shown(catalog: &Catalog<'_>) -> Vec<usize> {
    shuffled(catalog, SHOWN)
}

/// Returns the content of `random/pieces.js`: a classic script with the paths of thinkpieces,
/// relative to the site's root.
pub fn script(catalog: &Catalog<'_>) -> serde_json::Result<Vec<u8>> {
    let path = |at: usize| route::href(&catalog.thinkpieces[at].path);
    let paths: Vec<String> = shuffled(catalog, LEAPS).into_iter().map(path).collect();
    let json = inside_script(&serde_json::to_string(&paths)?);
    Ok(format!("window.ventiPieces = {json};\n").into_bytes())
}

/// Returns the catalog indices of the first `most` thinkpieces in key order. A new thinkpiece does
/// not reorder the others.
fn shuffled(catalog: &Catalog<'_>, most: usize) -> Vec<usize> {
    let key = |&at: &usize| {
        let thinkpiece = &catalog.thinkpieces[at];
        (&thinkpiece.essay.front.key, &thinkpiece.seed.slug, thinkpiece.essay.front.take)
    };
    let mut order: Vec<usize> = (0..catalog.thinkpieces.len()).collect();
    // Only the first `most` have to be sorted.
    if most < order.len() {
        order.select_nth_unstable_by_key(most, key);
        order.truncate(most);
    }
    order.sort_unstable_by_key(key);
    order
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, Sample};
    use super::*;

    /// Returns a site with this many thinkpieces, whose keys are hashes.
    fn site(thinkpieces: usize) -> Sample {
        let mut sample = sample::site();
        for n in 0..thinkpieces {
            let mut planned = sample::seed(&format!("p-{n}"));
            planned.essay.front.key = blake3::hash(&n.to_le_bytes()).to_hex().to_string();
            sample.add(planned);
        }
        sample
    }

    fn paths(sample: &Sample) -> Vec<String> {
        let script = script(&Catalog::new(&sample.input())).unwrap();
        let script = String::from_utf8(script).unwrap();
        let json = script.strip_prefix("window.ventiPieces = ").unwrap();
        serde_json::from_str(json.strip_suffix(";\n").unwrap()).unwrap()
    }

    #[test]
    fn the_order_does_not_depend_on_the_order_of_seeds() {
        let mut sample = site(50);
        let order = paths(&sample);
        assert_eq!(order.len(), 50);
        assert_ne!(order[..3], ["p-0/index.html", "p-1/index.html", "p-10/index.html"]);
        sample.seeds.reverse();
        assert_eq!(paths(&sample), order);
    }

    #[test]
    fn a_new_thinkpiece_does_not_reorder_the_others() {
        let (before, mut after) = (paths(&site(50)), paths(&site(51)));
        after.retain(|path| path != "p-50/index.html");
        assert_eq!(before, after);
    }

    #[test]
    fn both_lists_are_bounded() {
        let sample = site(LEAPS + 1);
        assert_eq!(paths(&sample).len(), LEAPS);
        assert_eq!(shown(&Catalog::new(&sample.input())).len(), SHOWN);
        assert_eq!(paths(&site(0)), Vec::<String>::new());
    }
}
