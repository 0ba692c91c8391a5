//! An alliance run, stage by stage.

use serde_json::json;

use super::audit::Audit;
use super::course::{Course, in_the_clear, saved};
use super::encrypted::{Encrypted, folder, key, rounds, scheme};
use super::error::AllianceJobError;
use super::job::AllianceJob;
use super::loaded::Loaded;
use super::results::{Adoption, Company, Equivalence, Gain, Promoted, Quality, Results, RoundCheck, Sent};
use super::{adopt, promote, report, tables};
use crate::alliance::terms::ServerUpdate;
use crate::alliance::{AllianceError, Plan};
use crate::artifact;
use crate::backend::Backend;
use crate::model::{Weights, initial_weights};
use crate::run::{Outcome, RunContext, RunError};
use crate::train::predict;

/// Everything that was trained.
struct Trained {
    alone: Vec<Course>,
    clear: Course,
    encrypted: Course,
    facts: Encrypted,
    checks: Vec<RoundCheck>,
}

pub(super) fn run(job: &AllianceJob, ctx: &RunContext) -> Result<Outcome, RunError> {
    let loaded = job.loaded()?;
    let key = key(ctx, job.settings.key.bits)?;
    let plan = loaded.plan(job, key.public())?;
    let start = initial_weights(plan.model(), job.head.seed);
    let trained = train(job, ctx, loaded, &plan, &start, &key)?;
    ctx.check_interrupt()?;
    let quantity = &job.settings.data.values[0];
    let adoption = job.settings.adopt.as_ref().map(|settings| adopt::adoption(loaded, settings, quantity));
    let promotion = job.settings.promotion.as_ref().map(|s| promote::promotion(loaded, s, &job.head.name));
    let gains = gains(loaded, &plan, &trained, &job.chosen()?.backend)?;
    let found = (adoption, promotion.transpose()?);
    let results = assemble(job, loaded, &plan, &trained, &gains, found, &ctx.device().detail);
    write(job, ctx, loaded, &plan, trained, &results)
}

fn train(
    job: &AllianceJob,
    ctx: &RunContext,
    loaded: &Loaded,
    plan: &Plan,
    start: &Weights,
    key: &crate::paillier::key::PrivateKey,
) -> Result<Trained, RunError> {
    let (backend, stop) = (&job.chosen()?.backend, || ctx.interrupted());
    let course = |name: &str, members: &[usize]| -> Result<Course, RunError> {
        let bytes = ctx.stage_bytes(name, || {
            let course = in_the_clear(job, loaded, plan, start, members, backend, &stop)?;
            Ok(course.to_bytes(plan)?)
        })?;
        Ok(Course::of_bytes(&bytes, name)?)
    };
    let all: Vec<usize> = (0..plan.parties()).collect();
    let alone = all.iter().map(|p| course(&format!("alone-{p}"), &[*p])).collect::<Result<_, _>>()?;
    let clear = course("clear", &all)?;
    let facts = ctx.stage("encrypted", || Ok(rounds(ctx, loaded, plan, start, key, backend)?))?;
    let mut checks = None;
    let scheme = scheme(key).map_err(AllianceJobError::from)?;
    let audit = Audit { loaded, plan, key, scheme: &scheme, backend, stop: &stop };
    let bytes = ctx.stage_bytes("audit", || {
        let (course, found) = audit.run(&folder(ctx).join("server"), start, &facts.models[0])?;
        checks = Some(found);
        Ok(course.to_bytes(plan)?)
    })?;
    let checks = ctx.stage("audit-rounds", || match checks {
        Some(checks) => Ok(checks),
        // The stage before was done by an earlier process that was killed right after it.
        None => Ok(audit.run(&folder(ctx).join("server"), start, &facts.models[0])?.1),
    })?;
    Ok(Trained { alone, clear, encrypted: Course::of_bytes(&bytes, "audit")?, facts, checks })
}

/// How much better each company is off than alone, on its held-out examples.
fn gains(loaded: &Loaded, plan: &Plan, trained: &Trained, backend: &Backend) -> Result<Vec<Gain>, AllianceJobError> {
    let of = |place: usize| {
        let examples = &loaded.held_out[place];
        let outputs =
            |weights: &Weights| predict(plan.model(), std::slice::from_ref(weights), &examples.inputs, backend);
        let (alone, together) = (outputs(&trained.alone[place].weights)?, outputs(&trained.encrypted.weights)?);
        Ok(Gain::of(&alone, &together, &examples.targets, &examples.products))
    };
    (0..plan.parties()).map(of).collect()
}

