//! How to speak with each user: personality, way of speaking, greeting (I6 to I8).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::load::{Loaded, Product, User};
use super::settings::{PersonalitySettings, Settings};
use crate::backend::Backend;
use crate::dataset::Source;
use crate::pipelines::tabular::TabularError;
use crate::pipelines::train::settings::RawColumns;
use crate::pipelines::training::training;
use crate::run::{RunContext, RunError};
use crate::speaking::{
    By, Communication, Greeting, GreetingCounts, Greetings, LookUp, NetReport, NetRunner, Personality, PersonalityNet,
    SlotValues, SpeakingError, SpokeCounts, Users, personalities,
};
use crate::train::Control;

/// The tables, and which columns of users they ask for.
#[derive(Debug)]
pub(super) struct Speaking {
    look_up: Option<LookUp>,
    communication: Communication,
    greetings: Greetings,
    default_language: String,
    /// Places of the look-up's columns, of the network's features and of the known type in the users' other columns.
    asked: Vec<usize>,
    features: Vec<usize>,
    known: Option<usize>,
    feature_names: Vec<String>,
}

/// Columns of the users' table that personalities need. The look-up's own columns are only known once it is read.
pub(super) fn personality_columns(settings: &Settings, look_up: Option<&LookUp>) -> Result<Vec<String>, TabularError> {
    let mut columns: Vec<String> = look_up.map_or(vec![], |table| table.columns().to_vec());
    if let Some(personality) = &settings.personality {
        columns.extend(personality.known.clone());
        columns.extend(feature_names(personality)?);
    }
    Ok(columns)
}

fn feature_names(settings: &PersonalitySettings) -> Result<Vec<String>, TabularError> {
    Ok(settings.features.as_ref().map(RawColumns::names).transpose()?.unwrap_or_default())
}

impl Speaking {
    /// Reads the tables; `columns` are the users' other columns.
    pub(super) fn read(
        settings: &Settings,
        (communication, greetings): (&Source, &Source),
        look_up: Option<LookUp>,
        columns: &[String],
    ) -> Result<Self, TabularError> {
        let default_language = settings.speaking.as_ref().map_or("en", |s| s.default_language.as_str()).to_owned();
        let asked = look_up.as_ref().map(|table| table.among(columns)).transpose()?.unwrap_or_default();
        let place = |name: &String| columns.iter().position(|column| column == name);
        let names = settings.personality.as_ref().map(feature_names).transpose()?.unwrap_or_default();
        Ok(Self {
            look_up,
            communication: Communication::load(communication)?,
            greetings: Greetings::load(greetings, &default_language)?,
            default_language,
            asked,
            features: names.iter().filter_map(place).collect(),
            known: settings.personality.as_ref().and_then(|p| p.known.as_ref()).and_then(place),
            feature_names: names,
        })
    }

    /// A user's personality features; NaN where there is none.
    fn features_of(&self, user: User<'_>, row: &mut Vec<f32>) {
        let number = |at: &usize| user.other(*at).and_then(|text| text.parse::<f32>().ok());
        row.extend(self.features.iter().map(|at| number(at).unwrap_or(f32::NAN)));
    }

    /// Trains the network on the users whose type is known; nothing without a column of known types or without features.
    pub(super) fn train(
        &self,
        settings: &Settings,
        loaded: &Loaded,
        backend: &Backend,
        ctx: &RunContext,
    ) -> Result<Option<PersonalityNet>, RunError> {
        let (Some(known), Some(personality)) = (self.known, &settings.personality) else { return Ok(None) };
        if self.features.is_empty() {
            return Ok(None);
        }
        let bytes = ctx.stage_bytes("personality", || {
            let (mut rows, mut kinds) = (vec![], vec![]);
            for user in loaded.users.iter() {
                if let Some(kind) = user.other(known) {
                    self.features_of(user, &mut rows);
                    kinds.push(kind.to_owned());
                }
            }
            let net = &personality.network;
            let seed = ctx.seed();
            let fitted: PersonalityNet =
                training(ctx, "personality", net.training.epochs, |control: &mut Control<'_>| {
                    PersonalityNet::fit(&self.feature_names, &rows, &kinds, net, seed, backend, control).map_err(failed)
                })?;
            fitted.to_bytes().map_err(failed)
        })?;
        Ok(Some(PersonalityNet::from_bytes(&bytes, Path::new("personality")).map_err(failed)?))
    }

    /// The personality of some users: those whose type is known have it, the look-up goes next, then the network.
    pub(super) fn personalities(
        &self,
        users: &[User<'_>],
        network: Option<&mut NetRunner<'_>>,
    ) -> Result<Vec<Personality>, RunError> {
        let mut features = vec![];
        for user in users {
            self.features_of(*user, &mut features);
        }
        let field = |row: usize, column: usize| users[row].other(self.asked[column]).unwrap_or("");
        let asked = Users { count: users.len(), field: &field, features: &features };
        let mut found = personalities(self.look_up.as_ref(), network, &asked).map_err(failed)?;
        let Some(known) = self.known else { return Ok(found) };
        for (personality, user) in found.iter_mut().zip(users) {
            if let Some(kind) = user.other(known) {
                *personality = Personality { kind: kind.to_owned(), by: By::LookUp, probability: 1.0 };
            }
        }
        Ok(found)
    }

    /// What is said to a user of a product, and in which communication type.
    pub(super) fn greet(
        &self,
        user: User<'_>,
        personality: &Personality,
        product: &Product,
        counts: &mut GreetingCounts,
    ) -> (String, Option<Greeting>) {
        let language = user.language().unwrap_or(&self.default_language);
        let communication = self.communication.of(&personality.kind).to_owned();
        let values = SlotValues {
            product: &product.name,
            price: product.price.as_deref().unwrap_or(""),
            colour: product.colour.as_deref().unwrap_or(""),
            name: user.name().unwrap_or(""),
        };
        let greeting = self.greetings.greet(&communication, &product.kind, language, &values, counts);
        (communication, greeting)
    }
}

/// What the speaking of a night came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spoken {
    pub by: SpokeCounts,
    pub greetings: GreetingCounts,
    /// Users by personality type and by communication type.
    pub kinds: std::collections::BTreeMap<String, u64>,
    pub communications: std::collections::BTreeMap<String, u64>,
    pub network: Option<NetReport>,
}

/// What an error of speaking means for the run.
pub(super) fn failed(error: SpeakingError) -> RunError {
    match error {
        SpeakingError::Train(error) => crate::pipelines::training::training_error(error),
        other => RunError::data(other),
    }
}
