//! Where a product could be promoted (A10).

use super::error::AllianceJobError;
use super::loaded::Loaded;
use super::results::{Field, Promoted};
use super::settings::PromotionSettings;
use crate::alliance::association::Associations;
use crate::dataset::hash::sha256_bytes;

/// Digits of a flow tag.
const TAG_DIGITS: usize = 12;

/// Fields of application that are shown.
const FIELDS_SHOWN: usize = 10;

/// Searches from two scenes, and what both reach.
pub(super) fn promotion(
    loaded: &Loaded,
    settings: &PromotionSettings,
    alliance: &str,
) -> Result<Promoted, AllianceJobError> {
    let panel = &loaded.panel;
    let summed = |product: usize| -> Vec<f64> {
        let of = |company| panel.series(company, product, 0);
        (0..panel.steps).map(|t| (0..panel.companies.len()).map(|c| of(c)[t]).sum()).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (names, series): (Vec<&String>, Vec<Vec<f64>>) = panel
        .products
        .iter()
        .enumerate()
        .map(|(product, name)| (name, summed(product)))
        .filter(|(_, values)| mean(values) >= settings.mean_least)
        .unzip();
    let graph = Associations::of_series(&series);
    let data = |reason: String| AllianceJobError::data(&panel.path, reason);
    let place = |name: &String| {
        names.iter().position(|n| *n == name).ok_or_else(|| {
            data(format!("`{name}` sells less than `promotion.mean_least` = {} a step", settings.mean_least))
        })
    };
    let product = place(&settings.product)?;
    let fields = graph.fields(product, settings.degree_least);
    let first_field = match &settings.first_field {
        Some(name) => place(name)?,
        None => fields.first().map(|f| f.0).ok_or_else(|| too_few(settings, &data))?,
    };
    let scenes = if let Some([a, b]) = &settings.scenes {
        [place(a)?, place(b)?]
    } else {
        let mut others = fields.iter().map(|f| f.0).filter(|f| *f != first_field);
        let (Some(a), Some(b)) = (others.next(), others.next()) else { return Err(too_few(settings, &data)) };
        [a, b]
    };
    let found = graph.promotion(product, first_field, scenes, settings.degree_least, settings.search_steps);
    let tag = |field: &str| {
        let text = [alliance, &settings.product, field].join("\n");
        format!("flow-{}", &sha256_bytes(text.as_bytes())[..TAG_DIGITS])
    };
    let name = |place: usize| names[place].clone();
    Ok(Promoted {
        product: settings.product.clone(),
        first_field: name(first_field),
        fields: fields.iter().take(FIELDS_SHOWN).map(|(field, degree)| (name(*field), *degree)).collect(),
        scenes: scenes.map(name),
        reached: found.reached,
        degree_least: settings.degree_least,
        search_steps: settings.search_steps,
        products: names.len(),
        candidates: found
            .candidates
            .iter()
            .map(|c| Field {
                name: name(c.field),
                to_field: c.to_field,
                to_product: c.to_product,
                steps: c.steps,
                flow: c.flow,
                tag: c.flow.map(|_| tag(names[c.field])),
            })
            .collect(),
    })
}

fn too_few(settings: &PromotionSettings, data: &dyn Fn(String) -> AllianceJobError) -> AllianceJobError {
    data(format!(
        "`{}` has too few associations of at least `promotion.degree_least` = {}: name `first_field` and `scenes`, or \
         lower it",
        settings.product, settings.degree_least
    ))
}