fn assemble(
    job: &AllianceJob,
    loaded: &Loaded,
    plan: &Plan,
    trained: &Trained,
    gains: &[Gain],
    (adoption, promotion): (Option<Adoption>, Option<Promoted>),
    device: &str,
) -> Results {
    let last = |course: &Course, company: usize| course.quality.last().map_or(Quality::default(), |q| q[company]);
    let company = |i: usize| {
        let held_out = &loaded.held_out[i];
        Company {
            name: loaded.panel.companies[i].clone(),
            train: loaded.train[i].len(),
            weight: plan.weights()[i],
            held_out: held_out.len(),
            as_average: Quality::of(&vec![0.0; held_out.len()], &held_out.targets),
            as_last: Quality::of(&held_out.last, &held_out.targets),
            alone: last(&trained.alone[i], i),
            clear: last(&trained.clear, i),
            encrypted: last(&trained.encrypted, i),
            gain: gains[i],
        }
    };
    let companies: Vec<Company> = (0..plan.parties()).map(company).collect();
    let rmse = |course: &Course| -> Vec<Vec<f64>> {
        course.quality.iter().map(|round| round.iter().map(|q| q.rmse).collect()).collect()
    };
    let alone = (0..plan.raw().rounds as usize)
        .map(|round| trained.alone.iter().enumerate().map(|(i, c)| c.quality[round][i].rmse).collect())
        .collect();
    Results {
        file: loaded.panel.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        note: job.settings.data.note.clone(),
        products: loaded.panel.products.len(),
        rows_left_out: loaded.panel.left_out,
        target: job.settings.data.values[0].clone(),
        companies,
        courses: [alone, rmse(&trained.clear), rmse(&trained.encrypted)],
        layers: plan.model().spec().layers.iter().map(|layer| layer.kind().replace('_', " ")).collect(),
        plan: report::plan_in_words(plan),
        equivalence: equivalence(plan, trained),
        sent: Sent {
            values: plan.values(),
            slots: plan.layout().slots(),
            ciphertexts: plan.ciphertexts(),
            upload_bytes: plan.upload_bytes(),
            sum_bytes: plan.sum_bytes(),
            rounds: plan.raw().rounds as usize,
            parties: plan.parties(),
        },
        privacy: plan.raw().privacy.map(|p| [1, plan.raw().rounds].map(|n| p.spent(plan.raw(), plan.values(), n))),
        adoption,
        promotion,
        device: device.to_owned(),
    }
}

fn equivalence(plan: &Plan, trained: &Trained) -> Equivalence {
    let pairs = trained.encrypted.weights.values.iter().flatten().zip(trained.clear.weights.values.iter().flatten());
    let models_largest = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).fold(0.0, f64::max);
    let error = (0..plan.bounds().len()).map(|p| plan.quantisation_error(p)).fold(0.0, f64::max);
    let models_stated = match plan.raw().update {
        ServerUpdate::Plain { rate } => Some(f64::from(plan.raw().rounds) * f64::from(rate) * error),
        ServerUpdate::Momentum { .. } | ServerUpdate::Adam { .. } => None,
    };
    let models = &trained.facts.models;
    Equivalence {
        rounds: trained.checks.clone(),
        error,
        models_largest,
        models_stated: models_stated.filter(|_| plan.raw().privacy.is_none()),
        equal_models: models.iter().all(|m| *m == models[0]),
    }
}

fn write(
    job: &AllianceJob,
    ctx: &RunContext,
    loaded: &Loaded,
    plan: &Plan,
    trained: Trained,
    results: &Results,
) -> Result<Outcome, RunError> {
    let path = ctx.folder().models().join("model.safetensors");
    let mut models = vec![("alliance".to_owned(), trained.encrypted.weights)];
    let names = loaded.panel.companies.iter().map(|name| format!("{name} alone"));
    models.extend(names.zip(trained.alone.into_iter().map(|course| course.weights)));
    let bytes = saved(plan, models, json!({ "data": job.settings.data })).to_bytes();
    artifact::write_bytes(&path, &bytes.map_err(AllianceJobError::from)?)?;
    tables::write_tables(results, &ctx.folder().tables(), job.head.output.format)?;
    let seconds = trained.facts.seconds;
    ctx.event("alliance_seconds", seconds)?;
    let timings: Vec<(String, f64)> = ctx.stage_times().into_iter().map(|t| (t.stage, t.seconds)).collect();
    let facts = report::RunFacts { job: &job.head.name, seed: job.head.seed, timings: &timings, seconds, plan };
    let page = report::build(results, facts).map_err(RunError::work)?;
    page.write(&ctx.folder().report()).map_err(RunError::work)?;
    if !results.equivalence.equal_models {
        let error = AllianceError::Update("the companies' models are not equal after the last round".to_owned());
        return Err(AllianceJobError::from(error).into());
    }
    Ok(report::outcome(results))
}
