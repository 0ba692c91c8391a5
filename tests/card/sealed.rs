//! No request leaves a card: a local server listens for any.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::Shared;
use crate::sample::{Folder, raw};

/// A server on this machine that writes down the path of every request.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&log);
                std::thread::spawn(move || answer(stream, &log));
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().expect("a log").clone();
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

fn answer(mut stream: TcpStream, log: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
    let mut head = [0; 4096];
    let read = stream.read(&mut head).unwrap_or(0);
    if read == 0 {
        return;
    }
    let line = String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
    log.lock().expect("a log").push(line.split(' ').nth(1).unwrap_or_default().to_owned());
    // The browser may have gone by now.
    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// Markup that loads something when it is read as markup.
fn markup(server: &str) -> String {
    format!(
        "<img src={server}/img><link rel=stylesheet href={server}/css><script src={server}/js></script>\
         <iframe src={server}/frame></iframe><style>@import '{server}/import';</style>\
         <div style='background:url({server}/back)'>x</div>"
    )
}

/// What a page's own scripts may try.
fn attempts(server: &str) -> String {
    format!(
        "(() => {{ const s = {};
         const put = (tag, set) => document.body.append(Object.assign(document.createElement(tag), set));
         fetch(s + '/fetch', {{ mode: 'no-cors' }}).catch(() => {{}});
         const x = new XMLHttpRequest(); x.open('GET', s + '/xhr'); x.onerror = () => {{}}; x.send();
         navigator.sendBeacon(s + '/beacon', 'x');
         try {{ new EventSource(s + '/events'); }} catch {{}}
         try {{ new WebSocket(s.replace('http', 'ws') + '/socket'); }} catch {{}}
         new Image().src = s + '/image';
         put('script', {{ src: s + '/script' }}); put('iframe', {{ src: s + '/inner' }});
         put('link', {{ rel: 'stylesheet', href: s + '/sheet' }}); put('video', {{ src: s + '/video' }});
         import(s + '/module').catch(() => {{}});
         new FontFace('f', 'url(' + s + '/font)').load().catch(() => {{}}); }})()",
        json!(server)
    )
}

const MARKUP: [&str; 6] = ["/back", "/css", "/frame", "/img", "/import", "/js"];
const SCRIPTED: [&str; 12] = [
    "/beacon", "/events", "/fetch", "/font", "/image", "/inner", "/module", "/script", "/sheet", "/socket", "/video",
    "/xhr",
];

#[test]
fn i9_no_request_leaves_a_card() {
    let (shared, folder, server) = (Shared::new(), Folder::new(), Server::start());
    let browser = &mut shared.take();
    let origin = format!("http://127.0.0.1:{}", server.port);
    let bad = markup(&origin);
    let mut all = raw();
    all.offer.greeting.clone_from(&bad);
    all.offer.questions[0].answer = bad[..300].to_owned();
    all.seller.contact.title = Some(format!("<img src={origin}/img>"));
    all.seller.contact.address = Some(format!("<img src={origin}/img>"));
    let url = folder.card("card.html", &all);
    let page = &browser.page(1280, 900);
    browser.open(page, &url);
    browser.click(page, "#listen");
    browser.click(page, "summary");
    browser.eval(page, &attempts(&origin));
    browser.wait(Duration::from_millis(1500));
    assert_eq!(server.asked(), Vec::<String>::new());
    let shown = browser.eval(page, "document.getElementById('greeting').textContent");
    assert_eq!(shown, json!(bad));
    browser.close(page);

    // The same markup and the same script without a policy do reach it: the server and the attempts are real.
    let control = format!("<!doctype html><meta charset=utf-8><body>{bad}</body>");
    let url = folder.page("control.html", &control);
    let page = &browser.page(1280, 900);
    browser.open(page, &url);
    browser.eval(page, &attempts(&origin));
    let mut expected: Vec<&str> = MARKUP.into_iter().chain(SCRIPTED).collect();
    expected.sort_unstable();
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.asked() != expected && Instant::now() < deadline {
        browser.wait(Duration::from_millis(50));
    }
    assert_eq!(server.asked(), expected);
    browser.close(page);
}
