//! Mode `threshold`: each party has a share of the private key, and so many must join (A6).

use super::terms::Mode;
use super::{AllianceError, Opener, Plan};
use crate::paillier::key::{KeyShare, Quorum};
use crate::paillier::numbers::Numbers;
use crate::paillier::public::{Ciphertexts, Scheme};
use crate::paillier::threshold::{Opener as ShareOpener, combine};

/// Opens sums together with other parties.
pub struct KeyShares<'a> {
    scheme: &'a Scheme,
    opener: ShareOpener<'a>,
    quorum: Quorum,
}

impl<'a> KeyShares<'a> {
    /// The party at `place` has the share of index `place` + 1.
    ///
    /// # Errors
    /// If the share is of another key, is not this party's, or was dealt for another number of parties or another
    /// threshold than the plan's.
    pub fn new(plan: &Plan, place: usize, scheme: &'a Scheme, share: &KeyShare) -> Result<Self, AllianceError> {
        let quorum = share.quorum();
        let dealt = (quorum.threshold() as usize, quorum.parties() as usize);
        let planned = (plan.shares_needed(), plan.parties());
        if !matches!(plan.raw().mode, Mode::Threshold { .. }) || dealt != planned {
            let reason = format!(
                "wants {} of {} shares to open a sum, the key was dealt for {} of {}",
                planned.0, planned.1, dealt.0, dealt.1
            );
            return Err(AllianceError::plan("mode", reason));
        }
        if share.index() as usize != place + 1 {
            let reason =
                format!("has this party at place {place}, whose share is {}, found {}", place + 1, share.index());
            return Err(AllianceError::plan("parties", reason));
        }
        Ok(Self { scheme, opener: ShareOpener::new(scheme, share)?, quorum })
    }
}

impl Opener for KeyShares<'_> {
    fn share(&self, sum: &Ciphertexts) -> Result<Option<Vec<u8>>, AllianceError> {
        Ok(Some(self.scheme.to_bytes(&self.opener.open(sum)?)?))
    }

    fn open(&self, _: &Ciphertexts, shares: &[(u16, &[u8])]) -> Result<Numbers, AllianceError> {
        let read = |(place, bytes): &(u16, &[u8])| Ok((u32::from(*place) + 1, self.scheme.from_bytes(bytes)?));
        let parts = shares.iter().map(read).collect::<Result<Vec<_>, AllianceError>>()?;
        let parts: Vec<(u32, &Ciphertexts)> = parts.iter().map(|(index, part)| (*index, part)).collect();
        Ok(combine(self.scheme, self.quorum, &parts)?)
    }
}
