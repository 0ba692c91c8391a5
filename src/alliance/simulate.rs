//! All parties and the server in one process: the same bytes as over a network.

use super::{AllianceError, Party, Server, ServerPhase, Step};

/// What went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes from parties to the server.
    pub up: u64,
    /// Bytes from the server to parties.
    pub down: u64,
    /// Requests.
    pub requests: u64,
}

/// Runs parties against a server until all of them are done; `after_round` is called when every party has finished one
/// more round.
///
/// # Errors
/// Whatever ends a party or the server; [`AllianceError::Sum`] and refusals among them.
pub fn run(
    server: &mut Server,
    parties: &mut [Party<'_>],
    clock: &dyn Fn() -> u64,
    mut after_round: impl FnMut(&Server, &[Party<'_>]) -> Result<(), AllianceError>,
) -> Result<Traffic, AllianceError> {
    let mut traffic = Traffic::default();
    let lowest = |parties: &[Party<'_>]| parties.iter().map(Party::round).min().unwrap_or(0);
    let mut round = lowest(parties);
    loop {
        let mut done = 0;
        let mut moved = false;
        for (place, party) in parties.iter_mut().enumerate() {
            match party.step()? {
                Step::Send(bytes) => {
                    let heard = server.handle(place, &bytes, clock())?;
                    traffic.up += bytes.len() as u64;
                    traffic.down += heard.answer.len() as u64;
                    traffic.requests += 1;
                    party.answer(&heard.answer)?;
                    moved = true;
                }
                Step::Wait => {}
                Step::Done => done += 1,
            }
        }
        while lowest(parties) > round {
            round += 1;
            after_round(server, parties)?;
        }
        if done == parties.len() {
            return Ok(traffic);
        }
        if !moved {
            server.tick(clock())?;
            if let ServerPhase::Stopped { reason } = server.phase() {
                return Err(AllianceError::Sum { round: server.round(), reason: reason.clone() });
            }
        }
    }
}
