//! What the server's answers mean.

use std::time::Instant;

use super::{Need, Party};
use crate::alliance::wire::{Message, Phase, Refused, Shares, Status, Sum};
use crate::alliance::{AllianceError, RefusalCode};

impl Party<'_> {
    /// Takes the server's answer to what [`Party::step`] gave.
    ///
    /// # Errors
    /// If the answer is no message (call [`Party::lost`] to say the same again), the server refuses for good, or a sum
    /// cannot be used.
    pub fn answer(&mut self, bytes: &[u8]) -> Result<(), AllianceError> {
        let message = Message::decode(bytes)?;
        match (&self.need, &message) {
            (_, Message::Refused(refused)) => self.refused(refused),
            (Need::Ask | Need::AskShares, Message::Status(status)) => self.status(*status),
            (Need::Ask, Message::Sum(sum)) => self.sum_came(sum, bytes),
            (Need::AskShares, Message::Shares(shares)) => self.shares_came(shares),
            (Need::Upload | Need::Vote(_), Message::Taken(_)) => {
                self.need = Need::Ask;
                Ok(())
            }
            (Need::Share, Message::Taken(_)) => {
                self.need = Need::AskShares;
                Ok(())
            }
            (Need::Object(reason), Message::Taken(_)) => {
                Err(AllianceError::Sum { round: self.round(), reason: reason.clone() })
            }
            (need, other) => Err(AllianceError::Answer { expected: expected(need), got: other.name() }),
        }
    }

    fn refused(&mut self, refused: &Refused<'_>) -> Result<(), AllianceError> {
        // Others may have closed the round, this party may have sent its upload in another life, or the server may have
        // lost the end of its journal: asking again tells.
        let ask = match self.need {
            Need::Upload => matches!(refused.code, RefusalCode::Late | RefusalCode::Early | RefusalCode::Twice),
            Need::Vote(_) => refused.code == RefusalCode::Early,
            _ => false,
        };
        if ask {
            self.need = Need::Ask;
            return Ok(());
        }
        if let Need::Object(reason) = &self.need {
            return Err(AllianceError::Sum { round: self.round(), reason: reason.clone() });
        }
        Err(AllianceError::Refused { code: refused.code, reason: refused.reason.to_owned() })
    }

    fn status(&mut self, status: Status) -> Result<(), AllianceError> {
        if self.need == Need::AskShares {
            if status.have {
                self.wait = true;
            } else {
                self.need = Need::Share;
            }
            return Ok(());
        }
        let round = self.round();
        match status.phase {
            Phase::Collecting if status.round == round && !status.have => self.need = Need::Upload,
            // The server is behind: it has not heard of enough parties' models, or has forgotten.
            Phase::Published if status.round < round && !status.have => self.need = Need::Vote(status.round),
            Phase::Collecting | Phase::Published if status.round <= round => self.wait = true,
            _ => return Err(AllianceError::Answer { expected: "the sum of an earlier round", got: "status" }),
        }
        Ok(())
    }

    fn sum_came(&mut self, sum: &Sum<'_>, bytes: &[u8]) -> Result<(), AllianceError> {
        if sum.plan != *self.plan.id() || sum.round != self.round() {
            return Err(AllianceError::Answer { expected: "the sum of this round", got: "sum" });
        }
        let since = Instant::now();
        let checked = match self.check_sum(sum) {
            Ok(checked) => checked,
            Err(reason) => {
                self.need = Need::Object(reason);
                return Ok(());
            }
        };
        self.current.sum_bytes = bytes.len();
        if self.plan.shares_needed() == 0 {
            let plaintexts = self.opener.open(&checked.ciphertexts, &[])?;
            return self.apply(&checked, &plaintexts, since);
        }
        self.share = self.opener.share(&checked.ciphertexts)?;
        if self.share.is_none() {
            return Err(AllianceError::Terms(
                "the plan wants shares of a key, this party's key opens alone".to_owned(),
            ));
        }
        self.current.decryption_seconds += since.elapsed().as_secs_f64();
        self.sum = Some(bytes.to_vec());
        self.need = Need::Share;
        Ok(())
    }

    fn shares_came(&mut self, shares: &Shares<'_>) -> Result<(), AllianceError> {
        let since = Instant::now();
        let Some(bytes) = self.sum.take() else {
            self.need = Need::Ask;
            return Ok(());
        };
        let Message::Sum(sum) = Message::decode(&bytes)? else {
            return Err(AllianceError::Answer { expected: "the sum of this round", got: "shares" });
        };
        let checked = self.check_sum(&sum).map_err(|reason| AllianceError::Sum { round: sum.round, reason })?;
        let needed = self.plan.shares_needed();
        if shares.round != self.round() || shares.shares.len() != needed {
            let reason = format!("expected {needed} shares of its decryption, got {}", shares.shares.len());
            return Err(AllianceError::Sum { round: sum.round, reason });
        }
        match self.opener.open(&checked.ciphertexts, &shares.shares) {
            Ok(plaintexts) => self.apply(&checked, &plaintexts, since),
            Err(error) => {
                self.need = Need::Object(error.to_string());
                Ok(())
            }
        }
    }
}

fn expected(need: &Need) -> &'static str {
    match need {
        Need::Ask => "status or sum",
        Need::AskShares => "status or shares",
        Need::Upload | Need::Share | Need::Vote(_) | Need::Object(_) => "taken",
    }
}
