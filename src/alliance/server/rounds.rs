//! From round to round.

use super::records::Record;
use super::{Server, ServerPhase, Trouble, refuse};
use crate::alliance::terms::Missing;
use crate::alliance::wire::{Applied, Message, Sum, Taken, seal_of};
use crate::alliance::{AllianceError, Hash, PARTIES_MAX, RefusalCode, hash};

impl Server {
    /// Closes the round if all have come, or if a quorum has and the deadline is over.
    pub(super) fn close_if_complete(&mut self, now_ms: u64) -> Result<(), AllianceError> {
        if self.came() == self.plan.parties() { self.close() } else { self.tick(now_ms) }
    }

    /// Does what a crash may have left undone between a record and what follows from it.
    pub(super) fn settle(&mut self, now_ms: u64) -> Result<(), AllianceError> {
        if self.phase == ServerPhase::Collecting && self.came() == self.plan.parties() {
            self.close()?;
        }
        if self.phase == ServerPhase::Published {
            let votes: Vec<Hash> = self.votes.iter().flatten().copied().collect();
            let quorum = self.plan.raw().quorum;
            let common = votes.iter().find(|vote| votes.iter().filter(|v| v == vote).count() >= quorum);
            if let Some(model) = common.or_else(|| votes.first().filter(|_| votes.len() == self.plan.parties())) {
                self.count_votes(*model, now_ms)?;
            }
        }
        Ok(())
    }

    /// The deadline is over.
    pub(super) fn close_late(&mut self) -> Result<(), AllianceError> {
        let (came, parties) = (self.came(), self.plan.parties());
        match self.plan.raw().missing {
            Missing::Stop => self.stop(&format!(
                "of {parties} parties {came} came before the deadline of round {}, and the plan wants all",
                self.round()
            )),
            Missing::GoOn if came >= self.plan.raw().quorum => self.close(),
            Missing::GoOn => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), AllianceError> {
        let Some(sum) = self.sum.take() else { return Ok(()) };
        let mut contributors = [0; PARTIES_MAX / 8];
        let mut weights = 0;
        for (party, weight) in self.plan.weights().iter().enumerate().filter(|(p, _)| self.uploads[*p].is_some()) {
            contributors[party / 8] |= 1 << (party % 8);
            weights += weight;
        }
        let ciphertexts = self.scheme.to_bytes(&sum.finish(&self.scheme))?;
        let (plan, round) = (*self.plan.id(), self.round());
        let sum = Sum { plan, round, contributors, weights, ciphertexts: &ciphertexts };
        let bytes = Message::Sum(sum).encode();
        self.write_sum(&bytes)?;
        self.publish(hash(&bytes))
    }

    pub(super) fn stop(&mut self, reason: &str) -> Result<(), AllianceError> {
        self.journal.append(&Record::Stopped { reason }.encode())?;
        self.phase = ServerPhase::Stopped { reason: reason.to_owned() };
        Ok(())
    }

    /// A party says what its model is after a round. A quorum of equal models opens the next round.
    pub(super) fn applied(
        &mut self,
        peer: usize,
        applied: &Applied,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<Vec<u8>, Trouble> {
        let taken = Message::Taken(Taken { round: applied.round, message: seal_of(bytes) }).encode();
        let round = applied.round as usize;
        if let Some(common) = self.history.models.get(round + 1) {
            return if *common == applied.model {
                Ok(taken)
            } else {
                refuse(RefusalCode::ModelsDiffer, format!("the model after round {round} is not the other parties'"))
            };
        }
        if self.history.sums.len() <= round {
            return refuse(RefusalCode::Early, format!("round {round} has no sum yet"));
        }
        match self.votes[peer] {
            Some(model) if model == applied.model => return Ok(taken),
            Some(_) => return refuse(RefusalCode::Twice, format!("another model was reported for round {round}")),
            None => {}
        }
        self.journal.append(&Record::Vote { party: peer as u16, model: applied.model }.encode())?;
        self.votes[peer] = Some(applied.model);
        self.count_votes(applied.model, now_ms)?;
        Ok(taken)
    }

    fn count_votes(&mut self, model: Hash, now_ms: u64) -> Result<(), AllianceError> {
        let equal = self.votes.iter().flatten().filter(|vote| **vote == model).count();
        if equal >= self.plan.raw().quorum {
            return self.next_round(model, now_ms);
        }
        if self.votes.iter().all(Option::is_some) {
            return self.stop(&format!("after round {} no quorum of parties has the same model", self.round()));
        }
        Ok(())
    }

    fn next_round(&mut self, model: Hash, now_ms: u64) -> Result<(), AllianceError> {
        if self.round() + 1 == self.plan.raw().rounds {
            self.journal.append(&Record::Finished { model }.encode())?;
            self.history.models.push(model);
            self.phase = ServerPhase::Finished;
            return Ok(());
        }
        self.history.models.push(model);
        self.history.opened_ms = now_ms;
        self.restart_journal()?;
        self.uploads.fill(None);
        self.votes.fill(None);
        self.sum = None;
        self.phase = ServerPhase::Collecting;
        self.adopt_sum()
    }
}
