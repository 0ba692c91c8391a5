//! What parties ask for and send, and why it may be refused.

use std::time::Instant;

use super::records::Record;
use super::{Server, ServerPhase, Trouble, read, refuse};
use crate::alliance::wire::{
    Message, Objection, Phase, Poll, Share, Shares, Status, Taken, Terms, Upload, Wanted, seal_of,
};
use crate::alliance::{Hash, RefusalCode, hash};
use crate::artifact::write_bytes;
use crate::paillier::PaillierError;

impl Server {
    pub(super) fn request(
        &mut self,
        peer: usize,
        message: &Message<'_>,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<Vec<u8>, Trouble> {
        match message {
            Message::Hello(hello) => {
                self.check_key(&hello.key)?;
                Ok(Message::Terms(Terms { plan: self.plan.text(), weights: &self.start }).encode())
            }
            Message::Poll(poll) => self.poll(peer, poll),
            Message::Upload(upload) => self.upload(peer, upload, bytes, now_ms),
            Message::Share(share) => self.share(peer, share, bytes),
            Message::Applied(applied) => {
                self.check_plan(&applied.plan)?;
                self.check_running()?;
                self.applied(peer, applied, bytes, now_ms)
            }
            Message::Objection(objection) => self.objection(peer, objection, bytes),
            other => refuse(RefusalCode::Unexpected, format!("a server does not take `{}`", other.name())),
        }
    }

    fn check_plan(&self, plan: &Hash) -> Result<(), Trouble> {
        if plan == self.plan.id() { Ok(()) } else { refuse(RefusalCode::OtherPlan, "it is for another plan") }
    }

    fn check_key(&self, key: &Hash) -> Result<(), Trouble> {
        if key == self.plan.key() {
            return Ok(());
        }
        let ours = &self.plan.raw().key;
        refuse(RefusalCode::OtherKey, format!("expected the key {ours}, got {}", super::super::hash_text(key)))
    }

    fn check_running(&self) -> Result<(), Trouble> {
        match &self.phase {
            ServerPhase::Stopped { reason } => refuse(RefusalCode::Stopped, format!("the alliance stopped: {reason}")),
            _ => Ok(()),
        }
    }

    fn poll(&self, peer: usize, poll: &Poll) -> Result<Vec<u8>, Trouble> {
        self.check_plan(&poll.plan)?;
        self.check_running()?;
        let round = poll.round as usize;
        let sum = self.history.sums.get(round);
        match (poll.wanted, sum) {
            (Wanted::Sum, Some(sum)) => Ok(Self::read(&self.sum_file(poll.round), sum)?),
            (Wanted::Shares, Some(_)) => self.shares(peer, poll.round),
            _ => Ok(self.status(peer)),
        }
    }

    /// How the round stands.
    fn status(&self, peer: usize) -> Vec<u8> {
        let (phase, list) = match self.phase {
            ServerPhase::Collecting => (Phase::Collecting, &self.uploads),
            ServerPhase::Finished => (Phase::Finished, &self.votes),
            _ => (Phase::Published, &self.votes),
        };
        let came = list.iter().flatten().count() as u16;
        let have = list.get(peer).is_some_and(Option::is_some);
        let round = if phase == Phase::Finished { self.round() - 1 } else { self.round() };
        Message::Status(Status { phase, round, have, came }).encode()
    }

    fn shares(&self, peer: usize, round: u32) -> Result<Vec<u8>, Trouble> {
        let needed = self.plan.shares_needed();
        if needed == 0 {
            return refuse(RefusalCode::Unexpected, "every party of this plan opens sums by itself");
        }
        let came = &self.history.shares[round as usize];
        if came.len() < needed {
            let have = came.iter().any(|(party, _)| usize::from(*party) == peer);
            let status = Status { phase: Phase::Published, round, have, came: came.len() as u16 };
            return Ok(Message::Status(status).encode());
        }
        let mut files = vec![];
        for (party, expected) in came.iter().take(needed) {
            files.push((*party, Self::read(&self.share_file(round, *party), expected)?));
        }
        let shares = files.iter().map(|(party, values)| (*party, values.as_slice())).collect();
        Ok(Message::Shares(Shares { round, shares }).encode())
    }

