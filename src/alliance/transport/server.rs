//! The server's process: it listens, makes sure who speaks, and hands bytes to the round machine.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tonic::codegen::http;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server as Listener, ServerTlsConfig};
use tonic::{Request, Response, Status};

use super::answer::Answer;
use super::frame::{FrameCodec, HEAD_BYTES_MAX};
use super::identity::place_of;
use super::{ASK, ASK_BYTES_MAX, Credentials, SEND, TransportError};
use crate::alliance::wire::Message;
use crate::alliance::{AllianceError, Heard, RefusalCode, Server, ServerPhase};

/// Requests of each call that are under way at once; others wait. This and their lengths bound the memory.
const AT_ONCE: usize = 4;
/// How often the server looks at the clock.
const TICK: Duration = Duration::from_millis(50);
/// How long the server stays after the last party is done: for an answer that was lost.
const GRACE: Duration = Duration::from_secs(1);

/// How a server serves.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who the server is.
    pub credentials: Credentials,
    /// How long a request or its answer may take.
    pub deadline: Duration,
    /// How long to stay after the last round, or after the alliance stopped, for parties that have not heard of it.
    pub linger: Duration,
}

/// Serves until all parties are done, the alliance stops, or `stop` says so. `listening` hears the address, `log` what is
/// worth a line.
///
/// # Errors
/// If the alliance stopped, the server cannot listen or go on, or it was interrupted.
pub fn serve(
    server: Server,
    settings: &ServeSettings,
    stop: &dyn Fn() -> bool,
    listening: &dyn Fn(SocketAddr),
    log: &dyn Fn(&str),
) -> Result<(), TransportError> {
    let credentials = &settings.credentials;
    let tls = ServerTlsConfig::new().identity(credentials.identity()?).client_ca_root(credentials.authority()?);
    let listener = Listener::builder()
        .tls_config(tls.timeout(settings.deadline))
        .map_err(|e| network(&e))?
        .max_concurrent_streams(8)
        .http2_max_header_list_size(1 << 14)
        .http2_keepalive_interval(Some(Duration::from_secs(20)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| network(&e))?;
    let state = Arc::new(State::new(server, settings.deadline));
    let service = Alliance(state.clone());
    let ended = runtime.block_on(async {
        let incoming = TcpIncoming::bind(settings.listen).map_err(|e| network(&e))?.with_nodelay(Some(true));
        listening(incoming.local_addr().map_err(|e| network(&e))?);
        let serving = tokio::spawn(async move { listener.serve_with_incoming(service, incoming).await });
        let ended = watch(&state, settings, stop, log).await;
        serving.abort();
        ended
    });
    // Requests that are under way end; whoever still holds a connection is cut off.
    runtime.shutdown_timeout(Duration::from_secs(10));
    ended
}

fn network(error: &dyn std::error::Error) -> TransportError {
    TransportError::Network(causes(error))
}

/// An error and those below it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        text = format!("{text}: {below}");
        cause = below.source();
    }
    text
}

/// Looks at the clock until it is over.
async fn watch(
    state: &State,
    settings: &ServeSettings,
    stop: &dyn Fn() -> bool,
    log: &dyn Fn(&str),
) -> Result<(), TransportError> {
    let mut over: Option<Instant> = None;
    loop {
        tokio::time::sleep(TICK).await;
        let mut machine = state.machine();
        machine.lines.drain(..).for_each(|line| log(&line));
        if machine.failed.is_none() {
            machine.failed = machine.server.tick(now_ms()).err();
        }
        if let Some(error) = machine.failed.take() {
            return Err(error.into());
        }
        if stop() {
            return Err(TransportError::Interrupted);
        }
        let stopped = match machine.server.phase() {
            ServerPhase::Finished => None,
            ServerPhase::Stopped { reason } => Some(reason.clone()),
            ServerPhase::Collecting | ServerPhase::Published => continue,
        };
        let since = over.get_or_insert_with(Instant::now).elapsed();
        let all = machine.last.iter().flatten().count() == machine.last.len();
        let quiet = machine.last.iter().flatten().all(|last| last.elapsed() >= GRACE);
        if since >= settings.linger || (all && quiet) {
            return stopped.map_or(Ok(()), |reason| Err(TransportError::Stopped(reason)));
        }
    }
}

/// Milliseconds since 1970: deadlines go on while the server is away.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// The round machine, and what the transport must remember of it.
struct Machine {
    server: Server,
    failed: Option<AllianceError>,
    /// Lines to be logged.
    lines: Vec<String>,
    /// When each party that knows of the end last spoke.
    last: Vec<Option<Instant>>,
}

