use std::sync::mpsc::{Receiver, Sender, channel};

use super::fake::{Fake, request, subscriber};
use super::*;
use generator::{Completion, Request, Token, Work};

/// An engine whose model takes one step for each message sent through `step`, and the events of its
/// texts.
struct SteppedEngine {
    engine: Arc<Engine>,
    step: Sender<()>,
    sender: Sender<String>,
    events: Receiver<String>,
}

impl SteppedEngine {
    fn new(batch_size: usize) -> Self {
        let ((step, steps), (sender, events)) = (channel(), channel());
        let fake = Fake { batch_size, steps: Some(steps), ..Fake::default() };
        Self { engine: fake.start(), step, sender, events }
    }

    /// Requests one text of `tokens` tokens for each name.
    fn ask(
        &self,
        client: &Client,
        names: &[&'static str],
        tokens: usize,
    ) -> Result<(), SubmitError> {
        let queued = |name: &&'static str| QueuedRequest {
            request: request("p", 0, tokens),
            subscriber: subscriber(name, self.sender.clone()),
        };
        client.submit(names.iter().map(queued).collect())
    }

    /// Lets the model run without waiting for steps.
    fn run_on(&mut self) {
        self.step = channel().0;
    }

    /// Returns the next `count` events, in order.
    fn events(&self, count: usize) -> Vec<String> {
        self.events.iter().take(count).collect()
    }
}

#[test]
fn a_guided_text_counts_as_two() {
    let mut stepped = SteppedEngine::new(8);
    let client = stepped.engine.client();
    let guided = |name: &'static str| {
        let mut request = request("p", 0, 3);
        request.generation.guidance_scale = 2.0;
        QueuedRequest { request, subscriber: subscriber(name, stepped.sender.clone()) }
    };
    client.submit(["a", "b", "c"].map(guided).into()).unwrap();
    // Half of the slots hold two guided texts.
    assert_eq!(stepped.events(2), ["a begun", "b begun"]);
    stepped.step.send(()).unwrap();
    stepped.run_on();
    let rest = stepped.events(4);
    assert!(rest.iter().position(|event| event == "c begun") > Some(0), "{rest:?}");
}

#[test]
fn a_new_client_gets_a_slot_while_others_write() {
    let mut stepped = SteppedEngine::new(6);
    let (greedy, newcomer, third) =
        (stepped.engine.client(), stepped.engine.client(), stepped.engine.client());
    stepped.ask(&greedy, &["a", "b", "c", "d", "e", "f", "g"], 3).unwrap();
    // A single client gets half of the slots.
    assert_eq!(stepped.events(3), ["a begun", "b begun", "c begun"]);
    stepped.ask(&newcomer, &["n", "o", "p"], 3).unwrap();
    stepped.step.send(()).unwrap();
    assert_eq!(stepped.events(2), ["n begun", "o begun"]);
    stepped.ask(&third, &["t"], 3).unwrap();
    stepped.step.send(()).unwrap();
    assert_eq!(stepped.events(1), ["t begun"]);
    // Free slots go round-robin to the clients that use less than their share.
    stepped.step.send(()).unwrap();
    let after: Vec<String> = stepped.events(3);
    assert!(after.iter().all(|event| event.contains("Length: The")), "{after:?}");
    stepped.run_on();
    let mut rest = stepped.events(13);
    rest.retain(|event| event.ends_with("begun"));
    assert_eq!(rest.len(), 5, "all are written eventually: {rest:?}");
}

#[test]
fn clients_take_turns_when_slots_are_few() {
    let mut stepped = SteppedEngine::new(1);
    let (one, two) = (stepped.engine.client(), stepped.engine.client());
    stepped.ask(&one, &["a", "b", "c"], 1).unwrap();
    assert_eq!(stepped.events(1), ["a begun"]);
    stepped.ask(&two, &["x", "y"], 1).unwrap();
    stepped.run_on();
    let begun: Vec<String> =
        stepped.events(9).into_iter().filter(|event| event.ends_with("begun")).collect();
    assert_eq!(begun, ["x begun", "b begun", "y begun", "c begun"]);
}

/// Work that uses a client as the essay writer does.
struct Essays {
    waiting: Vec<Request>,
    tokens: usize,
    done: Vec<(u64, String)>,
    cancels: bool,
}

impl Work for Essays {
    fn next(&mut self) -> Option<Request> {
        self.waiting.pop()
    }

    fn token(&mut self, _id: u64, _token: Token) {
        self.tokens += 1;
    }

    fn text(&mut self, id: u64, _text: &str) -> std::ops::ControlFlow<()> {
        match self.cancels && id == 1 {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        }
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        self.done.push((id, completion.text));
        Ok(())
    }
}

#[test]
fn a_client_writes_the_same_as_an_exclusive_model() {
    let requests = |count: u64| (0..count).map(|id| Request { id, ..request("p", id as u8, 40) });
    let mut own =
        Essays { waiting: requests(9).collect(), tokens: 0, done: vec![], cancels: false };
    Fake::default().run(&mut own).unwrap();
    let mut shared =
        Essays { waiting: requests(9).collect(), tokens: 0, done: vec![], cancels: false };
    Fake::default().start().client().run(&mut shared).unwrap();
    own.done.sort();
    shared.done.sort();
    assert_eq!((&own.done, own.tokens), (&shared.done, shared.tokens));

    let mut cancelled =
        Essays { waiting: requests(3).collect(), tokens: 0, done: vec![], cancels: true };
    // One of the three texts is cancelled when its first piece arrives.
    let (step, steps) = channel();
    let engine = Fake { steps: Some(steps), ..Fake::default() }.start();
    let stepping = std::thread::spawn(move || {
        while step.send(()).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    engine.client().run(&mut cancelled).unwrap();
    drop(engine);
    stepping.join().unwrap();
    let length = |id| cancelled.done.iter().find(|(done, _)| *done == id).unwrap().1.len();
    assert!(length(1) < length(0), "{:?}", cancelled.done);
}
