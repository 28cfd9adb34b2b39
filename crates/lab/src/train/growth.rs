//! Grows a model by repeating its layers. At first, the repeated layers add nothing to the residual
//! stream, so the grown model computes the same outputs as its base. Training continues from there
//! ("block expansion", Wu et al. 2024, "LLaMA Pro").

/// The growth of a model from `from` layers to `to` layers, where `to` is at least `from`.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    pub from: usize,
    pub to: usize,
}

impl Growth {
    /// Returns the name of the base model's parameter that initialises the grown model's parameter
    /// `name`, or `None` if that parameter is initialised with zeros.
    pub fn source(self, name: &str) -> Option<String> {
        let Some((layer, part)) = name.strip_prefix("h.").and_then(|name| name.split_once('.'))
        else {
            return Some(name.to_owned());
        };
        let base = |layer: usize| layer * self.from / self.to;
        let layer: usize = layer.parse().ok()?;
        let is_copy = layer > 0 && base(layer - 1) == base(layer);
        let is_output = part.contains("c_proj.");
        (!is_copy || !is_output).then(|| format!("h.{}.{part}", base(layer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_is_followed_by_its_copies() {
        let source = |name: &str| Growth { from: 2, to: 5 }.source(name).unwrap_or_default();
        assert_eq!(source("wte.weight"), "wte.weight");
        let layers: Vec<String> = (0..5).map(|i| source(&format!("h.{i}.ln_1.bias"))).collect();
        let expected = [0, 0, 0, 1, 1].map(|i| format!("h.{i}.ln_1.bias"));
        assert_eq!(layers, expected);
        let outputs: Vec<String> =
            (0..5).map(|i| source(&format!("h.{i}.mlp.c_proj.weight"))).collect();
        assert_eq!(outputs, ["h.0.mlp.c_proj.weight", "", "", "h.1.mlp.c_proj.weight", ""]);
    }
}
