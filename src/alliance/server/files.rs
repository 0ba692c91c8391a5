//! Completed sums and shares: each a file, so that a party that was away can fetch every round that it missed.

use std::path::PathBuf;

use super::records::Record;
use super::{Server, ServerPhase};
use crate::alliance::wire::{Message, Sum};
use crate::alliance::{AllianceError, Hash, hash};
use crate::artifact::{ArtifactError, write_bytes};

impl Server {
    pub(super) fn sum_file(&self, round: u32) -> PathBuf {
        self.folder.join(format!("sum-{round:06}.bin"))
    }

    pub(super) fn share_file(&self, round: u32, party: u16) -> PathBuf {
        self.folder.join(format!("share-{round:06}-{party:04}.bin"))
    }

    /// A file's bytes, if they are those of this hash.
    pub(super) fn read(path: &std::path::Path, expected: &Hash) -> Result<Vec<u8>, AllianceError> {
        let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
        if hash(&bytes) == *expected {
            return Ok(bytes);
        }
        Err(ArtifactError::format(path, "it is not what the journal says it is").into())
    }

    pub(super) fn write_sum(&self, bytes: &[u8]) -> Result<(), AllianceError> {
        Ok(write_bytes(&self.sum_file(self.round()), bytes)?)
    }

    /// A completed sum stands in its file before the journal says so. Where the journal's end was lost, the file is what
    /// parties may have seen already: it counts.
    pub(super) fn adopt_sum(&mut self) -> Result<(), AllianceError> {
        let path = self.sum_file(self.round());
        if self.phase != ServerPhase::Collecting || !path.exists() {
            return Ok(());
        }
        let bytes = std::fs::read(&path).map_err(|e| ArtifactError::io("read", &path, e))?;
        match Message::decode(&bytes) {
            Ok(Message::Sum(Sum { plan, round, .. })) if plan == *self.plan.id() && round == self.round() => {
                self.publish(hash(&bytes))
            }
            Ok(_) => Err(ArtifactError::format(&path, "expected the sum of this round and plan").into()),
            Err(error) => Err(ArtifactError::format(&path, error.to_string()).into()),
        }
    }

    /// Notes that the sum is in its file.
    pub(super) fn publish(&mut self, sum: Hash) -> Result<(), AllianceError> {
        self.journal.append(&Record::Closed { sum }.encode())?;
        self.history.sums.push(sum);
        self.history.shares.push(vec![]);
        self.sum = None;
        self.phase = ServerPhase::Published;
        Ok(())
    }

    /// Begins the journal anew with what is known of all rounds.
    pub(super) fn restart_journal(&mut self) -> Result<(), AllianceError> {
        let begin = Record::Begin { plan: *self.plan.id(), history: self.history.clone() };
        Ok(self.journal.restart(&[begin.encode()])?)
    }
}
