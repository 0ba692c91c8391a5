//! The comparison of companies, product by product (A9).

use super::loaded::Loaded;
use super::panel::Panel;
use super::results::{Adoption, Compared};
use super::settings::AdoptSettings;
use crate::alliance::adoption::{Rules, Side, compare};

/// A company's buyers, and those who came back, of all products together.
struct Totals {
    buyers: Vec<f64>,
    repeat: Vec<f64>,
}

/// Compares every pair of companies on every product that both sell to enough buyers.
pub(super) fn adoption(loaded: &Loaded, settings: &AdoptSettings, quantity: &str) -> Adoption {
    let panel = &loaded.panel;
    let from = (settings.first_step - panel.first_step) as usize;
    let columns = [quantity, &settings.buyers, &settings.repeat].map(|name| panel.column(name));
    let totals: Vec<Totals> = (0..panel.companies.len())
        .map(|company| Totals {
            buyers: total(panel, company, columns[1], from),
            repeat: total(panel, company, columns[2], from),
        })
        .collect();
    let mut found = Adoption {
        alpha: settings.alpha,
        span: settings.span,
        first_step: settings.first_step,
        products: vec![],
        left_out: 0,
    };
    let rules = Rules { alpha: settings.alpha, span: settings.span };
    for product in 0..panel.products.len() {
        for b in 1..panel.companies.len() {
            for a in 0..b {
                let side = |company: usize| Side {
                    quantity: &panel.series(company, product, columns[0])[from..],
                    buyers: &panel.series(company, product, columns[1])[from..],
                    repeat: &panel.series(company, product, columns[2])[from..],
                    all_buyers: &totals[company].buyers,
                    all_repeat: &totals[company].repeat,
                };
                let sides = [side(a), side(b)];
                let mean = |s: &Side<'_>| s.buyers.iter().sum::<f64>() / s.buyers.len() as f64;
                let enough = sides.iter().all(|s| mean(s) >= settings.buyers_least);
                match compare(sides, rules).filter(|_| enough) {
                    Some(finding) => found.products.push(Compared {
                        product: panel.products[product].clone(),
                        pair: [a, b],
                        finding,
                    }),
                    None => found.left_out += 1,
                }
            }
        }
    }
    found
}

fn total(panel: &Panel, company: usize, column: usize, from: usize) -> Vec<f64> {
    let all = |step: usize| (0..panel.products.len()).map(|p| panel.series(company, p, column)[step]).sum();
    (from..panel.steps).map(all).collect()
}