struct State {
    machine: Mutex<Machine>,
    asks: Arc<Semaphore>,
    sends: Arc<Semaphore>,
    send_bytes_max: usize,
    answer_bytes_max: usize,
    deadline: Duration,
}

impl State {
    fn new(server: Server, deadline: Duration) -> Self {
        let (send_bytes_max, answer_bytes_max) = (server.plan().upload_bytes(), server.answer_bytes_max());
        let last = vec![None; server.plan().parties()];
        let machine = Machine { server, failed: None, lines: vec![], last };
        let semaphore = || Arc::new(Semaphore::new(AT_ONCE));
        let machine = Mutex::new(machine);
        Self { machine, asks: semaphore(), sends: semaphore(), send_bytes_max, answer_bytes_max, deadline }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of the party whose certificate a request comes with.
    fn place(&self, request: &Request<Bytes>) -> Result<usize, Status> {
        let certificates = request.peer_certs();
        let own = certificates.as_ref().and_then(|chain| chain.first());
        let own = own.ok_or_else(|| Status::unauthenticated("expected a certificate"))?;
        let machine = self.machine();
        place_of(own, |name| machine.server.plan().place(name))
            .ok_or_else(|| Status::permission_denied("the certificate names no party of the plan"))
    }

    fn handle(&self, place: usize, bytes: &[u8]) -> Result<Vec<u8>, Status> {
        let mut machine = self.machine();
        match machine.server.handle(place, bytes, now_ms()) {
            Ok(heard) => {
                machine.note(place, bytes, &heard);
                Ok(heard.answer)
            }
            Err(error) => {
                machine.failed = Some(error);
                Err(Status::unavailable("the server cannot go on"))
            }
        }
    }
}

impl Machine {
    fn note(&mut self, place: usize, bytes: &[u8], heard: &Heard) {
        let (plan, round) = (self.server.plan(), self.server.round());
        let name = plan.raw().parties.get(place).map_or("?", |party| party.name.as_str());
        let refused = heard.refused.as_ref();
        match (refused, heard.message) {
            (Some(refusal), message) => self.lines.push(format!("{name}: {message} refused: {refusal}")),
            (None, message @ ("upload" | "share" | "objection")) => {
                self.lines.push(format!("{name}: {message}, round {round}, {} here", self.server.came()));
            }
            _ => {}
        }
        let last_vote = matches!(Message::decode(bytes), Ok(Message::Applied(applied))
            if refused.is_none() && applied.round + 1 == self.server.plan().raw().rounds);
        let told = refused.is_some_and(|refusal| refusal.code == RefusalCode::Stopped) || heard.message == "objection";
        if let Some(last) = self.last.get_mut(place)
            && (last_vote || told || last.is_some())
        {
            *last = Some(Instant::now());
        }
    }
}

/// The service: two calls.
#[derive(Clone)]
struct Alliance(Arc<State>);

impl Service<http::Request<tonic::body::Body>> for Alliance {
    type Response = http::Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            let deadline = state.deadline;
            let (queue, limit) = match request.uri().path() {
                ASK => (state.asks.clone(), ASK_BYTES_MAX),
                SEND => (state.sends.clone(), state.send_bytes_max),
                _ => return Ok(refused(Status::unimplemented("no such call"), deadline)),
            };
            let Ok(permit) = queue.acquire_owned().await else {
                return Ok(refused(Status::unavailable("the server ends"), deadline));
            };
            let mut grpc = Grpc::new(FrameCodec)
                .max_decoding_message_size(limit + HEAD_BYTES_MAX)
                .max_encoding_message_size(state.answer_bytes_max + HEAD_BYTES_MAX);
            let done = tokio::time::timeout(deadline, grpc.unary(Say(state), request)).await;
            Ok(match done {
                Ok(response) => response.map(|body| Answer::new(body, deadline, Some(permit))),
                Err(_) => refused(Status::deadline_exceeded("the request was not there in time"), deadline),
            })
        })
    }
}

fn refused(status: Status, deadline: Duration) -> http::Response<Answer> {
    status.into_http().map(|body| Answer::new(body, deadline, None))
}

/// One call.
struct Say(Arc<State>);

impl UnaryService<Bytes> for Say {
    type Response = Vec<u8>;
    type Future = BoxFuture<Response<Vec<u8>>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            let place = state.place(&request)?;
            let bytes = request.into_inner();
            let handled = tokio::task::spawn_blocking(move || state.handle(place, &bytes)).await;
            let answer = handled.map_err(|_| Status::internal("the request was not handled"))??;
            Ok(Response::new(answer))
        })
    }
}
