//! A headless Chromium, driven through the DevTools protocol over its debugging pipe.
//!
//! The client is our own because the pipe needs no more than JSON between NUL bytes, while the crate `chromiumoxide`
//! compiles for minutes on two cores: it generates the whole protocol.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A browser that ends with this value.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    events: VecDeque<Value>,
    last: u64,
    _profile: tempfile::TempDir,
}

/// An open page, by its session.
#[derive(Debug, Clone)]
pub struct Page(String);

/// The tests' one browser: it starts with the first of them and ends with the last.
pub struct Shared(Arc<Mutex<Browser>>);

static RUNNING: Mutex<Weak<Mutex<Browser>>> = Mutex::new(Weak::new());

impl Shared {
    /// The browser that runs, or a new one.
    pub fn new() -> Self {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(browser) = running.upgrade() {
            return Self(browser);
        }
        let browser = Arc::new(Mutex::new(Browser::start()));
        *running = Arc::downgrade(&browser);
        Self(browser)
    }

    /// The browser, for one test at a time: frames of a page come at their own speed while no other page draws.
    pub fn take(&self) -> MutexGuard<'_, Browser> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find() -> PathBuf {
    if let Some(path) = std::env::var_os("NIGHTLOOM_CHROMIUM") {
        return path.into();
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    ["google-chrome", "chromium", "chromium-browser"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
        .expect(
            "no browser: `tests/run` installs one; or install Chromium (Debian) or Google Chrome (Ubuntu, whose Chromium is \
             a snap), or set NIGHTLOOM_CHROMIUM to its path",
        )
}

impl Browser {
    fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        // The browser talks on descriptors 3 and 4; the shell moves the ordinary pipes there.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#])
            .arg(find())
            .args(["--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars"])
            .args(["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let to = process.stdin.take().expect("its input");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the browser sends JSON");
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        Self { process, to, from, events: VecDeque::new(), last: 0, _profile: profile }
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser listens");
        let deadline = Instant::now() + ANSWER_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.from.recv_timeout(left).unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
            if answer["id"] == json!(self.last) {
                assert!(answer.get("error").is_none(), "{method} failed: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    /// A new empty page of `width` by `height` pixels.
    pub fn page(&mut self, width: u32, height: u32) -> Page {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", &attach);
        let page = Page(session["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&page, &format!("{domain}.enable"), &json!({}));
        }
        // A machine's own voices would speak at their own speed, and aloud.
        self.before(&page, "if (window.speechSynthesis) speechSynthesis.getVoices = () => [];");
        self.resize(&page, width, height);
        self.ask(&page, "Page.bringToFront", &json!({}));
        page
    }

    /// Closes `page`.
    pub fn close(&mut self, page: &Page) {
        self.ask(page, "Page.close", &json!({}));
    }

    /// Runs `script` before every document that `page` opens from now on.
    pub fn before(&mut self, page: &Page, script: &str) {
        self.ask(page, "Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Lets the browser save downloads in `folder`.
    pub fn save_in(&mut self, folder: &std::path::Path) {
        self.call(None, "Browser.setDownloadBehavior", &json!({ "behavior": "allow", "downloadPath": folder }));
    }

    /// Clicks with the mouse in the middle of what `selector` finds.
    pub fn click(&mut self, page: &Page, selector: &str) {
        let middle = format!(
            "(e => (e.scrollIntoView({{ block: 'nearest', behavior: 'instant' }}), e.getBoundingClientRect()))\
             (document.querySelector('{selector}')).toJSON()"
        );
        let place = self.eval(page, &middle);
        let at = |from: &str, size: &str| {
            place[from].as_f64().expect("a place") + place[size].as_f64().expect("a size") / 2.0
        };
        let (x, y) = (at("x", "width"), at("y", "height"));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.ask(page, "Input.dispatchMouseEvent", &event);
        }
    }

    /// Sets the page's size.
    pub fn resize(&mut self, page: &Page, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask(page, "Emulation.setDeviceMetricsOverride", &size);
    }

    /// Calls a method of the protocol on `page`.
    pub fn ask(&mut self, page: &Page, method: &str, params: &Value) -> Value {
        self.call(Some(&page.0), method, params)
    }

    /// Opens `url` and waits until it has loaded.
    pub fn open(&mut self, page: &Page, url: &str) {
        self.events.clear();
        self.ask(page, "Page.navigate", &json!({ "url": url }));
        let deadline = Instant::now() + ANSWER_WITHIN;
        while !self.seen(page, "Page.loadEventFired") {
            assert!(Instant::now() < deadline, "{url} did not load");
            self.wait(Duration::from_millis(20));
        }
    }

    /// Whether an event of that name came since the page was opened.
    pub fn seen(&self, page: &Page, method: &str) -> bool {
        self.events.iter().any(|event| event["method"] == method && event["sessionId"] == page.0)
    }

    /// What the page complained about: console errors, exceptions, violations of its policy.
    pub fn complaints(&self, page: &Page) -> Vec<String> {
        let own = self.events.iter().filter(|event| event["sessionId"] == page.0);
        let bad = own.filter(|event| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            _ => false,
        });
        bad.map(|event| event["params"].to_string()).collect()
    }

    /// Collects events for a while.
    pub fn wait(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            match self.from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => self.events.push_back(event),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the browser has gone"),
            }
        }
    }

    /// The value of a JavaScript expression, as if a user had just clicked; promises are awaited.
    pub fn eval(&mut self, page: &Page, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let answer = self.ask(page, "Runtime.evaluate", &params);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, page: &Page, expression: &str) {
        let deadline = Instant::now() + ANSWER_WITHIN;
        while self.eval(page, expression) != json!(true) {
            assert!(Instant::now() < deadline, "still not: {expression}");
            self.wait(Duration::from_millis(30));
        }
    }

    /// Presses a key with the keyboard.
    pub fn press(&mut self, page: &Page, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.ask(page, "Input.dispatchKeyEvent", &event);
        }
    }

    /// What the page looks like where `selector` is, as a base64 PNG.
    pub fn picture(&mut self, page: &Page, selector: &str) -> String {
        let place = format!(
            "(r => ({{ x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height, scale: 1 }}))\
             (document.querySelector('{selector}').getBoundingClientRect())"
        );
        let clip = self.eval(page, &place);
        let params = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let shot = self.ask(page, "Page.captureScreenshot", &params);
        shot["data"].as_str().expect("a picture").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = b"{\"id\":0,\"method\":\"Browser.close\"}\0";
        if self.to.write_all(close).is_err() || self.process.wait().is_err() {
            self.process.kill().unwrap_or_default();
        }
    }
}
