//! A party's process: it asks, waits, and says again what was lost.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, ClientTlsConfig};
use tonic::{Code, Request, Status};

use super::frame::{FrameCodec, HEAD_BYTES_MAX};
use super::server::causes;
use super::{ASK, ASK_BYTES_MAX, Credentials, SEND, TransportError};
use crate::alliance::{AllianceError, Party, Step};

/// The first pause after a fault; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MOST: Duration = Duration::from_secs(10);
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Before the plan is known, the longest answer that is read: a plan and a starting model.
const TERMS_BYTES_MAX: usize = 1 << 28;

/// How a party joins.
#[derive(Debug, Clone)]
pub struct JoinSettings {
    /// The server: `https://host:port`.
    pub server: String,
    /// The name in the server's certificate, if it is not the host.
    pub server_name: Option<String>,
    /// Who the party is.
    pub credentials: Credentials,
    /// How long a request and its answer may take.
    pub deadline: Duration,
    /// How long to wait before asking again for what is not there yet.
    pub pause: Duration,
    /// How long to go on when nobody answers.
    pub patience: Duration,
}

/// A connection to the server, made anew whenever it breaks.
pub struct Link {
    runtime: Runtime,
    grpc: Grpc<Channel>,
    patience: Duration,
}

/// What became of a request.
enum Said {
    Answer(Bytes),
    /// It may be said again.
    Lost(String),
    Refused(String),
}

impl Link {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// Credentials or an address that cannot be used.
    pub fn new(settings: &JoinSettings) -> Result<Self, TransportError> {
        let address = |reason: String| TransportError::Address { address: settings.server.clone(), reason };
        if !settings.server.starts_with("https://") {
            return Err(address("expected https://host:port".to_owned()));
        }
        let credentials = &settings.credentials;
        let tls = ClientTlsConfig::new().ca_certificate(credentials.authority()?).identity(credentials.identity()?);
        let tls = match &settings.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        };
        let endpoint = Channel::from_shared(settings.server.clone()).map_err(|e| address(e.to_string()))?;
        let endpoint = endpoint
            .tls_config(tls)
            .map_err(|e| address(causes(&e)))?
            .connect_timeout(CONNECT)
            .timeout(settings.deadline)
            .http2_max_header_list_size(1 << 14)
            .http2_keep_alive_interval(Duration::from_secs(20));
        // The thread keeps the connection alive while this party trains.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|e| TransportError::Network(e.to_string()))?;
        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };
        let grpc = Grpc::new(channel).max_decoding_message_size(TERMS_BYTES_MAX + HEAD_BYTES_MAX);
        Ok(Self { runtime, grpc, patience: settings.patience })
    }

    /// Says something once.
    fn once(&mut self, bytes: &[u8]) -> Said {
        let path = PathAndQuery::from_static(if bytes.len() <= ASK_BYTES_MAX { ASK } else { SEND });
        let said = self.runtime.block_on(async {
            self.grpc.ready().await.map_err(|e| Status::unavailable(causes(&e)))?;
            self.grpc.unary(Request::new(bytes.to_vec()), path, FrameCodec).await
        });
        match said {
            Ok(answer) => Said::Answer(answer.into_inner()),
            Err(status) if for_good(status.code()) => Said::Refused(status.message().to_owned()),
            Err(status) => Said::Lost(causes(&status)),
        }
    }

    /// Says something until it is answered; `stop` ends that.
    ///
    /// # Errors
    /// If the server refuses to talk, or nobody answers for longer than the settings' patience.
    pub fn say(&mut self, bytes: &[u8], stop: &dyn Fn() -> bool, log: &dyn Fn(&str)) -> Result<Bytes, TransportError> {
        let (start, mut pause, mut logged) = (Instant::now(), PAUSE_FIRST, String::new());
        loop {
            let reason = match self.once(bytes) {
                Said::Answer(answer) => return Ok(answer),
                Said::Refused(reason) => return Err(TransportError::Refused(reason)),
                Said::Lost(reason) => reason,
            };
            if start.elapsed() >= self.patience {
                return Err(TransportError::Silent { seconds: self.patience.as_secs(), reason });
            }
            if reason != logged {
                log(&format!("no answer, trying again: {reason}"));
                logged = reason;
            }
            wait(pause, stop)?;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }
}

/// Whether saying it again would not help.
fn for_good(code: Code) -> bool {
    matches!(
        code,
        Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented | Code::OutOfRange | Code::InvalidArgument
    )
}

fn wait(pause: Duration, stop: &dyn Fn() -> bool) -> Result<(), TransportError> {
    let end = Instant::now() + pause;
    loop {
        if stop() {
            return Err(TransportError::Interrupted);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Does a party's part until all rounds are done. `after_round` hears of each that this process finishes.
///
/// # Errors
/// Whatever ends the party: a refusal, a sum that cannot be used, silence, an interruption.
pub fn join(
    party: &mut Party<'_>,
    link: &mut Link,
    settings: &JoinSettings,
    stop: &dyn Fn() -> bool,
    log: &dyn Fn(&str),
    after_round: &mut dyn FnMut(&Party<'_>) -> Result<(), AllianceError>,
) -> Result<(), TransportError> {
    let mut round = party.round();
    loop {
        match party.step()? {
            Step::Done => return Ok(()),
            Step::Wait => wait(settings.pause, stop)?,
            Step::Send(bytes) => {
                let answer = link.say(&bytes, stop, log)?;
                match party.answer(&answer) {
                    Err(AllianceError::Wire(error)) => {
                        log(&format!("an answer that is no message, asking again: {error}"));
                        party.lost();
                    }
                    other => other?,
                }
            }
        }
        while round < party.round() {
            round += 1;
            after_round(party)?;
        }
        if stop() {
            return Err(TransportError::Interrupted);
        }
    }
}
