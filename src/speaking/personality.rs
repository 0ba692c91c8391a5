//! Who says what type a user is of (I6).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::SpeakingError;
use super::look_up::LookUp;
use super::network::NetRunner;

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The table of known matches.
    LookUp,
    /// The network.
    Network,
    /// Neither: no row matches, and there is no network or the user has no features.
    Nobody,
}

impl By {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LookUp => "look_up",
            Self::Network => "network",
            Self::Nobody => "nobody",
        }
    }
}

/// A user's personality type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Personality {
    /// The type; empty if nobody spoke.
    pub kind: String,
    /// Who says so.
    pub by: By,
    /// How sure: 1 from the table, the network's probability, 0 from nobody.
    pub probability: f64,
}

/// How often who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpokeCounts {
    /// The table.
    pub look_up: u64,
    /// The network.
    pub network: u64,
    /// Neither.
    pub nobody: u64,
}

impl SpokeCounts {
    /// Counts some more users.
    pub fn add(&mut self, users: &[Personality]) {
        for user in users {
            *match user.by {
                By::LookUp => &mut self.look_up,
                By::Network => &mut self.network,
                By::Nobody => &mut self.nobody,
            } += 1;
        }
    }
}

/// Some users.
#[derive(Clone, Copy)]
pub struct Users<'a> {
    /// How many.
    pub count: usize,
    /// The text of a user (first argument) for a column of [`LookUp::columns`] (second), empty if there is none.
    pub field: &'a (dyn Fn(usize, usize) -> &'a str + Sync),
    /// [count, features of the network], NaN where missing; not looked at without a network.
    pub features: &'a [f32],
}

impl std::fmt::Debug for Users<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users")
            .field("count", &self.count)
            .field("values", &self.features.len())
            .finish_non_exhaustive()
    }
}

/// The type of each user: the table goes first, then the network for those who have any feature, else nobody.
///
/// # Errors
/// Features that do not fit the network, or the device fails.
pub fn personalities(
    look_up: Option<&LookUp>,
    network: Option<&mut NetRunner<'_>>,
    users: &Users<'_>,
) -> Result<Vec<Personality>, SpeakingError> {
    let known = |row: usize| {
        let found = look_up.and_then(|table| table.find(|column| (users.field)(row, column)));
        match found {
            Some((_, kind)) => Personality { kind: kind.to_owned(), by: By::LookUp, probability: 1.0 },
            None => Personality { kind: String::new(), by: By::Nobody, probability: 0.0 },
        }
    };
    let mut all: Vec<Personality> = (0..users.count).into_par_iter().map(known).collect();
    let Some(network) = network else { return Ok(all) };
    let width = network.net().features().len();
    if users.features.len() != users.count * width {
        let (count, found) = (users.count, users.features.len());
        return Err(SpeakingError::Known(format!("{count} users of {width} features have {found} values")));
    }
    let own = |row: usize| &users.features[row * width..][..width];
    let asks = |row: &usize| all[*row].by == By::Nobody && own(*row).iter().any(|value| !value.is_nan());
    let rows: Vec<usize> = (0..users.count).filter(asks).collect();
    if rows.is_empty() {
        return Ok(all);
    }
    let features: Vec<f32> = rows.iter().flat_map(|row| own(*row)).copied().collect();
    for (row, (class, probability)) in rows.into_iter().zip(network.predict(&features)?) {
        all[row] = Personality { kind: network.net().classes()[class].clone(), by: By::Network, probability };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{cpu, fit, users};
    use super::super::settings::NetSettings;
    use super::super::words::tests::table;
    use super::*;

    #[test]
    fn i6_the_table_goes_first_then_the_network_then_nobody() {
        let (_folder, source) = table("hobby,personality\nchess,INTJ\n");
        let known = LookUp::load(&source).expect("a table");
        let (_, mut features, kinds) = users(40);
        features[8..16].fill(f32::NAN);
        let field = |row: usize, _: usize| if row == 0 { "chess" } else { "golf" };
        let some = Users { count: 40, field: &field, features: &features };
        let net = fit(300, &NetSettings::default()).expect("trained");
        let backend = cpu();
        let mut runner = net.open(&backend).expect("opens");
        let found = personalities(Some(&known), Some(&mut runner), &some).expect("types");
        assert_eq!(found[0], Personality { kind: "INTJ".to_owned(), by: By::LookUp, probability: 1.0 });
        assert_eq!(found[1], Personality { kind: String::new(), by: By::Nobody, probability: 0.0 });
        assert!(found[2..].iter().all(|user| user.by == By::Network && user.probability > 0.25));
        let right = found[2..].iter().zip(&kinds[2..]).filter(|(user, kind)| user.kind == **kind).count();
        assert!(right > 28, "{right} of 38");
        let mut counts = SpokeCounts::default();
        counts.add(&found);
        assert_eq!(counts, SpokeCounts { look_up: 1, network: 38, nobody: 1 });
        let alone = personalities(Some(&known), None, &Users { features: &[], ..some }).expect("types");
        assert_eq!(alone.iter().filter(|user| user.by == By::Nobody).count(), 39);
        assert_eq!(alone[0], found[0]);
        let error = personalities(None, Some(&mut runner), &Users { features: &[1.0], ..some }).expect_err("too few");
        assert!(error.to_string().contains("40 users of 8 features have 1 values"), "{error}");
    }
}
