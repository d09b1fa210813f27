//! A proxy that counts what passes, and lets happen on the way what happens on real ways.
//!
//! It speaks HTTP/1.1 and keeps no connection open between two requests, so that a server which goes away is found gone
//! at the next request, as it would be without a proxy.

mod gate;
mod ledger;
mod message;
mod route;

use std::io::{self, BufReader, Cursor, Read as _, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub use gate::{Fault, Hold, Point};
pub use ledger::Exchange;
pub use route::Route;

use gate::{Gate, Rule};
use ledger::{Ledger, Way};
use message::{Framing, Head};

/// A proxy before a server. It takes connections until the tests end.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<SocketAddr>,
    ledger: Arc<Ledger>,
    rules: Mutex<Vec<Arc<Rule>>>,
    buffers: AtomicBool,
}

impl Proxy {
    /// Puts a proxy before the server at that URL.
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            server: Mutex::new(address(server)),
            ledger: Arc::default(),
            rules: Mutex::default(),
            buffers: AtomicBool::new(false),
        });
        let proxy = Self { address: listener.local_addr().unwrap(), shared: shared.clone() };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || shared.serve(&client));
            }
        });
        proxy
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts it before another server, for the requests to come.
    pub fn turn_to(&self, server: &str) {
        *self.shared.server.lock().unwrap() = address(server);
    }

    /// Lets something happen to requests of a kind, so many times.
    pub fn when(&self, route: Route, point: Point, fault: Fault, n_times: u32) {
        self.shared.rules.lock().unwrap().push(Rule::new(route, point, fault, n_times).into());
    }

    /// Lets the next request of a kind stand still at that point.
    pub fn hold(&self, route: Route, point: Point) -> Arc<Hold> {
        let hold = Arc::<Hold>::default();
        self.when(route, point, Fault::Hold(hold.clone()), 1);
        hold
    }

    /// Forgets what was to happen.
    pub fn be_plain(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// Takes requests whole before it passes them on.
    pub fn buffer(&self) {
        self.shared.buffers.store(true, Ordering::SeqCst);
    }

    /// Returns every exchange so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.ledger.exchanges()
    }

    /// Returns how many bytes of the files themselves went up so far, in whatever form.
    pub fn sent(&self) -> u64 {
        self.sum(|it| if matches!(it.route, Route::Part | Route::Pack) { it.up } else { 0 })
    }

    /// Returns how many bytes of the files themselves came down so far, in whatever form.
    pub fn received(&self) -> u64 {
        let is_file = |route| matches!(route, Route::Content | Route::Patch | Route::Map);
        self.sum(|it| if is_file(it.route) { it.down } else { 0 })
    }

    fn sum(&self, n_bytes: impl Fn(&Exchange) -> u64) -> u64 {
        self.exchanges().iter().map(n_bytes).sum()
    }

    /// Returns the parts that were sent although the server had acknowledged them before.
    pub fn sent_twice(&self) -> Vec<String> {
        ledger::sent_twice(&self.exchanges())
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

impl Shared {
    /// Passes one exchange. A connection that breaks is what the tests are about, and no failure of the proxy's.
    fn serve(&self, client: &TcpStream) {
        let _ = self.exchange(client);
        let _ = client.shutdown(Shutdown::Both);
    }

    fn exchange(&self, client: &TcpStream) -> io::Result<()> {
        let mut from_client = BufReader::new(client);
        let Some(request) = Head::read(&mut from_client)? else { return Ok(()) };
        let mut words = request.first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let route = Route::of(method, target);
        let rule = self.rule(route);
        let number = self.ledger.ask(route, target, &request);
        let gate = |way| Gate::new(&self.ledger, number, way, rule.clone());
        if let Some(status) = refusal(rule.as_deref(), &request) {
            return refuse(client, status);
        }
        let mut body = Vec::new();
        if self.buffers.load(Ordering::SeqCst) {
            message::pass(request.framing_of_request(), &mut from_client, &mut body, &mut gate(Way::Up))?;
        }
        let Ok(server) = TcpStream::connect(*self.server.lock().unwrap()) else {
            return refuse(client, 503);
        };
        request.write_last(&mut &server)?;
        let (mut up, mut down) = (gate(Way::Up), gate(Way::Down));
        thread::scope(|scope| {
            scope.spawn(|| {
                let passed = if self.buffers.load(Ordering::SeqCst) {
                    io::copy(&mut Cursor::new(&body), &mut &server).map(drop)
                } else {
                    message::pass(request.framing_of_request(), &mut from_client, &mut &server, &mut up)
                };
                match passed {
                    Ok(()) => {}
                    // The server may have answered before it has read all; what follows is for nobody.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => drain(client),
                    Err(_) => drop((client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both))),
                }
            });
            let answered = self.answer(route, number, &server, client, &mut down);
            let _ = server.shutdown(Shutdown::Both);
            let how = if answered.is_ok() { Shutdown::Write } else { Shutdown::Both };
            let _ = client.shutdown(how);
        });
        Ok(())
    }

    fn answer(
        &self,
        route: Route,
        number: usize,
        server: &TcpStream,
        client: &TcpStream,
        gate: &mut Gate,
    ) -> io::Result<()> {
        let mut from_server = BufReader::new(server);
        let answer = Head::read(&mut from_server)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let framing = answer.framing_of_answer();
        if !route.is_answered_in_json() {
            gate.answer()?;
            answer.write_last(&mut &*client)?;
            message::pass(framing, &mut from_server, &mut &*client, gate)?;
            self.ledger.answer(number, answer.status(), b"");
            return Ok(());
        }
        let mut body = Vec::new();
        message::pass(framing, &mut from_server, &mut body, gate)?;
        self.ledger.answer(number, answer.status(), &body);
        gate.answer()?;
        answer.write_last(&mut &*client)?;
        (&mut &*client).write_all(&body)
    }

    fn rule(&self, route: Route) -> Option<Arc<Rule>> {
        let rules = self.rules.lock().unwrap();
        rules.iter().find(|rule| rule.route == route && !rule.is_over()).cloned()
    }
}

/// Returns what the proxy answers in the server's place, to a request that is as long as the rule says, or longer.
fn refusal(rule: Option<&Rule>, request: &Head) -> Option<u16> {
    let rule = rule?;
    let (Fault::Refuse(status), Point::Up(at)) = (&rule.fault, rule.point) else { return None };
    let Framing::Length(n_bytes) = request.framing_of_request() else { return None };
    (n_bytes >= at && rule.strikes()).then_some(*status)
}

fn refuse(mut client: &TcpStream, status: u16) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} of the proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    drain(client);
    Ok(())
}

/// Reads what is for nobody: closing before would take the answer from the client, too.
fn drain(mut client: &TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while matches!(client.read(&mut buffer), Ok(1..)) {}
}