    fn upload(&mut self, peer: usize, upload: &Upload<'_>, bytes: &[u8], now_ms: u64) -> Result<Vec<u8>, Trouble> {
        let own = seal_of(bytes);
        let taken = Message::Taken(Taken { round: upload.round, message: own }).encode();
        self.check_plan(&upload.plan)?;
        if usize::from(upload.party) != peer {
            return refuse(RefusalCode::OtherParty, format!("it is party {}'s, sent by party {peer}", upload.party));
        }
        self.check_running()?;
        if upload.round == self.round() && self.uploads[peer] == Some(own) {
            return Ok(taken);
        }
        self.check_round(upload.round)?;
        self.check_bound(upload)?;
        if self.uploads[peer].is_some() {
            return refuse(RefusalCode::Twice, format!("another upload for round {} is here already", upload.round));
        }
        let expected = self.plan.ciphertext_bytes();
        if upload.ciphertexts.len() != expected {
            let got = upload.ciphertexts.len();
            return refuse(RefusalCode::Length, format!("expected {expected} bytes of ciphertexts, got {got}"));
        }
        let start = Instant::now();
        let sum = read(&self.scheme, &mut self.sum, upload.ciphertexts).map_err(bad_ciphertext)?;
        self.journal.append(&Record::Upload(bytes).encode())?;
        sum.add(&self.scheme);
        self.uploads[peer] = Some(own);
        self.seconds += start.elapsed().as_secs_f64();
        self.close_if_complete(now_ms)?;
        Ok(taken)
    }

    fn check_round(&self, round: u32) -> Result<(), Trouble> {
        let now = self.round();
        if round > now {
            return refuse(RefusalCode::Early, format!("it is for round {round}, this is round {now}"));
        }
        if round < now || self.phase != ServerPhase::Collecting {
            return refuse(RefusalCode::Late, format!("round {round} is closed"));
        }
        Ok(())
    }

    /// What an upload must be for.
    fn check_bound(&self, upload: &Upload<'_>) -> Result<(), Trouble> {
        self.check_key(&upload.key)?;
        if upload.layout != *self.plan.layout_hash() {
            return refuse(RefusalCode::OtherLayout, "it is packed in another layout than the plan's");
        }
        if self.history.models.last() != Some(&upload.model) {
            return refuse(RefusalCode::OtherModel, "it starts from another model than this round's");
        }
        Ok(())
    }

    fn share(&mut self, peer: usize, share: &Share<'_>, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.check_plan(&share.plan)?;
        self.check_running()?;
        let needed = self.plan.shares_needed();
        if needed == 0 {
            return refuse(RefusalCode::Unexpected, "every party of this plan opens sums by itself");
        }
        if usize::from(share.party) != peer {
            return refuse(RefusalCode::OtherParty, format!("it is party {}'s, sent by party {peer}", share.party));
        }
        let round = share.round as usize;
        match self.history.sums.get(round) {
            None => return refuse(RefusalCode::Early, format!("round {round} has no sum yet")),
            Some(sum) if *sum != share.sum => {
                return refuse(RefusalCode::OtherModel, format!("it opens another sum than that of round {round}"));
            }
            Some(_) => {}
        }
        let taken = Message::Taken(Taken { round: share.round, message: seal_of(bytes) }).encode();
        let (own, came) = (hash(share.values), &self.history.shares[round]);
        match came.iter().find(|(party, _)| *party == share.party) {
            Some((_, there)) if *there == own => return Ok(taken),
            Some(_) => return refuse(RefusalCode::Twice, format!("another share for round {round} is here already")),
            None if came.len() >= needed => return Ok(taken),
            None => {}
        }
        let expected = self.plan.ciphertext_bytes();
        if share.values.len() != expected {
            let got = share.values.len();
            return refuse(RefusalCode::Length, format!("expected {expected} bytes of a share, got {got}"));
        }
        self.scheme.from_bytes(share.values).map_err(bad_ciphertext)?;
        write_bytes(&self.share_file(share.round, share.party), share.values)?;
        self.journal.append(&Record::Share { party: share.party, share: own }.encode())?;
        self.history.shares[round].push((share.party, own));
        Ok(taken)
    }

    /// A party that cannot open a sum ends the alliance: no other could either, and an update that nobody can check must
    /// not be applied.
    fn objection(&mut self, peer: usize, objection: &Objection<'_>, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.check_plan(&objection.plan)?;
        self.check_running()?;
        if self.history.sums.len() != objection.round as usize + 1 || self.phase != ServerPhase::Published {
            return refuse(RefusalCode::Unexpected, format!("round {} has no sum to be opened", objection.round));
        }
        let name = &self.plan.raw().parties[peer].name;
        let reason = format!("`{name}` cannot use the sum of round {}: {}", objection.round, objection.reason);
        self.stop(&reason)?;
        Ok(Message::Taken(Taken { round: objection.round, message: seal_of(bytes) }).encode())
    }
}

/// What is wrong with ciphertexts is their sender's fault.
fn bad_ciphertext(error: PaillierError) -> Trouble {
    match error {
        PaillierError::Ciphertext { .. } | PaillierError::Shape { .. } => {
            Trouble::Refused(super::Refusal::new(RefusalCode::Ciphertext, error.to_string()))
        }
        other => other.into(),
    }
}
