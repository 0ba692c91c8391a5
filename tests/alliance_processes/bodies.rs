//! Bodies that do not end, that come too slowly, or that are too long (A12): they cost a connection, not the server.

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Code, Request, Status};

use crate::site::{Site, Wish};

/// Bytes as they are, framed by the caller.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

const SEND: &str = "/nightloom.alliance.v1.Alliance/Send";
const ASK: &str = "/nightloom.alliance.v1.Alliance/Ask";

async fn channel(site: &Site) -> Channel {
    let read = |name: &str| std::fs::read(site.path(name)).expect("a file");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("certs/authority.pem")))
        .identity(Identity::from_pem(read("certs/north.pem"), read("certs/north.key")));
    let endpoint = Channel::from_shared(site.url()).expect("an address").tls_config(tls).expect("certificates");
    endpoint.connect().await.expect("a connection")
}

/// Sends messages one after another, the next after each pause; the server's answer, and how long it took.
fn send(site: &Site, path: &'static str, message: Bytes, count: usize, pause: Duration) -> (Status, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let start = Instant::now();
    let status = runtime.block_on(async {
        let mut grpc = Grpc::new(channel(site).await);
        grpc.ready().await.expect("a connection");
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for _ in 0..count {
                if sender.send(message.clone()).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        let stream = Stream(receiver);
        let said = grpc.client_streaming(Request::new(stream), PathAndQuery::from_static(path), Raw).await;
        said.expect_err("refused")
    });
    (status, start.elapsed())
}

struct Stream(tokio::sync::mpsc::Receiver<Bytes>);

impl tonic::codegen::tokio_stream::Stream for Stream {
    type Item = Bytes;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Bytes>> {
        self.0.poll_recv(context)
    }
}

/// Bytes of memory that the server has.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

#[test]
fn a12_bodies_that_are_too_long_do_not_end_or_come_slowly_cost_the_server_nothing() {
    let site = Site::new(&Wish::default());
    let server = site.server(&["--request-deadline", "3"]);
    let limit = site.plan.upload_bytes();
    let before = memory(server.id());
    let frame = |len: usize| {
        let mut out = vec![0x0A];
        let mut rest = len;
        while rest >= 128 {
            out.push(rest as u8 | 128);
            rest >>= 7;
        }
        out.push(rest as u8);
        out.resize(out.len() + len, 7);
        Bytes::from(out)
    };
    // A byte too long: refused by its length alone.
    for (path, len) in [(SEND, limit + 8), (ASK, (1 << 16) + 8)] {
        let (status, _) = send(&site, path, frame(len), 1, Duration::ZERO);
        assert_eq!(status.code(), Code::OutOfRange, "{status}");
    }
    // Messages without end, as fast as they go, and slowly: over after the deadline.
    for (count, pause) in [(usize::MAX, Duration::ZERO), (usize::MAX, Duration::from_millis(100))] {
        let (status, took) = send(&site, SEND, frame(limit / 2), count, pause);
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert!(!matches!(status.code(), Code::Ok), "{status}");
    }
    // Another call.
    let (status, _) = send(&site, "/nightloom.alliance.v1.Alliance/Read", frame(3), 1, Duration::ZERO);
    assert_eq!(status.code(), Code::Unimplemented);
    // No frame.
    let (status, _) = send(&site, ASK, Bytes::from_static(b"\x12\x01a"), 1, Duration::ZERO);
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let grown = memory(server.id()) - before;
    assert!(grown < 64 << 20, "the server grew by {grown} bytes");
    let parties = site.all();
    site.finish(server, parties);
}
