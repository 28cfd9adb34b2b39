//! Reads a `generation:` mapping from `venti.yaml`, a seed or a take.

use generator::{GenerationOverrides, Kind, SETTINGS, Value};

use crate::problem::Problem;
use crate::yaml::Field;

/// Reads a `generation:` mapping. Settings that it does not contain are taken from `under`.
///
/// # Errors
/// Returns an error if a key is unknown, or a value has the wrong type or is out of range.
pub fn read(field: &Field, under: &GenerationOverrides) -> Result<GenerationOverrides, Problem> {
    let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    let fields = field.fields(&names)?;
    let mut overrides = GenerationOverrides::default();
    for setting in SETTINGS {
        let Some(field) = fields.get(setting.name) else { continue };
        let value = match setting.kind {
            Kind::Number => Value::Number(field.number()?),
            Kind::Count => Value::Count(field.count(0..=usize::MAX)?),
            Kind::Texts => {
                Value::Texts(field.list()?.iter().map(Field::raw_text).collect::<Result<_, _>>()?)
            }
        };
        overrides.set(setting.name, value);
    }
    let overrides = overrides.over(under);
    overrides.check().map_err(|invalid| match fields.get(invalid.key) {
        Some(field) => field.must(&invalid.rule),
        None => field.problem(invalid.to_string()),
    })?;
    Ok(overrides)
}
